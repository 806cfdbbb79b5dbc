"""Contacts with likes: exact factors, untouched where there is one type, same bytes on every backend.

Faults seen to fail it, planted in a copy of the package: every neighbour counted as a like (its type compared with itself); the first type
taken for the own one of all cells; the share of likes where that of others belongs.
"""

import dataclasses

import numpy as np
import pytest

from cuda_simulator import TESTS, printed
from fates import module, shared_backend, values
from mitoferry.core.schema import Step
from nanotubes import rows_of, sort, wells_of

RING = [(20.0 * np.cos(a) + 100.0, 20.0 * np.sin(a) + 100.0) for a in np.arange(6) * np.pi / 3]


def ringed(others, *, same=False, backend=None):
    """A well with one cell in the middle of six, ``others`` of which are of another type (population 1)."""
    places = [(100.0, 100.0), *RING]
    world = wells_of((7 - others, others), places, n_wells=1, mitochondria=(2, 2), backend=backend or shared_backend(), radius=[10.0, 10.0])
    arm = world.spec.arms[0]
    names = ("stroma", "stroma" if same else "epithelium")
    kinds = [dataclasses.replace(q.cell_type, name=n) for q, n in zip(arm.populations, names, strict=True)]
    named = tuple(dataclasses.replace(q, cell_type=k) for q, k in zip(arm.populations, kinds, strict=True))
    world.spec = dataclasses.replace(world.spec, arms=(dataclasses.replace(arm, populations=named),))
    world.cells.n_contacts[rows_of(world, 0)] = 3
    world.cells.n_contacts[rows_of(world, 0)[0]] = 6
    world.cells.n_contacts[rows_of(world, 1)] = 3
    sort(world)
    return world


def factors(world, p):
    """What of every contact counts, as the host may read it."""
    found = module("like_contacts").weigh_contacts(world, p)
    world.backend.pull(found)
    return 1.0 - found


@pytest.mark.parametrize("others", [1, 2, 5])
@pytest.mark.parametrize("unlike", [0.0, 0.25, 1.0])
def test_a_contact_with_another_type_counts_its_share(others, unlike):
    world = ringed(others)
    factor = factors(world, values("division", unlike_contact=unlike))
    assert factor[rows_of(world, 0)[0]] == pytest.approx(1.0 - (1.0 - unlike) * others / 6.0, rel=1e-12)


def test_each_cell_looks_from_its_own_type():
    """Six of one type around one of another: of the three that each of the six touches one is of another type."""
    world = ringed(6)
    factor = factors(world, values("division", unlike_contact=0.25))
    assert factor[rows_of(world, 1)] == pytest.approx(np.full(6, 1.0 - 0.75 / 3.0), rel=1e-12)


def test_cells_of_one_type_count_all_contacts_whatever_their_population():
    for world in (ringed(3, same=True), ringed(6)):
        world.cells.n_contacts[rows_of(world, 1)] = 0
        factor = factors(world, values("division"))
        alone = rows_of(world, 1)
        assert (factor[alone] == 1.0).all()
    assert (factors(ringed(3, same=True), values("division")) == 1.0).all()


def test_a_cell_among_others_divides_sooner_than_one_among_its_like():
    """At six contacts among its own it keeps half its pace (n_half = 6); among others 1 - Hill4(1.5/6)."""
    p, found = values("division", contacts_half=6.0, unlike_contact=0.25), {}
    for others, name in ((6, "others"), (0, "like")):
        world = ringed(others) if others else ringed(1)
        middle = rows_of(world, 0)[0]
        world.groups.cycle_time[:] = 10.0
        world.cells.atp[:] = 2.88
        world.cells.oxygen_flux_class[:, 0] = 1e4
        world.cells.cycle[:] = 0.0
        if not others:
            none = np.zeros(world.n_cells)
            world.backend.each(module("division").cycle_row, world.n_cells, none, world.cells, world.groups, p, Step(0, 0, 0.0, 600.0))
        else:
            module("division").advance(world, Step(0, 0, 0.0, 600.0), p)
        found[name] = float(world.cells.cycle[middle])
    free = 600.0 / 3600.0 / 10.0
    assert found["like"] == pytest.approx(0.5 * free, rel=1e-3)
    assert found["others"] == pytest.approx((1.0 - 0.25**4 / (1.0 + 0.25**4)) * free, rel=1e-3)


def test_same_bytes_on_every_backend():
    from mitoferry.backends.cpu import Cpu
    from mitoferry.backends.reference import Reference

    found = [
        factors(ringed(4, backend=b), values("division")).tobytes()
        for b in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3))
    ]
    assert all(f == found[0] for f in found)
    assert np.frombuffer(found[0]).min() < 1.0


def test_cuda_simulator_gives_the_same_factors():
    code = f"import sys; sys.path.insert(0, {str(TESTS / 'verification')!r}); from test_like_contacts import *; "
    code += "print([round(float(x), 12) for x in factors(ringed(4, backend=Cuda()), values('division'))])"
    expected = factors(ringed(4), values("division"))
    assert printed(code) == str([round(float(x), 12) for x in expected])
