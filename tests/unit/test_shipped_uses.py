"""What shipped experiments use, kept in the cache: what comes from it is what reading the files gives, and it is never stale."""

from dataclasses import replace

import pytest

from mitoferry.core.process import Process
from mitoferry.experiment import shipped_uses as su
from mitoferry.experiment.mechanisms import mechanism
from mitoferry.experiment.names import load_library
from mitoferry.experiment.reader import parse_experiment, shipped

NAMES = ("msc-huvec-ogd", "one-nanotube", "route-isolated-mitochondria")


class Reader:
    """Notes which experiments are read."""

    def __init__(self, monkeypatch, folder):
        self.read = []
        self.files = {name: folder / f"{name}.yaml" for name in NAMES}
        for name, path in self.files.items():
            path.write_text(shipped()[name].read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(su, "shipped", lambda: dict(self.files))
        monkeypatch.setattr(su, "parse_experiment", self.parse)

    def parse(self, text, where, *, name):
        self.read.append(name)
        return parse_experiment(text, where, name=name)

    def uses(self, *, new_process=True):
        """Uses by name and which experiments were read for them, as in a new process unless told otherwise."""
        if new_process:
            su._last = su._Last()
        self.read.clear()
        return {u.experiment: u for u in su.shipped_uses()}, list(self.read)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(su, "_last", su._Last())
    return Reader(monkeypatch, tmp_path)


def kept_in(tmp_path):
    return list((tmp_path / "cache" / su.FOLDER).glob("*.json"))


def test_the_second_time_no_experiment_is_read(reader, tmp_path):
    first, read = reader.uses()
    assert read == sorted(NAMES)
    second, read = reader.uses()
    assert read == []
    assert second == first
    assert list(second["msc-huvec-ogd"].arms) == list(first["msc-huvec-ogd"].arms)
    assert first["msc-huvec-ogd"].arms["coculture_cytochalasin_b"].touching(mechanism("nanotube_search")) == {"cytochalasin_b"}
    assert first["one-nanotube"].idle
    assert len(kept_in(tmp_path)) == 1


@pytest.mark.parametrize("new_process", [True, False])
def test_an_edited_file_is_read_again_and_no_other(reader, new_process):
    before, _ = reader.uses()
    file = reader.files["one-nanotube"]
    assert "huvec" not in before["one-nanotube"].arms["pair"].types
    text = file.read_text(encoding="utf-8")
    kind = next(iter(before["one-nanotube"].arms["pair"].types))
    file.write_text(text.replace(f"type: {kind}", "type: huvec"), encoding="utf-8")
    after, read = reader.uses(new_process=new_process)
    assert read == ["one-nanotube"]
    assert "huvec" in after["one-nanotube"].arms["pair"].types
    assert after["msc-huvec-ogd"] == before["msc-huvec-ogd"]


@pytest.mark.parametrize("new_process", [True, False])
def test_another_library_is_another_result(reader, monkeypatch, new_process):
    """Fault seen to fail it, planted in a copy of the package: the name of the kept file leaves out the library."""
    before, _ = reader.uses()
    library = load_library()
    drug = library.drugs["cytochalasin_b"]
    other = replace(library, drugs={**library.drugs, "cytochalasin_b": replace(drug, responses=library.drugs["oligomycin"].responses)})
    for module in ("mitoferry.experiment.shipped_uses", "mitoferry.experiment.mechanisms"):
        monkeypatch.setattr(f"{module}.load_library", lambda: other)
    after, read = reader.uses(new_process=new_process)
    assert read == sorted(NAMES)
    places = [found["msc-huvec-ogd"].arms["coculture_cytochalasin_b"].agents["cytochalasin_b"] for found in (before, after)]
    assert "actin" in places[0]
    assert "actin" not in places[1]


def test_a_damaged_file_is_made_again(reader, tmp_path):
    first, _ = reader.uses()
    (file,) = kept_in(tmp_path)
    file.write_text('{"a": ')
    again, read = reader.uses()
    assert again == first
    assert read == sorted(NAMES)
    assert reader.uses()[1] == []


def test_a_cache_that_cannot_be_written_does_no_harm(reader, tmp_path):
    (tmp_path / "cache").write_text("")
    first, _ = reader.uses()
    again, read = reader.uses()
    assert again == first
    assert read == sorted(NAMES)


def test_nothing_is_kept_where_another_package_adds_a_process(reader, tmp_path, monkeypatch):
    wanted = []

    def advance(world, step, p):
        """Does nothing."""

    listed = [
        *su.processes(),
        Process(name="mine", stage="links", clock="macro", parameters=tuple, advance=advance, wanted=lambda spec: bool(wanted)),
    ]
    monkeypatch.setattr(su, "processes", lambda: listed)
    assert "mine" in reader.uses()[0]["one-nanotube"].idle
    assert not kept_in(tmp_path)
    wanted.append(1)
    assert "mine" not in reader.uses()[0]["one-nanotube"].idle
