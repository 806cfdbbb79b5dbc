"""Run folders: what may be written where, and that a cut run ends in the same content."""

import errno
import os

import fake_run
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from mitoferry.base.errors import InputError
from mitoferry.core.events import EVENT_HANDOVER, allocate_events
from mitoferry.store import atomic, paths, tables
from mitoferry.store.atomic import RunFolderError
from mitoferry.store.frames import FramesHeld, typed
from mitoferry.store.read import RunFolder
from mitoferry.store.run_folder import RunWriter, load_checkpoint

ARMS = ["injured_alone", "coculture"]


@pytest.fixture
def spec():
    return fake_run.fake_spec(replicates=2, arms=ARMS)


def content(folder):
    """Decoded content of everything that must not depend on where a run was cut."""
    frames = {}
    root = zarr.open_group(str(folder / "run.zarr"), mode="r")
    for table in root.group_keys():
        for name, array in root[table].arrays():
            frames[table, name] = array[:].tobytes()
    return (folder / "table.parquet").read_bytes(), (folder / "events.parquet").read_bytes(), frames


# ---------------------------------------------------------------------- where a run may be written
def tree(folder):
    return sorted((p.relative_to(folder).as_posix(), p.lstat().st_size) for p in folder.rglob("*"))


@pytest.mark.parametrize("what", ["finished run", "unfinished run", "other files", "a file", "dangling link", "below a file"])
def test_taken_places_are_refused_and_untouched(tmp_path, spec, what):
    out = tmp_path / "out"
    if what == "finished run":
        fake_run.make_run(out, spec=spec, hours=4)
    elif what == "unfinished run":
        fake_run.make_run(out, spec=spec, hours=4, finish=False)
    elif what == "other files":
        out.mkdir()
        (out / "thesis.docx").write_text("precious")
    elif what == "dangling link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.write_text("precious")
    target = out / "deep" / "er" if what == "below a file" else out
    before = tree(tmp_path)
    with pytest.raises(InputError) as raised:
        RunWriter.create(target, spec, fake_run.manifest_of(spec))
    assert raised.value.exit_code == 2
    assert raised.value.problems[0].wanted == "a new or empty folder"
    assert ("mitoferry resume" in str(raised.value)) == (what == "unfinished run")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "path", ["", "  ", "a\nb", "a\x00b", "x" * 300, "\x1b[31mred", "/dev/null", "/proc/1/x", "/proc/mitoferry", "\udcff"]
)
def test_hostile_paths_are_refused(path, tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as raised:
        RunWriter.create(path, spec, {})
    assert all(32 <= ord(c) < 127 or c == "\n" for c in str(raised.value).replace("\n", ""))
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_place_is_refused(tmp_path, spec):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="permission"):
        RunWriter.create(tmp_path / "out", spec, {})


def test_unwritable_place_is_refused_by_access(tmp_path, spec, monkeypatch):
    monkeypatch.setattr(paths.os, "access", lambda *_: False)
    with pytest.raises(InputError, match="no permission to write"):
        RunWriter.create(tmp_path / "out", spec, {})
    assert not any(tmp_path.iterdir())


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path, spec):
    (tmp_path / "empty").mkdir()
    RunWriter.create(tmp_path / "empty", spec, fake_run.manifest_of(spec)).close()
    RunWriter.create(tmp_path / "a" / "b" / "c", spec, fake_run.manifest_of(spec)).close()
    assert paths.is_run(tmp_path / "a" / "b" / "c")


def test_next_folder_is_free_and_tame(tmp_path):
    first = paths.next_folder("../evil name\n", tmp_path)
    assert first.parent == tmp_path
    first.mkdir()
    assert paths.next_folder("../evil name\n", tmp_path).name == first.name + "-2"


def test_two_writers_at_once_are_refused(tmp_path, spec):
    writer = RunWriter.create(tmp_path / "out", spec, fake_run.manifest_of(spec))
    with pytest.raises(InputError, match="another process"):
        RunWriter.resume(tmp_path / "out", spec, -1)
    writer.close()
    RunWriter.resume(tmp_path / "out", spec, -1).close()


@pytest.mark.parametrize("what", ["nothing", "no run", "finished"])
def test_only_unfinished_runs_are_resumed(tmp_path, spec, what):
    out = tmp_path / "out"
    if what == "no run":
        out.mkdir()
    elif what == "finished":
        fake_run.make_run(out, spec=spec, hours=4)
    for open_it in (lambda: RunWriter.resume(out, spec, 0), lambda: load_checkpoint(out)):
        with pytest.raises(InputError, match="the folder of an unfinished run"):
            open_it()


