"""``mitoferry bench`` from end to end on plates of a few cells: what it writes, prints and refuses. No time is asserted."""

import json

import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError
from mitoferry.show.bench_command import bench_text
from mitoferry.show.bench_progress import Pace, telling
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.bench.measure import Done
from mitoferry.studies.bench.plates import TimedPlate, coculture_wells
from mitoferry.studies.bench.record import read_record
from mitoferry.studies.run import digest
from runs import mitoferry


def test_the_bare_kernel_through_the_command_line(tmp_path):
    """A record is kept and compared with; the same command refuses to write over it."""
    words = ("bench", "--only", "bare", "--threads", "1", "--seconds", "0.01")
    said = mitoferry(*words, "--json", "a.json", cwd=tmp_path, COLUMNS="80").stdout
    assert max(map(len, said.splitlines())) <= 80
    assert "bare kernel, one thread" in said
    record = read_record(tmp_path / "a.json")
    assert [m.name for m in record.measures] == ["bare.one", "memory.peak"]
    assert len(record.get("bare.one").repeats) == 5
    assert mitoferry(*words, "--json", "a.json", cwd=tmp_path, code=2).stderr.count("records are kept") == 1
    other = json.loads((tmp_path / "a.json").read_text())
    other["machine"]["processor"] = "Another CPU"
    (tmp_path / "b.json").write_text(json.dumps(other))
    said = mitoferry(*words, "--against", "b.json", "--save", cwd=tmp_path, COLUMNS="80").stdout
    assert "COMPARED WITH b.json" in said
    assert "Another CPU there" in " ".join(said.split())
    assert len(list(tmp_path.glob("bench-20*.json"))) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"only": "bear"}, "bear"),
        ({"seconds": 0.0}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"threads": 0}, "--threads"),
        ({"backend": "gpu"}, "--backend"),
        ({"backend": "reference", "only": "wells"}, "hours"),
        ({"backend": "reference", "large": True}, "--large"),
        ({"against": "none.json"}, "no such file"),
        ({"against": "damaged.json"}, "damaged.json:1"),
        ({"against": "foreign.json"}, "no record of mitoferry bench"),
        ({"json": "none/a.json"}, "no folder"),
    ],
)
def test_bad_input_is_refused_before_anything_is_measured(tmp_path, monkeypatch, options, said):
    (tmp_path / "damaged.json").write_text('{"schema": "mitoferry/bench@1", ')
    (tmp_path / "foreign.json").write_text('{"name": "benchmark", "rows": []}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mitoferry.show.bench_command.run_bench", lambda *_, **__: pytest.fail("something was measured"))
    with pytest.raises(InputError) as caught:
        bench_text(**options)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_parts_on_tiny_plates(tmp_path, monkeypatch):
    """Every part but start-up gives its measures, their shares add up, and two such records can be compared."""
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "a.json"
    words = dict(only="loop,wells,types,scaling", threads=1, seconds=0.001, rounds=2, size=0.01)
    text = bench_text(json=str(path), **words)
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 80
    record = read_record(path)
    parts = sum(m.repeats[0] for m in record.under("loop.process."))
    assert abs(parts - record.get("loop.step").repeats[0]) <= 1e-6 * parts
    assert {"diffusion", "motion", "mtdna", "nanotube_search"} <= {m.words for m in record.under("loop.process.")}
    rate, step = record.get("loop.rate"), record.get("loop.step")
    assert abs(rate.repeats[1] - 1e3 * step.work["mitochondria"] / step.repeats[1]) <= 1e-6 * rate.repeats[1]
    small, big, ratio = (record.get(f"wells.{k}").repeats for k in ("small", "big", "ratio"))
    assert ratio == pytest.approx([a / b for a, b in zip(small, big, strict=True)])
    assert record.get("wells.small").work["mitochondria"] == pytest.approx(record.get("wells.big").work["mitochondria"], rel=0.25)
    assert [m.words for m in record.under("types.") if "per_cell" in m.work] == ["t_cell", "huvec"]
    assert record.get("memory.mitochondrion").median > 36.0
    assert record.get("scaling.exponent") is not None
    again = bench_text(against=str(path), **(words | {"only": "wells"}))
    assert "COMPARED WITH a.json" in again
    assert "loop.step" in again  # only in the old one


def test_every_stretch_does_the_same_work():
    """Repeats start from the same state: the same bytes after each. A plate that goes on instead ends elsewhere."""
    kept = TimedPlate(coculture_wells(2, 1, 6), Cpu(threads=1))
    kept.prepare()
    ends = []
    for _ in range(2):
        kept.stretch(10)
        ends.append(digest(snapshot(kept.engine.world)[0]))
    assert ends[0] == ends[1]
    on = TimedPlate(coculture_wells(2, 1, 6), Cpu(threads=1), again=False)
    on.prepare()
    on.stretch(10)
    assert digest(snapshot(on.engine.world)[0]) == ends[0]
    on.stretch(10)
    assert digest(snapshot(on.engine.world)[0]) != ends[0]


def test_progress_tells_the_time_left(tmp_path):
    times = iter((0.0, 10.0, 20.0))
    pace = Pace(lambda: next(times))
    assert pace.left(0.01, 100.0) == ""
    assert pace.left(25.0, 100.0) == "about 30 s left"
    with open(tmp_path / "said", "w+", encoding="utf-8") as file:
        with telling(file) as tell:
            tell(Done("preparing: cell types", 1.0, 100.0))
            tell(Done("round 1 of 5", 50.0, 100.0))  # too soon after the first
        file.seek(0)
        assert file.read() == "bench: preparing: cell types (1 %)\n"
