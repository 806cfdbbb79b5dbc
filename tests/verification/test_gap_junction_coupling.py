"""Coupling through gap junctions: two cells even out exponentially, amounts stay, none without connexin or contact.

Fault seen to fail it, planted in a copy of the package: volumes left out of the exchange (amounts), the plaques of one cell only
(time), every pair met twice (time).
"""

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import CELL_DEAD_APOPTOTIC
from mitoferry.processes import gap_junction_coupling
from mitoferry.processes.contacts import contact_length
from nanotubes import Stage, rows_of, sort, wells_of
from worlds import cell_type, make_spec, population

BACKEND = Cpu(threads=1)
P = {"metabolite_permeability": 2.0, "calcium_permeability": 0.5}


def pairs(n=3, cx43=(0.8, 0.5), apart=20.0, volumes=(4.0, 2.0), backend=BACKEND, geometry=None):
    world = wells_of(
        (1, 1), [(100.0, 100.0), (100.0 + apart, 100.0)], n_wells=n, backend=backend, cx43=cx43, volume=volumes, geometry=geometry
    )
    for k, (atp, calcium) in enumerate(((3.0, 0.1), (1.0, 0.9))):
        world.cells.atp[rows_of(world, k)], world.cells.calcium[rows_of(world, k)] = atp, calcium
        world.cells.akt[rows_of(world, k)] = 1.0
        world.cells.volume[rows_of(world, k)] = volumes[k]
    return world


def run(world, seconds=600.0, steps=10):
    return Stage(world, (gap_junction_coupling,), gap_junction_coupling=P).run(seconds / steps, steps).world


def amounts(world, column):
    return sum(world.cells.volume[rows_of(world, k)].astype(float) * column[rows_of(world, k)] for k in (0, 1))


@pytest.mark.parametrize("steps", [1, 10])
def test_a_pair_evens_out_exponentially_and_keeps_what_it_has(steps):
    world = pairs()
    before = [amounts(world, c).copy() for c in (world.cells.atp, world.cells.calcium)]
    run(world, steps=steps)
    plaques = 0.5 * contact_length(20.0, 10.0, 10.0, 1.0) * 0.8 * 0.5
    for column, permeability, difference in ((world.cells.atp, 2.0, 2.0), (world.cells.calcium, 0.5, -0.8)):
        left = column[rows_of(world, 0)].astype(float) - column[rows_of(world, 1)]
        rate = permeability * plaques * (1 / 4000.0 + 1 / 2000.0)
        assert np.allclose(left / difference, np.exp(-rate * 600.0), rtol=1e-4)
        assert not np.allclose(left / difference, np.exp(-2 * rate * 600.0), rtol=1e-2)  # planted fault: each pair twice
    for was, column in zip(before, (world.cells.atp, world.cells.calcium), strict=True):
        assert np.allclose(amounts(world, column), was, rtol=1e-6)


@pytest.mark.parametrize("case", ["no connexin", "blocked", "apart", "dead", "insert"])
def test_none_without_connexin_or_contact(case):
    geometry = Geometry(kind="insert", size=(400.0, 400.0, 20.0), pore=0.4) if case == "insert" else None
    world = pairs(cx43=(0.0, 0.5) if case == "no connexin" else (0.8, 0.5), apart=21.5 if case == "apart" else 20.0, geometry=geometry)
    if case == "blocked":
        world.groups.nodes[:, NODE["cx43"]] = 0.0
    elif case == "dead":
        world.cells.state[rows_of(world, 1)] = CELL_DEAD_APOPTOTIC
    elif case == "insert":
        world.cells.layer[rows_of(world, 1)] = 1
        sort(world)
    run(world)
    assert (world.cells.atp[rows_of(world, 0)] == 3.0).all()
    assert (world.cells.calcium[rows_of(world, 1)] == np.float32(0.9)).all()


def test_a_crowd_keeps_its_amounts_on_every_backend():
    places = [(100.0 + 18.0 * x, 100.0 + 18.0 * y) for y in range(4) for x in range(4)]
    found = []
    for backend in (Reference(), Reference(shuffle=3), Cpu(threads=1), Cpu(threads=2, eager=True)):
        world = wells_of((16,), places, n_wells=2, mitochondria=(4,), backend=backend, cx43=(1.0,))
        rows = rows_of(world, 0)
        world.cells.atp[rows], world.cells.akt[rows] = np.tile(np.linspace(0.5, 3.5, 16), 2), 1.0
        total = (world.cells.volume[rows].astype(float) * world.cells.atp[rows]).reshape(2, -1).sum(axis=1)
        spread = world.cells.atp[rows].std()
        run(world)
        now = (world.cells.volume[rows].astype(float) * world.cells.atp[rows]).reshape(2, -1).sum(axis=1)
        assert np.allclose(total, now, rtol=1e-6)
        assert world.cells.atp[rows].std() < 0.7 * spread
        found.append(world.cells.atp.tobytes() + world.cells.calcium.tobytes())
    assert len(set(found)) == 1


def test_wanted_only_where_it_is_switched_on():
    both = [population(f"p{k}", k, 2, numbers=cell_type(cx43=1.0), role="donor" if k else "recipient") for k in (0, 1)]
    assert gap_junction_coupling.wanted(make_spec(both, switches={"gap_junction_coupling": "on"}))
    assert not gap_junction_coupling.wanted(make_spec(both))
    none = [population("recipient", 0, 2, numbers=cell_type(cx43=0.0))]
    assert not gap_junction_coupling.wanted(make_spec(none, switches={"gap_junction_coupling": "on"}))
