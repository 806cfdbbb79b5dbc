"""Donors sorted out after a coculture: what had come stays, nothing more comes of them, and readings see who is left."""

from dataclasses import replace

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_HANDOVER, EVENT_WASHED
from mitoferry.core.schema import CELL_EMPTY, ROUTE_NAMES
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.studies.results import Results
from mitoferry.studies.run import start_run

NAME, AT = "donors-taken-out", 12 * 3600
ARMS = ("kept", "taken_out", "half_taken_out", "with_losses")
RECIPIENT, DONOR = 0, 1
THROUGH_THE_MEDIUM = ("vesicle", "free_uptake")


def run(*, off=False, hours=16):
    """Two wells of every arm; hand-overs from donors to recipients (time, route) and losses (time, of whom), cells there about the time."""
    spec = resolve(load_experiment(NAME), arms=ARMS)
    switches = {**spec.switches, **({"cell_removal": "off"} if off else {})}
    spec = replace(spec, replicates=2, until=hours * 3600, detail=(), switches=switches)
    engine = Engine(spec, Cpu(threads=1))
    given, gone, held = {a: [] for a in ARMS}, {a: [] for a in ARMS}, {}

    def note(events):
        n = int(events.count[0])
        columns = (events.kind, events.well, events.source_population, events.target_population, events.time, events.route)
        for kind, well, source, target, time, route in zip(*(column[:n] for column in columns), strict=True):
            if kind == EVENT_HANDOVER and (source, target) == (DONOR, RECIPIENT):
                given[ARMS[int(well) // 2]].append((float(time), ROUTE_NAMES[route]))
            elif kind == EVENT_WASHED:
                gone[ARMS[int(well) // 2]].append((float(time), int(source)))

    engine.on_events = note
    engine.burn_in()
    while not engine.finished:
        if engine.tick in (AT, AT + 60):
            c, n = engine.world.cells, engine.world.n_cells
            there = c.state[:n] != CELL_EMPTY
            held[engine.tick] = [
                [int((there & (c.well[:n] // 2 == a) & (c.population[:n] == who)).sum()) for who in (RECIPIENT, DONOR)]
                for a in range(len(ARMS))
            ]
        engine.advance()
    engine.world.ledger.check(engine.world, "end", engine.tick)
    return given, gone, held


def later(found):
    """Hand-overs by contact once the tubes of that step have broken; what donors had shed into the medium may still be taken up."""
    return sum(time >= AT + 60 and route not in THROUGH_THE_MEDIUM for time, route in found)


def test_nothing_comes_of_donors_that_are_gone_and_arms_are_the_same_until_then():
    given, gone, held = run()
    before = {arm: [x for x in found if x[0] < AT] for arm, found in given.items()}
    assert len(before["kept"]) > 20
    assert all(found == before["kept"] for found in before.values())
    after = {arm: later(found) for arm, found in given.items()}
    assert after["taken_out"] == after["with_losses"] == 0
    assert after["kept"] > after["half_taken_out"] > 0
    assert gone["kept"] == []
    assert {time for time, _ in gone["taken_out"]} == {float(AT)}
    assert {who for _, who in gone["taken_out"]} == {DONOR}
    assert {who for _, who in gone["with_losses"]} == {DONOR, RECIPIENT}
    kept, taken, half, losing = np.array(held[AT]) - np.array(held[AT + 60])
    assert kept.tolist() == [0, 0]
    assert taken.tolist() == [0, held[AT][1][DONOR]]
    assert 0 < half[DONOR] < taken[DONOR]
    assert losing[DONOR] == taken[DONOR]
    assert losing[RECIPIENT] > 0


def test_planted_fault_donors_that_stay_are_seen():
    given, gone, held = run(off=True, hours=13)
    assert later(given["taken_out"]) > 0
    assert gone["taken_out"] == []
    assert held[AT] == held[AT + 60]


def test_readings_of_the_time_itself_come_before_and_what_came_stays(tmp_path):
    """Cells are counted with the donors at 12 h and without them at 13 h; recipients keep nearly all that the confocal saw in them."""
    experiment = load_experiment(NAME)
    spec = replace(resolve(experiment, arms=("kept", "taken_out")), replicates=2, until=13 * 3600)
    spec = replace(spec, measurements=tuple(replace(m, times=tuple(t for t in m.times if t <= spec.until)) for m in spec.measurements))
    start_run(spec, tmp_path / "run", Cpu(threads=1), experiment=experiment.model_dump(mode="json"))
    table = Results(tmp_path / "run").table()
    table = table[(table.arm == "taken_out")]

    def mean(assay, readout, of, hours):
        chosen = (table.assay == assay) & (table.readout == readout) & (table.of == of) & (table.tick == hours * 3600)
        assert chosen.sum() == 2
        return float(table[chosen].value.mean())

    assert mean("cell_count", "live", "donor", 12) > 10
    assert mean("cell_count", "live", "donor", 13) == 0
    assert mean("cell_count", "live", "recipient", 13) >= mean("cell_count", "live", "recipient", 12) - 1
    came = mean("confocal_mitochondria", "true_transferred_per_cell", "recipient", 12)
    assert came > 0.2
    assert 0.6 * came < mean("confocal_mitochondria", "true_transferred_per_cell", "recipient", 13) < 1.3 * came
