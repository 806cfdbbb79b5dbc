"""Running some of the arms: a well gives the same bytes whether or not other arms run; the choice is kept and told."""

import json

import numpy as np
import pandas as pd
import pytest

import mitoferry as mf
from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError, MitoferryWarning
from mitoferry.studies import run as runs
from mitoferry.studies.results import Results
from mitoferry.studies.rules import NOT_TESTED
from runs import TINY

ARMS = """\
arms:
  recipient_alone: {without: [donor, injury]}
  injured_alone: {without: [donor]}
  coculture: {}
  insert: {well: {insert: {pore: 1 um}}}
  large: {well: {size: 110 um}, treat: [{drug: cytochalasin_b, from: 30 min}]}
measure:
  - {assay: flow_mitochondria, of: [recipient, donor], every: 30 min}
  - {assay: mtdna_qpcr, of: recipient, every: 1 h}
  - {assay: state, of: [recipient, donor], every: 1 h}
expect:
  - {finding: "x#1", observable: positive_fraction, of: recipient, arm: coculture, versus: injured_alone, direction: increase}
  - {finding: "x#2", observable: positive_fraction, of: recipient, arm: coculture, direction: present}
  - {finding: "x#3", observable: positive_fraction, of: recipient, arm: coculture, versus: insert, direction: restore}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    head, tail = TINY.split("arms:")[0], "run:" + TINY.split("run:")[1]
    path = tmp_path_factory.mktemp("file") / "some.yaml"
    path.write_text(
        head.replace("label: {genetic: mito_dsred}", "label: {tracker: mitotracker}, haplotypes: {m.3243A>G: 60 %}") + ARMS + tail
    )
    return path


@pytest.fixture(scope="module")
def made(file, tmp_path_factory):
    """Runs by their arms, and the rows of cells of each at the end."""
    kept = {}

    def make(arms):
        if arms not in kept:
            worlds = {}
            totals = runs.ledger_totals
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(runs, "ledger_totals", lambda engine: worlds.setdefault("world", engine.world) and totals(engine))
                with pytest.warns(MitoferryWarning):
                    spec = mf.load(file).resolve(arms=arms.split(",") if arms else None)
                out = tmp_path_factory.mktemp("arms") / "run"
                path = runs.start_run(spec, out, Cpu(threads=1), experiment=mf.load(file).definition.model_dump(mode="json"))
            kept[arms] = Results(path), worlds["world"]
        return kept[arms]

    return make


def rows_of(table, arm):
    """The rows of an arm, without the number of the well."""
    rows = table[table["arm"] == arm].drop(columns="well")
    return [tuple(map(repr, row)) for row in rows.itertuples(index=False)]


def state_of(world, arm):
    """Bytes of all columns of the cells and of their mitochondria, in order of identity."""
    k = [a.name for a in world.spec.arms].index(arm)
    c, m, n = world.cells, world.mitochondria, world.n_cells
    mine = np.flatnonzero(world.wells.arm[c.well[:n]] == k)
    mine = mine[np.lexsort((c.id[mine], world.wells.replicate[c.well[mine]]))]
    found = {name: getattr(c, name)[mine].tobytes() for name in c._fields if name not in ("well", "group", "first_page", "bin")}
    slots = np.flatnonzero(m.flags & 1)
    owner = world.pages.owner[slots // 32]
    slots, owner = slots[np.isin(owner, mine)], owner[np.isin(owner, mine)]
    order = np.lexsort((m.ordinal[slots], m.birth[slots], world.wells.replicate[c.well[owner]]))
    found |= {f"m_{name}": getattr(m, name)[slots[order]].tobytes() for name in m._fields}
    w = world.wells.arm == k
    return found | {f"w_{name}": getattr(world.wells, name)[w].tobytes() for name in world.wells._fields if name != "arm"}


@pytest.mark.parametrize("arms", ["coculture", "recipient_alone", "large,injured_alone"])
def test_a_well_gives_the_same_bytes_whatever_else_runs(made, arms):
    (whole, all_wells), (some, few_wells) = made(""), made(arms)
    assert some.names.arms == tuple(a for a in whole.names.arms if a in arms.split(","))
    assert (whole.events()["kind"] == "handover").sum() > 0
    for arm in arms.split(","):
        assert len(rows_of(some.table(), arm)) > 10
        assert rows_of(some.table(), arm) == rows_of(whole.table(), arm)
        assert rows_of(some.events(), arm) == rows_of(whole.events(), arm)
        one, other = state_of(few_wells, arm), state_of(all_wells, arm)
        assert [name for name in one if one[name] != other[name]] == []


def test_findings_that_need_an_absent_arm_are_not_tested(made):
    some, _ = made("coculture")
    found = {f.finding: f for f in some.findings()}
    assert {f.verdict for f in found.values()} == {NOT_TESTED}
    assert found["x#1"].reason == "the arm injured_alone was left out of this run"
    assert "without donors" in found["x#2"].reason


def test_the_choice_is_recorded(made):
    some, _ = made("large,injured_alone")
    assert some.manifest["arms"] == ["injured_alone", "large"]
    assert some.manifest["arms_left_out"] == list(some.left_out) == ["recipient_alone", "coculture", "insert"]


def test_resume_keeps_the_choice(file, made, tmp_path):
    with pytest.warns(MitoferryWarning):
        spec = mf.load(file).resolve(arms=["coculture"])

    def stop(progress):
        if progress.tick >= 3600:
            raise KeyboardInterrupt

    with pytest.raises(runs.InterruptedRunError):
        runs.start_run(spec, tmp_path / "run", Cpu(threads=1), report=stop)
    assert runs.spec_of(tmp_path / "run") == spec
    path = runs.resume_run(tmp_path / "run", Cpu(threads=1))
    pd.testing.assert_frame_equal(Results(path).table(), made("coculture")[0].table())
    assert json.loads((path / "manifest.json").read_text())["arms"] == ["coculture"]


@pytest.mark.parametrize(("arms", "said"), [(["cocultur"], "'coculture'"), ([], "at least one arm"), (["coculture", "moon"], "'moon'")])
def test_wrong_arms_are_refused(file, arms, said, tmp_path):
    with pytest.raises(InputError, match=said) as error:
        mf.load(file).run(arms=arms, out=tmp_path / "run")
    assert error.value.problems[0].where == "--arms"
    assert not (tmp_path / "run").exists()


def test_a_population_of_absent_arms_is_not_measured_as_the_whole_well(made):
    """Planted fault: a reading of donors in arms without any, taken of all cells."""
    some, _ = made("recipient_alone")
    assert set(some.table()["of"].astype(str)) == {"recipient"}


def test_bins_of_a_well_do_not_depend_on_cells_of_other_wells():
    """Planted fault: bins as wide as the largest cell of the plate asks for, which change the order in which forces add up."""
    from dataclasses import replace

    from mitoferry.backends.reference import Reference
    from mitoferry.experiment.plate import build_world
    from worlds import cell_type, make_spec, population

    small, large = (population(f"p{r:g}", k, count=3, numbers=cell_type(radius=r, mitochondria=1.0)) for k, r in enumerate((8.0, 20.0)))
    both = make_spec([small, large], arms=2, size=300.0)
    both = replace(both, arms=(replace(both.arms[0], populations=(small,)), both.arms[1]))
    alone = replace(both, arms=both.arms[:1], left_out=both.arms[1:])
    bins = [build_world(spec, Reference()).space.neighbours for spec in (both, alone)]
    assert (bins[0].edge[0] == bins[1].edge[0]).all()
    assert (bins[0].edge[0] != bins[0].edge[1]).any()
