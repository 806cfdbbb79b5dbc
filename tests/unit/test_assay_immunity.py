"""ELISA, macrophage and T cell phenotype, phagocytosis, immune signalling: values, limits and errors on hand-made worlds."""

import math

import numpy as np
import pytest

from immune_worlds import cells_of, immune_world
from mitoferry.assays import load_assays
from mitoferry.assays.elisa import PANEL
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import (
    BY_ATTACK,
    BY_PYROPTOSIS,
    CELL_DEAD_NECROTIC,
    CELL_EMPTY,
    CYTOKINES,
    HAZARD_ATTACK,
    IL_1BETA,
    IL_6,
    TNF_ALPHA,
    Step,
)
from mitoferry.experiment.observables import OBSERVABLES
from worlds import cell_type, make_world, parameters, population

STEP = Step(0, 0, 0.0, 60.0)
ASSAYS = load_assays()


def read(name, world, of=0, **options):
    return {r.readout: r.value for r in ASSAYS[name].measure(world, of, options, STEP) if r.well == 0}


@pytest.fixture
def world():
    made = immune_world(10, t_helper=1.0, cytotoxic=1.0, trap_former=1.0)
    made.parameters["cytokines"] = ()
    return made


def test_elisa_reads_what_is_there_above_its_limit(world):
    world.wells.cytokines[0] = np.arange(len(CYTOKINES))
    world.wells.cytokines[0, IL_6] = 0.003
    world.wells.bulk[0, TNF_ALPHA], world.wells.bulk[0, IL_1BETA] = 2.0, 0.5
    exact = read("elisa", world, None, error=0.0)
    assert exact["il_6"] == 0.0, "below the limit"
    assert read("elisa", world, None, error=0.0, detection_limit=0.0)["il_6"] == pytest.approx(0.003)
    for k, name in enumerate(CYTOKINES):
        assert exact[name] == (0.0 if k == IL_6 else k)
    assert exact["inflammatory_sum"] == pytest.approx(exact["il_8"] + exact["mcp_1"] + 2.5)
    panel = [exact[name] + 0.004 for name in PANEL]
    assert exact["inflammatory_index"] == pytest.approx(np.prod(panel) ** (1 / len(panel)))
    assert read("elisa", world, None, error=0.0, detection_limit=0.0)["inflammatory_index"] == 0.0, "IL-4 is not there"
    noisy = read("elisa", world, None)
    ratios = [math.log(noisy[n] / exact[n]) for n in CYTOKINES if exact[n] > 0]
    assert 0.03 < np.std(ratios) < 0.15
    assert len(set(ratios)) == len(ratios), "each analyte has an error of its own"


def test_elisa_of_a_block_reads_the_tissue_and_not_the_blood():
    """Fault seen to fail it, planted in a copy of the package: the bulk, which is the blood, is read in a block, too."""
    numbers = cell_type(mitochondria=2.0, mtdna=4.0)
    tissue = Geometry(kind="block", size=(100.0, 100.0, 100.0))
    block = make_world((population("recipient", 0, count=4, numbers=numbers),), backend=Reference(), geometry=tissue, with_space=True)
    block.wells.bulk[0, TNF_ALPHA] = 7.0
    block.fields.conc[0, TNF_ALPHA] = 0.0
    block.fields.conc[0, TNF_ALPHA, 0] = 3.0  # one layer of the tissue
    layers = int(block.fields.shape[0, 2])
    assert read("elisa", block, None, error=0.0)["tnf_alpha"] == pytest.approx(3.0 / layers)


def test_elisa_does_not_know_what_no_process_follows(world):
    del world.parameters["cytokines"]
    found = read("elisa", world, None)
    assert math.isnan(found["il_6"])
    assert found["tnf_alpha"] == 0.0


