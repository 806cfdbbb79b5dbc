"""Every assay: gives what it declares, changes nothing, refuses bad options; noise is keyed as the engine's; plug-ins."""

import numpy as np
import pytest

from mitoferry.assays import load_assays, noise
from mitoferry.assays.base import TABLE_NAMES, Assay, Reading, Readout, read_only
from mitoferry.backends.reference import Reference
from mitoferry.base.errors import InputError, MitoferryError
from mitoferry.core.random import uniform4
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_FLOW
from worlds import make_world, population

STEP = Step(5, 300, 300.0, 60.0)
ASSAYS = load_assays()


def contents(world):
    found = {}
    for name in TABLE_NAMES:
        table = getattr(world, name)
        for column in () if table is None else table._fields:
            found[name, column] = np.array(getattr(table, column)).tobytes()
    return found


@pytest.fixture(scope="module")
def world():
    pair = (population("recipient", 0, count=2), population("donor", 1, count=2, genetic_label=True, haplotypes=(0.0, 1.0, 0.0, 0.0)))
    return make_world(pair, backend=Reference(), replicates=2)


@pytest.mark.parametrize("name", sorted(ASSAYS))
@pytest.mark.parametrize("of", [0, 1, None])
def test_readings_are_those_declared_and_nothing_changes(world, name, of):
    assay, before = ASSAYS[name], contents(world)
    readings = assay.measure(world, of, {}, STEP)
    assert contents(world) == before
    declared = {r.name: r.unit for r in assay.readouts}
    assert {(r.well, r.readout) for r in readings} == {(w, n) for w in range(2) for n in declared}
    assert all(isinstance(r, Reading) and r.unit == declared[r.readout] for r in readings)
    assert {r.of for r in readings} == {{0: "recipient", 1: "donor", None: ""}[of]}
    again = assay.measure(world, of, {}, STEP)
    np.testing.assert_array_equal([r.value for r in again], [r.value for r in readings])


def test_all_tables_can_be_written_again_afterwards(world):
    ASSAYS["state"].measure(world, 0, {}, STEP)
    assert world.cells.atp.flags.writeable
    assert world.mitochondria.flags.flags.writeable


def test_an_assay_that_writes_is_stopped(world):
    """Planted fault: a measurement that kills what it measures."""

    def cruel(view, options, step):
        view.world.cells.state[view.living()] = 0
        return {"x": np.zeros(view.n_wells)}

    before = contents(world)
    bad = Assay(name="cruel", about="", readouts=(Readout("x", "1", ""),), read=cruel)
    with pytest.raises(ValueError, match="read-only"):
        bad.measure(world, 0, {}, STEP)
    assert contents(world) == before
    assert world.cells.state.flags.writeable


def test_read_only_covers_every_table(world):
    with read_only(world):
        for name in TABLE_NAMES:
            for array in () if getattr(world, name) is None else getattr(world, name):
                assert not isinstance(array, np.ndarray) or not array.flags.writeable


class Remembering(Reference):
    """A backend that remembers which arrays were brought to the host, and fills one when it is."""

    def __init__(self):
        super().__init__()
        self.pulled = []

    def pull(self, *tables):
        for table in tables:
            for array in table if isinstance(table, tuple) else (table,):
                assert array.flags.writeable  # a copy from the device writes to it
                self.pulled.append(id(array))


def test_what_processes_keep_is_brought_to_the_host_and_locked():
    """Planted fault: ``world.extra`` left on the device, where an assay would read old numbers."""
    world = make_world(backend=Remembering())
    lone, nested = np.zeros(3), np.zeros(2)
    world.extra = {"mine": lone, "other": {"inside": nested}}

    def read(view, options, step):
        with pytest.raises(ValueError, match="read-only"):
            nested[0] = 1.0
        assert {id(lone), id(nested)} <= set(world.backend.pulled)
        return {"x": np.zeros(view.n_wells)}

    assay = Assay(name="x", about="", readouts=(Readout("x", "1", ""),), read=read)
    world.backend.pulled.clear()
    assay.measure(world, 0, {}, STEP)
    assert lone.flags.writeable
    assert nested.flags.writeable
    world.backend.pulled.clear()
    ASSAYS["atp_luminescence"].measure(world, 0, {}, STEP)
    assert id(lone) not in world.backend.pulled  # reads cells only


