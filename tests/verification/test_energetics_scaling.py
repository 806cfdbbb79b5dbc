"""Scaling of the reference energetics to other cell types (table of the specification, B1.7)."""

import math

import pytest

from mitoferry.assays.seahorse import CellEnergetics, settle, virtual_seahorse
from mitoferry.core.nodes import NODE_GLYCOLYSIS
from mitoferry.library.scaling import energetics_parameters, fit_substrate, resting_state, scale_cell_type

P = energetics_parameters()
# mitochondria, OCR, share of oxidative phosphorylation, volume; then: OCR got, ATP-linked/mito, max/basal mito, psi, ATP after oligomycin
TABLE = {
    "fibroblast": ((337, 3, 0.6, 2.5), (3.54, 0.76, 2.7, 158, 2.33), 2.86),
    "huvec": ((150, 2, 0.25, 1.2), (1.93, 0.80, 2.3, 156, 2.78), 1.04),
    "adult cardiomyocyte": ((8000, 80, 0.95, 30), (82.8, 0.75, 2.8, 158, 0.20), 3.00),
    "cortical neuron": ((1000, 4, 0.95, 2), (4.39, 0.58, 6.6, 165, 0.20), 3.16),
    "resting T": ((40, 0.2, 0.9, 0.2), (0.22, 0.59, 5.2, 163, 0.44), 3.14),
    "activated CD8": ((100, 1, 0.5, 0.7), (1.15, 0.78, 2.5, 157, 2.55), 2.52),
    "AML blast": ((130, 1, 0.8, 0.5), (1.12, 0.71, 3.3, 160, 1.08), 3.06),
    "A549": ((400, 4, 0.5, 2.5), (4.61, 0.78, 2.5, 157, 2.55), 2.52),
    "hepatocyte": ((1500, 17, 0.9, 5), (17.5, 0.78, 2.5, 157, 0.44), 2.91),
    "alveolar macrophage": ((250, 2, 0.6, 2.5), (2.43, 0.74, 2.9, 158, 2.33), 2.94),
    "chondrocyte": ((100, 0.4, 0.2, 1.2), (0.84, 0.79, 3.2, 159, 2.80), 2.81),
}


def error(name, p):
    numbers, (ocr, linked, ratio, psi, after), galactose = TABLE[name]
    cell = CellEnergetics.of_type(scale_cell_type(*numbers, P))
    test = virtual_seahorse(cell, p, titration=(20.0,))
    basal = test.phases["basal"]
    sugar = settle(cell, p, nodes={NODE_GLYCOLYSIS: 0.1})
    return max(
        abs(basal.ocr / ocr - 1.0), abs(test.coupling - linked), abs(test.maximal / basal.mito / ratio - 1.0),
        abs(basal.psi - psi) / 50.0, abs(test.phases["oligomycin"].atp - after), abs(sugar.atp - galactose),
    )  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_scaling_table(name):
    assert error(name, P) < 0.035


def test_scaling_planted_fault_is_caught():
    faulty = P._replace(leak_conductance=1.3 * P.leak_conductance)
    assert all(error(name, faulty) > 0.035 for name in ("fibroblast", "cortical neuron", "hepatocyte"))


def test_reference_cell_rests_where_it_was_scaled_to():
    rest = resting_state(scale_cell_type(400, 5, 0.65, 4, P), P)
    assert rest["oxygen_use"] == pytest.approx(5.04, rel=0.01)
    assert rest["psi"] == pytest.approx(156.3, abs=0.5)
    assert rest["atp"] == pytest.approx(2.88, abs=0.02)


def test_leak_ceiling_is_flagged():
    assert scale_cell_type(1000, 4, 0.95, 2, P).leak_factor == pytest.approx(0.70, abs=0.01)
    assert scale_cell_type(400, 5, 0.65, 4, P).leak_factor == 1.0


def test_cells_that_do_not_respire():
    rho0 = scale_cell_type(300, 0.0, 0.0, 2.5, P)
    assert rho0.demand == rho0.nonmito == 0.0
    with pytest.raises(ValueError, match="above 0"):
        scale_cell_type(300, 2.0, 0.0, 2.5, P)
    with pytest.raises(ValueError, match="0 or more"):
        scale_cell_type(-1, 2.0, 0.5, 2.5, P)


def test_brake_on_substrate_of_glycolytic_cells():
    cell = scale_cell_type(500, 2.5, 0.5, 3.0, P)
    assert resting_state(cell, P)["oxygen_use"] > 1.2 * 2.5
    braked = fit_substrate(cell, P)
    assert 0.3 <= braked.substrate < 1.0
    assert resting_state(braked, P)["oxygen_use"] < resting_state(cell, P)["oxygen_use"]
    fitting = scale_cell_type(150, 2, 0.25, 1.2, P)
    assert fit_substrate(fitting, P) == fitting
    assert math.isfinite(braked.demand)
