"""Copy number control and expression: recovery, depletion, thresholds, complementation, cells without mtDNA."""

import numpy as np
import pytest

from mitoferry.core.nodes import NODE
from mitoferry.core.schema import CLASS_SHIFT, COMPLEX_SCALE, DONOR_ENDOSOME, DONOR_FREE, ENDOSOME, OCCUPIED, OWN_ISOLATED, PLACE_SHIFT
from mitoferry.processes import mtdna
from quality_worlds import count_copies, occupied, parameters, rows, run, set_copies, uniform_world

MUTANT = (False, True, False, False)


def complexes(world, slots=None):
    m = world.mitochondria
    slots = occupied(world) if slots is None else slots
    return tuple(float(getattr(m, c)[slots].mean()) * COMPLEX_SCALE for c in ("complex1", "complex34", "complex5"))


def mean_copies(world):
    return world.cells.copies[rows(world)].sum() / rows(world).size


@pytest.mark.parametrize(("factor", "passes"), [(1.0, True), (1.1, False)], ids=["exact", "planted fault"])
def test_ethidium_bromide_dilutes_mtdna_exponentially(factor, passes):
    world = uniform_world(60, mitochondria=40, copies=6, switches={"mitophagy": "off"})
    start = world.ledger.count(world)[0, 2]
    world.groups.nodes[:, NODE["mtdna_replication"]] = 0.0
    p = run(world, ["mtdna"], 48)["mtdna"]
    expected = start * np.exp(-factor * p.turnover_rate * 48)
    assert bool(abs(world.ledger.count(world)[0, 2] - expected) < 4 * np.sqrt(start * 0.2 * 0.8)) is passes


def test_repopulation_is_not_faster_than_the_doubling_time_and_ends_at_the_normal_number():
    world = uniform_world(100, mitochondria=20, copies=5, switches={"mitophagy": "off"})
    set_copies(world, 1)
    eager = {"feedback": 20.0}
    p = run(world, ["mtdna"], 20, mtdna=eager)["mtdna"]
    assert mean_copies(world) == pytest.approx(20 * 2 ** (20 / p.doubling_time), rel=0.03)
    run(world, ["mtdna"], 300, start=72000, check=False, mtdna=eager)
    assert mean_copies(world) == pytest.approx(100, rel=0.03)


def test_wild_type_expression_is_stationary_and_mutants_lose_complex_i_first():
    world = uniform_world(20, mitochondria=20, copies=10, switches={"mitophagy": "off"}, pathogenic=MUTANT)
    set_copies(world, 10)
    run(world, ["mtdna"], 48)
    assert complexes(world) == pytest.approx((1.0, 1.0, 1.0), abs=0.02)
    set_copies(world, 2, 8)
    p = run(world, ["mtdna"], 400, start=172800)["mtdna"]
    h = world.cells.copies[rows(world), 1].sum() / world.cells.copies[rows(world)].sum()
    expected = mtdna.resting_complexes(h, p)
    assert complexes(world) == pytest.approx(expected, abs=0.06)
    assert complexes(world)[0] < complexes(world)[1] < complexes(world)[2]


def test_resting_complexes():
    p = parameters(None, "mtdna", mtdna.Parameters)
    assert mtdna.resting_complexes(0.0, p) == (1.0, 1.0, 1.0)
    assert mtdna.resting_complexes(p.threshold_complex1, p)[0] == pytest.approx(0.5, abs=1e-4)
    assert max(mtdna.resting_complexes(1.0, p)) < 0.2


def test_without_mtdna_complexes_are_lost_with_the_life_of_the_protein():
    world = uniform_world(10, mitochondria=20)
    set_copies(world, 0)
    p = run(world, ["mtdna"], 36)["mtdna"]
    assert complexes(world) == pytest.approx((np.exp(-36 / p.expression_time),) * 3, rel=1e-3)


def test_unfused_arrivals_keep_their_complexes_in_a_cell_without_mtdna():
    """Isolated and unfused mitochondria live by their own copies; the network of the host by those of the cell."""
    world = uniform_world(10, mitochondria=20, copies=5)
    set_copies(world, 0)
    for c in ("complex1", "complex34", "complex5"):
        getattr(world.mitochondria, c)[occupied(world)] = 0
    arrivals = occupied(world)[::20]
    world.mitochondria.copies[arrivals, 0] = 5
    world.mitochondria.complex1[arrivals] = 32768
    world.mitochondria.flags[arrivals] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT)
    count_copies(world)
    world.ledger.open(world)
    run(world, ["mtdna"], 12)
    others = np.setdiff1d(occupied(world), arrivals)
    assert complexes(world, arrivals)[0] > 0.95
    assert complexes(world, others)[0] < 0.25  # 5 of 100 copies: dose 0.24 at most, and only 12 h


