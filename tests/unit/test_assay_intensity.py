"""TMRM, JC-1, ATP, DCF, MitoSOX, blots, Seahorse: values and artefacts on hand-made worlds."""

import math

import numpy as np
import pytest

from mitoferry.assays import load_assays
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import CELL_DEAD_NECROTIC, CELL_EMPTY, OCCUPIED, PORE_OPEN, Step
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)
ASSAYS = load_assays()
N = 300


@pytest.fixture
def world():
    numbers = cell_type(mitochondria=4.0, mtdna=8.0)
    made = make_world((population("recipient", 0, count=N, numbers=numbers),), backend=Reference(), size=3000.0)
    made.cells.psi[:] = 150.0
    made.cells.h2o2[:] = 0.005
    made.cells.atp[:] = 2.88
    return made


def read(name, world, **options):
    return {r.readout: r.value for r in ASSAYS[name].measure(world, 0, options, STEP) if r.well == 0}


def near(value, expected, cv=0.05):
    """Within five standard deviations of the error of a well."""
    return abs(math.log(value / expected)) < 5 * cv + 0.03


def test_tmrm_follows_nernst(world):
    assert near(read("tmrm", world)["tmrm"], 1.0)
    at_rest = read("tmrm", world)["tmrm"]
    world.cells.psi[:] = 120.0
    fallen = read("tmrm", world)
    assert fallen["tmrm"] / at_rest == pytest.approx(math.expm1(120 / 26.7) / math.expm1(150 / 26.7), rel=1e-3)
    assert fallen["psi"] == pytest.approx(120.0, abs=1e-3)
    world.cells.psi[:] = 0.0
    assert read("tmrm", world)["tmrm"] == pytest.approx(0.0, abs=1e-9), "nothing is left under FCCP"
    assert read("tmrm", world)["low_fraction"] == 1.0


def test_offsets_and_open_pores_count(world):
    own = np.flatnonzero(world.mitochondria.flags & OCCUPIED)
    world.mitochondria.psi_offset[own] = 3000
    assert read("tmrm", world)["psi"] == pytest.approx(120.0, abs=1e-3)
    world.mitochondria.flags[own] |= PORE_OPEN
    assert read("tmrm", world)["psi"] == 0.0


def test_hyperpolarisation_quenches(world):
    world.cells.psi[:] = 185.0
    high = read("tmrm", world)["tmrm"]
    world.cells.psi[:] = 200.0
    assert read("tmrm", world)["tmrm"] == high


def test_jc1(world):
    values = []
    for psi in (60.0, 110.0, 120.0, 150.0):
        world.cells.psi[:] = psi
        values.append(read("jc1", world)["jc1_ratio"])
    assert values == sorted(values)
    assert near(values[2], 0.5 / 0.55)
    assert read("jc1", world)["jc1_low_fraction"] < 0.01


def test_atp_and_its_survivor_bias(world):
    rows = np.flatnonzero(world.cells.population[: world.n_cells] == 0)
    before = read("atp_luminescence", world)
    assert near(before["atp_total"], float(2.88 * world.cells.volume[rows].sum()))
    world.cells.atp[rows[: N // 2]] = 0.5
    mixed = read("atp_luminescence", world)
    world.cells.state[rows[: N // 2]] = CELL_DEAD_NECROTIC
    survivors = read("atp_luminescence", world)
    assert survivors["atp_per_cell"] > 1.5 * mixed["atp_per_cell"], "killing the weak looks like rescue"
    assert survivors["atp_total"] < mixed["atp_total"]
    assert survivors["atp_per_seeded"] < mixed["atp_per_seeded"]
    assert survivors["atp_concentration"] == pytest.approx(2.88)


def test_dcf_follows_oxidants_and_a_little_the_potential(world):
    rest = read("dcf", world)
    assert near(rest["dcf"], 1.0)
    assert rest["h2o2"] == pytest.approx(5.0)
    world.cells.h2o2[:] = 0.05
    assert read("dcf", world)["dcf"] / rest["dcf"] == pytest.approx(0.9 * 10 + 0.1, rel=0.02)
    world.cells.h2o2[:] = 0.005
    world.cells.psi[:] = 0.0
    depolarised = read("dcf", world)
    assert depolarised["dcf"] < rest["dcf"], "the artefact: less signal at the same H2O2"
    assert depolarised["h2o2"] == rest["h2o2"]
    assert read("dcf", world, artefact=0.0)["dcf"] == pytest.approx(rest["dcf"], rel=0.01)


def test_mitosox_fades_with_the_potential(world):
    world.cells.h2o2_production[:] = world.cells.n_mitochondria * (0.11 / 400.0)
    rest = read("mitosox", world)["mitosox"]
    assert near(rest, 1.0)
    world.cells.psi[:] = 60.0
    assert read("mitosox", world)["mitosox"] < 0.5 * rest


def test_blots_read_the_signals(world):
    world.cells.nfkb[:] = 0.4
    world.cells.tnfaip2[:] = 3.0
    bands = read("immunoblot", world, error=0.0)
    assert bands["nfkb"] == pytest.approx(0.4)
    assert bands["tnfaip2"] == pytest.approx(3.0)
    assert read("immunoblot", world)["tnfaip2"] != bands["tnfaip2"]


def test_an_empty_population_is_undefined(world):
    world.cells.state[world.cells.population == 0] = CELL_EMPTY
    for name, readout in (
        ("tmrm", "tmrm"),
        ("jc1", "jc1_ratio"),
        ("atp_luminescence", "atp_per_cell"),
        ("dcf", "dcf"),
        ("seahorse", "basal"),
    ):
        assert math.isnan(read(name, world)[readout]), name


def test_seahorse_of_a_healthy_cell():
    from mitoferry.core.schema import SUM_COUNT, SUM_DEHYDROGENASE, SUM_ETC, SUM_ETC_COMPLEX_I, SUM_LEAK, SUM_MASS, SUM_SCALE, SUM_SYNTHASE
    from mitoferry.library.cell_types import cell_type as library_type

    made = make_world((population("recipient", 0, count=1, numbers=library_type("bm_msc").numbers()),), backend=Reference())
    row = int(np.flatnonzero(made.cells.population[: made.n_cells] == 0)[0])
    for column in (SUM_MASS, SUM_ETC, SUM_ETC_COMPLEX_I, SUM_SYNTHASE, SUM_LEAK, SUM_DEHYDROGENASE):
        made.cells.sums[row, 0, column] = round(400.0 / SUM_SCALE)
    made.cells.sums[row, 0, SUM_COUNT] = 400
    for name, value in (("demand", 831.0), ("glycolysis", 249.0), ("nonmito", 10.0), ("volume", 3.0), ("atp", 2.88)):
        getattr(made.cells, name)[row] = value
    found = read("seahorse", made, norm_error=0.0, oligomycin=1.0)
    assert found["basal"] == pytest.approx(5.07, rel=0.02)
    assert found["oligomycin"] == pytest.approx(1.50, rel=0.03)
    assert found["fccp"] == pytest.approx(10.88, rel=0.03)
    assert found["nonmitochondrial"] == pytest.approx(0.60, rel=0.02)
    assert found["lactate"] == pytest.approx(8.9, rel=0.03)
    assert found["true_basal"] == found["basal"]
    off = read("seahorse", made)
    assert off["basal"] / off["true_basal"] == pytest.approx(off["maximal"] / found["maximal"], rel=0.02), (
        "one count divides the whole well"
    )
