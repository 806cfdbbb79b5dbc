"""Reading an experiment file: find it, read it safely, check all of it, and report every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.arms import plan_tree
from mitoferry.experiment.names import Library, load_library, nearest
from mitoferry.experiment.overrides import apply_overrides
from mitoferry.experiment.problems import from_validation
from mitoferry.experiment.schema import Experiment, Plan
from mitoferry.experiment.tissue import fill_template
from mitoferry.experiment.tree import Map, Place, Seq, copy_tree, read_text, read_tree

BASE_ARM = "base"
_MAX_PROBLEMS = 200


def shipped() -> dict[str, Path]:
    """Experiments that come with the package: name to file; the name is that of the file, whatever folder it is in."""
    root = Path(str(resources.files("mitoferry").joinpath("experiments")))
    folders = [root, *(Path(x.path) for x in os.scandir(root) if x.is_dir())]
    return dict(_files_in(tuple((f, f.stat().st_mtime_ns) for f in folders)))


@lru_cache(maxsize=4)
def _files_in(folders: tuple[tuple[Path, int], ...]) -> dict[str, Path]:
    """Experiment files of folders; their times are given, since a folder's time is that of the last change of its list of files."""
    return {p.stem: p for p in sorted((p for folder, _ in folders[1:] for p in folder.glob("*.yaml")), key=lambda p: p.stem)}


def find(name_or_path: str | Path) -> Path:
    """File of an experiment, by its shipped name or its path.

    Raises:
        InputError: neither; the message names the nearest shipped experiment.
    """
    text = str(name_or_path)
    known = shipped()
    if text in known:
        return known[text]
    path = Path(text)
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise InputError(Problem("experiment", text[:60], "the name of an experiment or a file", "a name that no file can have")) from error
    if exists or path.suffix in {".yaml", ".yml"}:
        return path
    raise InputError(Problem("experiment", text[:60], "the name of an experiment or a file", "neither", hint=nearest(text, known)))


def load_experiment(name_or_path: str | Path, *, overrides: Mapping[str, Any] | None = None, library: Library | None = None) -> Experiment:
    """Read and check an experiment.

    Args:
        name_or_path: "msc-huvec-ogd", or a path of a YAML file.
        overrides: path to value, see overrides.py.
        library: names to check against; the shipped library by default.

    Raises:
        InputError: with all problems of the file.
    """
    path = find(name_or_path)
    return parse_experiment(read_text(path), path.name, name=path.stem, overrides=overrides, library=library)


def parse_experiment(
    text: str,
    where: str = "experiment",
    *,
    name: str = "experiment",
    overrides: Mapping[str, Any] | None = None,
    library: Library | None = None,
) -> Experiment:
    """The experiment that a text describes; see :func:`load_experiment`."""
    experiment, problems = examine(text, where, name, overrides or {}, library or load_library())
    if problems or experiment is None:
        raise InputError(problems)
    return experiment


def check_experiment(path: str | Path, *, library: Library | None = None) -> list[Problem]:
    """All problems of an experiment; empty if there are none."""
    try:
        file = find(path)
        return examine(read_text(file), file.name, file.stem, {}, library or load_library())[1]
    except InputError as error:
        return error.problems


def examine(text: str, where: str, name: str, overrides: Mapping[str, Any], library: Library) -> tuple[Experiment | None, list[Problem]]:
    """Read, patch and check a text.

    Returns:
        The experiment, or None if any part of it is wrong, and all problems in the order of the file.
    """
    from mitoferry.experiment.check import check_meaning

    try:
        tree, problems = read_tree(text, where)
    except InputError as error:
        return None, error.problems
    problems += fill_template(tree, overrides, library)
    problems += apply_overrides(tree, overrides, library)
    sound = copy_tree(tree)
    experiment, wrong = _sift(sound, where, Experiment)
    problems += wrong
    if isinstance(experiment, Experiment):
        experiment._name, experiment._where, experiment._text, experiment._overrides = name, where, text, dict(overrides)
        trees, wrong = _read_arms(experiment, sound, where)
        wrong += check_meaning(experiment, sound, trees, where, library, declared=tree)
        removed = _removed(tree, sound)
        problems += [p for p in wrong if p.found not in removed]
    problems = _tidy(problems)
    return (None, problems) if problems else (experiment, [])  # type: ignore[return-value]


