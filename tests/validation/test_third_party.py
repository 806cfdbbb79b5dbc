"""A package of somebody else adds a process, its parameters, a cell type, a drug and an assay through entry points only.

A throw-away distribution (a module and a dist-info folder) is put on the path of the program; a tiny experiment uses what it
brings. Nothing of mitoferry is touched.
"""

import json
import os

import pyarrow.parquet as pq
import pytest

from runs import TINY, manifest, mitoferry

MODULE = """
from typing import NamedTuple
import numpy as np
from mitoferry.assays.base import CELLS, Assay, Option, Readout
from mitoferry.core.maths import chance
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE

CHOICE = {"tag": "C", "source": "modelling choice"}
PARAMETERS = {"greying.rate": {"value": 2.0, "unit": "1/h", "range": [0.1, 10.0], "distribution": "loguniform",
    "about": "rate at which cells go grey", **CHOICE}}

class Parameters(NamedTuple):
    rate: float

@row
def grey_row(i, grey, cells, wells, p, step):
    if int(cells.state[i]) != CELL_LIVE:
        return
    w = int(cells.well[i])
    u = uniform(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, 40777, step.step, 0)
    if u < chance(p.rate, step.dt / 3600.0):
        grey[i] = 1

def advance(world, step, p):
    grey = world.extra.get("greying")
    if grey is None or len(grey) < len(world.cells.id):
        fresh = np.zeros(len(world.cells.id), np.uint8)
        if grey is not None:
            fresh[: len(grey)] = grey
        grey = world.extra["greying"] = fresh
    world.backend.each(grey_row, world.n_cells, grey, world.cells, world.wells, p, step)

PROCESS = Process(name="greying", stage="quality", clock="mitochondria", parameters=Parameters, advance=advance)

def read(view, options, step):
    marks = view.world.extra.get("greying")
    rows = view.living()
    return {"grey_fraction": view.mean(rows, np.zeros(len(rows)) if marks is None else marks[rows]) * options["gain"]}

ASSAY = Assay(name="hair_colour", about="share of grey cells",
    readouts=(Readout("grey_fraction", "1", "share of living cells that are grey"),),
    options={"gain": Option(1.0, "gain of the camera", low=0.0, high=2.0)}, read=read, tables=CELLS)

CELL_TYPES = {"types": {"old_endothelium": {"about": "endothelium of an old donor", "species": "human", "values": {
    "volume": 2, "radius": 8, "mitochondria": 40, "mtdna": 200, "oxygen_use": 2.0, "oxphos_share": 0.5,
    "speed": 12, "persistence": 1, "filopodia": 1.5, "cx43": 0.5, "miro1": 0.5, "uptake": 1, "cycle_time": 48}}}}
"""
POINTS = """
[mitoferry.processes]
greying = mitoferry_greying:PROCESS

[mitoferry.parameters]
greying = mitoferry_greying:PARAMETERS

[mitoferry.assays]
hair_colour = mitoferry_greying:ASSAY

[mitoferry.cell_types]
greying = mitoferry_greying:CELL_TYPES
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A folder for PYTHONPATH that holds the installed package; it keeps what was there before."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "mitoferry_greying.py").write_text(MODULE, encoding="utf-8")
    info = folder / "mitoferry_greying-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mitoferry-greying\nVersion: 0.1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The tiny experiment with the foreign cell type and assay."""
    text = TINY.replace("type: huvec", "type: old_endothelium").replace(
        "measure:", "measure:\n  - {assay: hair_colour, of: recipient, every: 30 min, options: {gain: 0.5}}"
    )
    text = text.replace("until: 2 h, replicates: 2", "until: 1 h, replicates: 2").replace(
        "parameters: #", "parameters:\n  greying.rate: 3 #"
    )
    path = tmp_path_factory.mktemp("files") / "grey.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def grey(folder):
    """Share of grey recipients per well and time."""
    table = pq.read_table(folder / "table.parquet").to_pandas()
    return table[table["readout"] == "grey_fraction"].sort_values(["arm", "replicate", "tick"])


def test_its_names_are_known_everywhere(path, file):
    assert "no problems" in mitoferry("check", file, PYTHONPATH=path).stdout
    assert "greying.rate" in mitoferry("parameters", "greying", PYTHONPATH=path).stdout
    assert "old donor" in mitoferry("show", "celltype", "old_endothelium", PYTHONPATH=path).stdout
    assert "grey" in mitoferry("show", "assay", "hair_colour", PYTHONPATH=path).stdout
    said = mitoferry("check", file, code=2).stderr
    for name in ("old_endothelium", "hair_colour", "greying.rate"):
        assert name in said


def test_it_runs_and_its_assay_reads_its_process(path, file, tmp_path):
    mitoferry("run", file, "--out", tmp_path / "run", PYTHONPATH=path)
    found = grey(tmp_path / "run")
    assert len(found) == 2 * 2 * 3
    at_end = found[found["tick"] == 3600]["value"]
    assert at_end.max() == 0.5  # gain 0.5 of all: exp(-3) of them would be left
    assert (found[found["tick"] == 0]["value"] == 0.0).all()
    m = manifest(tmp_path / "run")
    assert "greying.rate" in json.dumps(m["parameters"])
    assert "grey" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_it_can_be_switched_off(path, file, tmp_path):
    mitoferry("run", file, "--out", tmp_path / "run", "--set", "switches.greying=off", "--set", "run.until=30 min", PYTHONPATH=path)
    assert (grey(tmp_path / "run")["value"] == 0.0).all()
