"""Macrophage axis, T cell fates, exhaustion, neutrophil traps: fixed points, closed forms, rest, and what hangs on them."""

import numpy as np
import pytest
from scipy import stats

from fates import module, run, values
from immune_worlds import cells_of, immune_world, state_of
from mitoferry.core.nodes import NODE_CHECKPOINT, NODE_NEUTROPHIL_TRAPS, NODE_T_CELL_RECEPTOR, NODE_TOLL_LIKE_RECEPTOR
from mitoferry.core.schema import (
    EXHAUSTION,
    RECEPTOR_IL_4,
    RECEPTOR_IL_6,
    RECEPTOR_IL_10,
    RECEPTOR_INTERFERON_GAMMA,
    RECEPTOR_TGF_BETA,
    SUM_ETC,
    TH1,
    TH17,
    TREG,
)

T_CELL = dict(t_helper=1.0, cytotoxic=1.0, macrophage=0.0)
WEEK = 168.0


@pytest.mark.parametrize("name", ["macrophage_polarisation", "t_cell_fate", "neutrophil_traps"])
def test_nothing_moves_at_rest_for_a_week(name):
    """Planted fault: with LPS, or a stimulated receptor, the state differs."""
    world = immune_world(3, trap_former=1.0, t_helper=1.0, cytotoxic=1.0, m2_share=0.85)
    before = state_of(world)
    run(world, name, values(name), WEEK, 1800.0)
    assert state_of(world) == before
    world.groups.nodes[:, NODE_TOLL_LIKE_RECEPTOR] = 100.0
    world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = 1.0
    world.cells.nfkb[:] = 1.0
    before = state_of(world)
    run(world, name, values(name), 6.0, 1800.0)
    assert state_of(world) != before


