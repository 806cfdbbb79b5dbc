"""Motion and diffusion give the same bytes on every backend, thread count and row order."""

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import Step
from mitoferry.processes import diffusion, motion
from space_worlds import diffusion_parameters, motion_parameters
from worlds import make_world, population


def state_after(backend, kind, periodic):
    geometry = Geometry(kind=kind, size=(160.0, 120.0, 60.0), periodic=periodic, voxel=20.0, pore=0.4)
    world = make_world([population("recipient", 0, 14), population("donor", 1, 8, layer=1 if kind == "insert" else 0)], backend=backend,
                       arms=2, with_space=True, geometry=geometry)  # fmt: skip
    n, c = world.n_cells, world.cells
    live = c.state[:n] == 1
    world.wells.boundary[:, 0] = 190.0
    c.oxygen_flux[:n], c.glucose_flux[:n], c.lactate_flux[:n] = 75.0 * live, 30.0 * live, 50.0 * live
    release = np.random.default_rng(0).uniform(0, 1, (n, 12)) * live[:, None]
    p, q = diffusion_parameters(), motion_parameters()
    diffusion.prepare(world, p)
    for k in range(3):
        step = Step(k, 60 * k, 60.0 * k, 60.0)
        world.fields.release[:n, 3:7] = release[:, 3:7]
        backend.push(world.fields)
        diffusion.advance(world, step, p)
        motion.advance(world, step, q)
        backend.pull(world.cells, world.fields, world.wells)
    f, m = world.fields, world.space.neighbours
    arrays = (
        f.conc,
        f.lateral,
        world.wells.bulk,
        c.env,
        c.gradient_x,
        c.x,
        c.y,
        c.z,
        c.ux,
        c.n_contacts,
        c.bin,
        c.voxel,
        m.start,
        m.member,
    )
    return [np.array(a).tobytes() for a in arrays]


def test_same_bytes_on_reference_and_cpu():
    cpu, two = Cpu(threads=1), Cpu(threads=2, shuffle=2)
    for kind, periodic in (("dish", True), ("insert", False), ("block", True), ("block", False)):
        expected = state_after(cpu, kind, periodic)
        assert state_after(two, kind, periodic) == expected
        assert state_after(Reference(shuffle=1), kind, periodic) == expected


def test_an_arm_does_not_feel_the_other_arms():
    geometry = Geometry(size=(160.0, 160.0, 20.0))
    x = []
    for arms in (1, 2):
        world = make_world(
            [population("recipient", 0, 20), population("donor", 1, 10)],
            backend=Cpu(threads=1),
            arms=arms,
            with_space=True,
            geometry=geometry,
        )
        for k in range(3):
            motion.advance(world, Step(k, 60 * k, 60.0 * k, 60.0), motion_parameters())
        x.append(world.cells.x[world.cells.well == 0][2 : 2 + 30].tobytes())
    assert x[0] == x[1]
