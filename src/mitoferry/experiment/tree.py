"""Reading YAML safely into plain data that remembers where each key stood.

Experiment files come from anywhere. A file is refused, with a message, if it is too large, nested too deeply, holds too
many entries, uses anchors, aliases, merge keys, tags or directives, repeats a key, or has a key that is not text: none of
these is needed, and each is a way to hang or fool a reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, Problem

MAX_BYTES = 512 * 1024
MAX_DEPTH = 24
MAX_NODES = 50_000
MAX_SCALAR = 20_000
_TAG = "tag:yaml.org,2002:"
_PLAIN = {"str", "int", "float", "bool", "null", "seq", "map", "timestamp"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stood: file or "--set", 1-based line, dotted path."""

    where: str
    line: int | None
    key: str


class Map(dict[str, Any]):
    """A mapping that knows the :class:`Place` of each of its keys."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, Place] = {}

    def put(self, key: str, value: Any, place: Place) -> None:
        """Set ``key`` and remember where it came from."""
        self[key] = value
        self.places[key] = place

    def drop(self, key: str) -> None:
        """Forget ``key``."""
        self.pop(key, None)
        self.places.pop(key, None)


class Seq(list[Any]):
    """A list that knows the :class:`Place` of each of its items."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []

    def put(self, value: Any, place: Place) -> None:
        """Append ``value`` and remember where it came from."""
        self.append(value)
        self.places.append(place)

    def drop(self, index: int) -> None:
        """Forget an item."""
        del self[index]
        del self.places[index]


def copy_tree(value: Any) -> Any:
    """A deep copy that keeps the places."""
    if isinstance(value, Map):
        new = Map()
        for key, item in value.items():
            new.put(key, copy_tree(item), value.places[key])
        return new
    if isinstance(value, Seq):
        seq = Seq()
        for item, place in zip(value, value.places, strict=True):
            seq.put(copy_tree(item), place)
        return seq
    return value


def locate(tree: Any, path: tuple[Any, ...], where: str) -> Place:
    """Place of the deepest part of ``path`` that exists, with the full dotted path as key."""
    place = Place(where, None, "")
    node = tree
    for n, part in enumerate(path):
        known = None
        if isinstance(node, Map) and part in node.places:
            known, node = node.places[part], node.get(part)
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node):
            known, node = node.places[part], node[part]
        if known is None:
            rest = ".".join(str(p) for p in path[n:])
            return Place(place.where, place.line, f"{place.key}.{rest}".strip("."))
        place = known
    return place


def read_text(path: Path) -> str:
    """Text of a file, within the limit of size.

    Raises:
        InputError: missing, unreadable, too large, or not UTF-8.
    """
    where = str(path)
    try:
        if path.is_dir() or not path.exists():
            found = "a folder" if path.is_dir() else "nothing"
            raise InputError(Problem(where, "file", "an experiment file", found, hint="mitoferry list names the shipped experiments"))
        if not path.is_file():
            raise InputError(Problem(where, "file", "an ordinary file", "a device or pipe"))
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InputError(Problem(where, "file", f"at most {MAX_BYTES // 1024} KB", "a larger file"))
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise InputError(Problem(where, "file", "a readable experiment file", reason)) from error


def read_tree(text: str, where: str) -> tuple[Map, list[Problem]]:
    """Plain data of a YAML text.

    Args:
        text: the file.
        where: its name, for messages.

    Returns:
        The top mapping and the problems that do not stop the reading (repeated keys, keys that are not text).

    Raises:
        InputError: not YAML, or one of the refusals of this module's docstring.
    """
    node = _compose(_screened(text, where), where)
    if node is None or not node.tag.endswith(":map"):
        raise InputError(
            Problem(where, "file", "a mapping with the keys of an experiment", "nothing" if node is None else "something else", line=1)
        )
    problems: list[Problem] = []
    tree = _plain(node, Place(where, 1, ""), problems)
    return tree, problems


def read_value(text: str, where: str = "--set") -> Any:
    """The value of one override: a number, a text, a list or a mapping in flow style."""
    node = _compose(_screened(text, where), where)
    if node is None:
        return None
    problems: list[Problem] = []
    value = _plain(node, Place(where, None, ""), problems)
    if problems:
        raise InputError(problems)
    return value


def _yaml() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True)


class _Replay:
    """Events that were screened, as the composer asks a parser for them: reading a text once takes half the time of twice."""

    def __init__(self, events: list[Any]) -> None:
        self._events, self._next = events, 0

    def check_event(self, *kinds: type) -> bool:
        """Whether the next event is of one of these kinds."""
        return isinstance(self._events[self._next], kinds)

    def peek_event(self) -> Any:
        """The next event."""
        return self._events[self._next]

    def get_event(self) -> Any:
        """The next event; the one after it is then the next."""
        self._next += 1
        return self._events[self._next - 1]


