"""Kernels are loaded once in a process, a board keeps one backend and lets the tables of a plate that is over go, and no byte changes."""

import math
import os
from pathlib import Path

import pandas as pd
import pytest

from mitoferry.studies.board import work
from mitoferry.studies.board.plan import Job, base_spec

CARD = "one-nanotube"


def mappings() -> int:
    """Mappings of memory that this process has."""
    return len(Path("/proc/self/maps").read_text(encoding="ascii").splitlines())


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
def test_plates_of_a_process_share_their_kernels(tmp_path):
    """Fault seen to fail it: kernels that every backend builds for itself, as before (125 mappings more for the last plate)."""
    spec, _ = base_spec(CARD, replicates=2, seed=1, budget=math.inf)
    jobs = [Job(card=CARD, variant=f"draw-{k:03d}", arms=(spec.arms[0].name,), replicates=2, seed=3) for k in range(3)]
    work._engine.cache_clear()
    kernels, places, tables = [], [], []
    for job in jobs:
        assert not work.run_job(job, str(tmp_path)).error
        kernels.append(work._engine().n_kernels)
        places.append(mappings())
        tables.append(pd.read_parquet(job.folder(tmp_path) / "table.parquet"))
        assert not work._engine()._known, "tables of the plate are let go"
        if job is jobs[1]:
            work._engine.cache_clear()  # a backend of its own for the last plate, whose kernels are there
    assert kernels[0] == kernels[1] > 20
    assert max(places) - places[0] < kernels[0], "three mappings a kernel, were they loaded again"
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])
