"""A plausible run folder without a simulation, for tests of store, statistics and report."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import numpy as np

from mitoferry.core.plate_spec import Action, Arm, CellTypeNumbers, Geometry, PlateSpec, Population
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC, CELL_LIVE, CELL_MOMP
from mitoferry.store.provenance import start_manifest
from mitoferry.store.run_folder import RunWriter

# arm: donors, injured, transfer (1 = full), share of recipients lost
ARMS = {
    "recipient_alone": (0, False, 0.0, 0.04),
    "injured_alone": (0, True, 0.0, 0.46),
    "coculture": (60, True, 1.0, 0.22),
    "coculture_uninjured": (60, False, 0.25, 0.04),
    "coculture_transwell": (60, True, 0.0, 0.43),
    "coculture_cytochalasin_b": (60, True, 0.12, 0.41),
    "coculture_annexin_v": (60, True, 0.55, 0.33),
    "coculture_rho0_donor": (60, True, 0.95, 0.44),
}
HOURS = 24
SIZE = 600.0
EXPECT = [
    {"finding": "msc-huvec-ogd#1", "observable": "mitochondrial_transfer", "of": "recipient", "arm": "coculture", "versus": None, "direction": "unidirectional", "note": "flow MSC to endothelium only"},
    {"finding": "msc-huvec-ogd#2", "observable": "mitochondrial_transfer", "of": "recipient", "arm": "coculture", "versus": "coculture_uninjured", "direction": "increase"},
    {"finding": "msc-huvec-ogd#3", "observable": "mitochondrial_transfer", "arm": "coculture", "versus": None, "direction": "present"},
    {"finding": "msc-huvec-ogd#5", "observable": "apoptosis", "of": "recipient", "arm": "coculture", "versus": "injured_alone", "direction": "decrease", "note": "prose: eliminated; table: reduced"},
    {"finding": "msc-huvec-ogd#6", "observable": "survival", "arm": "coculture", "versus": "injured_alone", "direction": "increase"},
    {"finding": "msc-huvec-ogd#7", "observable": "endothelial_function", "arm": "coculture", "versus": "injured_alone", "direction": "restore"},
    {"finding": "msc-huvec-ogd#8", "observable": "tnt_number", "of": "well", "arm": "coculture_annexin_v", "versus": "coculture", "direction": "decrease"},
    {"finding": "msc-huvec-ogd#9", "observable": "mitochondrial_transfer", "arm": "coculture_cytochalasin_b", "versus": "coculture", "direction": "abolish"},
    {"finding": "msc-huvec-ogd#10", "observable": "mitochondrial_transfer", "arm": "coculture_glucose_deprived", "versus": "coculture_glucose_replete", "direction": "increase"},
]  # fmt: skip


def cell_type(name, radius, mitochondria):
    return CellTypeNumbers(
        name=name, radius=radius, volume=3.0, mitochondria=mitochondria, mtdna=800.0, oxygen_use=5.0, oxphos_share=0.6, speed=20.0,
        persistence=1.0, filopodia=2.0, cx43=1.0, miro1=1.0, uptake=1.0,
    )  # fmt: skip


def fake_spec(replicates=4, seed=7, arms=None, title="fake"):
    recipient = Population(name="recipient", index=0, role="recipient", cell_type=cell_type("huvec", 9.0, 120.0), count=120)
    built = []
    for name in arms or ARMS:
        donors, injured, _, _ = ARMS[name]
        donor = Population(name="donor", index=1, role="donor", cell_type=cell_type("bm_msc", 12.0, 300.0), count=donors, added=4 * 3600.0)
        actions = [
            Action(kind="boundary", key="oxygen", value=1.0, start=0.0, end=4 * 3600.0, cause="oxygen_glucose_deprivation")
        ] * injured
        if name.endswith("cytochalasin_b"):
            actions.append(
                Action(
                    kind="node",
                    key="actin",
                    value=0.1,
                    start=4 * 3600.0,
                    end=float("inf"),
                    populations=(0, 1),
                    cause="cytochalasin_b 350 nM",
                )
            )
        geometry = Geometry(
            size=(SIZE, SIZE, 20.0), kind="insert" if "transwell" in name else "dish", pore=0.4 if "transwell" in name else 0.0
        )
        built.append(
            Arm(
                name=name,
                geometry=geometry,
                populations=(recipient, donor),
                actions=tuple(actions),
                medium={"glucose": 5.5, "oxygen": 180.0},
            )
        )
    return PlateSpec(
        name=title, arms=tuple(built), replicates=replicates, seed=seed, until=HOURS * 3600, measurements=(),
        parameters={"nanotube_search.capture_probability": 0.15, "death.momp_rate": 0.08, "mitophagy.basal_rate": 0.012},
        haplotype_names=("wild_type", "donor_type"),
    )  # fmt: skip


RECORDS = {
    "nanotube_search.capture_probability": {"value": 0.15, "unit": "1", "range": [0.05, 0.3], "tag": "C", "source": "modelling choice", "about": "chance that a filopodium that meets a cell becomes a nanotube"},
    "death.momp_rate": {"value": 0.05, "unit": "1/h", "range": [0.01, 0.2], "tag": "O", "source": "Spencer 2009 Nature", "about": "highest hazard of cytochrome c release"},
    "mitophagy.basal_rate": {"value": 0.012, "unit": "1/h", "range": [0.004, 0.03], "tag": "M", "source": "Montava-Garriga 2020 (from memory)", "about": "basal mitophagy of a healthy mitochondrion"},
}  # fmt: skip


def readings(spec, tick):
    """Readings of all wells at a tick, the same whenever they are asked for."""
    rows = []
    h = tick / 3600.0
    since = max(h - 4.0, 0.0)
    for w in range(len(spec.arms) * spec.replicates):
        arm = spec.arms[w // spec.replicates].name
        donors, injured, transfer, loss = ARMS[arm]
        well = np.random.default_rng([spec.seed, w % spec.replicates]).normal(0, 1)
        e = np.random.default_rng([spec.seed, w, tick]).normal(0, 1, 12)
        rise = 1 - np.exp(-since / 7.0)
        apoptosis = max(0.02 + loss * (1 - np.exp(-max(h - 2, 0) / 6.0)) * 0.8 + 0.012 * well + 0.008 * e[0], 0.0)
        tubes = donors and (
            0.9 * rise * (0.12 if "cytochalasin" in arm else 0.6 if "annexin" in arm else 0.02 if "transwell" in arm else 1.0)
        )
        dip = (1 - 0.75 * np.exp(-(((h - 3) / 2.5) ** 2))) if injured else 1.0
        basal = 5.2 * dip * (1 - 0.7 * loss * (h > 6)) + 0.2 * well + 0.1 * e[1]
        if tick % 7200 == 0:
            rows.append((w, tick, "nanotube_count", "tubes_per_cell", "", max(tubes + 0.03 * e[2] + 0.02 * well, 0.0), "1/cell"))
            rows.append((w, tick, "tmrm", "tmrm", "recipient", max(100 * dip * (1 - 0.5 * loss * (h > 6)) + 3 * well + 2 * e[3], 0), "%"))
            rows.append(
                (w, tick, "dcf", "dcf", "recipient", (1.0 + (1.8 * injured) * np.exp(-(((h - 6) / 3) ** 2)) + 0.05 * e[4]) * 100, "a.u.")
            )
            rows.append(
                (
                    w,
                    tick,
                    "flow_mitochondria",
                    "positive_fraction",
                    "recipient",
                    max(0.03 + 0.62 * transfer * rise + 0.01 * e[5] + 0.01 * well, 0.0),
                    "1",
                )
            )
            rows.append(
                (
                    w,
                    tick,
                    "confocal_mitochondria",
                    "transferred_per_cell",
                    "recipient",
                    max(6.5 * transfer * rise * (1 + 0.1 * well), 0.0),
                    "1",
                )
            )
        if tick in (8 * 3600, 16 * 3600, 24 * 3600):
            rows.append((w, tick, "annexin_pi", "apoptotic_fraction", "recipient", apoptosis, "1"))
            rows.append((w, tick, "annexin_pi", "viable_fraction", "recipient", 1 - apoptosis - 0.03 - 0.004 * abs(e[6]), "1"))
        if tick == 24 * 3600:
            rows.append((w, tick, "seahorse", "atp_linked", "recipient", 0.6 * basal, "fmol/min/cell"))
            rows.append((w, tick, "seahorse", "basal", "recipient", basal, "fmol/min/cell"))
    return rows


def events(spec, tick):
    """Hand-overs of the hour that ends at ``tick``, as columns of the event buffer."""
    kinds, wells, times, routes, a, b, births, links, ordinals = ([] for _ in range(9))
    for w in range(len(spec.arms) * spec.replicates):
        donors, _, transfer, _ = ARMS[spec.arms[w // spec.replicates].name]
        rng = np.random.default_rng([spec.seed, w, tick, 1])
        n = rng.poisson(60 * transfer * np.exp(-max(tick / 3600 - 10, 0) / 8)) if tick > 5 * 3600 else 0
        for _ in range(n):
            route = int(rng.choice([1, 2, 3, 4, 6], p=[0.83, 0.05, 0.03, 0.04, 0.05]))
            donor, recipient = (1 << 24) + int(rng.integers(1, max(donors, 2))), int(rng.integers(1, 120))
            back = route in (1, 4) and rng.random() < 0.04
            source, target = (recipient, donor) if back else (donor, donor if route == 6 else recipient)
            kinds.append(0)
            wells.append(w)
            times.append(tick - 3600 * rng.random())
            routes.append(route)
            a.append(source)
            b.append(target)
            births.append(source)
            links.append(int(rng.integers(1, 99)) if route in (1, 2, 6) else 0)
            ordinals.append(tick // 3600 * 100_000 + len(kinds))
            if rng.random() < 0.2 and not back and route != 6:
                kinds.append(7)
                wells.append(w)
                times.append(float(tick))
                routes.append(route)
                a.append(-1)
                b.append(target)
                births.append(source)
                links.append(0)
                ordinals.append(ordinals[-1])
    n = len(kinds)
    order = np.argsort(np.array(times), kind="stable")
    take = lambda x, t: np.array(x, t)[order]  # noqa: E731
    source, target = take(a, np.int64), take(b, np.int64)
    return {
        "kind": take(kinds, np.uint8), "well": take(wells, np.int32), "time": take(times, float), "route": take(routes, np.uint8),
        "source": np.where(source < 0, -1, 5).astype(np.int32), "target": np.where(target < 0, -1, 5).astype(np.int32),
        "source_id": np.maximum(source, 0).astype(np.uint32), "target_id": np.maximum(target, 0).astype(np.uint32),
        "source_population": np.where(source < 0, 255, source >> 24).astype(np.uint8), "target_population": (target >> 24).astype(np.uint8),
        "birth": take(births, np.uint32), "ordinal": take(ordinals, np.uint32), "copies": np.tile(np.array([0, 5, 0, 0], np.uint8), (n, 1)),
        "mass": np.ones(n, np.float32), "damage": np.full(n, 0.1, np.float32), "psi": np.full(n, 150, np.float32), "link": take(links, np.uint32),
    }  # fmt: skip


def frame(spec, tick):
    """Cells of all wells, nanotubes, moved mitochondria; mitochondria one by one in replicate 0 of each arm."""
    cells = {k: [] for k in ("id", "well", "population", "state", "x", "y", "radius", "atp", "psi0", "h2o2", "n_mitochondria", "n_foreign")}
    links = {k: [] for k in ("well", "id", "a", "b", "kind", "state", "thick", "xa", "ya", "xb", "yb", "length", "n_cargo")}
    mito = {k: [] for k in ("well", "cell", "link", "birth_cell", "ordinal", "route", "place", "potential", "damage", "mass")}
    hosts = {k: [] for k in ("well", "host", "host_state", "birth_population", "route", "place", "fused", "count")}
    h = tick / 3600.0
    for w in range(len(spec.arms) * spec.replicates):
        donors, _, transfer, loss = ARMS[spec.arms[w // spec.replicates].name]
        rng = np.random.default_rng([spec.seed, w % spec.replicates, 99])
        n, m = 120, donors if h >= 4 else 0
        x, y = rng.random((2, 180)) * SIZE
        x, y = (x + 6 * h * np.cos(np.arange(180))) % SIZE, (y + 6 * h * np.sin(np.arange(180))) % SIZE
        dead = rng.random(180) < loss * h / 24
        population = np.r_[np.zeros(n, int), np.ones(60, int)]
        for k in range(n + m):
            cid = (population[k] << 24) + (k if k < n else k - n) + 1
            sick = bool(dead[k] and k < n)
            state = [CELL_MOMP, CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC][k % 3] if sick else CELL_LIVE
            foreign = int(rng.poisson(6 * transfer * max(h - 4, 0) / 20)) if k < n and not sick else 0
            own = 120 if k < n else 300
            for name, v in (
                ("id", cid), ("well", w), ("population", population[k]), ("state", state), ("x", x[k]), ("y", y[k]),
                ("radius", (9.0 if k < n else 12.5) * (0.6 if sick else 1)), ("atp", 0.4 if sick else 2.2 + 0.8 * rng.random()),
                ("psi0", 60.0 if sick else 130 + 25 * rng.random()), ("h2o2", 0.01), ("n_mitochondria", own + foreign), ("n_foreign", foreign),
            ):  # fmt: skip
                cells[name].append(v)
            if w % spec.replicates == 0 and state != CELL_DEAD_APOPTOTIC:
                shown = np.arange(own + foreign)
                mito["well"] += [w] * len(shown)
                mito["cell"] += [cid] * len(shown)
                mito["link"] += [0] * len(shown)
                mito["birth_cell"] += [(1 << 24) + 3 if j >= own else cid for j in shown]
                mito["ordinal"] += shown.tolist()
                mito["route"] += [1 if j >= own else 0 for j in shown]
                mito["place"] += [0] * len(shown)
                mito["potential"] += (20 * rng.random(len(shown)) + (40 if sick else 130)).tolist()
                mito["damage"] += (0.3 * rng.random(len(shown))).tolist()
                mito["mass"] += [1.0] * len(shown)
        if m and transfer:
            for k in range(int(60 * transfer)):
                i = n + int(rng.integers(0, m))
                d = np.hypot((x[:n] - x[i] + SIZE / 2) % SIZE - SIZE / 2, (y[:n] - y[i] + SIZE / 2) % SIZE - SIZE / 2)
                j = int(np.argsort(d)[int(rng.integers(0, 4))])
                for name, v in (
                    ("well", w), ("id", k + 1), ("a", (1 << 24) + i - n + 1), ("b", j + 1), ("kind", 0), ("state", 4 if k % 4 else 1), ("thick", k % 3 == 0),
                    ("xa", x[i]), ("ya", y[i]), ("xb", x[j]), ("yb", y[j]), ("length", d[j]), ("n_cargo", int(k % 3 == 0)),
                ):  # fmt: skip
                    links[name].append(v)
            for route, place, fused, share in ((1, 0, 1, 0.5), (1, 0, 0, 0.3), (2, 1, 0, 0.06), (4, 1, 0, 0.1), (3, 2, 0, 0.04)):
                for name, v in zip(hosts, (w, 0, 1, 1, route, place, fused, int(share * 700 * transfer * max(h - 4, 0) / 20)), strict=True):
                    hosts[name].append(v)
            for name, v in zip(hosts, (w, 255, 0, 1, 1, 3, 0, int(12 * transfer)), strict=True):
                hosts[name].append(v)
    return {"cells": cells, "links": links, "mitochondria": mito, "hosts": hosts}


def fake_experiment():
    return {
        "title": "Marrow MSC rescue endothelium after oxygen and glucose deprivation",
        "question": "Do stromal cells from marrow hand mitochondria to starved endothelial cells, and does it keep them alive?",
        "sources": ["bagheri2020:ref47", "tnt2020:ref6"],
        "expect": EXPECT,
    }


def manifest_of(spec, experiment=None):
    return start_manifest(spec, experiment=fake_experiment() if experiment is None else experiment, parameters=RECORDS, backend="cpu")


def step(writer, spec, tick, frames_every=4):
    """What one hour of a run would write."""
    writer.append_readings(readings(spec, tick))
    if tick:
        writer.append_events(events(spec, tick))
    if tick // 3600 % frames_every == 0 and frames_every < 1000:
        writer.save_frame(tick, frame(spec, tick))


def make_run(path, *, spec=None, experiment=None, finish=True, hours=HOURS, frames=True) -> Path:
    """A whole fake run folder."""
    spec = spec or fake_spec()
    writer = RunWriter.create(path, spec, manifest_of(spec, experiment))
    for h in range(hours + 1):
        step(writer, spec, h * 3600, 4 if frames else 1000)
        if h % 6 == 0:
            writer.flush(h * 3600)
    if not finish:
        writer.close()
        return Path(path)
    ledger = {
        "born": 51234,
        "degraded": 40321,
        "lysed": 2311,
        "handed_over": 3456,
        "at_time_zero": {"mitochondria": 1200345},
        "now": {"mitochondria": 1208947},
    }
    return writer.finish({"ledger": ledger, "timings_s": {"engine": 20.1, "assays": 1.2, "files": 0.6}, "warnings": []}, tick=hours * 3600)
