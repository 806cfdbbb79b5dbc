"""What counts as rest: the limits that a week of a cell type is held to, fixed before the draws that are reported (docs/rest.md).

A type rests (:data:`LIMITS`; docs/rest.md says which were changed after the first runs) if from the second hour to the seventh
day, in the mean of its living cells,

* ATP changes by no more than 5 % and the potential by no more than 3 mV,
* H2O2 ends below 20 nM, where signals and transfer begin, and changes by no more than 3 nM from the second day on,
* the mean damage of its own mitochondria ends below 0.1 and changes by no more than 0.01 in the last two days,
* number and mass of mitochondria and copies of mtDNA per cell stay within 10 %, wider by four standard deviations of a
  birth-and-death process where cells hold few,
* no signal is, in the mean from the second day on, further from its resting value than a tenth of its full response
  (:data:`SIGNALS`), nor drifts in the last two days by more than a fiftieth. The drift is twice the difference of the means of the last
  two days, since the daily change of medium makes whatever is secreted rise and fall within a day. Of peroxidised lipid, whose rest
  depends on the type, only what is above its start counts: it falls when arrivals raise antioxidants, and comes back,
* no cell is ever above 100 nM H2O2, where distress begins (Sies and Jones 2020 Nat Rev Mol Cell Biol, from memory): a single
  cell that runs away counts, whatever the mean of the others,
* all hazards of death together, summed over every hour of every cell, exceed the base hazard by less than 3e-4 per hour, a tenth to
  a sixth of it: less than 5 % more deaths in a week,
* no more cells die than that hazard explains: a week fails if their number is one that cells at the permitted hazard reach in fewer than
  one week of a thousand (Poisson; :data:`ALPHA`). At the permitted hazard one of 20 cells is expected to die in a week, so that a single
  death says nothing; that hazards kill at the rate that they state, and nothing else kills, is a test of its own.

What follows from mitochondria that healthy neighbours hand to each other now and then is transfer, not a drift. So not judged are the
responses to them (:data:`OF_ARRIVALS`), short answers to single arrivals (:data:`OF_SINGLE_ARRIVALS`, which are held to the mean), rises
of antioxidants; PGC1a is judged without and crawling without their part, and the number of mitochondria may rise by what the cell steers
for under the PGC1a that they call for.

Verification: tests/verification/test_rest_week.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SIGNALS = {
    "nfkb": (0.0, 1.0), "tnfaip2": (1.0, 2.0), "p53": (0.0, 1.0), "caspase3": (0.0, 1.0), "s100a4": (1.0, 1.0),
    "phosphatidylserine": (0.0, 1.0),
    "p2y": (0.0, 1.0), "calcium": (0.1, 1.0), "survival": (0.0, 1.0), "arrival_pulse": (0.0, 1.0), "pgc1a": (1.0, 2.0),
    "pgc1a_own": (1.0, 2.0),
    "hif": (0.0, 1.0),
    "akt": (1.0, 1.0), "signal_from_neighbours": (0.0, 1.0), "tlr9": (0.0, 1.0), "sting": (0.0, 1.0), "nlrp3": (0.0, 1.0),
    "polarisation": (0.0, 1.0), "t_cell": (0.0, 1.0), "traps": (0.0, 1.0), "ho1": (1.0, 9.0), "tfam": (1.0, 1.0), "hmgb1": (0.0, 1.0),
    "miro1": (1.0, 1.0), "rac1": (1.0, 1.0), "sirt1": (1.0, 1.0), "o_glcnac": (1.0, 1.0), "trak": (1.0, 1.0), "erk": (1.0, 1.0),
    "lipid_peroxide": (0.0, 1.0), "senescent": (0.0, 1.0), "dna_damage": (0.0, 1.0), "lipid_load": (0.0, 1.0), "lineage": (0.0, 1.0),
    "fate": (0.0, 1.0), "motility": (1.0, 1.0), "antioxidant": (1.0, 1.0), "load": (1.0, 1.0), "receptors": (0.0, 1.0),
}  # fmt: skip
"""Column of a cell: its value at rest and the size of its full response."""

OF_ARRIVALS = ("survival", "arrival_pulse", "ho1", "tfam", "erk", "pgc1a")
"""Responses to mitochondria of neighbours, of which healthy cells exchange a few a day; reported, not judged: that is transfer."""
OF_SINGLE_ARRIVALS = ("sting", "tlr9", "pgc1a_own")
"""Answers for hours to one degraded arrival or to the ATP of the moment: their mean is judged, not their change."""
ALPHA = 1e-3
"""Share of the weeks at the permitted hazard in which so many cells die that the week is said to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What counts as rest; see the head of the module."""

    atp: float = 0.05
    potential: float = 3.0  # mV
    h2o2: float = 0.02  # uM
    h2o2_change: float = 0.003  # uM
    damage: float = 0.1
    damage_trend: float = 0.01
    content: float = 0.1
    signal: float = 0.1
    signal_trend: float = 0.02
    hazard: float = 3e-4  # 1/h
    distress: float = 0.1  # uM H2O2, of any cell


LIMITS = Limits()


@dataclass(slots=True, kw_only=True)
class TypeWeek:
    """What became of the cells of one well.

    Attributes:
        name: arm.
        cell_type: its type.
        hours: times of the samples [h], ``[t]``.
        series: quantity to values ``[t]``: means over living cells; ``nan`` once none lives.
        seeded: cells at the start.
        dead: cells that have released cytochrome c or died.
        causes: of those that have died, by the number of ``death_cause``.
        mitochondria: expected mitochondria of all its cells together.
        copies: copies of mtDNA per mitochondrion; 0 without.
        cell_hours: hours that its cells lived, from the second on.
        hazard_hours: hazards of death beyond the base hazard, summed over these hours.
        most_h2o2: highest H2O2 of any of its cells in that time [uM].
    """

    name: str
    cell_type: str
    hours: np.ndarray
    series: dict[str, np.ndarray]
    seeded: int
    dead: int
    causes: dict[int, int] = field(default_factory=dict)
    mitochondria: float = 0.0
    copies: float = 0.0
    cell_hours: float = 0.0
    hazard_hours: float = 0.0
    most_h2o2: float = 0.0


def drift(hours: np.ndarray, values: np.ndarray) -> float:
    """Change in the last two days, by the means of these days; the largest difference of a run that is no longer than one."""
    last, before = hours > hours[-1] - 24.0, hours > hours[-1] - 48.0
    if not (before & ~last).any():
        return float(np.ptp(values))
    return 2.0 * float(values[last].mean() - values[before & ~last].mean())


def judge(week: TypeWeek, limits: Limits = LIMITS) -> list[str]:
    """What of a week at rest breaks the limits, in words; empty if the type rests."""
    from scipy.stats import poisson

    s, h = week.series, week.hours
    if not s or not np.isfinite(s["atp"]).any():
        return ["no cell is left"]
    alive = np.isfinite(s["atp"])
    h, s = h[alive], {k: v[alive] for k, v in s.items()}
    late, settled = h >= h[-1] - 48.0, h >= min(24.0, h[-1])
    broken = []

    def check(what: str, value: float, limit: float) -> None:
        if not value <= limit:
            broken.append(f"{what} {value:.3g} > {limit:.3g}")

    check("cells that died", week.dead, float(poisson.ppf(1.0 - ALPHA, limits.hazard * week.cell_hours)))
    check("hazard beyond the base [1/h]", week.hazard_hours / max(week.cell_hours, 1e-9), limits.hazard)
    check("H2O2 of a cell reaches [uM]", week.most_h2o2, limits.distress)
    check("ATP changes by a share of", float(np.abs(s["atp"] / s["atp"][0] - 1.0).max()), limits.atp)
    if week.mitochondria > 0.0:
        check("potential changes by [mV]", float(np.abs(s["psi"] - s["psi"][0]).max()), limits.potential)
        check("H2O2 ends at [uM]", float(s["h2o2"][-1]), limits.h2o2)
        check("H2O2 changes by [uM]", float(np.ptp(s["h2o2"][settled])), limits.h2o2_change)
        check("damage ends at", float(s["damage"][-1]), limits.damage)
        check("damage changes in two days by", float(np.ptp(s["damage"][late])), limits.damage_trend)
        for name, n in (("number", week.mitochondria), ("mass", week.mitochondria), ("copies", week.mitochondria * week.copies)):
            if name == "copies" and week.copies == 0.0:
                check("copies of mtDNA appear", float(s["copies"].max()), 0.0)
                continue
            wide = limits.content + 4.0 / np.sqrt(max(min(n, week.mitochondria), 1.0))
            change = s[name] / s[name][0] - 1.0
            check(f"{name} falls by a share of", -float(change.min()), wide)
            check(f"{name} rises by a share of", float(change.max()), wide + float(s["programme"].max()))
    for name in SIGNALS:
        if name in OF_ARRIVALS:
            continue
        if name == "antioxidant":
            check("antioxidant is used up by", float(-s[name][settled].min()), limits.signal)
            continue
        moved = np.maximum(s[name] - s[name][0], 0.0) if name == "lipid_peroxide" else s[name]
        check(f"{name} is off rest by", abs(float(moved[settled].mean())), limits.signal)
        if name not in OF_SINGLE_ARRIVALS:
            check(f"{name} changes in two days by", abs(drift(h, moved)), limits.signal_trend)
    return broken
