"""Cytokines: closed form of production and decay, receptors, drives and nodes; nothing without a source; order of cells."""

import numpy as np
import pytest

from fates import module, run, values
from immune_worlds import cells_of, immune_world, state_of
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import (
    NODE_CYTOKINE_SECRETION,
    NODE_HMGB1,
    NODE_IL_4_RECEPTOR,
    NODE_IL_10_RECEPTOR,
    NODE_INTERFERON_RECEPTOR,
    NODE_PARACRINE,
    NODE_S100A4,
    NODE_T_CELL_RECEPTOR,
    NODE_TGF_BETA_RECEPTOR,
    NODE_TOLL_LIKE_RECEPTOR,
)
from mitoferry.core.schema import (
    BY_PYROPTOSIS,
    CELL_APOPTOTIC,
    CELL_NECROTIC,
    CYTOKINES,
    EOTAXIN,
    EXTRACELLULAR_HMGB1,
    HGF,
    IL_4,
    IL_5,
    IL_6,
    IL_8,
    IL_10,
    IL_13,
    IL_17,
    IL_33,
    INTERFERON_1,
    INTERFERON_GAMMA,
    MCP_1,
    MCP_3,
    PROSTAGLANDIN_E2,
    RANTES,
    RECEPTOR_HGF,
    RECEPTOR_HMGB1,
    RECEPTOR_IL_4,
    RECEPTOR_IL_10,
    RECEPTOR_INTERFERON_1,
    RECEPTOR_TGF_BETA,
    SDF_1,
    TGF_BETA,
    TH1,
    TH17,
    TREG,
    VEGF,
    Step,
)

VOLUME = 200.0 * 200.0 * 2000.0  # um^3
HEALTH = 1.0 / (1.0 + 0.3**2)  # Hill2 of resting ATP at 0.3 of rest


def settle(world, hours=10.0, start=1, **changes):
    run(world, "cytokines", values("cytokines", **changes), hours, 300.0, start=start)


def concentration(rate, hours, decay=0.05, n=4):
    """c(t) = (n rate/V) (1 - e^-kt)/k of n cells that secrete ``rate`` ag/s, ng/mL."""
    k = decay / 3600.0
    return n * rate * 1000.0 / VOLUME * -np.expm1(-k * 3600.0 * hours) / k


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.1, False)])
def test_production_and_decay_follow_the_closed_form(fault, right):
    """One step of 24 h and 288 of 5 min end alike. Faults seen to fail it, planted in a copy of the package: gain of a whole step
    (no decay inside it); decay per hour taken per second."""
    found = []
    for dt in (300.0, 24 * 3600.0):
        world = immune_world()
        p = values("cytokines")
        for k in range(round(24 * 3600 / dt)):
            module("cytokines").advance(world, Step(k + 1, int((k + 1) * dt), (k + 1) * dt, dt), p)
        found.append(world.wells.cytokines[0, HGF])
    expected = concentration(fault * 0.02 * HEALTH, 24.0)
    assert all((x == pytest.approx(expected, rel=1e-4)) == right for x in found)


def test_decay_alone_is_exponential():
    """The two factors of stromal cells at the end of the list are mixed by ``stromal_calming`` and left alone here."""
    world = immune_world(trophic_secretion=0.0, inflammatory_secretion=0.0, alarmin_secretion=0.0)
    world.wells.cytokines[0] = np.arange(1, len(CYTOKINES) + 1)
    settle(world, 20.0)
    start = np.arange(1, len(CYTOKINES) + 1)
    expected = np.where(start - 1 < PROSTAGLANDIN_E2, start * np.exp(-1.0), start)
    assert world.wells.cytokines[0] == pytest.approx(expected, rel=1e-5)


def test_nothing_comes_from_cells_that_secrete_nothing():
    world = immune_world(inflammatory_secretion=0.0, trophic_secretion=0.0, alarmin_secretion=0.0, lymphokine_secretion=0.0)
    world.cells.nfkb[:] = 1.0
    world.cells.hif[:] = 1.0
    before = state_of(world)
    settle(world)
    assert state_of(world) == before