@pytest.mark.parametrize("written", range(5))
def test_a_run_killed_at_any_of_its_first_files_is_resumable_or_says_why_not(tmp_path, spec, written, monkeypatch):
    """Killed before the n-th file: either nothing had begun (bad input, exit code 2), or the run can be resumed; never code 4."""
    from mitoferry.backends.reference import Reference
    from mitoferry.store import run_folder
    from mitoferry.studies import run as runs

    class Killed(BaseException):
        pass

    seen, write = [], run_folder.write_json

    def writing(path, value):
        if len(seen) == written:
            raise Killed
        seen.append(path.name)
        write(path, value)

    def begin(*_):
        raise Killed

    monkeypatch.setattr(run_folder, "write_json", writing)
    monkeypatch.setattr(runs, "_from_the_start", begin)
    with pytest.raises(Killed):
        runs.start_run(spec, tmp_path / "out", Reference(), experiment={"title": "x"})
    monkeypatch.setattr(run_folder, "write_json", write)
    if "manifest.json" in seen:
        assert runs.spec_of(tmp_path / "out") == spec
        monkeypatch.setattr(RunWriter, "_take_lock", lambda self: None)  # the killed process of this test lives on and holds it
        with pytest.raises(Killed):  # it goes on from the start
            runs.resume_run(tmp_path / "out", Reference())
        return
    for act in (lambda: runs.spec_of(tmp_path / "out"), lambda: RunWriter.create(tmp_path / "out", spec, {})):
        with pytest.raises(InputError, match="killed before it began") as error:
            act()
        assert error.value.exit_code == 2


def test_a_run_without_its_specification_is_bad_input(tmp_path, spec):
    from mitoferry.studies.run import spec_of

    RunWriter.create(tmp_path / "out", spec, fake_run.manifest_of(spec)).close()
    with pytest.raises(InputError, match="specification"):
        spec_of(tmp_path / "out")


# ---------------------------------------------------------------------- kill and resume
@pytest.mark.parametrize("killed_at", [0, 1, 7, 13, 24])
def test_resume_by_truncation_gives_the_same_content(tmp_path, spec, killed_at):
    whole = fake_run.make_run(tmp_path / "whole", spec=spec)
    out = tmp_path / "cut"
    writer = RunWriter.create(out, spec, fake_run.manifest_of(spec))
    for h in range(killed_at + 1):  # checkpoints at 0, 5, 10 ... h; rows after them are flushed at other times, then the kill
        fake_run.step(writer, spec, h * 3600)
        if h % 5 == 0:
            writer.checkpoint(h * 3600, {"h": np.array(h)}, {})
        elif h % 3 == 1:
            writer.flush(h * 3600)
    writer.close()
    (out / "parts" / "events-000000000000-0000.parquet.partial").write_bytes(b"half")
    arrays, meta = load_checkpoint(out)
    assert meta["tick"] == killed_at // 5 * 5 * 3600
    writer = RunWriter.resume(out, spec, meta["tick"])
    for h in range(int(arrays["h"]) + 1, fake_run.HOURS + 1):
        fake_run.step(writer, spec, h * 3600)
    writer.finish({}, tick=fake_run.HOURS * 3600)
    assert content(out) == content(whole)
    assert not (out / "parts").exists()
    assert not (out / "checkpoints").exists()
    assert not (out / "RUNNING").exists()