# receptors of IL-4, IL-10, interferon gamma; LPS; STING; share of respiration -> target of the shift for x0 = 0.4
SHIFTS = {
    "IL-4": ((1.0, 0.0, 0.0), 0.0, 0.0, 0.5, 0.6 * 0.5),
    "IL-4 and IL-10": ((0.5, 0.5, 0.0), 0.0, 0.0, 1.0, 0.6 * 0.75),
    "IL-4 without respiration": ((1.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0),
    "interferon gamma": ((0.0, 0.0, 1.0), 0.0, 0.0, 0.5, -1.4),
    "LPS": ((0.0, 0.0, 0.0), 10.0, 0.0, 0.5, -0.7),
    "STING": ((0.0, 0.0, 0.0), 0.0, 0.5, 0.5, -0.7),
    "both ways": ((1.0, 0.0, 0.5), 0.0, 0.0, 0.5, 0.3 - 0.7),
}


@pytest.mark.parametrize("case", SHIFTS)
def test_macrophages_relax_to_their_target(case):
    """d(t) = f (1 - e^(-t/12 h)), the same in one step and in many. Faults seen to fail it, planted in a copy of the package: target
    without the share of respiration; x0 not counted."""
    (il_4, il_10, gamma), lps, sting, share, target = SHIFTS[case]
    for dt in (300.0, 6 * 3600.0):
        world = immune_world(2, m2_share=0.7)
        world.groups.receptors[:, RECEPTOR_IL_4], world.groups.receptors[:, RECEPTOR_IL_10] = il_4, il_10
        world.groups.receptors[:, RECEPTOR_INTERFERON_GAMMA] = gamma
        world.groups.nodes[:, NODE_TOLL_LIKE_RECEPTOR] = lps
        world.cells.sting[:] = sting
        world.cells.atp_oxphos[:] = 100.0 * share
        run(world, "macrophage_polarisation", values("macrophage_polarisation"), 12.0, dt)
        assert world.cells.polarisation[cells_of(world)] == pytest.approx(np.full(2, target * -np.expm1(-1.0)), rel=1e-4, abs=1e-7)


def test_the_axis_is_bounded():
    for share in (0.0, 0.3, 1.0):
        world = immune_world(1, m2_share=share)
        for receptor in (RECEPTOR_IL_4, RECEPTOR_INTERFERON_GAMMA):
            world.groups.receptors[:] = 0.0
            world.groups.receptors[:, receptor] = 1.0
            world.cells.atp_oxphos[:] = 100.0
            run(world, "macrophage_polarisation", values("macrophage_polarisation"), WEEK, 3600.0)
            x = 2 * share - 1 + float(world.cells.polarisation[cells_of(world)[0]])
            assert x == pytest.approx(1.0 if receptor == RECEPTOR_IL_4 else -1.0, abs=1e-4)


@pytest.mark.parametrize(("shift", "factor"), [(0.0, 1.0), (0.5, 1.25), (-1.0, 0.5)])
def test_phagocytosis_follows_the_shift(shift, factor):
    world = immune_world(1)
    row = cells_of(world)[0]
    p = values("phagocytosis")
    world.cells.polarisation[row] = shift
    assert module("phagocytosis").readiness(row, world.cells, p) == factor
    world.cells.traps[row] = 1
    assert module("phagocytosis").readiness(row, world.cells, p) == 0.0


def fates(oxphos, tgf=0.0, il_6=0.0, gamma=0.0, stimulus=1.0):
    world = immune_world(1, **T_CELL)
    world.cells.atp_oxphos[:] = 100.0 * oxphos
    world.groups.receptors[:, RECEPTOR_TGF_BETA], world.groups.receptors[:, RECEPTOR_IL_6] = tgf, il_6
    world.groups.receptors[:, RECEPTOR_INTERFERON_GAMMA] = gamma
    world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = stimulus
    run(world, "t_cell_fate", values("t_cell_fate"), 24.0, 3600.0)
    return world.cells.t_cell[cells_of(world)[0], :3] / -np.expm1(-1.0)


def test_fates_are_those_of_the_logits():
    """Fault seen to fail it, planted in a copy of the package: sign of the share of respiration in the logit of Th1."""
    for oxphos, tgf, il_6, gamma in ((0.5, 0, 0, 0), (0.9, 0, 0, 0), (0.1, 0, 0, 0), (0.5, 1, 0, 0), (0.5, 1, 1, 0), (0.5, 0, 0, 1)):
        e = np.exp([-1.5 + 3 * (oxphos - 0.5) + 2 * tgf, -3 * (oxphos - 0.5) + 2 * gamma, -1 - 3 * (oxphos - 0.5) + 2 * tgf * il_6])
        assert fates(oxphos, tgf, il_6, gamma) == pytest.approx(e / (1 + e.sum()), rel=1e-4)
    more, less = fates(0.9), fates(0.3)
    assert more[TREG] > less[TREG]
    assert more[TH1] < less[TH1]
    assert more[TH17] < less[TH17]
    assert fates(0.5, stimulus=0.5) == pytest.approx(0.5 * fates(0.5), rel=1e-5)


@pytest.mark.parametrize(("used", "checkpoint"), [(0.9, 1.0), (0.6, 1.0), (0.2, 1.0), (0.6, 0.3)])
def test_exhaustion_goes_with_the_capacity_that_is_not_to_spare(used, checkpoint):
    """Fault seen to fail it, planted in a copy of the package: Hill of the used share."""
    world = immune_world(1, **T_CELL)
    rows = cells_of(world)
    capacity = world.spec.parameters["energetics.respiration_capacity"]
    world.cells.sums[rows, 0, SUM_ETC] = 10 << 20
    world.cells.oxygen_flux_class[rows, 0] = used * 10 * capacity
    world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = 1.0
    world.groups.nodes[:, NODE_CHECKPOINT] = checkpoint
    run(world, "t_cell_fate", values("t_cell_fate"), 48.0, 3600.0)
    spare = 1 - used
    expected = checkpoint * (1 - spare**2 / (spare**2 + 0.4**2)) * -np.expm1(-1.0)
    assert world.cells.t_cell[rows[0], EXHAUSTION] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "activity"), [({}, 0.0), ({"nfkb": 0.3}, 0.3), ({"tlr9": 0.5, "nfkb": 0.5}, 0.75), ({"h2o2": 0.1}, 0.5 - 1 / 401)]
)
@pytest.mark.parametrize("fault", [1.0, 1.3])
def test_traps_are_cast_at_the_hazard(change, activity, fault):
    """Fault seen to fail it, planted in a copy of the package: h dt for the chance."""
    world = immune_world(1000, trap_former=1.0)
    rows = cells_of(world)
    for name, value in change.items():
        getattr(world.cells, name)[rows] = value
    run(world, "neutrophil_traps", values("neutrophil_traps", able=1.0), 4.0, 4 * 3600.0)
    cast = int(world.cells.traps[rows].sum())
    if activity == 0.0:
        assert cast == 0
        return
    activity = (1 + 0.3**4) * activity**4 / (0.3**4 + activity**4)
    chance = -np.expm1(-0.5 * activity * 4.0 * fault)
    assert (stats.binomtest(cast, 1000, chance).pvalue > 1e-3) == (fault == 1.0)