def test_nothing_is_secreted_before_time_zero():
    world = immune_world()
    world.cells.nfkb[:] = 1.0
    before = state_of(world)
    for k in range(-12, 1):
        module("cytokines").advance(world, Step(k, 300 * k, 300.0 * k, 300.0), values("cytokines"))
    assert state_of(world) == before


# what is set on the cells, and the rate [ag/s] that then holds, by cytokine
DRIVES = {
    "rest": (lambda w: None, {IL_6: 0.05 * 0.5, IL_8: 0.05 * 0.5, MCP_1: 0.05 * 0.3, RANTES: 0, VEGF: 0.05, MCP_3: 0.02, IL_10: 0, TGF_BETA: 0.05, IL_33: 0, EOTAXIN: 0, IL_4: 0, INTERFERON_1: 0, EXTRACELLULAR_HMGB1: 0}),  # noqa: E501
    "NF-kB": (lambda w: w.cells.nfkb.fill(1.0), {IL_6: 0.5, IL_8: 0.5, MCP_1: 0.3, RANTES: 0.3, MCP_3: 0.04, HGF: 0.04, VEGF: 0.1, SDF_1: 0.05, IL_33: 0.1, EXTRACELLULAR_HMGB1: 0.1}),  # noqa: E501
    "NF-kB, HMGB1 off": (lambda w: (w.cells.nfkb.fill(1.0), w.groups.nodes.__setitem__((slice(None), NODE_HMGB1), 0.0)), {EXTRACELLULAR_HMGB1: 0.0}),  # noqa: E501
    "NF-kB of an M2 cell": (lambda w: (w.cells.nfkb.fill(1.0), w.cells.polarisation.fill(0.5)), {IL_6: 0.5 * 0.6, IL_8: 0.5, IL_10: 0.15}),
    "HO-1": (lambda w: w.cells.ho1.fill(1.0 + 9.0 * 0.5), {HGF: 0.03, VEGF: 0.075, SDF_1: 0.075, MCP_3: 0.02, TGF_BETA: 0.05, IL_6: 0.025}),
    "hypoxia": (lambda w: w.cells.hif.fill(1.0), {VEGF: 0.2, SDF_1: 0.2, HGF: 0.02}),
    "STING": (lambda w: w.cells.sting.fill(0.5), {INTERFERON_1: 0.05, RANTES: 0.15}),
    "TLR9 and STING": (lambda w: (w.cells.sting.fill(0.5), w.cells.tlr9.fill(0.5)), {INTERFERON_1: 0.075}),
    "LPS": (lambda w: w.groups.nodes.__setitem__((slice(None), NODE_TOLL_LIKE_RECEPTOR), 10.0), {INTERFERON_1: 0.05}),
    "T cell": (lambda w: w.cells.t_cell.__setitem__((slice(None), slice(0, 3)), [0.3, 0.2, 0.1]), {IL_10: 0.09, INTERFERON_GAMMA: 0.2, IL_17: 0.05, TGF_BETA: 0.05 * 1.3, IL_13: 0}),  # noqa: E501
    "paracrine off": (lambda w: w.groups.nodes.__setitem__((slice(None), NODE_PARACRINE), 0.0), {HGF: 0, VEGF: 0, SDF_1: 0, TGF_BETA: 0, IL_6: 0.025}),  # noqa: E501
    "secretion off": (lambda w: w.groups.nodes.__setitem__((slice(None), NODE_CYTOKINE_SECRETION), 0.0), {HGF: 0, IL_6: 0}),
    "apoptotic": (lambda w: w.cells.state.__setitem__(slice(2, 6), CELL_APOPTOTIC), {HGF: 0, IL_6: 0}),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIVES)
def test_secretion_follows_its_drives(case):
    """Fault seen to fail it, planted in a copy of the package: eotaxin by NF-kB; IL-10 of an M1 shift; HGF without NF-kB; without HO-1."""
    change, expected = DRIVES[case]
    world = immune_world()
    change(world)
    settle(world, 1.0, il_10_half=1e9, tgf_beta_half=1e9)
    for k, rate in expected.items():
        assert world.wells.cytokines[0, k] == pytest.approx(concentration(rate * HEALTH, 1.0), rel=1e-3, abs=1e-12), CYTOKINES[k]


