"""Compiled CUDA kernels are loaded from disk by later processes, and never one that is stale or damaged. No GPU is needed.

Whether a GPU runs what was loaded is not tested here. Planted faults that were caught: called functions marked by name only, or without
which of them is called where; arrays marked by their bytes alone; the checksum, or for which kernel a file is, not looked at; files
written in place, or left aside; the compute capability, types, names of columns, options, versions, libNVVM or the driver left out of
the digest; only the head of a library looked at; kernels kept that are more than their machine code.
"""

import linecache
import os
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

import mitoferry
from mitoferry.backends import cuda, cuda_cache, cuda_code
from mitoferry.backends.kernel_cache import KernelCacheWarning

pytestmark = [
    pytest.mark.skipif(bool(cuda_code.missing()), reason=cuda_code.missing() or "-"),
    pytest.mark.skipif(cuda_code.assembler() is None, reason="no ptxas"),
    pytest.mark.filterwarnings("ignore:Grid size"),
]

ROWS = """
import numpy as np
from mitoferry.core.row import row

FACTOR = 3.0
STEPS = np.array([1, 2, 3])

def _called_cpu(x):
    return x + 1.0

def _called_cuda(x):
    return x + 2.0

@row(cpu=_called_cpu, cuda=_called_cuda)
def called(x):
    return x + 3.0

@row
def between(x):
    return called(x) * FACTOR

@row
def doubled(i, a, b):
    b[i] = between(a[i]) * 2.0 + STEPS[1]
"""
GIVEN = 4, np.ones(4), np.ones(4)


def kernel_of(text=ROWS, **options):
    """The dispatcher of a row function, as the backend would make it."""
    scope = {"__name__": "rows"}
    linecache.cache["<rows>"] = len(text), None, text.splitlines(keepends=True), "<rows>"
    exec(compile(text, "<rows>", "exec"), scope)
    function, _ = cuda.KernelMaker().function(cuda.EACH, 2, scope["doubled"])
    return cuda_cache.kernel_from_cache(cuda.jitted(function), "each.rows.doubled", **({"fma": False} | options))


def run(text=ROWS, given=GIVEN, target=cuda_code.TARGET, driver_version=(13, 0), **options):
    """Machine code of a kernel, and how often NVIDIA's compiler was called."""
    from no_gpu import as_with_a_driver, launched, machine_code

    with as_with_a_driver(target, driver_version) as calls:
        return machine_code(launched(kernel_of(text, **options), *given), target), len(calls)


