"""What other simulators took, or say of themselves (``published.yaml``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML


class Published(NamedTuple):
    """One simulator.

    Attributes:
        name: and version.
        kind: "measured" (by us, the same workload) or "published".
        machine: on which.
        comparable: what can be compared, and what cannot.
        seconds: per simulated hour of 1e5 cells, from and to.
        seconds_1e6: of 1e6 cells.
        bytes_per_cell: of memory.
        said: what is published.
    """

    name: str
    kind: str
    machine: str
    comparable: str
    seconds: tuple[float, float] | None = None
    seconds_1e6: tuple[float, float] | None = None
    bytes_per_cell: float | None = None
    said: str = ""


def published() -> list[Published]:
    """All entries of the table."""
    text = (Path(__file__).parent / "published.yaml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(text)
    pairs = ("seconds", "seconds_1e6")
    for entry in entries:
        entry.update({key: tuple(entry[key]) for key in pairs if key in entry})
    return [Published(**entry) for entry in entries]
