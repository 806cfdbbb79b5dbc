"""The CUDA backend on an emulated GPU (``tests/emulated_gpu``): numba-cuda, NVIDIA's compiler and the calls of a driver as with a GPU.

First the emulator itself; then what the backend does, on memory where every array is watched, threads first to last and last to first. The
processes, one by one and in a whole run, are in ``test_cuda_cases.py`` and ``tests/validation/test_run_on_gpu.py``.

Faults seen to fail it, planted in a copy: products joined to sums, conversions that wrap, shifts that are not clamped, comparisons that
are true of what is not a number (``ptx.py``, ``machine.h``); addresses not looked at; threads that do not wait for each other; an index one
too large, or a chunk that ends too late, in a kernel of lists; arrays and bins that are not set to zero, bins not sorted, sums that stop a
stride too early (``cuda.py``); words of another array not written, types not looked at, parts that begin elsewhere, memory that is never
given back, or given to another while in use (``cuda_driver.py``).
"""

import json

import pytest
from gpu_checks import ENTRY, OF_THE_DRIVER, OF_THE_EMULATOR

import emulated_gpu
from emulated_gpu.ptx import UnknownInstruction, translate

pytestmark = pytest.mark.skipif(bool(emulated_gpu.missing()), reason=emulated_gpu.missing() or "-")
CHECKS = "import json, gpu_checks; print(json.dumps(gpu_checks.run(gpu_checks.{group}, gpu)))"


@pytest.fixture(scope="module")
def checked():
    groups = (emulated_gpu.printed(CHECKS.format(group=group), exact=False) for group in ("OF_THE_EMULATOR", "OF_THE_DRIVER"))
    return {name: found for group in groups for name, found in json.loads(group.splitlines()[-1]).items()}


@pytest.mark.parametrize("name", OF_THE_EMULATOR)
def test_the_emulator(name, checked):
    assert checked[name] == "", checked[name]


@pytest.mark.parametrize("name", OF_THE_DRIVER)
def test_memory_and_launches(name, checked):
    assert checked[name] == "", checked[name]


UNKNOWN = (
    "ex2.approx.f32 %f1, %f1", "mul.rz.f64 %fd1, %fd1, %fd2", "bar.sync 1", "cvt.rni.s64.f32 %rd1, %f1", "vote.sync.any.pred %p1, %p2, -1",
    "ld.const.u64 %rd1, [%rd8]", "setp.num.f64 %p1, %fd1, %fd2", "adding.s32 %r1, %r1, %r2", "add.cc.s32 %r1, %r1, %r2",
)  # fmt: skip


@pytest.mark.parametrize("line", UNKNOWN)
def test_what_is_not_known_is_refused(line):
    with pytest.raises((UnknownInstruction, KeyError)):
        translate(ENTRY.format(name="odd", body=f"\t{line};"))


@pytest.mark.parametrize("backward", [False, True])
def test_every_way_to_launch(backward):
    code = "import test_primitives as t; print(t.check_all(Cuda, n=t.N)); print(gpu.counted('launches'))"
    checks, launches = map(int, emulated_gpu.printed(code, backward=backward).splitlines()[-2:])
    assert checks == 15
    assert launches > 60


def test_sums_over_mitochondria_meet_in_shared_memory():
    """The warp's sum as it is on a GPU, which the simulator is spared."""
    from test_core_backends import sums_of

    from mitoferry.backends.reference import Reference

    for backward in (False, True):
        found = emulated_gpu.printed("from test_core_backends import sums_of; print(sums_of(Cuda()))", backward=backward)
        assert found.splitlines()[-1] == str(sums_of(Reference()))
