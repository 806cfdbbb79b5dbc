"""NADPH oxidase: leukaemic blasts and phagocytes make superoxide at their surface, which becomes H2O2 around their neighbours.

Mechanism: a living cell releases into the field of H2O2, per second [amol/s],

    J = rate x (nox2 + burst x (2 phagocyte - 1)_+ x NF-kB) x node nox x O2/(K + O2),

nox2 the constitutive NADPH oxidase 2 of its type (acute myeloid leukaemia 1, most types 0), the second term the respiratory burst
of a professional phagocyte that is stimulated (0 at rest, and in cells that engulf on the side, as astrocytes do). Two superoxides
make one H2O2. At a million cells per mL the rate is 1-10 uM of superoxide per hour.

What it does to a neighbour is the business of others: it takes H2O2 up (``reactive_oxygen``), NF-kB, p53 and PI3K/Akt rise
(``signals``), and the signal of neighbours makes it send out filopodia (``find_me``, ``nanotube_search``). The cell that makes it
is exposed to its own.

Assumptions: superoxide is dismutated at once and outside; NADPH and the oxygen used are not taken from the cell. The NADPH oxidase
that NF-kB induces inside cells of every type is in ``reactive_oxygen``; both answer to the node ``nox`` (DPI, GKT, NOX2 knockdown).
Rates are frozen over a macro-step. Sources: Marlein 2017 Blood.
Verification: ``tests/verification/test_signals_of_nutrients.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.nodes import NODE_NOX
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import H2O2, OXYGEN
from mitoferry.processes.rest import alive


class Parameters(NamedTuple):
    """Library: ``nadph_oxidase.*``."""

    rate: float  # amol/s of H2O2
    burst: float
    oxygen_half: float  # uM


@row
def oxidase_row(i, cells, groups, fields, p, step):
    """Add the H2O2 that the surface of cell ``i`` makes to ``fields.release``."""
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    active = float(groups.nox2[g]) + p.burst * max(2.0 * float(groups.phagocyte[g]) - 1.0, 0.0) * float(cells.nfkb[i])
    oxygen = max(float(cells.env[i, OXYGEN]), 0.0)
    made = p.rate * active * max(float(groups.nodes[g, NODE_NOX]), 0.0) * oxygen / (p.oxygen_half + oxygen)
    fields.release[i, H2O2] = float(fields.release[i, H2O2]) + made


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Add what all cells release for the next solution of the fields."""
    if world.fields is not None:
        world.backend.each(oxidase_row, world.n_cells, world.cells, world.groups, world.fields, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run has NADPH oxidase 2 or is a professional phagocyte."""
    return any(p.count > 0 and (p.cell_type.nox2 > 0.0 or p.cell_type.phagocyte > 0.5) for arm in spec.every_arm for p in arm.populations)


PROCESS = Process(name="nadph_oxidase", stage="signals", clock="macro", parameters=Parameters, advance=advance, wanted=wanted)
