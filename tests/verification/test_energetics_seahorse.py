"""The virtual Seahorse of the reference cell, threshold, rescue and oxygen curves (numbers of the specification, B1.5 and B1.6).

Faults seen to fail it, planted in a copy of the package: a brake linear in the proton-motive force (G8).
"""

import numpy as np
import pytest

from mitoferry.assays.seahorse import CellEnergetics, measure, settle, virtual_seahorse
from mitoferry.core.nodes import NODE_GLYCOLYSIS, NODE_SYNTHASE_BLOCK, NODE_UNCOUPLER
from mitoferry.core.schema import DONOR_FREE, Step
from mitoferry.processes import capacity, energetics
from mitoferry.processes.energetics import Parameters
from worlds import library_values, make_world, population

VALUES = library_values()
P = Parameters(**{name: VALUES[f"energetics.{name}"] for name in Parameters._fields})
# the published rescue curve has no free F1 and a constant pH difference
NO_FREE_F1 = P._replace(free_f1_onset=1e-9, pump_share=1e-9)


def reference(**changes):
    numbers = {"etc": 400.0, "synthase": 400.0, "leak": 400.0, "dehydrogenase": 400.0}
    numbers |= {"demand": 831.0, "glycolysis": 249.0, "nonmito": 10.0, "volume": 3.0}
    return CellEnergetics(**{**numbers, **changes})


TABLE = {  # phase: OCR, psi, NADH, ATP
    "basal": (5.07, 156.0, 0.89, 2.88),
    "oligomycin": (1.50, 169.0, 0.98, 1.89),
    "fccp": (10.88, 94.0, 0.49, 1.89),
    "rotenone_antimycin": (0.60, -25.0, 1.0, 1.89),
}


def table_error(p):
    test = virtual_seahorse(reference(), p, titration=(20.0,))
    errors = []
    for phase, (ocr, psi, nadh, atp) in TABLE.items():
        r = test.phases[phase]
        errors += [abs(r.ocr / ocr - 1.0), abs(r.psi - psi) / 100.0, abs(r.nadh - nadh), abs(r.atp / atp - 1.0)]
    return max(errors)


def test_table_of_the_reference_cell():
    assert table_error(P) < 0.015
    test = virtual_seahorse(reference(), P, titration=(20.0,))
    assert test.atp_linked == pytest.approx(3.57, rel=0.01)
    assert test.leak == pytest.approx(0.90, rel=0.01)
    assert test.maximal == pytest.approx(10.28, rel=0.01)
    assert test.spare == pytest.approx(5.81, rel=0.01)
    assert test.coupling == pytest.approx(0.80, abs=0.01)
    assert test.phases["basal"].lactate == pytest.approx(8.9, rel=0.03)
    assert test.phases["oligomycin"].lactate == pytest.approx(24.2, rel=0.03)


@pytest.mark.parametrize(
    "fault", [{"brake_width": 8.0}, {"dehydrogenase_capacity": 1.2}, {"leak_conductance": 0.6}, {"synthase_capacity": 1.2}]
)
def test_table_planted_fault_is_caught(fault):
    assert table_error(P._replace(**fault)) > 0.015


def test_titration_is_bell_shaped_with_its_optimum_near_20():
    doses = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0)
    rates = [settle(reference(), P, nodes={NODE_SYNTHASE_BLOCK: 1.0, NODE_UNCOUPLER: u}).mito for u in doses]
    best = int(np.argmax(rates))
    assert 15.0 <= doses[best] <= 20.0
    assert np.all(np.diff(rates[: best + 1]) > 0)
    assert np.all(np.diff(rates[best:]) < 0)


def test_blocked_complexes():
    assert settle(reference(complex_i=0.0), P).psi == pytest.approx(112.0, abs=1.5)
    rotenone = settle(reference(complex_i=0.0), P).mito / settle(reference(), P).mito
    assert rotenone == pytest.approx(0.19, abs=0.01)
    assert settle(reference(etc=0.0), P).psi == pytest.approx(90.0, abs=1.5)


def test_cell_without_mtdna_keeps_a_residual_potential():
    """Free F1 with the adenine nucleotide exchange: 61-65 mV computed, 67 mV measured (143B rho0)."""
    rho0 = settle(reference(etc=0.0, synthase=0.0), P)
    assert 55.0 < rho0.psi < 68.0
    assert rho0.mito == 0.0
    # without hydrolysis (planted) nothing is left
    assert settle(reference(etc=0.0, synthase=0.0), P._replace(reverse_share=0.0)).psi == pytest.approx(0.0, abs=0.1)


def test_threshold_effect():
    share = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05)
    basal = [settle(reference(etc=400 * e), P).mito for e in share]
    most = [settle(reference(etc=400 * e), P, nodes={NODE_SYNTHASE_BLOCK: 1.0, NODE_UNCOUPLER: 20.0}).mito for e in share]
    assert basal == pytest.approx([4.47, 4.33, 4.13, 3.70, 2.16, 1.11], rel=0.01)
    assert most == pytest.approx([10.3, 6.9, 4.4, 3.0, 1.5, 0.8], rel=0.04)
    # G8: not linear: a third of the chain keeps nine tenths of basal respiration while spare capacity is gone
    assert basal[2] / basal[0] > 0.9
    assert (most[2] - basal[2]) / (most[0] - basal[0]) < 0.1


