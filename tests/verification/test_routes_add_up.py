"""F9 over routes: with constant rates each takes k_i/sum k of what leaves, and knocking one out removes exactly its part.

The donor's mitochondria can leave by gap junctions, by a dendrite and by transmitophagy, each at a rate per mitochondrion that is
known exactly; nothing comes back (the recipient loads no dendrite and the donor swallows no plaque). No coupling between these is
declared, so that what is left over after a knock-out goes on at its own rate and no faster.

Fault seen to fail it, planted in a copy of the package: loading of dendrites that makes up for gap junctions (it doubles
where ``plaque_internalisation`` is 0), and transmitophagy that needs the node ``mfn2`` of the phagocyte as dendrites do.
"""

import numpy as np
import pytest
from scipy import stats

from fates import module, shared_backend, slots_of, values
from mitoferry.core.events import EVENT_HANDOVER
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import ROUTE_DENDRITE, ROUTE_GAP_JUNCTION, ROUTE_PHAGOCYTOSIS, Step
from mitoferry.processes.contacts import contact_length
from nanotubes import PLAIN, rows_of, sort, wells_of

ALPHA = 1e-4
WELLS, N, HOURS = 150, 60, 0.5
ROUTES = {"gap_junction": ROUTE_GAP_JUNCTION, "dendrite": ROUTE_DENDRITE, "transmitophagy": ROUTE_PHAGOCYTOSIS}
ORDER = ("nanotube_clocks", "dendrite", "nanotube_transport", "gap_junction", "transmitophagy")
P = {
    "nanotube_clocks": {}, "dendrite": {"loading": 0.5, "basal_loading": 1.0}, "nanotube_transport": PLAIN,
    "gap_junction": {"internalisation_rate": 20.0, "mitochondrion_chance": 0.5, "reference_density": 13.3},
    "transmitophagy": {"rate": 1.2},
}  # fmt: skip


def world_of(seed):
    """A phagocyte (population 0) and a donor of damaged mitochondria that touch and have a dendrite between them."""
    world = wells_of(
        (1, 1), [(100.0, 100.0), (120.0, 100.0)], n_wells=WELLS, mitochondria=(3, N), backend=shared_backend(), seed=seed,
        phagocyte=(1.0, 0.0), cx43=(1.0, 1.0), dendrites=(0.0, 1.0), miro1=(1.0, 1.0),
    )  # fmt: skip
    c, pools = world.cells, 2 * world.n_wells
    c.atp[pools : world.n_cells], c.atp_flux[pools : world.n_cells], c.atp_oxphos[pools : world.n_cells] = 2.88, 100.0, 50.0
    c.akt[pools : world.n_cells] = 1.0
    for r in rows_of(world, 1):
        world.mitochondria.damage[slots_of(world, r)] = 65535
    world.groups.nodes[world.groups.population == 0, NODE["mfn2"]] = 0.0
    world.groups.nodes[world.groups.population == 1, NODE["plaque_internalisation"]] = 0.0
    sort(world)
    world.ledger.open(world)
    return world


def rates(world):
    """Rate [1/h] per mitochondrion of the donor, by route."""
    volume = float(world.cells.volume[rows_of(world, 1)[0]])
    p = values("transmitophagy", **P["transmitophagy"])
    plaques = 0.5 * contact_length(20.0, 10.0, 10.0, 1.0)
    energy = 1 / (1 + p.atp_half**2) * (p.base + 0.5)
    return {
        "gap_junction": 0.5 * 20.0 * plaques * 0.5 / (volume * 13.3), "dendrite": 0.5,
        "transmitophagy": p.rate * energy / (1 + p.damage_half**4),
    }  # fmt: skip


def run(world, without=()):
    """Mitochondria of the donors that leave by each route, all wells together."""
    p = {name: values(name, **P[name]) for name in ORDER}
    seen = []
    for k in range(round(HOURS * 60)):
        for name in ORDER:
            if name not in without:
                module(name).advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p[name])
        n = int(world.events.count[0])
        e = world.events
        seen += e.route[:n][(e.kind[:n] == EVENT_HANDOVER) & (e.source_population[:n] == 1)].tolist()
        world.events.count[0] = 0
    world.ledger.check(world, "links", 0)
    return {name: seen.count(route) for name, route in ROUTES.items()}


def agree(seen, k):
    """Whether counts by route are those of competing constant rates."""
    total = sum(k.values())
    gone = 1.0 - np.exp(-total * HOURS)
    chances = [gone * k[name] / total for name in seen]
    n = WELLS * N
    observed = np.array([*seen.values(), n - sum(seen.values())])
    expected = n * np.array([*chances, 1.0 - gone])
    keep = expected > 0
    assert observed[~keep].sum() == 0
    return stats.chisquare(observed[keep], expected[keep]).pvalue > ALPHA


@pytest.mark.parametrize("without", [None, *ROUTES])
def test_f9_knocking_one_route_out_removes_exactly_its_part(without):
    world = world_of(seed=5 if without is None else 6 + list(ROUTES).index(without))
    k = rates(world)
    k_all = dict(k)
    if without is not None:
        k[without] = 0.0
    off = {"dendrite": ("dendrite", "nanotube_transport")}.get(without, (without,))
    seen = run(world, off if without is not None else ())
    assert min(n for name, n in seen.items() if name != without) > 100
    assert agree(seen, k)
    if without is not None:
        left = sum(k.values())
        made_up = {name: x * sum(k_all.values()) / left for name, x in k.items()}
        assert not agree(seen, made_up)  # planted fault: the others make up for it
