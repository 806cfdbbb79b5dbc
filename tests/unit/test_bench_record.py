"""Records of the bench: there and back, every kind of bad file, and the comparison with planted changes. Nothing is timed here."""

import json
import math

import pytest

from mitoferry.base.errors import InputError
from mitoferry.show.bench import figure, mechanism_rows, record_text, size
from mitoferry.show.bench_compare import comparison_text
from mitoferry.studies.bench import compare as comparing
from mitoferry.studies.bench.cell_types import two_costs
from mitoferry.studies.bench.compare import CHANGED, FASTER, SAME, SLOWER, TO_BARE, UNJUDGED, UNKNOWN, compare
from mitoferry.studies.bench.machine import Machine, this_machine
from mitoferry.studies.bench.record import Record, Settings, check_new_file, measure, read_record, write_record
from mitoferry.studies.bench.scaling import fitted, what_fits

WORK = {"mitochondria": 1000, "cells": 10, "experiment": "some", "hour": 6.0}


def record(machine=None, threads=2, **changed):
    """A record with one measure of every section; ``changed`` replaces repeats by the measure's name (dots as two underscores)."""
    figures = {
        "bare.one": ("bare kernel, one thread", "mitochondrion-steps/s", [1.0e8, 1.1e8, 1.2e8], "more", {"mitochondria": 1000}),
        "bare.all": ("bare kernel, 2 threads", "mitochondrion-steps/s", [1.9e8, 2.0e8, 2.1e8], "more", {"mitochondria": 1000}),
        "loop.rate": ("whole loop, all mechanisms", "mitochondrion-steps/s", [0.9e8, 1.0e8, 1.1e8], "more", WORK),
        "loop.ratio": ("whole loop to bare kernel", "1", [0.49, 0.50, 0.51], "more", WORK),
        "loop.step": ("macro-step of 60 s", "ms", [0.009, 0.010, 0.011], "less", WORK),
        "loop.process.motion": ("motion", "ms", [0.005, 0.006, 0.007], "less", WORK),
        "loop.process.energetics": ("energetics", "ms", [0.003, 0.004, 0.0045], "less", WORK),
        "memory.mitochondrion": ("a mitochondrion: record and page", "bytes", [42.6] * 3, "less", WORK),
        "wells.small": ("96 wells of 30 cells", "ns", [28.0, 29.0, 30.0], "less", {"mitochondria": 1000, "cells": 3}),
        "wells.big": ("one well of 2880 cells", "ns", [27.0, 28.0, 29.0], "less", {"mitochondria": 1000, "cells": 3}),
        "wells.ratio": ("ratio per mitochondrion", "1", [1.0, 1.04, 1.1], "less", {"mitochondria": 1000}),
        "wells.more.dislodgement": ("dislodgement", "ns", [0.6, 0.7, 0.8], "less", {"mitochondria": 1000}),
        "types.platelet": ("platelet", "ns", [500.0, 520.0, 530.0], "less", WORK | {"per_cell": 5.0, "bytes": 236.6}),
        "scaling.0": ("1 well", "ns", [210.0, 220.0, 230.0], "less", {"mitochondria": 7000, "cells": 30}),
        "scaling.exponent": ("exponent of the cost", "1", [0.95, 0.97, 0.99], "neither", {}),
        "start.help": ("mitoferry --help", "ms", [140.0, 150.0, 160.0], "less", {}),
        "cold.first": ("run msc-huvec-ogd, the first", "s", [88.0], "less", {"kernels": 300, "bytes": 2e7}),
        "memory.peak": ("the whole bench at most", "MB", [900.0], "neither", {}),
    }  # fmt: skip
    values = {name.replace("__", "."): repeats for name, repeats in changed.items()}
    measures = tuple(measure(n, w, unit, values.get(n, r), better, work=work) for n, (w, unit, r, better, work) in figures.items())
    return Record(
        made="2026-01-31T12:00:00+00:00", versions={"mitoferry": "0.1.0", "sources": "abc", "python": "3.11.7"},
        machine=machine or Machine(processor="Some CPU", cores=2, threads=4, usable=4, smt=True, memory_gb=16.0, system="Linux 6.1"),
        settings=Settings(backend="cpu", threads=threads, parts=("bare", "loop"), seconds=2.0), measures=measures,
    )  # fmt: skip


