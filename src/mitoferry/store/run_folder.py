"""Writing a run folder so that it can be killed at any moment and go on to the same content.

While a run is under way its rows lie in ``parts/``: append-only files, each whole or absent, none of which spans a
checkpoint. A resumed run drops the parts after its checkpoint (:meth:`RunWriter.resume`). :meth:`RunWriter.finish`
merges the parts, and the rows of which none was made yet, into ``table.parquet``, ``events.parquet`` and ``run.zarr``, writes
the manifest, and last the marker COMPLETE; only then are parts and checkpoints removed. The merged files have fixed row groups
and chunks, so that their content does not depend on where a run was cut.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.plate_spec import PlateSpec
from mitoferry.store import belonging
from mitoferry.store import checkpoint as checkpoints
from mitoferry.store.atomic import TEMPORARY, RunFolderError, explain, replacing, write_json, write_text
from mitoferry.store.frames import FramesHeld, typed
from mitoferry.store.merge import merge_frames, merge_parquet
from mitoferry.store.paths import COMPLETE, MANIFEST, NEVER_BEGAN, RUNNING, claim_folder, is_run, never_began
from mitoferry.store.provenance import now
from mitoferry.store.tables import FORMAT, Names, event_schema, events_held, events_table, reading_schema, readings_table

PARTS = "parts"
CHECKPOINTS = "checkpoints"
TABLE, EVENTS, FRAMES, SUMMARY, REPORT = "table.parquet", "events.parquet", "run.zarr", "summary.json", "report.html"
_PART = re.compile(r"^(readings|events|frames)-(\d{12})-(\d{4})\.(parquet|npz)$")
FLUSH_ROWS = 500_000
FLUSH_FRAME_BYTES = 64 << 20


class RunWriter:
    """Writes one run folder. Make one with :meth:`create` or :meth:`resume`.

    Attributes:
        path: the folder.
        names: what engine numbers stand for.
        tick: time up to which everything is in the parts [s]; -1 = nothing yet.
    """

    def __init__(self, path: Path, names: Names, tick: int) -> None:
        self.path = path
        self.names = names
        self.tick = tick
        self._readings: list[Any] = []
        self._events: list[dict[str, np.ndarray]] = []  # of each macro-step
        self._frames: list[tuple[int, dict[str, dict[str, np.ndarray]]]] = []
        self._n_events = 0
        self._frame_bytes = 0
        self._latest = tick
        self._lock: int | None = None
        self._seals: dict[str, list[int]] = {}
        self._identity: dict[str, Any] = {}

    # ------------------------------------------------------------------ opening
    @classmethod
    def create(
        cls,
        path: str | Path,
        spec: PlateSpec,
        manifest: Mapping[str, Any],
        *,
        files: Mapping[str, Any] | None = None,
        where: str = "--out",
    ) -> RunWriter:
        """Claim a new folder and write the manifest of the start (``store.provenance.start_manifest``).

        ``files`` (name: content, written as JSON) are written before the manifest: a folder with a manifest, which is
        what makes it a run, always holds them.

        Raises:
            InputError: the folder may not be used; nothing was changed.
        """
        folder = claim_folder(path, where=where)
        writer = cls(folder, Names.of(spec), -1)
        try:
            writer._take_lock()
            (folder / PARTS).mkdir()
            for name, content in (files or {}).items():
                write_json(folder / name, content)
            write_json(folder / MANIFEST, dict(manifest) | {"state": "running"})
        except OSError as error:
            raise RunFolderError(explain(error, folder, "could not start the run in")) from error
        return writer

    @classmethod
    def resume(cls, path: str | Path, spec: PlateSpec, tick: int) -> RunWriter:
        """Open an unfinished run to go on from a checkpoint at ``tick``; what was written after it is dropped.

        Raises:
            InputError: no unfinished run is there, or another process is writing to it.
        """
        folder = Path(path)
        refuse_unless_unfinished(folder)
        writer = cls(folder, Names.of(spec), tick)
        writer._take_lock()
        (folder / PARTS).mkdir(exist_ok=True)
        writer.truncate_to(tick)
        return writer

    def _take_lock(self) -> None:
        """Hold RUNNING locked as long as this process lives, where the system has locks."""
        try:
            import fcntl
        except ImportError:
            return
        handle = os.open(self.path / RUNNING, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise InputError(
                Problem(
                    str(self.path),
                    "run folder",
                    "a run that nobody is writing",
                    "a run that another process is writing",
                    hint="Wait for it or stop it.",
                )
            ) from error
        except OSError:
            os.close(handle)
            return
        self._lock = handle

    def close(self) -> None:
        """Release the lock; buffered rows that were not flushed are lost (they come again after a resume)."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # ------------------------------------------------------------------ appending
    def append_readings(self, rows: Iterable[Any]) -> None:
        """Add readings: records with well, tick, assay, readout, of, value, unit (mapping, object or tuple)."""
        self._readings.extend(rows)

    def append_events(self, events: Any) -> None:
        """Add the events of a macro-step: an ``EventBuffer`` (its used rows) or a mapping of its columns. Copies."""
        held = events_held(events)
        if len(held["kind"]):
            self._events.append(held)
            self._n_events += len(held["kind"])

    def save_frame(self, tick: int, tables: Mapping[str, Mapping[str, Any]]) -> None:
        """Add a frame (``store.frames.frame_of``): ``{table: {column: array}}``. Copies."""
        frame = {name: {c: a.copy() for c, a in typed(name, dict(columns)).items()} for name, columns in tables.items()}
        self._frames.append((int(tick), frame))
        self._frame_bytes += sum(a.nbytes for columns in frame.values() for a in columns.values())

    def flush_if_large(self, tick: int) -> None:
        """Write the buffers out when they take much memory; call it at the end of a macro-step."""
        if self._n_events > FLUSH_ROWS or len(self._readings) > FLUSH_ROWS or self._frame_bytes > FLUSH_FRAME_BYTES:
            self.flush(tick)

    def flush(self, tick: int) -> None:
        """Write all buffered rows into parts that are complete up to ``tick``.

        Raises:
            RunFolderError: the disk is full or refuses; the buffers are kept and nothing half-written stays.
        """
        if self._readings:
            self._write_part("readings", tick, self._held_readings())
            self._readings = []
        if self._events:
            self._write_part("events", tick, self._held_events())
            self._events, self._n_events = [], 0
        if self._frames:
            arrays: dict[str, Any] = dict(FramesHeld(self._frames))
            with replacing(self._part("frames", tick, "npz")) as temporary, open(temporary, "wb") as file:
                np.savez(file, **arrays)
            self._frames, self._frame_bytes = [], 0
        self.tick = int(tick)

    def _held_readings(self) -> Any:
        return readings_table(self._readings, self.names)

    def _held_events(self) -> Any:
        columns = {name: np.concatenate([held[name] for held in self._events]) for name in self._events[0]}
        return events_table(columns, self.names)

    def _part(self, kind: str, tick: int, suffix: str) -> Path:
        for serial in range(10_000):
            path = self.path / PARTS / f"{kind}-{int(tick):012d}-{serial:04d}.{suffix}"
            if not path.exists():
                return path
        raise RunFolderError(f"{self.path / PARTS}: too many parts at {tick} s: please report it")

    def _write_part(self, kind: str, tick: int, table: Any) -> None:
        import pyarrow.parquet as pq

        with replacing(self._part(kind, tick, "parquet")) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    # ------------------------------------------------------------------ checkpoints
    def checkpoint(self, tick: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any] | None = None) -> None:
        """Flush, then save a checkpoint at ``tick``: after a kill the run goes on from here."""
        self.flush(tick)
        parts = [path for kind in ("readings", "events", "frames") for path in self.parts(kind)]
        self._identity = self._identity or belonging.identity(self.path)
        known = {"run": self._identity, "parts": belonging.seals(parts, self._seals)}
        checkpoints.save_checkpoint(self.path / CHECKPOINTS, arrays, dict(meta or {}) | known | {"tick": int(tick)})

    def truncate_to(self, tick: int) -> None:
        """Drop everything written after ``tick`` (-1: everything) and what a kill left half-written."""
        for path in (self.path / PARTS).iterdir():
            match = _PART.match(path.name)
            if match is None or int(match.group(2)) > tick:
                path.unlink()
        for name in (TABLE, EVENTS, SUMMARY, REPORT):
            (self.path / name).unlink(missing_ok=True)
        for path in [self.path / FRAMES, *self.path.glob(f"*{TEMPORARY}")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self._drop_held()
        self.tick = tick

    def _drop_held(self) -> None:
        self._readings, self._events, self._frames = [], [], []
        self._n_events = self._frame_bytes = 0

    def parts(self, kind: str) -> list[Path]:
        """The parts of "readings", "events" or "frames", in order of time."""
        found = [p for p in (self.path / PARTS).iterdir() if (m := _PART.match(p.name)) and m.group(1) == kind]
        return sorted(found, key=lambda p: p.name)

    # ------------------------------------------------------------------ ending
    def finish(self, manifest: Mapping[str, Any] | None = None, *, tick: int, afterwards: Callable[[Path], None] | None = None) -> Path:
        """Merge the parts and what is still held, write what remains and mark the folder complete.

        What is held goes into the final files at once: a part of it would be dropped by a run that is resumed, as it comes after the
        last checkpoint.

        Args:
            manifest: entries to add to the manifest (timings, ledger totals, warnings).
            tick: the end of the run [s].
            afterwards: called with the folder when tables, frames and manifest are there and before it is marked
                complete: writes ``summary.json`` and ``report.html``.

        Returns:
            The folder.
        """
        readings = [self._held_readings()] if self._readings else []
        merge_parquet([*self.parts("readings"), *readings], self.path / TABLE, reading_schema())
        events = [self._held_events()] if self._events else []
        merge_parquet([*self.parts("events"), *events], self.path / EVENTS, event_schema(self.names))
        merge_frames([*self.parts("frames"), FramesHeld(self._frames)], self.path / FRAMES, self.names)
        self._drop_held()
        old = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        write_json(self.path / MANIFEST, old | {"ended": now()} | dict(manifest or {}) | {"state": "complete", "until": int(tick)})
        if afterwards is not None:
            afterwards(self.path)
        write_text(self.path / COMPLETE, FORMAT + "\n")
        with contextlib.suppress(OSError):
            shutil.rmtree(self.path / PARTS)
            checkpoints.remove_checkpoints(self.path / CHECKPOINTS)
            (self.path / RUNNING).unlink(missing_ok=True)
        self.close()
        return self.path


def refuse_unless_unfinished(folder: Path) -> None:
    """Check that ``folder`` holds a run that can be resumed.

    Raises:
        InputError: it does not exist, holds no run, or holds a finished one.
    """
    place = ascii(str(folder))[1:-1][:200]
    if not folder.is_dir() or not is_run(folder):
        found = "no such folder" if not folder.exists() else "a folder without a run"
        hint = "Give the folder that was named when the run started."
        if folder.is_dir() and never_began(folder):
            found, hint = NEVER_BEGAN, "Nothing was computed, so nothing is lost: start it again with mitoferry run, in another folder."
        raise InputError(Problem(place, "run folder", "the folder of an unfinished run", found, hint=hint))
    if (folder / COMPLETE).exists():
        raise InputError(
            Problem(place, "run folder", "the folder of an unfinished run", "a finished run", hint=f"See it with: mitoferry report {place}")
        )


def load_checkpoint(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """State and meta of the newest good checkpoint of the run in ``folder`` that belongs to it and whose parts are whole.

    Raises:
        InputError: no unfinished run is there.
        CheckpointError: no good checkpoint is left.
    """
    folder = Path(folder)
    refuse_unless_unfinished(folder)
    wanted = belonging.identity(folder)

    def check(meta: Mapping[str, Any]) -> str | None:
        return belonging.foreign(meta, wanted) or belonging.broken_part(meta, folder / PARTS)

    return checkpoints.load_checkpoint(folder / CHECKPOINTS, check=check)
