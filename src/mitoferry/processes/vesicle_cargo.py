"""What small vesicles carry besides mitochondria: whole mtDNA in exosomes, microRNA in microvesicles.

Mechanism, per well, the medium stirred; k_c = capture 4 pi D R x type's uptake x node endocytosis x node temperature x Hill2(ATP)/V is
the rate at which cell c takes an exosome of radius r out of the volume V of the medium, K the sum over cells, d the loss in the medium:

* mtDNA: of the exosomes of a cell (``vesicle_release``: rate x node exosomes) the share mtdna_chance x node mtdna_packaging x (copies
  in the cell/copies of its type) carries mtDNA, and the share whole_share of these a whole copy. It is taken out of a mitochondrion of
  the cell in proportion to the copies there. A copy in the medium is taken up at K, by cells in proportion to k_c, or lost at d; in a
  cell it enters a mitochondrion, any that is free in the cytosol with equal chances, with the chance entry_chance, else it is
  degraded. From then on it is replicated, expressed and counted as any other (``mtdna``), so that a cell without mtDNA comes to
  respire slowly;
* microRNA: the microvesicles of a cell (rate x node microvesicles x stress) carry one dose each x node microrna. The doses M in the
  medium follow dM/dt = release - (K + d) M, those m of a cell dm/dt = k_c M - m/lasting; ``signals`` divides the LPS that the cell
  feels by 1 + tolerance m, so that cells which clear the outsourced mitochondria of others stay calm.

Ledger: a copy is booked out of the donor when it is packed and into the recipient when it enters; between, it is counted in
``world.extra["vesicle_cargo.copies"]`` (per well, haplotype: packed, in the medium, entered, lost), of which packed = the others' sum.

Asked for by ``switches: {vesicle_cargo: on}``: most experiments need none of it. Assumptions: fragments of mtDNA do nothing; an insert lets
exosomes through. Step error: rates frozen; a copy packed in a step is in the medium from the next step on.
Verification: ``tests/verification/test_vesicle_cargo.py``. Sources: mtDNA in exosomes restores respiration, Sansone 2017 PNAS; microRNA
with outsourced mitochondria, Phinney 2015 Nat Commun (all from memory).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.maths import exp, hill2
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_MICRORNA, NODE_MTDNA_PACKAGING, NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import poisson_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_LIVE,
    CELL_MOMP,
    EXOSOME,
    MAX_COPIES,
    MICROVESICLE,
    N_HAPLOTYPES,
    TALLY_COPIES_IN,
    TALLY_COPIES_OUT,
)
from mitoferry.core.streams import MTDNA_VESICLES
from mitoferry.processes.free_mitochondria import medium_volume
from mitoferry.processes.keyed_choice import ALIKE, BY_COPIES, FREE, FREE_MASK, copies_in, first_of_clocks
from mitoferry.processes.nanotube_links import state_array, work_arrays
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.processes.vesicle_release import Parameters as Release
from mitoferry.processes.vesicle_release import rate_of
from mitoferry.processes.vesicle_size import diffusion_of
from mitoferry.processes.well_sums import Weights, add_up, allocate_weights, draw_cell

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

PI = 3.141592653589793
PACKED, FLYING, ENTERED, LOST = 0, 1, 2, 3
N_COUNTS = 4
NUMBER, WHICH, KIND, TAKEN, INTO = 0, 1024, 2048, 4096, 8192  # first draws of the stream
MOST = 1000
CLEARANCE, MICRORNA = 0, 1  # arms of the weights of cells: rate at which they take up [1/h], microRNA that they release [1/h]
LAYERS = 1  # an insert lets all through


class Parameters(NamedTuple):
    """Library: ``vesicle_cargo.*``."""

    mtdna_chance: float
    whole_share: float
    entry_chance: float
    exosome_radius: float  # nm
    viscosity: float  # mPa s
    capture: float
    atp_half: float  # share of resting ATP
    medium_loss: float  # 1/h
    microrna_lasting: float  # h


@row
def cargo_row(i, packed, weights, cells, groups, wells, release, p, step):
    """Packing, release and uptake of cell ``i``; returns how many copies it packs, ``packed[i]``."""
    packed[i] = 0
    weights.of[i, CLEARANCE] = 0.0
    weights.of[i, MICRORNA] = 0.0
    state = int(cells.state[i])
    if state != CELL_LIVE and state != CELL_MOMP:
        return 0
    w = int(cells.well[i])
    g = int(cells.group[i])
    whole = p.mtdna_chance * p.whole_share * max(float(groups.nodes[g, NODE_MTDNA_PACKAGING]), 0.0)
    held = 0.0
    for h in range(N_HAPLOTYPES):
        held += int(cells.copies[i, h])
    rate = rate_of(EXOSOME, i, cells, groups, release) * whole * held / max(float(groups.mtdna[g]), 1.0)
    u = uniform(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, MTDNA_VESICLES, step.step, NUMBER)
    n = poisson_from(rate * step.dt / 3600.0, u)
    packed[i] = n
    weights.of[i, MICRORNA] = rate_of(MICROVESICLE, i, cells, groups, release) * max(float(groups.nodes[g, NODE_MICRORNA]), 0.0)
    power = float(groups.uptake[g]) * float(groups.nodes[g, NODE_ENDOCYTOSIS]) * float(groups.nodes[g, NODE_TEMPERATURE])
    power = power * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)
    reach = 4.0 * PI * 3600.0 * diffusion_of(p.exosome_radius, p.viscosity) * float(cells.radius[i])
    weights.of[i, CLEARANCE] = p.capture * reach * max(power, 0.0) / medium_volume(wells, w)
    return n


@row
def pack(lane, ends, rows, packed, counts, mitochondria, pages, cells, wells, step):
    """Take the copies that the cells in list ``lane`` of ``rows`` pack in this step out of their mitochondria (``by_well``)."""
    for j in range(int(ends[lane]), int(ends[lane + 1])):
        i = int(rows[j])
        w = int(cells.well[i])
        key0 = int(wells.key0[w])
        key1 = int(wells.key1[w])
        for k in range(min(int(packed[i]), MOST)):
            slot = first_of_clocks(
                i, BY_COPIES, FREE_MASK, FREE, mitochondria, pages, cells, key0, key1, MTDNA_VESICLES, step.step, WHICH + k
            )  # fmt: skip
            if slot >= 0:
                left = uniform(key0, key1, int(cells.id[i]), 0, MTDNA_VESICLES, step.step, KIND + k) * copies_in(slot, mitochondria)
                h = 0
                while h < N_HAPLOTYPES - 1 and left >= int(mitochondria.copies[slot, h]):
                    left -= int(mitochondria.copies[slot, h])
                    h += 1
                mitochondria.copies[slot, h] = int(mitochondria.copies[slot, h]) - 1
                cells.tally[i, TALLY_COPIES_OUT + h] += 1
                counts[w, count_of(h, PACKED)] += 1
                counts[w, count_of(h, FLYING)] += 1


@row
def count_of(h, what):
    """Column of the counts of a well: copies of haplotype ``h`` that were packed, are flying, have entered or were lost."""
    return h * N_COUNTS + what


@row
def kind_of(q, ends):
    """Which well and haplotype (well times ``N_HAPLOTYPES`` plus haplotype) copy number ``q`` in the media is of: ``ends`` is ascending."""
    low = 0
    high = len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if q < int(ends[middle]):
            high = middle
        else:
            low = middle + 1
    return low


@row
def leaves_medium(q, ends, n_flying, weights, wells, p, step):
    """Whether copy number ``q`` in the media is taken up or lost in the step."""
    kind = kind_of(q, ends)
    w = kind // N_HAPLOTYPES
    number = q - int(ends[kind]) + int(n_flying[kind])
    u, _, _, _ = uniform4(
        int(wells.key0[w]), int(wells.key1[w]), kind - w * N_HAPLOTYPES, number, MTDNA_VESICLES, step.step, TAKEN
    )  # fmt: skip
    total = float(weights.total[w, CLEARANCE]) + p.medium_loss
    return 1 if u < 1.0 - exp(-total * (step.dt / 3600.0)) else 0


@row
def taker_of(j, leaving, ends, n_flying, targets, n_cells, weights, cells, wells, p, step):
    """The cell that copy number ``leaving[j]`` in the media enters, -1 if it is lost."""
    targets[j] = -1
    q = int(leaving[j])
    kind = kind_of(q, ends)
    w = kind // N_HAPLOTYPES
    number = q - int(ends[kind]) + int(n_flying[kind])
    _, v, x, y = uniform4(
        int(wells.key0[w]), int(wells.key1[w]), kind - w * N_HAPLOTYPES, number, MTDNA_VESICLES, step.step, TAKEN
    )  # fmt: skip
    taken = float(weights.total[w, CLEARANCE])
    if v * (taken + p.medium_loss) < taken and y < p.entry_chance:
        targets[j] = draw_cell(w, x, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, n_cells, LAYERS, cells, weights)


@row
def settle(lane, lists, order, leaving, targets, ends, n_flying, counts, mitochondria, pages, cells, wells, step):
    """Book what becomes of the copies ``leaving`` the media, those of list ``lane`` of ``order`` (``by_well``)."""
    for k in range(int(lists[lane]), int(lists[lane + 1])):
        j = int(order[k])
        q = int(leaving[j])
        kind = kind_of(q, ends)
        w = kind // N_HAPLOTYPES
        h = kind - w * N_HAPLOTYPES
        number = q - int(ends[kind]) + int(n_flying[kind])
        c = int(targets[j])
        slot = -1
        if c >= 0:
            slot = first_of_clocks(
                c, ALIKE, FREE_MASK, FREE, mitochondria, pages, cells, int(wells.key0[w]), int(wells.key1[w]), MTDNA_VESICLES, step.step,
                INTO + h * MOST + number,
            )  # fmt: skip
        counts[w, count_of(h, FLYING)] -= 1
        if slot >= 0 and int(mitochondria.copies[slot, h]) < MAX_COPIES:
            mitochondria.copies[slot, h] = int(mitochondria.copies[slot, h]) + 1
            cells.tally[c, TALLY_COPIES_IN + h] += 1
            counts[w, count_of(h, ENTERED)] += 1
        else:
            counts[w, count_of(h, LOST)] += 1


@row
def dose_row(i, doses, weights, cells, p, step):
    """MicroRNA of cell ``i`` after the step; ``doses``: mean number in the medium of each well over the step."""
    hours = step.dt / 3600.0
    steady = float(weights.of[i, CLEARANCE]) * float(doses[int(cells.well[i])]) * p.microrna_lasting
    cells.microrna[i] = steady + (float(cells.microrna[i]) - steady) * exp(-hours / p.microrna_lasting)


def medium_doses(amount: Any, release: Any, strength: Any, p: Parameters, hours: float) -> Any:
    """Exact step of dM/dt = release - (K + d) M: ``amount`` is changed, the mean over the step returned."""
    loss = strength + p.medium_loss
    decay = np.array([exp(-float(x) * hours) for x in loss])
    steady = release / loss
    mean = steady + (amount - steady) * (1.0 - decay) / (loss * hours)
    amount[:] = steady + (amount - steady) * decay
    return mean


def _work(world: Any) -> tuple[Any, Weights]:
    """Copies that cells pack (int64 [cells]), and their weights; the same arrays in every step."""
    backend, n = world.backend, len(world.cells.id)
    return work_arrays(
        world, "vesicle_cargo", n, None, lambda: (backend.zeros(n, np.int64), allocate_weights(backend, n, world.n_wells, LAYERS, 2))
    )


def fly(world: Any, weights: Weights, counts: Any, p: Parameters, step: Any) -> None:
    """Uptake and loss of the copies in the medium of every well."""
    backend, cells, wells = world.backend, world.cells, world.wells
    (now,) = backend.read(slice(0, world.n_wells), counts)
    flying = now[:, FLYING::N_COUNTS].flatten()
    ends = np.cumsum(flying)
    leaving = backend.select(leaves_medium, int(ends[-1]), ends, flying, weights, wells, p, step)
    if not leaving.size:
        return
    targets = backend.zeros(leaving.size, np.int64)
    backend.each(taker_of, leaving.size, leaving, ends, flying, targets, world.n_cells, weights, cells, wells, p, step)
    of_wells = np.searchsorted(ends, leaving, side="right") // N_HAPLOTYPES
    state = (world.mitochondria, world.pages, cells, wells)
    by_well(world, settle, np.arange(leaving.size), of_wells, leaving, targets, ends, flying, counts, *state, step, pages=0, events=0)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Pack, carry and take up the cargo of small vesicles for one step."""
    backend, n, m = world.backend, world.n_cells, world.n_wells
    release = world.parameters.get("vesicle_release")
    if release is None:
        release = world.spec.parameters_of("vesicle_release", Release)
    packed, weights = _work(world)
    rows = backend.select(cargo_row, n, packed, weights, world.cells, world.groups, world.wells, release, p, step)
    add_up(world, weights, LAYERS)
    counts = state_array(world, "vesicle_cargo.copies", m, np.int64, 0, width=N_HAPLOTYPES * N_COUNTS)
    fly(world, weights, counts, p, step)
    if rows.size:
        (of_wells,) = backend.read(rows, world.cells.well)
        state = (world.mitochondria, world.pages, world.cells, world.wells)
        by_well(world, pack, rows, of_wells, packed, counts, *state, step, pages=0, events=0)
    amount = state_array(world, "vesicle_cargo.microrna", m, np.float64, 0.0)
    (total,) = backend.read(slice(0, m), weights.total)
    doses = medium_doses(amount, total[:, MICRORNA], total[:, CLEARANCE], p, step.dt / 3600.0)
    backend.each(dose_row, n, doses, weights, world.cells, p, step)


def wanted(spec: PlateSpec) -> bool:
    """Used where it is switched on."""
    return spec.switches.get("vesicle_cargo") == "on"


PROCESS = Process(
    name="vesicle_cargo", stage="vesicles", clock="mitochondria", parameters=Parameters, advance=advance, writes_mitochondria=True,
    wanted=wanted,
)  # fmt: skip
