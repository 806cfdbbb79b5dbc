"""Order and step errors of the loop as a whole: all clocks halved (30, 150, 300 s for 60, 300, 600 s) on an injured coculture.

What must agree at every hour, in and after the deprivation: ATP within 1 %; H2O2 (median of a well: dying cells are far out) and counts
(search attempts, nanotubes, hand-overs, mitochondria, living cells) within 3 %; each beside 4.5 standard errors over 64 wells, paired for
ATP and H2O2, whose wells start alike. Another seed moves H2O2 by 4 %, so that more wells would be needed to say more of it.
Fault seen to fail it, planted in a copy of the package: attempts of the search drawn per step, not per time. Planted here: capture a
third more likely.
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
    """Per hour and well: mean ATP and median H2O2 of either population, and counts."""
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
            count = {
                c: np.bincount(w.cells.well[rows], getattr(w.cells, c)[rows], WELLS) for c in ("n_filopodia", "received", "n_mitochondria")
            }
            count |= {
                "nanotubes": w.wells.next_link.astype(float),
                "living": np.bincount(w.cells.well[live], minlength=WELLS).astype(float),
            }
            levels = {}
            for k in (0, 1):
                for name, of in (("atp", np.mean), ("h2o2", np.median)):
                    column, mine = getattr(w.cells, name), live[w.cells.population[live] == k]
                    levels[name, k] = np.array([of(column[mine[w.cells.well[mine] == i]].astype(float)) for i in range(WELLS)])
            found.append({"levels": levels, "counts": count})
    return found


@pytest.fixture(scope="module")
def usual():
    return history("{macro: 60 s, mitochondria: 300 s, quality: 600 s}")


def off(a, b):
    """What disagrees between two histories: (hour, what, one, other)."""
    wrong = []
    for hour, (x, y) in enumerate(zip(a, b, strict=True), start=1):
        for what, p in x["levels"].items():
            q = y["levels"][what]
            both = np.isfinite(p) & np.isfinite(q)  # a well may have lost all cells of a kind
            change, limit = (p - q)[both], 0.01 if what[0] == "atp" else 0.03
            if abs(change.mean()) > limit * q[both].mean() + 4.5 * change.std() / np.sqrt(both.sum()):
                wrong.append((hour, what, p[both].mean(), q[both].mean()))
        for name, n in x["counts"].items():
            m = y["counts"][name]
            error = np.sqrt((n.var(ddof=1) + m.var(ddof=1)) / WELLS)
            if abs(n.mean() - m.mean()) > 0.03 * m.mean() + 4.5 * error:
                wrong.append((hour, name, n.mean(), m.mean()))
    return wrong


def test_halving_all_clocks_changes_atp_by_less_than_1_and_counts_by_less_than_3_percent(usual):
    halved = history("{macro: 30 s, mitochondria: 150 s, quality: 300 s}")
    assert np.nanmean(usual[0]["levels"]["atp", 0]) < 0.5 * np.nanmean(usual[-1]["levels"]["atp", 0])  # the deprivation is felt
    assert usual[-1]["counts"]["received"].sum() > 5000
    assert off(usual, halved) == []


def test_planted_fault_is_caught(usual):
    assert off(usual, history("{macro: 60 s, mitochondria: 300 s, quality: 600 s}", capture=0.4)) != []
