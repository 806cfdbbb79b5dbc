"""Run a plate into a run folder, and go on with one that was interrupted.

The state is checkpointed after the burn-in and then about every ``checkpoint_every`` seconds of wall time; rows that
were written after the last checkpoint are dropped on resuming and come again, so a run that was killed at any moment
ends in the same table, events and state as one that was not.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.assays.base import one_time_of_reading
from mitoferry.base.errors import CheckpointError, InputError, MitoferryError, Problem
from mitoferry.core.plate_spec import PlateSpec, spec_from_plain, spec_to_plain
from mitoferry.core.schema import Step
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.scout import mark_complete, send_scout
from mitoferry.store.checkpoint import any_checkpoint
from mitoferry.store.frames import frame_of
from mitoferry.store.paths import SPEC
from mitoferry.store.provenance import start_manifest
from mitoferry.store.run_folder import CHECKPOINTS, RunWriter, load_checkpoint, refuse_unless_unfinished
from mitoferry.store.snapshot import hollow, restore, snapshot

SPEC_FILE = SPEC
EXPERIMENT_FILE = "experiment.json"


class InterruptedRunError(MitoferryError):
    """The user stopped the run; it can be resumed."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run tells while it works.

    Attributes:
        phase: "preparing", "running", "writing".
        tick, until: simulated time now and at the end [s].
        handovers: mitochondria handed over so far.
    """

    phase: str
    tick: int
    until: int
    handovers: int


Report = Callable[[Progress], None]


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done in the folder of a run when its tables are there and before it is marked complete.

    Attributes:
        write: called with the folder: writes the summary and the report.
        prepare: called before, in a thread of its own while the tables are written: imports what ``write`` needs.
    """

    write: Callable[[Path], None]
    prepare: Callable[[], None] = _nothing


def _assays(spec: PlateSpec) -> list[tuple[Any, Any]]:
    from mitoferry.assays import load_assays

    assays = load_assays()
    return [(assays[m.assay], m) for m in spec.measurements]


def _population_index(spec: PlateSpec, name: str) -> int | None:
    if not name:
        return None
    for arm in spec.arms:
        for population in arm.populations:
            if population.name == name:
                return population.index
    return None


def wells_read(spec: PlateSpec, dish: str) -> frozenset[int]:
    """Wells in which a measurement is taken: those of the arms, or of the dishes in which the population ``dish`` is prepared."""
    index = _population_index(spec, dish)
    chosen = [a for a, arm in enumerate(spec.arms) if (None if arm.prepares is None else arm.prepares.population) == index]
    return frozenset(w for a in chosen for w in spec.wells_of(a))


