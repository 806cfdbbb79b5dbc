"""The fields advanced by a whole device have the bytes of those advanced group by group, on every backend.

Faults seen to fail these, planted in a copy of the package: cells of a voxel added up from the last to the first; columns added up one
after the other; rows of a column from the last to the first; float32 modes added up in float64; what is left of the direction before, and
when a lane has arrived, wrong; decay at held faces left out, or no faces held; a field without its new level, or not seen to vary; an
absent field solved for; one batch whatever its size.
"""

from dataclasses import replace

import numpy as np
import pytest
from cuda_cases import launches_of

from mitoferry.backends import cuda_code
from mitoferry.backends.apart import Apart
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import GLUCOSE, H2O2, IL_1BETA, N_SPECIES, OXYGEN, PARACRINE, Step
from mitoferry.experiment.plate import build_world
from mitoferry.processes import diffusion
from mitoferry.space import wide_lanes
from mitoferry.space.wide import WideFields
from mitoferry.space.wide_lanes import parts_of
from space_worlds import diffusion_parameters
from worlds import make_spec, population

DISH = Geometry(kind="dish", size=(220.0, 140.0, 20.0), periodic=True, voxel=19.7, pore=0.4)  # uneven: what cells release is rounded
GEOMETRIES = {
    "dish": (DISH,),
    "walled dish": (replace(DISH, periodic=False),),
    "insert": (replace(DISH, kind="insert", periodic=False),),
    "periodic block": (replace(DISH, kind="block", size=(220.0, 140.0, 60.0)),),
    "walled block": (replace(DISH, kind="block", size=(140.0, 180.0, 60.0), periodic=False),),
    "one voxel": (replace(DISH, size=(20.0, 20.0, 20.0)), replace(DISH, kind="block", size=(20.0, 20.0, 20.0), periodic=False)),
    "a line": (replace(DISH, size=(100.0, 20.0, 20.0)), replace(DISH, size=(20.0, 100.0, 20.0))),
    "127 columns": (replace(DISH, size=(2502.0, 60.0, 20.0)),),
    "128 columns": (replace(DISH, size=(2522.0, 40.0, 20.0), periodic=False),),
    "wells of all kinds": (
        DISH,
        replace(DISH, kind="insert", size=(60.0, 100.0, 20.0)),
        replace(DISH, kind="block", size=(80.0, 60.0, 100.0), periodic=False),
        replace(DISH, kind="block", size=(60.0, 80.0, 40.0)),
        replace(DISH, size=(20.0, 60.0, 20.0), periodic=False),
    ),
}
"""Of wells side by side."""
TINY = (replace(DISH, size=(60.0, 40.0, 20.0)), replace(DISH, kind="block", size=(40.0, 60.0, 60.0), periodic=False))


def made(backend, geometries, uptake, kind=np.float64):
    """A plate with a well of each geometry, whose cells use and release; nothing is used without ``uptake``.

    Concentrations are kept as ``kind``: in float64, which no plate does, what differs in the last bit is not rounded off.
    """
    spec = make_spec([population("recipient", 0, 14), population("donor", 1, 8)], arms=len(geometries))
    arms = tuple(replace(arm, geometry=geometry) for arm, geometry in zip(spec.arms, geometries, strict=True))
    world = build_world(replace(spec, arms=arms), backend, with_space=True)
    backend.pull(world.cells, world.wells, world.fields)
    world.fields = world.fields._replace(conc=world.fields.conc.astype(kind))
    world.wells = world.wells._replace(bulk=world.wells.bulk.astype(kind))
    world.cells.env[:, OXYGEN], world.cells.env[:, GLUCOSE] = 190.0, 5.5
    n, c, wells = world.n_cells, world.cells, world.wells
    live = c.state[:n] == 1
    wells.boundary[:, OXYGEN] = 190.0
    wells.boundary[0, H2O2] = 3.0  # there is none in the other wells, though cells would clear it
    wells.boundary[:, PARACRINE] = 0.5
    wells.bulk[:, IL_1BETA] = 2.0
    world.fields.conc[:, IL_1BETA] = 2.0  # the same everywhere: only the medium and the level change
    if uptake:
        c.oxygen_flux[:n], c.glucose_flux[:n], c.lactate_flux[:n] = 75.0 * live, 30.0 * live, 50.0 * live
    backend.push(c, wells, world.fields)
    return world, live


