"""Damage to DNA: lesions follow their equation, pumps and repair go by ATP, what lesions do to p53 and death; BCL-2.

Faults seen to fail it, planted in a copy of the package: repair without ATP; retention that falls where ATP is short; lesions in resting
cells as in cycling ones; BCL-2 that multiplies the hazard; redox cycling that does not see the drug held.
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.nodes import NODE_BCL2, NODE_DNA_DAMAGE, NODE_DRUG_EFFLUX, NODE_RADIATION, NODE_REDOX_CYCLING
from mitoferry.core.schema import SUM_COUNT, SUM_DEHYDROGENASE, SUM_ETC, SUM_MASS

ALPHA = 1e-5


def energy(atp, share):
    half = share * 2.88
    return (atp**2 / (atp**2 + half**2)) / (2.88**2 / (2.88**2 + half**2))


def world_of(count=4, *, level=0.2, atp=2.88, pumps=1.0, cycle=24.0, h2o2=0.005):
    world = cells_world(count, numbers={"cycle_time": cycle})
    rows = rows_of(world)
    world.cells.atp[rows] = atp
    world.cells.h2o2[rows] = h2o2
    world.groups.nodes[:, NODE_DNA_DAMAGE] = level
    world.groups.nodes[:, NODE_DRUG_EFFLUX] = pumps
    return world


CASES = {
    "drug": {}, "half ATP": {"atp": 1.0}, "pumps blocked": {"pumps": 0.1}, "pumps more": {"pumps": 4.0}, "does not cycle": {"cycle": 0.0},
    "oxidants": {"level": 0.0, "h2o2": 0.3},
}  # fmt: skip


@pytest.mark.parametrize(("case", "fault"), [*((c, 1.0) for c in CASES), ("drug", 1.1), ("half ATP", 1.1)])
@pytest.mark.parametrize("dt", [300.0, 3600.0])
def test_lesions_follow_the_equation(case, fault, dt):
    c, p = CASES[case], values("dna_damage")
    world = world_of(**c)
    run(world, "dna_damage", p, 10.0, dt)
    e = energy(c.get("atp", 2.88), p.atp_half)
    level = c.get("level", 0.2) * (p.quiescent if c.get("cycle", 24.0) == 0.0 else 1.0)
    held = (1 + p.efflux) / (1 + p.efflux * c.get("pumps", 1.0) * e) if level > 0.0 else 1.0
    h, k = c.get("h2o2", 0.005), p.oxidant_half
    made = level * held + p.oxidant_rate * (h**2 / (h**2 + k**2) - 0.005**2 / (0.005**2 + k**2))
    rate = p.repair * e * fault
    r = rows_of(world)[0]
    assert float(world.cells.drug_retention[r]) == pytest.approx(held, rel=1e-5)
    assert (abs(float(world.cells.dna_damage[r]) / (made / rate * (1 - np.exp(-rate * 10.0))) - 1) < 1e-4) == (fault == 1.0)


def test_radiation_has_no_pump():
    """Lesions by rays do not depend on pumps; by a drug they do. Fault seen to fail it, planted in a copy: retention applied to both."""
    p = values("dna_damage", repair=0.0)
    made = {}
    for kind in ("radiation", "drug"):
        for pumps in (0.1, 1.0):
            world = world_of(level=0.2 if kind == "drug" else 0.0, pumps=pumps, atp=1.0)
            world.groups.nodes[:, NODE_RADIATION] = 0.2 if kind == "radiation" else 0.0
            run(world, "dna_damage", p, 10.0, 600.0)
            made[kind, pumps] = float(world.cells.dna_damage[rows_of(world)[0]])
            if kind == "radiation":
                assert float(world.cells.drug_retention[rows_of(world)[0]]) == 1.0
    assert made["radiation", 0.1] == made["radiation", 1.0] == pytest.approx(2.0, rel=1e-5)
    assert made["drug", 0.1] > 1.05 * made["drug", 1.0] > 2.0


def test_at_rest_nothing_is_changed():
    world = world_of(level=0.0)
    before = [c.tobytes() for c in world.cells]
    run(world, "dna_damage", values("dna_damage"), 24.0, 300.0)
    assert [c.tobytes() for c in world.cells] == before


def test_without_atp_drug_stays_and_lesions_stay():
    p = values("dna_damage")
    world = world_of(atp=0.0, level=0.0)
    rows = rows_of(world)
    world.cells.dna_damage[rows] = 1.0
    run(world, "dna_damage", p, 24.0, 300.0)
    assert (world.cells.dna_damage[rows] == 1.0).all()
    assert module("dna_damage").retention(0.0, 1.0, p) == pytest.approx(1 + p.efflux)
    assert module("dna_damage").retention(2.88, 1.0, p) == pytest.approx(1.0)


def test_lesions_raise_p53_and_repair_lets_it_fall():
    world = world_of(level=0.0)
    rows = rows_of(world)
    world.cells.dna_damage[rows[:2]] = 1.0
    run(world, "signals", values("signals"), 48.0, 300.0)
    half = values("signals").p53_dna_half
    assert world.cells.p53[rows[:2]] == pytest.approx(1 / (1 + half**2), rel=1e-3)
    assert (world.cells.p53[rows[2:]] < 1e-3).all()


@pytest.mark.parametrize(
    ("lesions", "bcl2", "fault"), [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 3.0, 1.0), (1.0, 0.5, 1.0), (1.0, 0.5, 0.5)]
)
def test_f17_lesions_kill_at_the_hazard_that_bcl2_divides(lesions, bcl2, fault):
    world = world_of(500, level=0.0)
    rows = rows_of(world)
    world.cells.dna_damage[rows] = lesions
    world.groups.nodes[:, NODE_BCL2] = bcl2
    p = values("death", base_hazard=0.0, potential_hazard=0.0, necrosis_hazard=0.0, priming_time=1e-6)
    run(world, "death", p, 10.0, 600.0)
    n = int((world.cells.momp_time[rows] >= 0.0).sum())
    rate = p.dna_hazard * lesions**4 / (lesions**4 + p.dna_half**4) / bcl2 * fault
    assert (stats.binomtest(n, 500, 1 - np.exp(-10.0 * rate)).pvalue > ALPHA) == (fault == 1.0)


def test_redox_cycling_goes_by_working_chains_and_by_the_drug_held():
    """The H2O2 that a drug adds is linear in the respiratory chains and in the drug inside: the term that makes arrivals harm."""
    oxidants = module("reactive_oxygen")
    p, made = values("reactive_oxygen"), {}
    for chains, held in ((1, 1.0), (2, 1.0), (1, 2.0)):
        world = cells_world(1)
        r = rows_of(world)[0]
        world.cells.sums[r, 0, [SUM_COUNT, SUM_MASS, SUM_DEHYDROGENASE]] = 100 << 20
        world.cells.sums[r, 0, SUM_ETC] = (chains * 100) << 20
        world.cells.nadh[r] = 0.8
        world.cells.drug_retention[r] = held
        base = oxidants.cell_production(r, world.cells, world.groups, p)
        world.groups.nodes[:, NODE_REDOX_CYCLING] = 0.003
        made[chains, held] = oxidants.cell_production(r, world.cells, world.groups, p) - base
    assert made[1, 1.0] == pytest.approx(0.003 * 100 * 0.8, rel=1e-4)
    assert made[2, 1.0] == pytest.approx(2 * made[1, 1.0], rel=1e-6)
    assert made[1, 2.0] == pytest.approx(2 * made[1, 1.0], rel=1e-6)


def test_a_drug_that_decays_fades_by_its_half_life():
    """Cisplatin: its node falls as the dose does, and the dose halves every 24 h; one that stays does not."""
    from mitoferry.experiment.reader import parse_experiment
    from mitoferry.experiment.resolve import resolve
    from mitoferry.experiment.treatments import nodes_at
    from mitoferry.library.interventions import load_drugs

    text = (
        "schema: mitoferry/experiment@1\ntitle: x\nwell: {kind: dish, size: 100 um}\ncells: {recipient: {type: fibroblast, count: 1}}\n"
        "treat: [{drug: cisplatin, dose: 10 uM, from: 0 h}, {drug: venetoclax, from: 0 h}]\nmeasure: []\nrun: {until: 1 h}\n"
    )
    arm = resolve(parse_experiment(text, "x.yaml", name="x")).arms[0]
    drug, mean = load_drugs()["cisplatin"], {}
    for hour in (3.0, 20.0, 50.0, 150.0, 400.0):
        mean[hour] = float(nodes_at(arm, 3600.0 * hour)[0][NODE_DNA_DAMAGE])
        k = np.floor((hour - drug.onset) / 12.0)
        dose = 10.0 * 2.0 ** (-0.5 * (k + 0.5)) if k < 14 else 0.0
        wanted = next((e.value for e in drug.effects(dose) if e.key == "dna_damage"), 0.0)
        assert mean[hour] == pytest.approx(wanted)
        assert float(nodes_at(arm, 3600.0 * hour)[0][NODE_BCL2]) == pytest.approx(float(nodes_at(arm, 36000.0)[0][NODE_BCL2]))
    assert mean[3.0] > mean[20.0] > mean[50.0] > mean[150.0] > mean[400.0] == 0.0
