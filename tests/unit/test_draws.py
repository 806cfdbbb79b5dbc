"""Draws from the prior ranges. Faults seen to fail, planted in a copy of the package: lognormal without its cut, seed not used."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from mitoferry.base.errors import InputError
from mitoferry.library.cell_types import cell_type, load_cell_types
from mitoferry.library.draws import draw_cell_type, draw_parameters, quantile
from mitoferry.library.parameters import load_parameters

RECORDS = load_parameters()
ALPHA = 1e-6


def test_draws_lie_in_their_ranges_and_leave_out_what_is_fixed():
    draws = draw_parameters(20, 1)
    uncertain = {name for name, r in RECORDS.items() if r.distribution != "fixed"}
    assert all(set(d) == uncertain for d in draws)
    assert all(RECORDS[k].range[0] <= x <= RECORDS[k].range[1] for d in draws for k, x in d.items())


def test_draws_are_a_function_of_number_and_seed_and_processes_only_choose():
    every = draw_parameters(5, 3)
    assert every == draw_parameters(5, 3)
    assert every != draw_parameters(5, 4)
    death = draw_parameters(5, 3, ["death"])
    assert death == [{k: x for k, x in d.items() if k.startswith("death.")} for d in every]


@pytest.mark.parametrize("method", ["latin", "plain"])
def test_a_new_record_changes_no_draw_of_the_others(method):
    """Fault seen to fail it, planted in a copy of the package: one table for all names, as it was before."""
    added = replace(next(iter(RECORDS.values())), name="a_new_one.first", distribution="uniform", range=(0.0, 1.0))
    more = draw_parameters(5, 3, records={"a_new_one.first": added, **RECORDS}, method=method)
    assert [{k: x for k, x in d.items() if k != "a_new_one.first"} for d in more] == draw_parameters(5, 3, method=method)
    assert len({d["a_new_one.first"] for d in more}) == 5


@pytest.mark.parametrize("kind", ["uniform", "loguniform", "lognormal"])
@pytest.mark.parametrize("fault", [False, True])
def test_distributions(kind, fault):
    """Kolmogorov-Smirnov of plain draws against the distribution of the record; planted fault: another distribution."""
    record = replace(next(iter(RECORDS.values())), name="a.b", value=2.0, range=(1.0, 8.0), distribution=kind)
    drawn = {"uniform": "loguniform", "loguniform": "uniform", "lognormal": "uniform"}[kind] if fault else kind
    values = [d["a.b"] for d in draw_parameters(4000, 1, records={"a.b": replace(record, distribution=drawn)}, method="plain")]
    sigma = math.log(8.0) / 4.0

    def cumulative(x):
        x = np.asarray(x)
        if kind == "uniform":
            return (x - 1.0) / 7.0
        if kind == "loguniform":
            return np.log(x) / math.log(8.0)
        phi = np.vectorize(lambda z: 0.5 * (1.0 + math.erf(z / math.sqrt(2.0))))
        a, b = phi(-math.log(2.0) / sigma), phi(math.log(4.0) / sigma)
        return (phi(np.log(x / 2.0) / sigma) - a) / (b - a)

    assert bool(kstest(values, cumulative).pvalue < ALPHA) is fault


def test_a_latin_hypercube_has_one_draw_in_each_part_of_every_range():
    low, high = RECORDS["death.potential_half"].range
    values = np.array([d["death.potential_half"] for d in draw_parameters(50, 7)])
    parts = np.floor((values - low) / (high - low) * 50).astype(int)
    assert sorted(parts) == list(range(50))
    plain = np.array([d["death.potential_half"] for d in draw_parameters(50, 7, method="plain")])
    assert len(set(np.floor((plain - low) / (high - low) * 50).astype(int))) < 50


def test_the_median_of_a_lognormal_number_is_its_value():
    record = RECORDS["energetics.leak_conductance"]
    assert record.distribution == "lognormal"
    middle = float(quantile(replace(record, value=math.sqrt(record.range[0] * record.range[1])), np.array(0.5)))
    assert middle == pytest.approx(math.sqrt(record.range[0] * record.range[1]), rel=1e-6)


@pytest.mark.parametrize("name", ["bm_msc", "cortical_neuron", "a549_rho0", "erythrocyte"])
def test_numbers_of_a_cell_type_lie_in_their_ranges_and_make_a_cell(name):
    record = cell_type(name)
    for draw in draw_cell_type(record, 10, 1):
        assert all(record.values[k].range[0] <= x <= record.values[k].range[1] for k, x in draw.items())
        assert draw.get("oxphos_share", 0.0) <= 1.0
        assert record.numbers(draw).demand > 0.0
    zero = {k for k, v in record.values.items() if v.range[0] == v.range[1]}
    assert not zero & set(draw)


def test_some_of_the_numbers_of_a_type_are_the_same_as_among_all():
    record = load_cell_types()["fibroblast"]
    assert [d["volume"] for d in draw_cell_type(record, 4, 2)] == [d["volume"] for d in draw_cell_type(record, 4, 2, only=["volume"])]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: draw_parameters(1, 1, ["deth"]), "death"),
        (lambda: draw_parameters(0, 1), "1 or more"),
        (lambda: draw_parameters(1, 1, method="sobol"), "latin"),
        (lambda: draw_cell_type(cell_type("bm_msc"), 1, 1, only=["volumen"]), "volume"),
    ],
)
def test_what_is_wrong_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()
