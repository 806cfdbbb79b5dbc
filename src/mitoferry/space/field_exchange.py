"""What cells, the medium above and blood exchange with the fields (``space/diffusion.py``)."""

from __future__ import annotations

from mitoferry.core.maths import exp, power
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ADP,
    ATP,
    CELL_APOPTOTIC,
    CELL_EMPTY,
    CELL_LIVE,
    CELL_MOMP,
    CELL_POOL,
    CELL_WAITING,
    GLUCOSE,
    H2O2,
    IL_1BETA,
    LACTATE,
    OXYGEN,
    PARACRINE,
    S100A4_SIGNAL,
    TNF_ALPHA,
)
from mitoferry.space.geometry import BLOCK

REFERENCE_CYTOSOL = 3.0  # pL, of the stromal cell of 10 um for which the clearance of H2O2 is given
PERFUSION = 1.0  # factor on the flow of blood at rest; what treatments make of it stands in ``wells.perfusion``
SMALLEST = 1e-6  # of a concentration in the quotient flux / concentration


@row
def amount(species):
    """Concentration times um^3 per amol (uM species), per ag (ng/mL species), per unit (all others)."""
    if species in (OXYGEN, ATP, ADP, H2O2, TNF_ALPHA, IL_1BETA):
        return 1000.0
    return 1.0


@row
def in_well(state):
    """Whether a row of the cells table is a cell in its well, dead or alive."""
    return state != CELL_EMPTY and state != CELL_POOL and state != CELL_WAITING


@row
def metabolises(state):
    """Whether a cell in this state exchanges oxygen, glucose, lactate and H2O2 with the medium."""
    return state in (CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC)


@row
def cleared(volume, h2o2_clearance):
    """Volume [um^3/s] of medium that a cell of ``volume`` pL of cytosol clears of H2O2: as its surface; see ``reactive_oxygen``."""
    return h2o2_clearance * power(volume / REFERENCE_CYTOSOL, 2.0 / 3.0)


@row
def cell_source(i, s, cells, fields):
    """What cell ``i`` releases of species ``s`` [concentration um^3 / s]."""
    q = amount(s) * max(float(fields.release[i, s]), 0.0)
    if s == LACTATE and metabolises(int(cells.state[i])):
        q += max(float(cells.lactate_flux[i]), 0.0)
    return q


@row
def cell_uptake(i, s, here, cells, h2o2_clearance):
    """Volume [um^3/s] that cell ``i`` clears of species ``s``; ``here`` is the concentration at the cell now.

    Oxygen and glucose: the flux of the energetics over the concentration that it saw, or over the present one where
    that is higher, so that a flux is never extrapolated beyond its own value.
    """
    if not metabolises(int(cells.state[i])):
        return 0.0
    if s == OXYGEN:
        seen = max(max(float(cells.env[i, s]), here), SMALLEST)
        return 1000.0 * max(float(cells.oxygen_flux[i]), 0.0) / seen
    if s == GLUCOSE:
        seen = max(max(float(cells.env[i, s]), here), SMALLEST)
        return max(float(cells.glucose_flux[i]), 0.0) / seen
    if s == H2O2:
        return cleared(float(cells.volume[i]), h2o2_clearance)
    return 0.0


@row
def border_is_held(w, s, wells):
    """1 if the faces of a walled block are held at the boundary concentration of species ``s``."""
    if int(wells.geometry[w]) == BLOCK and int(wells.periodic[w]) == 0 and float(wells.boundary[w, s]) >= 0.0:
        return 1
    return 0


@row
def is_protein(species):
    """Whether a species is a protein, which leaves tissue through the walls of its vessels and not with all of the blood."""
    return species in (TNF_ALPHA, IL_1BETA, PARACRINE, S100A4_SIGNAL)


@row
def permeated(flow, permeability):
    """Exchange [1/s] of a block with blood that flows at ``flow`` through vessels with walls of ``permeability`` (both 1/s).

    Renkin and Crone: F [1 - exp(-PS/F)], the flow for what passes freely, the permeability for what hardly passes.
    """
    if flow <= 0.0:
        return 0.0
    return flow * (1.0 - exp(-permeability / flow))


