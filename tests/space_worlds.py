"""Worlds for the tests of space: cells at given places, fields without cells' metabolism."""

from __future__ import annotations

import functools

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import SPECIES, Step
from mitoferry.processes import diffusion, motion
from worlds import cell_type, make_world, parameters, population

CPU = Cpu(threads=1)


def space_world(positions, *, kind="dish", size=(640.0, 640.0, 20.0), voxel=20.0, periodic=True, height=2000.0, pore=0.4, medium=None,
                backend=None, layers=None, numbers=None, seed=1):  # fmt: skip
    """A world of one well with resting cells at ``positions`` (n, 3) [um], all fluxes zero, no boundary held."""
    numbers = numbers or cell_type(mitochondria=2.0, mtdna=4.0, cell_cv=0.0)
    geometry = Geometry(kind=kind, size=size, periodic=periodic, medium_height=height, pore=pore, voxel=voxel)
    world = make_world([population("recipient", 0, len(positions), numbers=numbers)], backend=backend or CPU, with_space=True,
                       geometry=geometry, medium=medium or {}, seed=seed)  # fmt: skip
    rows = rows_of(world)
    for axis, column in enumerate((world.cells.x, world.cells.y, world.cells.z)):
        column[rows] = np.asarray(positions, dtype=float)[:, axis]
    if layers is not None:
        world.cells.layer[rows] = layers
    world.cells.env[:] = 0.0
    world.cells.gradient_x[:] = 0.0
    world.wells.boundary[:] = -1.0
    world.backend.push(world.cells, world.wells)
    return world


def rows_of(world):
    """Rows of the cells (pools come first)."""
    return slice(2 * world.n_wells, world.n_cells)


@functools.cache
def _library(process):
    return parameters(None, process, {"diffusion": diffusion, "motion": motion}[process].Parameters)


def diffusion_parameters(**changes):
    """Parameters of ``diffusion``."""
    return _library("diffusion")._replace(**changes)


def motion_parameters(**changes):
    """Parameters of ``motion``."""
    return _library("motion")._replace(**changes)


def diffuse(world, p, *, dt=60.0, steps=1, release=None, start=0):
    """``steps`` macro-steps of the fields; ``release`` {species: amount/s per cell} is written before each."""
    diffusion.prepare(world, p)
    for k in range(start, start + steps):
        for name, value in (release or {}).items():
            world.fields.release[rows_of(world), SPECIES.index(name)] = value
        world.backend.push(world.fields)
        diffusion.advance(world, Step(k, int(k * dt), k * dt, dt), p)
    world.backend.pull(world.fields, world.wells, world.cells)


def move(world, p, *, dt=60.0, steps=1, start=0):
    """``steps`` macro-steps of motion."""
    for k in range(start, start + steps):
        motion.advance(world, Step(k, int(k * dt), k * dt, dt), p)
    world.backend.pull(world.cells)