def test_there_and_back(tmp_path):
    path = tmp_path / "a.json"
    write_record(record(), path)
    assert read_record(path) == record()
    assert read_record(path).text() == path.read_text()
    raw = json.loads(path.read_text())
    assert raw["schema"] == "mitoferry/bench@1"
    assert raw["measures"][0]["repeats"] == [1.0e8, 1.1e8, 1.2e8]
    assert raw["measures"][0]["median"] == 1.1e8


def test_this_machine_goes_there_and_back_without_names_of_host_or_user():
    import getpass
    import platform

    machine = this_machine()
    text = machine.model_dump_json()
    assert Machine.model_validate_json(text) == machine
    assert machine.usable >= 1
    assert platform.node() not in text
    assert getpass.getuser() not in text or getpass.getuser() in platform.platform()


def broken(tmp_path, change):
    """The problems of a record that was changed."""
    path = tmp_path / "broken.json"
    raw = json.loads(record().text())
    path.write_text(json.dumps(change(raw), indent=1) if callable(change) else change)
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    return str(caught.value)


def set_in(raw, *path_and_value):
    *path, key, value = path_and_value
    place = raw
    for part in path:
        place = place[part]
    place[key] = value
    return raw


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{", "wanted JSON"),
        ("", "wanted JSON"),
        (record().text()[:700], "cut short"),
        ("[1, 2]", "no record of mitoferry bench"),
        ('{"schema": "mitoferry/experiment@1"}', "'mitoferry/experiment@1'"),
        ('{"a": 1, "b": 2}', "no schema (keys a, b)"),
        (lambda r: set_in(r, "schema", "mitoferry/bench@2"), "another version"),
        (lambda r: set_in(r, "measures", 0, "median", 5.0), "bare.one: wanted what a bench writes, found a median of 5"),
        (lambda r: set_in(r, "measures", 0, "repeats", []), "bare.one.repeats"),
        (lambda r: set_in(r, "measures", 0, "repeats", [1.0, "x"]), "bare.one.repeats.1"),
        (lambda r: set_in(r, "measures", 1, "name", "bare.one"), "twice: bare.one"),
        (lambda r: set_in(r, "measures", 0, "better", "bigger"), "bare.one.better"),
        (lambda r: {k: v for k, v in r.items() if k != "machine"}, "machine: wanted an entry, found none"),
        (lambda r: set_in(r, "settings", "threads", 0), "settings.threads"),
        (lambda r: set_in(r, "owner", "somebody"), "owner"),
    ],
)
def test_a_bad_record_is_told(tmp_path, change, said):
    """Planted faults of every kind; without the check of medians the record with a median of 5 is read (tried)."""
    assert said in broken(tmp_path, change)