def _compose(events: list[Any], where: str) -> Any:
    yaml = _yaml()
    yaml.Parser = lambda loader: _Replay(events)
    try:
        return yaml.composer.get_single_node()
    except InputError:
        raise
    except Exception as error:
        raise _syntax(error, where) from error


def _syntax(error: Exception, where: str) -> InputError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or getattr(error, "context", None) or type(error).__name__)
    said = said if len(said) <= 120 else said[:117] + "..."
    line = None if mark is None else mark.line + 1
    return InputError(
        Problem(where, "file", "YAML", f"text that YAML cannot read ({said})", line=line, hint="check indentation, colons and quotes")
    )


def _screened(text: str, where: str) -> list[Any]:
    """The parser's events; what is dangerous is refused before anything is built of them."""
    if len(text) > MAX_BYTES:
        raise InputError(Problem(where, "file", f"at most {MAX_BYTES // 1024} KB", f"{len(text) // 1024} KB"))
    depth = nodes = documents = 0
    problems, events = [], []
    try:
        for event in _yaml().parse(text):
            events.append(event)
            name = type(event).__name__
            line = event.start_mark.line + 1
            nodes += 1
            if name in {"MappingStartEvent", "SequenceStartEvent"}:
                depth += 1
            elif name in {"MappingEndEvent", "SequenceEndEvent"}:
                depth -= 1
            elif name == "DocumentStartEvent":
                documents += 1
                if getattr(event, "version", None) or getattr(event, "tags", None):
                    problems.append(Problem(where, "file", "no directives", "a % directive", line=line))
            if depth > MAX_DEPTH or nodes > MAX_NODES or documents > 1:
                limit = f"one document of at most {MAX_NODES} entries, {MAX_DEPTH} deep"
                problems.append(Problem(where, "file", limit, "more", line=line))
                break
            problems += _refused(event, name, where, line)
    except RecursionError as error:
        raise InputError(Problem(where, "file", f"at most {MAX_DEPTH} levels", "deeper nesting")) from error
    except Exception as error:
        raise _syntax(error, where) from error
    if problems:
        raise InputError(problems[:20])
    return events


def _refused(event: Any, name: str, where: str, line: int) -> list[Problem]:
    problems = []
    if name == "AliasEvent" or getattr(event, "anchor", None):
        hint = "write the value out; arms can build on one another with 'like'"
        problems.append(Problem(where, "file", "no anchors (&) or aliases (*)", f"'{str(event.anchor)[:40]}'", line=line, hint=hint))
    tag = getattr(event, "tag", None)
    if tag is not None and str(tag) not in {"!"} and name != "AliasEvent":
        problems.append(Problem(where, "file", "no tags (!)", f"'{str(tag)[:60]}'", line=line, hint="write plain values"))
    if name == "ScalarEvent" and len(event.value) > MAX_SCALAR:
        problems.append(Problem(where, "file", f"texts of at most {MAX_SCALAR} characters", "a longer one", line=line))
    return problems


def _plain(node: Any, place: Place, problems: list[Problem]) -> Any:
    kind = node.tag.removeprefix(_TAG)
    if kind == "map":
        return _mapping(node, place, problems)
    if kind == "seq":
        seq = Seq()
        for n, item in enumerate(node.value):
            inner = Place(place.where, item.start_mark.line + 1 if place.line else None, f"{place.key}[{n}]")
            seq.put(_plain(item, inner, problems), inner)
        return seq
    return _scalar(node.value, kind)


def _mapping(node: Any, place: Place, problems: list[Problem]) -> Map:
    result = Map()
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1 if place.line else None
        text = str(key_node.value)[:80] if not isinstance(key_node.value, list) else "a list or mapping"
        inner = Place(place.where, line, f"{place.key}.{text}".strip("."))
        if key_node.tag != _TAG + "str" or isinstance(key_node.value, list) or text == "<<":
            problems.append(Problem(place.where, inner.key or "file", "a name as key", text or "an empty one", line=line))
        elif text in result:
            first = result.places[text].line
            problems.append(Problem(place.where, inner.key, "each key once", f"'{text}' again (first in line {first})", line=line))
        else:
            result.put(text, _plain(value_node, inner, problems), inner)
    return result


def _scalar(text: str, kind: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind in {"int", "float"} and len(text) <= 40:
        try:
            if kind == "int":
                return (
                    int(text.replace("_", ""), 0)
                    if text.lower().lstrip("+-").startswith(("0x", "0o", "0b"))
                    else int(text.replace("_", ""))
                )
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").replace(".Inf", "inf").replace(".NaN", "nan"))
        except ValueError:
            return text
    return text
