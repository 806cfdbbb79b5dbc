"""Reading a run folder: tables, events, frames and manifest. Unfinished runs are read from their parts."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.store.atomic import RunFolderError
from mitoferry.store.frames import COLUMNS
from mitoferry.store.paths import COMPLETE, MANIFEST, is_run
from mitoferry.store.run_folder import EVENTS, FRAMES, PARTS, SUMMARY, TABLE
from mitoferry.store.tables import FORMAT, Names, read_parquet
from mitoferry.store.zarr_folder import read_rows

if TYPE_CHECKING:
    import pandas as pd


class RunFolder:
    """A run on disk; reads nothing until asked.

    Attributes:
        path: the folder.
        manifest: versions, resolved experiment, parameters with sources, seed, machine, timings, ledger totals.

    Raises:
        InputError: no run is there, or one of a format that this version does not read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._kept: dict[str, tuple[int, dict[str, np.ndarray]]] = {}  # per table the frame read last
        self._ticks: dict[str, np.ndarray] = {}
        place = ascii(str(path))[1:-1][:200]
        if not self.path.is_dir() or not is_run(self.path):
            found = "no such folder" if not self.path.exists() else "no run there"
            raise InputError(Problem(place, "run folder", "the folder of a run", found, hint="Give the folder that mitoferry run named."))
        try:
            self.manifest: dict[str, Any] = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{place}/{MANIFEST} cannot be read ({error}): the run folder is damaged") from error
        if self.manifest.get("format") != FORMAT:
            found = ascii(str(self.manifest.get("format")))
            raise InputError(Problem(place, "format", FORMAT, found, hint="It was written by another version: read it with that version."))

    @property
    def complete(self) -> bool:
        """Whether the run has ended and everything is there."""
        return (self.path / COMPLETE).exists()

    @cached_property
    def names(self) -> Names:
        """Names of arms, populations and haplotypes."""
        plate = self.manifest["plate"]
        found = {p["index"]: p for arm in plate["arms"] for p in arm["populations"]}
        indices = range(max(found, default=-1) + 1)
        return Names(
            arms=tuple(arm["name"] for arm in plate["arms"] if not arm.get("prepares")),
            dishes=tuple(arm["name"] for arm in plate["arms"] if arm.get("prepares")),
            replicates=int(plate["replicates"]),
            populations=tuple(found[k]["name"] if k in found else "" for k in indices),
            roles=tuple(found[k]["role"] if k in found else "" for k in indices),
            haplotypes=tuple(plate["haplotype_names"]),
        )

    def _parquet(self, name: str, kind: str) -> pd.DataFrame:
        import pandas as pd

        if (self.path / name).exists():
            return _pandas(read_parquet(self.path / name))
        parts = sorted((self.path / PARTS).glob(f"{kind}-*.parquet")) if (self.path / PARTS).is_dir() else []
        if not parts:
            raise RunFolderError(f"{self.path}: the run has written no {kind} yet")
        table = pd.concat([_pandas(read_parquet(p)) for p in parts], ignore_index=True)
        for column in table.select_dtypes(include="object").columns:
            table[column] = table[column].astype("category")
        return table

    def table(self) -> pd.DataFrame:
        """Every reading, one row per well and reading: well, arm, replicate, tick [s], hours, assay, readout, of, value, unit."""
        return self._parquet(TABLE, "readings")

    def events(self) -> pd.DataFrame:
        """Every logged event: hand-overs, loadings, links born and lost, deaths, divisions."""
        return self._parquet(EVENTS, "events")

    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds: per readout mean, interval and n, contrasts and findings."""
        path = self.path / SUMMARY
        if not path.exists():
            raise RunFolderError(f"{self.path}: the run has no summary yet")
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    def _table_of_frames(self, table: str) -> Path:
        """Folder of a table of the frames.

        Raises:
            KeyError: no such table.
            RunFolderError: the run has not written its frames yet.
        """
        if table not in COLUMNS:
            raise KeyError(f"frames have no table {table!r}; they have {list(COLUMNS)}")
        if not (self.path / FRAMES).is_dir():
            raise RunFolderError(f"{self.path}: no frames are there; they are written when the run ends")
        return self.path / FRAMES / table

    def frame_ticks(self, table: str = "cells") -> np.ndarray:
        """Times [s] at which ``table`` was saved, int64."""
        if table not in self._ticks:
            self._ticks[table] = read_rows(self._table_of_frames(table) / "tick")
        return self._ticks[table]

    def frame(self, table: str, tick: int, *, well: int | None = None) -> dict[str, np.ndarray]:
        """One table of the frame at ``tick``: a mapping of its columns.

        Args:
            table: "cells", "links", "mitochondria" or "hosts".
            tick: one of :meth:`frame_ticks`.
            well: only the rows of this well.

        Raises:
            KeyError: there is no such table or time.
        """
        group = self._table_of_frames(table)
        at = np.flatnonzero(self.frame_ticks(table) == tick)
        if not at.size:
            raise KeyError(f"no frame of {table} at {tick} s; saved times: {self.frame_ticks(table).tolist()[:20]}")
        first, last = read_rows(group / "offset", int(at[0]), int(at[0]) + 2).tolist()
        if self._kept.get(table, (None,))[0] != tick:
            self._kept[table] = (int(tick), {name: read_rows(group / name, first, last) for name in COLUMNS[table]})
        columns = self._kept[table][1]
        if well is None:
            return dict(columns)
        keep = columns["well"] == well
        return {name: a[keep] for name, a in columns.items()}


def _pandas(table: Any) -> pd.DataFrame:
    """A data frame in which ids stay whole numbers where some are missing."""
    import pandas as pd
    import pyarrow as pa

    return table.to_pandas(types_mapper={pa.uint32(): pd.UInt32Dtype()}.get)
