"""Results: a run folder as tables, contrasts and findings. Plots are added by ``show/results.py``."""

from __future__ import annotations

import difflib
import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.observables import OBSERVABLES, Observable
from mitoferry.experiment.schema import WITHIN_ARM
from mitoferry.store.read import RunFolder
from mitoferry.store.run_folder import SUMMARY
from mitoferry.studies.contrast import Contrast, contrast_of, mean_intervals
from mitoferry.studies.within import within_arm

if TYPE_CHECKING:
    import pandas as pd

    from mitoferry.studies.fates import Counts
    from mitoferry.studies.findings import Finding


class Results(RunFolder):
    """What a run found. ``n`` everywhere is the number of wells, never of cells."""

    @property
    def readings(self) -> pd.DataFrame:
        """The table itself, not a copy: read it, do not change it."""
        return self._table

    def table(self) -> pd.DataFrame:
        """Every reading, one row per well and reading: well, arm, replicate, tick [s], hours, assay, readout, of, value, unit."""
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        return super().table()

    @cached_property
    def _events(self) -> pd.DataFrame:
        return super().events()

    def events(self) -> pd.DataFrame:
        """Every logged event: hand-overs, loadings, links born and lost, deaths, divisions."""
        return self._events.copy()

    # ------------------------------------------------------------------ names
    @property
    def experiment(self) -> dict[str, Any]:
        """What was asked for, as resolved from the experiment file."""
        found = self.manifest.get("experiment")
        return found if isinstance(found, dict) else {}

    @property
    def title(self) -> str:
        """Title of the experiment."""
        return str(self.experiment.get("title") or self.manifest["name"])

    def readouts(self) -> pd.DataFrame:
        """What was measured: assay, readout, of, unit, number of times, first and last hour."""
        keys = ["assay", "readout", "of", "unit"]
        grouped = self._table.groupby(keys, observed=True, sort=False)["hours"]
        return grouped.agg(times="nunique", first="min", last="max").reset_index()

    def _wrong(self, key: str, wanted: str, found: str, known: list[str]) -> InputError:
        near = difflib.get_close_matches(found, known, n=1)
        hint = (f"Did you mean {near[0]!r}? " if near else "") + "Known: " + ", ".join(known[:40])
        return InputError(Problem(str(self.path), key, wanted, repr(found), hint=hint))

    def _arm(self, key: str, name: str) -> str:
        if name not in self.names.places:
            raise self._wrong(key, "an arm of this run", name, list(self.names.places))
        return name

    def population_of(self, name: str) -> str:
        """The population meant by its name or its role; "well" is the whole well, ""."""
        if name in ("", "well") or name in self.names.populations:
            return "" if name == "well" else name
        return next((p for p, role in zip(self.names.populations, self.names.roles, strict=True) if role == name and p), name)

    def has_donors(self, arm: str) -> bool:
        """Whether cells with the role donor are in the wells of an arm, run or left out."""
        plate_arm = next(a for a in self.plate_arms if a["name"] == arm)
        return any(p["role"] == "donor" and p["count"] > 0 for p in plate_arm["populations"])

    def has_foreign(self, arm: str) -> bool:
        """Whether mitochondria of others can come to the recipients of an arm: from donor cells, or given to the well."""
        plate_arm = next(a for a in self.plate_arms if a["name"] == arm)
        return self.has_donors(arm) or bool(plate_arm.get("doses"))

    @property
    def plate_arms(self) -> list[dict[str, Any]]:
        """Arms of the experiment, run or left out, without dishes of preparation."""
        plate = self.manifest["plate"]
        return [a for a in (*plate["arms"], *plate.get("left_out", ())) if not a.get("prepares")]

    @property
    def manifest_arms(self) -> tuple[str, ...]:
        """Arms that the run in this folder holds itself."""
        return tuple(a["name"] for a in self.manifest["plate"]["arms"] if not a.get("prepares"))

    @property
    def left_out(self) -> tuple[str, ...]:
        """Arms of the experiment that were not run (``--arms``)."""
        return tuple(a["name"] for a in self.manifest["plate"].get("left_out", ()) if not a.get("prepares"))

    def _donors_added(self) -> float:
        """Time [h] at which the last donors enter, 0 without donors."""
        added = [p["added"] for a in self.plate_arms for p in a["populations"] if p["role"] == "donor" and p["count"] > 0]
        return max(added, default=0.0) / 3600.0

    def measured(self, observable: str, *, of: str | None = None, assay: str | None = None) -> Measured:
        """Where an observable of the cards (``experiment/observables.py``) or a readout stands in this run's table.

        Args:
            observable: "apoptosis", "annexin_pi.apoptotic_fraction" or "apoptotic_fraction".
            of: population or role; by default that of the observable, else the whole well, else the recipients.
            assay: needed where several assays give a readout of this name.

        Raises:
            InputError: it was not measured in this run; the message lists what was.
        """
        key = (observable, of, assay)
        if key not in self._measured:
            self._measured[key] = self._find(observable, of, assay)
        return self._measured[key]

    @cached_property
    def _measured(self) -> dict[tuple[str, str | None, str | None], Measured]:
        return {}

    def _find(self, observable: str, of: str | None, assay: str | None) -> Measured:
        card = OBSERVABLES.get(observable)
        if card is not None and card.outside:
            raise InputError(Problem(str(self.path), "observable", "an observable that the model has", repr(observable), hint=card.outside))
        readout = card.readout if card else observable
        assay = assay or (card.assay if card else None)
        if card is None and "." in observable:
            assay, _, readout = observable.rpartition(".")
        found = self._rows_of.get(readout)
        if found is None:
            known = sorted({*self._rows_of, *(n for n, o in OBSERVABLES.items() if o.readout in self._rows_of)})
            raise self._wrong("observable", "an observable or readout that this run measured", observable, known)
        assays = list(dict.fromkeys(a for a, _ in found))
        if assay not in assays:
            if assay is not None and card is None:
                raise self._wrong("assay", f"an assay that gives {readout}", assay, sorted(assays))
            assay = assays[0]
        populations = [p for a, p in found if a == assay]
        if of is not None:
            population = self.population_of(of)
        else:
            wanted = [self.population_of(card.of)] if card else []
            population = next((p for p in (*wanted, "", self.population_of("recipient")) if p in populations), populations[0])
        if population not in populations:
            raise self._wrong("of", f"a population that {readout} was measured in", of or "", [p or "well" for p in populations])
        rows = found[assay, population]
        place, *columns = (column[rows] for column in self._columns)
        by_arm = {a: (*(c[place == k] for c in columns),) for k, a in enumerate(self.names.places) if (place == k).any()}
        unit = str(self._table["unit"].iloc[rows[0]])
        return Measured(by_arm=by_arm, name=observable, readout=readout, of=population, assay=assay, unit=unit, card=card)

    @cached_property
    def _rows_of(self) -> dict[str, dict[tuple[str, str], np.ndarray]]:
        """Rows of the table of each readout, by assay and population: all in order of their first rows; int64 each."""
        keys = ["readout", "assay", "of"]
        group = self._table.groupby(keys, observed=True, sort=False).ngroup().to_numpy()
        by_group = np.argsort(group, kind="stable")
        firsts = np.flatnonzero(np.diff(group[by_group], prepend=-1))
        words = self._table[keys].iloc[by_group[firsts]].astype(str)
        found: dict[str, dict[tuple[str, str], np.ndarray]] = {}
        for (readout, assay, of), rows in sorted(
            zip(words.itertuples(index=False, name=None), np.split(by_group, firsts[1:]), strict=True), key=lambda item: int(item[1][0])
        ):
            found.setdefault(readout, {})[assay, of] = rows
        return found

    @cached_property
    def _columns(self) -> tuple[np.ndarray, ...]:
        """Place of the arm among ``names.places`` (-1: none of them), replicate, tick and value of every row of the table."""
        arms = self._table["arm"].astype("category").cat
        places = {name: k for k, name in enumerate(self.names.places)}
        place_of = np.array([*(places.get(str(name), -1) for name in arms.categories), -1])  # the last: of rows without an arm
        return (place_of[arms.codes.to_numpy()], *(self._table[name].to_numpy() for name in ("replicate", "tick", "value")))

    @cached_property
    def fates_by_route(self) -> Counts:
        """Transferred mitochondria by arm, route of the last hand-over and fate (``studies/fates.py``)."""
        from mitoferry.studies.fates import fates_by_route

        return fates_by_route(self)

    # ------------------------------------------------------------------ numbers
    def wells(
        self,
        observable: str | Measured,
        *,
        arm: str,
        of: str | None = None,
        at: float | str | None = None,
        assay: str | None = None,
        single: bool = False,
    ) -> Reading:
        """Value per replicate of an observable or readout in one arm.

        Args:
            observable: an observable of the cards or a readout of the table.
            arm: an arm.
            of: population or role (see :meth:`measured`).
            assay: see :meth:`measured`.
            at: time in hours (5, "5 h"); by default that of the observable, else the last one.
            single: the reading of that one time, also where the observable is a mean over a window.
        """
        m = observable if isinstance(observable, Measured) else self.measured(observable, of=of, assay=assay)
        self._arm("arm", arm)
        if arm not in m.by_arm:
            raise InputError(
                Problem(str(self.path), "arm", f"an arm in which {m.label} was measured", arm, hint="Measured in: " + ", ".join(m.by_arm))
            )
        replicate, tick, value = m.by_arm[arm]
        if at is None and m.card is not None and m.card.time > 0:
            at = min(self._donors_added() + m.card.time, float(tick.max()) / 3600.0)
        if single or m.card is None or m.card.statistic == "last":
            chosen = tick == self._tick(tick, m, at)
            return Reading(dict(zip(replicate[chosen].tolist(), value[chosen].tolist(), strict=True)), float(tick[chosen][0]) / 3600.0, "")
        start = self._donors_added() if m.card.window == "coculture" else 0.0
        end = float("inf") if at is None else hours_of(at)
        inside = (tick >= start * 3600.0 - 0.5) & (tick <= end * 3600.0 + 0.5)
        inside = (inside if inside.any() else np.ones(len(tick), bool)) & np.isfinite(value)
        if not inside.any():
            return Reading({int(r): float("nan") for r in np.unique(replicate)}, float(tick.max()) / 3600.0, m.card.statistic)
        reduce = np.max if m.card.statistic == "max" else np.mean
        values = {int(r): float(reduce(value[inside & (replicate == r)])) for r in np.unique(replicate[inside])}
        first, last = float(tick[inside].min()) / 3600.0, float(tick[inside].max()) / 3600.0
        return Reading(values, last, f"{m.card.statistic} over {first:g}–{last:g} h")

    def _tick(self, tick: np.ndarray, m: Measured, at: float | str | None) -> int:
        """The tick of a reading: the last one, or the one at ``at``."""
        if at is None:
            return int(tick.max())
        hours = hours_of(at)
        ticks = np.unique(tick)
        nearest = int(ticks[np.argmin(np.abs(ticks - hours * 3600.0))])
        if abs(nearest - hours * 3600.0) > 60.0:
            listed = ", ".join(f"{t / 3600:g} h" for t in ticks[:30])
            wanted = f"a time at which {m.label} was measured"
            raise InputError(Problem(str(self.path), "at", wanted, f"{hours:g} h", hint=f"Measured at: {listed}"))
        return nearest

    def contrast(
        self,
        observable: str,
        *,
        of: str | None = None,
        arm: str,
        versus: str | None = None,
        at: float | str | None = None,
        assay: str | None = None,
    ) -> Contrast:
        """A readout of one arm against another, paired over replicates (see ``studies/contrast.py``).

        Args:
            observable: an observable as named on the experiment cards, or a readout of the table.
            of: population or role; by default that of the observable, else the whole well, else the recipients.
            arm: the arm of interest.
            versus: the arm that it is held against; ``None`` gives the readout of the arm alone; "within_arm" holds it against
                another reading of the same arm, as the experiment's expectation on it says (``studies/within.py``).
            at: time in hours (24, "24 h"); by default that of the observable, else the last one.
            assay: needed where several assays give a readout of this name.

        Raises:
            InputError: no such observable, arm, population or time; the message lists what there is.
        """
        if versus == WITHIN_ARM:
            return within_arm(self, observable, of=of, arm=self._arm("arm", arm), at=at, assay=assay)
        m = self.measured(observable, of=of, assay=assay)
        self._arm("arm", arm)
        first = self.wells(m, arm=arm, at=at)
        second = self.wells(m, arm=self._arm("versus", versus), at=at) if versus else None
        if second is not None and at is None and abs(second.hours - first.hours) > 1e-9:
            at = min(first.hours, second.hours)
            first, second = self.wells(m, arm=arm, at=at), self.wells(m, arm=str(versus), at=at)
        try:
            return contrast_of(
                first.values, second.values if second else None, readout=m.readout, of=m.of, unit=m.unit, hours=first.hours, arm=arm,
                versus=versus or "", assay=m.assay, observable=m.name, statistic=first.statistic,
            )  # fmt: skip
        except ValueError as error:
            raise InputError(
                Problem(str(self.path), "replicates", "replicates with a value in both arms", "none", hint=str(error))
            ) from error

    def means(self) -> pd.DataFrame:
        """Mean, 95 % interval, standard deviation and number of wells per assay, readout, of, arm and time."""
        keys = ["assay", "readout", "of", "unit", "arm", "tick"]
        t = self._table
        group = t.groupby(keys, observed=True, sort=False).ngroup().to_numpy()
        first = np.unique(group, return_index=True)[1]  # of each group the row that stands first
        means = t[keys].iloc[first].reset_index(drop=True).astype(dict.fromkeys(keys[:-1], object))
        return means.assign(hours=means["tick"] / 3600.0, **mean_intervals(t["value"].to_numpy(), group, len(first)))

    def findings(self) -> list[Finding]:
        """The verdict on every finding that the experiment is held against (``studies/findings.py``)."""
        return list(self._findings)

    def contrasts(self) -> list[Contrast]:
        """Every measured readout of every arm against its control (``studies/summary.py``)."""
        return list(self._contrasts)

    @cached_property
    def _findings(self) -> list[Finding]:
        from mitoferry.studies.findings import findings_of

        return findings_of(self)

    @cached_property
    def _contrasts(self) -> list[Contrast]:
        from mitoferry.studies.summary import default_contrasts

        return default_contrasts(self, self._findings)

    def summary(self) -> dict[str, Any]:
        """Readings with interval and n, contrasts and findings, as in ``summary.json``; computed if that is not there."""
        if (self.path / SUMMARY).exists():
            return super().summary()
        from mitoferry.studies.summary import summary_of

        return summary_of(self)

    def handovers(self, *, between_cells: bool = False) -> pd.DataFrame:
        """Hand-overs counted by arm, replicate, route, source population and target population; those in dishes of preparation are not.

        Args:
            between_cells: only those from one cell to another. Otherwise uptake from the medium is counted too, with the
                population in which the mitochondrion was born as its source.
        """
        e = self._events
        moved = e[(e["kind"] == "handover") & e["arm"].isin(self.names.arms)]
        source = "source_population"
        if between_cells:
            moved = moved[moved[source].notna()]
        keys = ["arm", "replicate", "route", source, "target_population"]
        words = {k: moved[k].astype(object) for k in keys}
        words[source] = words[source].where(moved[source].notna(), moved["birth_population"].astype(object))
        words = {k: v.where(v.notna(), "unknown") for k, v in words.items()}
        return moved.assign(**words).groupby(keys, observed=True, sort=True).size().rename("count").reset_index()

    def fates(self) -> pd.DataFrame:
        """Where the transferred mitochondria ended: counts by arm, route of the last hand-over and fate (``studies/fates.py``)."""
        from mitoferry.studies.fates import fates_table

        return fates_table(self)

    def __repr__(self) -> str:
        arms = len(self.names.arms)
        state = "" if self.complete else ", unfinished"
        plate = f"{arms} arms × {self.names.replicates} replicates, seed {self.manifest['seed']}"
        return f"<mitoferry results {self.manifest['name']!r}: {plate}{state}, {self.path}>"

    def _repr_html_(self) -> str:
        listed = self.readouts()[["readout", "of", "assay", "unit", "times"]].to_html(index=False, border=0)
        arms = ", ".join(html.escape(a) for a in self.names.arms)
        return (
            f"<h4>{html.escape(self.title)}</h4><p>{len(self.names.arms)} arms × {self.names.replicates} replicates "
            f"(n = {self.names.replicates} wells per arm): {arms}<br>folder <code>{html.escape(str(self.path))}</code></p>{listed}"
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Value per replicate, the time [h] and, where it is not a single time, the statistic taken."""

    values: dict[int, float]
    hours: float
    statistic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Where an observable stands in the table of a run.

    Attributes:
        by_arm: replicate, tick [s] and value of every reading, per arm; arms in which it was not measured are missing.
        name, readout, of, assay, unit: what was measured.
        card: the observable of the registry; ``None`` for a bare readout.
    """

    by_arm: dict[str, tuple[np.ndarray, ...]]
    name: str
    readout: str
    of: str
    assay: str
    unit: str
    card: Observable | None

    @property
    def label(self) -> str:
        """Readout and population in words."""
        return self.readout + (f" of {self.of}" if self.of else "")


def hours_of(at: float | str) -> float:
    """Hours from 24, "24", "24 h", "90 min" or "3600 s".

    Raises:
        InputError: it is not a time.
    """
    if not isinstance(at, str):
        return float(at)
    words = at.replace("h", " h ").split() if at.strip().endswith("h") else at.split()
    scale = {"h": 1.0, "min": 1 / 60, "s": 1 / 3600, "d": 24.0}
    try:
        return float(words[0]) * (scale[words[1]] if len(words) > 1 else 1.0)
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(Problem("time", "at", "a time such as 24 h", repr(at))) from error
