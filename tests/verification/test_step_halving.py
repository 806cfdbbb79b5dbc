"""Order and step errors of the loop as a whole: all clocks halved (30, 150, 300 s for 60, 300, 600 s) on an injured coculture.

What must agree: mean ATP within 1 % at every hour, in and after the deprivation; median H2O2 within 3 %; counts (search attempts,
nanotubes, hand-overs, mitochondria, living cells) within 3 % beside 4.5 standard errors over 64 wells.
Faults seen to fail it, planted in a copy of the package: attempts of the search counted per step, not per time; respiration with
1 % more oxygen need per 30 s of step. Planted here: capture 20 % higher.
"""

import warnings

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, N_POOLS
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from runs import TINY

WELLS, HOURS = 64, 6
pytestmark = pytest.mark.long


def history(clocks, capture=0.3):
    """Per hour: means of ATP and medians of H2O2 per population, and counts per well."""
    text = TINY.split("arms:")[0].replace("size: 60 um", "size: 110 um").replace("count: 2", "count: 8").replace("30 min}", "2 h}")
    text += "arms:\n  coculture: {}\nmeasure: []\n" + f"run: {{until: {HOURS} h, replicates: {WELLS}, seed: 7, clocks: {clocks}}}\n"
    text += "parameters:" + TINY.split("parameters:")[1].replace("capture_probability: 0.3", f"capture_probability: {capture}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the clocks of tubes are faster than those of the library
        engine = Engine(resolve(parse_experiment(text, "halved.yaml", name="halved")), Cpu(threads=2))
    engine.burn_in()
    w, found = engine.world, []
    while engine.tick < HOURS * 3600:
        engine.advance()
        if engine.tick % 3600 == 0:
            rows = np.arange(N_POOLS * w.n_wells, w.n_cells)
            live = rows[np.isin(w.cells.state[rows], (CELL_LIVE, CELL_MOMP))]
            sorts = [live[w.cells.population[live] == k] for k in (0, 1)]
            count = {
                c: np.bincount(w.cells.well[rows], getattr(w.cells, c)[rows], WELLS) for c in ("n_filopodia", "received", "n_mitochondria")
            }
            count |= {
                "nanotubes": w.wells.next_link.astype(float),
                "living": np.bincount(w.cells.well[live], minlength=WELLS).astype(float),
            }
            found.append(
                {
                    "atp": [float(w.cells.atp[r].astype(float).mean()) for r in sorts],
                    "h2o2": [float(np.median(w.cells.h2o2[r])) for r in sorts],
                    "counts": count,
                }
            )
    return found


@pytest.fixture(scope="module")
def usual():
    return history("{macro: 60 s, mitochondria: 300 s, quality: 600 s}")


def off(a, b):
    """What disagrees between two histories: (hour, what, one, other)."""
    wrong = []
    for hour, (x, y) in enumerate(zip(a, b, strict=True), start=1):
        for what, limit in (("atp", 0.01), ("h2o2", 0.03)):
            wrong += [(hour, what, p, q) for p, q in zip(x[what], y[what], strict=True) if abs(p - q) > limit * q]
        for name, n in x["counts"].items():
            m = y["counts"][name]
            error = np.sqrt((n.var(ddof=1) + m.var(ddof=1)) / WELLS)
            if abs(n.mean() - m.mean()) > 0.03 * m.mean() + 4.5 * error:
                wrong.append((hour, name, n.mean(), m.mean()))
    return wrong


def test_halving_all_clocks_changes_atp_by_less_than_1_and_counts_by_less_than_3_percent(usual):
    halved = history("{macro: 30 s, mitochondria: 150 s, quality: 300 s}")
    assert usual[0]["atp"][0] < 0.5 * usual[-1]["atp"][0]  # the deprivation is felt
    assert usual[-1]["counts"]["received"].sum() > 5000
    assert off(usual, halved) == []


def test_planted_fault_is_caught(usual):
    assert off(usual, history("{macro: 60 s, mitochondria: 300 s, quality: 600 s}", capture=0.4)) != []
