"""Checks that run on an emulated GPU, in a process of their own (``test_emulated_gpu.py`` names them).

Those of the emulator take a piece of PTX and say what the PTX manual says that it gives.
"""

from __future__ import annotations

import math
import struct
import threading
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import emulated_gpu
from mitoferry.backends.cuda import Cuda, compiling, cuda, jitted
from mitoferry.backends.cuda_driver import KEPT, DeviceArray, Gpu, Kernel, checked, driver
from mitoferry.base.errors import MitoferryError
from mitoferry.core.row import row

ENTRY = """
.version 8.0
.target sm_90
.address_size 64

.visible .entry {name}(
	.param .u64 {name}_param_0
)
{{
	.reg .pred 	%p<9>;
	.reg .b16 	%rs<9>;
	.reg .b32 	%r<9>;
	.reg .f32 	%f<9>;
	.reg .b64 	%rd<9>;
	.reg .f64 	%fd<9>;

	ld.param.u64 	%rd8, [{name}_param_0];
{body}
	ret;

}}
"""
STORES = {"rd": "st.global.u64", "r": "st.global.u32", "rs": "st.global.u16", "f": "st.global.f32", "fd": "st.global.f64"}
NAN, HUGE, TINY = "0d7FF8000000000000", "0d7E37E43C8800759C", "0dFE37E43C8800759C"  # not a number, 1e300, -1e300


def d(value: float) -> str:
    """A float64 as PTX writes it."""
    return "0d" + struct.pack(">d", value).hex().upper()


def f(value: float) -> str:
    """A float32 as PTX writes it."""
    return "0f" + struct.pack(">f", value).hex().upper()


