"""The toy mistakes, on whole plates; here are those that no other test covers, below where to find the others.

=====  ==================================================  =================================================================
G1     hard-coded outcome                                  here; test_energetics_seahorse, test_fate_arrival
G2     mitochondria copied or lost                         here (books of a plate); test_nanotube_transport
G3     no dye leakage                                      test_fate_dye
G4     drug acts on the read-out                           here (nothing changes before it is given, or without its mechanism);
                                                           test_nanotube_transport
G5     direction by name                                   here (names exchanged); test_nanotube_transport
G6     distance-free contact                               here (insert); test_nanotube_search, test_space_motion
G7     all tubes carry                                     test_nanotube_transport
G8     linear bioenergetics                                test_energetics_seahorse
G10    homoplasmy by fiat                                  test_mtdna_drift
G11    pseudo-replication, no noise                        here; test_contrast_statistics
G12    no controls                                         here (cold, alike arms); test_nanotube_transport
=====  ==================================================  =================================================================

G9 is covered in part: donors lose exactly what they hand over (here).
"""

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import MitoferryWarning
from mitoferry.core.schema import N_POOLS
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from runs import TINY

ARMS = """\
arms:
  coculture: {}
  again: {}
  rho0_donor: {cells: {donor: {rho0: true}}}
  late: {treat: [{drug: nocodazole, from: 1 h}]}
  insert: {well: {insert: {pore: 0.4 um}}}
  alone: {without: [donor]}
  alone_drug_on_donors: {without: [donor], treat: [{drug: nocodazole, on: donor}, {drug: cytochalasin_b, on: donor}]}
measure: []
"""
REPLICATES, HOUR = 6, 3600


def plate(*, seed=7, text=None, arms=ARMS):
    """The tiny plate; its recipients have no mtDNA."""
    text = text or TINY
    head, tail = text.split("arms:")[0], "run:" + text.split("run:")[1]
    head = head.replace("{type: huvec,", "{type: huvec, rho0: true,")
    return resolve(parse_experiment(head + arms + tail, "toy.yaml", name="toy"), replicates=REPLICATES, seed=seed)


def advanced(spec, seconds):
    """The engine after ``seconds``."""
    engine = Engine(spec, Cpu(threads=1))
    engine.burn_in()
    while engine.tick < seconds:
        engine.advance()
    return engine


@pytest.fixture(scope="module")
def spec():
    with pytest.warns(MitoferryWarning):  # the clocks of tubes are faster than those of the library
        return plate()


@pytest.fixture(scope="module")
def at_one(spec):
    return advanced(spec, HOUR)


@pytest.fixture(scope="module")
def at_two(spec):
    return advanced(spec, 2 * HOUR)


