"""A healthy cell with energetics, oxidants and quality control together rests for a week (B11.2: no drift of damage)."""

import numpy as np
import pytest

from mitoferry.processes import (
    biogenesis,
    capacity,
    damage,
    energetics,
    fusion_fission,
    inhibitors,
    mitophagy,
    mtdna,
    pore,
    reactive_oxygen,
)
from quality_worlds import occupied, rows, step_at, uniform_world
from worlds import parameters

MODULES = (capacity, inhibitors, energetics, reactive_oxygen, pore, mtdna, damage, fusion_fission, mitophagy, biogenesis)


def week(world, changes):
    """Runs seven days at 600 s; damage, potential and ATP at the end of each day."""
    p = {m.PROCESS.name: parameters(world, m.PROCESS.name, m.Parameters, **changes.get(m.PROCESS.name, {})) for m in MODULES}
    world.parameters.update(p)
    seen = []
    for tick in range(0, 7 * 86400, 600):
        for m in MODULES:
            m.PROCESS.advance(world, step_at(tick, 600), p[m.PROCESS.name])
        if (tick + 600) % 86400 == 0:
            d = world.mitochondria.damage[occupied(world)].mean() / 65535
            seen.append((d, world.cells.psi[rows(world), 0].mean(), world.cells.atp[rows(world)].mean(), occupied(world).size))
    world.ledger.check(world, "all", 7 * 86400)
    return np.array(seen)


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "stable"), [({}, True), ({"damage": {"oxidant_half": 0.006}}, False)], ids=["library", "planted fault: loop gain above 1"]
)
def test_no_drift_of_damage_in_a_week(changes, stable):
    world = uniform_world(6, mitochondria=400, demand=831.0, glycolysis=249.0)
    seen = week(world, changes)
    at_rest = seen[-1, 0] < 0.02 and abs(seen[-1, 0] / seen[-3, 0] - 1.0) < 0.05
    assert bool(at_rest) is stable
    if stable:
        assert np.ptp(seen[:, 1]) < 2.0  # mV
        assert np.ptp(seen[:, 2]) < 0.05  # mM
        assert seen[:, 3] == pytest.approx(6 * 400, rel=0.05)
