"""What a run will cost, before anything is allocated: memory, disk, a rough time, and how many wells an effect needs.

Memory is the most that a run holds: the tables of the schema (bytes per row times rows), the work space of the fields,
and the mitochondria of the last saved state, which is the largest; measured peaks agreed within 15 %. Time is that of one
core of an AMD EPYC virtual machine (family 26), fitted to eight plates of 35 thousand to 900 thousand mitochondria two
hours after the donors came in (all within 21 %), divided by the speed of this machine in a short test calculation; with
what the fit leaves out (deaths, many links, how threads share work) it is right within a factor of two or so. Disk is as
rough (measured, a day of msc-huvec-ogd with 1 and 3 replicates: 5 and 3 % below). A plate that does not fit into the memory that is
free, or whose run does not fit onto the disk, is refused.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from mitoferry.base.errors import InputError, MitoferryWarning, Problem
from mitoferry.core.nodes import N_NODES
from mitoferry.core.plate_spec import Arm, PlateSpec
from mitoferry.core.schema import COLUMNS, N_POOLS, N_SPECIES, PAGE, bytes_per_row
from mitoferry.experiment.plate import GEOMETRIES, HEADROOM_CELLS, HEADROOM_PAGES, pages_of
from mitoferry.experiment.room import cores_here, disk_free, memory_free
from mitoferry.space.field_groups import work_bytes
from mitoferry.space.grid import grid_shape

BASE_BYTES = 320e6  # Python, libraries, compiled kernels, while the report is made: 302 MB for a few cells
SPARSE_SHARE = 0.25  # of the columns of mitochondria that are nearly all 0: what is in memory
WORK_PER_CELL = 600  # neighbour grid, gathered forces, releases into the fields, proposals, events
FRAME_ROW = 160  # a saved mitochondrion, four times: as it is gathered, typed, kept until it is written, and as it is written
CHECKPOINTS = 3  # on disk, while one is replaced
CHECKPOINT_PACKED = 0.3  # bytes of a checkpoint per byte of state; 0.1 at the start, more after days
DEVICE_SHARE = 1.25  # of the state on a GPU: what steps work in, and the larger of two columns while a table grows
DEVICE_VOXEL = 150  # bytes of a voxel there: the fields of all wells are solved side by side
LINKS_PER_CELL = 4
VESICLES_PER_CELL = 2
RATE_PER_CORE = 5.9e7  # mitochondrion-steps per second
CELL_STEP = 2.1e-6  # seconds per cell, macro-step and core
VOXEL_STEP = 1.2e-8  # seconds per voxel, species, macro-step and core
STEP_OVERHEAD = 7.5e-4  # seconds per macro-step
START_SECONDS = 4.0  # libraries and kernels loaded from the cache, report
SHARED_WORK = 0.5  # part of the work that further cores share
UNCERTAINTY = 2.0  # factor either way
TEST_PASSES = 168_000.0  # passes of the test calculation per second on the machine of the fit
TEST_SECONDS = 0.2
SHARE_OF_FREE = 0.9
WARN_SHARE = 0.6
MAX_SLOTS = 2**31 - 1
# packed bytes on disk, of msc-huvec-ogd (mitochondria 6.1, cells and their links 25) and the small cocultures (7.4 at most)
SAVED_MITOCHONDRION, SAVED_CELL, EVENTS_PER_CELL_DAY = 6.5, 25.0, 700.0
DETAIL_LIMIT = 5e8  # bytes of mitochondria saved one by one over time that a run writes without being asked for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Size and cost of a plate.

    Attributes:
        wells, cells, mitochondria, voxels: how many, over the whole plate.
        slots: places for mitochondria that are allocated.
        memory, disk: bytes; disk is what stays when the run has ended.
        working_disk: bytes of disk besides while it runs: checkpoints, one more while one is replaced.
        seconds: rough time on ``cores`` cores, kernels compiled.
        speed: of this machine in the test calculation, 1 = the machine of the fit.
        available: bytes of memory that are free on this machine, 0 if unknown.
        disk_free: bytes that are free on the disk of the results (or of this folder), 0 if unknown.
        device: bytes that it takes of the memory of a GPU (``--backend cuda``), besides those of the machine.
    """

    wells: int
    cells: int
    mitochondria: int
    voxels: int
    slots: int
    memory: float
    disk: float
    working_disk: float = 0.0
    seconds: float
    cores: int
    available: float
    speed: float = 1.0
    disk_free: float = 0.0
    device: float = 0.0

    def __str__(self) -> str:
        free = f" ({size_text(self.available)} free here)" if self.available else ""
        if self.available and self.memory > SHARE_OF_FREE * self.available:
            free += ": more than this machine has; mitoferry run refuses it"
        room = f" ({size_text(self.disk_free)} free here)" if self.disk_free else ""
        if self.disk_free and self.disk + self.working_disk > SHARE_OF_FREE * self.disk_free:
            room += ": more than is free; mitoferry run refuses it"
        return (
            f"{self.wells} wells, {self.cells:,} cells, {self.mitochondria:,} mitochondria\n"
            f"memory  {size_text(self.memory)}{free}\n"
            f"        with --backend cuda also {size_text(self.device)} of the GPU's\n"
            f"disk    about {size_text(self.disk)} when it has ended, up to {size_text(self.working_disk)} more while it runs{room}\n"
            f"time    about {time_text(self.seconds)} on {self.cores} core{'s' if self.cores != 1 else ''}, right within a factor of "
            f"{UNCERTAINTY:g}: {time_text(self.seconds / UNCERTAINTY)} to {time_text(self.seconds * UNCERTAINTY)}\n"
            f"        (this machine now has {self.speed:.2g} times the speed of the one that was measured; "
            "the first run on a machine also compiles, about a minute)"
        )


