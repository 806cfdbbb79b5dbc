"""Where the transferred mitochondria ended up, from the log of events and the last saved state.

Counted is every mitochondrion that was handed to a cell of another population than that of its birth, once, under the
route of its last hand-over. Those that are in a cell of another population at the end are counted in the saved state.
Of the others the log says what came last: degraded before or after it fused with the network of its host, handed back
to its own population, loaded into a nanotube. What is in none of these was in a cell that died: lysed with it, or set
free in the medium.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, DOUBLE_MEMBRANE, ENDOSOME, ROUTE_NAMES
from mitoferry.store.atomic import RunFolderError
from mitoferry.store.frames import HOST_DELIVERY, HOST_MEDIUM, HOST_TRANSIT

if TYPE_CHECKING:
    import pandas as pd

    from mitoferry.studies.results import Results

FUSED, FREE, VESICLE, DYING = "in the host's network", "free in the cytosol", "in an endosome or double membrane", "in a dying cell"
LYSED, DEGRADED = "degraded before fusing", "degraded after fusing"
BACK, LOADED, DIED = "back in its own population", "left in a nanotube", "lost with a cell that died"
FATES = (FUSED, FREE, VESICLE, DYING, LYSED, DEGRADED, BACK, LOADED, DIED)
Counts = dict[str, dict[str, dict[str, int]]]
_KEYS = ["well", "birth_cell", "ordinal"]
_LAST = {"arrival_degraded": LYSED, "fused_degraded": DEGRADED, "loaded": LOADED}


def fates_by_route(r: Results) -> Counts:
    """Transferred mitochondria of all wells of an arm: arm, then route of the last hand-over, then fate.

    Empty where the last state was not saved.
    """
    try:
        ticks = r.frame_ticks("hosts")
        hosts = r.frame("hosts", int(ticks[-1])) if len(ticks) else None
    except RunFolderError:
        hosts = None
    if hosts is None:
        return {}
    found: Counts = {}
    for (arm, route, fate), n in _last_known(r).items():
        found.setdefault(arm, {}).setdefault(route, dict.fromkeys(FATES, 0))[fate] += n
    for a, arm in enumerate(r.names.arms):
        wells = (a * r.names.replicates, (a + 1) * r.names.replicates)
        for route, row in found.get(arm, {}).items():
            here = _present(hosts, *wells, ROUTE_NAMES.index(route), _brought(r, arm))
            row.update(here)
            row[DIED] = max(row[DIED] - sum(here.values()), 0)
    return found


def _last_known(r: Results) -> dict[tuple[str, str, str], int]:
    """Numbers by arm, route of the last hand-over and what the log says last; ``DIED`` stands for still with its host."""
    e = r.events()
    e = e[e["kind"].isin(["handover", *_LAST]) & e["arm"].isin(r.names.arms)].astype(
        {"birth_population": object, "target_population": object, "kind": object}
    )
    handed = e[e["kind"] == "handover"]
    abroad = handed[handed["birth_population"] != handed["target_population"]]
    ever = abroad[_KEYS].drop_duplicates()
    last = e.merge(ever, on=_KEYS).drop_duplicates(_KEYS, keep="last")
    route = handed.merge(ever, on=_KEYS).drop_duplicates(_KEYS, keep="last")[[*_KEYS, "route"]].rename(columns={"route": "by"})
    last = last.merge(route, on=_KEYS)
    home = (last["kind"] == "handover") & (last["birth_population"] == last["target_population"])
    fate = last["kind"].map(_LAST).fillna(DIED).where(~home, BACK)
    counted: Any = last.assign(fate=fate).groupby(["arm", "by", "fate"], observed=True).size()
    return {(str(arm), str(by), str(f)): int(n) for (arm, by, f), n in counted.items()}


def _brought(r: Results, arm: str) -> list[tuple[int, int]]:
    """Host and birth population of mitochondria that cells of an arm have brought from their dish of preparation."""
    plate_arm = next(a for a in r.plate_arms if a["name"] == arm)
    hosts = [p["index"] for p in plate_arm["populations"] if p.get("from_dish")]
    return [(host, p["index"]) for host in hosts for p in plate_arm.get("brought", ())]


def _present(
    hosts: Mapping[str, np.ndarray], first: int, last: int, route: int, brought: Sequence[tuple[int, int]] = ()
) -> dict[str, int]:  # fmt: skip
    """Mitochondria in cells of another population, of wells first to last - 1, that came by ``route``, without those ``brought``."""
    chosen = (hosts["well"] >= first) & (hosts["well"] < last) & (hosts["route"] == route)
    for host, birth in brought:
        chosen &= (hosts["host"] != host) | (hosts["birth_population"] != birth)
    pool = np.isin(hosts["host"], (HOST_TRANSIT, HOST_MEDIUM, HOST_DELIVERY))
    foreign = chosen & ~pool & (hosts["host"] != hosts["birth_population"])
    dying = foreign & ~np.isin(hosts["host_state"], (CELL_LIVE, CELL_MOMP))
    vesicle = foreign & ~dying & np.isin(hosts["place"], (ENDOSOME, DOUBLE_MEMBRANE))
    came_back = route == ROUTE_NAMES.index("nanotube_return")  # loaded and not delivered: of the network as before
    fused = foreign & ~dying & ~vesicle & ((hosts["fused"] == 1) | came_back)
    masks = {FUSED: fused, FREE: foreign & ~dying & ~vesicle & ~fused, VESICLE: vesicle, DYING: dying}
    return {name: int(hosts["count"][mask].sum()) for name, mask in masks.items()}


def fates(r: Results) -> dict[str, dict[str, float]]:
    """Per arm, mean over wells: transferred mitochondria by where they ended."""
    n = r.names.replicates
    routes = r.fates_by_route
    return {arm: {f: sum(row[f] for row in routes.get(arm, {}).values()) / n for f in FATES} for arm in r.names.arms} if routes else {}


def fates_table(r: Results) -> pd.DataFrame:
    """Transferred mitochondria by arm, route of the last hand-over and fate; counts over all wells of the arm."""
    import pandas as pd

    rows = [(a, route, f, n) for a, by in r.fates_by_route.items() for route, row in by.items() for f, n in row.items() if n]
    return pd.DataFrame(rows, columns=["arm", "route", "fate", "count"])