INSTRUCTIONS: dict[str, tuple[str, str, Any]] = {
    # conversions: towards zero, at the ends of the range, of what is not a number
    "to whole": (f"mov.f64 %fd1, {d(-1.75)};\ncvt.rzi.s64.f64 %rd1, %fd1;", "rd1", -1),
    "to whole, too large": (f"mov.f64 %fd1, {HUGE};\ncvt.rzi.s64.f64 %rd1, %fd1;", "rd1", 2**63 - 1),
    "to whole, too small": (f"mov.f64 %fd1, {TINY};\ncvt.rzi.s64.f64 %rd1, %fd1;", "rd1", -(2**63)),
    "to whole, no number": (f"mov.f64 %fd1, {NAN};\ncvt.rzi.s64.f64 %rd1, %fd1;", "rd1", -(2**63)),
    "to int32, too large": (f"mov.f64 %fd1, {d(3e9)};\ncvt.rzi.s32.f64 %r1, %fd1;", "r1", 2**31 - 1),
    "down": (f"mov.f64 %fd1, {d(-1.25)};\ncvt.rmi.f64.f64 %fd1, %fd1;", "fd1", -2.0),
    "up": (f"mov.f64 %fd1, {d(-1.25)};\ncvt.rpi.f64.f64 %fd1, %fd1;", "fd1", -1.0),
    "to share, no number": (f"mov.f64 %fd1, {NAN};\ncvt.sat.f64.f64 %fd1, %fd1;", "fd1", 0.0),
    "to share, more": (f"mov.f64 %fd1, {d(1.5)};\ncvt.sat.f64.f64 %fd1, %fd1;", "fd1", 1.0),
    "to float32": (f"mov.f64 %fd1, {d(0.1)};\ncvt.rn.f32.f64 %f1, %fd1;", "f1", float(np.float32(0.1))),
    "of uint32": ("mov.u32 %r1, -1;\ncvt.u64.u32 %rd1, %r1;", "rd1", 2**32 - 1),
    "of int32": ("mov.u32 %r1, -1;\ncvt.s64.s32 %rd1, %r1;", "rd1", -1),
    "of int16": ("mov.u16 %rs1, -3;\ncvt.rn.f64.s16 %fd1, %rs1;", "fd1", -3.0),
    "of uint16": ("mov.u16 %rs1, -3;\ncvt.rn.f64.u16 %fd1, %rs1;", "fd1", 65533.0),
    "cut to 32 bits": ("mov.u64 %rd1, 4294967301;\ncvt.u32.u64 %r1, %rd1;", "r1", 5),
    # whole numbers
    "sum beyond the range": ("mov.u64 %rd1, 9223372036854775807;\nadd.s64 %rd1, %rd1, 1;", "rd1", -(2**63)),
    "product, wide": ("mov.u32 %r1, -7;\nmul.wide.s32 %rd1, %r1, 1000000000;", "rd1", -7_000_000_000),
    "product, wide, unsigned": ("mov.u32 %r1, -7;\nmul.wide.u32 %rd1, %r1, 2;", "rd1", 2 * (2**32 - 7)),
    "product, upper half": ("mov.u64 %rd1, -3;\nmov.u64 %rd2, 4611686018427387904;\nmul.hi.s64 %rd1, %rd1, %rd2;", "rd1", -1),
    "product and sum": ("mov.u32 %r1, 65536;\nmad.lo.s32 %r1, %r1, %r1, 5;", "r1", 5),
    "quotient": ("mov.u64 %rd1, -7;\nmov.u64 %rd2, 2;\ndiv.s64 %rd1, %rd1, %rd2;", "rd1", -3),
    "rest": ("mov.u64 %rd1, -7;\nmov.u64 %rd2, 2;\nrem.s64 %rd1, %rd1, %rd2;", "rd1", -1),
    "by nothing": ("mov.u64 %rd1, 7;\nmov.u64 %rd2, 0;\ndiv.s64 %rd1, %rd1, %rd2;", "rd1", -1),
    "least by -1": ("mov.u64 %rd1, -9223372036854775808;\nmov.u64 %rd2, -1;\ndiv.s64 %rd1, %rd1, %rd2;", "rd1", -(2**63)),
    "left by all bits": ("mov.u64 %rd1, 1;\nshl.b64 %rd1, %rd1, 64;", "rd1", 0),
    "right by more, signed": ("mov.u64 %rd1, -8;\nshr.s64 %rd1, %rd1, 70;", "rd1", -1),
    "right, unsigned": ("mov.u32 %r1, -8;\nshr.u32 %r1, %r1, 28;", "r1", 15),
    "bits put in": ("mov.u64 %rd1, 171;\nmov.u64 %rd2, 65535;\nbfi.b64 %rd1, %rd1, %rd2, 4, 8;", "rd1", 0xFABF),
    "larger, signed": ("mov.u32 %r1, -1;\nmax.s32 %r1, %r1, 3;", "r1", 3),
    "larger, unsigned": ("mov.u64 %rd1, -1;\nmax.u64 %rd1, %rd1, 3;", "rd1", -1),
    "absolute": ("mov.u32 %r1, -5;\nabs.s32 %r1, %r1;", "r1", 5),
    # floating point
    "rounded once each": (
        f"mov.f64 %fd1, {d(1 + 2**-30)};\nmul.rn.f64 %fd2, %fd1, %fd1;\nsub.rn.f64 %fd1, %fd2, {d(1 + 2**-29)};", "fd1", 0.0,
    ),
    "rounded once together": (
        f"mov.f64 %fd1, {d(1 + 2**-30)};\nmov.f64 %fd2, {d(-(1 + 2**-29))};\nfma.rn.f64 %fd1, %fd1, %fd1, %fd2;", "fd1", 2.0**-60,
    ),
    "float32 sums": (f"mov.f32 %f1, {f(1.0)};\nadd.rn.f32 %f1, %f1, {f(2.0**-25)};", "f1", 1.0),
    "larger of no number": (f"mov.f64 %fd1, {NAN};\nmax.f64 %fd1, %fd1, {d(2.0)};", "fd1", 2.0),
    "larger of zeros": (f"mov.f64 %fd1, {d(-0.0)};\nmax.f64 %fd1, %fd1, {d(0.0)};\nrcp.rn.f64 %fd1, %fd1;", "fd1", math.inf),
    "smaller of zeros": (f"mov.f64 %fd1, {d(0.0)};\nmin.f64 %fd1, %fd1, {d(-0.0)};\nrcp.rn.f64 %fd1, %fd1;", "fd1", -math.inf),
    "less, no number": (f"mov.f64 %fd1, {NAN};\nsetp.lt.f64 %p1, %fd1, {d(1.0)};\nselp.u64 %rd1, 1, 0, %p1;", "rd1", 0),
    "less or no number": (f"mov.f64 %fd1, {NAN};\nsetp.ltu.f64 %p1, %fd1, {d(1.0)};\nselp.u64 %rd1, 1, 0, %p1;", "rd1", 1),
    "other, no number": (f"mov.f64 %fd1, {NAN};\nsetp.ne.f64 %p1, %fd1, {d(1.0)};\nselp.u64 %rd1, 1, 0, %p1;", "rd1", 0),
    "other or no number": (f"mov.f64 %fd1, {NAN};\nsetp.neu.f64 %p1, %fd1, {d(1.0)};\nselp.u64 %rd1, 1, 0, %p1;", "rd1", 1),
    "compared signed": ("mov.u32 %r1, -1;\nsetp.lt.s32 %p1, %r1, 1;\nselp.u64 %rd1, 1, 0, %p1;", "rd1", 1),
    "compared unsigned": ("mov.u64 %rd1, -1;\nsetp.lt.u64 %p1, %rd1, 1;\nselp.u64 %rd1, 1, 0, %p1;", "rd1", 0),
    # bits of one as the other
    "halves": (f"mov.f64 %fd1, {d(1.5)};\nmov.b64 {{%r1, %r2}}, %fd1;\nmov.b64 %rd1, {{%r2, %r1}};", "rd1", 0x3FF80000),
    "bits of a float": (f"mov.f64 %fd1, {d(-2.0)};\nmov.b64 %rd1, %fd1;", "rd1", -(2**62)),
    "float of bits": ("mov.u64 %rd1, 4607182418800017408;\nmov.b64 %fd1, %rd1;", "fd1", 1.0),
    # memory
    "byte, signed": ("st.global.u8 [%rd8+8], -2;\nld.global.s8 %r1, [%rd8+8];", "r1", -2),
    "byte, unsigned": ("st.global.u8 [%rd8+8], -2;\nld.global.u8 %rs1, [%rd8+8];", "rs1", 254),
    "added in memory": (
        "mov.u64 %rd1, 40;\nst.global.u64 [%rd8+8], %rd1;\natom.global.add.u64 %rd2, [%rd8+8], 2;\n"
        "ld.global.u64 %rd1, [%rd8+8];", "rd1", 42,
    ),
    "what was there": (
        "mov.u64 %rd1, 40;\nst.global.u64 [%rd8+8], %rd1;\natom.global.cas.b64 %rd1, [%rd8+8], 40, 5;\nld.global.u64 %rd2, [%rd8+8];\n"
        "add.s64 %rd1, %rd1, %rd2;", "rd1", 45,
    ),
    "a branch": ("setp.eq.s32 %p1, 1, 1;\nmov.u64 %rd1, 3;\n@%p1 bra $L_1;\nmov.u64 %rd1, 4;\n$L_1:\nadd.s64 %rd1, %rd1, 10;", "rd1", 13),
    "not": ("setp.eq.s32 %p1, 1, 2;\nmov.u64 %rd1, 3;\n@!%p1 mov.u64 %rd1, 4;", "rd1", 4),
}  # fmt: skip