def machine_speed(seconds: float = TEST_SECONDS) -> float:
    """Speed of one core here and now, relative to the machine of the fit: a fixed calculation, repeated for ``seconds``."""
    x, y = np.linspace(0.1, 1.0, 4096), np.empty(4096)
    key, words = np.arange(4096, dtype=np.uint64), np.empty(4096, dtype=np.uint64)

    def work() -> None:  # in place: what allocation costs says little about the engine
        np.exp(x, out=y)
        np.multiply(key, np.uint64(0xD2511F53), out=words)
        np.right_shift(words, np.uint64(32), out=words)

    work()
    passes, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        work()
        passes += 1
    return passes / passed / TEST_PASSES


def estimate(spec: PlateSpec, *, cores: int | None = None, speed: float = 1.0, folder: str | Path = ".") -> Estimate:
    """Cost of a plate.

    Args:
        spec: the resolved run.
        cores: cores to reckon with; default all that this process may use.
        speed: of the machine (:func:`machine_speed`).
        folder: where the results will be; it need not exist.
    """
    cores = cores or cores_here()
    spare = spec.parameters.get("seeding.spare_slots", 0.06)
    wells = len(spec.arms) * spec.replicates
    cells = sum(p.rows for arm in spec.arms for p in arm.populations) * spec.replicates
    held = sum(p.rows * p.cell_type.mitochondria for arm in spec.arms for p in arm.populations) * spec.replicates
    dosed = sum(d.source.count for arm in spec.arms for d in arm.doses) * spec.replicates
    held += dosed
    pages = dosed // PAGE + sum(p.rows * pages_of(p, spare) for arm in spec.arms for p in arm.populations) * spec.replicates
    slots = int(pages * HEADROOM_PAGES + 16 + 4 * N_POOLS * wells) * PAGE
    voxels = wells * _largest_grid(spec)
    steps = spec.until / spec.macro_step
    work = held * steps / RATE_PER_CORE + steps * (cells * CELL_STEP + voxels * N_SPECIES * VOXEL_STEP)
    state = _state(spec, wells, cells, slots, voxels, cores)
    memory = BASE_BYTES + state + FRAME_ROW * _one_replicate(spec)
    shared = 1.0 - SHARED_WORK + SHARED_WORK / cores
    return Estimate(
        wells=wells, cells=cells, mitochondria=round(held), voxels=voxels, slots=slots, memory=memory,
        disk=_disk(spec, cells), working_disk=CHECKPOINTS * CHECKPOINT_PACKED * state,
        seconds=(START_SECONDS + work * shared + steps * STEP_OVERHEAD) / speed, cores=cores,
        available=memory_free(), speed=speed, disk_free=disk_free(folder), device=_device(spec, wells, cells, slots, voxels),
    )  # fmt: skip


