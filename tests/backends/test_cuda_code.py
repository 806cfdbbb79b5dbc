"""Every kernel of the CUDA backend becomes machine code of a GPU, and rounds as the CPU does; no GPU is needed for that.

What the machine code gives is not tested here: that takes a GPU. Faults seen to fail it: options that numba-cuda does not have, products
and sums joined (FMA), linking that joins them once more.
"""

import contextlib
import inspect

import numpy as np
import pytest
import test_primitives as lists
from cuda_cases import CASES, all_launches, name_of, run

from mitoferry.backends import cuda, cuda_code, cuda_lists
from mitoferry.core.row import row

pytestmark = pytest.mark.skipif(bool(cuda_code.missing()), reason=cuda_code.missing() or "-")
FUSED = ("fma.rn", "fma.rm", "fma.rp", "fma.rz", "mad.f")


@row
def product_and_sum_row(i, a, b, c):
    """What a compiler likes to join."""
    c[i] = float(a[i]) * float(b[i]) + float(c[i])


def test_products_and_sums_are_rounded_apart(monkeypatch):
    given = np.ones(4), np.ones(4), np.ones(4)
    backend = cuda_code.Compiling()
    backend.each(product_and_sum_row, 4, *given)
    (kernel,) = backend.kernels.values()
    assert kernel.name.endswith("product_and_sum_row")
    assert "mul.rn.f64" in kernel.text
    assert not any(word in kernel.text for word in FUSED)
    assert (given[2] == 2.0).all(), "the rows are run as well"

    with monkeypatch.context() as patched:  # the compiler left to itself joins them
        patched.setattr(cuda, "products_apart", contextlib.nullcontext)
        joined = cuda_code.Compiling()
        joined.each(product_and_sum_row, 4, *given)
    assert any(word in next(iter(joined.kernels.values())).text for word in FUSED)


@row
def taken_row(i, a, rows, c):
    """Entries whose numbers are read."""
    c[i] = a[rows[i]]


def test_indices_are_taken_as_they_are(monkeypatch):
    given = np.arange(4.0), np.array([3, 1, 0, 2]), np.zeros(4)
    backend = cuda_code.Compiling()
    backend.each(taken_row, 4, *given)
    (kernel,) = backend.kernels.values()
    with monkeypatch.context() as patched:  # numba-cuda left to itself counts negative ones from the end
        patched.setattr(cuda, "counted_from_zero", contextlib.nullcontext)
        looking = cuda_code.Compiling()
        looking.each(taken_row, 4, *given)
    (other,) = looking.kernels.values()
    assert "shr.s64" not in kernel.text
    assert other.text.count("shr.s64") >= 2
    assert given[2].tolist() == [3.0, 1.0, 0.0, 2.0]


@row
def last_entry(a):
    """Counts from the end."""
    return float(a[0, -1])


@row
def last_row(i, a, c):
    """Calls what counts from the end."""
    c[i] = last_entry(a)


def test_counting_from_the_end_is_refused():
    with pytest.raises(cuda.MitoferryError, match=r"test_cuda_code\.py, line \d+: a\[0, -1\]: .*count from zero"):
        cuda_code.Compiling().each(last_row, 4, np.ones((4, 4)), np.ones(4))


def test_a_row_function_without_text_is_refused():
    scope = {"row": row, "__name__": "typed"}
    exec("@row\ndef doubled(i, a, c):\n    c[i] = 2.0 * a[i]\n", scope)
    with pytest.raises(cuda.MitoferryError, match=r"typed\.doubled: its text is not to be had; .*in a file"):
        cuda_code.Compiling().each(scope["doubled"], 4, np.ones(4), np.ones(4))


def test_nothing_is_compiled_when_it_is_linked(monkeypatch):
    """numba-cuda links intermediate code where it finds NVIDIA's linker, and compiles it there once more with options of its own."""
    monkeypatch.setattr("numba.cuda.decorators._have_nvjitlink", lambda: True)
    assert cuda.cuda.jit(lambda x: None).targetoptions["lto"] is True, "left to itself"
    with cuda_code.as_if_there_were_one():
        function, _ = cuda.KernelMaker().function(cuda.EACH, 3, product_and_sum_row)
        made = cuda.jitted(function), cuda.jitted(product_and_sum_row, device=True)
    options = made[0].targetoptions
    assert [kernel.targetoptions["lto"] for kernel in made] == [False, False]
    assert cuda.OPTIONS["lto"] is False
    assert set(options) <= set(inspect.signature(cuda.cuda.dispatcher._Kernel.__init__).parameters), "numba-cuda takes no others"


def test_what_the_assembler_says():
    if cuda_code.assembler() is None:
        pytest.skip("no ptxas")
    backend = cuda_code.Compiling()
    backend.each(product_and_sum_row, 4, np.ones(4), np.ones(4), np.ones(4))
    (kernel,) = backend.kernels.values()
    assert 4 < kernel.registers < 40
    assert kernel.stack == kernel.spilled == 0
    with pytest.raises(cuda_code.MitoferryError, match="ptxas"):
        cuda_code.assembled("no code")


def test_kernels_for_lists_compile():
    backend = cuda_code.Compiling()
    backend.compile_lists()
    assert len(backend.kernels) == len(cuda_lists.KERNELS)
    assert all(kernel.spilled == 0 for kernel in backend.kernels.values())


def test_every_way_to_launch_compiles():
    """With the atomic additions and largest numbers of a GPU."""
    x, groups, seen, out = np.ones(9, dtype=np.float32), np.zeros(9, dtype=np.int32), np.zeros(9, dtype=np.uint8), np.zeros(1)
    backend, law = cuda_code.Compiling(), lists.Law(0.5)
    assert backend.select(lists.is_large, 9, x, law).size == 9
    assert backend.totals(lists.count_large, 9, 1, 2, x, groups, seen, law).tolist() == [[9, 9000]]
    assert backend.largest(lists.twice, 9, 1, groups, x, law).tolist() == [1.5]
    assert backend.serial(lists.first_two, x.astype(float), out) == (9, 9)
    assert backend.serial(lists.mean_of, x.astype(float)) == 1.0
    backend.serial(lists.nothing, out)
    text = {kernel.name.rpartition(".")[2]: kernel.text for kernel in backend.kernels.values()}
    assert "atom" in text["count_large"]
    assert "atom" in text["twice"]
    assert len(text) == 6


@pytest.fixture(scope="module")
def compiled():
    backend = cuda_code.Compiling()
    for case in CASES.values():
        run(case, backend, wide=True)  # the fields as a GPU advances them
    return backend.kernels


@pytest.mark.long
def test_every_kernel_compiles(compiled):
    names = {name_of(row) for _, row, _ in compiled} | {name_of(finish) for _, _, finish in compiled if finish is not None}
    launched = {row for rows in all_launches().values() for row in rows}
    assert len(names & launched) > 100
    assert {kernel.name for kernel in compiled.values() if any(word in kernel.text for word in FUSED)} == set()
    if cuda_code.assembler() is not None:
        assert {kernel.name for kernel in compiled.values() if kernel.spilled} == set()
        assert max(kernel.registers for kernel in compiled.values()) <= 255
