"""``mitoferry doctor``: what it says of the cache of compiled kernels, and what it deletes."""

import pytest

from mitoferry.backends.cpu import cache_directory
from mitoferry.show.doctor import doctor_text, kernel_folders, prune_kernels

OTHERS = ("0123456789abcdef", "fedcba9876543210")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with kernels of this version and of two others, and things that are none."""
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path / "cache"))
    mine = cache_directory()
    for folder in (mine, *(mine.parent / name for name in OTHERS), mine.parent / "thesis"):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "kernel.nbc").write_bytes(bytes(3 << 20))
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_text("x")
    (mine.parent / "aaaaaaaaaaaaaaaa").symlink_to(tmp_path / "precious")
    return mine


def test_folders_and_sizes_are_told(cache):
    said = doctor_text()
    assert f"{cache} (3 MiB)" in said
    assert all(f"{cache.parent / name} (3 MiB), of another version" in said for name in OTHERS)
    assert "--prune deletes those of other versions (6 MiB)" in said


def test_prune_deletes_other_versions_only(cache, tmp_path):
    assert "deleted 2 of 2 folders" in prune_kernels()
    assert {p.name for p in cache.parent.iterdir()} == {cache.name, "thesis", "aaaaaaaaaaaaaaaa"}
    assert (cache / "deep" / "kernel.nbc").exists()
    assert (tmp_path / "precious" / "data").exists()
    assert "deleted 0 of 0" in prune_kernels()
    assert "--prune" not in doctor_text()


def test_an_empty_cache_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path / "none"))
    assert list(kernel_folders().values()) == [0]
    assert "(empty)" in doctor_text()
    assert "deleted 0" in prune_kernels()


def test_what_cannot_be_deleted_is_told(cache, monkeypatch):
    from mitoferry.show import doctor

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.shutil, "rmtree", refuse)
    said = prune_kernels()
    assert "deleted 0 of 2" in said
    assert said.count("could not delete") == 2


def test_what_is_kept_as_json_is_deleted_on_request(tmp_path, monkeypatch):
    from mitoferry.base import cache

    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path))
    files = [cache.kept_file(folder, "text") for folder in cache.JSON_FOLDERS]
    for file in files:
        cache.keep(file, "1")
    assert all(cache.read_kept(file) == 1 for file in files)
    prune_kernels()
    assert not any(file.exists() for file in files)
    with pytest.raises(ValueError, match="prune"):
        cache.kept_file("another", "text")
