"""What a run was made with: versions, machine, seed, resolved experiment, parameters and their sources."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib import metadata
from typing import Any

from mitoferry.store.tables import FORMAT

LIBRARIES = ("numpy", "numba", "scipy", "pyarrow", "pandas", "matplotlib", "numba-cuda")


def versions() -> dict[str, str]:
    """Versions of mitoferry, Python and the libraries that can change a number."""
    found = {"python": platform.python_version()}
    for name in ("mitoferry", *LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, cores, memory and operating system; no host or user names."""
    info: dict[str, Any] = {"system": f"{platform.system()} {platform.release()}", "processor": platform.machine(), "cores": os.cpu_count()}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            info["processor"] = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), info["processor"])
        info["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (OSError, ValueError, AttributeError):
        pass
    return info


def plain(value: Any) -> Any:
    """A dataclass or pydantic model as plain dictionaries; other values unchanged."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value


def start_manifest(spec: Any, *, experiment: Any = None, parameters: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The manifest at the start of a run.

    Args:
        spec: the ``PlateSpec``.
        experiment: the resolved experiment (what the user asked for: title, question, sources, expect ...).
        parameters: records of the library by name (objects or mappings with unit, range, tag, source, about); the
            values are those of ``spec``.
        more: further entries: backend, threads, command line.
    """
    resolved = asdict(spec)
    values = resolved.pop("parameters")
    records = {}
    for name, value in values.items():
        record = (parameters or {}).get(name)
        get = record.get if isinstance(record, Mapping) else lambda key, default=None, r=record: getattr(r, key, default)
        records[name] = {"value": value} | {
            key: plain(get(key, None)) for key in ("unit", "range", "tag", "source", "about") if record is not None
        }
        default = get("value", value) if record is not None else value
        if default != value:
            records[name]["library_value"] = default
    return {
        "format": FORMAT,
        "state": "running",
        "name": spec.name,
        "started": now(),
        "seed": spec.seed,
        "replicates": spec.replicates,
        "arms": [arm.name for arm in spec.main_arms],
        "arms_left_out": [arm.name for arm in spec.left_out if arm.prepares is None],
        "versions": versions(),
        "machine": machine(),
        "python": sys.implementation.name,
        "experiment": plain(experiment),
        "plate": resolved,
        "parameters": records,
        **{key: plain(value) for key, value in more.items()},
    }


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
