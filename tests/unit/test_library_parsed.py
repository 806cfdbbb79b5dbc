"""Parsed files in the cache: what comes from it is what the parser gives, and a cache that is damaged or shut does no harm."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mitoferry.library import parsed as p
from mitoferry.library.records import data_path, read_yaml


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / p.FOLDER


def never(text):
    raise AssertionError("it is in the cache")


def test_the_second_time_nothing_is_parsed(cache):
    assert p.parsed("a: 1", lambda text: {"a": 1}) == {"a": 1}
    assert p.parsed("a: 1", never) == {"a": 1}
    assert p.parsed("a: 2", lambda text: {"a": 2}) == {"a": 2}, "another text"
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_file_is_parsed_again(cache):
    p.parsed("a: 1", lambda text: {"a": 1})
    (file,) = cache.iterdir()
    file.write_text('{"a": ')
    assert p.parsed("a: 1", lambda text: {"a": 1}) == {"a": 1}
    assert json.loads(file.read_text()) == {"a": 1}


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path / "file"))
    assert p.parsed("a: 1", lambda text: {"a": 1}) == {"a": 1}


@pytest.mark.parametrize("content", [{1: 2}, {"a": (1, 2)}, {"a": {3}}, {True: 1}, {"a": {None: 1}}, {"a": b"x"}])
def test_what_json_would_change_is_not_kept(cache, content):
    """Fault seen to fail it, planted in a copy of the package: everything that JSON takes is kept."""
    for _ in range(2):
        assert p.parsed("text", lambda text: content) == content
    assert not cache.exists()


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(plain, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=12)


@settings(max_examples=200, deadline=None)
@given(content=values)
def test_kept_values_come_back_with_their_types(content):
    kept = p._json(content)
    assert p._same(content, kept)
    assert repr(json.loads(kept)) == repr(content)


def test_the_library_is_the_same_from_the_cache(cache):
    for path in [data_path("drugs.yaml"), *sorted(data_path("parameters").glob("*.yaml"))[:6]]:
        plain = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        assert read_yaml(path) == plain
        assert repr(read_yaml(path)) == repr(plain)
    assert len(list(cache.iterdir())) == 7
