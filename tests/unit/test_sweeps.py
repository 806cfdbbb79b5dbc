"""The sweeps of a field in a box, against dense linear algebra."""

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.space.implicit_box import ImplicitBox, Medium
from mitoferry.space.sweeps import allocate_box, fill_uptake, padded, prepare_spread, step_box, voxel_of

CPU = Cpu(threads=1)
SHAPE, EDGE = (7, 5, 6), (10.0, 20.0, 15.0)


def inside(box):
    """The field without padding, [z, y, x]; a view."""
    nx, ny, nz, stride = (int(n) for n in box.shape)
    return box.field.reshape(nz, ny, stride)[:, :, :nx]


def second_difference(n, held):
    """Minus the second difference on ``n`` voxels."""
    a = 2.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    a[0, 0] = a[-1, -1] = 3.0 if held else 1.0
    return a


def dense_step(field, diffusion, decay, dt, face, held):
    """The same step by dense solves, along y, x and z."""
    for axis in (1, 2, 0):
        n = field.shape[axis]
        a = diffusion * dt / EDGE[2 - axis] ** 2
        matrix = (1.0 + decay * dt / 3.0) * np.eye(n) + a * second_difference(n, held)
        inflow = np.zeros(n)
        if held:
            inflow[0] = inflow[-1] = 2.0 * a * face
        moved = np.moveaxis(field, axis, -1) + inflow
        field = np.moveaxis(np.linalg.solve(matrix, moved[..., None])[..., 0], -1, axis)
    return field


@pytest.mark.parametrize("held", [True, False])
def test_a_step_is_that_of_dense_algebra(held):
    """Faults seen to fail it, planted in a copy of the package: backward sweep without its coupling; decay whole along each axis."""
    box = allocate_box(SHAPE, EDGE, 0.0)
    start = np.random.default_rng(0).uniform(0, 40, SHAPE[::-1])
    inside(box)[:] = start
    spread = prepare_spread(box, 3000.0, 0.7, 0.05, face=38.0, held=held)
    expected = start
    for _ in range(3):
        step_box(CPU, box, spread)
        expected = dense_step(expected, 3000.0, 0.7, 0.05, 38.0, held)
    assert np.allclose(inside(box), expected, rtol=1e-12, atol=1e-12)
    assert not np.allclose(inside(box), dense_step(start, 3000.0, 0.7, 0.15, 38.0, held), rtol=1e-3)  # the check can tell


def test_closed_faces_lose_nothing_and_held_faces_stay_at_rest():
    closed = allocate_box(SHAPE, EDGE, 0.0)
    inside(closed)[2, 3, 1] = 100.0
    spread = prepare_spread(closed, 3000.0, 0.0, 0.05, face=0.0, held=False)
    for _ in range(50):
        step_box(CPU, closed, spread)
    assert inside(closed).sum() == pytest.approx(100.0, rel=1e-12)
    assert inside(closed).min() > 0.0
    held = allocate_box(SHAPE, EDGE, 38.0)
    spread = prepare_spread(held, 3000.0, 0.0, 0.05, face=38.0)
    for _ in range(50):
        step_box(CPU, held, spread)
    assert np.allclose(inside(held), 38.0, rtol=1e-13)


def test_cells_take_up_and_release_one_after_the_other():
    box = allocate_box(SHAPE, EDGE, 20.0, releases=True)
    place = np.array([[5.0, 10.0, 7.0, 8.0], [6.0, 11.0, 7.0, 8.0], [65.0, 95.0, 80.0, 8.0], [-3.0, 500.0, 7.0, 8.0]])
    uptake, release, dt = np.array([2.0, 3.0, 4.0, 5.0]), np.array([1.0, 0.0, 2.0, 3.0]), 0.1
    CPU.serial(fill_uptake, 4, place, uptake, release, box, dt)
    spread = prepare_spread(box, 0.0, 0.0, dt, face=0.0)
    step_box(CPU, box, spread)
    expected = np.full(SHAPE[::-1], 20.0)
    for (z, y, x), u, r in zip([(0, 0, 0), (0, 0, 0), (5, 4, 6), (0, 4, 0)], uptake, release, strict=True):
        expected[z, y, x] = (expected[z, y, x] + dt * r) / (1.0 + dt * u)
    assert np.allclose(inside(box), expected, rtol=1e-14)
    assert voxel_of(65.0, 95.0, 80.0, box) == (5 * 5 + 4) * padded(7) + 6


def test_implicit_box_is_backward_euler():
    medium = Medium(3000.0, 0.7, 38.0)
    box = ImplicitBox(CPU, SHAPE, EDGE, medium, 10.0)
    rng = np.random.default_rng(1)
    uptake = rng.uniform(0, 5, SHAPE[::-1])
    box.box.given[1] = uptake.ravel()
    source = rng.uniform(0, 30, SHAPE[::-1])
    box.source[:] = source
    eyes = [np.eye(n) for n in SHAPE[::-1]]
    operator = np.diag(uptake.ravel() + 0.7)
    inflow = np.zeros(SHAPE[::-1])
    for axis in range(3):
        rate = 3000.0 / EDGE[2 - axis] ** 2
        factors = list(eyes)
        factors[axis] = rate * second_difference(SHAPE[2 - axis], True)
        operator = operator + np.kron(np.kron(factors[0], factors[1]), factors[2])
        for end in (0, -1):
            np.moveaxis(inflow, axis, 0)[end] += 2.0 * rate * 38.0
    field = np.full(box.size, 10.0)
    for dt in (0.01, 0.05, 1e6):
        box.advance(dt)
        field = np.linalg.solve(operator + np.eye(box.size) / dt, field / dt + (source + inflow).ravel())
        assert np.allclose(box.field.ravel(), field, rtol=2e-4)
