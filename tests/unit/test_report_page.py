"""The report: complete, self-contained, safe against hostile names, small; movies and progress."""

import io
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import fake_run
import numpy as np
import pytest
from PIL import Image

from mitoferry.base.errors import InputError
from mitoferry.show import charts, live
from mitoferry.show.movie import write_movie
from mitoferry.show.report import write_report
from mitoferry.show.results import ShownResults
from mitoferry.show.sections import arms
from mitoferry.show.style import displayed, nice_ticks, words
from mitoferry.studies.summary import write_summary

VOID = {"meta", "link", "br", "img", "input", "hr"}
SVG_LEAF = {"rect", "line", "circle", "path", "polygon"}


class Page(HTMLParser):
    """Collects text, checks that tags are balanced, and lists addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.addresses, self.ids, self.tags = [], [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.text.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return ShownResults(fake_run.make_run(tmp_path_factory.mktemp("run") / "r"))


@pytest.fixture(scope="module")
def page(run):
    path = write_report(run)
    return Page(path.read_text(encoding="utf-8")), path


def test_every_arm_readout_verdict_and_parameter_is_there(page, run):
    parsed, _ = page
    text = " ".join(" ".join(parsed.text).split())
    for arm in fake_run.ARMS:
        assert words(arm) in text
    for readout in ("Nanotubes per cell", "Apoptotic cells", "Viable cells", "Basal respiration"):
        assert readout in text
    for finding in run.findings():
        assert finding.verdict in text
        assert finding.finding in text
    for name, record in fake_run.RECORDS.items():
        assert name in text
        assert record["source"] in text
    assert "library: 0.05" in text  # a changed parameter says what the library has
    assert "n = 4" in text or "4 wells" in text
    assert "degraded before fusing" in text
    assert "Hedges g" in text


def test_it_is_self_contained_and_small(page):
    parsed, path = page
    outside = [a for a in parsed.addresses if not a.startswith(("#", "data:image/webp;base64,"))]
    assert outside == []
    assert path.stat().st_size < 3_000_000
    text = path.read_text(encoding="utf-8")
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert {a[1:] for a in parsed.addresses if a.startswith("#")} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))


def test_pictures_are_pictures(page):
    parsed, _ = page
    import base64

    sources = [a for a in parsed.addresses if a.startswith("data:")]
    assert len(sources) == 1 + len(fake_run.ARMS)
    for source in sources[:2]:
        image = Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1])))
        assert image.width >= 500
        assert np.asarray(image).std() > 5


def test_hostile_names_are_escaped(tmp_path):
    bad = '<script>alert("x")</script>&\'"'
    experiment = fake_run.fake_experiment() | {"title": bad, "question": bad, "notes": bad, "sources": [bad]}
    experiment["expect"] = [
        {"finding": bad, "observable": "apoptosis", "arm": "coculture", "versus": "injured_alone", "direction": "decrease", "note": bad}
    ]
    spec = fake_run.fake_spec(replicates=2, arms=["injured_alone", "coculture"], title=bad)
    run = ShownResults(fake_run.make_run(tmp_path / "r", spec=spec, experiment=experiment, hours=8))
    text = write_report(run).read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert Page(text).tags.count("script") == 1
    assert "&lt;script&gt;alert" in text
    svg = charts.well_dots({bad: [1.0, 2.0]}, unit=bad, reference=bad, label=bad)
    assert "<script" not in svg


@pytest.mark.parametrize("replicates", [1, 2])
def test_few_replicates_and_no_frames(tmp_path, replicates):
    spec = fake_run.fake_spec(replicates=replicates, arms=["injured_alone", "coculture"])
    run = ShownResults(fake_run.make_run(tmp_path / "r", spec=spec, hours=3))
    text = write_report(run).read_text(encoding="utf-8")
    Page(text)
    assert ("One well per arm" in text) == (replicates == 1)
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"data:image[^\"]*", "", text).lower())


def test_an_unfinished_run_is_refused(tmp_path):
    path = fake_run.make_run(tmp_path / "r", spec=fake_run.fake_spec(replicates=1, arms=["coculture"]), hours=2, finish=False)
    with pytest.raises(InputError, match="mitoferry resume"):
        write_report(path)


def test_summary_is_plain_json(run):
    content = json.loads(write_summary(run.path).read_text(encoding="utf-8"))
    assert content["findings"][0]["verdict"] == "reproduced"
    assert run.summary() == content


# ---------------------------------------------------------------------- charts
def test_charts_survive_strange_numbers():
    nan = float("nan")
    for values in ([nan, nan], [0.0, 0.0], [1e-30, 1e30], [5.0], [-1.0, 1.0]):
        for svg in (
            charts.well_dots({"a": values, "b": [1.0, 2.0]}, unit="x", reference="b", label="l"),
            charts.time_panels(
                [charts.Series("a", np.arange(len(values), dtype=float), np.array([values, values]))], unit="", reference=None, label="l"
            ),
        ):
            Page(svg)
            assert "nan" not in svg.split("<title>")[0]
    assert charts.sankey([("a", "r", "b", 0.0)], {}, unit="", label="l") == ""


def test_ticks_and_units():
    assert nice_ticks(0, 1, 4) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert nice_ticks(2, 2)[0] < 2 < nice_ticks(2, 2)[-1]
    assert displayed("apoptotic_fraction", "1") == (100.0, "%")
    assert displayed("mean_length", "um") == (1.0, "µm")
    assert words("coculture_nac") == "coculture NAC"


# ---------------------------------------------------------------------- pictures and movies
def test_the_picture_tells_states_and_transfers_apart(run):
    with_transfer = np.asarray(run.picture("coculture", pixels=400)).reshape(-1, 3)
    without = np.asarray(run.picture("coculture_transwell", pixels=400)).reshape(-1, 3)
    yellow = lambda p: int(((p[:, 0] > 200) & (p[:, 1] > 170) & (p[:, 2] < 140)).sum())  # noqa: E731
    assert yellow(with_transfer) > 5 * max(yellow(without), 1)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_movie(run, tmp_path, suffix):
    path = write_movie(run, arm="coculture", path=tmp_path / f"m{suffix}", pixels=160)
    with Image.open(path) as image:
        assert image.n_frames == 4 * 6 + 1  # seven saved times
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("options", [{"arm": "moon"}, {"arm": "coculture", "replicate": 9}, {"arm": "coculture", "path": "x.avi"}])
def test_bad_movies_are_refused(run, options):
    with pytest.raises(InputError):
        write_movie(run, **options)


def test_plots_are_figures(run):
    for figure in (
        run.plot("tnt_number"),
        run.plot("apoptosis"),
        run.plot_contrasts("apoptosis"),
        run.plot_handovers(),
        run.plot_fates(),
        run.plot_well("coculture"),
    ):
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=40)
        assert buffer.tell() > 2000


# ---------------------------------------------------------------------- progress
def progress(phase, tick, handovers=0):
    return SimpleNamespace(phase=phase, tick=tick, until=86400, handovers=handovers)


def test_plain_lines_where_nobody_watches():
    out = io.StringIO()
    with live.watching("msc-huvec-ogd", 86400, file=out) as report:
        report(progress("preparing", 0))
        for k in range(50):
            report(progress("running", 60 * k, k))
        report(progress("writing", 86400, 50))
    lines = out.getvalue().splitlines()
    assert lines == [
        "msc-huvec-ogd: preparing",
        "msc-huvec-ogd: 0.0 of 24 h simulated (0 %), 0 mitochondria handed over",
        "msc-huvec-ogd: writing",
    ]


def test_time_left_follows_the_pace():
    now = [0.0]
    clock = live.Clock(lambda: now[0])
    for k in range(100):
        clock.update(60 * k)
        now[0] += 0.1
    assert clock.left(60 * 99, 60 * 199) == pytest.approx(10.0, rel=0.05)
    assert live.duration(5) == "5 s"
    assert live.duration(150) == "3 min"
    assert live.duration(7500) == "2 h 5 min"


def test_a_bar_can_be_drawn(monkeypatch):
    with live._bar("x", 86400) as report:
        report(progress("preparing", 0))
        report(progress("running", 600, 4))
    with live.watching("x", 1, show=False) as report:
        assert report is None


def test_populations_need_not_all_occur_in_the_events(tmp_path):
    """Words of the events are coded per column: columns of the same populations may have other codes."""
    from mitoferry.store.run_folder import RunWriter

    spec = fake_run.fake_spec(replicates=2, arms=["injured_alone", "coculture"])
    writer = RunWriter.create(tmp_path / "r", spec, fake_run.manifest_of(spec))
    for h in range(9):
        writer.append_readings(fake_run.readings(spec, h * 3600))
    events = fake_run.events(spec, 8 * 3600)
    chosen = (events["kind"] == 0) & (events["source_population"] == 1) & (events["target_population"] == 0)
    writer.append_events({name: column[chosen] for name, column in events.items()})
    writer.save_frame(8 * 3600, fake_run.frame(spec, 8 * 3600))
    text = write_report(writer.finish({}, tick=8 * 3600)).read_text(encoding="utf-8")
    assert "in the host" in text


def test_cells_taken_out_stand_on_the_time_axis_and_not_under_the_readouts():
    """A moment, not a span: no bar of an injury. Fault seen to fail it, planted in a copy of the package: actions of no length left out."""
    action = {"kind": "take_out", "key": "", "cause": "98 % of donor taken out", "start": 7200.0, "end": 7200.0}
    assert [x[:3] for x in arms._treatments({"actions": [action]}, 4.0)] == [("98 % of donor taken out", 2.0, 2.0)]


def test_what_is_given_stands_on_the_time_axis_of_its_arm():
    """Fault seen to fail it: doses left out, as they once were."""
    arm = {
        "doses": [{"cause": "200 mitochondria of bm_msc, injection", "start": 900.0}],
        "grafts": [{"cause": "graft of 60 bm_msc", "start": 3600.0}, {"cause": "graft after the end", "start": 1e5}],
        "tunnels": [{"cause": "tunnels", "start": 0.0, "end": None}],
    }  # fmt: skip
    found = [(name, a, b) for name, a, b, _ in arms._given(arm, 4.0)]
    assert [x[1:] for x in found] == [(0.25, 0.25), (1.0, 1.0), (0.0, 4.0)]
    assert found[0][0].startswith("200 mitochondria of")
    assert arms._given({}, 4.0) == []
