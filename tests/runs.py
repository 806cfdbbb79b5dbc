"""Tiny runs through the command line, for the tests from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

TINY = """\
schema: mitoferry/experiment@1
title: A few cells, for tests
well: {kind: dish, size: 60 um, periodic: false, voxel: 20 um, medium: {height: 2 mm, glucose: 5.5 mM, oxygen: 18 %}}
cells:
  recipient: {type: huvec, count: 2, overrides: {mitochondria: 40, mtdna: 200}}
  donor: {type: bm_msc, count: 2, added: 10 min, label: {genetic: mito_dsred}, overrides: {mitochondria: 40, mtdna: 200}}
injury: [{do: oxygen_glucose_deprivation, from: 0 h, until: 30 min}]
arms:
  coculture: {}
  injured_alone: {without: [donor]}
measure:
  - {assay: flow_mitochondria, of: [recipient, donor], every: 30 min}
  - {assay: annexin_pi, of: recipient, every: 30 min}
  - {assay: nanotube_count, of: well, every: 15 min}
run: {until: 2 h, replicates: 2, seed: 7, save_every: 30 min, checkpoint_every: 1 s}
parameters: # tubes that form and carry within the hour
  nanotube_search.capture_probability: 0.3
  nanotube_clocks.opening_time: 0.05
  nanotube_clocks.thickening_rate: 20.0
  nanotube_transport.loading_rate: 400.0
"""


def tiny(folder: Path, **replaced: str) -> Path:
    """The file of the tiny experiment in ``folder``; keywords replace texts: ``tiny(f, until="6 h")``."""
    text = TINY
    for key, value in replaced.items():
        old = next(
            line.split(f"{key}: ")[1].split(",")[0].rstrip("}") for line in TINY.splitlines() if f"{key}: " in line and "run:" in line
        )
        text = text.replace(f"{key}: {old}", f"{key}: {value}")
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def start(*words: object, cwd: Path | None = None, module: str = "mitoferry.show.cli", **environment: str) -> subprocess.Popen[str]:
    """``mitoferry WORDS`` as a process of its own; ``module``: what is run in place of the command."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment},
    )  # fmt: skip


def mitoferry(*words: object, cwd: Path | None = None, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``mitoferry WORDS`` to its end; it must exit with ``code`` and never show a traceback."""
    with start(*words, cwd=cwd, **environment) as process:
        out, err = process.communicate(timeout=900)
    assert "Traceback" not in err, err
    assert process.returncode == code, f"mitoferry {' '.join(map(str, words))}\nexit code {process.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for(condition: object, process: subprocess.Popen[str], seconds: float = 600.0) -> bool:
    """Wait until ``condition()`` holds; ``False`` if the process ended before."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if process.poll() is not None:
            return bool(condition())  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return True


def manifest(folder: Path) -> dict:
    """The manifest of a run."""
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def content(folder: Path) -> dict[str, object]:
    """What two equal runs share: both tables decoded, the digest of the final state, the ledger."""
    m = manifest(folder)
    tables = {name: pq.read_table(folder / f"{name}.parquet").to_pydict() for name in ("table", "events")}
    for columns in tables.values():  # NaN is not equal to itself
        for name, values in columns.items():
            columns[name] = [repr(v) if isinstance(v, float) else v for v in values]
    return {**tables, "state_digest": m["state_digest"], "ledger": m["ledger"]}