def test_eotaxin_and_type_2_cells_follow_il_4_and_il_13():
    world = immune_world(trophic_secretion=0.0, inflammatory_secretion=0.0)
    world.wells.cytokines[0, IL_13] = 4.0  # as 2 ng/mL of IL-4: half
    settle(world, 1.0, decay=0.0)
    half = concentration(0.5 * 0.2 * HEALTH, 11 / 12, decay=1e-9)  # the receptor is read at the end of the first step
    assert world.wells.cytokines[0, EOTAXIN] == pytest.approx(half, rel=1e-3)
    assert world.wells.cytokines[0, IL_4] == 0.0  # not stimulated
    world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = 1.0
    settle(world, 1 / 12, start=13, decay=0.0)
    assert world.wells.cytokines[0, IL_4] == pytest.approx(concentration(0.5 * 0.3 * HEALTH, 1 / 12, decay=1e-9), rel=1e-2)


def test_a_cell_that_bursts_gives_its_alarmins_once():
    world = immune_world(inflammatory_secretion=0.0, trophic_secretion=0.0, volume=4.0)
    row = cells_of(world)[0]
    world.cells.state[row], world.cells.death_time[row], world.cells.death_cause[row] = CELL_NECROTIC, 700.0, BY_PYROPTOSIS
    settle(world, 1.0, decay=0.0)
    assert world.wells.cytokines[0, EXTRACELLULAR_HMGB1] == pytest.approx(4.0 * 1000.0 * 1000.0 / VOLUME, rel=1e-5)
    assert world.wells.cytokines[0, IL_33] == pytest.approx(4.0 * 50.0 * 1000.0 / VOLUME, rel=1e-5)


def test_half_of_met_is_occupied_at_its_half():
    world = immune_world(trophic_secretion=0.0)
    world.wells.cytokines[0, HGF] = values("cytokines").hgf_half
    settle(world, 1 / 12, decay=0.0)
    assert world.groups.receptors[0, RECEPTOR_HGF] == pytest.approx(0.5, rel=1e-5)


RECEPTORS = {RECEPTOR_IL_4: (IL_4, 2.0, NODE_IL_4_RECEPTOR), RECEPTOR_IL_10: (IL_10, 2.0, NODE_IL_10_RECEPTOR),
             RECEPTOR_INTERFERON_1: (INTERFERON_1, 0.5, NODE_INTERFERON_RECEPTOR), RECEPTOR_TGF_BETA: (TGF_BETA, 1.0, NODE_TGF_BETA_RECEPTOR)}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("receptor", RECEPTORS)
def test_receptors_are_half_at_their_half_and_blocked_by_their_node(receptor):
    cytokine, half, node = RECEPTORS[receptor]
    world = immune_world(trophic_secretion=0.0, inflammatory_secretion=0.0)
    world.wells.cytokines[0, cytokine] = half
    settle(world, 0.25, decay=0.0)
    assert world.groups.receptors[0, receptor] == pytest.approx(0.5, rel=1e-5)
    world.groups.nodes[:, node] = 0.1
    settle(world, 0.25, start=4, decay=0.0)
    assert world.groups.receptors[0, receptor] == pytest.approx(0.05, rel=1e-5)


@pytest.mark.parametrize(("node", "share", "expected"), [(1.0, 0.5, 0.5), (0.0, 0.5, 0.25), (0.0, 1.0, 0.0), (0.0, 0.0, 0.5)])
def test_hmgb1_is_sensed_by_rage_and_tlr4_and_raises_nfkb(node, share, expected):
    """Half occupied at its half; a RAGE blocker takes the share of RAGE. At 0 ng/mL signals keep their bytes.

    Faults seen to fail it, planted in a copy of the package: receptor of HMGB1 not read by signals; node on both shares."""
    world = immune_world(trophic_secretion=0.0, inflammatory_secretion=0.0)
    rows = cells_of(world)
    signals = values("signals")
    run(world, "signals", signals, 6.0, 300.0)
    rest = world.cells.nfkb[rows].copy()
    settle(world, 0.25, decay=0.0)
    assert (world.groups.receptors[:, RECEPTOR_HMGB1] == 0.0).all()
    run(world, "signals", signals, 1.0, 300.0)
    assert world.cells.nfkb[rows] == pytest.approx(rest, abs=1e-6)
    world.wells.cytokines[0, EXTRACELLULAR_HMGB1] = 300.0
    world.groups.nodes[:, NODE_S100A4] = node
    settle(world, 0.25, start=4, decay=0.0, rage_share=share, hmgb1_half=300.0)
    assert world.groups.receptors[0, RECEPTOR_HMGB1] == pytest.approx(expected, abs=1e-6)
    run(world, "signals", signals, 12.0, 300.0)
    assert world.cells.nfkb[rows] == pytest.approx(max(expected, float(rest[0])), abs=1e-4)


