"""What all records of the library share: tags, reading YAML, and the data that other packages add.

Tags say how well a number is known: M measured, O order of magnitude, C modelling choice, S computed or simulated,
F fitted. A record without tag, source or unit is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from mitoferry.base import plugins
from mitoferry.base.errors import InputError, Problem
from mitoferry.library.parsed import parsed

TAGS = {
    "M": "measured",
    "O": "order of magnitude",
    "C": "modelling choice",
    "S": "computed or simulated",
    "F": "fitted",
}
DISTRIBUTIONS = ("loguniform", "lognormal", "uniform", "fixed")

__all__ = ["DISTRIBUTIONS", "TAGS", "check_evidence", "data_path", "numbers_in", "raise_all", "read_records", "read_sources", "read_yaml"]

R = TypeVar("R")


def data_path(*parts: str) -> Path:
    """A file or folder of the package data of the library."""
    return Path(str(resources.files("mitoferry.library").joinpath("data", *parts)))


def _parse(name: str, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise InputError(Problem(name, "file", "valid YAML", " ".join(str(error).split()))) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML 1.2 file as plain dictionaries.

    Raises:
        InputError: the file is missing, is not YAML, or does not hold a mapping.
    """
    try:
        content = parsed(path.read_text(encoding="utf-8"), lambda text: _parse(path.name, text))
    except OSError as error:
        raise InputError(Problem(path.name, "file", "a readable file", error.strerror or str(error))) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(Problem(path.name, "file", "a mapping of names to records", type(content).__name__))
    return content


def read_sources(own: list[Path], group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The package's own files, then what other packages add by the entry-point group ``group``.

    An entry point resolves to a mapping in the format of the file, to a path of such a file, or to a function that
    returns one of these.

    Yields:
        Name of the source and its content.
    """
    for path in own:
        yield path.name, read_yaml(path)
    for point in plugins.points(group):
        content = point.load()
        if callable(content):
            content = content()
        if isinstance(content, (str, os.PathLike)):
            content = read_yaml(Path(content))
        if not isinstance(content, Mapping):
            raise InputError(
                Problem(f"entry point {point.name} of {group}", "value", "a mapping or a path of a YAML file", type(content).__name__)
            )
        yield f"entry point {point.name}", dict(content)


def read_records(
    own: list[Path], group: str, read: Callable[[str, str, Any], tuple[R | None, list[Problem]]], twice: tuple[str, str]
) -> dict[str, R]:
    """The records by name in the files and entry points of :func:`read_sources`.

    Args:
        own: files of the package.
        group: entry-point group of the others.
        read: makes a record of (source, name, content), or tells its problems.
        twice: what was wanted and what was found where a name is used a second time.

    Raises:
        InputError: with all problems of all records.
    """
    records: dict[str, R] = {}
    problems: list[Problem] = []
    for where, content in read_sources(own, group):
        for key, raw in content.items():
            name = str(key)
            record, wrong = read(where, name, raw)
            problems += wrong
            if record is None:
                continue
            if name in records:
                problems.append(Problem(where, name, *twice))
            records[name] = record
    raise_all(problems)
    return records


def check_evidence(where: str, key: str, record: Mapping[str, Any], *, need: tuple[str, ...] = ("tag", "source", "unit")) -> list[Problem]:
    """Problems of a record's tag, source and unit."""
    problems = []
    for name in need:
        value = record.get(name)
        if not isinstance(value, str) or not value.strip():
            problems.append(
                Problem(where, f"{key}.{name}", "a text", repr(value), hint="Every number of the library has a unit, a tag and a source.")
            )
    if isinstance(record.get("tag"), str) and record["tag"] not in TAGS:
        problems.append(Problem(where, f"{key}.tag", "one of " + ", ".join(f"{k} ({v})" for k, v in TAGS.items()), repr(record["tag"])))
    return problems


def numbers_in(value: Any, n: int) -> tuple[float, ...] | None:
    """``value`` as ``n`` finite floats, or None if it is not that."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if len(items) != n or any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in items):
        return None
    floats = tuple(float(x) for x in items)
    return floats if all(x == x and abs(x) != float("inf") for x in floats) else None


def raise_all(problems: list[Problem]) -> None:
    """Raise one error with all problems, if there are any."""
    if problems:
        raise InputError(problems)
