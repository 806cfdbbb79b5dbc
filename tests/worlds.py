"""Small worlds for tests. Shared by all tests: add functions, do not change what is there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

import mitoferry
from mitoferry.backends.cpu import Cpu
from mitoferry.core.plate_spec import Arm, CellTypeNumbers, Geometry, PlateSpec, Population
from mitoferry.core.world import World
from mitoferry.experiment.plate import build_world, parameters_of

PARAMETER_FILES = Path(mitoferry.__file__).parent / "library" / "data" / "parameters"


@cache
def _library_values() -> dict[str, float]:
    values = {}
    for path in sorted(PARAMETER_FILES.glob("*.yaml")):
        for name, record in (YAML(typ="safe", pure=True).load(path) or {}).items():
            values[name] = float(record["value"])
    return values


def library_values() -> dict[str, float]:
    """Every parameter of the library with its default value (a fresh dictionary; the files are read once)."""
    return dict(_library_values())


def cell_type(name="msc", **changes) -> CellTypeNumbers:
    """Numbers of the reference stromal cell (400 mitochondria, 4 pL), or changed ones."""
    numbers = dict(
        name=name, radius=10.0, volume=4.0, mitochondria=400.0, mtdna=2000.0, oxygen_use=5.0, oxphos_share=0.65, speed=20.0,
        persistence=1.5, filopodia=3.0, cx43=0.8, miro1=1.0, uptake=1.0, demand=831.0, glycolysis=249.0, nonmito=10.0, cytosol=3.0,
    )  # fmt: skip
    numbers.update(changes)
    return CellTypeNumbers(**numbers)


def population(name="recipient", index=0, count=4, role=None, numbers=None, **changes) -> Population:
    """A population of the reference cell."""
    return Population(name=name, index=index, role=role or name, cell_type=numbers or cell_type(), count=count, **changes)


def make_spec(
    populations=None, *, arms=1, replicates=1, seed=1, size=200.0, until=3600, parameters=None, geometry=None, medium=None, **changes
) -> PlateSpec:
    """A specification of ``arms`` identical arms."""
    populations = tuple(populations or (population("recipient", 0), population("donor", 1)))
    geometry = geometry or Geometry(size=(size, size, 20.0))
    medium = medium if medium is not None else {"oxygen": 190.0, "glucose": 5.5, "calcium": 1.8}
    values = library_values()
    values.update(parameters or {})
    return PlateSpec(
        name="test",
        arms=tuple(Arm(name=f"arm{k}", geometry=geometry, populations=populations, actions=(), medium=medium) for k in range(arms)),
        replicates=replicates, seed=seed, until=until, measurements=(), parameters=values, **changes,
    )  # fmt: skip


def make_world(populations=None, *, backend=None, with_space=False, **changes) -> World:
    """A small world, its ledger opened, ``cells.env`` filled with air oxygen, 5.5 mM glucose, 1.8 mM calcium."""
    spec = make_spec(populations, **changes)
    world = build_world(spec, backend or Cpu(threads=1), with_space=with_space)
    world.cells.env[:, 0] = 190.0
    world.cells.env[:, 1] = 5.5
    world.cells.env[:, 8] = 1.8
    world.backend.push(world.cells.env)
    world.ledger.open(world)
    world.backend.pull(world.mitochondria, world.pages, world.cells, world.groups, world.wells)  # tests look, and write by hand
    return world


def parameters(world_or_none, process: str, cls, **changes):
    """The Parameters of a process with the library's values, or changed ones."""
    values = library_values() if world_or_none is None else world_or_none.spec.parameters
    return cls(**{name: float(changes.get(name, values.get(f"{process}.{name}", float("nan")))) for name in cls._fields})


__all__ = ["cell_type", "library_values", "make_spec", "make_world", "parameters", "parameters_of", "population"]
