"""NAD+, CD38 and PARP: closed form of the turnover, exact rest, what follows for SIRT1, for respiration and for repair of DNA.

Faults seen to fail these tests, planted in a copy of the package: CD38 counted twice in ``use_of_nad``; SIRT1 that does not read NAD+;
energetics that do not read ``nad_supply``; ``wanted`` without the type's CD38; PARP that does not ask for lesions; repair that does not
read NAD+; ``wanted`` without the agents that make lesions.
"""

from dataclasses import replace

import numpy as np
import pytest

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.nodes import NODE_MITOCHONDRIA_RELEASE
from mitoferry.core.plate_spec import Action
from mitoferry.core.schema import Step
from mitoferry.processes import nad, nutrient_signalling
from same_bytes import loop_digest
from worlds import cell_type, make_spec, population

CD38 = 0.8


def one(world, name):
    return float(getattr(world.cells, name)[rows_of(world)[0]])


def after(hours, activity, dt=300.0, cd38=CD38, what=("nad",), **changes):
    world = cells_world(2, numbers={"cd38": cd38})
    world.groups.nodes[:, NODE_MITOCHONDRIA_RELEASE] = activity
    world.backend.push(world.groups)
    for name in what:
        run(world, name, values(name, **changes), hours, dt)
    world.backend.pull(world.cells)
    return world


@pytest.mark.parametrize("dt", [300.0, 3600.0])
@pytest.mark.parametrize("activity", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_nad_relaxes_to_synthesis_over_use(dt, activity, fault):
    """The larger the use, the lower and the sooner: NAD(t) = 1/u + (1 - 1/u) exp(-u t/tau)."""
    p = values("nad")
    u = 1.0 + p.turnover_share * CD38 * fault * (activity - 1.0)
    expected = 1 / u + (1 - 1 / u) * np.exp(-u * 4.0 / p.time)
    world = after(4.0, activity, dt)
    assert (one(world, "nad") == pytest.approx(expected, abs=1e-5)) == (fault == 1.0)
    assert one(world, "nad_supply") == pytest.approx(
        one(world, "nad") * (1 + p.supply_half) / (one(world, "nad") + p.supply_half), abs=1e-6
    )


@pytest.mark.parametrize("dt", [300.0, 3600.0])
@pytest.mark.parametrize("lesions", [0.3, 2.0])
@pytest.mark.parametrize("fault", [1.0, 1.2])
def test_parp_uses_nad_in_proportion_to_lesions(dt, lesions, fault):
    """NAD(t) as above with u = 1 + q D, in a type without CD38 too."""
    p = values("nad")
    u = 1.0 + p.parp_use * lesions * fault
    world = cells_world(2, numbers={"cd38": 0.0})
    world.cells.dna_damage[rows_of(world)] = lesions
    run(world, "nad", p, 4.0, dt)
    assert (one(world, "nad") == pytest.approx(1 / u + (1 - 1 / u) * np.exp(-u * 4.0 / p.time), abs=1e-5)) == (fault == 1.0)


@pytest.mark.parametrize("nad_left", [1.0, 0.5, 0.0])
def test_repair_needs_nad(nad_left):
    """Lesions fall by exp(-repair f(NAD+) t), not at all without NAD+."""
    p = values("dna_damage")
    world = cells_world(2)
    rows = rows_of(world)
    world.cells.dna_damage[rows] = 1.0
    world.cells.nad[rows] = nad_left
    run(world, "dna_damage", p, 6.0, 600.0)
    rate = p.repair * nad_left * (1 + p.nad_half) / (nad_left + p.nad_half)
    assert one(world, "dna_damage") == pytest.approx(np.exp(-6.0 * rate), rel=1e-5)


def test_lesions_hold_up_their_own_repair():
    """Both processes in turn: a cell that spends its NAD+ on many lesions is rid of them later than one that keeps it."""
    left = {}
    for use in (0.0, 0.7):
        world = cells_world(2)
        world.cells.dna_damage[rows_of(world)] = 2.0
        for k in range(72):
            for name, p in (("dna_damage", values("dna_damage")), ("nad", values("nad", parp_use=use))):
                module(name).advance(world, Step(k, 600 * k, 600.0 * k, 600.0), p)
        left[use] = one(world, "dna_damage")
    assert left[0.0] == pytest.approx(2.0 * np.exp(-12.0 * values("dna_damage").repair), rel=1e-3)
    assert left[0.7] > 1.15 * left[0.0]


@pytest.mark.parametrize(("cd38", "activity"), [(CD38, 1.0), (1.0, 1.0), (0.0, 0.0), (0.0, 5.0)])
def test_rest_is_exact(cd38, activity):
    """At the activity that the type has at rest, and without CD38 whatever the agent, nothing moves by a bit."""
    world = after(48.0, activity, cd38=cd38, what=("nad", "nutrient_signalling"))
    assert (one(world, "nad"), one(world, "nad_supply"), one(world, "sirt1"), one(world, "trak")) == (1.0, 1.0, 1.0, 1.0)


def test_sirt1_follows_nad():
    p = values("nutrient_signalling")
    world = after(400.0, 0.0, 3600.0, what=("nad", "nutrient_signalling"))
    expected = one(world, "nad") * (1 + p.nad_half) / (one(world, "nad") + p.nad_half)
    assert expected > 1.1
    assert one(world, "sirt1") == pytest.approx(expected, abs=1e-5)


def respiration(supply):
    """Oxygen used by a cell that has to respire as much as it can, with this supply of NAD+."""
    world = cells_world(1, mitochondria=100, numbers={"oxygen_use": 5.0})
    for name in ("capacity", "energetics"):
        world.cells.nad_supply[:] = supply
        world.backend.push(world.cells)
        for k in range(30):
            module(name).advance(world, Step(k, 60 * k, 60.0 * k, 60.0), values(name))
    world.backend.pull(world.cells)
    return float(world.cells.oxygen_flux_class[rows_of(world)[0]].sum())


def test_less_nad_feeds_respiration_less():
    normal = respiration(1.0)
    assert respiration(0.5) < 0.99 * normal
    assert respiration(1.3) > normal


def spec_of(cd38=CD38, acted=True, key="mitochondria_release", **changes):
    kind = cell_type(mitochondria=12.0, mtdna=40.0, cd38=cd38)
    spec = make_spec([population("recipient", 0, 3, numbers=kind)], size=60.0, until=3600, **changes)
    act = Action(kind="node", key=key, value=0.2, start=0.0, end=1e9, populations=(0,), cause="antibody")
    return replace(spec, arms=tuple(replace(a, actions=(act,) if acted else ()) for a in spec.arms))


def test_off_is_as_without_the_code_and_wanted_only_where_an_agent_acts_on_cd38():
    off = loop_digest(spec_of(switches={"nad": "off"}), steps=11)
    assert off == loop_digest(spec_of(switches={"nad": "off"}), without=("nad",), steps=11)
    on = loop_digest(spec_of(), steps=11)
    assert {"nad", "nutrient_signalling"} <= set(on.processes)
    assert "nutrient_signalling" not in off.processes
    assert on.state != off.state
    assert not nad.wanted(spec_of(cd38=0.0))
    assert not nad.wanted(spec_of(acted=False))
    for node in ("dna_damage", "radiation"):
        assert nad.wanted(spec_of(cd38=0.0, key=node))
    assert not nutrient_signalling.wanted(spec_of(acted=False))