def files():
    return sorted(cuda_cache.folder().glob("*"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


# ---------------------------------------------------------------------- processes
PROGRAM = """
import hashlib, sys, time
from pathlib import Path
from numba.cuda.cudadrv import nvvm
from no_gpu import as_with_a_driver, launched, machine_code
from test_cuda_cache import GIVEN, kernel_of

def refuse(*_, **__):
    raise AssertionError("the compiler was called")

way, go = sys.argv[1:]
if way == "load":
    nvvm.compile_ir = nvvm.NVVM.__new__ = refuse
with as_with_a_driver() as calls:
    dispatcher = kernel_of()
    Path(go + way).touch()
    while way.startswith("compile") and not Path(go).exists():
        time.sleep(0.001)
    kernel = launched(dispatcher, *GIVEN)
    print(len(calls), hashlib.sha256(machine_code(kernel)).hexdigest(), kernel.entry_name, kernel.argument_types)
"""


def started(way, go):
    paths = [str(Path(mitoferry.__file__).parent.parent), *(str(Path(__file__).parent / p) for p in (".", ".."))]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0"}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, way, str(go)], env=env, stdout=subprocess.PIPE, text=True)


def said(process):
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    calls, *rest = text.split(maxsplit=1)
    return int(calls), rest


def test_a_second_process_compiles_nothing(tmp_path):
    go = tmp_path / "go"
    go.touch()
    calls, made = said(started("compile", go))
    assert calls == 1
    assert said(started("load", go)) == (0, made)


@pytest.mark.long
def test_processes_that_fill_a_folder_at_once_leave_it_sound(tmp_path):
    go, ways = tmp_path / "go", [f"compile{k}" for k in range(3)]
    processes = [started(way, go) for way in ways]
    while not all(Path(f"{go}{way}").exists() for way in ways) and all(p.poll() is None for p in processes):
        time.sleep(0.01)
    go.touch()
    made = [said(process) for process in processes]
    assert sum(calls for calls, _ in made) > 1, "they compiled at once"
    assert [path.suffix for path in files()] == [cuda_cache.SUFFIX]
    calls, loaded = said(started("load", go))
    assert calls == 0
    assert loaded in [code for _, code in made]


# ---------------------------------------------------------------------- what a kernel is found by
def test_an_equal_kernel_is_loaded():
    made, calls = run()
    assert calls == 1
    assert run() == (made, 0)
    assert len(files()) == 1


CHANGED_TEXTS = {
    "row function": ("* 2.0 + STEPS", "* 5.0 + STEPS"),
    "called row function": ("called(x) * FACTOR", "called(x) - FACTOR"),
    "text of the GPU": ("x + 2.0", "x + 4.0"),
    "number by name": ("FACTOR = 3.0", "FACTOR = 4.0"),
    "array by name": ("[1, 2, 3]", "[1, 7, 3]"),
    "type of an array of equal bytes": ("np.array([1, 2, 3])", "np.array([1, 2, 3]).view(float)"),
}


@pytest.mark.parametrize("what", CHANGED_TEXTS)
def test_a_changed_text_is_compiled_anew(what):
    made, _ = run()
    text = ROWS.replace(*CHANGED_TEXTS[what])
    assert text != ROWS
    assert run(text)[1] == 1
    assert run() == (made, 0), "both are kept"


def test_a_text_that_only_the_cpu_compiles_changes_nothing():
    made, _ = run()
    assert run(ROWS.replace("x + 1.0", "x + 9.0")) == (made, 0)


CHANGED_CALLS = {
    "type": {"given": (4, np.ones(4), np.ones(4, dtype=np.float32))},
    "layout": {"given": (4, np.ones(8)[::2], np.ones(4))},
    "compute capability": {"target": (8, 0)},
    "driver": {"driver_version": (12, 8)},
    "option of the compiler": {"fma": True},
}


@pytest.mark.parametrize("what", CHANGED_CALLS)
def test_a_changed_call_is_compiled_anew(what):
    made, _ = run()
    assert run(**CHANGED_CALLS[what])[1] == 1
    assert run(**CHANGED_CALLS[what])[1] == 0
    assert run() == (made, 0)


@pytest.mark.parametrize("package", ["numba-cuda", "numba", "llvmlite", "numpy"])
def test_another_version_of_the_compiler_compiles_anew(package, monkeypatch):
    run()
    version = cuda_cache.version
    monkeypatch.setattr(cuda_cache, "version", lambda name: "0.0" if name == package else version(name))
    assert run()[1] == 1


def test_builds_of_a_library_are_told_apart(tmp_path, monkeypatch):
    library = tmp_path / "lib.so"
    marks = set()
    for head, body, tail in ((b"a", 3 << 20, b"z"), (b"b", 3 << 20, b"z"), (b"a", 3 << 20, b"y"), (b"a", 4 << 20, b"z"), (b"a", 5, b"z")):
        library.write_bytes(head + bytes(body) + tail)
        marks.add(cuda_cache.library_mark(str(library)))
    assert len(marks) == 5
    run()
    mark = cuda_cache.library_mark
    monkeypatch.setattr(cuda_cache, "library_mark", lambda path: "another" if "libnvvm" in path else mark(path))
    assert run()[1] == 1


def test_tables_are_told_apart_by_their_columns():
    from numba import typeof

    def table(*names):
        return typeof(namedtuple("Cells", names)(np.ones(1), np.ones(1)))

    assert cuda_cache.described(table("a", "b")) == cuda_cache.described(table("a", "b"))
    assert cuda_cache.described(table("a", "b")) != cuda_cache.described(table("b", "a"))
    assert cuda_cache.described(typeof((1, np.ones(1)))) != cuda_cache.described(typeof((1, np.ones((1, 1)))))


def test_functions_of_one_name_are_told_apart():
    """Texts that differ only in which of two functions of the same name stands where."""

    def device(text, **names):
        scope = {"__name__": "rows"} | names
        exec(text, scope)
        return cuda.jitted(scope["called"], device=True)

    def mark(first, second, deep):
        one, other = (device("def called(x):\n    return x * NUMBER", NUMBER=number) for number in (1.0, 2.0))
        named = {1.0: one, 2.0: other}
        third = device("def called(x):\n    return inner(x)", inner=named[deep])
        scope = {"__name__": "rows", "first": named[first], "second": named[second], "third": third}
        exec("def kernel(a):\n    a[0] = first(a[0]) + second(a[1]) + third(a[2])", scope)
        return cuda_cache.code_mark(scope["kernel"])

    assert mark(1.0, 2.0, 1.0) == mark(1.0, 2.0, 1.0)
    assert len({mark(1.0, 2.0, 1.0), mark(2.0, 1.0, 1.0), mark(1.0, 2.0, 2.0), mark(1.0, 1.0, 2.0)}) == 4


# ---------------------------------------------------------------------- files
def flipped(text, at):
    return text[:at] + bytes([text[at] ^ 16]) + text[at + 1 :]


DAMAGED = {
    "empty": lambda text: b"",
    "cut short": lambda text: text[: len(text) // 2],
    "one byte less": lambda text: text[:-1],
    "one byte more": lambda text: text + b"\0",
    "flipped in the checksum": lambda text: flipped(text, len(cuda_cache.MAGIC) + 3),
    "flipped in the digest": lambda text: flipped(text, len(cuda_cache.MAGIC) + 40),
    "flipped in the code": lambda text: flipped(text, len(text) // 2),
    "flipped at the end": lambda text: flipped(text, len(text) - 1),
    "of another kind": lambda text: b"x" * len(text),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_file_is_written_anew(how):
    run()
    (path,) = files()
    path.write_bytes(DAMAGED[how](path.read_bytes()))
    made, calls = run()
    assert calls == 1
    assert run() == (made, 0)
    assert files() == [path]


def test_a_file_of_another_kernel_is_not_taken():
    run()
    (first,) = files()
    run(fma=True)
    (second,) = set(files()) - {first}
    second.write_bytes(first.read_bytes())
    assert run(fma=True)[1] == 1


def test_a_folder_that_cannot_be_written_to_is_told_and_the_kernel_compiled(cache):
    cache.write_text("a file where a folder is wanted")
    with pytest.warns(KernelCacheWarning, match="MITOFERRY_CACHE_DIR"):
        made, calls = run()
    assert made
    assert calls == 1


def test_a_full_disk_leaves_no_file(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(KernelCacheWarning, match="No space left"):
        assert run()[1] == 1
    assert files() == []


# ---------------------------------------------------------------------- the dispatcher
def test_types_are_loaded_one_by_one_as_they_are_launched():
    from no_gpu import as_with_a_driver, launched

    numbers = 4, np.ones(4, dtype=np.int64), np.ones(4)
    run()
    with as_with_a_driver() as calls:
        dispatcher = kernel_of()
        loaded = launched(dispatcher, *GIVEN)
        assert launched(dispatcher, *GIVEN) is loaded
        assert len(calls) == 0
        compiled = launched(dispatcher, *numbers)
        assert len(calls) == 1
        again = kernel_of()
        assert launched(again, *numbers).signature == compiled.signature
        assert launched(again, *GIVEN).signature == loaded.signature
        assert len(calls) == 1
    assert sum(again.stats.cache_hits.values()) == 2
    assert again.stats.cache_path == str(cuda_cache.folder())
    assert not any(again.stats.cache_misses.values())


def test_what_was_loaded_is_as_what_was_compiled():
    from no_gpu import as_with_a_driver, launched

    with as_with_a_driver():
        made, loaded = (launched(kernel_of(), *GIVEN) for _ in range(2))
    state, other = (kernel._reduce_states() for kernel in (made, loaded))
    for kept in (state, other):
        del kept["call_helper"]
        kept["codelibrary"] = kept["codelibrary"]._reduce_states()
        kept["codelibrary"]["cubin_cache"] = {cc: code.code for cc, code in kept["codelibrary"]["cubin_cache"].items()}
        for name in ("llvm_strs", "ptx_cache", "linkerinfo_cache"):
            del kept["codelibrary"][name]
    assert state == other
    assert loaded._codelibrary._cufunc_cache == {}, "sent to the GPU at the first launch"


def test_a_kernel_of_which_machine_code_is_not_all_is_not_kept():
    from no_gpu import as_with_a_driver, launched

    with as_with_a_driver():
        dispatcher = kernel_of()
        kernel = launched(dispatcher, *GIVEN)
        (path,) = files()
        path.unlink()
        for name, value in (("launch_config_sensitive", True), ("debug", True), ("extensions", [object()])):
            kept = getattr(kernel, name)
            setattr(kernel, name, value)
            dispatcher._cache.save_overload(kernel.argument_types, kernel)
            setattr(kernel, name, kept)
        assert files() == []
        dispatcher._cache.save_overload(kernel.argument_types, kernel)
        assert files() == [path]


def test_a_kernel_can_be_compiled_anew_on_request():
    from no_gpu import as_with_a_driver, launched

    run(ROWS.replace("x + 2.0", "x + 4.0"))
    other = files()
    with as_with_a_driver() as calls:
        dispatcher = kernel_of()
        launched(dispatcher, *GIVEN)
        dispatcher._cache.flush()
        assert files() == other
        dispatcher._cache.disable()
        again = kernel_of()
        again._cache.disable()
        launched(again, *GIVEN)
        assert files() == other
    assert len(calls) == 2


def test_what_the_simulator_runs_is_left_as_it_is():
    def plain():
        pass

    assert cuda_cache.kernel_from_cache(plain, "name") is plain
    assert vars(plain) == {}
