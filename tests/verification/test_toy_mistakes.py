"""The toy mistakes, on whole plates; here are those that no other test covers, below where to find the others.

=====  ==================================================  =================================================================
G1     hard-coded outcome                                  here; test_energetics_seahorse, test_fate_arrival
G2     mitochondria copied or lost                         here (books of a plate); test_nanotube_transport
G3     no dye leakage                                      here (insert); test_fate_dye, test_assay_flow
G4     drug acts on the read-out                           here (nothing changes before it is given, or without its mechanism);
                                                           test_nanotube_transport
G5     direction by name                                   here (names exchanged); test_nanotube_transport
G6     distance-free contact                               here (insert); test_nanotube_search, test_space_motion
G7     all tubes carry                                     test_nanotube_transport
G8     linear bioenergetics                                test_energetics_seahorse
G9     no cost to the donor, no harm                       here
G10    homoplasmy by fiat                                  test_mtdna_drift
G11    pseudo-replication, no noise                        here; test_contrast_statistics
G12    no controls                                         here (cold, alike arms); test_nanotube_transport
=====  ==================================================  =================================================================

Faults seen to fail it, planted in a copy of the package: ATP made in whoever has received (G1); no effect of the well (G11).
"""

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import MitoferryWarning
from mitoferry.core.schema import N_POOLS
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from runs import TINY
from worlds import cell_type, make_world, population

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
REPLICATES, HOUR = 12, 3600


def plate(*, seed=7, text=None, arms=ARMS):
    """The tiny plate; its recipients have no mtDNA."""
    text = text or TINY
    head, tail = text.split("arms:")[0], "run:" + text.split("run:")[1]
    head = head.replace("{type: huvec,", "{type: huvec, rho0: true,").replace("mito_dsred}", "mito_dsred, tracker: mitotracker_red}")
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


# ---------------------------------------------------------------------- G1
def test_g1_donors_without_function_are_handed_over_and_rescue_nothing(at_two):
    assert total(at_two, "received", "coculture", 0) > 0
    assert total(at_two, "received", "rho0_donor", 0) > 0
    flux = {arm: at_two.world.cells.atp_oxphos[rows(at_two, arm, 0)] for arm in ("coculture", "rho0_donor", "alone")}
    assert flux["coculture"].max() > 0.0
    assert flux["rho0_donor"].max() <= 0.0
    assert flux["alone"].max() <= 0.0


# ---------------------------------------------------------------------- G9
@pytest.fixture(scope="module")
def giving():
    """Donors with and without anyone to give to, while nothing is made, degraded or shed, after three hours."""
    arms = "arms:\n  coculture: {}\n  donors_only: {without: [recipient]}\nmeasure: []\n"
    off = ("biogenesis", "mitophagy", "arrival", "death", "vesicle_release", "mitochondria_release")
    text = TINY.replace("parameters:", "switches: {" + ", ".join(f"{name}: off" for name in off) + "}\nparameters:")
    with pytest.warns(MitoferryWarning):
        return advanced(plate(text=text.replace("until: 2 h", "until: 3 h"), arms=arms), 3 * HOUR)


def of_donors(engine, arm, values):
    """Sum over the donors of each well of an arm."""
    chosen = rows(engine, arm, 1)
    wells = engine.world.cells.well[chosen] % REPLICATES
    return np.bincount(wells, values[chosen].astype(float), minlength=REPLICATES)


