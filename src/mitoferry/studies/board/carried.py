"""What carried an effect: the run again without a route, without any transfer, and without paracrine factors.

The knock-outs use the wells of the base plate (same seed), so that effect and remainder are paired. The share carried by X is
1 - effect without X / effect; shares need not add up to 1, for ways can replace one another, and none is stated where the
effect itself is not told apart from zero. A knock-out takes the route away in both arms: what the recipients of an arm without donors
give each other by it is gone, too, so that a route may help as much without donors as with them and carry nothing of the difference;
hence the means of both arms. So only the arms of such effects are run again: those of findings whose two arms differ
over the wells of the base plate, one of them with cells or mitochondria that were added, in a reading of something else than the
transfer itself (:data:`READ_TRANSFER`; what came by which route is counted there). Routes by which under :data:`LEAST` of what reached
the recipients came are not knocked out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mitoferry.studies.board.model import BoardFinding, CarriedShare
from mitoferry.studies.board.plan import Job
from mitoferry.studies.contrast import NAN, differences, mean_interval

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec
    from mitoferry.studies.findings import Finding
    from mitoferry.studies.results import Results

LEAST = 0.02
READ_TRANSFER = (
    "arrival_fates", "cell_connections", "cell_fusion_count", "confocal_mitochondria", "event_order", "filopodia_count",
    "flow_mitochondria", "gap_junctions", "mitochondria_exchange", "mitochondria_outside", "nanotube_count",
)  # fmt: skip
"""Assays that read what moves between cells, and what it moves through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Something that may carry an effect.

    Attributes:
        name: of the variant ("nanotubes" for "without-nanotubes").
        words: for people.
        routes: names of the ledger's routes that are its own; empty for what is no route.
        switches: processes that make it.
        silenced: nodes that make it, put to zero in all cells.
    """

    name: str
    words: str
    routes: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()

    @property
    def variant(self) -> str:
        """Name of the job."""
        return f"without-{self.name}"


ROUTES = (
    Carrier(name="nanotubes", words="nanotubes", routes=("nanotube", "nanotube_breakage"), switches=("nanotube_search", "dislodgement")),
    Carrier(name="gap-junctions", words="gap junctions", routes=("gap_junction",), switches=("gap_junction",)),
    Carrier(name="vesicles", words="vesicles", routes=("vesicle",), switches=("vesicle_release", "vesicle_packages")),
    Carrier(
        name="free-mitochondria", words="free mitochondria", routes=("free_uptake",),
        switches=("mitochondria_release", "isolated_mitochondria", "delivery", "free_mitochondria"),
    ),
    Carrier(
        name="phagocytosis", words="phagocytosis of cells and their parts", routes=("phagocytosis",),
        switches=("phagocytosis", "transmitophagy"),
    ),
    Carrier(name="cell-fusion", words="fusion of cells", routes=("cell_fusion",), switches=("cell_fusion",)),
    Carrier(name="bridges", words="bridges", routes=("bridge",), switches=("bridge",)),
    Carrier(name="dendrites", words="dendrites", routes=("dendrite",), switches=("dendrite",)),
    Carrier(name="microtunnels", words="artificial microtunnels", routes=("microtunnel",), switches=("microtunnel",)),
    Carrier(name="needle", words="injection by a needle", routes=("injection",), switches=("microinjection",)),
)  # fmt: skip
TRANSFER = Carrier(
    name="transfer", words="all transfer of mitochondria", routes=tuple(r for c in ROUTES for r in c.routes),
    switches=tuple(dict.fromkeys(s for c in ROUTES for s in c.switches)),
)  # fmt: skip
PARACRINE = Carrier(name="paracrine", words="paracrine factors", silenced=("paracrine",))
CARRIERS = {c.name: c for c in (*ROUTES, TRANSFER, PARACRINE)}


def came_by_route(r: Results, arms: Sequence[str]) -> dict[str, float]:
    """Mitochondria that came to another population's cells in all wells of these arms, by route; routes without any are left out."""
    h = r.handovers()
    h = h[h["arm"].isin(list(arms)) & (h["source_population"] != h["target_population"])]
    counts = h.groupby("route", observed=True)["count"].sum()
    return {str(k): float(v) for k, v in counts.items() if v > 0}


def flowing(r: Results, arms: Sequence[str]) -> dict[str, float]:
    """Share of each route among the mitochondria that came to another population's cells in these arms."""
    counts = came_by_route(r, arms)
    total = sum(counts.values())
    return {route: n / total for route, n in counts.items()}


def carriers_of(shares: Mapping[str, float], spec: PlateSpec) -> list[Carrier]:
    """What is knocked out in an experiment: routes in use, all transfer, paracrine factors.

    Args:
        shares: of each route (:func:`flowing`).
        spec: the plate; factors are knocked out where it holds donors.
    """
    chosen = [c for c in ROUTES if sum(shares.get(route, 0.0) for route in c.routes) >= LEAST]
    if len(chosen) > 1:
        chosen.append(TRANSFER)
    if any(p.role == "donor" and p.count > 0 for arm in spec.every_arm for p in arm.populations):
        chosen.append(PARACRINE)
    return chosen