def test_no_record_and_no_text(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_record(tmp_path / "none.json")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text"):
        read_record(tmp_path / "bytes")
    with pytest.raises(InputError, match=r"file: wanted a record that can be read"):
        read_record(tmp_path)


def test_no_record_is_written_over_another(tmp_path):
    path = tmp_path / "a.json"
    check_new_file(path)
    path.write_text("precious")
    with pytest.raises(InputError, match="records are kept"):
        check_new_file(path)
    with pytest.raises(InputError, match="no folder"):
        check_new_file(tmp_path / "none" / "a.json")


# ---------------------------------------------------------------------- comparison
def change(name, repeats, **more):
    """The change of one measure of a record in which it is planted."""
    found = compare(record(), record(**{name.replace(".", "__"): repeats}, **more))
    return next(c for c in found.changes if c.after.name == name)


def test_equal_records_show_no_change():
    found = compare(record(), record())
    assert {c.verdict for c in found.changes if len(c.after.repeats) > 1} == {SAME}
    assert not found.warnings + found.only_after + found.only_before + found.other_work + found.versions


@pytest.mark.parametrize(
    ("name", "repeats", "verdict", "percent"),
    [
        ("loop.step", [0.004, 0.005, 0.006], FASTER, -50.0),
        ("loop.step", [0.014, 0.015, 0.016], SLOWER, 50.0),
        ("loop.rate", [1.4e8, 1.5e8, 1.6e8], FASTER, 50.0),
        ("loop.rate", [0.4e8, 0.5e8, 0.6e8], SLOWER, -50.0),
        ("loop.step", [0.010, 0.0115, 0.012], SAME, 15.0),  # within the spread of 0.002 of the old repeats
        ("loop.step", [0.005, 0.014, 0.015], SAME, 40.0),  # within the spread of the new ones
        ("scaling.exponent", [1.19, 1.2, 1.21], CHANGED, 100 * 0.23 / 0.97),
        ("memory.mitochondrion", [44.0] * 3, SLOWER, 100 * 1.4 / 42.6),
        ("cold.first", [40.0], UNKNOWN, 100 * -48.0 / 88.0),
    ],
)
def test_a_planted_change_is_judged(name, repeats, verdict, percent):
    """Also where more is better: a rule that takes every fall for an improvement fails here (tried)."""
    found = change(name, repeats)
    assert found.verdict == verdict
    assert math.isclose(found.percent, percent, rel_tol=1e-9)


def test_a_comparison_that_forgets_the_noise_is_seen(monkeypatch):
    """The fault: the spread of the new record alone. It calls a change what the old repeats do among themselves."""
    calm = [0.0114, 0.0115, 0.0116]
    assert change("loop.step", calm).verdict == SAME
    source = comparing.change_of.__globals__
    monkeypatch.setitem(source, "max", lambda a, b: b)
    assert change("loop.step", calm).verdict == SLOWER


def test_an_old_median_of_nothing_has_no_percentage():
    before = measure("x", "x", "ms", [0.0, 0.0])
    found = comparing.change_of(before, measure("x", "x", "ms", [1.0, 1.0]))
    assert found.percent is None
    assert found.verdict == SLOWER


def test_other_work_is_not_compared():
    a, b = record(), record()
    other = b.model_copy(update={"measures": tuple(
        m.model_copy(update={"work": m.work | {"mitochondria": 3000}}) if m.name == "loop.step" else m for m in b.measures
    )})  # fmt: skip
    found = compare(a, other)
    assert found.other_work == ("loop.step",)
    assert "loop.step" not in [c.after.name for c in found.changes]


def test_another_machine_other_threads_and_a_busy_machine_are_warned_of():
    other = Machine(processor="Other CPU", cores=2, threads=4, usable=4, smt=True, memory_gb=16.0, system="Linux 6.1")
    found = compare(busy(record(machine=other, threads=1)), record())
    said = " ".join(found.warnings)
    assert "Other CPU there, Some CPU here" in said
    assert "threads: 1 there, 2 here" in said
    assert "load 3" in said
    newer = record().model_copy(update={"versions": {"mitoferry": "0.2.0", "sources": "abc", "python": "3.11.7"}})
    assert compare(record(), newer).versions == ("mitoferry: 0.1.0 then, 0.2.0 now",)


def busy(one):
    """A record that says that other programs ran."""
    return one.model_copy(update={"notes": (f"{comparing.BUSY_WORDS} (load 3)",)})


def slowed(by, *, alone=()):
    """A record of the same sources under a load that slows everything ``by`` so much, and the mechanisms ``alone`` once more."""

    def repeats(m):
        if m.unit == "mitochondrion-steps/s":
            return [x / by for x in m.repeats]
        more = 2.0 if m.name in alone else 1.0
        return [x * by * more for x in m.repeats] if m.unit in ("s", "ms", "ns") else list(m.repeats)

    return record(**{m.name.replace(".", "__"): repeats(m) for m in record().measures})


@pytest.mark.parametrize("which", ["then", "now", "both"])
def test_a_load_is_not_taken_for_a_change(which):
    """Everything takes three times as long, as other programs ran: nothing is worse. The fault, a record that does not tell of the load
    (or a comparison that does not ask), calls the bare kernel, the loop and more worse."""
    before, after = (busy(record()) if which != "now" else record()), (busy(slowed(3.0)) if which != "then" else slowed(3.0))
    found = {c.after.name: c.verdict for c in compare(before, after).changes}
    assert found["bare.one"] == found["bare.all"] == found["loop.step"] == found["start.help"] == found["cold.first"] == UNJUDGED
    assert found["loop.ratio"] == found["memory.mitochondrion"] == found[f"loop.process.motion{TO_BARE}"] == SAME
    assert not {SLOWER, FASTER} & set(found.values())
    faulty = {c.after.name: c.verdict for c in compare(record(), slowed(3.0)).changes}
    assert faulty["bare.one"] == faulty["loop.step"] == faulty["start.help"] == SLOWER
    assert not any(name.endswith(TO_BARE) for name in faulty)


def test_a_mechanism_that_became_slower_is_seen_under_load():
    """Motion takes six times as long while the bare kernel takes three times: twice. Rounds are paired: repeats that fall and rise with
    the load of their round alone have the same ratio."""
    found = compare(record(), busy(slowed(3.0, alone=["loop.process.motion"])))
    motion = next(c for c in found.changes if c.after.name == f"loop.process.motion{TO_BARE}")
    assert (motion.verdict, round(motion.percent)) == (SLOWER, 100)
    assert math.isclose(motion.before.median, 1.2)  # 6 ns per mitochondrion, 5 ns in the bare kernel
    uneven = record(bare__all=[1e8, 2e8, 0.5e8], loop__process__motion=[0.006, 0.003, 0.012])
    ratio = comparing.to_bare(uneven.get("loop.process.motion"), uneven)
    assert all(math.isclose(x, 0.6) for x in ratio.repeats)


def test_ratios_need_a_bare_kernel_of_the_same_rounds():
    one = record(loop__process__motion=[0.005, 0.006])
    assert comparing.to_bare(one.get("loop.process.motion"), one) is None
    assert comparing.to_bare(one.get("start.help"), one) is None
    assert comparing.to_bare(one.get("loop.ratio"), one) is None
    without = one.model_copy(update={"measures": tuple(m for m in one.measures if not m.name.startswith("bare"))})
    assert comparing.to_bare(without.get("loop.process.energetics"), without) is None
    alone = one.model_copy(update={"measures": tuple(m for m in one.measures if m.name != "bare.all")})  # of a bench on one thread
    assert math.isclose(comparing.to_bare(alone.get("wells.big"), alone).median, 28e-9 * 1.1e8, rel_tol=0.1)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_what_is_not_judged_says_so(width):
    after = busy(slowed(3.0, alone=["loop.process.motion"]))
    said = comparison_text(record(), compare(record(), after), "old.json", width)
    assert max(map(len, said.splitlines())) <= width
    rows = {line[2:].split("  ")[0]: line for line in said.splitlines()}
    assert rows["bare kernel, one thread"].endswith(UNJUDGED)
    assert "%" not in rows["bare kernel, one thread"]
    assert rows["mechanism: motion / bare"].endswith("WORSE")
    assert "mechanism: motion" not in rows
    assert "times and speeds, as a machine was busy" in " ".join(said.split())


# ---------------------------------------------------------------------- what is printed
@pytest.mark.parametrize("width", [80, 100, 120])
def test_tables_fit_the_terminal(width):
    text = record_text(record(), width)
    assert max(map(len, text.splitlines())) <= width
    for part in ("Some CPU", "MECHANISMS", "motion", "platelet", "42.6 bytes", "one repeat", "exponent of the cost", "aim: at most 1.2"):
        assert part in text
    after = record(loop__step=[0.004, 0.005, 0.006], loop__process__motion=[0.0009, 0.001, 0.0012], wells__ratio=[1.3, 1.4, 1.5])
    said = comparison_text(record(), compare(record(), after), "old.json", width)
    assert max(map(len, said.splitlines())) <= width
    rows = {line[2:].split("  ")[0]: line for line in said.splitlines()}
    assert rows["macro-step"].endswith("better")
    assert "-50.0 %" in rows["macro-step"]
    assert rows["mechanism: motion"].endswith("better")
    assert rows["small wells to big well"].endswith("WORSE")
    assert rows["memory of a mitochondrion"].endswith("same")
    assert "mechanism: energetics" not in rows


def test_mechanisms_are_reckoned_from_the_record():
    """Per mitochondrion, share and ratio to the bare kernel follow from the repeats that are kept.

    A ratio that forgets the number of mitochondria fails here (tried).
    """
    rows = {row[0]: row for row in mechanism_rows(record())}
    assert list(rows) == ["motion", "energetics", "whole step"]
    name, ms, ns, share, ratio, _ = rows["motion"]
    assert (name, ms) == ("motion", 0.006)
    assert math.isclose(ns, 6.0)  # 0.006 ms over 1,000 mitochondria
    assert math.isclose(share, 0.6)
    assert math.isclose(ratio, 1.2)  # the bare kernel takes 5 ns
    assert math.isclose(rows["whole step"][4], 1e8**-1 * 2e8)


@pytest.mark.parametrize(("x", "text"), [(0.0, "0"), (0.01234, "0.0123"), (12.34, "12.3"), (1234.5, "1,234"), (1.234e8, "1.23 × 10⁸")])
def test_figures(x, text):
    assert figure(x) == text


def test_sizes():
    assert [size(x) for x in (30, 7e3, 6.72e5, 1e8)] == ["30", "7 thousand", "672 thousand", "100 million"]


# ---------------------------------------------------------------------- fits
def test_the_exponent_of_a_known_law_is_found():
    """Exponent and fixed part of t = 1.2 + a n^b; a fit without the fixed part gives 0.6 here (tried)."""
    n = [7e3, 2.1e4, 7e4, 2.1e5, 7e5]
    for b in (0.9, 1.0, 1.3):
        exponent, fixed = fitted(n, [1.2 + 20.0 * (x / 7e5) ** b for x in n])
        assert abs(exponent - b) < 1e-3
        assert abs(fixed - 1.2) < 1e-3


def test_costs_of_a_mitochondrion_and_of_a_cell_are_told_apart():
    cells, held = [20000, 2500, 667, 12], [5, 40, 150, 8000]
    n = [c * h for c, h in zip(cells, held, strict=True)]
    a, b = two_costs([26e-9 * x + 2.9e-6 * c for x, c in zip(n, cells, strict=True)], n, cells)
    assert math.isclose(a, 26e-9, rel_tol=1e-6)
    assert math.isclose(b, 2.9e-6, rel_tol=1e-6)


def test_large_plates_that_do_not_fit_are_left_out():
    from mitoferry.studies.bench.part import Setting

    plates, lines = what_fits(Setting("cpu", 1), free=2e9)
    assert len(lines) == 4
    assert 0 < len(plates) < 4
    assert all("left out" in line for line in lines[len(plates) :])
    assert all("about" in line for line in lines[: len(plates)])


def test_the_first_run_is_told(monkeypatch):
    """Two kinds of runs in one new cache, which is gone afterwards; no run is started here."""
    from pathlib import Path

    from mitoferry.studies.bench import start
    from mitoferry.studies.bench.part import Setting

    caches = []

    def pretended(arguments, environment, folder):
        caches.append(Path(environment["MITOFERRY_CACHE_DIR"]))
        assert arguments[2:4] == ("run", "msc-huvec-ogd")
        caches[-1].mkdir(exist_ok=True)
        (caches[-1] / "kernel.nbc").write_bytes(bytes(1000))
        return (90.0 if len(caches) == 1 else 15.0 + len(caches)), 1.0

    monkeypatch.setattr(start, "seconds_of", pretended)
    part = start.ColdPart(Setting("cpu", 2))
    part.prepare(lambda share: None)
    found = {m.name: m for m in part.measures({})}
    assert found["cold.first"].repeats == (90.0,)
    assert found["cold.next"].repeats == (17.0, 18.0)
    assert found["cold.compile"].repeats == (73.0, 72.0)
    assert found["cold.next"].work["kernels"] == 1
    assert len(set(caches)) == 1
    assert not caches[0].exists()


def test_a_command_that_fails_is_told():
    from mitoferry.base.errors import MitoferryError
    from mitoferry.studies.bench.start import seconds_of

    with pytest.raises(MitoferryError, match=r"failed.*no such thing"):
        seconds_of(("-c", "raise SystemExit('no such thing')"))
