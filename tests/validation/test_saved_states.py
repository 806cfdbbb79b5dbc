"""Saved states: mitochondria one by one where a movie needs them, and at the end for the picture of every arm."""

import numpy as np
import pytest
from PIL import Image

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError, MitoferryWarning
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.show.movie import write_movie
from mitoferry.show.sections.pictures import pictures
from mitoferry.studies.results import Results
from mitoferry.studies.run import start_run
from runs import TINY

TEXT = TINY.replace("  coculture: {}\n  injured_alone: {without: [donor]}\n", "  alone: {without: [donor]}\n  coculture: {}\n  again: {}\n")
HOURS = [0.0, 0.5, 1.0, 1.5, 2.0]


def spec_of(text):
    with pytest.warns(MitoferryWarning):
        return resolve(parse_experiment(text, "saved.yaml", name="saved"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(start_run(spec_of(TEXT), tmp_path_factory.mktemp("saved") / "run", Cpu(threads=1)))


def wells_at(results, tick):
    return sorted(set(results.frame("mitochondria", tick)["well"].tolist()))


def test_every_saved_time_of_one_arm_and_the_last_of_all(results):
    ticks = results.frame_ticks("mitochondria").tolist()
    assert [t / 3600 for t in ticks] == [t / 3600 for t in results.frame_ticks("cells").tolist()] == HOURS
    assert [wells_at(results, t) for t in ticks] == [[2]] * 4 + [[0, 2, 4]]  # first replicates; coculture is the first with donors
    whole = results.frame("mitochondria", ticks[-1], well=2)
    cells = results.frame("cells", ticks[-1], well=2)
    assert (np.bincount(np.searchsorted(cells["id"], whole["cell"][whole["cell"] > 0])) == cells["n_mitochondria"]).all()
    assert (whole["potential"] * 64 == np.round(whole["potential"] * 64)).all()


def test_pictures_of_every_arm_and_movies_of_any(results, tmp_path):
    assert [w["arm"] for w in pictures(results)["wells"]] == ["alone", "coculture", "again"]
    for arm in ("coculture", "again"):
        with Image.open(write_movie(results, arm=arm, path=tmp_path / f"{arm}.gif", pixels=160)) as movie:
            assert movie.n_frames == 4 * 4 + 1


def test_the_file_says_which_arms():
    text = TEXT.replace("save_every: 30 min", "save_every: 30 min, detail: [again, coculture]")
    assert spec_of(text).detail == ("again", "coculture")
    assert spec_of(TEXT).detail == ("coculture",)
    with pytest.raises(InputError, match=r"run\.detail.*'again'"):
        parse_experiment(text.replace("detail: [again, coculture]", "detail: agin"), "saved.yaml")
