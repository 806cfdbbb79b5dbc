"""Surrogates of organs: monotone maps of what lives and has ATP, with their ends, labels and error."""

import numpy as np
import pytest

from mitoferry.assays import load_assays
from mitoferry.assays.organ import Parameters, maps, rising
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import CELL_DEAD_NECROTIC, Step
from mitoferry.experiment.observables import OBSERVABLES
from mitoferry.library.parameters import load_parameters
from mitoferry.processes.rest import RESTING_ATP
from worlds import cell_type, library_values, make_world, population

P = Parameters(**{name: library_values()[f"organ.{name}"] for name in Parameters._fields})
STEP = Step(5, 300, 300.0, 60.0)
RISES = {"ejection_fraction": 1, "lesion_size": -1, "oedema": -1, "neurological_score": 1, "compliance": 1, "wall_thickness": -1}


@pytest.mark.parametrize("name", RISES)
def test_each_map_goes_one_way_and_has_its_ends(name):
    f = np.linspace(0.0, 1.0, 201)
    found = maps(f, P)[name]
    assert (np.diff(found) * RISES[name] > 0).all()
    ends = {
        "ejection_fraction": (P.ejection_lowest, P.ejection_normal), "lesion_size": (1.0, 0.0), "oedema": (P.oedema_most, 0.0),
        "neurological_score": (0.0, P.neurological_best), "compliance": (P.compliance_lowest, 1.0),
        "wall_thickness": (1 + P.wall_thickening, 1.0),
    }[name]  # fmt: skip
    assert (found[0], found[-1]) == pytest.approx(ends)


def test_half_is_where_the_hill_curve_says():
    assert rising(0.5, 0.5, 2.0) == pytest.approx(0.5 * 1.25)
    assert rising(1.7, 0.5, 2.0) == 1.0  # never beyond the ends


def measured(dead=0, atp=1.0, error=0.0):
    world = make_world([population("recipient", 0, count=8, numbers=cell_type(mitochondria=2.0, mtdna=4.0))], backend=Reference())
    world.cells.atp[2:10] = RESTING_ATP * atp
    world.cells.state[2 : 2 + dead] = CELL_DEAD_NECROTIC
    found = load_assays()["organ"].measure(world, 0, {"error": error}, STEP)
    return {r.readout: r.value for r in found}


def test_it_reads_live_cells_times_atp():
    assert measured()["functional_fraction"] == pytest.approx(1.0)
    assert measured(atp=1.3)["functional_fraction"] == pytest.approx(1.0)
    assert measured(dead=2)["functional_fraction"] == pytest.approx(0.75)
    assert measured(dead=2, atp=0.5)["functional_fraction"] == pytest.approx(0.375)
    assert measured(dead=8)["lesion_size"] == pytest.approx(1.0)
    assert measured(dead=4)["tumour_size"] < measured()["tumour_size"]
    planted = {k: v for k, v in measured(dead=2).items() if k != "functional_fraction"}
    assert planted != {k: v for k, v in measured(dead=1).items() if k != "functional_fraction"}


def test_the_error_is_of_the_reading_and_never_of_the_truth():
    exact, noisy = measured(dead=2), measured(dead=2, error=0.2)
    assert noisy["ejection_fraction"] != exact["ejection_fraction"]
    assert noisy["functional_fraction"] == exact["functional_fraction"]


def test_every_reading_says_that_it_is_a_surrogate():
    assay = load_assays()["organ"]
    assert all(r.truth or "surrogate" in r.meaning for r in assay.readouts)
    of_organs = [o for o in OBSERVABLES.values() if o.assay == "organ"]
    assert len(of_organs) >= 8
    assert all(o.surrogate for o in of_organs)
    assert all(r.tag == "C" for name, r in load_parameters().items() if name.startswith("organ."))
