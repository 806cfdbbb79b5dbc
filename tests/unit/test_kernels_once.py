"""Kernels are loaded once in a process, whose plates have a backend each; its tables go with it, and no byte changes."""

import gc
import math
import os
import weakref
from pathlib import Path

import pandas as pd
import pytest

from mitoferry.backends import choose, cpu
from mitoferry.studies.board import work
from mitoferry.studies.board.plan import Job, base_spec

CARD = "one-nanotube"


def mappings() -> int:
    """Mappings of memory that this process has."""
    return len(Path("/proc/self/maps").read_text(encoding="ascii").splitlines())


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
def test_plates_of_a_process_share_their_kernels(tmp_path, monkeypatch):
    """Faults seen to fail it: kernels that every backend builds for itself (125 mappings more for a plate), and kernels that hold the
    backend that built them, with the tables of its plate."""
    made, choose_backend = [], choose.choose_backend

    def remembered(*args, **options):
        backend = choose_backend(*args, **options)
        made.append(weakref.ref(backend))
        return backend

    monkeypatch.setattr(choose, "choose_backend", remembered)
    monkeypatch.setattr(cpu, "_BUILT", {})  # the first plate builds them, whatever ran before
    spec, _ = base_spec(CARD, replicates=2, seed=1, budget=math.inf)
    jobs = [Job(card=CARD, variant=f"draw-{k:03d}", arms=(spec.arms[0].name,), replicates=2, seed=3) for k in range(3)]
    kernels, places, tables = [], [], []
    for job in jobs:
        assert not work.run_job(job, str(tmp_path)).error
        kernels.append(len(cpu._BUILT))
        places.append(mappings())
        tables.append(pd.read_parquet(job.folder(tmp_path) / "table.parquet"))
        gc.collect()
        assert made.pop()() is None, "tables of the plate are let go"
    assert kernels[0] == kernels[1] == kernels[2] > 20
    assert max(places) - places[0] < kernels[0], "three mappings a kernel, were they loaded again"
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])
