"""Fields give the same bytes however they are grouped, whatever lies in the rooms, and at any size of concentration.

Faults seen to fail these, planted in a copy of the package: the first direction of a solve keeps what the room held; the residual
is not put into units of the right-hand side (float32 then runs out); fields on walled and periodic grids side by side; a tile of
slabs not moved back at the end; every second term of its plain sum off by 1e-7; a room for each group.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.row import row
from mitoferry.core.schema import H2O2, N_SPECIES, OXYGEN, Step
from mitoferry.core.slabs import multiply_slabs
from mitoferry.processes import diffusion
from mitoferry.space import field_groups
from mitoferry.space.field_groups import groups_of
from space_worlds import diffuse, diffusion_parameters, rows_of, space_world
from worlds import make_world, population

KINDS = (("dish", True), ("insert", False), ("block", True), ("block", False))


def fields_after(monkeypatch, kind, periodic, *, lanes=8, per_thread=4, threads=1, filled=0.0):
    """Bytes of the fields after three steps of two wells whose cells use and release; rooms are filled before every step."""
    monkeypatch.setattr(field_groups, "MOST_LANES", lanes)
    monkeypatch.setattr(field_groups, "GROUPS_PER_THREAD", per_thread)
    geometry = Geometry(kind=kind, size=(220.0, 140.0, 60.0), periodic=periodic, voxel=20.0, pore=0.4)
    world = make_world([population("recipient", 0, 14), population("donor", 1, 8)], backend=Cpu(threads=threads), arms=2, with_space=True,
                       geometry=geometry)  # fmt: skip
    n, c = world.n_cells, world.cells
    live = c.state[:n] == 1
    world.wells.boundary[:, OXYGEN] = 190.0
    world.wells.boundary[:, H2O2] = 3.0
    c.oxygen_flux[:n], c.glucose_flux[:n], c.lactate_flux[:n] = 75.0 * live, 30.0 * live, 50.0 * live
    p = diffusion_parameters()
    diffusion.prepare(world, p)
    for k in range(3):
        world.fields.release[:n, 3:7] = np.random.default_rng(k).uniform(0, 1, (n, 4)) * live[:, None]
        work = world.space.scratch.get("diffusion.work")
        for room in () if work is None else (work.planes, work.narrow, work.lines):
            room[:] = filled
        diffusion.advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p)
    assert np.isfinite(world.fields.conc).all()
    return [a.tobytes() for a in (world.fields.conc, world.fields.lateral, world.wells.bulk, c.env, c.gradient_x)]


@pytest.mark.parametrize(("kind", "periodic"), KINDS)
def test_groups_rooms_and_what_they_held_change_no_byte(monkeypatch, kind, periodic):
    expected = fields_after(monkeypatch, kind, periodic)
    assert fields_after(monkeypatch, kind, periodic, lanes=1, filled=np.nan) == expected
    assert fields_after(monkeypatch, kind, periodic, lanes=3, per_thread=1, threads=2, filled=1e30) == expected
    assert fields_after(monkeypatch, kind, periodic, lanes=16, per_thread=1, threads=3, filled=-7.0) == expected


def test_side_by_side_lie_only_fields_on_one_grid_that_take_the_same_step():
    rng = np.random.default_rng(2)

    class Table:
        geometry = np.array([0, 0, 1, 2, 2, 0])
        periodic = np.array([1, 0, 1, 1, 0, 1])
        shape = np.array([[4, 5, 1], [4, 5, 1], [4, 5, 2], [4, 5, 6], [4, 5, 6], [4, 6, 1]])

    plan = rng.integers(0, 3, (6, N_SPECIES))
    held = rng.integers(0, 2, (6, N_SPECIES))
    for widest in (1, 2, 5, 100):
        groups = groups_of(plan, held, Table, Table, widest)
        seen = [lane for _, _, lanes in groups for lane in lanes]
        assert sorted(seen) == np.flatnonzero(plan).tolist()
        for method, faces, lanes in groups:
            assert 0 < len(lanes) <= widest
            w, s = np.divmod(lanes, N_SPECIES)
            assert set(plan[w, s]) == {method}
            assert set(held[w, s]) == {faces}
            assert len({(*Table.shape[k], Table.periodic[k], Table.geometry[k] == 2) for k in w}) == 1


def test_work_space_does_not_grow_with_the_number_of_wells():
    held = []
    for arms in (40, 80):
        world = make_world([population("recipient", 0, 3)], backend=Cpu(threads=2), arms=arms, with_space=True)
        n = world.n_cells
        live = world.cells.state[:n] == 1
        world.cells.oxygen_flux[:n], world.cells.lactate_flux[:n] = 75.0 * live, 50.0 * live
        diffusion.advance(world, Step(0, 0, 0.0, 60.0), diffusion_parameters())
        work = world.space.scratch["diffusion.work"]
        held.append(work.planes.nbytes + work.narrow.nbytes + work.lines.nbytes)
        voxels = int(np.prod(world.fields.shape.max(axis=0)))
        assert work.planes.nbytes + work.narrow.nbytes <= field_groups.work_bytes(voxels, 2)
    assert held[0] == held[1] > 0


@pytest.mark.parametrize("size", [1e-36, 1e-20, 1e20])
def test_uptake_is_solved_alike_at_any_size_of_the_concentration(size):
    """The preconditioner works in float32, the field not: what is left of a substrate that cells have used up is tiny."""
    found = []
    for scale in (1.0, size):
        world = space_world(np.random.default_rng(3).uniform(0, 300, (10, 3)), size=(300.0, 300.0, 20.0))
        world.wells.bulk[0, H2O2] = scale
        world.fields.conc[0, H2O2] = scale
        world.cells.radius[rows_of(world)] = 10.0
        diffuse(world, diffusion_parameters(h2o2_clearance=1e5), steps=2)
        found.append(world.fields.conc[0, H2O2].astype(float) / scale)
    assert np.ptp(found[0]) > 0.05 * found[0].max()
    assert np.allclose(found[1], found[0], rtol=1e-4)


class Slabs(NamedTuple):
    """What the product works on."""

    source: Any
    target: Any
    matrix: Any


@row
def multiply_row(i, table, n, base, length):
    """The product under test as a kernel."""
    multiply_slabs(table.source, table.target, table.matrix, 3, n, base, length)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_slabs_in_registers_are_the_plain_sums_to_the_byte(kind):
    backend = Cpu(threads=1, cache=False)
    rng = np.random.default_rng(4)
    for n in (1, 2, 3, 4, 5, 8, 11):
        for length in (1, 3, 4, 5, 15, 16, 17, 31, 32, 63, 100):
            base = 7
            source, matrix = rng.normal(size=base + n * length + 9).astype(kind), rng.normal(size=3 + n * n).astype(kind)
            target = np.full(len(source), 5.0, dtype=kind)
            plain = target.copy()
            backend.each(multiply_row, 1, Slabs(source, target, matrix), n, base, length)
            multiply_slabs(source, plain, matrix, 3, n, base, length)
            assert target.tobytes() == plain.tobytes(), (n, length)
            block = source[base : base + n * length].reshape(n, length).astype(float)
            exact = matrix[3:].reshape(n, n).astype(float).T @ block
            assert np.allclose(plain[base : base + n * length].reshape(n, length), exact, rtol=0, atol=1e-5)
            assert np.all(np.delete(target, np.s_[base : base + n * length]) == 5.0)
