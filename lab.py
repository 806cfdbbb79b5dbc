#!/usr/bin/env python3
"""Set mitoferry up in .venv beside this file and run something in it; needs only Python >= 3.11 with pip.

python3 lab.py run msc-huvec-ogd        set up, run the experiment, write the report
python3 lab.py test [--long]            set up, run the tests (--long: the long ones only)
python3 lab.py checks                   lint, format, types, architecture
python3 lab.py docs                     build the documentation into docs/_build
python3 lab.py ANYTHING ELSE            the mitoferry command line: list, show, check, new, doctor ...
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")


def call(*command: str | Path) -> None:
    """Run a command; stop with its exit code if it fails."""
    code = subprocess.call([str(c) for c in command], cwd=HERE)
    if code:
        sys.exit(code)


def make_venv() -> None:
    """Make .venv with this Python; where its installer of pip is missing (Debian without python3-venv), with this Python's pip."""
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if made.returncode:
        print(f"venv: {made.stderr.strip()}\ntrying without ...", file=sys.stderr)
        call(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
        call(sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "--disable-pip-version-check", "pip>=25.1")


def install(*groups: str) -> None:
    """Make .venv and install the package with these dependency groups, unless that was done before."""
    stamp = VENV / ("installed-" + "-".join(groups or ("package",)))
    state = hashlib.sha256((HERE / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == state and PYTHON.exists():
        return
    print("setting up .venv (once; a minute or two) ...", file=sys.stderr, flush=True)
    uv = shutil.which("uv")
    if not PYTHON.exists():
        make_venv()
    wanted = [x for g in groups for x in ("--group", g)]
    if uv:
        call(uv, "pip", "install", "--quiet", "--python", PYTHON, "--editable", HERE, *wanted)
    else:
        call(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "pip>=25.1")
        call(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", HERE, *wanted)
    stamp.write_text(state)


def checks() -> None:
    """Lint, format, types and the one-way imports between rooms."""
    install("checks")
    call(PYTHON, "-m", "ruff", "check", "src", "tests", "benchmarks", "lab.py")
    call(PYTHON, "-m", "ruff", "format", "--check", "src", "tests", "benchmarks", "lab.py")
    call(PYTHON, "-m", "mypy")
    call(SCRIPTS / "lint-imports", "--no-cache")


def main(arguments: list[str]) -> None:
    """Dispatch on the first word."""
    if sys.version_info < (3, 11):  # noqa: UP036 - started by whatever Python the user has
        sys.exit(f"mitoferry needs Python 3.11 or later; this is {sys.version.split()[0]}")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
    elif arguments[0] == "test":
        install("test")
        rest = ["-m", "long", *[a for a in arguments[1:] if a != "--long"]] if "--long" in arguments else ["-m", "not long", *arguments[1:]]
        call(PYTHON, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *rest)
    elif arguments[0] == "checks":
        checks()
    elif arguments[0] == "docs":
        install("docs")
        call(PYTHON, "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build")
    else:
        install()
        sys.exit(subprocess.call([str(SCRIPTS / "mitoferry"), *arguments]))


if __name__ == "__main__":
    main(sys.argv[1:])