@row
def protein_exchange(w, wells, fields):
    """Exchange [1/s] of proteins between a periodic block and its blood.

    The permeability of vessels is one for all proteins (a modelling choice) and stands at the place of PARACRINE in ``to_bulk``.
    """
    flow = PERFUSION * float(wells.perfusion[w]) * float(fields.to_bulk[w, GLUCOSE])
    return permeated(flow, float(fields.to_bulk[w, PARACRINE]))


@row
def protein_loss(w, wells, fields):
    """Rate [1/s] at which proteins leave the block of well ``w`` with the blood; 0 in a dish, behind walls and without blood.

    Blood passes where it brings glucose.
    """
    if int(wells.geometry[w]) != BLOCK or int(wells.periodic[w]) == 0 or float(wells.boundary[w, GLUCOSE]) < 0.0:
        return 0.0
    return protein_exchange(w, wells, fields)


@row
def exchange(w, s, wells, fields):
    """Rates [1/s] (layer to bulk, bulk to layer, bulk to outside) and the concentration outside."""
    outside = float(wells.boundary[w, s])
    if int(wells.geometry[w]) == BLOCK:
        if is_protein(s) and outside < 0.0:
            return protein_loss(w, wells, fields), 0.0, 1.0e6, 0.0
        if outside < 0.0 or int(wells.periodic[w]) == 0:
            return 0.0, 0.0, 0.0, max(outside, 0.0)
        if is_protein(s):
            return protein_exchange(w, wells, fields), 0.0, 1.0e6, outside
        return PERFUSION * float(wells.perfusion[w]) * float(fields.to_bulk[w, s]), 0.0, 1.0e6, outside
    g = float(fields.to_bulk[w, s])
    height = float(wells.medium_height[w])
    if height <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    back = g * int(fields.shape[w, 2]) * float(fields.spacing[w, 2]) / height
    if outside < 0.0:
        return g, back, 0.0, 0.0
    return g, back, float(fields.surface[w, s]), outside


@row
def mean_and_bulk(c, bulk, source, g, back, surface, outside, k, dt):
    """Mean concentration of the layer and that of the bulk after ``dt``: exponential for the layer, implicit for the bulk.

    Returns:
        (mean, bulk). With k = 0 and surface = 0 the amount mean h + bulk H grows by source h dt exactly.
    """
    rate = g + k
    x = rate * dt
    if x < 1e-6:
        decayed = 1.0 - x + 0.5 * x * x
        first = dt * (1.0 - 0.5 * x)
        second = 0.5 * dt * dt
    else:
        decayed = exp(-x)
        first = (1.0 - decayed) / rate
        second = (dt - first) / rate
    own = (c * first + source * second) / dt
    shared = g * second / dt
    bulk = (bulk + dt * (surface * outside + back * own)) / (1.0 + dt * (back * (1.0 - shared) + surface + k))
    return c * decayed + first * (source + g * bulk), bulk


@row
def with_medium(w, s, wells, fields, dt):
    """An implicit step of a field and the well-mixed medium above it, the medium solved for: what the step starts from.

    Returns:
        the medium [conc] without what the field gives it; the share of the mean field that comes back within the step [1/s]; diagonal and
        right-hand side [1/s, conc/s] of exchange and decay; decay [1/s]; the concentration outside.
    """
    g, back, surface, outside = exchange(w, s, wells, fields)
    loss = float(fields.decay[w, s])
    below = 1.0 + dt * (back + surface + loss)
    bulk = (float(wells.bulk[w, s]) + dt * surface * outside) / below
    return bulk, g * dt * back / below, 1.0 / dt + loss + g, g * bulk, loss, outside


@row
def medium_after(w, s, held, implicit, bulk, total, n, wells, fields, dt):
    """Write the medium above a field after its step; ``bulk`` of :func:`with_medium`, ``total`` over the ``n`` voxels of the field."""
    _, back, surface, outside = exchange(w, s, wells, fields)
    if held != 0:
        wells.bulk[w, s] = outside
    elif implicit != 0:
        below = 1.0 + dt * (back + surface + float(fields.decay[w, s]))
        wells.bulk[w, s] = bulk + dt * back * total / n / below
