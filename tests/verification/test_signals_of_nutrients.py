"""NADPH oxidase, HMGB1, lactate, glucose, ERK, humanin, AMPK: closed forms, exact rest, nodes on the right place.

Faults seen to fail these tests, planted in a copy of the package: no threshold of HIF; Hill of lactate with slope 2; O-GlcNAc from
the whole glucose; superoxide that counts whole; ERK from all unfused arrivals, working or not; RAC1, TRAK, ERK, CD38 or humanin not
read where they act; Ca2+ of P2Y that arrests. In the test: time constants 1.2 times.
"""

import numpy as np
import pytest

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.nodes import (
    NODE_AMPK,
    NODE_ERK,
    NODE_HMGB1,
    NODE_HUMANIN,
    NODE_MCT1,
    NODE_MITOCHONDRIA_RELEASE,
    NODE_NOX,
    NODE_O_GLCNAC,
    NODE_SIRT1,
    NODE_TOLL_LIKE_RECEPTOR,
)
from mitoferry.core.schema import DONOR_FREE, GLUCOSE, H2O2, LACTATE, SUM_DAMAGE, SUM_MASS, Step


def one(world, name):
    return float(getattr(world.cells, name)[rows_of(world)[0]])


def after(process, hours, what=lambda world: None, dt=300.0, numbers=None, **changes):
    world = cells_world(2, numbers={"hmgb1": 1.0, "mct1": 1.0, "o_glcnac": 1.0} if numbers is None else numbers)
    what(world)
    run(world, process, values(process, **changes), hours, dt)
    return world


def setting(**columns):
    def what(world):
        for name, value in columns.items():
            if name.startswith("node_"):
                world.groups.nodes[:, int(name[5:])] = value
            elif name.startswith("env_"):
                world.cells.env[:, int(name[4:])] = value
            else:
                getattr(world.cells, name)[:] = value

    return what


# ------------------------------------------------------------------ HMGB1
@pytest.mark.parametrize("dt", [300.0, 3600.0])
@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_hmgb1_follows_hif_above_a_half(dt, fault):
    p = values("hypoxia_signalling")
    world = after("hypoxia_signalling", 4.0, setting(hif=0.8), dt)
    expected = (0.8 - p.threshold) / (1 - p.threshold) * (1 - np.exp(-4.0 / (p.time * fault)))
    assert (one(world, "hmgb1") == pytest.approx(expected, abs=1e-5)) == (fault == 1.0)
    assert one(world, "miro1") == pytest.approx(1 + p.miro1_gain * one(world, "hmgb1"), abs=1e-6)
    assert one(world, "rac1") == pytest.approx(1 + p.rac1_gain * one(world, "hmgb1"), abs=1e-6)


@pytest.mark.parametrize("what", [setting(hif=0.5), setting(hif=1.0, **{f"node_{NODE_HMGB1}": 0.0})])
def test_hmgb1_rests_exactly_below_the_threshold_and_without_hmgb1(what):
    world = after("hypoxia_signalling", 48.0, what)
    assert (one(world, "hmgb1"), one(world, "miro1"), one(world, "rac1")) == (0.0, 1.0, 1.0)


def test_types_that_do_not_answer_hypoxia_stay_at_rest():
    assert one(after("hypoxia_signalling", 48.0, setting(hif=1.0), numbers={}), "rac1") == 1.0


def test_miro1_and_rac1_multiply_loading_and_search():
    world = cells_world(2, 20)
    row, p, s = rows_of(world)[0], values("nanotube_transport"), values("nanotube_search")
    loading, rate = module("nanotube_loading").rate_of_loading, module("nanotube_search").attempt_rate
    rest, search = loading(row, world.cells, world.groups, p), rate(row, world.cells, world.groups, s)
    world.cells.miro1[row], world.cells.trak[row], world.cells.rac1[row] = 2.0, 0.5, 1.75
    assert loading(row, world.cells, world.groups, p) == pytest.approx(rest)
    world.cells.trak[row] = 0.25
    assert loading(row, world.cells, world.groups, p) == pytest.approx(0.5 * rest)
    assert rate(row, world.cells, world.groups, s) == pytest.approx(1.75 * search)


# ------------------------------------------------------------------ lactate and glucose
@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_lactate_raises_sirt1_by_a_simple_saturation(fault):
    p = values("nutrient_signalling")
    world = after("nutrient_signalling", 3.0, setting(**{f"env_{LACTATE}": 4.0}))
    target = 1 + p.sirt1_gain * 4.0 / (4.0 + p.lactate_half)
    expected = target + (1 - target) * np.exp(-3.0 / (p.sirt1_time * fault))
    assert (one(world, "sirt1") == pytest.approx(expected, abs=1e-5)) == (fault == 1.0)
    for node, wanted in ((NODE_MCT1, 1.0), (NODE_SIRT1, 0.0)):
        blocked = after("nutrient_signalling", 100.0, setting(**{f"env_{LACTATE}": 4.0, f"node_{node}": 0.0}))
        assert one(blocked, "sirt1") == pytest.approx(wanted, abs=1e-6)


