"""Compatibility of surfaces: exactly neutral for every pair of the library, a knockdown on either side counts by what rests on it.

Faults seen to fail these tests, planted in a copy of the package: the node of one side only; ICAM-1 against ICAM-1; no bound.
"""

from itertools import product

import numpy as np
import pytest

from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_CD200R, NODE_GAP43, NODE_ICAM1, NODE_N_CADHERIN, NODE_TALIN2
from mitoferry.library.cell_types import load_cell_types
from mitoferry.processes.compatibility import compatibility, dependence
from mitoferry.processes.dislodgement import tether_chance
from mitoferry.processes.nanotube_search import capture_chance
from worlds import cell_type, make_world, parameters, population

MOLECULES = ("icam1", "lfa1", "cd200r", "isec", "talin2", "gap43", "n_cadherin")


def pair(a=None, b=None, cx43=0.8):
    """A world of one cell of each of two groups."""
    kinds = [cell_type(mitochondria=0.0, cell_cv=0.0, cx43=cx43, **(numbers or {})) for numbers in (a, b)]
    both = [population(n, k, count=1, numbers=kinds[k]) for k, n in enumerate(("recipient", "donor"))]
    world = make_world(both, backend=Reference())
    world.cells.psi[:] = 150.0
    return world


def test_untreated_cells_of_every_type_are_exactly_neutral():
    types = [t.numbers() for t in load_cell_types().values()]
    world = pair()
    for a, b in product(types, types):
        for g, t in enumerate((a, b)):
            for name in (*MOLECULES, "cx43"):
                getattr(world.groups, name)[g] = getattr(t, name)
        assert compatibility(0, 1, world.groups) == 1.0, (a.name, b.name)


NODES = (
    ("talin2", "talin2", NODE_TALIN2),
    ("gap43", "gap43", NODE_GAP43),
    ("n_cadherin", "n_cadherin", NODE_N_CADHERIN),
    ("icam1", "lfa1", NODE_ICAM1),
    ("lfa1", "icam1", NODE_ICAM1),
    ("cd200r", "isec", NODE_CD200R),
    ("isec", "cd200r", NODE_CD200R),
)


@pytest.mark.parametrize(("of_a", "of_b", "node"), NODES)
@pytest.mark.parametrize("side", [0, 1])
def test_a_knockdown_on_either_side_takes_its_share(of_a, of_b, node, side):
    world = pair({of_a: 0.8}, {of_b: 0.5})
    world.groups.nodes[side, node] = 0.25
    expected = 1.0 - 0.4 * 0.75
    assert compatibility(0, 1, world.groups) == pytest.approx(expected, rel=1e-6)
    assert compatibility(1, 0, world.groups) == pytest.approx(expected, rel=1e-6)
    world.groups.nodes[1 - side, node] = 0.25
    assert compatibility(0, 1, world.groups) == pytest.approx(1.0 - 0.4 * (1 - 0.0625), rel=1e-6)
    alone = pair({of_a: 0.8}, {})
    alone.groups.nodes[:, node] = 0.25
    assert compatibility(0, 1, alone.groups) == 1.0


def test_it_multiplies_capture_and_tethers_and_is_bounded():
    p, d = (parameters(None, n, c) for n, c in (("nanotube_search", capture_class()), ("dislodgement", tether_class())))
    world = pair({"talin2": 1.0}, {"talin2": 1.0})
    rows = np.flatnonzero(world.cells.population[: world.n_cells] < 2)
    capture = capture_chance(rows[0], rows[1], world.cells, world.groups, p)
    tether = tether_chance(rows[0], rows[1], world.cells, world.groups, d)
    assert capture == pytest.approx(p.capture_probability)
    world.groups.nodes[0, NODE_TALIN2] = 0.3
    assert capture_chance(rows[0], rows[1], world.cells, world.groups, p) == pytest.approx(0.3 * capture, rel=1e-6)
    assert tether_chance(rows[0], rows[1], world.cells, world.groups, d) == pytest.approx(0.3 * tether, rel=1e-6)
    world.groups.nodes[:, NODE_TALIN2] = 10.0
    assert compatibility(0, 1, world.groups) == 3.0
    assert compatibility(0, 1, pair({"gap43": 1.5}, {"gap43": 1.4}).groups) == pytest.approx(2.1, rel=1e-6)


def test_a_dependence_is_exactly_one_without_treatment_and_never_negative():
    for share in np.linspace(0.0, 1.5, 31):
        assert dependence(float(share), 1.0) == 1.0
        assert dependence(float(share), 0.0) >= 0.0


def capture_class():
    from mitoferry.processes.nanotube_search import Parameters

    return Parameters


def tether_class():
    from mitoferry.processes.dislodgement import Parameters

    return Parameters
