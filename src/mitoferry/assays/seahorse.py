"""Virtual Seahorse: oxygen use and acidification of cells under a mitochondrial stress test.

What the instrument does: four phases, each a steady reading of oxygen use (OCR) and acidification (ECAR): basal;
oligomycin; FCCP titrated to the highest rate, oligomycin still present; rotenone with antimycin A. Here each phase is
the steady state of a *copy* of the cells with the treatment set where it acts (synthase, uncoupler, complexes I and
III); the world is not touched. Demand is held at what it is when the test starts.

A well is read pooled: every live cell of the rows asked for, then divided by the number of cells, whose counting has
an error (10 %). Donors in the same well are part of the pool unless the rows leave them out, as in the real assay.

Derived: ATP-linked = basal - oligomycin, leak = oligomycin - non-mitochondrial, maximal = FCCP - non-mitochondrial,
spare = maximal - basal mitochondrial, coupling = ATP-linked/basal mitochondrial. ECAR = lactate + 0.15 CO2, with
one CO2 per mitochondrial O2, in fmol H+/min.

Verification: tests/verification/test_energetics_seahorse.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mitoferry.backends.reference import Reference
from mitoferry.core import schema
from mitoferry.core.nodes import N_NODES, NODE_SYNTHASE_BLOCK, NODE_UNCOUPLER, NODES
from mitoferry.core.random import normal_from, uniform
from mitoferry.core.schema import (
    CELL_LIVE,
    CELL_MOMP,
    GLUCOSE,
    OXYGEN,
    SUM_COUNT,
    SUM_DEHYDROGENASE,
    SUM_ETC,
    SUM_ETC_COMPLEX_I,
    SUM_LEAK,
    SUM_MASS,
    SUM_SCALE,
    SUM_SYNTHASE,
)
from mitoferry.core.streams import ASSAY_SEAHORSE
from mitoferry.processes.energetics import Parameters, settle_cell
from mitoferry.processes.rest import RESTING_ATP

PHASES = ("basal", "oligomycin", "fccp", "rotenone_antimycin")
FMOL_MIN = 0.06  # per amol/s
CO2_ACIDITY = 0.15
TITRATION = (2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0, 22.5, 25.0, 30.0, 40.0)
_COPIED = ("sums", "volume", "demand", "glycolysis", "nonmito", "leak_factor", "substrate", "atp", "psi", "load", "env")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEnergetics:
    """Numbers of one cell with one energy class. Capacities in mass units; 1 = that of a healthy unit.

    ``complex_i`` is the capacity of the chain that has a working complex I (default: all of it).
    """

    etc: float
    synthase: float
    leak: float
    dehydrogenase: float
    demand: float
    glycolysis: float
    nonmito: float
    volume: float
    complex_i: float | None = None
    leak_factor: float = 1.0
    substrate: float = 1.0

    @staticmethod
    def of_type(cell: Any, *, rho0: bool = False) -> CellEnergetics:
        """A healthy cell of a scaled type (``mitoferry.library.scaling.ScaledCell`` or alike); ``rho0``: it has no mtDNA."""
        n = cell.mitochondria
        working = 0.0 if rho0 else n
        return CellEnergetics(
            etc=working, synthase=working, leak=n, dehydrogenase=n, demand=cell.demand, glycolysis=cell.glycolysis, nonmito=cell.nonmito,
            volume=cell.cytosol, leak_factor=cell.leak_factor, substrate=cell.substrate,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A steady state: OCR, mitochondrial OCR, lactate, ECAR [fmol/min], psi [mV], NADH fraction, ATP [mM]."""

    ocr: float
    mito: float
    lactate: float
    ecar: float
    psi: float
    nadh: float
    atp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StressTest:
    """Readings per phase, and what is derived from them [fmol/min]; ``fccp_dose`` is the optimum in FCCP equivalents."""

    phases: dict[str, Reading]
    atp_linked: float
    leak: float
    maximal: float
    spare: float
    non_mitochondrial: float
    coupling: float
    fccp_dose: float