class PlateRun:
    """One plate on its way through a run folder."""

    def __init__(self, spec: PlateSpec, writer: RunWriter, engine: Engine, *, report: Report | None = None) -> None:
        self.spec, self.writer, self.engine, self._report = spec, writer, engine, report
        self._measurements = [
            (assay, m, _population_index(spec, m.of), set(m.times), wells_read(spec, m.dish)) for assay, m in _assays(spec)
        ]
        self._stop = threading.Event()
        self._last_checkpoint = time.monotonic()
        self.timings = {"engine": 0.0, "assays": 0.0, "files": 0.0}
        engine.on_events = writer.append_events
        self._first_wells = {arm.name: a * spec.replicates for a, arm in enumerate(spec.main_arms)}

    def tell(self, phase: str) -> None:
        """Report progress to whoever listens."""
        if self._report is not None:
            self._report(Progress(phase, self.engine.tick, self.spec.until, self.engine.n_handovers))

    def measure(self) -> None:
        """Take the readings due now, and the frame."""
        tick = self.engine.tick
        start = time.perf_counter()
        step = Step(tick // self.spec.macro_step, tick, float(tick), float(self.spec.macro_step))
        with one_time_of_reading():
            for assay, m, population, times, read in self._measurements:
                if tick in times:
                    rows = assay.measure(self.engine.world, population, dict(m.options), step)
                    self.writer.append_readings([reading_row(r, tick, assay.name) for r in rows if r.well in read])
        middle = time.perf_counter()
        if tick % self.spec.save_every == 0 or tick >= self.spec.until:
            last = tick >= self.spec.until  # of which the report shows every arm
            wells = [w for name, w in self._first_wells.items() if last or name in self.spec.detail]
            self.writer.save_frame(tick, frame_of(self.engine.world, wells=wells))
        self.timings["assays"] += middle - start
        self.timings["files"] += time.perf_counter() - middle

    def checkpoint(self) -> None:
        """Save the state at this tick."""
        start = time.perf_counter()
        arrays, meta = snapshot(self.engine.world)
        self.writer.checkpoint(self.engine.tick, arrays, meta | {"handovers": self.engine.n_handovers})
        self._last_checkpoint = time.monotonic()
        self.timings["files"] += time.perf_counter() - start

    def run(self) -> Path:
        """Advance to the end, writing as it goes; returns the folder (not yet marked complete)."""
        with self.interruptible():
            self.tell("running")
            while not self.engine.finished:
                start = time.perf_counter()
                self.engine.advance()
                self.timings["engine"] += time.perf_counter() - start
                self.measure()
                self.tell("running")
                if self._stop.is_set():
                    self.checkpoint()
                    self.writer.close()
                    raise InterruptedRunError(
                        f"stopped at {self.engine.tick / 3600:.1f} h of {self.spec.until / 3600:.1f} h; nothing is lost. "
                        f"Go on with: mitoferry resume {self.writer.path}"
                    )
                if time.monotonic() - self._last_checkpoint > self.spec.checkpoint_every:
                    self.checkpoint()
                else:
                    self.writer.flush_if_large(self.engine.tick)
        return self.writer.path

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Turn Ctrl-C and a polite kill into a stop after the current macro-step."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, lambda *_: self._stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)


def reading_row(reading: Any, tick: int, assay: str) -> tuple[Any, ...]:
    """The row of the table that a reading makes: well, tick, assay, readout, of, value, unit."""
    return (reading.well, tick, assay, reading.readout, reading.of, reading.value, reading.unit)


def ledger_totals(engine: Engine) -> dict[str, Any]:
    """Booked births and losses of the whole plate, and what is there now. Mass in mass units (exact: steps of 1/8192)."""
    from mitoferry.core.ledger import QUANTITIES
    from mitoferry.core.schema import MASS_SCALE, TALLY_BORN, TALLY_DEGRADED, TALLY_LYSED, TALLY_MASS_IN, TALLY_MASS_OUT, TALLY_MOVED_OUT

    world = engine.world
    world.ledger.check(world, "end of run", engine.tick)
    books = world.wells.ledger.sum(axis=0)

    def amounts(counted: Any) -> dict[str, Any]:
        values = dict(zip(QUANTITIES, counted.sum(axis=0).tolist(), strict=True))
        return values | {"mass units": values["mass units"] * MASS_SCALE}

    return {
        "born": int(books[TALLY_BORN]), "degraded": int(books[TALLY_DEGRADED]), "lysed": int(books[TALLY_LYSED]),
        "moved": int(books[TALLY_MOVED_OUT]), "handed_over": engine.n_handovers,
        "mass_in": int(books[TALLY_MASS_IN]) * MASS_SCALE, "mass_out": int(books[TALLY_MASS_OUT]) * MASS_SCALE,
        "at_time_zero": amounts(world.ledger.opening), "now": amounts(world.ledger.count(world)),
    }  # fmt: skip


def start_run(
    spec: PlateSpec,
    out: str | Path,
    backend: Any,
    *,
    experiment: Any = None,
    report: Report | None = None,
    command: str = "",
    finish: Finish | None = None,
) -> Path:
    """Run a plate from its start into the new folder ``out``.

    Args:
        spec: the resolved run.
        out: a folder that does not exist yet, or is empty.
        backend: what advances the state.
        experiment: the experiment as the user wrote it, for manifest and report (plain values).
        report: called with a :class:`Progress` after each macro-step.
        command: the command line, for the manifest.
        finish: writes the summary and the report when the tables are there, before the folder is marked complete.

    Returns:
        The folder, complete.

    Raises:
        InputError: the folder may not be used.
        InterruptedRunError: the user stopped it.
    """
    from mitoferry.library.parameters import load_parameters

    manifest = start_manifest(spec, experiment=experiment, parameters=load_parameters(), backend=backend.name, command=command)
    writer = RunWriter.create(out, spec, manifest, files={SPEC_FILE: spec_to_plain(spec), EXPERIMENT_FILE: experiment})
    with _says_how_to_go_on(writer):
        return _from_the_start(spec, writer, backend, report, finish)


@contextmanager
def _says_how_to_go_on(writer: RunWriter) -> Iterator[None]:
    """Ctrl-C before the first macro-step (kernels are compiled then) or after the last one: the run can be resumed too."""
    try:
        yield
    except KeyboardInterrupt:
        writer.close()
        raise InterruptedRunError(f"stopped; what was written is kept. Go on with: mitoferry resume {writer.path}") from None


def _from_the_start(spec: PlateSpec, writer: RunWriter, backend: Any, report: Report | None, finish: Finish | None) -> Path:
    if report is not None:
        report(Progress("preparing", 0, spec.until, 0))
    engine = Engine(spec, backend)
    scout = send_scout(engine, backend)
    try:
        engine.burn_in()
        return _begun(PlateRun(spec, writer, engine, report=report), finish)
    finally:
        scout.stop()


def _begun(run: PlateRun, finish: Finish | None) -> Path:
    with run.interruptible():  # a signal from here on is kept until the loop can stop cleanly
        run.measure()
        run.checkpoint()
    return _to_the_end(run, finish)


def spec_of(folder: str | Path) -> PlateSpec:
    """The specification of an unfinished run.

    Raises:
        InputError: no unfinished run is there.
        CheckpointError: it cannot be read.
    """
    folder = Path(folder)
    refuse_unless_unfinished(folder)
    try:
        return spec_from_plain(json.loads((folder / SPEC_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        hint = "Start it again with mitoferry run, in another folder."
        found = "a run that was killed before it began, or whose specification was removed"
        raise InputError(Problem(str(folder), SPEC_FILE, "the specification of the run", found, hint=hint)) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{folder / SPEC_FILE} cannot be read ({error}). Start the run anew in another folder.") from error


def resume_run(folder: str | Path, backend: Any, *, report: Report | None = None, finish: Finish | None = None) -> Path:
    """Go on with an interrupted run; arguments and errors as :func:`start_run`.

    Raises:
        InputError: no unfinished run is there.
        CheckpointError: the folder's state cannot be read.
    """
    folder = Path(folder)
    spec = spec_of(folder)
    if not any_checkpoint(folder / CHECKPOINTS):
        writer = RunWriter.resume(folder, spec, -1)
        with _says_how_to_go_on(writer):
            return _from_the_start(spec, writer, backend, report, finish)
    engine = Engine(spec, backend)
    hollow(engine.world)
    arrays, meta = load_checkpoint(folder)
    restore(engine.world, arrays, meta)
    del arrays
    engine.tick, engine.n_handovers = int(meta["tick"]), int(meta["handovers"])
    writer = RunWriter.resume(folder, spec, engine.tick)
    with _says_how_to_go_on(writer):
        return _to_the_end(PlateRun(spec, writer, engine, report=report), finish)


def _to_the_end(run: PlateRun, finish: Finish | None) -> Path:
    run.run()
    mark_complete(run.engine.world.backend)
    run.tell("writing")
    if finish is None:
        return _written(run, None)
    with ThreadPoolExecutor(1, thread_name_prefix="mitoferry_libraries") as beside:
        ready = beside.submit(finish.prepare)

        def afterwards(folder: Path) -> None:
            ready.result()
            finish.write(folder)

        return _written(run, afterwards)


def _written(run: PlateRun, afterwards: Callable[[Path], None] | None) -> Path:
    ledger = ledger_totals(run.engine)
    arrays, _ = snapshot(run.engine.world)
    final = {"state_digest": digest(arrays)}
    del arrays
    hollow(run.engine.world)  # the report is made from the files
    timings = {k: round(v, 3) for k, v in run.timings.items()}
    return run.writer.finish({"ledger": ledger, "timings_s": timings, **final}, tick=run.spec.until, afterwards=afterwards)


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the state: equal for equal bytes of every column in use."""
    import hashlib

    h = hashlib.sha256()
    for name in sorted(arrays):
        if name.startswith(("neighbours/", "pages/free")):
            continue
        h.update(name.encode())
        h.update(np.ascontiguousarray(arrays[name]).data)
    return h.hexdigest()