def test_macrophages_are_told_by_their_axis():
    world = immune_world(10, m2_share=0.85)
    world.cells.polarisation[cells_of(world)[:4]] = -1.4
    found = read("macrophage_phenotype", world)
    assert found["true_polarisation"] == pytest.approx(0.6 * 0.7 + 0.4 * -0.7, rel=1e-5)
    assert found["m1_fraction"] == 0.4
    assert found["m2_fraction"] == 0.6
    assert abs(found["polarisation"] - found["true_polarisation"]) < 5 * 0.1 / math.sqrt(10)
    world.groups.macrophage[:] = 0.0
    assert math.isnan(read("macrophage_phenotype", world)["polarisation"]), "no macrophages"


def test_markers_of_t_cells(world):
    world.cells.t_cell[cells_of(world)] = [0.3, 0.15, 0.06, 0.6, 0.0]
    found = read("t_cell_phenotype", world, error=0.0)
    expected = {"foxp3": 0.3, "tbet": 0.15, "ror_gamma_t": 0.06, "il_17_positive": 0.06, "ctla4": 0.3, "il2ra": 0.37, "exhaustion": 0.6}
    assert found == pytest.approx(expected, rel=1e-5)


def test_cells_engulfed_are_counted(world):
    world.cells.engulfed[cells_of(world)[:3]] = [2, 1, 4]
    world.cells.state[cells_of(world)[2]] = CELL_DEAD_NECROTIC
    world.cells.particles[cells_of(world)[:3]] = [5, 4, 7]
    found = {"engulfed_per_cell": 3 / 9, "phagocytic_fraction": 2 / 9, "engulfed": 3.0, "particles_per_cell": 1.0}
    measured = read("phagocytosis", world)
    measured.pop("bait_rate")
    assert measured == pytest.approx(found)


def test_bait_is_eaten_by_the_state_of_the_phagocyte_not_by_what_is_left_to_eat(world):
    """The rate of ``phagocytosis`` for a fully exposed cell.

    Fault seen to fail it, planted in a copy of the package: without ``readiness``.
    """
    from mitoferry.processes import phagocytosis

    rows, p = cells_of(world), parameters(None, "phagocytosis", phagocytosis.Parameters)
    world.parameters["phagocytosis"] = p
    world.cells.atp[rows], world.cells.atp_flux[rows], world.cells.atp_oxphos[rows] = 2.88, 100.0, 60.0
    world.cells.polarisation[rows] = 0.0
    rest = read("phagocytosis", world)["bait_rate"]
    energy = 2.88**2 / (2.88**2 + (p.atp_half * 2.88) ** 2) * (p.base + 0.6)
    assert rest == pytest.approx(p.rate * float(world.groups.phagocyte[world.cells.group[rows[0]]]) * energy, rel=1e-5)
    world.cells.polarisation[rows] = 1.0
    world.cells.engulfed[rows] = 0
    assert read("phagocytosis", world)["bait_rate"] == pytest.approx((1.0 + p.polarisation_gain) * rest, rel=1e-5)


def test_signals_deaths_and_traps(world):
    rows = cells_of(world)
    world.cells.sting[rows], world.cells.tlr9[rows] = 0.4, 0.2
    world.cells.other_hazards[rows, HAZARD_ATTACK] = 0.01
    world.cells.traps[rows[:4]] = 1
    world.cells.state[rows[:3]] = [CELL_DEAD_NECROTIC, CELL_EMPTY, CELL_DEAD_NECROTIC]  # the second has been eaten
    world.cells.death_cause[rows[:3]] = [BY_PYROPTOSIS, BY_ATTACK, BY_PYROPTOSIS]
    found = read("immune_signalling", world, error=0.0)
    expected = {"tlr9": 0.2, "sting": 0.4, "nlrp3": 0.0, "pyroptotic_fraction": 0.2, "attacked_fraction": 0.1, "attack_hazard": 0.01, "trap_fraction": 0.4}  # fmt: skip  # noqa: E501
    assert found == pytest.approx(expected, rel=1e-5)


def test_observables_of_the_cards_name_readouts():
    mine = ("elisa", "macrophage_phenotype", "t_cell_phenotype", "phagocytosis", "immune_signalling")
    found = [o for o in OBSERVABLES.values() if o.assay in mine]
    assert len(found) > 35
    assert all(o.readout in {r.name for r in ASSAYS[o.assay].readouts} for o in found)
