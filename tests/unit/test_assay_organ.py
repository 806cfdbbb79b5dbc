"""Surrogates of organs: monotone maps of what lives and has ATP, with their ends, labels and error."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from mitoferry.assays import load_assays
from mitoferry.assays.organ import Parameters, maps, rising
from mitoferry.backends.reference import Reference
from mitoferry.base.errors import MitoferryWarning
from mitoferry.core.schema import CELL_DEAD_NECROTIC, Step
from mitoferry.experiment import misplaced as places
from mitoferry.experiment.observables import OBSERVABLES
from mitoferry.experiment.reader import load_experiment, parse_experiment
from mitoferry.library.parameters import load_parameters
from mitoferry.library.tissues import load_tissues
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


# ---------------------------------------------------------------------- where a surrogate means something
DISH, BLOCK = "{kind: dish, size: 200 um}", "{kind: block, template: TISSUE, size: 60 um}"
CELLS = {"infarct": "cardiomyocyte", "stroke": "neuron", "lung": "epithelium", "tumour": "tumour", "cornea": "epithelium"}


def file_text(tissue, *names, assay="organ"):
    """An experiment in a block of a template, or in a dish, with findings on these observables or readouts."""
    of = CELLS.get(tissue, "recipient")
    cells = "" if tissue != "dish" else "cells: {recipient: {type: cortical_neuron, count: 5}}\n"
    keys = [f"{'observable' if name in OBSERVABLES else 'readout'}: {name}" for name in names]
    expect = "".join(f"  - {{finding: f{i}, {key}, of: {of}, arm: one, versus: two, direction: decrease}}\n" for i, key in enumerate(keys))
    return (
        f"schema: mitoferry/experiment@1\ntitle: x\nwell: {DISH if tissue == 'dish' else BLOCK.replace('TISSUE', tissue)}\n{cells}"
        f"arms: {{one: {{}}, two: {{}}}}\nmeasure: [{{assay: {assay}, of: {of}, at: [1 h]}}]\nrun: {{until: 1 h, replicates: 1}}\n"
        + (f"expect:\n{expect}" if expect else "")
    )


def said(tissue, *names, **more):
    return places.misplaced(parse_experiment(file_text(tissue, *names, **more), "x.yaml", name="x"))


def test_places_are_tissues_of_the_library():
    assay = load_assays()["organ"]
    assert {p for r in assay.readouts for p in r.places} <= {*load_tissues(), places.DISH}
    assert [r.name for r in assay.readouts if not r.places] == ["functional_fraction"]
    for readout in assay.readouts:
        assert all(p in readout.meaning for p in readout.places)  # in the report, and in 'mitoferry show assay organ'


@pytest.mark.parametrize(
    ("tissue", "names", "told"),
    [
        ("infarct", ["cardiac_function"], ()),
        ("stroke", ["neurological_function", "lesion_size"], ()),
        ("lung", ["lung_function", "alveolar_destruction"], ()),
        ("tumour", ["tumour_growth"], ()),
        ("dish", ["tumour_growth"], ()),
        ("dish", ["functional_fraction"], ("ejection_fraction", "lesion_size")),
        ("dish", ["neurological_function"], ("neurological_score (for stroke): read in a dish",)),
        ("infarct", ["neurological_function", "cardiac_function"], ("neurological_score", "'infarct'")),
        ("stroke", ["organ.compliance"], ("compliance (for lung)", "'stroke'")),
        ("cornea", [], ("ejection_fraction", "tumour_size", "'cornea'")),
        ("infarct", [], ()),
        ("dish", [], ("ejection_fraction",)),
    ],
)
def test_a_surrogate_read_where_it_means_nothing_is_told(tissue, names, told):
    found = said(tissue, *names)
    assert len(found) == bool(told)
    assert all(words in found[0] for words in told)
    assert not said(tissue, assay="annexin_pi")
    if "neurological_function" in names and told:
        assert "ejection_fraction" not in found[0]


def test_without_places_nothing_is_told(monkeypatch):
    """The planted fault: readouts that do not say what they are meant for."""
    organ = load_assays()["organ"]
    blind = replace(organ, readouts=tuple(replace(r, places=()) for r in organ.readouts))
    assert said("dish", "neurological_function")
    monkeypatch.setattr(places, "load_assays", lambda: {"organ": blind})
    assert not said("dish", "neurological_function")


def test_check_warns_of_a_file_and_notes_it_of_a_shipped_one(tmp_path):
    """A block without a template is a tissue of the file's own: nothing is said."""
    from mitoferry.show.laboratory import check_text

    path = tmp_path / "x.yaml"
    path.write_text(file_text("dish", "neurological_function"), encoding="utf-8")
    with pytest.warns(MitoferryWarning, match="neurological_score"):
        assert check_text(str(path), ()).endswith("1 h.")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*neurological_score")
        text = check_text("astrocyte-neuron-cd38-stroke", ()).splitlines()
    assert text[-1].startswith("note: neurological_score (for stroke): read in a dish")
    assert places.place_of(load_experiment("amt-organ-ischemia-reperfusion")) == ""
    assert not places.misplaced(load_experiment("amt-organ-ischemia-reperfusion"))
