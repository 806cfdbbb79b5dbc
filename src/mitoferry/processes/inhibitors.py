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

from typing import Any, NamedTuple

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

SITES = 255.0  # steps of the bound fraction


class Parameters(NamedTuple):
    """Parameters of ``inhibitors``; units and sources in the library."""

    complex_i_release: float
    complex_iii_release: float


@row
def bound_after(bound, binding, release, hours):
    """Expected bound fraction after ``hours``; binding and release in 1/h."""
    total = binding + release
    if total <= 0.0:
        return bound
    end = binding / total
    return end + (bound - end) * exp(-total * hours)


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
    w = int(cells.well[h])
    page = int(cells.first_page[h])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            flags = int(mitochondria.flags[slot])
            if flags & OCCUPIED == 0:
                continue
            b1 = int(mitochondria.bound1[slot])
            b3 = int(mitochondria.bound3[slot])
            if (on1 > 0.0 or b1 > 0) or (on3 > 0.0 or b3 > 0):
                u1, u3, _, _ = uniform4(
                    wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], INHIBITOR_ROUNDING, step.step, 0
                )
                mitochondria.bound1[slot] = stochastic_round(SITES * bound_after(b1 / SITES, on1, off1, hours), u1)
                mitochondria.bound3[slot] = stochastic_round(SITES * bound_after(b3 / SITES, on3, off3, hours), u3)
        page = int(pages.next[page])


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Advance bound inhibitors of all mitochondria."""
    world.backend.each(advance_host, world.n_cells, world.cells, world.pages, world.mitochondria, world.groups, world.wells, p, step)


PROCESS = Process(name="inhibitors", stage="energetics", clock="mitochondria", parameters=Parameters, advance=advance)
