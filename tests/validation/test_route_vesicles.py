"""The shipped experiment in which vesicles are the only route, at small size: what arrives came in a vesicle that is wide enough."""

from dataclasses import replace

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_HANDOVER, EVENT_LOADED
from mitoferry.core.schema import MASS_SCALE, ROUTE_VESICLE
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from vesicles import check_containers, rows_in_use


@pytest.mark.long
def test_vesicles_are_the_only_route():
    spec = resolve(load_experiment("route-vesicles"))
    spec = replace(spec, arms=spec.arms[:1], replicates=2, until=12 * 3600, detail=())
    engine, seen = Engine(spec, Cpu(threads=1)), []

    def note(events):
        n = int(events.count[0])
        seen.extend(zip(events.kind[:n].tolist(), events.route[:n].tolist(), strict=True))

    engine.on_events = note
    engine.burn_in()
    while not engine.finished:
        engine.advance()
        world = engine.world
        for v in rows_in_use(world):
            inside = world.vesicles.slots[v, : world.vesicles.n_cargo[v]]
            d = 0.9 * np.cbrt(MASS_SCALE * world.mitochondria.mass[inside].astype(float))
            assert (2e-3 * float(world.vesicles.radius[v]) >= d + 0.06 - 1e-9).all()
    check_containers(world)
    moved = {route for kind, route in seen if kind in (EVENT_HANDOVER, EVENT_LOADED)}
    assert moved == {ROUTE_VESICLE}
    assert sum(kind == EVENT_HANDOVER for kind, _ in seen) > 5
    assert world.cells.vesicles.sum() > 1000
