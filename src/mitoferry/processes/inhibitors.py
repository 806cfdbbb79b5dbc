"""Inhibitors bound to the respiratory chain of each mitochondrion.

Mechanism: a complex I or III inhibitor binds free sites at the rate that its concentration gives (nodes
``complex_i_inhibitor`` and ``complex_iii_inhibitor`` [1/h]) and leaves them slowly::

    db/dt = k_on (1 - b) - k_off b,     k_off = 1/release time

so that washing the drug out of the medium does not free the complexes at once, and a mitochondrion that changes its
host carries the inhibitor with it.

Assumptions: a free concentration that does not deplete; binding by the host cell's exposure only (a mitochondrion in
the medium or inside a nanotube only releases). Release time of rotenone 6-24 h is a modelling choice.
Step error: none for constant exposure (exact solution); columns are rounded stochastically, mean preserved.
Verification: tests/verification/test_energetics_oxidants.py (binding, wash-out), tests/backends/test_energetics_backends.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mitoferry.core.lanes import lane, lane_uniform4
from mitoferry.core.maths import exp
from mitoferry.core.nodes import NODE_COMPLEX_I_INHIBITOR, NODE_COMPLEX_I_UNBINDING, NODE_COMPLEX_III_INHIBITOR
from mitoferry.core.process import Process
from mitoferry.core.random import stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_POOL,
    OCCUPIED,
    PAGE,
    Step,
)
from mitoferry.core.streams import INHIBITOR_ROUNDING

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

SITES = 255.0  # steps of the bound fraction


class Parameters(NamedTuple):
    """Parameters of ``inhibitors``; units and sources in the library."""

    complex_i_release: float
    complex_iii_release: float


@row
def binding_law(binding, release, hours):
    """(bound fraction at equilibrium, share of the distance to it that is left after ``hours``); rates in 1/h."""
    total = binding + release
    if total <= 0.0:
        return 0.0, 1.0
    return binding / total, exp(-total * hours)


def _bind_page_cpu(first, end1, left1, end3, left3, key0, key1, mitochondria, step):
    """As ``bind_page``, without branches."""
    for k in range(PAGE):
        slot = lane(first, k)
        u1, u3, _, _ = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], INHIBITOR_ROUNDING, step.step, 0)
        there = int(mitochondria.flags[slot]) & OCCUPIED != 0
        b1 = int(mitochondria.bound1[slot])
        b3 = int(mitochondria.bound3[slot])
        new1 = int(SITES * (end1 + (b1 / SITES - end1) * left1) + u1)
        new3 = int(SITES * (end3 + (b3 / SITES - end3) * left3) + u3)
        mitochondria.bound1[slot] = new1 if there else b1
        mitochondria.bound3[slot] = new3 if there else b3


@row(cpu=_bind_page_cpu)
def bind_page(first, end1, left1, end3, left3, key0, key1, mitochondria, step):
    """Bind and release in the mitochondria of one page."""
    for slot in range(first, first + PAGE):
        if int(mitochondria.flags[slot]) & OCCUPIED != 0:
            u1, u3, _, _ = uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], INHIBITOR_ROUNDING, step.step, 0)
            b1 = end1 + (int(mitochondria.bound1[slot]) / SITES - end1) * left1
            b3 = end3 + (int(mitochondria.bound3[slot]) / SITES - end3) * left3
            mitochondria.bound1[slot] = stochastic_round(SITES * b1, u1)
            mitochondria.bound3[slot] = stochastic_round(SITES * b3, u3)


@row
def any_bound(first, mitochondria):
    """Whether any slot of a page holds bound inhibitor."""
    total = 0
    for k in range(PAGE):
        slot = lane(first, k)
        total += int(mitochondria.bound1[slot]) + int(mitochondria.bound3[slot])
    return total > 0


@row
def advance_host(h, cells, pages, mitochondria, groups, wells, p, step):
    """Bind and release in all mitochondria of host ``h``."""
    state = int(cells.state[h])
    pool = state == CELL_POOL
    if not pool and (state < CELL_LIVE or state > CELL_APOPTOTIC):
        return
    hours = step.dt / 3600.0
    on1 = 0.0
    on3 = 0.0
    off1 = 1.0 / p.complex_i_release
    off3 = 1.0 / p.complex_iii_release
    if not pool:
        g = int(cells.group[h])
        on1 = max(float(groups.nodes[g, NODE_COMPLEX_I_INHIBITOR]), 0.0)
        on3 = max(float(groups.nodes[g, NODE_COMPLEX_III_INHIBITOR]), 0.0)
        off1 = off1 * max(float(groups.nodes[g, NODE_COMPLEX_I_UNBINDING]), 0.0)
    end1, left1 = binding_law(on1, off1, hours)
    end3, left3 = binding_law(on3, off3, hours)
    w = int(cells.well[h])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    page = int(cells.first_page[h])
    while page >= 0:
        if on1 > 0.0 or on3 > 0.0 or any_bound(page * PAGE, mitochondria):
            bind_page(page * PAGE, end1, left1, end3, left3, key0, key1, mitochondria, step)
        page = int(pages.next[page])


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Advance bound inhibitors of all mitochondria."""
    world.backend.each(advance_host, world.n_cells, world.cells, world.pages, world.mitochondria, world.groups, world.wells, p, step)


def wanted(spec: PlateSpec) -> bool:
    """Whether any inhibitor of the respiratory chain is given."""
    return spec.acts_on("complex_i_inhibitor", "complex_iii_inhibitor")


PROCESS = Process(name="inhibitors", stage="energetics", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