def test_g9_donors_lose_what_they_give_in_number_and_in_respiration(giving):
    """Maximal respiration of the donors falls with what they have given; the planted fault (copied, not moved) is no loss."""
    from mitoferry.assays import load_assays
    from mitoferry.core.schema import Step

    world, c = giving.world, giving.world.cells
    before, after = (of_donors(giving, arm, c.n_mitochondria) for arm in ("donors_only", "coculture"))
    pools = np.arange(N_POOLS * world.n_wells)
    between = np.bincount(c.well[pools], c.n_mitochondria[pools].astype(float))  # inside tubes, vesicles, the medium
    in_transit, in_transit_alone = between[:REPLICATES], between[REPLICATES:]  # coculture is the first arm
    given = of_donors(giving, "coculture", c.donated.astype(int) - c.received)
    assert given.sum() > 10
    assert (before - after >= given - in_transit_alone).all()
    assert (before - after <= given + in_transit).all()
    step = Step(giving.tick // 60, giving.tick, float(giving.tick), 60.0)
    maximal = {r.well: r.value for r in load_assays()["seahorse"].measure(world, 1, {}, step) if r.readout == "maximal"}
    with_any, without = (np.array([maximal[a * REPLICATES + k] for k in range(REPLICATES)]) for a in (0, 1))
    lost = 1.0 - after / before
    most = int(lost.argmax())
    assert lost[most] > 0.1
    assert with_any[most] < without[most] * (1.0 - 0.5 * lost[most])
    assert with_any.mean() < without.mean()


def arrivals_of(share, damage):
    """Cells in which a share of the mitochondria came from elsewhere with that damage (0..1), after two hours."""
    from mitoferry.core.schema import CLASS_SHIFT, CYTOSOL, DAMAGE_SCALE, DONOR_FREE, OCCUPIED, PLACE_SHIFT, Step
    from mitoferry.processes import capacity, energetics, inhibitors, reactive_oxygen
    from worlds import make_world, parameters, population

    world = make_world([population(count=4)], backend=Cpu(threads=1), parameters={"seeding.rest_damage": 0.0})
    m, slots = world.mitochondria, np.flatnonzero(world.mitochondria.flags & OCCUPIED)
    m.damage[:] = 0
    foreign = slots[(m.ordinal[slots] * 7919) % 1000 < 1000 * share]
    m.flags[foreign] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT) | (CYTOSOL << PLACE_SHIFT)
    m.damage[foreign] = round(damage / DAMAGE_SCALE)
    for tick in range(0, 2 * HOUR, 60):
        for process in (capacity, inhibitors, energetics, reactive_oxygen):
            interval = 60 if process.PROCESS.clock == "macro" else 300
            if tick % interval == 0:
                process.advance(
                    world, Step(tick // 60, tick, float(tick), float(interval)), parameters(None, process.PROCESS.name, process.Parameters)
                )
    return world


def test_g9_damaged_arrivals_harm_and_more_of_them_harm_more():
    """Oxidants and the hazard of death rise with the dose of damaged mitochondria; as many healthy ones do no harm."""
    from mitoferry.core.schema import CELL_LIVE
    from mitoferry.processes import death
    from worlds import parameters

    p = parameters(None, "death", death.Parameters)

    def harm(world):
        alive = np.flatnonzero(world.cells.state[: world.n_cells] == CELL_LIVE)
        hazard = [death.chance_rate(int(i), CELL_LIVE, world.cells, world.groups, p, 1.0) for i in alive]
        return float(world.cells.h2o2[alive].mean()), float(np.mean(hazard))

    none, healthy = harm(arrivals_of(0.0, 0.0)), harm(arrivals_of(0.4, 0.0))
    some, many = harm(arrivals_of(0.1, 0.9)), harm(arrivals_of(0.4, 0.9))
    for k in range(2):
        assert many[k] > some[k] > none[k]
        assert healthy[k] < none[k] + 0.25 * (some[k] - none[k])


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


# ---------------------------------------------------------------------- G3
def test_g3_dye_crosses_an_insert_and_a_genetic_label_does_not(at_two):
    """Recipients below an insert receive nothing and carry dye all the same; their genetic label stays none."""
    world, r = at_two.world, rows(at_two, "insert", 0)
    owner = np.repeat(world.pages.owner, 32)
    mine = np.isin(owner, r) & (world.mitochondria.flags & 1 != 0)
    assert total(at_two, "n_foreign", "insert", 0) == 0
    assert world.mitochondria.dye[mine].astype(int).sum() > 0
    assert world.mitochondria.label[mine].astype(int).sum() == 0
    alone = np.isin(owner, rows(at_two, "alone", 0)) & (world.mitochondria.flags & 1 != 0)
    assert world.mitochondria.dye[alone].astype(int).sum() == 0


# ---------------------------------------------------------------------- G11
@pytest.mark.parametrize("cv", [0.0, 0.15])
def test_g11_wells_scatter_by_their_own_effect_and_by_sampling(cv):
    """Mean number of mitochondria per cell of a well: variance (1 + cv^2)(1 + cell_cv^2/n) - 1, and never less than sampling."""
    wells, cells, cell_cv = 400, 6, 0.3
    numbers = cell_type(mitochondria=100.0, mtdna=200.0, cell_cv=cell_cv)
    world = make_world([population(count=cells, numbers=numbers)], replicates=wells, parameters={"seeding.well_cv": cv})
    means = world.cells.target_mitochondria[N_POOLS * wells : world.n_cells].reshape(wells, cells).mean(axis=1) / 100.0
    between, sampling = (1 + cv**2) * (1 + cell_cv**2 / cells) - 1, cell_cv**2 / cells

    def agrees(variance):
        low, high = (x / (wells - 1) for x in stats.chi2(wells - 1).interval(1 - 1e-4))
        return bool(0.93 * low < means.var(ddof=1) / variance < 1.07 * high)  # lognormal tails; sizes are cut at 0.3 and 3

    assert agrees(between)
    assert agrees(sampling) == (cv == 0.0)  # planted fault: wells alike


def test_g11_wells_and_seeds_differ(spec, at_one):
    got = of_donors(at_one, "coculture", at_one.world.cells.n_mitochondria)
    assert len(set(got.tolist())) > 1
    with pytest.warns(MitoferryWarning):
        other = Engine(plate(seed=8), Cpu(threads=1))
    assert (other.world.cells.x[rows(other, "alone")] != Engine(spec, Cpu(threads=1)).world.cells.x[rows(other, "alone")]).all()