def scratch_cells(cell: CellEnergetics) -> Any:
    """A table of one cell, in energy class 0."""
    cells = schema.allocate("Cells", 1)
    sums = cells.sums[0, 0]
    unit = 1.0 / SUM_SCALE
    with_i = cell.etc if cell.complex_i is None else cell.complex_i
    sums[SUM_COUNT] = 1 if cell.dehydrogenase > 0.0 else 0
    for column, value in (
        (SUM_MASS, cell.dehydrogenase), (SUM_ETC, cell.etc), (SUM_ETC_COMPLEX_I, with_i), (SUM_SYNTHASE, cell.synthase),
        (SUM_LEAK, cell.leak), (SUM_DEHYDROGENASE, cell.dehydrogenase),
    ):  # fmt: skip
        sums[column] = int(value * unit + 0.5)
    cells.state[0] = CELL_LIVE
    for name in ("demand", "glycolysis", "nonmito", "volume", "leak_factor", "substrate"):
        getattr(cells, name)[0] = getattr(cell, name)
    cells.atp[0] = RESTING_ATP
    cells.psi[0] = 150.0
    return cells


def _rest_groups(n: int = 1) -> Any:
    groups = schema.allocate("Groups", n, n_nodes=N_NODES)
    groups.nodes[:] = [node.rest for node in NODES]
    return groups


def _readings(cells: Any) -> dict[str, Any]:
    """Columns of a settled table, in the units of a :class:`Reading`."""
    mito = cells.oxygen_flux_class.sum(axis=1, dtype=np.float64) * FMOL_MIN
    lactate = cells.lactate_flux.astype(np.float64) * FMOL_MIN
    return {
        "ocr": cells.oxygen_flux.astype(np.float64) * FMOL_MIN, "mito": mito, "lactate": lactate, "ecar": lactate + CO2_ACIDITY * mito,
        "psi": cells.psi[:, 0].astype(np.float64), "nadh": cells.nadh[:, 0].astype(np.float64), "atp": cells.atp.astype(np.float64),
    }  # fmt: skip


def _settled(cells: Any, groups: Any, p: Parameters, backend: Any) -> dict[str, Any]:
    backend.push(cells, groups)
    backend.each(settle_cell, len(cells.id), cells, groups, p)
    backend.pull(cells)
    return _readings(cells)


def settle(
    cell: CellEnergetics, p: Parameters, *, oxygen: float = 190.0, glucose: float = 10.0, nodes: dict[int, float] | None = None
) -> Reading:
    """Steady state of one cell.

    Args:
        cell: its numbers.
        p: parameters of ``energetics``.
        oxygen: O2 [uM].
        glucose: glucose [mM].
        nodes: values of nodes by index (``core.nodes.NODE_*``), for drugs.
    """
    cells, groups = scratch_cells(cell), _rest_groups()
    cells.env[:, OXYGEN], cells.env[:, GLUCOSE] = oxygen, glucose
    for index, value in (nodes or {}).items():
        groups.nodes[:, index] = value
    return Reading(**{k: float(v[0]) for k, v in _settled(cells, groups, p, Reference()).items()})


def _stress(cells: Any, groups: Any, p: Parameters, backend: Any, oligomycin: float, titration: tuple[float, ...]) -> tuple[Any, float]:
    """The four phases on scratch tables. Returns readings per phase and the dose of FCCP."""
    out = {"basal": _settled(cells, groups, p, backend)}
    groups.nodes[:, NODE_SYNTHASE_BLOCK] = np.maximum(groups.nodes[:, NODE_SYNTHASE_BLOCK], oligomycin)
    out["oligomycin"] = _settled(cells, groups, p, backend)
    base = groups.nodes[:, NODE_UNCOUPLER].copy()
    best: dict[str, Any] = {}
    dose = 0.0
    for u in titration:
        groups.nodes[:, NODE_UNCOUPLER] = base + u
        found = _settled(cells, groups, p, backend)
        if not best or found["ocr"].sum() > best["ocr"].sum():
            best, dose = found, u
    out["fccp"] = best
    groups.nodes[:, NODE_UNCOUPLER] = base + dose
    cells.sums[:, :, SUM_ETC] = 0
    cells.sums[:, :, SUM_ETC_COMPLEX_I] = 0
    out["rotenone_antimycin"] = _settled(cells, groups, p, backend)
    return out, dose


def _derived(ocr: dict[str, float], mito_basal: float) -> dict[str, float]:
    non = ocr["rotenone_antimycin"]
    basal = ocr["basal"] - non
    linked = ocr["basal"] - ocr["oligomycin"]
    maximal = ocr["fccp"] - non
    return {
        "atp_linked": linked, "leak": ocr["oligomycin"] - non, "maximal": maximal, "spare": maximal - basal, "non_mitochondrial": non,
        "coupling": linked / basal if mito_basal > 0.0 and basal > 0.0 else 0.0,
    }  # fmt: skip


