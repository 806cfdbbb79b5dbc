"""F11 and the mechanics of two cells, each check shown to fail for a planted fault.

Faults seen to fail it, planted in a copy of the package: displacement without a scatter of its own (F11).
"""

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import NODE_MOTILITY
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC, Step
from mitoferry.processes import motion
from mitoferry.space.neighbours import update_neighbours
from space_worlds import motion_parameters, move, rows_of, space_world
from worlds import cell_type

SPEED, PERSISTENCE = 20.0, 1.5
RESTING = {"mitochondria": 2.0, "mtdna": 4.0, "cell_cv": 0.0}


def still(**changes):
    return cell_type(**{**RESTING, "speed": 0.0, **changes})


def walked(n, dt, hours, *, block=False, gradient=0.0):
    """Displacements (n, 3) [um] of free walkers after ``hours`` in steps of ``dt`` s, and their world."""
    size = (3000.0, 3000.0, 3000.0)
    world = space_world(np.full((n, 3), 1500.0), kind="block" if block else "dish", size=size, voxel=500.0, numbers=cell_type(**RESTING))
    rows, c, p = rows_of(world), world.cells, motion_parameters()
    if block:  # seeded with the velocities of a walk in the plane
        rng = np.random.default_rng(1)
        for u in (c.ux, c.uy, c.uz):
            u[rows] = rng.normal(0, SPEED / np.sqrt(3), n)
    c.gradient_x[rows] = gradient
    start = np.stack([c.x[rows], c.y[rows], c.z[rows]]).astype(float)
    for k in range(round(hours * 3600 / dt)):
        world.backend.each(motion.walk_row, world.n_cells, c, world.groups, world.wells, p, Step(k, int(k * dt), k * dt, dt))
    d = np.stack([c.x[rows], c.y[rows], c.z[rows]]).astype(float) - start
    return (d - np.array(size)[:, None] * np.round(d / np.array(size)[:, None])).T, world


def fuerth(t, speed=SPEED, persistence=PERSISTENCE):
    return 2 * speed**2 * persistence * (t - persistence * (1 - np.exp(-t / persistence)))


@pytest.mark.parametrize(("dt", "hours"), [(60.0, 0.5), (600.0, 3.0), (1800.0, 3.0), (1800.0, 12.0), (10800.0, 3.0)])
def test_f11_mean_square_displacement_is_fuerths_at_any_step(dt, hours):
    """Mean and spread, from a hundredth of the persistence per step to twice.

    Fault seen to fail it, planted in a copy of the package: displacement without a scatter of its own (only the longest step shows it).
    """
    n = 4000
    d, _ = walked(n, dt, hours)
    per_axis = fuerth(hours) / 2
    for axis in range(2):
        statistic = (d[:, axis] ** 2).sum() / per_axis  # chi-square with n degrees of freedom, mean and spread known
        assert 1e-6 < stats.chi2.cdf(statistic, n) < 1 - 1e-6
        assert stats.kstest(d[:, axis] / np.sqrt(per_axis), "norm").pvalue > 1e-6
    wrong = fuerth(hours, persistence=PERSISTENCE * 1.5) / 2
    assert not 1e-6 < stats.chi2.cdf((d[:, 0] ** 2).sum() / wrong, n) < 1 - 1e-6 or hours < 1.0  # planted fault
    wrong = fuerth(hours, speed=SPEED * 1.15) / 2
    assert not 1e-6 < stats.chi2.cdf((d[:, 0] ** 2).sum() / wrong, n) < 1 - 1e-6  # planted fault


def test_f11_speed_stays_at_its_root_mean_square():
    _, world = walked(4000, 600.0, 6.0)
    u = world.cells.ux[rows_of(world)].astype(float)
    assert 1e-6 < stats.chi2.cdf((u**2).sum() / (SPEED**2 / 2), 4000) < 1 - 1e-6


def test_f11_walk_in_a_block_has_the_same_speed_in_three_dimensions():
    d, _ = walked(4000, 600.0, 3.0, block=True)
    statistic = (d**2).sum() / (fuerth(3.0) / 3)
    assert 1e-6 < stats.chi2.cdf(statistic, 12000) < 1 - 1e-6