def loaded(text: str, name: str) -> int:
    """A kernel of PTX, by way of the driver."""
    functions, code = driver(), text.encode() + b"\0"
    library = checked(functions.cuLibraryLoadData(code, [], [], 0, [], [], 0), "loading")
    return int(checked(functions.cuLibraryGetKernel(library, name.encode()), "loading"))


def launched(function: int, *arrays: DeviceArray, threads: int = 1) -> None:
    """Run a kernel whose parameters are addresses."""
    words = np.array([array.ptr for array in arrays], dtype=np.int64)
    at = words.ctypes.data + 8 * np.arange(words.size, dtype=np.uint64)
    checked(driver().cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, 0, at.ctypes.data, 0), "launching")


def computed(gpu: Gpu, name: str) -> Any:
    """What an instruction gives."""
    body, register, _ = INSTRUCTIONS[name]
    kind = register.rstrip("0123456789")
    called = "check"
    text = ENTRY.format(name=called, body="\n".join(f"\t{line}" for line in [*body.split("\n"), f"{STORES[kind]} [%rd8], %{register};"]))
    out = gpu.to_device(np.zeros(2, dtype=np.int64))
    launched(loaded(text, called), out)
    bits = out.copy_to_host()[:1].tobytes()
    return struct.unpack({"rd": "<q", "r": "<i4x", "rs": "<H6x", "f": "<f4x", "fd": "<d"}[kind], bits)[0]


