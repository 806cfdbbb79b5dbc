"""F16 and G3: MitoTracker leaks and stains cells without transfer; the genetic label does not; dye is conserved.

Faults seen to fail it, planted in a copy of the package: uptake of dye 20 % short (F16); a label that leaks like the dye (G3).
"""

import numpy as np
import pytest
from scipy.linalg import expm

from fates import module, rest, rows_of, shared_backend, values
from mitoferry.core.schema import LABEL_SCALE, OCCUPIED, TRACKER, Step
from worlds import cell_type, make_world, population

VOLUME = 2.0e5  # um^3 of stirred medium


def stained_world(donors=12, recipients=12, **changes):
    kind = cell_type(mitochondria=40.0, cell_cv=0.0)
    world = make_world(
        [
            population("recipient", 0, count=recipients, numbers=kind),
            population("donor", 1, count=donors, numbers=kind, tracker=1.0, genetic_label=True),
        ],
        backend=shared_backend(), parameters={"seeding.mass_cv": 0.0, "seeding.well_cv": 0.0}, **changes,
    )  # fmt: skip
    rest(world)
    return world


def content(world, population_index):
    """Dye of a population, in stained mitochondria."""
    owner = np.repeat(world.pages.owner, 32)
    mine = (owner >= 0) & (world.cells.population[np.maximum(owner, 0)] == population_index)
    used = (world.mitochondria.flags & OCCUPIED) != 0
    return float(world.mitochondria.dye[mine & used].sum()) * LABEL_SCALE


def mix(world, hours, p, dt=300.0):
    """Leak and uptake with a stirred medium; returns its content at the end."""
    medium = 0.0
    for k in range(round(hours * 3600 / dt)):
        world.cells.env[:, TRACKER] = medium / VOLUME
        medium += float(module("dye").exchange(world, Step(k, int(k * dt), k * dt, dt), p).sum()) * LABEL_SCALE
    return medium


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (1.1, False)])
def test_f16_three_compartments(factor, right):
    """Donor -> medium -> recipient (and back) follows the matrix exponential of the linear system."""
    world, p, hours = stained_world(), values("dye", leak_rate=0.05, clearance=60.0), 24.0
    rows = rows_of(world)
    n = {k: int(world.cells.n_mitochondria[rows[world.cells.population[rows] == k]].sum()) for k in (0, 1)}
    total = content(world, 1)
    medium = mix(world, hours, p)
    k, up = p.leak_rate * factor, {i: p.clearance * n[i] / VOLUME for i in (0, 1)}
    system = np.array([[-k, up[1], 0.0], [k, -up[0] - up[1], k], [0.0, up[0], -k]])
    expected = expm(system * hours) @ np.array([total, 0.0, 0.0])
    found = np.array([content(world, 1), medium, content(world, 0)])
    assert found.sum() == pytest.approx(total, abs=1e-6)
    assert (np.abs(found / expected - 1).max() < 0.01) == right


def test_g3_dye_gives_false_positives_the_genetic_label_none():
    world = stained_world()
    labels = world.mitochondria.label.copy()
    mix(world, 24.0, values("dye"))
    assert content(world, 0) > 0.5
    assert np.array_equal(labels, world.mitochondria.label)
    assert world.cells.received.sum() == 0


def test_depolarised_recipients_take_up_nothing():
    world = stained_world()
    world.cells.psi[world.cells.population == 0] = 0.0
    mix(world, 12.0, values("dye"))
    assert content(world, 0) == 0.0


def test_dying_donors_leak_faster():
    living, dying = stained_world(), stained_world()
    dying.cells.state[rows_of(dying)] = 3
    p = values("dye", clearance=0.0)
    mix(living, 2.0, p)
    mix(dying, 2.0, p)
    n = content(stained_world(), 1)
    assert content(living, 1) / n == pytest.approx(np.exp(-2.0 * p.leak_rate), rel=2e-3)
    assert content(dying, 1) / n == pytest.approx(np.exp(-2.0 * p.leak_rate * p.dying_factor), rel=2e-3)


def test_field_receives_what_leaks():
    world = stained_world(with_space=True)
    p = values("dye", clearance=0.0)
    before = content(world, 1)
    world.fields.release[:] = 0.0
    module("dye").advance(world, Step(0, 0, 0.0, 300.0), p)
    assert float(world.fields.release[:, TRACKER].sum()) * 60.0 == pytest.approx(before - content(world, 1), rel=1e-5)