def test_the_sum_does_not_depend_on_the_order_of_cells():
    """Fault seen to fail it, planted in a copy of the package: the secretion of a well summed in float32."""
    found = []
    for shuffle in (None, 3):
        world = immune_world(40, backend=Reference(shuffle=shuffle))
        world.cells.nfkb[: world.n_cells] = np.linspace(0.0, 1.0, world.n_cells)
        if shuffle:
            world.cells.nfkb[cells_of(world)] = world.cells.nfkb[cells_of(world)[::-1]]
        settle(world, 2.0)
        found.append(world.wells.cytokines.tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(("tgf", "share", "left"), [(0.0, 0.5, 1.0), (1.0, 0.5, 0.75), (1.0, 1.0, 0.5), (1e6, 0.5, 0.5), (1e6, 1.0, 0.0)])
def test_tgf_beta_holds_type_2_cytokines_down(tgf, share, left):
    """Half of the share at the half of its receptor. Fault seen to fail it, planted in a copy of the package: the receptor is not read."""
    found = []
    for c in (0.0, tgf):
        world = immune_world(trophic_secretion=0.0, inflammatory_secretion=0.0)
        world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = 1.0
        world.wells.cytokines[0, [IL_33, TGF_BETA]] = [1e6, c]  # the cue is whole
        settle(world, 1 / 12, decay=0.0, tgf_beta_half=1.0, tgf_on_th2=share)  # receptors sense
        before = world.wells.cytokines[0].copy()
        settle(world, 1 / 12, start=2, decay=0.0, tgf_beta_half=1.0, tgf_on_th2=share)
        found.append(world.wells.cytokines[0, [IL_4, IL_5, IL_13]] - before[[IL_4, IL_5, IL_13]])
    assert (found[0] > 0.0).all()
    assert found[1] == pytest.approx(left * found[0], rel=1e-3, abs=1e-6 * float(found[0].max()))


@pytest.mark.parametrize(("il_4", "gain", "times"), [(0.0, 1.0, 1.0), (2.0, 1.0, 1.5), (1e6, 1.0, 2.0), (1e6, 3.0, 4.0)])
def test_stromal_cells_make_tgf_beta_by_stat6(il_4, gain, times):
    """Fault seen to fail it, planted in a copy of the package: the gain is left out."""
    world = immune_world(inflammatory_secretion=0.0, lymphokine_secretion=0.0)
    world.wells.cytokines[0, IL_4] = il_4
    settle(world, 1 / 12, decay=0.0, il_4_half=2.0, trophic_stat6=gain)
    before = float(world.wells.cytokines[0, TGF_BETA])
    settle(world, 1 / 12, start=2, decay=0.0, il_4_half=2.0, trophic_stat6=gain)
    one = concentration(0.05 * HEALTH, 1 / 12, decay=1e-9)
    assert float(world.wells.cytokines[0, TGF_BETA]) - before == pytest.approx(times * one, rel=1e-3)


def test_characters_of_t_cells_add_up_in_il_13():
    world = immune_world(trophic_secretion=0.0, inflammatory_secretion=0.0)
    world.cells.t_cell[:, [TREG, TH1, TH17]] = [0.5, 0.3, 0.2]  # no type 2 cell is left
    world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = 1.0
    world.wells.cytokines[0, IL_4] = 50.0
    settle(world, 1.0, decay=0.0)
    assert world.wells.cytokines[0, IL_13] == pytest.approx(0.0, abs=1e-6)