def test_galactose_kills_only_below_a_quarter_of_the_chain():
    atp = [settle(reference(etc=400 * e), P, nodes={NODE_GLYCOLYSIS: 0.1}).atp for e in (1.0, 0.3, 0.2, 0.1, 0.05)]
    assert atp == pytest.approx([2.52, 2.39, 1.77, 0.73, 0.36], rel=0.01)


def test_oxygen_dependence():
    full = settle(reference(), P).mito
    assert settle(reference(), P, oxygen=0.5).mito / full == pytest.approx(0.95, abs=0.015)
    assert settle(reference(), P, oxygen=0.2).mito / full == pytest.approx(0.83, abs=0.015)
    assert settle(reference(), P, oxygen=0.0).ocr == 0.0


RESCUE = ((1, 0.06, 42), (5, 0.28, 116), (20, 0.68, 144), (40, 0.98, 149), (80, 1.50, 152), (150, 2.30, 154))


def test_donor_rescue_of_a_cell_without_function():
    for x, mito, psi in RESCUE:
        found = settle(reference(etc=x, synthase=x, leak=300, dehydrogenase=300), NO_FREE_F1)
        assert found.mito == pytest.approx(mito, abs=0.012)
        assert found.psi == pytest.approx(psi, abs=1.0)


@pytest.mark.parametrize("p", [P, NO_FREE_F1])
def test_g8_few_donors_restore_potential_before_atp(p):
    """G8: 20 donors in 300 units bring back most of the potential and little of ATP and respiration."""
    nothing = settle(reference(etc=0.0, synthase=0.0, leak=300, dehydrogenase=300), p)
    rescued = settle(reference(etc=20, synthase=20, leak=320, dehydrogenase=320), p)
    healthy = settle(reference(), p)
    assert (rescued.psi - nothing.psi) / (healthy.psi - nothing.psi) > 0.7
    assert (rescued.atp - nothing.atp) / (healthy.atp - nothing.atp) < 0.2
    assert rescued.mito / healthy.mito < 0.2


def test_g1_donors_without_function_rescue_nothing():
    """G1: capacity decides, not the arrival: donors with E = 0 in their own class raise neither ATP nor respiration."""
    world = make_world([population(count=3)])
    p = energetics.PROCESS.parameters(**{n: world.spec.parameters[f"energetics.{n}"] for n in Parameters._fields})
    q = capacity.Parameters(**{n: world.spec.parameters[f"capacity.{n}"] for n in capacity.Parameters._fields})

    def steady(share_working):
        m = world.mitochondria
        alive = np.flatnonzero(m.flags & 1)
        donors = alive[::5]
        m.complex34[alive] = m.complex1[alive] = 0
        m.flags[donors] = 1 | (DONOR_FREE << 1)
        m.complex34[donors] = m.complex1[donors] = int(share_working * 32768)
        capacity.advance(world, Step(0, 0, 0.0, 300.0), q)
        for k in range(30):
            energetics.advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p)
        live = world.cells.state[: world.n_cells] == 1
        return [getattr(world.cells, name)[: world.n_cells][live].copy() for name in ("atp", "oxygen_flux", "atp_oxphos")]

    dead, working = steady(0.0), steady(1.0)
    assert np.all(dead[2] <= 0.0)
    assert np.all(working[0] > dead[0] + 0.05)
    assert np.all(working[1] > dead[1] + 5.0)
    none = settle(reference(etc=0.0), P)
    assert dead[0].max() <= none.atp + 0.4


def test_measure_reads_and_writes_nothing():
    world = make_world([population(count=6)], replicates=2)
    step = Step(0, 0, 0.0, 300.0)
    capacity.advance(world, step, capacity.Parameters(**{n: VALUES[f"capacity.{n}"] for n in capacity.Parameters._fields}))
    before = {name: getattr(world.cells, name).copy() for name in world.cells._fields}
    nodes = world.groups.nodes.copy()
    rows = np.flatnonzero(world.cells.state[: world.n_cells] == 1)
    found = measure(world, rows)
    for name, column in before.items():
        assert np.array_equal(column, getattr(world.cells, name)), name
    assert np.array_equal(nodes, world.groups.nodes)
    assert sorted(found) == [0, 1]
    for w, reading in found.items():
        chosen = rows[world.cells.well[rows] == w]
        assert reading["n_cells"] == chosen.size
        expected = world.cells.nonmito[chosen].mean() * 0.06 * 190 / 192 * reading["normalisation"]
        assert reading["rotenone_antimycin_ocr"] == pytest.approx(expected, rel=1e-4)
        assert 0.7 < reading["coupling"] < 0.85
        assert reading["maximal"] > 1.5 * (reading["basal_ocr"] - reading["non_mitochondrial"])
    assert found[0]["normalisation"] != found[1]["normalisation"]
    assert measure(world, rows[:0]) == {}