def test_sirt1_and_ampk_raise_pgc1a():
    target, p = module("signals").pgc1a_target, values("signals")
    assert target(0.0, 1.0, 2.88, 1.0, 2.0, p) == pytest.approx(1 + p.pgc1a_sirt1_gain)
    assert target(0.0, 1.0, 2.88, 2.0, 1.0, p) == pytest.approx(1 + p.pgc1a_ampk_gain)
    short = target(0.0, 1.0, 1.0, 1.0, 1.0, p) - 1.0
    assert short > 0.1
    assert target(0.0, 1.0, 1.0, 0.0, 1.0, p) == 1.0  # energy stress acts by AMPK
    world = cells_world(2)
    world.groups.nodes[:, NODE_AMPK] = 2.0
    run(world, "signals", p, 6.0, 300.0)
    assert one(world, "pgc1a") == pytest.approx(1 + p.pgc1a_ampk_gain * (1 - np.exp(-6.0 / p.pgc1a_time)), rel=1e-4)


@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_glucose_above_the_usual_puts_o_glcnac_on_milton(fault):
    p = values("nutrient_signalling")
    world = after("nutrient_signalling", 3.0, setting(**{f"env_{GLUCOSE}": 25.0}))
    excess = 25.0 - p.usual_glucose
    target = 1 + p.o_glcnac_gain * excess / (excess + p.glucose_half)
    expected = target + (1 - target) * np.exp(-3.0 / (p.o_glcnac_time * fault))
    assert (one(world, "o_glcnac") == pytest.approx(expected, abs=1e-5)) == (fault == 1.0)
    assert one(world, "trak") == pytest.approx(1 / (1 + p.trak_arrest * (one(world, "o_glcnac") - 1)), abs=1e-6)
    raised = after("nutrient_signalling", 100.0, setting(**{f"node_{NODE_O_GLCNAC}": 3.0}))
    assert one(raised, "trak") == pytest.approx(1 / (1 + 2 * p.trak_arrest), rel=1e-5)


@pytest.mark.parametrize("glucose", [0.0, 5.5, 10.0])
def test_usual_glucose_and_no_lactate_leave_rest_exactly(glucose):
    world = after("nutrient_signalling", 48.0, setting(**{f"env_{GLUCOSE}": glucose}))
    assert (one(world, "o_glcnac"), one(world, "trak"), one(world, "sirt1")) == (1.0, 1.0, 1.0)
    world = after("nutrient_signalling", 48.0, setting(**{f"env_{GLUCOSE}": 50.0, f"env_{LACTATE}": 20.0}), numbers={})
    assert (one(world, "o_glcnac"), one(world, "trak"), one(world, "sirt1")) == (1.0, 1.0, 1.0)


# ------------------------------------------------------------------ NADPH oxidase
def oxidase(nfkb=0.0, node=1.0, oxygen=190.0, **numbers):
    world = cells_world(2, with_space=True, numbers=numbers)
    world.cells.nfkb[:] = nfkb
    world.cells.env[:, 0] = oxygen
    world.groups.nodes[:, NODE_NOX] = node
    world.fields.release[:] = 0.0
    world.fields.release[rows_of(world)[0], H2O2] = 0.25
    module("nadph_oxidase").advance(world, Step(0, 0, 0.0, 60.0), values("nadph_oxidase"))
    return world.fields.release[rows_of(world)[0], H2O2] - 0.25


def test_nadph_oxidase_releases_what_the_formula_says():
    p = values("nadph_oxidase")
    air = 190.0 / (190.0 + p.oxygen_half)
    assert oxidase(nfkb=1.0) == 0.0
    assert oxidase(phagocyte=1.0) == 0.0  # no burst without a stimulus
    assert oxidase(phagocyte=0.5, nfkb=1.0) == 0.0  # nor in cells that are no professional phagocytes
    assert oxidase(nox2=1.0) == pytest.approx(p.rate * air, rel=1e-4)
    assert oxidase(nox2=1.0, oxygen=p.oxygen_half) == pytest.approx(0.5 * p.rate, rel=1e-4)
    assert oxidase(nox2=1.0, phagocyte=0.75, nfkb=0.4, node=0.3) == pytest.approx(0.3 * p.rate * (1 + 0.2 * p.burst) * air, rel=1e-4)
    superoxide_per_hour = 2.0 * p.rate * 3600.0 * 1e6 * 1e-12  # umol per mL and hour of a million cells: mM
    assert 1.0 <= 1e3 * superoxide_per_hour <= 10.0  # uM


