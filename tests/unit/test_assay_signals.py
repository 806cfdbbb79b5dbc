"""Bands of the blot that came with the triggers, mass and motility of mitochondria: values on hand-made worlds."""

import pytest

from fates import rest
from mitoferry.assays import load_assays
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_CX43, NODE_MIRO1, NODE_TRAK
from mitoferry.core.schema import SUM_MASS, Step
from worlds import cell_type, library_values, make_world, population

STEP = Step(0, 0, 0.0, 60.0)
ASSAYS = load_assays()


@pytest.fixture
def world():
    kind = cell_type(mitochondria=4.0, cx43=0.6)
    made = make_world((population("recipient", 0, count=50, numbers=kind),), backend=Reference(), size=800.0)
    rest(made)
    return made


def read(name, world):
    return {r.readout: r.value for r in ASSAYS[name].measure(world, 0, {"error": 0.0}, STEP)}


def test_the_blot_reads_signals_and_levels(world):
    bands = read("immunoblot", world)
    rest = {"ho1": 1.0, "heme": 0.0, "tfam": 1.0, "hmgb1": 0.0, "sirt1": 1.0, "o_glcnac": 1.0, "erk": 1.0, "miro1": 1.0, "cx43": 0.6}
    assert {name: pytest.approx(bands[name], abs=1e-6) for name in rest} == rest
    world.cells.ho1[:], world.cells.heme[:], world.cells.miro1[:] = 4.0, 2.5, 1.5
    world.groups.nodes[:, NODE_MIRO1], world.groups.nodes[:, NODE_CX43] = 2.0, 0.5
    bands = read("immunoblot", world)
    assert [bands[n] for n in ("ho1", "heme", "miro1", "cx43")] == pytest.approx([4.0, 2.5, 3.0, 0.3])


def test_mass_counts_all_mitochondria(world):
    world.cells.sums[:, :, SUM_MASS] = 0
    world.cells.sums[:, 0, SUM_MASS], world.cells.sums[:, 2, SUM_MASS] = 3 << 20, 1 << 20
    found = read("mitochondrial_mass", world)
    number = world.cells.n_mitochondria[2 : world.n_cells].mean()
    assert found["mass_per_cell"] == pytest.approx(4.0)
    assert found["number_per_cell"] == found["true_number_per_cell"] == pytest.approx(number)


def test_motility_is_the_share_on_tracks(world):
    p = {k.removeprefix("nanotube_transport."): v for k, v in library_values().items() if k.startswith("nanotube_transport.")}
    taking = p["attachment_rate"] * 2.88 / (2.88 + p["motor_atp"]) / (1 + (0.1 / p["calcium_half"]) ** 2)
    found = read("mitochondrial_motility", world)
    assert found["moving_share"] == pytest.approx(taking / (taking + p["detachment_rate"]), rel=1e-4)
    world.groups.nodes[:, NODE_TRAK] = 0.5
    less = read("mitochondrial_motility", world)
    assert less["moving_share"] == pytest.approx(0.5 * taking / (0.5 * taking + p["detachment_rate"]), rel=1e-4)
    assert less["loading_rate"] == pytest.approx(0.5 * found["loading_rate"])
    world.cells.calcium[:] = 5.0
    assert read("mitochondrial_motility", world)["moving_share"] < 0.1 * found["moving_share"]