def test_a_mitochondrion_in_an_endosome_neither_replicates_nor_expresses():
    world = uniform_world(50, mitochondria=20, copies=2, switches={"mitophagy": "off"})
    set_copies(world, 2)
    world.groups.mtdna[:] = 200.0  # wants five times as many
    world.mitochondria.flags[occupied(world)] = OCCUPIED | (ENDOSOME << PLACE_SHIFT) | (DONOR_ENDOSOME << CLASS_SHIFT)
    world.mitochondria.complex1[occupied(world)] = 1000
    p = run(world, ["mtdna"], 24)["mtdna"]
    assert mean_copies(world) == pytest.approx(40 * np.exp(-p.turnover_rate * 24), rel=0.03)
    assert (world.mitochondria.complex1[occupied(world)] == 1000).all()


def test_an_isolated_mitochondrion_with_mutant_copies_loses_complex_i_in_a_healthy_cell():
    world = uniform_world(20, mitochondria=20, copies=10, pathogenic=MUTANT, switches={"mitophagy": "off"})
    set_copies(world, 10)
    one = occupied(world)[::20]
    world.mitochondria.copies[one] = (0, 10, 0, 0)
    world.mitochondria.flags[one] = OCCUPIED | (OWN_ISOLATED << CLASS_SHIFT)
    count_copies(world)
    world.ledger.open(world)
    run(world, ["mtdna"], 72)
    assert complexes(world, one)[0] < 0.3
    assert complexes(world, np.setdiff1d(occupied(world), one))[0] > 0.97


def test_cells_that_do_not_live_are_left_alone():
    world = uniform_world(4, mitochondria=8)
    world.cells.state[rows(world)] = (10, 3, 6, 9)
    before = world.mitochondria.copies.copy(), world.mitochondria.complex1.copy()
    run(world, ["mtdna"], 24)
    assert (world.mitochondria.copies == before[0]).all()
    assert (world.mitochondria.complex1 == before[1]).all()


@pytest.mark.parametrize("left", [1.0, 0.4, 0.0])
def test_a_block_of_transcription_takes_complexes_with_the_life_of_the_protein_and_no_copies(left):
    """e = left + (1 - left) exp(-t/tau) while all copies are there, and the number of copies is the same to the last one with and without
    the block. Faults seen to fail it, planted in a copy of the package: node not read; node also on the rate of replication."""
    world = uniform_world(10, mitochondria=20, copies=10, switches={"mitophagy": "off"})
    free = uniform_world(10, mitochondria=20, copies=10, switches={"mitophagy": "off"})
    world.groups.nodes[:, NODE["mtdna_transcription"]] = left
    p = run(world, ["mtdna"], 48)["mtdna"]
    run(free, ["mtdna"], 48)
    assert (world.mitochondria.copies[occupied(world)] == free.mitochondria.copies[occupied(free)]).all()
    expected = left + (1.0 - left) * np.exp(-48 / p.expression_time)
    assert complexes(world) == pytest.approx((expected,) * 3, rel=0.03)


def test_ethidium_bromide_acts_on_transcription_and_a_chain_terminator_does_not():
    """By the library. Fault seen to fail it, planted in a copy of the package: ethidium bromide without the effect on transcription."""
    from mitoferry.library.interventions import load_drugs

    drugs = load_drugs()
    nodes = {name: {e.key for e in drugs[name].effects()} for name in ("etbr", "zalcitabine")}
    assert nodes == {"etbr": {"mtdna_replication", "mtdna_transcription"}, "zalcitabine": {"mtdna_replication"}}


@pytest.mark.parametrize("cycle", [0.0, 24.0])
def test_growth_dilutes_complexes_that_are_not_made_anew(cycle):
    """A dividing cell loses them at 1/tau + its growth: here the cell is kept short by half of what its size asks for, so that growth is at
    its most, 2 ln2/T. Fault seen to fail it, planted in a copy of the package: no dilution."""
    world = uniform_world(10, mitochondria=20, copies=5, switches={"mitophagy": "off"})
    world.groups.cycle_time[:] = cycle
    world.groups.nodes[:, NODE["mtdna_transcription"]] = 0.0
    world.cells.target_mitochondria[rows(world)] = 40.0
    p = run(world, ["mtdna"], 24)["mtdna"]
    growth = 2.0 * np.log(2.0) / cycle if cycle else 0.0
    assert complexes(world) == pytest.approx((np.exp(-24 * (1 / p.expression_time + growth)),) * 3, rel=0.01)