def rows(engine, arm, population=None):
    """Rows of the cells of an arm, well by well."""
    world = engine.world
    k = [a.name for a in world.spec.arms].index(arm)
    wells = world.cells.well[: world.n_cells]
    chosen = (wells // REPLICATES == k) & (np.arange(world.n_cells) >= N_POOLS * world.n_wells)
    if population is not None:
        chosen &= world.cells.population[: world.n_cells] == population
    return np.flatnonzero(chosen)


PHYSICS = (
    "x",
    "y",
    "state",
    "atp",
    "psi",
    "nadh",
    "h2o2",
    "env",
    "sums",
    "copies",
    "n_mitochondria",
    "received",
    "donated",
    "tnfaip2",
    "caspase3",
)


def state(engine, arm, population=None):
    """Bytes of the columns that matter of the cells of an arm."""
    chosen = rows(engine, arm, population)
    return {name: np.ascontiguousarray(getattr(engine.world.cells, name)[chosen]).tobytes() for name in PHYSICS}


def total(engine, column, arm, population=None):
    return int(getattr(engine.world.cells, column)[rows(engine, arm, population)].sum())


# ---------------------------------------------------------------------- G1, G9
def test_g1_donors_without_function_are_handed_over_and_rescue_nothing(at_two):
    assert total(at_two, "received", "coculture", 0) > 0
    assert total(at_two, "received", "rho0_donor", 0) > 0
    flux = {arm: at_two.world.cells.atp_oxphos[rows(at_two, arm, 0)] for arm in ("coculture", "rho0_donor", "alone")}
    assert flux["coculture"].max() > 0.0
    assert flux["rho0_donor"].max() <= 0.0
    assert flux["alone"].max() <= 0.0


# ---------------------------------------------------------------------- G2
def test_g2_the_books_of_the_plate_balance_and_a_lost_mitochondrion_is_named(at_two):
    from mitoferry.base.errors import LedgerError

    world = at_two.world
    world.ledger.check(world, "end", at_two.tick)
    assert world.cells.received[: world.n_cells].sum() + world.cells.returned[: world.n_cells].sum() >= at_two.n_handovers > 0
    slot = int(np.flatnonzero(world.mitochondria.flags & 1)[0])
    flags = world.mitochondria.flags[slot]
    world.mitochondria.flags[slot] = 0
    with pytest.raises(LedgerError, match="thief"):
        world.ledger.check(world, "thief", at_two.tick)
    world.mitochondria.flags[slot] = flags


# ---------------------------------------------------------------------- G4, G12: treatments act through their mechanism only
def test_g4_a_treatment_without_its_mechanism_changes_no_byte(at_two):
    assert state(at_two, "alone_drug_on_donors") == state(at_two, "alone")


def test_g4_a_treatment_changes_nothing_before_it_is_given(at_one, at_two):
    assert state(at_one, "late") == state(at_one, "coculture")
    assert state(at_two, "late") != state(at_two, "coculture")


def test_g12_alike_arms_are_alike_to_the_byte(at_two):
    assert state(at_two, "again") == state(at_two, "coculture")


def test_arms_are_paired(spec):
    """Recipients of one replicate start alike in every arm, whatever else is in the well."""
    engine = Engine(spec, Cpu(threads=1))
    for arm in ("alone", "rho0_donor", "insert", "late"):
        for name in ("x", "y", "demand", "target_mitochondria", "n_mitochondria"):
            column = getattr(engine.world.cells, name)
            assert (column[rows(engine, arm, 0)] == column[rows(engine, "coculture", 0)]).all(), (arm, name)


# ---------------------------------------------------------------------- G5
def test_g5_names_of_the_populations_say_nothing():
    """The same cells under other names (roles given) end in the same bytes."""
    named = TINY.replace("recipient:", "alpha:").replace("donor:", "beta:").replace("count: 2,", "count: 2, role: recipient,", 1)
    named = named.replace("count: 2, added", "count: 2, role: donor, added")
    arms = "arms:\n  coculture: {}\nmeasure: []\n"
    with pytest.warns(MitoferryWarning):
        one, other = advanced(plate(arms=arms), HOUR // 2), advanced(plate(text=named, arms=arms), HOUR // 2)
    for name in ("recipient", "donor"):
        assert name not in [p.name for p in other.spec.arms[0].populations]
    assert state(one, "coculture") == state(other, "coculture")


# ---------------------------------------------------------------------- G6
def test_g6_no_nanotube_crosses_an_insert(at_two):
    """Cells on the same side of the membrane may hand over to one another; nothing of the other population arrives."""
    assert total(at_two, "n_foreign", "coculture") > 0
    assert total(at_two, "n_foreign", "insert") == 0


# ---------------------------------------------------------------------- G11
def test_g11_wells_and_seeds_differ(spec, at_one):
    got = at_one.world.cells.n_mitochondria[rows(at_one, "coculture", 1)].reshape(REPLICATES, -1).sum(axis=1)
    assert len(set(got.tolist())) > 1
    with pytest.warns(MitoferryWarning):
        other = Engine(plate(seed=8), Cpu(threads=1))
    assert (other.world.cells.x[rows(other, "alone")] != Engine(spec, Cpu(threads=1)).world.cells.x[rows(other, "alone")]).all()