def fields_after(backend, geometries, *, is_wide, uptake=True, steps=3, most=None, kind=np.float64):
    """Bytes of the fields and of what cells have seen of them after some steps."""
    world, live = made(backend, geometries, uptake, kind)
    world.space.wide = is_wide
    p = diffusion_parameters(h2o2_clearance=diffusion_parameters().h2o2_clearance if uptake else 0.0)
    diffusion.prepare(world, p)
    if most is not None:
        world.space.scratch["diffusion.wide_fields"] = WideFields(world, most)
    n = world.n_cells
    for k in range(steps):
        rng = np.random.default_rng(k)
        backend.pull(world.fields, world.cells)
        world.fields.release[:n, 3:7] = rng.uniform(0, 1, (n, 4)) * live[:, None] * (k < 2)
        world.fields.release[:n, H2O2] *= world.cells.well[:n] == 0
        world.cells.x[:n] = rng.uniform(0, 1, n) * world.wells.size[world.cells.well[:n], 0]
        backend.push(world.fields, world.cells)
        diffusion.advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p)
    backend.pull(world.cells, world.fields, world.wells)
    assert np.isfinite(world.fields.conc).all()
    tables = {"fields": world.fields, "wells": world.wells}
    found = {f"{name}.{column}": getattr(table, column).tobytes() for name, table in tables.items() for column in table._fields}
    return found | {f"cells.{name}": getattr(world.cells, name).tobytes() for name in ("env", "gradient_x", "gradient_y", "voxel")}


def differing(found, expected):
    return [name for name in expected if found[name] != expected[name]]


@pytest.mark.parametrize("uptake", [True, False])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_both_ways_give_the_same_bytes(name, uptake):
    expected = fields_after(Cpu(threads=1), GEOMETRIES[name], is_wide=False, uptake=uptake)
    for backend in (Cpu(threads=1), Cpu(threads=2, shuffle=3), Apart()):
        found = fields_after(backend, GEOMETRIES[name], is_wide=True, uptake=uptake)
        assert differing(found, expected) == []


def test_both_ways_give_the_same_bytes_in_float32():
    """As plates have them."""
    expected = fields_after(Cpu(threads=1), GEOMETRIES["wells of all kinds"], is_wide=False, kind=np.float32)
    for backend in (Cpu(threads=2), Apart()):
        assert differing(fields_after(backend, GEOMETRIES["wells of all kinds"], is_wide=True, kind=np.float32), expected) == []


@pytest.mark.parametrize("name", ["insert", "walled block", "wells of all kinds"])
def test_voxels_side_by_side_change_no_byte(monkeypatch, name):
    """As in columns of very many voxels."""
    expected = fields_after(Cpu(threads=1), GEOMETRIES[name], is_wide=False)
    monkeypatch.setattr(wide_lanes, "LONG", 0)
    for backend in (Cpu(threads=2, shuffle=3), Apart()):
        assert differing(fields_after(backend, GEOMETRIES[name], is_wide=True), expected) == []


def test_batches_change_no_byte():
    expected = fields_after(Cpu(threads=1), GEOMETRIES["wells of all kinds"], is_wide=False)
    for most in (1, 100, 1000):
        assert differing(fields_after(Cpu(threads=1), GEOMETRIES["wells of all kinds"], is_wide=True, most=most), expected) == []


def test_batches_have_no_more_voxels_than_they_may():
    class Fields:
        shape = np.array([[4, 5, 1], [4, 5, 6], [1, 1, 1]], dtype=np.int32)

    places = list(range(0, 3 * N_SPECIES, 2))
    sizes = np.repeat([20, 120, 1], N_SPECIES)
    for most in (1, 50, 119, 300, 10**9):
        parts = parts_of(places, Fields, most)
        assert [place for part in parts for place in part] == places
        assert all(sizes[part].sum() <= most or len(part) == 1 for part in parts)
        assert most < 10**9 or len(parts) == 1


def test_plain_python_gives_the_same_bytes():
    expected = fields_after(Cpu(threads=1), TINY, is_wide=False, steps=2)
    assert differing(fields_after(Reference(shuffle=1), TINY, is_wide=True, steps=2), expected) == []


@pytest.mark.skipif(bool(cuda_code.missing()), reason=cuda_code.missing() or "-")
def test_every_kernel_compiles_for_a_gpu(monkeypatch):
    backend = cuda_code.Compiling()
    fields_after(backend, TINY, is_wide=True, kind=np.float32)
    monkeypatch.setattr(wide_lanes, "LONG", 0)
    fields_after(backend, TINY, is_wide=True, kind=np.float32)
    kernels = {kernel.name: kernel for kernel in backend.kernels.values() if ".wide" in kernel.name}
    modules = {f"space.{module}" for module in ("wide_lanes", "wide_ends", "wide_transform", "wide_solver")}
    assert {name.rpartition(".")[0] for name in kernels} == modules
    launched = {row for module in modules | {"space.wide"} for row in launches_of(f"mitoferry.{module}")}
    assert {name.removeprefix("space.") for name in kernels} == launched | {"wide_ends.count_row"}
    for name, kernel in kernels.items():
        assert "fma.rn" not in kernel.text, name
        assert kernel.spilled == 0, name
        assert kernel.registers <= 128, name
    for name in ("into_modes_row", "out_of_modes_row"):  # the first that are launched transform float32
        text = kernels[f"space.wide_transform.{name}"].text
        assert "mul.rn.f32" in text
        assert ".f64" not in text, "float32 with float32 alone"
