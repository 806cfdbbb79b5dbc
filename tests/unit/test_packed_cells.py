"""Packed cells: lists, pushes, order in memory, against brute force."""

import json

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError
from mitoferry.show.cells_only_text import cells_only_bench
from mitoferry.space.crowd import Crowd
from mitoferry.space.packed import Potential
from mitoferry.studies.cells_only import measure_cells_only, published, workload_for
from mitoferry.studies.cells_only.workload import ball

CPU = Cpu(threads=1)
POTENTIAL = Potential(10.0, 0.4, 1.25)


def crowd_of(n=300, size=110.0, seed=0, **changes):
    rng = np.random.default_rng(seed)
    return Crowd(CPU, rng.uniform(0, size, (n, 3)), rng.uniform(6.0, 9.0, n), POTENTIAL, **changes)


def brute_velocity(places, radii, p=POTENTIAL):
    away = places[:, None] - places[None]
    d = np.sqrt((away**2).sum(-1))
    np.fill_diagonal(d, np.inf)
    together = radii[:, None] + radii[None]
    v = p.repulsion * np.maximum(1.0 - d / together, 0.0) ** 2 - p.adhesion * np.maximum(1.0 - d / (p.multiple * together), 0.0) ** 2
    np.fill_diagonal(v, 0.0)
    return (np.where(np.isfinite(d), v / d, 0.0)[..., None] * away).sum(1)


def test_lists_hold_the_pairs_that_brute_force_finds():
    """Fault seen to fail it, planted in a copy of the package: bins along z of one side only."""
    crowd = crowd_of()
    places = crowd.cells.place[:, :3]
    d = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    near = d < crowd.reach + crowd.margin
    np.fill_diagonal(near, False)
    for i in range(crowd.n):
        assert set(crowd.lists.near[i, : crowd.lists.count[i]].tolist()) == set(np.flatnonzero(near[i]).tolist())
    assert sorted(crowd.cells.id.tolist()) == list(range(300))


def test_lists_grow_where_cells_are_dense():
    crowd = Crowd(CPU, np.random.default_rng(0).uniform(0, 12, (80, 3)), 8.0, POTENTIAL)
    assert crowd.lists.count.max() == 79
    assert crowd.lists.near.shape[1] > 79


def test_a_step_is_the_sum_over_all_pairs_and_the_second_is_of_second_order():
    """Fault seen to fail it, planted in a copy of the package: adhesion without its multiple of the radii."""
    crowd = crowd_of()
    places, radii = crowd.places.copy(), crowd.in_order(crowd.cells.place[:, 3])
    first = brute_velocity(places, radii)
    crowd.step(0.1)
    assert np.allclose(crowd.places, places + 0.1 * first, rtol=0, atol=1e-11)
    second = brute_velocity(crowd.places, radii)
    expected = crowd.places + 0.1 * (1.5 * second - 0.5 * first)
    crowd.step(0.1)
    assert np.allclose(crowd.places, expected, rtol=0, atol=1e-11)
    assert not np.allclose(crowd.places, expected + 0.01 * first, rtol=0, atol=1e-6)


def test_lists_with_a_margin_and_lists_made_anew_give_the_same_places():
    kept, fresh = crowd_of(), crowd_of(fresh_lists=True)
    for _ in range(60):
        kept.step(0.1)
        fresh.step(0.1)
    assert kept.listings < 20 < fresh.listings
    assert np.allclose(kept.places, fresh.places, rtol=0, atol=1e-9)
    assert np.abs(kept.places - crowd_of().places).max() > 3.0  # cells did move
    with pytest.raises(ValueError, match="margin"):
        fresh.relax(1.0, 0.01, 1.0)


def test_adaptive_steps_keep_their_tolerance():
    """The error falls with the tolerance, and steps that would be too long are taken again."""
    places = []
    for tolerance in (0.1, 0.01, 1e-6):
        crowd = crowd_of()
        gone = crowd.relax(3.0, tolerance, 5.0)
        assert gone == pytest.approx(3.0)
        places.append(crowd.places)
    errors = [np.abs(p - places[-1]).max() for p in places[:2]]
    assert errors[1] < 0.3 * errors[0] < 0.3
    partial = crowd_of()
    assert 0.0 < partial.relax(3.0, 0.01, 5.0, steps=2) < 3.0


def test_nobody_is_pushed_as_a_whole():
    """Pushes are mutual: the centre of cells stays."""
    crowd = crowd_of()
    before = crowd.places.mean(0)
    for _ in range(20):
        crowd.step(0.1)
    assert np.allclose(crowd.places.mean(0), before, atol=1e-9)


def test_the_ball_is_that_of_the_workload():
    work = workload_for(2000)
    places = ball(work)
    d = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    np.fill_diagonal(d, np.inf)
    assert len(places) == 2000
    assert d.min() == pytest.approx(0.95 * 2 * 8.41, rel=1e-9)
    assert np.allclose(places.mean(0), work.side * 10.0, atol=1.0)
    from_middle = np.sqrt(((places - work.side * 10.0) ** 2).sum(1))
    assert (np.sort((d < 1.01 * d.min()).sum(1))[-500:] == 12).all()
    assert from_middle.max() < 1.05 * (2000 * d.min() ** 3 / np.sqrt(2) * 3 / (4 * np.pi)) ** (1 / 3) + 1.0
    assert workload_for(100_000).side == 60
    assert workload_for(1_000_000).side == 110


@pytest.mark.parametrize("options", [{"cells": 5}, {"clocks": "mine"}, {"minutes": 0.0}, {"threads": 0}, {"jitter": 100.0}])
def test_bad_options_are_told(options):
    with pytest.raises(InputError, match=next(iter(options))):
        measure_cells_only(**{"cells": 100, **options})


SMALL = dict(others=[], backend="auto", cells=100, threads=1, minutes=0.2, clocks="both", jitter=0.5, fresh=True, json_=None, errors=False)


def test_a_record_has_what_is_printed(capsys, tmp_path):
    cells_only_bench(asked=True, **{**SMALL, "json_": str(tmp_path / "record.json")})
    text = capsys.readouterr().out
    for word in ("diffusion", "uptake", "mechanics", "neighbours", "bare", "PhysiCell 1.14.2", "own"):
        assert word in text
    assert {entry.kind for entry in published()} == {"measured", "published"}
    record = json.loads((tmp_path / "record.json").read_text())
    assert [timed["clocks"] for timed in record["timed"]] == ["pinned", "pinned, fresh lists", "own"]
    assert all(timed["bytes_per_cell"] > 0 for timed in record["timed"])


@pytest.mark.parametrize(("asked", "change"), [(False, {}), (True, {"others": ["against"]}), (True, {"backend": "cuda"})])
def test_options_that_do_not_go_together_are_refused(asked, change):
    with pytest.raises(InputError, match="cells-only"):
        cells_only_bench(asked=asked, **{**SMALL, **change})