# ---------------------------------------------------------------------- the emulator
class Pair(NamedTuple):
    """A table."""

    x: Any
    y: Any


def scale(n, pair, numbers, factor):
    i = cuda.grid(1)
    if i < n:
        pair.y[i] = pair.x[i] * factor + numbers[0]


def reach(a, at):
    a[at] = 1.0


def who_was_last(out, order):
    i = cuda.grid(1)
    order[cuda.atomic.add(out, 0, 1)] = i


@row
def copy_row(i, source, target):
    for k in range(3):
        target[i, k] = source[i, k]


def kernel(gpu: Gpu, function: Callable[..., None]) -> Kernel:
    """A kernel to launch."""
    return gpu.kernel(jitted(function))


def reaching(gpu: Gpu, at: int) -> str:
    """What the emulator says where a kernel writes entry ``at`` of an array of four."""
    with pytest.raises(MitoferryError, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        gpu.launch(kernel(gpu, reach), (1, 1), gpu.to_device(np.zeros(4)), at)
    return emulated().last_failure


def emulated() -> emulated_gpu.Gpu:
    """The emulated GPU of this process."""
    return EMULATED[0]


EMULATED: list[emulated_gpu.Gpu] = []


def check_instructions(gpu: Gpu) -> None:
    found = {name: computed(gpu, name) for name in INSTRUCTIONS}
    wanted = {name: value for name, (_, _, value) in INSTRUCTIONS.items()}
    assert {k: (found[k], wanted[k]) for k in wanted if found[k] != wanted[k]} == {}


def check_an_unknown_instruction_is_refused(gpu: Gpu) -> None:
    text = ENTRY.format(name="odd", body="\tlg2.approx.f32 %f1, %f1;")
    with pytest.raises(MitoferryError, match=r"218|INVALID_PTX"):
        loaded(text, "odd")
    assert "lg2.approx" in str(emulated().failures.pop())


def check_beyond_an_array(gpu: Gpu) -> None:
    emulated_gpu.watch_every_array()
    gpu = Gpu(compiling)
    for at in (4, 70, -1, 10**7, -(2**40)):
        assert "8 bytes" in reaching(gpu, at)
        assert "reach" in emulated().last_failure


def check_between_two_numbers(gpu: Gpu) -> None:
    odd = gpu.to_device(np.zeros(40, dtype=np.uint8))
    shifted = DeviceArray(gpu, odd._block, odd.ptr + 3, (4,), np.dtype(float))
    with pytest.raises(MitoferryError, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        gpu.launch(kernel(gpu, reach), (1, 1), shifted, 1)


def check_memory_of_the_host(gpu: Gpu) -> None:
    here = np.zeros(4)
    with pytest.raises(MitoferryError, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        gpu.launch(kernel(gpu, reach), (1, 1), DeviceArray(gpu, gpu.to_device(here)._block, here.ctypes.data, (4,), here.dtype), 1)
    assert not here.any()


def check_memory_that_was_given_back(gpu: Gpu) -> None:
    large = gpu.to_device(np.zeros(KEPT))
    again = DeviceArray(gpu, SimpleNamespace(), large.ptr, large.shape, large.dtype)
    del large
    gpu.memory.release()
    with pytest.raises(MitoferryError, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        gpu.launch(kernel(gpu, reach), (1, 1), again, 1)


def check_fresh_memory_holds_rubbish(gpu: Gpu) -> None:
    assert gpu.device_array(3_000_000, np.uint8).copy_to_host().all()


def check_threads_run_in_either_order(gpu: Gpu) -> None:
    found = {}
    for backward in (False, True):
        emulated().backward(backward)
        order = gpu.to_device(np.zeros(300, dtype=np.int64))
        gpu.launch(kernel(gpu, who_was_last), (3, 100), gpu.to_device(np.zeros(1, dtype=np.int64)), order)
        found[backward] = order.copy_to_host().tolist()
    emulated().backward(False)
    assert found == {False: list(range(300)), True: list(range(299, -1, -1))}


# ---------------------------------------------------------------------- the driver's caller
def check_numbers_and_tables_arrive(gpu: Gpu) -> None:
    made = kernel(gpu, scale)
    for n, factor in ((5, 2.0), (5, 2.0), (7, -1.5)):  # arrays and numbers that are others, and those that are not
        x = np.arange(float(n))
        for _ in range(2):
            pair = Pair(gpu.to_device(x), gpu.device_array(n, float))
            gpu.launch(made, (1, 32), n, pair, (0.25,), factor)
            assert pair.y.copy_to_host().tolist() == (x * factor + 0.25).tolist()
    assert len(made._calls) == 1, "one kind of call"


def check_other_types_are_compiled_anew(gpu: Gpu) -> None:
    made, x = kernel(gpu, scale), np.arange(6)
    for kind in (np.float32, np.float64, np.int32, np.float32, np.float64):
        pair = Pair(gpu.to_device(x.astype(kind)), gpu.to_device(np.zeros(6)))
        gpu.launch(made, (1, 6), 6, pair, (1.0,), 3.0)
        assert pair.y.copy_to_host().tolist() == (x * 3.0 + 1).tolist()
    assert len(made._calls) == 3
    gpu.launch(made, (1, 6), 6, pair, (1,), 3)  # whole numbers instead
    assert pair.y.copy_to_host().tolist() == (x * 3.0 + 1).tolist()


def check_a_narrow_number_is_refused(gpu: Gpu) -> None:
    with pytest.raises(TypeError, match="64 bits"):
        gpu.launch(kernel(gpu, reach), (1, 1), gpu.to_device(np.zeros(3)), np.float32(1.0))


def check_parts_and_shapes(gpu: Gpu) -> None:
    x = np.arange(24, dtype=np.int16).reshape(6, 4)
    there = gpu.to_device(x)
    assert (there.copy_to_host() == x).all()
    assert (there[2:5].copy_to_host() == x[2:5]).all()
    assert there[4:2].copy_to_host().size == 0
    assert (there.reshape(-1).copy_to_host() == x.ravel()).all()
    assert (there.reshape(3, -1)[1:].copy_to_host() == x.reshape(3, 8)[1:]).all()
    there[1:3].copy_to_device(-x[:2])
    there[:1].copy_to_device(there[5:])
    assert (there.copy_to_host() == np.vstack([x[5:], -x[:2], x[3:]])).all()
    with pytest.raises(IndexError, match="follow each other"):
        there[::2]


def check_copies_of_other_kinds_are_refused(gpu: Gpu) -> None:
    there = gpu.to_device(np.zeros(6))
    for wrong in (np.zeros(5), np.zeros(6, dtype=np.float32)):
        with pytest.raises(ValueError, match="are not"):
            there.copy_to_device(wrong)
        with pytest.raises(ValueError, match="are not"):
            there.copy_to_host(wrong)
    with pytest.raises(ValueError, match="gaps"):
        there.copy_to_host(np.zeros((6, 2))[:, 0])
    there.copy_to_device(np.arange(12.0).reshape(6, 2)[:, 1])  # read with gaps is all right
    assert there.copy_to_host().tolist() == [1, 3, 5, 7, 9, 11]


def check_memory_is_used_again(gpu: Gpu) -> None:
    gpu.to_device(np.zeros(100))
    before, taken = emulated().counted("allocations"), gpu.memory.taken
    for k in range(50):
        gpu.to_device(np.zeros(65 + k))  # all of one size of block
    assert emulated().counted("allocations") == before
    assert gpu.memory.taken == taken
    kept = [gpu.to_device(np.zeros(100)) for _ in range(3)]
    assert gpu.memory.taken == taken + 3 * 1024
    assert len({array.ptr for array in kept}) == 3


def check_large_memory_goes_back(gpu: Gpu) -> None:
    left = driver().cuMemGetInfo()[1]
    for size in (50, 60, 70):
        gpu.device_array(size << 20, np.uint8)
    assert left - driver().cuMemGetInfo()[1] < 80 << 20
    gpu.memory.release()
    assert driver().cuMemGetInfo()[1] >= left


def check_zeros_are_zeros(gpu: Gpu) -> None:
    backend, found = Cuda(), np.ones((700, 3), dtype=np.int32)
    zeros = backend.zeros((700, 3), np.int32)
    backend.each(copy_row, 700, zeros, found)
    backend.pull(found)
    assert not found.any()


def check_a_full_gpu_says_what_to_do(gpu: Gpu) -> None:
    held = [gpu.device_array(5 << 30, np.uint8) for _ in range(3)]
    small = [gpu.device_array(KEPT, np.uint8) for _ in range(3)]
    with pytest.raises(MitoferryError, match=r"2\.15 GB more were wanted, 1\.0\d of 17\.2 GB are free.*--replicates"):
        gpu.device_array(1 << 31, np.uint8)
    del small, held
    gpu.device_array(1 << 31, np.uint8)


def check_another_thread(gpu: Gpu) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(gpu.to_device(np.arange(4.0)).copy_to_host().sum()))
    thread.start()
    thread.join()
    gpu.launch(kernel(gpu, reach), (1, 1), gpu.to_device(np.zeros(4)), 1)
    assert found == [6.0]


def check_words_hold_nothing_alive(gpu: Gpu) -> None:
    taken = gpu.memory.taken
    made, array = kernel(gpu, reach), gpu.to_device(np.zeros(4))
    gpu.launch(made, (1, 1), array, 1)
    assert gpu.memory.taken > taken
    del array
    assert gpu.memory.taken == taken


def run(group: tuple[str, ...], of: emulated_gpu.Gpu) -> dict[str, str]:
    """Run checks on the emulated GPU of this process; of each what went wrong."""
    EMULATED.append(of)
    found = {}
    gpu = Gpu(compiling)
    for name in group:
        try:
            globals()[f"check_{name}"](gpu)
        except BaseException:
            found[name] = traceback.format_exc()
        else:
            found[name] = ""
    return found


OF_THE_EMULATOR = (
    "instructions", "an_unknown_instruction_is_refused", "between_two_numbers", "memory_of_the_host",
    "memory_that_was_given_back", "fresh_memory_holds_rubbish", "threads_run_in_either_order", "beyond_an_array",
)  # fmt: skip
OF_THE_DRIVER = (
    "numbers_and_tables_arrive", "other_types_are_compiled_anew", "a_narrow_number_is_refused", "parts_and_shapes",
    "copies_of_other_kinds_are_refused", "memory_is_used_again",
    "zeros_are_zeros", "large_memory_goes_back", "a_full_gpu_says_what_to_do", "another_thread",
    "words_hold_nothing_alive",
)  # fmt: skip

__all__ = ["OF_THE_DRIVER", "OF_THE_EMULATOR", "run"]
