"""The experiments named route-...: in each, one way between cells is the only one at work, and it is at work."""

from dataclasses import replace

import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_HANDOVER
from mitoferry.core.schema import ROUTE_NAMES
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.resolve import resolve

ROUTE = {
    "route-gap-junction": "gap_junction", "route-bridge": "bridge", "route-cell-fusion": "cell_fusion", "route-vesicles": "vesicle",
    "route-free-mitochondria": "free_uptake", "route-isolated-mitochondria": "free_uptake", "route-phagocytosis": "phagocytosis",
    "route-transmitophagy": "phagocytosis", "route-dendrite": "dendrite", "route-microtunnel": "microtunnel",
    "route-synaptosome": "vesicle", "route-mtdna-vesicles": "",
}  # fmt: skip
NOT_A_WAY = {"none", "division", "nanotube_return"}


def handed_over(name, *, hours=12, switched_on=()):
    """Routes of the hand-overs in one well of every arm, with their numbers."""
    spec = resolve(load_experiment(name))
    switches = {k: v for k, v in spec.switches.items() if k not in switched_on}
    spec = replace(spec, replicates=1, until=min(spec.until, hours * 3600), detail=(), switches=switches)
    engine, seen = Engine(spec, Cpu(threads=1)), {}

    def note(events):
        for kind, route in zip(events.kind[: events.count[0]].tolist(), events.route[: events.count[0]].tolist(), strict=True):
            if kind == EVENT_HANDOVER:
                seen[ROUTE_NAMES[route]] = seen.get(ROUTE_NAMES[route], 0) + 1

    engine.on_events = note
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    engine.world.ledger.check(engine.world, "end", engine.tick)
    return {route: n for route, n in seen.items() if route not in NOT_A_WAY}


def test_every_route_experiment_is_listed():
    assert {name for name in shipped() if name.startswith("route-")} == set(ROUTE)


@pytest.mark.parametrize("name", ROUTE)
def test_one_route_is_the_only_one_at_work(name):
    assert set(handed_over(name)) == {ROUTE[name]} - {""}  # mtDNA in exosomes: no mitochondrion is handed over


def test_planted_fault_another_route_left_on_is_seen():
    assert set(handed_over("route-vesicles", switched_on=("nanotube_search", "nanotube_clocks", "nanotube_transport"))) != {"vesicle"}