def test_traps_need_pad4_and_are_cast_after_time_zero():
    world = immune_world(50, trap_former=1.0)
    world.cells.nfkb[:] = 1.0
    world.groups.nodes[:, NODE_NEUTROPHIL_TRAPS] = 0.0
    run(world, "neutrophil_traps", values("neutrophil_traps"), 12.0, 1800.0)
    world.groups.nodes[:, NODE_NEUTROPHIL_TRAPS] = 1.0
    run(world, "neutrophil_traps", values("neutrophil_traps"), 12.0, 1800.0, start=-24)
    assert world.cells.traps.sum() == 0


@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_dna_of_traps_comes_into_the_pool_of_its_well(fault):
    """Fault seen to fail it, planted in a copy of the package: the DNA of all traps in the first well."""
    world = immune_world(100, trap_former=1.0, wells=2)
    rows = cells_of(world)
    world.cells.nfkb[rows] = np.where(world.cells.well[rows] == 0, 0.3, 1.0)
    run(world, "neutrophil_traps", values("neutrophil_traps"), 2.0, 600.0)
    cast = np.bincount(world.cells.well[rows], weights=world.cells.traps[rows], minlength=2)
    assert 0 < cast[0] < cast[1]
    assert (world.wells.mtdna == pytest.approx(fault * 1000.0 * cast)) == (fault == 1.0)


@pytest.mark.parametrize("fault", [1.0, 1.8])
def test_a_neutrophil_that_has_cast_its_trap_ends_by_lysis(fault):
    """Fault seen to fail it, planted in a copy of the package: every cell ends so."""
    world = immune_world(600, trap_former=1.0)
    rows = cells_of(world)
    world.cells.psi[rows] = 156.0
    world.cells.traps[rows[:300]] = 1
    p = values("death", base_hazard=0.0, potential_hazard=0.0, necrosis_hazard=0.0, damage_hazard=0.0, h2o2_hazard=0.0)
    run(world, "death", p, 2.0, 600.0)
    burst = world.cells.death_time[rows] >= 0.0
    assert not burst[300:].any()
    assert (stats.binomtest(int(burst[:300].sum()), 300, -np.expm1(-0.5 * 2.0 * fault)).pvalue > 1e-4) == (fault == 1.0)


@pytest.mark.parametrize(("share", "right"), [(0.5, True), (1.0, False)])
def test_only_the_share_that_is_able_casts_traps_however_strong_the_stimulus(share, right):
    """After half a day at the full hazard all who can have cast theirs (e^-6 of them have not); binomial. Fault seen to fail it, planted in
    a copy of the package: drawn anew in every step."""
    world = immune_world(400, trap_former=1.0)
    world.cells.nfkb[:] = 1.0
    p = values("neutrophil_traps")
    run(world, "neutrophil_traps", p, 24.0, 1800.0)
    expected = p.able / 0.5 * share * -np.expm1(-p.rate * 24.0)
    assert (stats.binomtest(int(world.cells.traps.sum()), 400, min(expected, 1.0)).pvalue > 1e-5) == right


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (1.5, False)])
def test_cells_with_a_life_span_of_their_own_die_at_that_hazard_beside_the_others(factor, right):
    """Half of the neutrophils of a culture have begun to die within a day; other types do not know this hazard. Fault seen to fail it,
    planted in a copy of the package: the number of the type not read."""
    world = immune_world(800, spontaneous_death=0.03)
    rows = cells_of(world)
    world.cells.psi[rows] = 156.0
    p = values("death", base_hazard=0.0, potential_hazard=0.0, necrosis_hazard=0.0, damage_hazard=0.0, h2o2_hazard=0.0, rescue_rate=0.0)
    run(world, "death", p, 20.0, 600.0)
    begun = int((world.cells.momp_time[rows] >= 0.0).sum())
    assert (stats.binomtest(begun, 800, -np.expm1(-0.03 * factor * 20.0)).pvalue > 1e-5) == right