def _largest_grid(spec: PlateSpec) -> int:
    """Voxels of a well: all wells share the shape of the largest along each axis."""
    shapes = [_shape(arm) for arm in spec.arms]
    return math.prod(max(s[axis] for s in shapes) for axis in range(3))


def _shape(arm: Arm) -> tuple[int, int, int]:
    return grid_shape(GEOMETRIES[arm.geometry.kind], arm.geometry.size, arm.geometry.voxel)[0]


def _state(spec: PlateSpec, wells: int, cells: int, slots: int, voxels: int, cores: int) -> float:
    """Bytes of the tables and of the work space that belongs to them."""
    rows = (cells + N_POOLS * wells) * HEADROOM_CELLS + 4
    populations = max(len(arm.populations) for arm in spec.arms)
    return (
        slots * (bytes_per_row("Mitochondria") - (1.0 - SPARSE_SHARE) * _sparse_bytes())
        + slots / PAGE * bytes_per_row("Pages")
        + rows * (bytes_per_row("Cells") + 4 * N_SPECIES + WORK_PER_CELL)
        + wells * (bytes_per_row("Wells") + populations * (bytes_per_row("Groups") + 4 * N_NODES) + 40 * N_SPECIES)
        + cells * LINKS_PER_CELL * (bytes_per_row("Links") + bytes_per_row("Cargo"))
        + cells * VESICLES_PER_CELL * bytes_per_row("Vesicles")
        + voxels * N_SPECIES * 4
        + work_bytes(voxels // wells, cores)
    )


def _device(spec: PlateSpec, wells: int, cells: int, slots: int, voxels: int) -> float:
    """Bytes on a GPU: the state, all of whose columns are in memory there, and what the steps work in."""
    state = _state(spec, wells, cells, slots, voxels, cores=0) + slots * (1.0 - SPARSE_SHARE) * _sparse_bytes()
    return DEVICE_SHARE * state + DEVICE_VOXEL * voxels


def _sparse_bytes() -> int:
    """Bytes of a mitochondrion in the columns of which only what is written is in memory."""
    return sum(np.dtype(c.dtype).itemsize for c in COLUMNS["Mitochondria"].values() if c.sparse)


def _one_replicate(spec: PlateSpec) -> float:
    """Mitochondria of one replicate of all arms: they are saved one by one at the end."""
    return sum(_held(arm) for arm in spec.arms)


def detail_bytes(arm: Arm, until: float, save_every: float) -> float:
    """Disk that the mitochondria of one well of ``arm`` take, saved one by one at every saved time [bytes]."""
    return (until / save_every + 1) * _held(arm) * SAVED_MITOCHONDRION


def _held(arm: Arm) -> float:
    """Mitochondria in a well of an arm at its start, doses included."""
    return sum(p.count * p.cell_type.mitochondria for p in arm.populations) + sum(d.source.count for d in arm.doses)


def _disk(spec: PlateSpec, cells: int) -> float:
    """What a run leaves: frames, tables, events, report."""
    frames = spec.until / spec.save_every + 1
    series = sum(detail_bytes(arm, spec.until, spec.save_every) for arm in spec.arms if arm.name in spec.detail)
    last = _one_replicate(spec) * SAVED_MITOCHONDRION
    readings = sum(len(m.times) for m in spec.measurements) * len(spec.arms) * spec.replicates
    events = cells * spec.until / 86400.0 * EVENTS_PER_CELL_DAY
    return 4e6 + frames * cells * SAVED_CELL + series + last + events + readings * 6 * 4


def _too_much_for_the_disk(spec: PlateSpec, cost: Estimate, folder: str | Path) -> list[Problem]:
    """What is wrong where the results do not fit onto the disk of ``folder``."""
    needed, room = cost.disk + cost.working_disk, SHARE_OF_FREE * cost.disk_free
    if not cost.disk_free or needed <= room:
        return []
    found = f"{size_text(needed)}: {size_text(cost.disk)} of results and {size_text(cost.working_disk)} of checkpoints while it runs"
    hint = "Free some space, write elsewhere (--out), save less often (run.save_every), or fewer arms in detail (run.detail)."
    return [Problem(spec.name, "disk", f"a run that fits into the {size_text(room)} that it may take in {folder}", found, hint=hint)]


def refuse_unless_it_fits(spec: PlateSpec, *, available: float | None = None, folder: str | Path = ".", on_device: float = 0.0) -> Estimate:
    """The estimate, if the plate fits into memory and its results onto the disk; warns if it takes most of the memory.

    Args:
        spec: the resolved run.
        available: bytes; default what is free on this machine.
        folder: where the results will be; it need not exist.
        on_device: bytes that are free in the memory of the GPU that it is to run on; 0: on none, or unknown.

    Raises:
        InputError: it does not fit, or holds more mitochondria than can be indexed.
    """
    cost = estimate(spec, folder=folder)
    free = cost.available if available is None else available
    problems = _too_much_for_the_disk(spec, cost, folder)
    hint = "Seed fewer cells, run fewer arms or replicates, or use a larger machine."
    if free and cost.memory > SHARE_OF_FREE * free:
        found = f"{size_text(cost.memory)} for {cost.cells:,} cells and {cost.mitochondria:,} mitochondria in {cost.wells} wells"
        problems.append(Problem(spec.name, "memory", f"a plate that fits into {size_text(SHARE_OF_FREE * free)}", found, hint=hint))
    if on_device and cost.device > SHARE_OF_FREE * on_device:
        found = f"{size_text(cost.device)} for {cost.cells:,} cells and {cost.mitochondria:,} mitochondria in {cost.wells} wells"
        wanted = f"a plate that fits into {size_text(SHARE_OF_FREE * on_device)} of the GPU"
        problems.append(Problem(spec.name, "memory of the GPU", wanted, found, hint=hint.replace("machine", "GPU, or take --backend cpu")))
    if cost.slots > MAX_SLOTS:
        problems.append(Problem(spec.name, "mitochondria", f"at most {MAX_SLOTS:,} places for mitochondria", f"{cost.slots:,}", hint=hint))
    if problems:
        raise InputError(problems)
    if free and cost.memory > WARN_SHARE * free:
        text = f"this plate needs about {size_text(cost.memory)} of the {size_text(free)} of memory that are free"
        warnings.warn(text, MitoferryWarning, stacklevel=2)
    if on_device and cost.device > WARN_SHARE * on_device:
        text = f"this plate needs about {size_text(cost.device)} of the {size_text(on_device)} of the GPU's memory that are free"
        warnings.warn(text, MitoferryWarning, stacklevel=2)
    return cost


def wells_needed(effect: float, sd: float, *, power: float = 0.8, alpha: float = 0.05, correlation: float = 0.0) -> int:
    """Wells per arm that show a difference between two arms with a chance of ``power``.

    Normal approximation: ``n = 2 (1 - r) ((z_{1-alpha/2} + z_power) sd / effect)^2``, at least 2.

    Args:
        effect: difference of the means, in the unit of the readout.
        sd: standard deviation between wells of one arm.
        power: chance of a hit.
        alpha: chance of a false one, two-sided.
        correlation: between the arms over replicates; arms of one run share their random numbers and are paired.

    Raises:
        InputError: numbers that make no sense.
    """
    problems = [
        Problem("command line", name, wanted, f"{value:g}")
        for name, value, ok, wanted in (
            ("effect", effect, math.isfinite(effect) and effect != 0.0, "a number other than 0"),
            ("sd", sd, math.isfinite(sd) and sd > 0.0, "a number above 0"),
            ("power", power, 0.0 < power < 1.0, "a number between 0 and 1"),
            ("alpha", alpha, 0.0 < alpha < 1.0, "a number between 0 and 1"),
            ("correlation", correlation, -1.0 <= correlation < 1.0, "a number from -1 to below 1"),
        )
        if not ok
    ]
    if problems:
        raise InputError(problems)
    normal = NormalDist()
    z = normal.inv_cdf(1.0 - alpha / 2.0) + normal.inv_cdf(power)
    n = 2.0 * (1.0 - correlation) * (z * sd / effect) ** 2
    if not n < 1e9:
        raise InputError(
            Problem("command line", "effect", "an effect that a billion wells could show", f"{effect:g} with a spread of {sd:g}")
        )
    return max(2, math.ceil(n - 1e-9))


def size_text(n: float) -> str:
    """Bytes in words."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n / 1e3:.3g} KB"


def time_text(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} d"
