"""Estimates, cards, the starting file and the JSON Schema."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from mitoferry.backends.reference import Reference
from mitoferry.base.errors import InputError, MitoferryWarning
from mitoferry.experiment.cards import experiment_card, experiment_card_text, title_of
from mitoferry.experiment.estimate import BASE_BYTES, estimate, memory_free, refuse_unless_it_fits, wells_needed
from mitoferry.experiment.plate import build_world
from mitoferry.experiment.reader import load_experiment, parse_experiment, shipped
from mitoferry.experiment.resolve import resolve
from mitoferry.experiment.schema import json_schema
from mitoferry.experiment.template import new_experiment_text


def test_estimate_counts_what_the_plate_holds():
    spec = resolve(load_experiment("msc-huvec-ogd"))
    cost = estimate(spec, cores=2)
    assert cost.wells == len(spec.arms) * 3 == 36
    assert cost.cells == sum(p.count for a in spec.arms for p in a.populations) * 3
    assert cost.mitochondria == 3 * sum(p.count * p.cell_type.mitochondria for a in spec.arms for p in a.populations)
    assert cost.memory > BASE_BYTES + 40 * cost.mitochondria
    assert cost.seconds > 0
    assert "36 wells" in str(cost)
    assert estimate(spec, cores=4).seconds < cost.seconds


def test_estimate_counts_isolated_mitochondria():
    dose = "[{mitochondria: {type: bm_msc, count: 100000}}]"
    plain = load_experiment("one-nanotube", overrides={"run.replicates": 2})
    dosed = load_experiment("one-nanotube", overrides={"run.replicates": 2, "treat": dose})
    a, b = (estimate(resolve(e, arms=["pair"])) for e in (plain, dosed))
    assert b.mitochondria == a.mitochondria + 200_000
    assert b.slots >= a.slots + 200_000
    assert b.memory > a.memory + 200_000 * 30
    assert b.disk > a.disk
    with pytest.raises(InputError, match="memory"):
        refuse_unless_it_fits(resolve(dosed, arms=["pair"]), available=BASE_BYTES)
    card = experiment_card_text(load_experiment("route-isolated-mitochondria"))
    assert "100 mitochondria per cell isolated from bm_msc (60 % viable), from 1 h" in card


def test_estimate_bounds_the_tables_of_a_real_plate():
    spec = resolve(load_experiment("one-nanotube", overrides={"run.replicates": 2}), arms=["pair"])
    cost = estimate(spec)
    world = build_world(spec, Reference(), with_space=False)
    assert world.n_wells == cost.wells == 2
    tables = (world.mitochondria, world.pages, world.cells, world.groups, world.wells)
    held = sum(a.nbytes for t in tables for a in t if isinstance(a, np.ndarray))
    assert held < 1.5 * (cost.memory - BASE_BYTES)
    assert len(world.mitochondria.flags) == pytest.approx(cost.slots, rel=0.35)


def test_enormous_plates_are_refused_before_allocation():
    changes = {"cells.recipient.count": "10000000", "well.size": "80 mm"}
    with pytest.raises(InputError) as error:
        refuse_unless_it_fits(resolve(load_experiment("msc-huvec-ogd", overrides=changes)))
    assert {p.key for p in error.value.problems} >= {"mitochondria"}
    assert "TB" in str(error.value)
    spec = resolve(load_experiment("one-nanotube"))
    assert refuse_unless_it_fits(spec, available=4e9).wells == 96
    with pytest.raises(InputError, match="fits into"):
        refuse_unless_it_fits(spec, available=1e8)
    need = estimate(spec).memory
    with pytest.warns(MitoferryWarning, match="of memory that are free"):
        refuse_unless_it_fits(spec, available=need / 0.7)


def test_a_plate_that_does_not_fit_onto_the_gpu_is_refused():
    spec = resolve(load_experiment("one-nanotube"))
    need = estimate(spec).device
    assert 1e6 < need < estimate(spec).memory
    assert "GPU" in str(estimate(spec))
    refuse_unless_it_fits(spec, available=1e12, on_device=2 * need)
    with pytest.warns(MitoferryWarning, match="of the GPU's memory that are free"):
        refuse_unless_it_fits(spec, available=1e12, on_device=need / 0.7)
    with pytest.raises(InputError, match="--backend cpu") as error:
        refuse_unless_it_fits(spec, available=1e12, on_device=need)
    assert [p.key for p in error.value.problems] == ["memory of the GPU"]


def test_a_run_that_does_not_fit_onto_the_disk_is_refused_with_advice(monkeypatch, tmp_path):
    """Planted fault seen: the checkpoints of the running plate left out of what it takes."""
    spec = resolve(load_experiment("msc-huvec-ogd"))
    cost = estimate(spec)
    asked = []

    def free(place):
        asked.append(place)
        return shutil._ntuple_diskusage(1e12, 0, (cost.disk + 0.9 * cost.working_disk) / 0.9)

    monkeypatch.setattr(shutil, "disk_usage", free)
    where = tmp_path / "not" / "there"
    with pytest.raises(InputError, match=r"disk: wanted a run that fits into the .* of results and .* of checkpoints.*--out.*save_every"):
        refuse_unless_it_fits(spec, available=1e12, folder=where)
    assert asked == [tmp_path]
    assert "more than is free" in str(estimate(spec))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1e12, 0, 1.2 * (cost.disk + cost.working_disk)))
    refuse_unless_it_fits(spec, available=1e12, folder=where)


def test_a_day_of_ten_million_mitochondria_leaves_less_than_a_gigabyte():
    """Unless more is asked for. Measured: 13.6 and 18.0 MB with 1 and 3 replicates of msc-huvec-ogd, which is 71 MB with 27."""
    experiment = load_experiment("msc-huvec-ogd")
    for replicates, measured in ((1, 13.55e6), (3, 18.0e6), (27, 71.4e6)):
        assert estimate(resolve(experiment, replicates=replicates)).disk == pytest.approx(measured, rel=0.1)
    assert estimate(resolve(experiment, replicates=28)).mitochondria > 1e7
    wells = {"cells.recipient.count": "2700", "cells.donor.count": "1350", "well.size": "2200 um"}
    big = resolve(load_experiment("msc-huvec-ogd", overrides=wells), replicates=1)
    assert estimate(big).mitochondria > 9e6
    assert estimate(big).disk < 1e9


def test_an_enormous_plate_allocates_nothing_before_it_is_refused(monkeypatch):
    """Planted fault: tables allocated first, memory looked at afterwards."""
    import tracemalloc

    import mitoferry as mf
    from mitoferry.core import schema

    whole = schema.allocate

    def allocate(table, n, **more):
        assert n <= 1, "allocated"  # one row serves to find the rest of a cell type
        return whole(table, n, **more)

    monkeypatch.setattr(schema, "allocate", allocate)
    changes = {"cells.recipient.count": "10000000", "well.size": "80 mm"}
    experiment = mf.load("msc-huvec-ogd", overrides=changes)
    tracemalloc.start()
    with pytest.raises(InputError) as error:
        experiment.run(out="nowhere", progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.value.exit_code == 2
    assert peak < 50e6
    assert "mitoferry run refuses it" in str(estimate(experiment.resolve()))


def test_time_goes_by_the_speed_of_the_machine_and_says_how_sure():
    from mitoferry.experiment.estimate import UNCERTAINTY, Estimate, machine_speed, time_text

    spec = resolve(load_experiment("msc-huvec-ogd"))
    cost = estimate(spec, cores=2)
    assert estimate(spec, cores=2, speed=0.5).seconds == pytest.approx(2 * cost.seconds)
    assert machine_speed(0.01) > 0.0
    said = str(cost)
    assert f"{time_text(cost.seconds / UNCERTAINTY)} to {time_text(cost.seconds * UNCERTAINTY)}" in said
    assert isinstance(cost, Estimate)


def test_memory_of_this_machine():
    assert memory_free() >= 0.0


def test_wells_needed():
    assert wells_needed(1.0, 1.0) == 16, "the textbook number of the normal approximation"
    assert wells_needed(1.0, 1.0, correlation=0.5) == 8
    assert wells_needed(-1.0, 1.0) == 16
    assert wells_needed(100.0, 1.0) == 2
    for bad in ({"effect": 0.0}, {"sd": -1.0}, {"power": 1.0}, {"alpha": 0.0}, {"correlation": 1.0}, {"effect": float("nan")}):
        with pytest.raises(InputError):
            wells_needed(**({"effect": 1.0, "sd": 1.0} | bad))
    with pytest.raises(InputError):
        wells_needed(1e-30, 1.0)


@pytest.mark.parametrize("name", shipped())
def test_cards(name):
    card = experiment_card(name)
    text = experiment_card_text(name)
    assert card.title in text.replace("\n", " ")
    assert [arm for arm, _ in card.arms] == list(load_experiment(name).plans)
    assert all(arm in text for arm, _ in card.arms)
    assert title_of(shipped()[name]) == card.title


def test_card_marks_surrogates(tmp_path):
    assert "endothelial_function restore in coculture against injured_alone [surrogate]" in experiment_card_text("msc-huvec-ogd")
    assert title_of(tmp_path / "none.yaml") == ""


def test_starting_file_runs_as_it_stands():
    spec = resolve(parse_experiment(new_experiment_text("my-study")))
    assert len(spec.arms) == 6
    assert "#" in new_experiment_text("x")


def test_json_schema_knows_every_key_and_is_json():
    schema = json.loads(json.dumps(json_schema()))
    assert {"schema", "title", "well", "cells", "injury", "treat", "arms", "measure", "run", "expect", "parameters"} <= set(
        schema["properties"]
    )
    assert schema["additionalProperties"] is False
    assert "from" in schema["$defs"]["Treatment"]["properties"]
    assert schema["$defs"]["WellPatch"].get("required") is None


def test_the_experiment_as_json_is_complete():
    experiment = load_experiment("msc-huvec-ogd")
    plain = experiment.model_dump(mode="json")
    assert plain["cells"]["recipient"]["count"] == 100
    assert plain["run"]["until"] == "24 h"
    assert plain["expect"][4]["finding"] == "msc-huvec-ogd#5"
    json.dumps(plain)


def test_a_day_of_ten_million_mitochondria_leaves_under_a_gigabyte_unless_asked():
    """Fault planted and caught: the default detail without its limit."""
    from mitoferry.experiment.estimate import DETAIL_LIMIT

    many = {"run.replicates": 1, "run.until": "24 h", "cells.donor.count": 20_000, "cells.recipient.count": 20_000, "well": "{size: 9 mm}"}
    spec = resolve(load_experiment("one-nanotube", overrides=many), arms=["pair"])
    cost = estimate(spec)
    assert cost.mitochondria >= 1e7 or pytest.fail(f"only {cost.mitochondria:,} mitochondria")
    assert spec.detail == ()
    assert cost.disk < 1e9
    asked = resolve(load_experiment("one-nanotube", overrides=many | {"run.detail": "[pair]"}), arms=["pair"])
    assert asked.detail == ("pair",)
    assert estimate(asked).disk > cost.disk + DETAIL_LIMIT
    assert resolve(load_experiment("msc-huvec-ogd")).detail == ("coculture",)
