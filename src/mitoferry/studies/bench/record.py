"""A record of what was measured: a JSON file that later runs are compared with.

It holds the machine, the versions, the settings and a list of measures. A measure is a figure with all its repeats; readers find
it by its name ("loop.step", "wells.ratio"). New kinds of measures need no new format; a change of what stands here does.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mitoferry.base.errors import InputError, Problem
from mitoferry.store.atomic import write_bytes
from mitoferry.studies.bench.machine import Machine

SCHEMA: Literal["mitoferry/bench@1"] = "mitoferry/bench@1"
FAMILY = "mitoferry/bench@"
Better = Literal["less", "more", "neither"]
HINT = "Make a record with: mitoferry bench --json FILE"


class Measure(BaseModel):
    """One figure.

    Attributes:
        name: by which it is found, with dots between its parts.
        words: what it says, for a person.
        unit: of all repeats.
        better: whether less or more is better, or neither.
        median: of the repeats.
        repeats: every repeat, in order of time.
        work: on what it was measured: mitochondria, cells, macro-steps ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    words: str
    unit: str
    better: Better = "less"
    median: float
    repeats: tuple[float, ...] = Field(min_length=1)
    work: dict[str, int | float | str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_their_median(self) -> Measure:
        if not all(math.isfinite(x) for x in (*self.repeats, self.median)):
            raise ValueError("repeats that are not all finite numbers")
        if not math.isclose(self.median, statistics.median(self.repeats), rel_tol=1e-6, abs_tol=1e-12):
            raise ValueError(f"a median of {self.median:g}, which is not that of its repeats ({statistics.median(self.repeats):g})")
        return self

    @property
    def spread(self) -> float:
        """From the lowest to the highest repeat, in the measure's unit."""
        return max(self.repeats) - min(self.repeats)

    @property
    def relative_spread(self) -> float:
        """The spread in parts of the median; 0 for a median of 0."""
        return self.spread / abs(self.median) if self.median else 0.0


def measure(
    name: str, words: str, unit: str, repeats: Iterable[float], better: Better = "less", work: Mapping[str, Any] | None = None
) -> Measure:
    """A measure with the median of its repeats."""
    values = tuple(float(x) for x in repeats)
    return Measure(
        name=name, words=words, unit=unit, better=better, median=statistics.median(values), repeats=values, work=dict(work or {})
    )


class Settings(BaseModel):
    """What was asked for.

    Attributes:
        backend, threads: what computed, on how many threads.
        parts: what was measured, in order.
        seconds: time for which each plate was timed at least.
        clock: "wall" or "processor".
        large: whether plates of up to 10^8 mitochondria were asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: str
    threads: int = Field(ge=1)
    parts: tuple[str, ...]
    seconds: float = Field(gt=0.0)
    clock: Literal["wall", "processor"] = "wall"
    large: bool = False


class Record(BaseModel):
    """What one call of ``mitoferry bench`` found."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    format: Literal["mitoferry/bench@1"] = Field(default=SCHEMA, alias="schema")
    made: str
    versions: dict[str, str]
    machine: Machine
    settings: Settings
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Record:
        names = [m.name for m in self.measures]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"measures that stand there twice: {', '.join(twice)}")
        return self

    def get(self, name: str) -> Measure | None:
        """A measure by its name."""
        return next((m for m in self.measures if m.name == name), None)

    def under(self, start: str) -> list[Measure]:
        """All measures whose name starts so, in order."""
        return [m for m in self.measures if m.name.startswith(start)]

    def text(self) -> str:
        """The record as JSON, the same for the same record."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1, ensure_ascii=False) + "\n"


def write_record(record: Record, path: Path) -> None:
    """Write a record, whole or not at all.

    Raises:
        RunFolderError: it cannot be written.
    """
    write_bytes(path, record.text().encode())


def check_new_file(path: Path, option: str = "--json") -> None:
    """Look, before anything is measured, whether a record can be written there.

    Raises:
        InputError: there is something already, or no folder to write into.
    """
    if path.exists():
        raise InputError(Problem(option, str(path), "a file that is not there yet", "one that is", hint="Name another: records are kept."))
    if not path.parent.is_dir():
        raise InputError(Problem(option, str(path), "a file in a folder that is there", f"no folder {path.parent}"))


def read_record(path: str | Path) -> Record:
    """Read and check a record.

    Raises:
        InputError: there is none, it is damaged, something else, or of a version that this one cannot read.
    """
    path = Path(path)
    where = str(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(Problem(where, "file", "a record of mitoferry bench", "no such file", hint=HINT)) from None
    except OSError as error:
        raise InputError(Problem(where, "file", "a record that can be read", error.strerror or str(error))) from error
    except json.JSONDecodeError as error:
        found = f"{error.msg.lower()}, column {error.colno}: cut short, damaged, or another kind of file"
        raise InputError(Problem(where, "file", "JSON", found, line=error.lineno, hint=HINT)) from error
    except UnicodeDecodeError as error:
        raise InputError(Problem(where, "file", "JSON", "bytes that are no text", hint=HINT)) from error
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if schema != SCHEMA:
        raise InputError(_foreign(where, raw, schema))
    try:
        return Record.model_validate(raw)
    except ValidationError as error:
        raise InputError([_problem(where, raw, e) for e in error.errors()[:10]]) from error


def _foreign(where: str, raw: Any, found: Any) -> Problem:
    if isinstance(found, str) and found.startswith(FAMILY):
        hint = "It was written by another version of mitoferry: measure again, or read it with that version."
        return Problem(where, "schema", SCHEMA, repr(found), hint=hint)
    other = f"schema {found!r}" if found is not None else "no schema"
    keys = ", ".join(list(raw)[:4]) if isinstance(raw, dict) else ""
    return Problem(where, "schema", SCHEMA, f"{other}{f' (keys {keys})' if keys else ''}: no record of mitoferry bench", hint=HINT)


def _problem(where: str, raw: Any, error: Any) -> Problem:
    """One line for one fault, with the name of the measure rather than its number."""
    path = list(error["loc"])
    if path[:1] == ["measures"] and len(path) > 1 and isinstance(raw.get("measures"), list):
        entry = raw["measures"][path[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        path[1] = name or f"number {path[1] + 1}"
    wanted = error["msg"].removeprefix("Value error, ")
    found = error.get("input")
    if error["type"] == "value_error":
        return Problem(where, ".".join(map(str, path)) or "record", "what a bench writes", wanted, hint="The file was changed or damaged.")
    if error["type"] == "missing":
        return Problem(where, ".".join(map(str, path)), "an entry", "none", hint="The file was cut or damaged.")
    return Problem(where, ".".join(map(str, path)), wanted.lower(), repr(found)[:60], hint="The file was changed or damaged.")
