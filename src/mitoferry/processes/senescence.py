"""Senescence: cells under lasting p53 leave the cycle for good, secrete, and can be killed by a senolytic.

Mechanism. A living cell becomes senescent at the hazard [1/h]

    h = entry x node senescence x (base + Hill4(p53/half)),

p53 being raised by oxidants, damaged mitochondria and lesions of DNA (``signals``, ``dna_damage``). It does not return. A senescent cell

* does not cycle (``division`` reads ``cells.senescent``);
* secretes: its NF-kB tends to no less than ``signals.nfkb_senescent`` times the node ``nfkb``, with all that follows from NF-kB
  (TNF-alpha, NADPH
  oxidase, TNFAIP2 and so nanotubes);
* takes the hazard of the node ``senolysis`` on top of its own of cytochrome c release (``death``).

The share ``senescent`` of a type (an old donor, a late passage) is senescent when seeded, drawn by the identity of the cell. The node
``aged_share`` (injury ageing) adds to it, as an independent cause, at the first step after a cell has entered the well; it acts on no cell
that is there already or is born there.

Assumptions: no telomeres and no count of divisions; one state; what it is that keeps NF-kB up is not followed. Step: chance 1 - exp(-h dt)
with p53 frozen. Before time zero nobody enters. Wanted where a type has a senescent share or an agent acts on one of the nodes
``senescence``, ``aged_share``, ``senolysis``, ``dna_damage``, ``radiation``. Verification: ``tests/verification/test_senescence.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.maths import chance, hill4
from mitoferry.core.nodes import NODE_AGED_SHARE, NODE_SENESCENCE
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_WAITING
from mitoferry.core.streams import SENESCENCE

SEEDED, ENTRY = 1, 0  # draws of the stream


class Parameters(NamedTuple):
    """Library: ``senescence.*``."""

    entry: float  # 1/h
    base: float
    p53_half: float


@row
def entry_hazard(i, cells, groups, p):
    """Hazard [1/h] at which cell ``i`` becomes senescent."""
    node = max(float(groups.nodes[int(cells.group[i]), NODE_SENESCENCE]), 0.0)
    return p.entry * node * (p.base + hill4(float(cells.p53[i]), p.p53_half))


@row
def senescence_row(i, cells, groups, wells, p, step):
    """Entry of cell ``i`` over one step."""
    if int(cells.senescent[i]) != 0 or int(cells.state[i]) != CELL_LIVE or step.time < 0.0:
        return
    w = int(cells.well[i])
    aged = float(groups.nodes[int(cells.group[i]), NODE_AGED_SHARE])
    if aged > 0.0 and int(cells.parent[i]) == 0 and step.time - int(cells.added[i]) < step.dt:
        share = 1.0 - (1.0 - float(groups.senescent[int(cells.group[i])])) * max(1.0 - aged, 0.0)
        if uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, SENESCENCE, 0, SEEDED) < share:
            cells.senescent[i] = 1
            return
    u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, SENESCENCE, step.step, ENTRY)
    if u < chance(entry_hazard(i, cells, groups, p), step.dt / 3600.0):
        cells.senescent[i] = 1


@row
def seed_row(i, cells, groups, wells):
    """Whether cell ``i`` was senescent when seeded."""
    state = int(cells.state[i])
    if state != CELL_LIVE and state != CELL_WAITING:
        return
    w = int(cells.well[i])
    u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, SENESCENCE, 0, SEEDED)
    if u < float(groups.senescent[int(cells.group[i])]):
        cells.senescent[i] = 1


def prepare(world: Any, p: Parameters) -> None:
    """Draw who is senescent when seeded."""
    if (np.asarray(world.groups.senescent) > 0.0).any():
        world.backend.each(seed_row, world.n_cells, world.cells, world.groups, world.wells)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance senescence of every cell by ``step.dt``."""
    world.backend.each(senescence_row, world.n_cells, world.cells, world.groups, world.wells, p, step)


def wanted(spec: Any) -> bool:
    """Whether cells are senescent when seeded, or an agent acts on it or damages DNA."""
    seeded = any(p.cell_type.senescent > 0.0 for arm in spec.every_arm for p in arm.populations)
    return seeded or spec.acts_on("senescence", "aged_share", "senolysis", "dna_damage", "radiation")


PROCESS = Process(
    name="senescence", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, prepare=prepare, wanted=wanted
)