def _read_arms(experiment: Experiment, tree: Map, where: str) -> tuple[dict[str, Map], list[Problem]]:
    """Put the arms together; ``experiment.plans`` gets those that are sound."""
    problems: list[Problem] = []
    trees: dict[str, Map] = {}
    names: list[str | None] = list(experiment.arms) or [None]
    for arm in names:
        patched, wrong = plan_tree(tree, arm, where)
        problems += wrong
        plan, wrong = _sift(patched, where, Plan)
        problems += wrong
        if isinstance(plan, Plan):
            experiment._plans[arm or BASE_ARM] = plan
            trees[arm or BASE_ARM] = patched
    return trees, problems


def _sift(tree: Map, where: str, model: type[BaseModel]) -> tuple[BaseModel | None, list[Problem]]:
    """Validate ``tree``; what is wrong is reported and taken out, so that the rest can still be checked.

    What a part lacks only because something wrong was taken out of it is no problem of its own.
    """
    problems: list[Problem] = []
    for turn in range(12):
        try:
            return model.model_validate(tree), problems
        except ValidationError as error:
            found = from_validation(error, tree, where, model)
        problems += [p for _, p in found if turn == 0 or not any(q.key.startswith(p.key) for q in problems)]
        for path in sorted({path for path, _ in found}, key=_depth, reverse=True):
            if not _remove(tree, path):
                return None, problems
    return None, problems


def _removed(tree: Map, sound: Map) -> set[str]:
    """Names of populations and arms that were taken out as wrong, as messages quote them: they are not unknown."""
    names = set()
    for key in ("cells", "arms"):
        written, kept = tree.get(key), sound.get(key)
        if isinstance(written, Map):
            names |= {f"'{n}'" for n in written if not isinstance(kept, Map) or n not in kept}
    return names


def _depth(path: tuple[Any, ...]) -> tuple[int, list[tuple[int, str]]]:
    return len(path), [(part, "") if isinstance(part, int) else (-1, str(part)) for part in path]


_STAND_INS: dict[str, Any] = {"schema": "mitoferry/experiment@1", "title": "untitled", "until": "1000 d"}


def _remove(tree: Any, path: tuple[Any, ...]) -> bool:
    """Take out the deepest part of ``path`` that exists; False if nothing is left to take."""
    if not path:
        return False
    parents = [tree]
    for part in path[:-1]:
        node = parents[-1]
        if not _has(node, part):
            break
        parents.append(node[part])
    for depth in range(len(parents) - 1, -1, -1):
        node, part = parents[depth], path[depth]
        if isinstance(node, Map) and part in _STAND_INS and path in ((part,), ("run", part)):
            node.put(part, _STAND_INS[part], Place("", None, part))
            return True
        if _has(node, part):
            node.drop(part)
            return True
    if path == ("run",) and isinstance(tree, Map):
        run = Map()
        run.put("until", _STAND_INS["until"], Place("", None, "run.until"))
        tree.put("run", run, Place("", None, "run"))
        return True
    return False


def _has(node: Any, part: Any) -> bool:
    return (isinstance(node, Map) and part in node) or (isinstance(node, Seq) and isinstance(part, int) and part < len(node))


def _tidy(problems: list[Problem]) -> list[Problem]:
    """Each problem once, in the order of the file; arms repeat those of the base."""
    once = {(p.where, p.line, p.key, p.found): p for p in reversed(problems)}
    ordered = sorted(once.values(), key=lambda p: (p.where, p.line or 0, p.key))
    if len(ordered) > _MAX_PROBLEMS:
        more = len(ordered) - _MAX_PROBLEMS
        last = ordered[_MAX_PROBLEMS - 1]
        ordered = [*ordered[:_MAX_PROBLEMS], Problem(last.where, "file", "fewer problems", f"{more} more that are not listed")]
    return ordered