def test_drift_up_a_gradient_is_the_stated_velocity():
    gradient, hours, n = 0.1, 3.0, 4000
    d, _ = walked(n, 600.0, hours, gradient=gradient)
    length, chi = 20.0, motion_parameters().chemotaxis
    expected = chi * SPEED * length * gradient / (1 + length * gradient) * hours
    error = np.sqrt(fuerth(hours) / 2 / n)
    assert abs(d[:, 0].mean() - expected) < 4.9 * error
    assert abs(d[:, 1].mean()) < 4.9 * error
    assert abs(d[:, 0].mean() - 1.5 * expected) > 4.9 * error  # planted fault


def test_motility_node_and_dying_stop_the_walk():
    world = space_world([[100.0, 100.0, 0.0], [300.0, 300.0, 0.0]], numbers=cell_type(**RESTING))
    world.cells.state[3] = CELL_APOPTOTIC
    before = world.cells.x[2:4].copy()
    world.groups.nodes[:, NODE_MOTILITY] = 0.0
    move(world, motion_parameters(), steps=10)
    assert np.array_equal(world.cells.x[2:4], before)
    world.groups.nodes[:, NODE_MOTILITY] = 1.0
    move(world, motion_parameters(), steps=10, start=10)
    assert world.cells.x[2] != before[0]
    assert world.cells.x[3] == before[1]


@pytest.mark.parametrize("dt", [60.0, 20.0])
def test_two_cells_push_apart_in_the_exact_exponential(dt):
    world = space_world([[100.0, 100.0, 0.0], [119.0, 100.0, 0.0]], numbers=still())
    p = motion_parameters(adhesion=0.0)
    for k in range(1, 6):
        move(world, p, dt=dt, start=k)
        x = world.cells.x[2:4].astype(float)
        overlap = 20.0 - (x[1] - x[0])
        assert overlap == pytest.approx(np.exp(-2 * p.repulsion * k * dt / p.drag), abs=2e-4)
        assert x.mean() == pytest.approx(109.5, abs=1e-4)
        assert abs(overlap - np.exp(-2 * p.repulsion * k * dt / (1.5 * p.drag))) > 2e-4 or k * dt > 200  # planted fault: drag
    assert world.cells.n_contacts[2] == world.cells.n_contacts[3] == 1


def test_coincident_cells_part_in_opposite_directions_and_small_steps():
    world = space_world([[100.0, 100.0, 0.0], [100.0, 100.0, 0.0]], numbers=still())
    p = motion_parameters()
    last = 0.0
    for k in range(6):
        before = np.stack([world.cells.x[2:4], world.cells.y[2:4]]).astype(float)
        move(world, p, start=k)
        after = np.stack([world.cells.x[2:4], world.cells.y[2:4]]).astype(float)
        gap = np.hypot(*(after[:, 0] - after[:, 1]))
        assert gap > last
        assert np.abs(after - before).max() <= motion.MOST_SUBSTEPS * motion.LARGEST_MOVE * 10.0 + 1e-3
        last = gap
    assert last > 18.0


def test_adhesion_draws_cells_to_touch_and_no_further():
    world = space_world([[100.0, 100.0, 0.0], [121.5, 100.0, 0.0]], numbers=still())
    move(world, motion_parameters(adhesion=0.5), steps=300)
    x = world.cells.x[2:4].astype(float)
    assert x[1] - x[0] == pytest.approx(20.0, abs=0.3)
    apart = space_world([[100.0, 100.0, 0.0], [121.5, 100.0, 0.0]], numbers=still(adhesion=0.0))
    move(apart, motion_parameters(adhesion=0.5), steps=20)
    assert np.array_equal(apart.cells.x[2:4], np.array([100.0, 121.5], dtype=np.float32))


def test_membrane_of_an_insert_parts_cells():
    for layers, touches in (([0, 1], 0), ([1, 1], 1)):
        world = space_world([[100.0, 100.0, 0.0], [110.0, 100.0, 0.0]], kind="insert", layers=layers, numbers=still())
        move(world, motion_parameters())
        assert list(world.cells.n_contacts[2:4]) == [touches, touches]
        assert (world.cells.x[2] == 100.0) == (touches == 0)


def test_corpses_leave_space():
    world = space_world([[100.0, 100.0, 0.0], [110.0, 100.0, 0.0]], numbers=still())
    world.cells.state[3] = CELL_DEAD_APOPTOTIC
    move(world, motion_parameters())
    assert world.cells.x[2] == 100.0
    assert world.cells.n_contacts[2] == 0
    assert world.cells.bin[3] == -1


