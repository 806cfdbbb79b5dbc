"""Problems that a user reads: what was wanted, what was found, the nearest name; errors of the schema turned into them."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mitoferry.base.errors import Problem
from mitoferry.experiment.names import nearest
from mitoferry.experiment.quantities import show
from mitoferry.experiment.tree import Map, Seq, locate

ROLES = ("recipient", "donor")
EVERYWHERE = ("both", "all", "medium")
_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def path_of(error: Any, tree: Any) -> tuple[Any, ...]:
    """The error's path through the file: what pydantic adds for unions and mapping keys is left out."""
    path: list[Any] = []
    node = tree
    for part in error["loc"]:
        if part == "[key]":
            break
        inside = (isinstance(node, Map) and part in node) or (isinstance(node, Seq) and isinstance(part, int) and part < len(node))
        if inside:
            node = node[part]
        elif isinstance(part, str) and node is not None and not isinstance(node, (Map, Seq)):
            continue
        else:
            node = None
        path.append(part)
    return tuple(path)


def from_validation(error: ValidationError, tree: Any, where: str, model: type[BaseModel]) -> list[tuple[tuple[Any, ...], Problem]]:
    """Each error of the schema with its path in ``tree``."""
    found = []
    for item in error.errors(include_url=False):
        path = path_of(item, tree)
        wanted, seen, hint = _words(item, path, model)
        place = locate(tree, path, where)
        found.append((path, Problem(place.where, place.key or "file", wanted, seen, line=place.line, hint=hint)))
    return found


def _words(item: Any, path: tuple[Any, ...], model: type[BaseModel]) -> tuple[str, str, str]:
    kind, context, given = item["type"], item.get("ctx", {}), show(item.get("input"))
    if kind == "mitoferry":
        return str(context["wanted"]), str(context["found"]), str(context["hint"])
    if kind == "extra_forbidden":
        known = keys_at(model, path[:-1])
        return "a known key", f"'{str(path[-1])[:60]}'", nearest(str(path[-1]), known)
    if kind == "missing":
        return f"the key '{path[-1]}'", "nothing", ""
    if kind == "literal_error":
        words = [w.strip("'") for w in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return "one of " + ", ".join(words), given, nearest(str(item.get("input")), words)
    if kind == "string_pattern_mismatch":
        return "a name of letters, digits and _, starting with a letter", given, ""
    if kind.startswith(("greater", "less", "too_", "string_too")):
        said = item["msg"].removeprefix("Input should be ").removeprefix("should ").lower()
        return said, given, ""
    return _WANTED.get(kind, item["msg"].removeprefix("Input should be ")), given, ""


def keys_at(model: Any, path: tuple[Any, ...]) -> list[str]:
    """Keys that the schema knows at ``path``; empty where any name is allowed."""
    for part in path:
        model = _step(model, part)
        if model is None:
            return []
    inner = _model_in(model)
    return [info.alias or key for key, info in inner.model_fields.items()] if inner is not None else []


def _step(annotation: Any, part: Any) -> Any:
    model = _model_in(annotation)
    if model is not None and not isinstance(part, int):
        info = next((i for key, i in model.model_fields.items() if part in (key, i.alias)), None)
        return None if info is None else info.annotation
    for option in _options(annotation):
        args = get_args(option)
        origin = getattr(option, "__origin__", None)
        if origin is dict:
            return args[1]
        if origin in (list, tuple) and args:
            return args[0]
    return None


def _options(annotation: Any) -> list[Any]:
    """Members of a union, with Annotated taken off."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if isinstance(annotation, types.UnionType) or str(getattr(annotation, "__origin__", "")) == "typing.Union":
        return [o for a in get_args(annotation) for o in _options(a)]
    return [annotation]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    return next((o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)), None)


@dataclass
class Collector:
    """Where problems are collected, with the tree that gives them their line."""

    where: str
    library: Any
    populations: set[str]
    end: float
    file: Any = None  # the file's own data
    timed: bool = True  # whether the file says when the run ends
    ending: str = "the end of the run"  # what is at ``end``
    dish: str | None = None  # population in whose dish of preparation they are, if in one
    problems: list[Problem] = field(default_factory=list)

    def add(self, tree: Any, path: tuple[Any, ...], wanted: str, found: str, hint: str = "") -> None:
        """Note a problem at ``path`` of ``tree``."""
        place = locate(tree, path, self.where)
        self.problems.append(Problem(place.where, place.key or "file", wanted, found, line=place.line, hint=hint))

    def unknown(self, tree: Any, path: tuple[Any, ...], wanted: str, name: str, known: Any) -> None:
        """Note a name that is not known."""
        self.add(tree, path, wanted, f"'{name[:60]}'", nearest(name, known))
