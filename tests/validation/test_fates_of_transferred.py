"""Where the transferred mitochondria of a whole run ended: the report's numbers against the final state, one by one."""

from types import SimpleNamespace

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import MitoferryWarning
from mitoferry.core.schema import (
    CELL_LIVE,
    CELL_MOMP,
    CELL_POOL,
    CYTOSOL,
    FUSED,
    MASS_SCALE,
    OCCUPIED,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_MASK,
    ROUTE_NAMES,
    ROUTE_SHIFT,
)
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.studies import run as runs
from mitoferry.studies.fates import DIED, FATES, FREE, VESICLE
from mitoferry.studies.fates import FUSED as JOINED
from mitoferry.studies.results import Results
from runs import TINY

FILE = (
    TINY.replace("run: {until: 2 h, replicates: 2,", "run: {until: 4 h, replicates: 16,")
    + """\
  death.base_hazard: 0.2
  death.execution_min: 0.2
  death.execution_max: 0.4
  arrival.endosome_lysis: 0.5
  free_mitochondria.clearance: 20000.0
"""
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run in which cells die, and its world at the end."""
    kept = {}
    totals = runs.ledger_totals

    def keep(engine):
        w = engine.world  # its tables are let go before the report is made
        tables = {name: type(table)(*(column.copy() for column in table)) for name, table in (
            ("mitochondria", w.mitochondria), ("pages", w.pages), ("cells", w.cells), ("wells", w.wells))}  # fmt: skip
        kept["world"] = SimpleNamespace(spec=w.spec, n_cells=w.n_cells, n_wells=w.n_wells, ledger=w.ledger, **tables)
        return totals(engine)

    with pytest.warns(MitoferryWarning):  # parameters outside their range
        spec = resolve(parse_experiment(FILE, "fates.yaml", name="fates"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "ledger_totals", keep)
        path = runs.start_run(spec, tmp_path_factory.mktemp("fates") / "run", Cpu(threads=1))
    return Results(path), kept["world"]


def final_state(world):
    """Foreign mitochondria in cells, by arm and route: numbers in the network, free, in vesicles, in dying cells."""
    m, found = world.mitochondria, {}
    for slot in np.flatnonzero(m.flags & OCCUPIED):
        host, flags = int(world.pages.owner[slot // PAGE]), int(m.flags[slot])
        state = int(world.cells.state[host])
        if state == CELL_POOL or int(m.birth[slot]) >> 24 == int(world.cells.population[host]):
            continue
        arm = world.spec.arms[int(world.wells.arm[int(world.cells.well[host])])].name
        route = ROUTE_NAMES[(flags >> ROUTE_SHIFT) & ROUTE_MASK]
        place = (flags >> PLACE_SHIFT) & PLACE_MASK
        fate = VESICLE if place != CYTOSOL else JOINED if flags & FUSED or route == "nanotube_return" else FREE
        fate = fate if state in (CELL_LIVE, CELL_MOMP) else "in a dying cell"
        found[arm, route, fate] = found.get((arm, route, fate), 0) + 1
    return found


def test_numbers_are_those_of_the_final_state(finished):
    results, world = finished
    told = {(a, r, f): n for a, r, f, n in results.fates().itertuples(index=False)}
    held = final_state(world)
    assert sum(held.values()) > 10
    assert {k: n for k, n in told.items() if k[2] in FATES[:4]} == held


def test_every_transferred_mitochondrion_has_one_fate(finished):
    results, _ = finished
    e = results.events()
    e = e[(e["kind"] == "handover") & (e["birth_population"].astype(object) != e["target_population"].astype(object))]
    ever = e.drop_duplicates(["well", "birth_cell", "ordinal"]).groupby("arm", observed=True).size()
    assert results.fates().groupby("arm")["count"].sum().to_dict() == ever[ever > 0].to_dict()


def test_what_is_lost_with_cells_was_in_cells_that_died(finished):
    """The remainder of the books, against the log: the last host of each, or a daughter of it, has died."""
    results, _ = finished
    e = results.events()
    keys = ["well", "birth_cell", "ordinal"]
    mine = e[e["kind"].isin(["handover", "loaded", "arrival_degraded", "fused_degraded"])].drop_duplicates(keys, keep="last")
    mine = mine[(mine["kind"] == "handover") & (mine["birth_population"].astype(object) != mine["target_population"].astype(object))]
    dead = set(e.loc[e["kind"] == "death", ["well", "source"]].itertuples(index=False, name=None))
    in_dead = sum((w, t) in dead for w, t in mine[["well", "target"]].itertuples(index=False, name=None))
    told = results.fates().groupby("fate")["count"].sum()
    assert told.get(DIED, 0) == in_dead > 0


def test_degraded_arrivals_are_those_that_the_cells_counted(finished):
    results, world = finished
    e = results.events()
    assert (e["kind"] == "arrival_degraded").sum() == world.cells.lysed_arrivals[: world.n_cells].sum() > 0


def test_the_ledger_is_in_mass_units(finished):
    results, world = finished
    ledger = results.manifest["ledger"]
    mass = float(world.mitochondria.mass.astype(np.int64).sum()) * MASS_SCALE
    assert ledger["now"]["mass units"] == mass
    assert 0.2 < mass / ledger["now"]["mitochondria"] < 5.0
    assert ledger["at_time_zero"]["mass units"] + ledger["mass_in"] - ledger["mass_out"] == mass


def test_without_the_log_the_books_would_be_wrong(finished):
    """Planted fault: degraded arrivals that nobody logged are taken for lost with dead cells."""
    results, _ = finished
    unlogged = Results(results.path)
    unlogged.__dict__["_events"] = results._events[results._events["kind"] != "arrival_degraded"]
    told, true = (r.fates().groupby("fate")["count"].sum() for r in (unlogged, results))
    assert told[DIED] > true[DIED]