def virtual_seahorse(
    cell: CellEnergetics,
    p: Parameters,
    *,
    oxygen: float = 190.0,
    glucose: float = 10.0,
    oligomycin: float = 1.0,
    titration: tuple[float, ...] = TITRATION,
) -> StressTest:
    """The stress test on one cell.

    Args:
        cell: its numbers; never changed.
        p: parameters of ``energetics``.
        oxygen: O2 [uM].
        glucose: glucose [mM].
        oligomycin: share of the synthase that oligomycin blocks.
        titration: FCCP doses tried [FCCP equivalents].
    """
    cells, groups = scratch_cells(cell), _rest_groups()
    cells.env[:, OXYGEN], cells.env[:, GLUCOSE] = oxygen, glucose
    out, dose = _stress(cells, groups, p, Reference(), oligomycin, titration)
    phases = {name: Reading(**{k: float(v[0]) for k, v in columns.items()}) for name, columns in out.items()}
    ocr = {name: r.ocr for name, r in phases.items()}
    return StressTest(phases=phases, fccp_dose=dose, **_derived(ocr, phases["basal"].mito))


def measure(
    world: Any,
    rows: Any,
    *,
    oxygen: float = 190.0,
    glucose: float = 10.0,
    oligomycin: float = 0.98,
    titration: tuple[float, ...] = (10.0, 15.0, 20.0, 25.0, 30.0),
    normalisation_cv: float = 0.1,
) -> dict[int, dict[str, float]]:
    """The stress test on cells of a world, pooled per well; writes nothing.

    Args:
        world: the plate.
        rows: rows of cells; those not alive are left out.
        oxygen: O2 of the assay medium [uM].
        glucose: glucose of the assay medium [mM].
        oligomycin: share of the synthase that oligomycin blocks.
        titration: FCCP doses tried; the best of each plate is used.
        normalisation_cv: error of the count of cells by which a well is divided.

    Returns:
        Per well with live cells: OCR and ECAR of each phase ("basal_ocr", ...), the derived rates [fmol/min per cell],
        "coupling", "fccp_dose", "n_cells", and "normalisation", the factor by which the count was off.
    """
    world.backend.pull(world.cells, world.groups, world.wells)
    rows = np.asarray(rows, dtype=np.int64)
    state = world.cells.state[rows]
    rows = rows[(state == CELL_LIVE) | (state == CELL_MOMP)]
    if rows.size == 0:
        return {}
    cells = schema.allocate("Cells", rows.size)
    for name in _COPIED:
        getattr(cells, name)[:] = getattr(world.cells, name)[rows]
    cells.state[:] = CELL_LIVE
    cells.env[:, OXYGEN], cells.env[:, GLUCOSE] = oxygen, glucose
    used, cells.group[:] = np.unique(world.cells.group[rows], return_inverse=True)
    groups = schema.allocate("Groups", used.size, n_nodes=world.groups.nodes.shape[1])
    groups.nodes[:] = world.groups.nodes[used]
    p = world.parameters.get("energetics")
    if p is None:
        p = world.spec.parameters_of("energetics", Parameters)
    out, dose = _stress(cells, groups, p, world.backend, oligomycin, titration)
    well = world.cells.well[rows]
    result: dict[int, dict[str, float]] = {}
    for w in np.unique(well):
        chosen = well == w
        u = uniform(int(world.wells.key0[w]), int(world.wells.key1[w]), 0, 0, ASSAY_SEAHORSE, int(world.tick), 0)
        factor = max(1.0 + normalisation_cv * normal_from(u), 0.1)
        pooled = {name: float(columns["ocr"][chosen].mean()) * factor for name, columns in out.items()}
        reading = {f"{name}_ocr": value for name, value in pooled.items()}
        reading |= {f"{name}_ecar": float(columns["ecar"][chosen].mean()) * factor for name, columns in out.items()}
        reading |= _derived(pooled, float(out["basal"]["mito"][chosen].sum()))
        reading |= {"fccp_dose": dose, "n_cells": float(chosen.sum()), "normalisation": factor}
        result[int(w)] = reading
    return result


__all__ = ["PHASES", "CellEnergetics", "Reading", "StressTest", "measure", "scratch_cells", "settle", "virtual_seahorse"]
