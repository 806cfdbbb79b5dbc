"""What is chosen before its turn is what would be chosen in its turn.

Choices that are made anew in every turn give the same bytes, and choices that are always taken as they were made do not: in these cases
some are out of date when their turn comes.
"""

from __future__ import annotations

from importlib import import_module
from unittest.mock import patch

import pytest
from cuda_cases import CASES, run

from mitoferry.backends.reference import Reference
from mitoferry.processes import nanotube_clocks, nanotube_resolve, nanotube_transport
from nanotubes import PLAIN, Stage, rows_of, tie, wells_of

OFTEN = {
    "gap junctions": ("gap_junction", {"gap_junction.internalisation_rate": 3000.0, "gap_junction.plaques_per_length": 20.0}),
    "vesicles": ("vesicle_loading", {"vesicle_release.microvesicle_rate": 600.0, "vesicle_release.mitovesicle_rate": 600.0}),
}


@pytest.mark.parametrize("name", OFTEN)
def test_choices_are_made_anew_where_a_cell_has_changed(name):
    module, parameters = OFTEN[name]
    case = CASES[name]._replace(parameters={**CASES[name].parameters, **parameters}, numbers={"mitochondria": 20.0, "mtdna": 80.0})
    where = import_module(f"mitoferry.processes.{module}")

    def found(holds):
        with patch.object(where, "choice_holds", where.choice_holds if holds is None else lambda *_: holds):
            return {key: value for key, value in run(case, Reference()).items() if key in ("state", "events")}

    assert found(None) == found(False)
    assert found(True) != found(False)


def test_tubes_of_one_cell_do_not_take_the_same_mitochondrion():
    """Three tubes from a cell of few mitochondria, all of which it may lose within a step."""

    def loaded(holds):
        world = wells_of((3, 1), [(100.0, 100.0), (140.0, 100.0), (100.0, 140.0), (70.0, 100.0)], n_wells=6, mitochondria=(0, 4),
                         backend=Reference(), miro1=(0.0, 1.0))  # fmt: skip
        for to in rows_of(world, 0).reshape(6, 3).T:
            tie(world, rows_of(world, 1), to, diameter=1.0)
        lasting = {"thick_lifetime": 1e12, "thin_lifetime": 1e12, "thickening_rate": 0.0}
        stage = Stage(world, (nanotube_clocks, nanotube_transport), nanotube_clocks=lasting, nanotube_transport=PLAIN)
        with patch.object(nanotube_resolve, "choice_holds", nanotube_resolve.choice_holds if holds is None else lambda *_: holds):
            stage.run(600.0, 2)
        return {name: column.tolist() for name, column in stage.loadings().items()}

    found = loaded(None)
    assert len(found["time"]) > 10
    assert len(set(zip(found["well"], found["birth"], found["ordinal"], strict=True))) == len(found["time"])
    assert found == loaded(False)
    with pytest.raises((AssertionError, IndexError)):  # planted: what has gone through one tube goes through another
        assert found == loaded(True)