# ------------------------------------------------------------------ ERK
@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_erk_follows_arrivals_that_do_not_work(fault):
    p = values("erk_signalling")

    def dead(world):
        world.cells.sums[:, DONOR_FREE, SUM_MASS] = 3 << 20
        world.cells.psi[:, DONOR_FREE] = 40.0

    world = after("erk_signalling", 2.0, dead)
    target = 1 + p.gain * 3.0 / (3.0 + p.mass_half)
    expected = target + (1 - target) * np.exp(-2.0 / (p.time * fault))
    assert (one(world, "erk") == pytest.approx(expected, abs=1e-5)) == (fault == 1.0)


def test_working_arrivals_leave_erk_alone_and_damage_counts_in_part():
    def working(world):
        world.cells.sums[:, DONOR_FREE, SUM_MASS] = 30 << 20
        world.cells.psi[:, DONOR_FREE] = 150.0

    def worn(world):
        working(world)
        world.cells.sums[:, DONOR_FREE, SUM_DAMAGE] = 2 << 20

    p = values("erk_signalling")
    assert one(after("erk_signalling", 48.0, working), "erk") == 1.0
    assert one(after("erk_signalling", 48.0, worn), "erk") == pytest.approx(1 + p.gain * 2.0 / (2.0 + p.mass_half), rel=1e-5)
    assert one(after("erk_signalling", 48.0, setting(**{f"node_{NODE_ERK}": 0.3})), "erk") == pytest.approx(0.3, rel=1e-5)


def test_erk_multiplies_the_cell_cycle():
    world = cells_world(2, numbers={"cycle_time": 20.0})
    row, p = rows_of(world)[0], values("division")
    world.cells.oxygen_flux_class[row, 0] = 1e4
    rate = module("division").cycle_rate
    rest = rate(row, world.cells, world.groups, p)
    assert rest > 0.0
    world.cells.erk[row] = 1.4
    assert rate(row, world.cells, world.groups, p) == pytest.approx(1.4 * rest)


# ------------------------------------------------------------------ humanin, P2Y and CD38
def test_humanin_halves_nf_kb_and_raises_engulfing_and_survival():
    p = values("signals")
    found = {}
    for dose in (0.0, p.humanin_half):
        world = cells_world(2, numbers={"phagocyte": 1.0})
        world.groups.nodes[:, NODE_TOLL_LIKE_RECEPTOR] = 1e6
        world.groups.nodes[:, NODE_HUMANIN] = dose
        world.cells.atp_flux[:], world.cells.atp_oxphos[:] = 1.0, 0.5
        run(world, "signals", p, 12.0, 300.0)
        run(world, "arrival", values("arrival"), 60.0, 300.0)
        appetite = module("phagocytosis").appetite(rows_of(world)[0], world.cells, world.groups, values("phagocytosis"))
        found[dose] = one(world, "nfkb"), appetite, one(world, "survival")
    rest, more = found[0.0], found[p.humanin_half]
    q, a = values("phagocytosis"), values("arrival")
    assert more[0] == pytest.approx(0.5 * rest[0], rel=1e-4)
    assert more[1] == pytest.approx(rest[1] * (1 + q.humanin_gain * p.humanin_half / (p.humanin_half + q.humanin_half)))
    assert rest[2] == 0.0
    assert more[2] == pytest.approx(a.humanin_gain * p.humanin_half / (p.humanin_half + a.humanin_half), rel=1e-4)


def loading_after(what, **numbers):
    world = cells_world(2, 20, numbers=numbers)
    what(world)
    run(world, "signals", values("signals"), 2.0, 300.0)
    p = values("nanotube_transport")
    return module("nanotube_loading").rate_of_loading(rows_of(world)[0], world.cells, world.groups, p)


def test_pulses_recruit_and_a_lasting_rise_of_calcium_arrests():
    """P2Y at full occupancy dispatches two- to fourfold; a lasting rise of 1 uM by the node ``calcium`` stops most."""
    from mitoferry.core.nodes import NODE_CALCIUM

    rest = loading_after(lambda world: None)
    assert 2.0 <= loading_after(setting(p2y=1.0)) / rest <= 4.0
    assert loading_after(setting(**{f"node_{NODE_CALCIUM}": 1.0})) < 0.2 * rest


@pytest.mark.parametrize(("share", "left"), [(0.0, 1.0), (0.7, 1.0 - 0.7 * 0.8), (1.0, 0.2)])
def test_what_rests_on_cd38_goes_with_it(share, left):
    def search(node):
        world = cells_world(2, numbers={"cd38": share})
        world.groups.nodes[:, NODE_MITOCHONDRIA_RELEASE] = node
        return module("nanotube_search").attempt_rate(rows_of(world)[0], world.cells, world.groups, values("nanotube_search"))

    silenced = setting(**{f"node_{NODE_MITOCHONDRIA_RELEASE}": 0.2})
    assert loading_after(silenced, cd38=share) == pytest.approx(left * loading_after(lambda world: None, cd38=share), rel=1e-5)
    assert search(0.2) == pytest.approx(left * search(1.0), rel=1e-5)
    assert search(1.0) == cells_world(2).groups.filopodia[0]
