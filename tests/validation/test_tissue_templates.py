"""Templates of tissue that no shipped experiment uses: lung, cornea, bone, fat. They rest, suffer without blood, take up what is given.

Small blocks of half an hour, cells with a tenth of the mitochondria and of what they do. Fault seen to fail it, planted in a copy of the
package: a template without oxygen; blood that goes on flowing under ischaemia.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import CELL_LIVE, N_POOLS, OXYGEN
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.library.tissues import load_tissues
from mitoferry.processes.rest import RESTING_ATP
from runs import content, manifest, mitoferry

SIZE = {"lung": 70, "cornea": 60, "bone": 90, "fat": 120}
FILE = """\
schema: mitoferry/experiment@1
title: A small block of {name}
well: {{kind: block, template: {name}, size: {size} um}}
arms:
  normal: {{}}
  bloodless: {{injury: [{{do: ischaemia, dose: 0, from: 0 h}}]}}
  injected: {{treat: [{{mitochondria: {{type: bm_msc, count: 300, route: injection, label: {{genetic: red}}}}, from: 5 min}}]}}
measure:
  - {{assay: organ, at: [0 h, 30 min]}}
  - {{assay: state, at: [30 min]}}
run: {{until: 30 min, replicates: 1}}
"""


def file_of(name, folder):
    path = folder / f"{name}.yaml"
    path.write_text(FILE.format(name=name, size=SIZE[name]), encoding="utf-8")
    return path


def fewer(population):
    """The population with a tenth of the mitochondria, and of what they do."""
    kind, share = population.cell_type, 0.1
    names = ("mitochondria", "mtdna", "oxygen_use", "demand", "glycolysis", "nonmito", "volume", "cytosol")
    return replace(population, cell_type=replace(kind, **{name: share * getattr(kind, name) for name in names}))


def ends(name, folder):
    """Of every arm after half an hour: share of cells that live, their mean ATP [mM] and oxygen [uM], mitochondria received."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(load_experiment(file_of(name, folder)))
    arms = tuple(replace(a, populations=tuple(fewer(p) for p in a.populations)) for a in spec.arms)
    engine = Engine(replace(spec, measurements=(), detail=(), arms=arms), Cpu(threads=1))
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    world, found = engine.world, {}
    world.ledger.check(world, "end", engine.tick)
    c, n = world.cells, world.n_cells
    for w, arm in enumerate(spec.arms):
        rows = np.flatnonzero((c.well[:n] == w) & (c.population[:n] < len(arm.populations)) & (np.arange(n) >= N_POOLS * world.n_wells))
        live = rows[c.state[rows] == CELL_LIVE]
        seeded = sum(p.count for p in arm.populations)
        found[arm.name] = live.size / seeded, c.atp[live].mean(), c.env[live, OXYGEN].mean(), int(c.received[rows].sum())
    return found


@pytest.mark.parametrize("name", SIZE)
def test_a_template_rests_suffers_without_blood_and_takes_up_what_is_given(name, tmp_path):
    found = ends(name, tmp_path)
    live, atp, oxygen, received = found["normal"]
    assert (live, received) == (1.0, 0)
    assert abs(atp / RESTING_ATP - 1.0) < 0.1
    assert oxygen > 0.85 * float(load_tissues()[name].values["oxygen"].value.split()[0])
    _, starved, left, _ = found["bloodless"]
    assert left < 1e-3
    assert starved < 0.85 * atp
    live, fed, _, received = found["injected"]
    assert live == 1.0
    assert fed > 0.95 * atp
    assert 50 < received <= 300


@pytest.mark.long
@pytest.mark.parametrize("name", SIZE)
def test_a_template_runs_from_the_command_line(name, tmp_path):
    path = file_of(name, tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("30 min", "10 min"), encoding="utf-8")
    assert "no problems" in mitoferry("check", path).stdout
    mitoferry("run", path, "--out", tmp_path / "out")
    assert manifest(tmp_path / "out")["state_digest"]
    assert set(content(tmp_path / "out")["table"]["assay"]) == {"organ", "state"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"A small block of {name}" in page
