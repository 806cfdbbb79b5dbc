"""Kernels compiled from one copy of the sources serve another copy elsewhere.

Planted faults that were caught: the path of the source in the name of a kernel, a name without the mark of the code; everything
that Numba needs for compiling made ready also where a kernel is loaded; the code of which a kernel was made kept beside it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mitoferry

PROGRAM = """
import sys
import numpy as np
from mitoferry.backends.cpu import Cpu
from mitoferry.core.row import row

FACTOR = {factor}

@row
def doubled(i, a, b):
    b[i] = FACTOR * a[i]

a, b = np.arange(5.0), np.zeros(5)
backend = Cpu(threads=1)
backend.each(doubled, 5, a, b)
print(b.tolist())
(driver,) = next(iter(backend.arguments.variants.values())).values()
print(sum(driver.run.stats.cache_hits.values()), mitoferry.__file__)
print("numba.np.linalg" in sys.modules, "_row" in driver.run.py_func.__globals__, file=sys.stderr)
"""


def ran(sources: Path, cache: Path, factor: float, where: Path) -> tuple[str, int]:
    """Values and number of kernels found in the cache, by a program in a file of its own."""
    where.mkdir(exist_ok=True)
    program = where / "program.py"
    program.write_text("import mitoferry\n" + PROGRAM.format(factor=factor))
    env = os.environ | {"PYTHONPATH": str(sources), "MITOFERRY_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, check=True)
    values, rest = done.stdout.splitlines()
    hits, place = rest.split(" ", 1)
    assert place.startswith(str(sources))
    return values, int(hits)


def test_another_copy_of_the_same_sources_compiles_nothing(tmp_path):
    first = Path(mitoferry.__file__).parent.parent
    second = tmp_path / "clone"
    shutil.copytree(first / "mitoferry", second / "mitoferry", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    assert ran(first, cache, 2.0, tmp_path / "a") == ("[0.0, 2.0, 4.0, 6.0, 8.0]", 0)
    assert ran(second, cache, 2.0, tmp_path / "b") == ("[0.0, 2.0, 4.0, 6.0, 8.0]", 1)
    assert ran(second, cache, 3.0, tmp_path / "b") == ("[0.0, 3.0, 6.0, 9.0, 12.0]", 0)  # a constant that the code uses


def test_a_cache_that_cannot_be_written_to_is_told_and_the_run_goes_on(tmp_path):
    cache = tmp_path / "cache"
    cache.write_text("a file where a folder is wanted")
    env = os.environ | {"MITOFERRY_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(mitoferry.__file__).parent.parent)}
    program = tmp_path / "program.py"
    program.write_text("import mitoferry\n" + PROGRAM.format(factor=2.0))
    done = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cannot be kept" in done.stderr
    assert done.stdout.startswith("[0.0, 2.0, 4.0, 6.0, 8.0]")


def test_a_kernel_that_is_kept_is_loaded_without_what_only_compiling_needs(tmp_path):
    env = os.environ | {"MITOFERRY_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(Path(mitoferry.__file__).parent.parent)}
    program = tmp_path / "program.py"
    program.write_text("import mitoferry\n" + PROGRAM.format(factor=2.0))
    said = [subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, check=True).stderr for _ in range(2)]
    assert [line.strip() for line in said] == ["True True", "False False"]
    (kept,) = (tmp_path / "cache").rglob("*.nbc")
    assert b"doubled" in kept.read_bytes()
    assert kept.stat().st_size < 20_000  # machine code alone: 12 kB less
