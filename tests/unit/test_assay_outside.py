"""Mitochondria outside cells, and exchange between populations, on hand-made worlds."""

import numpy as np
import pytest

from fates import rest, slots_of
from mitoferry.assays.mitochondria_exchange import EXCHANGE
from mitoferry.assays.mitochondria_outside import OUTSIDE
from mitoferry.backends.reference import Reference
from mitoferry.core.handover import load_into_transit
from mitoferry.core.schema import (
    APOPTOTIC_BODY,
    CELL_DEAD_NECROTIC,
    MITOVESICLE,
    OCCUPIED,
    POOL_MEDIUM,
    ROUTE_LYSIS,
    ROUTE_RELEASE,
    ROUTE_SHIFT,
    ROUTE_UPTAKE,
    Step,
)
from vesicles import pack
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)


@pytest.fixture
def world():
    numbers = cell_type(mitochondria=20.0, mtdna=40.0, cell_cv=0.0)
    both = (population("recipient", 0, count=4, numbers=numbers), population("donor", 1, count=5, numbers=numbers))
    made = make_world(both, backend=Reference(), size=500.0)
    rest(made)
    return made


def rows(world, p):
    return np.flatnonzero(world.cells.population[: world.n_cells] == p)


def read(assay, world, of, **options):
    return {r.readout: r.value for r in assay.measure(world, of, options, STEP)}


def set_free(world, row, n, route, working=True):
    """Put mitochondria of a cell into the medium."""
    for slot in slots_of(world, row)[:n]:
        new = load_into_transit(world.mitochondria, world.pages, world.cells, world.events, slot, world.pool(0, POOL_MEDIUM), 0.0, route, 0)
        if not working:
            world.mitochondria.psi_offset[new] = 0


def test_free_and_in_vesicles_by_origin(world):
    """Faults seen to fail it: debris counted as secreted; the population of origin not looked at."""
    r, d = rows(world, 0), rows(world, 1)
    set_free(world, d[0], 3, ROUTE_RELEASE)
    set_free(world, d[1], 2, ROUTE_RELEASE, working=False)
    set_free(world, d[2], 4, ROUTE_LYSIS, working=False)
    set_free(world, r[0], 6, ROUTE_RELEASE)
    pack(world, d[3], [2, 1], radius=400.0, kind=MITOVESICLE)
    pack(world, d[4], [2], radius=900.0, kind=APOPTOTIC_BODY)
    of_donor = read(OUTSIDE, world, 1, error=0.0)
    assert (of_donor["free"], of_donor["in_vesicles"], of_donor["true_outside"]) == (9, 5, 14)
    assert of_donor["secreted_per_cell"] == (3 + 2 + 3) / 5
    assert of_donor["debris"] == 4 + 2
    assert of_donor["functional_fraction"] == (3 + 3 + 2) / 14
    assert of_donor["taken_fraction"] == 0.0
    assert read(OUTSIDE, world, 0, error=0.0)["free"] == 6
    whole = read(OUTSIDE, world, None, error=0.0)
    assert (whole["free"], whole["in_vesicles"]) == (15, 5)


def test_what_was_taken_up_is_counted_inside_living_and_dying_cells_only(world):
    r, d = rows(world, 0), rows(world, 1)
    set_free(world, d[0], 3, ROUTE_RELEASE)
    for row in (r[0], r[1]):
        slot = slots_of(world, row)[0]
        world.mitochondria.birth[slot] = (1 << 24) + 7
        world.mitochondria.flags[slot] = OCCUPIED | (ROUTE_UPTAKE << ROUTE_SHIFT)
    assert read(OUTSIDE, world, 1, error=0.0)["taken_fraction"] == 2 / 5
    assert np.isnan(read(OUTSIDE, world, 0, error=0.0)["taken_fraction"])
    world.cells.state[r[1]] = CELL_DEAD_NECROTIC
    assert read(OUTSIDE, world, 1, error=0.0)["taken_fraction"] == 1 / 4


def test_nothing_outside_is_no_share(world):
    found = read(OUTSIDE, world, 1, error=0.0)
    assert (found["free"], found["secreted_per_cell"]) == (0.0, 0.0)
    assert np.isnan(found["functional_fraction"])


def test_the_error_of_a_count_is_one_factor_per_well(world):
    set_free(world, rows(world, 1)[0], 10, ROUTE_RELEASE)
    exact, seen = read(OUTSIDE, world, 1, error=0.0), read(OUTSIDE, world, 1, error=0.1)
    assert seen["free"] / exact["free"] == pytest.approx(seen["secreted_per_cell"] / exact["secreted_per_cell"])
    assert seen["free"] != exact["free"]
    assert seen["true_outside"] == exact["true_outside"]


def test_exchange_both_ways_needs_both_populations(world):
    """Fault seen to fail it: the smaller share taken over the whole well, where one way looks like both."""
    r, d = rows(world, 0), rows(world, 1)
    for row in r[:2]:
        world.mitochondria.birth[slots_of(world, row)[0]] = (1 << 24) + 1
    one_way = read(EXCHANGE, world, None)
    assert (one_way["holding_fraction"], one_way["smaller_fraction"]) == (2 / 9, 0.0)
    world.mitochondria.birth[slots_of(world, d[0])[:2]] = 1
    both = read(EXCHANGE, world, None)
    assert (both["holding_fraction"], both["smaller_fraction"]) == (3 / 9, 1 / 5)
    assert read(EXCHANGE, world, 0)["holding_fraction"] == 0.5
    assert read(EXCHANGE, world, None, minimum=2.0)["holding_fraction"] == 1 / 9
    dim = read(EXCHANGE, world, None, background=0.5)
    assert dim["holding_fraction"] >= dim["true_holding_fraction"] == 3 / 9