@pytest.mark.parametrize("periodic", [True, False])
def test_borders(periodic):
    rng = np.random.default_rng(2)
    world = space_world(
        rng.uniform(0, 100, (12, 3)), size=(100.0, 100.0, 20.0), periodic=periodic, numbers=cell_type(**{**RESTING, "speed": 60.0})
    )
    for k in range(60):
        move(world, motion_parameters(), start=k)
        for c in (world.cells.x, world.cells.y):
            assert np.all((c[2:14] >= 0.0) & (c[2:14] <= 100.0))
    pair = space_world([[2.0, 50.0, 0.0], [98.0, 50.0, 0.0]], size=(100.0, 100.0, 20.0), periodic=periodic, numbers=still())
    move(pair, motion_parameters())
    assert pair.cells.n_contacts[2] == (1 if periodic else 0)


def pairs_by_bins(world, reach):
    found = set()
    n, c = world.space.neighbours, world.cells
    from mitoferry.space.neighbours import bin_coordinate, bin_span, minimum_image, wrap_bin

    for i in range(2, world.n_cells):
        nx, ny, _ = (int(k) for k in n.shape[0])
        ix, iy = (bin_coordinate(float(v[i]), float(e), k) for v, e, k in ((c.x, n.edge[0, 0], nx), (c.y, n.edge[0, 1], ny)))
        x0, count_x = bin_span(ix, nx, 1, 1)
        y0, count_y = bin_span(iy, ny, 1, 1)
        for ky in range(count_y):
            for kx in range(count_x):
                b = wrap_bin(y0 + ky, ny) * nx + wrap_bin(x0 + kx, nx)
                for j in n.member[n.start[b] : n.start[b + 1]]:
                    dx = minimum_image(float(c.x[i]) - float(c.x[j]), float(world.wells.size[0, 0]), 1)
                    dy = minimum_image(float(c.y[i]) - float(c.y[j]), float(world.wells.size[0, 1]), 1)
                    if j != i and dx * dx + dy * dy < reach * reach:
                        found.add((i, int(j)))
    return found


def test_the_largest_cell_of_a_well_is_known_in_the_step_in_which_it_has_grown():
    """The small one finds it in the next bin, which it would not reach into for one of its own size."""
    world = space_world([[97.0, 100.0, 0.0], [135.0, 100.0, 0.0]], numbers=still())
    p, here = motion_parameters(adhesion=0.0), rows_of(world)
    move(world, p)
    assert world.cells.n_contacts[here].tolist() == [0, 0]
    world.cells.radius[here.start + 1] = 30.0
    move(world, p, start=60)
    assert world.space.neighbours.largest[0] == 30.0
    assert world.cells.n_contacts[here].tolist() == [1, 1]


@pytest.mark.parametrize("size", [60.0, 95.0, 400.0])
def test_neighbour_grid_finds_the_pairs_that_brute_force_finds(size):
    rng = np.random.default_rng(4)
    world = space_world(rng.uniform(0, size, (60, 3)), size=(size, size, 20.0))
    update_neighbours(world, Step(0, 0, 0.0, 60.0))
    xy = np.stack([world.cells.x, world.cells.y], 1)[2 : world.n_cells].astype(float)
    d = xy[:, None] - xy[None]
    d -= size * np.round(d / size)
    near = (d**2).sum(-1) < 29.0**2
    np.fill_diagonal(near, False)
    expected = {(i + 2, j + 2) for i, j in zip(*np.nonzero(near))}
    assert pairs_by_bins(world, 29.0) == expected


def test_g6_share_of_cells_with_a_neighbour_in_reach_collapses_with_density():
    """Cells in reach follow 1 - exp(-n pi r^2) for random seeding: distance, not the number of cells, decides."""
    n, reach = 400, 29.0
    for size in (400.0, 1600.0):
        world = space_world(np.random.default_rng(6).uniform(0, size, (n, 3)), size=(size, size, 20.0), backend=Cpu(threads=1))
        update_neighbours(world, Step(0, 0, 0.0, 60.0))
        with_one = len({i for i, _ in pairs_by_bins(world, reach)})
        expected = 1 - np.exp(-n / size**2 * np.pi * reach**2)
        assert abs(with_one / n - expected) < 4.9 * np.sqrt(2 * expected * (1 - expected) / n) + 0.01