@pytest.mark.parametrize("name", sorted(ASSAYS))
def test_assay_records(name):
    assay = ASSAYS[name]
    assert assay.name == name
    assert assay.about
    assert assay.of in ("recipient", "donor", "well")
    assert len({r.name for r in assay.readouts}) == len(assay.readouts)
    assert all(r.unit and r.meaning for r in assay.readouts)
    for option_name, option in assay.options.items():
        assert assay.settings({option_name: option.default})[option_name] == option.default
        assert option.meaning


def test_bad_options_are_refused_together():
    with pytest.raises(InputError) as error:
        ASSAYS["flow_mitochondria"].settings({"gaet": 1.0, "label": "green", "background": 2.0, "minimum": True})
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match="depth"):
        ASSAYS["heteroplasmy"].settings({"depth": 1e9})


def test_wells_without_the_population_give_no_reading():
    from dataclasses import replace

    world = make_world((population("recipient", 0, count=2), population("donor", 1, count=2)), arms=2, backend=Reference())
    lone = replace(world.spec.arms[1], populations=world.spec.arms[1].populations[:1])
    world.spec = replace(world.spec, arms=(world.spec.arms[0], lone))
    assert {r.well for r in ASSAYS["cell_count"].measure(world, 1, {}, STEP)} == {0}
    assert {r.well for r in ASSAYS["cell_count"].measure(world, None, {}, STEP)} == {0, 1}


def test_the_names_of_experiment_files_exist():
    from mitoferry.experiment import observables

    for info in observables.assays().values():
        assert info.name in ASSAYS
        assert set(info.readouts) <= {r.name for r in ASSAYS[info.name].readouts}, info.name
        assert set(info.options) <= set(ASSAYS[info.name].options), info.name
    for o in observables.OBSERVABLES.values():
        assert o.outside or o.readout in {r.name for r in ASSAYS[o.assay].readouts}


def test_array_draws_equal_those_of_the_engine(world):
    wells, ids = np.array([0, 1, 1]), np.array([7, (3 << 24) + 9, 2**32 - 1])
    u = noise.uniforms(world, wells, ids, 4, ASSAY_FLOW, 12, 3)
    for i in range(3):
        expected = uniform4(int(world.wells.key0[wells[i]]), int(world.wells.key1[wells[i]]), int(ids[i]), 4, ASSAY_FLOW, 12, 3)
        assert tuple(x[i] for x in u) == expected


def test_noise_is_the_same_in_every_arm_and_differs_between_replicates():
    world = make_world(arms=2, replicates=2, backend=Reference())
    factor = noise.well_factor(world, 0, 0.1, ASSAY_FLOW, 3)
    assert factor[0] == factor[2]
    assert factor[1] == factor[3]
    assert factor[0] != factor[1]
    assert noise.well_factor(world, 1, 0.1, ASSAY_FLOW, 3)[0] != factor[0]


def test_other_packages_add_assays(monkeypatch):
    from mitoferry.assays import registry

    mine = Assay(name="mine", about="x", readouts=(Readout("x", "1", "x"),), read=lambda v, o, s: {"x": np.ones(v.n_wells)})

    class Point:
        name = "mine"
        value = mine

        def load(self):
            return self.value

    point = Point()
    monkeypatch.setattr(registry.plugins, "points", lambda group: [point])
    assert load_assays()["mine"] is mine
    point.value = "not an assay"
    with pytest.raises(MitoferryError, match="wanted a mitoferry"):
        load_assays()
    point.value = ASSAYS["tunel"]
    with pytest.raises(MitoferryError, match="exists already"):
        load_assays()


def test_what_assays_of_one_time_share_is_computed_once_and_not_kept():
    """Faults planted and caught: values kept after the block, another quantity under the same name."""
    from types import SimpleNamespace

    from mitoferry.assays.base import View, one_time_of_reading

    world = SimpleNamespace(n_wells=1)
    made = []

    def compute():
        made.append(len(made))
        return made[-1]

    with one_time_of_reading():
        assert [View(world, None).once("a", compute), View(world, None).once("a", compute)] == [0, 0]
        assert View(world, None).once("b", compute) == 1
        assert View(SimpleNamespace(n_wells=1), None).once("a", compute) == 2
    assert [View(world, None).once("a", compute), View(world, None).once("a", compute)] == [3, 4]
    with one_time_of_reading():
        assert View(world, None).once("a", compute) == 5
