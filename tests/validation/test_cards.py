"""The experiment files of the published experiments are those of the reviews' cards: arms, findings, sources, nothing tuned.

Each file is held against its card as written, is resolved, and simulated for ten minutes with one well per arm, after which every
assay of the file reads it once. A few of the runs, chosen by a hash of the name, belong to the default suite; the others are long.
"""

import warnings
import zlib
from collections.abc import Iterator
from functools import cache

import pytest
from ruamel.yaml import YAML

from mitoferry.assays import load_assays
from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import Step
from mitoferry.evidence import files
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.observables import OBSERVABLES
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.resolve import resolve

PUBLISHED = {name: path for name, path in shipped().items() if path.parent.name == "published"}
CARDS = files.cards()
TUNING = {"parameters", "overrides", "switches"}
ALLOWED: dict[str, set[str]] = {}  # files that may use one of these keys, with the keys; say in the file's notes why
IN_DEFAULT_SUITE = sorted(PUBLISHED, key=lambda name: zlib.crc32(name.encode()))[:6]
TEN_MINUTES = 600


@cache
def written(name):
    """The file as it is written, without defaults."""
    return YAML(typ="safe").load(PUBLISHED[name].read_text(encoding="utf-8"))


def keys_of(tree) -> Iterator[str]:
    """Every key anywhere in a file."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from keys_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from keys_of(value)


def finding_as_written(x):
    return x["finding"], x.get("observable"), x["arm"], x.get("versus"), x["direction"]


every_file = pytest.mark.parametrize("name", sorted(PUBLISHED))


@every_file
def test_a_file_is_a_card_that_can_be_simulated(name):
    """Fault seen to fail it: a file called msc-huvec-odg; a file for a card that says not_simulable."""
    assert name in CARDS, "name of the file is the key of no card (mitoferry evidence --cards)"
    assert CARDS[name].simulable != "not_simulable", CARDS[name].simulable_note


@every_file
def test_a_file_has_every_arm_of_its_card(name):
    """Fault seen to fail it: ``coculture_annexin_v`` renamed."""
    assert {a.name for a in CARDS[name].arms} - set(written(name)["arms"]) == set()


@every_file
def test_a_file_has_the_findings_of_its_card_in_order(name):
    """Faults seen to fail it: two findings swapped; a direction turned; a ``versus`` left out."""
    wanted = [(f.id, f.observable, f.arm, f.versus, f.direction) for f in CARDS[name].expect]
    assert [finding_as_written(x) for x in written(name)["expect"]] == wanted


@every_file
def test_a_file_names_the_sources_of_its_card(name):
    assert sorted(written(name)["sources"]) == sorted(CARDS[name].sources)


@every_file
def test_a_file_says_in_its_notes_what_is_a_modelling_choice(name):
    assert len(" ".join(written(name).get("notes", "").split())) >= 200
    assert len(written(name)["title"]) > 15
    assert len(written(name).get("question", "")) > 20


@every_file
def test_nothing_is_tuned_in_a_file(name):
    """Fault seen to fail it: ``overrides`` of a cell type, in the base or in an arm."""
    assert TUNING & set(keys_of(written(name))) == ALLOWED.get(name, set())


@every_file
def test_observables_of_a_file_are_known(name):
    assert {x["observable"] for x in written(name)["expect"]} - set(OBSERVABLES) == set()


def test_allowed_exceptions_are_needed():
    """A file that no longer uses such a key leaves the list."""
    for name, keys in ALLOWED.items():
        assert keys <= set(keys_of(written(name)))


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in IN_DEFAULT_SUITE else pytest.mark.long) for n in sorted(PUBLISHED)])
def test_a_file_resolves_and_runs_for_ten_minutes(name):
    """No warning when it is resolved, no error in ten minutes of one well per arm (the ledger is checked), no error in its assays."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = resolve(load_experiment(name), replicates=1)
    engine = Engine(spec, Cpu(threads=1))
    engine.burn_in()
    while engine.tick < TEN_MINUTES:
        engine.advance()
    step = Step(engine.tick // spec.macro_step, engine.tick, float(engine.tick), float(spec.macro_step))
    index = {p.name: p.index for arm in spec.arms for p in arm.populations}
    for m in spec.measurements:
        readings = load_assays()[m.assay].measure(engine.world, index.get(m.of), dict(m.options), step)
        assert all(r.readout for r in readings)
    assert engine.world.n_cells > 0


# ---------------------------------------------------------------------- complete: the last test of this file
def test_every_card_that_can_be_simulated_has_a_file():
    wanted = [key for key, card in CARDS.items() if card.simulable != "not_simulable"]
    missing = [key for key in wanted if key not in PUBLISHED]
    assert not missing, f"{len(missing)} of {len(wanted)} cards have no file in experiments/published: {', '.join(missing)}"