def may_be_carried(f: Finding, r: Results) -> bool:
    """Whether a finding has an effect of which one may ask what carried it.

    Args:
        f: a finding over the wells of the base plate.
        r: the run of that plate.
    """
    c = f.contrast
    if c is None or not c.versus or c.against or c.assay in READ_TRANSFER or not (c.low > 0.0 or c.high < 0.0):
        return False
    return any(r.has_foreign(arm) for arm in (c.arm, c.versus))


def knock_out_jobs(base: Job, carriers: Sequence[Carrier], arms: Sequence[str]) -> list[Job]:
    """The base plate again without each carrier: the arms named, same seed and wells."""
    cost = base.cost * len(arms) / max(len(base.arms), 1)
    return [
        Job(
            card=base.card, variant=c.variant, arms=tuple(arms), replicates=base.replicates, seed=base.seed, share=base.share,
            switches=c.switches, silenced=c.silenced, cost=cost,
        )
        for c in carriers
    ]  # fmt: skip


KINDS = {
    "respiration, ATP, potential": ("seahorse", "atp_luminescence", "tmrm", "jc1"),
    "mtDNA, mass, mitophagy": ("heteroplasmy", "mtdna_qpcr", "mitochondrial_mass", "mitochondrial_morphology", "mitochondrial_proteins"),
    "oxidants": ("dcf", "mitosox", "lipid_peroxidation"),
    "survival and death": ("annexin_pi", "death_modes", "tunel"),
    "numbers of cells, growth": ("cell_count", "cell_cycle"),
    "migration, wounds, vessels": ("migration", "tube_formation"),
    "cytokines": ("elisa",),
    "immune cells": ("immune_signalling", "macrophage_phenotype", "phagocytosis", "t_cell_phenotype"),
    "organs (surrogates)": ("organ", "working_cells", "calorimetry"),
}
"""Kinds of readings by their assays; all else is :data:`OTHER`."""
OTHER = "signals and other"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedCount:
    """Effects of one kind of reading, and how many of them were carried by what: the interval of the share lies above 0.

    Attributes:
        kind: of reading.
        effects: that were asked.
        transfer: carried by transfer of mitochondria (all of it, or the only route) and not by paracrine factors.
        paracrine: carried by paracrine factors and not by transfer.
        both: carried by each of them: they replace one another, or need one another.
        neither: carried by none of them, as far as these wells tell.
    """

    kind: str
    effects: int = 0
    transfer: int = 0
    paracrine: int = 0
    both: int = 0
    neither: int = 0


def carried_counts(findings: Iterable[BoardFinding]) -> list[CarriedCount]:
    """What carried the effects of a board, by kind of reading; kinds of which none was asked are left out."""
    kind_of = {assay: kind for kind, assays in KINDS.items() for assay in assays}
    counts = {kind: Counter[str]() for kind in (*KINDS, OTHER)}
    for f in findings:
        asked = {x.carrier: x for x in f.carried if math.isfinite(x.share)}
        if f.contrast is None or f.contrast["assay"] in READ_TRANSFER or not asked:
            continue
        whole = [asked[TRANSFER.name]] if TRANSFER.name in asked else [x for name, x in asked.items() if name != PARACRINE.name]
        by_transfer = any(x.low > 0.0 for x in whole)
        by_factors = PARACRINE.name in asked and asked[PARACRINE.name].low > 0.0
        by = "both" if by_transfer and by_factors else "transfer" if by_transfer else "paracrine" if by_factors else "neither"
        counts[kind_of.get(f.contrast["assay"], OTHER)].update(("effects", by))
    return [CarriedCount(kind=kind, **found) for kind, found in counts.items() if found["effects"]]


def carried_by(carrier: Carrier, with_it: Finding, without: Finding) -> CarriedShare | None:
    """The part of a finding's effect that a carrier has; ``None`` where either run gave no contrast of two arms."""
    a, b = with_it.contrast, without.contrast
    if a is None or b is None or not a.versus or len(a.arm_values) != len(b.arm_values):
        return None
    effect = differences(np.array(a.arm_values), np.array(a.versus_values))
    rest = differences(np.array(b.arm_values), np.array(b.versus_values))
    mean = float(effect.mean())
    share = low = high = NAN
    if a.low > 0.0 or a.high < 0.0:
        loss = mean_interval((effect - rest) / mean)
        share, low, high = loss.mean, loss.low, loss.high
    return CarriedShare(
        carrier=carrier.name, words=carrier.words, effect=mean, without=float(rest.mean()), share=share, low=low, high=high,
        verdict=without.verdict, arm_mean=b.arm_mean, versus_mean=b.versus_mean,
    )  # fmt: skip
