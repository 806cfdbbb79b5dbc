# ruff: noqa: PT017, E501
"""Whatever is done to a valid file, it is either valid or refused with problems: never a traceback, never a hang."""

from __future__ import annotations

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mitoferry.base.errors import InputError
from mitoferry.experiment.reader import parse_experiment, shipped
from mitoferry.experiment.resolve import resolve
from mitoferry.experiment.template import new_experiment_text

BASES = [new_experiment_text("base"), *(shipped()[n].read_text() for n in ("msc-huvec-ogd", "wjmsc-melas-rotenone", "one-nanotube"))]
PLAIN = [YAML(typ="safe", pure=True).load(text) for text in BASES]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["4 h", "-4 h", "1e308 h", "350 nM", "18 %", "900 %", "5 mM", "0 um", "600 um", "donor", "recipient", "huvec", "injury", "both", "coculture",
         "rotenone", "mito", "9**9**9 s", "3 m^9", [], {}, ["4 h"], [[[]]], {"a": 1}, {"from": "1 h"}, {"like": "coculture"}, [None], [{}]]
    ),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(
        ["count", "density", "from", "until", "on", "do", "drug", "dose", "like", "without", "well", "medium", "insert", "at", "every", "of", "role",
         "rho0", "haplotypes", "overrides", "arms", "cells", "treat", "injury", "m.1A>G", "extras", "parameters", "switches", "schema"]
    ),
    st.text(max_size=6),
)  # fmt: skip
SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def valid_or_refused(text: str) -> None:
    try:
        experiment = parse_experiment(text, "fuzz.yaml")
        spec = resolve(experiment)
    except InputError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.wanted
            assert problem.found
            assert problem.key
            assert len(str(problem)) < 5000
        return
    assert spec.arms
    assert spec.until >= spec.macro_step
    json.dumps(experiment.model_dump(mode="json"))


def places(node, path=()):
    """All paths of a tree."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def mutate(tree, path, how, key, value):
    node = tree
    for part in path[:-1]:
        node = node[part]
    if not path:
        return value if how == "replace" else tree
    target = node[path[-1]]
    if how == "replace":
        node[path[-1]] = value
    elif how == "delete":
        del node[path[-1]]
    elif how == "add" and isinstance(target, dict):
        target[key] = value
    elif how == "add" and isinstance(target, list):
        target.append(value)
    elif how == "rename" and isinstance(node, dict):
        node[key] = node.pop(path[-1])
    return tree


@SETTINGS
@given(st.data())
def test_mutated_trees(data):
    tree = copy.deepcopy(data.draw(st.sampled_from(PLAIN)))
    for _ in range(data.draw(st.integers(1, 4))):
        if not isinstance(tree, dict):
            break
        path = data.draw(st.sampled_from(list(places(tree))))
        how = data.draw(st.sampled_from(["replace", "delete", "add", "rename"]))
        tree = mutate(tree, path, how, data.draw(KEYS), copy.deepcopy(data.draw(ODD)))
    valid_or_refused(json.dumps(tree, allow_nan=True).replace("NaN", ".nan").replace("Infinity", ".inf"))


@SETTINGS
@given(st.data())
def test_mutated_text(data):
    text = data.draw(st.sampled_from(BASES))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 20)))
        new = data.draw(
            st.one_of(
                st.text(max_size=6),
                st.sampled_from(["{", "}", "[", "]", ":", "&a ", "*a", "!!x ", "\t", "\n", "- ", "#", "'", '"', "<<: "]),
            )
        )
        text = text[:start] + new + text[end:]
    valid_or_refused(text)


@SETTINGS
@given(st.text(max_size=200))
def test_any_text(text):
    valid_or_refused(text)


@SETTINGS
@given(st.dictionaries(st.one_of(KEYS, st.sampled_from(["cells.recipient.count", "run.until", "arms.coculture.medium.glucose", "injury[0].until",
       "measure[0].at", "nanotube_search.capture_probability", "parameters", "arms.coculture", "cells.donor"])), ODD, min_size=1, max_size=3))  # fmt: skip
def test_any_override(changes):
    try:
        spec = resolve(parse_experiment(BASES[0], "fuzz.yaml", overrides=changes))
    except InputError as error:
        assert error.problems
        return
    assert spec.arms
