"""Proteins leave a block of tissue through the walls of its vessels: closed forms in the fields and in what is mixed over a well.

Faults seen to fail it, planted in a copy of the package: all proteins leave with the flow; permeability whatever the flow; a loss in
dishes, behind walls or without blood; cytokines that stay; the factors of stromal cells that stay.
"""

import numpy as np
import pytest

from fates import module, values
from mitoferry.core.schema import CYTOKINES, GLUCOSE, IL_1BETA, OXYGEN, PARACRINE, S100A4_SIGNAL, TNF_ALPHA, Step
from mitoferry.space.field_exchange import permeated
from space_worlds import diffuse, diffusion_parameters, space_world

P = diffusion_parameters()
DECAY = {
    TNF_ALPHA: P.decay_tnf_alpha, IL_1BETA: P.decay_il_1beta, PARACRINE: P.decay_paracrine, S100A4_SIGNAL: P.decay_s100a4_signal,
}  # fmt: skip
HOUR = 3600.0


def block(*, flow=1.0, kind="block", periodic=True, blood=True):
    """A block, or another well, that holds 1 of each protein and of each cytokine; blood brings glucose."""
    height = 0.0 if kind == "block" else 2000.0
    world = space_world([[30.0, 30.0, 5.0]], kind=kind, size=(60.0, 60.0, 60.0), periodic=periodic, height=height)
    world.wells.boundary[:, OXYGEN] = 50.0
    if blood:
        world.wells.boundary[:, GLUCOSE] = 5.0
    world.wells.perfusion[:] = flow
    for s in DECAY:
        world.fields.conc[:, s] = 1.0
        world.wells.bulk[:, s] = 0.0 if kind == "block" else 1.0
        world.fields.lateral[:, s] = 1
    world.wells.cytokines[:] = 1.0
    world.backend.push(world.fields, world.wells)
    return world


def left_in_the_fields(world, seconds):
    diffuse(world, P, steps=round(seconds / 60.0))
    return {s: float(world.fields.conc[0, s, 0, 0, 0]) for s in DECAY}


def left_of_cytokines(world, seconds):
    diffuse(world, P)  # lays out the exchange with blood
    world.groups.trophic_secretion[:] = 0.0
    world.groups.inflammatory_secretion[:] = 0.0
    for k in range(1, round(seconds / 300.0) + 1):
        for name in ("cytokines", "stromal_calming"):
            module(name).advance(world, Step(k, 300 * k, 300.0 * k, 300.0), values(name))
    return world.wells.cytokines[0].astype(float)


@pytest.mark.parametrize("flow", [10.0, 1.0, 0.1, 0.01])
def test_a_protein_leaves_by_renkin_and_crone(flow):
    """At a hundredth of the flow less than half of the permeability is left: blood is full before it has passed."""
    f = flow * P.perfusion
    loss = f * -np.expm1(-P.protein_permeability / f)
    found = left_in_the_fields(block(flow=flow), HOUR)
    for s, decay in DECAY.items():
        assert found[s] == pytest.approx(np.exp(-(decay + loss) * HOUR), rel=2e-3)
    with_the_flow = np.exp(-(P.decay_paracrine + f) * HOUR)
    assert found[PARACRINE] != pytest.approx(with_the_flow, rel=2e-3)


def test_the_limits_of_the_exchange():
    assert permeated(1.0, 1e-6) == pytest.approx(1e-6, rel=1e-5), "what hardly passes: the permeability"
    assert permeated(1e-6, 1.0) == pytest.approx(1e-6, rel=1e-5), "what passes freely: the flow"
    assert permeated(0.0, 1.0) == 0.0


@pytest.mark.parametrize(
    "changes",
    [{"kind": "dish"}, {"blood": False}, {"flow": 0.0}],
    ids=["dish", "no blood", "no flow"],
)
def test_without_blood_they_decay_only(changes):
    found = left_in_the_fields(block(**changes), HOUR)
    for s, decay in DECAY.items():
        assert found[s] == pytest.approx(np.exp(-decay * HOUR), rel=2e-3)
    mixed = left_of_cytokines(block(**changes), 2 * HOUR)
    assert mixed == pytest.approx(expected_cytokines(0.0, 2.0), rel=1e-4)


def test_behind_walls_no_blood_takes_them():
    mixed = left_of_cytokines(block(periodic=False), 2 * HOUR)
    assert mixed == pytest.approx(expected_cytokines(0.0, 2.0), rel=1e-4)


def expected_cytokines(loss, hours):
    """What is left of 1 ng/mL of each; the two factors of stromal cells have decays of their own. ``loss`` in 1/h."""
    calming = values("stromal_calming")
    decay = np.full(len(CYTOKINES), values("cytokines").decay)
    decay[CYTOKINES.index("prostaglandin_e2")] = calming.prostaglandin_decay
    decay[CYTOKINES.index("tsg_6")] = calming.tsg_6_decay
    return np.exp(-(decay + loss) * hours)


@pytest.mark.parametrize("flow", [1.0, 0.01])
def test_cytokines_leave_as_the_proteins_of_the_fields_do(flow):
    f = flow * P.perfusion
    loss = HOUR * f * -np.expm1(-P.protein_permeability / f)
    found = left_of_cytokines(block(flow=flow), 2 * HOUR)
    assert found == pytest.approx(expected_cytokines(loss, 2.0), rel=1e-4)
    assert found.max() < 0.9 * expected_cytokines(0.0, 2.0).max()
