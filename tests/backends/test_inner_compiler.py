"""What is left out of Numba's compiler for row functions changes no number, and code that needs it is treated in full."""

import gc

import numpy as np
import pytest
from numba.core.compiler import DefaultPassBuilder

from mitoferry.backends import inner
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.random import uniform4
from mitoferry.core.row import row

BACKENDS = pytest.mark.parametrize("backend", [Reference(), Cpu(threads=1, cache=False)], ids=["reference", "cpu"])


@row
def other_type_row(i, whole, halves, out):
    """A name that stands for a whole number, and then for half of it."""
    k = int(whole[i])
    out[i] = k + 1
    if k > 0:
        k = k * 0.5
        halves[i] = k


@row
def entry(k):
    """One of two values of different types."""
    both = (2, 0.25)
    return both[k]


@row
def entry_row(i, out):
    """Both, found by constants."""
    out[i] = entry(0) + entry(1)


@row
def draws_row(i, out):
    """Draws whose stream and number are constants."""
    a, _, _, _ = uniform4(7, 9, i, 0, 1, 5, 0)
    b, _, _, _ = uniform4(7, 9, i, 0, 2, 5, 0)
    c, _, _, _ = uniform4(7, 9, i, 0, 2, 6, 1)
    out[i, 0] = a
    out[i, 1] = b
    out[i, 2] = c


@row
def loop_row(i, left, out):
    """Names that are set in a loop, in a branch, and read after it."""
    last = -1
    for k in range(left.shape[1]):
        if left[i, k] > 0:
            last = k
        else:
            seen = k
            out[i] += seen
    out[i] = 100 * out[i] + last


@row
def refused_row(i, out):
    """No whole number has this."""
    out[i] = i.missing


@BACKENDS
def test_a_name_may_change_its_type(backend):
    """Fault seen to fail it, planted in a copy of the package: the pass that tells the two apart is among the idle ones."""
    whole = np.array([2**53 + 1, 2**60 + 1])
    halves, out = np.zeros(2), np.zeros(2, dtype=np.int64)
    backend.each(other_type_row, 2, whole, halves, out)
    assert out.tolist() == [2**53 + 2, 2**60 + 2]
    assert halves.tolist() == [(2**53 + 1) * 0.5, (2**60 + 1) * 0.5]


@BACKENDS
def test_a_constant_that_a_function_needs_to_know_is_given_to_it(backend):
    """Fault seen to fail it, planted in a copy of the package: no second try with constants."""
    out = np.zeros(2)
    backend.each(entry_row, 2, out)
    assert out.tolist() == [2.25, 2.25]


@BACKENDS
def test_names_that_are_set_in_a_loop_keep_their_values(backend):
    left = np.array([[1, 0, 1, 0], [0, 0, 0, 0]])
    out = np.zeros(2, dtype=np.int64)
    backend.each(loop_row, 2, left, out)
    assert out.tolist() == [402, 599]


def test_a_function_is_compiled_once_for_all_constants():
    """Fault seen to fail it, planted in a copy of the package: constants are always given to functions."""
    backend = Cpu(threads=1, cache=False)
    out, plain = np.zeros((5, 3)), np.zeros((5, 3))
    backend.each(draws_row, 5, out)
    Reference().each(draws_row, 5, plain)
    assert out.tobytes() == plain.tobytes()
    assert len(backend._compiler.compile(uniform4).overloads) == 1


def closures(x):
    def add(y):
        return x + y

    return add(1)


def comprehension(x):
    return [2 * k for k in range(x)]


def guarded(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        return 0


def refuses(x):
    if x < 0:
        raise ValueError("negative")
    return x


def numbers(x):
    yield x


def asserts(x):
    assert x > 0
    return x


def asks(x):
    return isinstance(x, int)


def context(x):
    with open(x):
        return 1


def test_code_with_more_than_arithmetic_goes_through_all_passes():
    """Fault seen to fail it, planted in a copy of the package: the names of exceptions are not looked for."""
    for function in (closures, comprehension, guarded, refuses, numbers, asserts, asks, context):
        assert not inner.is_plain(function.__code__), function.__name__
    for function in (other_type_row, loop_row, uniform4):
        assert inner.is_plain(function.__code__), function.__name__


def test_the_passes_left_out_are_there():
    """A version of Numba that names them otherwise would run them all: right, and slow to compile.

    Fault seen to fail it, planted in a copy of the package: a name that no pass has.
    """

    class Flags:
        no_rewrites, enable_ssa, nrt = False, True, False

        class auto_parallel:
            enabled = False

    class State:
        flags, func_ir = Flags, None

    names = {step.__name__ for step, _ in DefaultPassBuilder.define_nopython_pipeline(State).passes}
    assert names >= inner.IDLE - {"RewriteDynamicRaises"} | {inner.ENDS_OF_LIFE, "NopythonRewrites"}


def test_the_collector_is_on_again_after_a_kernel_and_after_one_that_fails():
    """Fault seen to fail it, planted in a copy of the package: it is switched on only after kernels that compile."""
    assert gc.isenabled()
    backend = Cpu(threads=1, cache=False)
    out = np.zeros(2)
    with pytest.raises(Exception, match="missing"):
        backend.each(refused_row, 2, out)
    assert gc.isenabled()
    backend.each(entry_row, 2, out)
    assert gc.isenabled()
    gc.disable()
    try:
        Cpu(threads=1, cache=False).each(entry_row, 2, out)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_version_of_numba_that_was_not_tried_compiles_with_its_own_compiler(monkeypatch, tmp_path):
    versions = ("0.60.0", "0.61.2", "0.68.1rc1", "0.69.0", "1.0.0")
    assert [inner.is_tried(version) for version in versions] == [False, True, True, False, False]
    found = []
    for tried in (True, False):
        monkeypatch.setattr(inner, "is_tried", lambda tried=tried: tried)
        out = np.zeros((6, 3))
        backend = Cpu(threads=1, cache=False)
        backend.each(draws_row, 6, out)
        found.append(out.tobytes())
        names = {
            type(d.run).__name__: d.run._compiler.pipeline_class for kinds in backend.arguments.variants.values() for d in kinds.values()
        }
        assert (inner.KernelCompiler in names.values()) is tried
    assert found[0] == found[1]
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path))
    for _ in range(2):  # compiled and kept, then loaded
        out = np.zeros((6, 3))
        Cpu(threads=1).each(draws_row, 6, out)
        assert out.tobytes() == found[0]
    assert list(tmp_path.rglob("*.nbc"))
