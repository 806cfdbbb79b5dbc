"""Cells without mitochondria: the same bytes in plain Python and on one and two threads, with rows in any order."""

import hashlib

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.studies.cells_only.clocks import FreeClocks, PinnedClocks
from mitoferry.studies.cells_only.workload import workload_for
from same_bytes import BACKENDS


def digest(run, minutes, fresh=False):
    run.advance(minutes)
    sha = hashlib.sha256()
    for array in (run.crowd.places, run.concentrations(), run.crowd.cells.id, run.crowd.in_order(run.crowd.cells.velocity)):
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


@pytest.mark.parametrize("kind", ["pinned", "own"])
def test_backends_agree_to_the_byte(kind):
    work = workload_for(150, jitter=1.5)

    def found(backend):
        run = PinnedClocks(work, backend) if kind == "pinned" else FreeClocks(work, backend)
        return digest(run, 0.2 if kind == "pinned" else 0.03)

    expected = found(Reference())
    for name, make in BACKENDS.items():
        assert found(make()) == expected, name


@pytest.mark.parametrize("fresh", [True, False])
def test_threads_do_not_change_a_byte_of_a_larger_ball(fresh):
    """Fault seen to fail it, planted in a copy of the package: cells moved where they lie while others still read them."""
    work = workload_for(3000, jitter=1.5)
    found = {digest(PinnedClocks(work, Cpu(threads=n, eager=True), fresh_lists=fresh), 2.0) for n in (1, 2, 3)}
    assert len(found) == 1
    assert digest(PinnedClocks(work._replace(jitter=1.4), Cpu(threads=1)), 2.0) not in found