def test_a_kill_while_finishing_can_be_resumed(tmp_path, spec, monkeypatch):
    whole = fake_run.make_run(tmp_path / "whole", spec=spec, hours=8)
    out = tmp_path / "cut"
    writer = RunWriter.create(out, spec, fake_run.manifest_of(spec))
    for h in range(9):
        fake_run.step(writer, spec, h * 3600)
    writer.checkpoint(8 * 3600, {}, {})

    def killed(*_args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writer.finish({}, tick=8 * 3600, afterwards=killed)
    writer.close()
    assert (out / "table.parquet").exists()
    assert not RunFolder(out).complete
    RunWriter.resume(out, spec, load_checkpoint(out)[1]["tick"]).finish({}, tick=8 * 3600)
    assert content(out) == content(whole)
    assert RunFolder(out).complete


def test_a_full_disk_loses_no_row(tmp_path, spec, monkeypatch):
    out = tmp_path / "out"
    writer = RunWriter.create(out, spec, fake_run.manifest_of(spec))
    fake_run.step(writer, spec, 0)

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(RunFolderError, match="disk is full"):
        writer.flush(0)
    monkeypatch.undo()
    assert not any((out / "parts").iterdir())
    for h in range(1, 5):
        fake_run.step(writer, spec, h * 3600)
    writer.finish({}, tick=4 * 3600)
    assert content(out) == content(fake_run.make_run(tmp_path / "whole", spec=spec, hours=4))


def test_row_groups_do_not_depend_on_the_parts(tmp_path, spec, monkeypatch):
    monkeypatch.setattr("mitoferry.store.merge.ROW_GROUP", 50)
    monkeypatch.setattr("mitoferry.store.merge.CHUNK_BYTES", 65536)
    whole = fake_run.make_run(tmp_path / "whole", spec=spec, hours=8)
    out = tmp_path / "many"
    writer = RunWriter.create(out, spec, fake_run.manifest_of(spec))
    for h in range(9):
        fake_run.step(writer, spec, h * 3600)
        writer.flush(h * 3600)
    writer.finish({}, tick=8 * 3600)
    assert content(out) == content(whole)
    assert pq.ParquetFile(out / "table.parquet").num_row_groups > 1
    array = zarr.open_group(str(out / "run.zarr"), mode="r")["mitochondria"]["potential"]
    assert array.chunks[0] == 16384


# ---------------------------------------------------------------------- what is in the files
def test_readings_and_frames_come_back(tmp_path, spec):
    run = RunFolder(fake_run.make_run(tmp_path / "out", spec=spec, hours=8))
    table = run.table()
    assert list(table.columns) == ["well", "arm", "replicate", "tick", "hours", "assay", "readout", "of", "value", "unit"]
    wanted = [row for h in range(9) for row in fake_run.readings(spec, h * 3600)]
    assert len(table) == len(wanted)
    assert np.array_equal(table["value"].to_numpy(), [row[5] for row in wanted])
    assert list(table["arm"]) == [ARMS[row[0] // 2] for row in wanted]
    assert list(run.frame_ticks()) == [0, 4 * 3600, 8 * 3600]
    got, put = run.frame("cells", 8 * 3600, well=2), fake_run.frame(spec, 8 * 3600)["cells"]
    chosen = np.array(put["well"]) == 2
    assert np.array_equal(got["id"], np.array(put["id"])[chosen])
    assert np.array_equal(got["x"], np.array(put["x"], np.float32)[chosen])
    with pytest.raises(KeyError, match="saved times"):
        run.frame("cells", 5)


def test_events_are_decoded(tmp_path, spec):
    events = allocate_events(4)
    events.count[0] = 2
    events.kind[:2], events.well[:2], events.time[:2], events.route[:2] = [EVENT_HANDOVER, 5], [3, 1], [90.5, 7200.0], [1, 0]
    events.source[:2], events.target[:2] = [7, -1], [8, 9]
    events.source_id[:2], events.target_id[:2] = [(1 << 24) + 4, 0], [12, 13]
    events.source_population[:2], events.target_population[:2] = [1, 255], [0, 0]
    events.birth[:2], events.ordinal[:2] = [(1 << 24) + 4, 0], [17, 0]
    events.copies[0] = [3, 9, 0, 0]
    writer = RunWriter.create(tmp_path / "out", spec, fake_run.manifest_of(spec))
    writer.append_events(events)
    events.kind[:] = 0  # the buffer is used again
    writer.finish({}, tick=7200)
    e = RunFolder(tmp_path / "out").events()
    assert list(e["kind"]) == ["handover", "death"]
    assert list(e["arm"]) == ["coculture", "injured_alone"]
    assert list(e["replicate"]) == [1, 1]
    assert list(e["route"]) == ["nanotube", "none"]
    assert e["source"].tolist()[0] == (1 << 24) + 4
    assert e["source"].isna().tolist() == [False, True]
    assert e["source_population"].tolist()[0] == "donor"
    assert e["birth_population"].tolist()[0] == "donor"
    assert e["birth_cell"].isna().tolist() == [False, True]
    assert e["copies_donor_type"].tolist() == [9, 0]
    assert e["hours"].tolist() == [90.5 / 3600, 2.0]


def test_an_empty_run_can_be_read(tmp_path, spec):
    writer = RunWriter.create(tmp_path / "out", spec, fake_run.manifest_of(spec))
    writer.finish({}, tick=0)
    run = RunFolder(tmp_path / "out")
    assert len(run.table()) == 0
    assert len(run.events()) == 0
    assert len(run.frame_ticks()) == 0


def test_a_running_run_can_be_read(tmp_path, spec):
    run = RunFolder(fake_run.make_run(tmp_path / "out", spec=spec, hours=6, finish=False))
    assert not run.complete
    assert len(run.table()) > 0
    with pytest.raises(RunFolderError, match="written when the run ends"):
        run.frame_ticks()


def test_manifest_has_values_sources_and_versions(tmp_path, spec):
    run = RunFolder(fake_run.make_run(tmp_path / "out", spec=spec, hours=1))
    record = run.manifest["parameters"]["death.momp_rate"]
    assert record["value"] == 0.08
    assert record["library_value"] == 0.05
    assert record["tag"] == "O"
    assert run.manifest["versions"]["numpy"] == np.__version__
    assert run.manifest["state"] == "complete"
    assert run.manifest["seed"] == 7


def test_a_folder_of_another_format_is_refused(tmp_path, spec):
    out = fake_run.make_run(tmp_path / "out", spec=spec, hours=1)
    text = (out / "manifest.json").read_text()
    (out / "manifest.json").write_text(text.replace("mitoferry/run@1", "mitoferry/run@9"))
    with pytest.raises(InputError, match="another version"):
        RunFolder(out)
    (out / "manifest.json").write_text("{")
    with pytest.raises(RunFolderError, match="damaged"):
        RunFolder(out)


@pytest.mark.parametrize("missing", [None, [], [0], [3, 8, 9, 10]])
@pytest.mark.parametrize("dtype", ["u1", "i4", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("n", [0, 11])
def test_columns_are_what_pyarrow_makes_of_them(n, dtype, missing):
    """Faults seen to fail it, planted in a copy of the package: nulls where there is something, bits in the other order."""
    values = np.arange(2 * n).astype(dtype)[::2]  # with gaps
    gone = None if missing is None else np.isin(np.arange(n), missing)
    made = tables.numbers(values, gone)
    made.validate(full=True)
    assert made.equals(pa.array(values, mask=gone))


@pytest.mark.parametrize("listed", [[], [""], ["tnt", "", "µm²", "ein längeres Wort"]])
def test_words_are_what_pyarrow_makes_of_them(listed):
    """Fault seen to fail it, planted in a copy of the package: letters counted instead of bytes."""
    made = tables.words(listed)
    made.validate(full=True)
    assert made.equals(pa.array(listed, pa.string()))


def test_what_is_held_at_the_end_is_merged_once(tmp_path, spec):
    """Faults seen to fail it, planted in a copy of the package: rows without a part left out, and written twice."""
    whole = fake_run.make_run(tmp_path / "whole", spec=spec, hours=8)
    out = tmp_path / "held"
    writer = RunWriter.create(out, spec, fake_run.manifest_of(spec))
    for h in range(9):
        fake_run.step(writer, spec, h * 3600)
        if h in (4, 6):
            writer.flush(h * 3600)
    assert all(writer.parts(kind) for kind in ("readings", "events", "frames"))
    writer.finish({}, tick=8 * 3600)
    assert content(out) == content(whole)


def test_frames_in_memory_are_what_a_part_holds(tmp_path, spec):
    frames = [(h * 3600, fake_run.frame(spec, h * 3600)) for h in (0, 4)]
    frames = [(tick, {name: typed(name, dict(columns)) for name, columns in frame.items()}) for tick, frame in frames]
    del frames[0][1]["links"]
    held = FramesHeld(frames)
    assert len(held) == len(list(held)) == len(set(held))
    np.savez(tmp_path / "part.npz", **held)
    with np.load(tmp_path / "part.npz") as part:
        assert set(part) == set(held)
        assert all(np.array_equal(part[key], held[key]) for key in held)
    assert held["links/frame"].tolist() == [1]
    for key in ("links/column/nothing", "nothing/frame"):
        with pytest.raises(KeyError):
            held[key]
    assert "cells/column/id" not in FramesHeld([])
