"""Where a readout stands in the table of a run: that of its first assay and population unless asked otherwise, arm by arm."""

import fake_run
import numpy as np
import pandas as pd
import pytest

from mitoferry.base.errors import InputError
from mitoferry.studies.results import Results

ARMS = ["injured_alone", "coculture"]


@pytest.fixture(scope="module", params=["categories", "words"])
def results(request, tmp_path_factory):
    """A run whose table has readings of two assays in turns, for populations in turns."""
    spec = fake_run.fake_spec(replicates=2, arms=ARMS)
    found = Results(fake_run.make_run(tmp_path_factory.mktemp("runs") / "out", spec=spec, hours=2))
    rng = np.random.default_rng(5)
    rows = [
        (arm, replicate, tick, assay, readout, of, rng.normal(), unit)
        for tick in (0, 3600, 7200)
        for arm in ARMS[:: -1 if tick else 1]
        for replicate in range(2)
        for assay, readout, of, unit in (
            ("second", "glow", "donor", "1"), ("first", "glow", "recipient", "%"), ("first", "size", "", "um"),
            ("second", "glow", "recipient", "1"), ("third", "size", "donor", "mm"),
        )
        if not (arm == "coculture" and readout == "size")
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["arm", "replicate", "tick", "assay", "readout", "of", "value", "unit"])
    table["hours"] = table["tick"] / 3600.0
    if request.param == "categories":
        for name in ("arm", "assay", "readout", "of", "unit"):
            table[name] = pd.Categorical(table[name], categories=sorted(set(table[name]))[::-1])
    found.__dict__["_table"] = table
    return found


def rows_of(results, **wanted):
    table = results.readings
    return table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]


@pytest.mark.parametrize(
    ("asked", "assay", "of"),
    [
        ({"observable": "glow"}, "second", "recipient"),
        ({"observable": "glow", "of": "donor"}, "second", "donor"),
        ({"observable": "glow", "assay": "first"}, "first", "recipient"),
        ({"observable": "first.glow"}, "first", "recipient"),
        ({"observable": "size"}, "first", ""),
        ({"observable": "size", "assay": "third"}, "third", "donor"),
    ],
)
def test_the_rows_that_are_meant(results, asked, assay, of):
    """Faults seen to fail it, planted in a copy of the package: the last assay for the first, rows of another population."""
    m = results.measured(**asked)
    rows = rows_of(results, readout=m.readout, assay=assay, of=of)
    assert (m.assay, m.of, m.unit) == (assay, of, str(rows["unit"].iloc[0]))
    assert list(m.by_arm) == [arm for arm in ARMS if (rows["arm"] == arm).any()]
    for arm, columns in m.by_arm.items():
        here = rows[rows["arm"] == arm]
        for column, name in zip(columns, ("replicate", "tick", "value"), strict=True):
            assert column.tolist() == here[name].tolist()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"observable": "glwo"}, "glow"),
        ({"observable": "glow", "assay": "thrid"}, "first, second"),
        ({"observable": "size", "of": "donor"}, "well"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(results, asked, words):
    with pytest.raises(InputError, match=words):
        results.measured(**asked)
