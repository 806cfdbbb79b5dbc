"""Where a run may be written: an empty or new folder that we can write to, claimed so that no two runs share it."""

from __future__ import annotations

import os
from pathlib import Path

from mitoferry.base.errors import InputError, Problem
from mitoferry.store.atomic import explain

COMPLETE = "COMPLETE"
RUNNING = "RUNNING"
MANIFEST = "manifest.json"
SPEC = "spec.json"
_WANTED = "a new or empty folder"
NEVER_BEGAN = "what was left by a run that was killed before it began"


def next_folder(name: str, base: str | Path = "runs") -> Path:
    """The first free folder ``base/name``, ``base/name-2``, ...; nothing is created."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "run"
    folder, n = Path(base) / safe[:80], 1
    while os.path.lexists(folder):
        n += 1
        folder = Path(base) / f"{safe[:80]}-{n}"
    return folder


def is_run(folder: Path) -> bool:
    """Whether ``folder`` holds a run, finished or not."""
    return any((folder / name).exists() for name in (COMPLETE, RUNNING)) and (folder / MANIFEST).exists()


def never_began(folder: Path) -> bool:
    """Whether ``folder`` was claimed by a run that was killed before its manifest was written: nothing was computed."""
    return (folder / RUNNING).exists() and not (folder / MANIFEST).exists() and not (folder / COMPLETE).exists()


def check_new_folder(path: str | Path, *, where: str = "--out") -> Path:
    """Check that a run may be written to ``path``; creates nothing.

    Args:
        path: the folder asked for.
        where: what the message names as the source.

    Returns:
        The absolute path.

    Raises:
        InputError: the path is hostile, is a file, holds a run or anything else, or cannot be written to.
    """
    text = os.fspath(path)
    shown = ascii(text)[1:-1][:200]

    def refuse(found: str, hint: str = "Choose another folder.") -> InputError:
        return InputError(Problem(where, shown, _WANTED, found, hint=hint))

    if not text.strip():
        raise refuse("an empty name")
    if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise refuse("a name with control characters", "Use letters, digits, '-', '_' and '.'.")
    try:
        folder = Path(os.path.abspath(os.path.expanduser(text)))
        if os.path.islink(folder) and not folder.exists():
            raise refuse("a link that leads nowhere")
        if folder.exists():
            if not folder.is_dir():
                raise refuse("a file, not a folder")
            if is_run(folder):
                done = (folder / COMPLETE).exists()
                hint = "Nothing was overwritten. Choose another folder"
                hint += "." if done else f", or go on with: mitoferry resume {shown}"
                raise refuse("a finished run" if done else "an unfinished run", hint)
            if never_began(folder):
                raise refuse(NEVER_BEGAN, "Nothing was computed there. Remove that folder, or choose another one.")
            held = next(folder.iterdir(), None)
            if held is not None:
                raise refuse(
                    f"a folder that holds other files ({ascii(held.name)[1:-1][:80]})", "Nothing was overwritten. Choose another folder."
                )
        parent = folder if folder.exists() else _first_existing(folder.parent)
        if not parent.is_dir():
            raise refuse(f"{parent} is a file")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise refuse(f"no permission to write to {parent}")
    except (OSError, ValueError, RuntimeError) as error:
        found = explain(error, Path("."), "cannot use").replace(" .:", ":") if isinstance(error, OSError) else str(error)
        raise refuse(found) from error
    return folder


def claim_folder(path: str | Path, *, where: str = "--out") -> Path:
    """Check ``path`` as :func:`check_new_folder` does, create it and put the RUNNING marker there, atomically.

    Raises:
        InputError: it may not be used, or another run took it in between.
    """
    folder = check_new_folder(path, where=where)
    made: list[Path] = []
    try:
        missing = folder
        while not missing.exists():
            made.append(missing)
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / RUNNING, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        os.write(handle, b"a run is being written to this folder\n")
        os.close(handle)
    except OSError as error:
        for created in made:
            try:
                created.rmdir()
            except OSError:
                break
        found = (
            "a run that was started at the same moment" if isinstance(error, FileExistsError) else explain(error, folder, "cannot create")
        )
        raise InputError(Problem(where, ascii(os.fspath(path))[1:-1][:200], _WANTED, found, hint="Choose another folder.")) from error
    return folder


def _first_existing(folder: Path) -> Path:
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder
