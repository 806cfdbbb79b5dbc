"""``board.html``: one self-contained page of a board that opens from disk.

Totals stand first, failures with them; then groups, then one row per card that opens on its question, arms, a picture, the
findings with intervals, what carried them, cautions of the evidence and the commands that look further.
"""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.base.errors import MitoferryError
from mitoferry.show import charts, picture
from mitoferry.show.board.terminal import KINDS, ORDER, WITHHELD, headline, remarks, shown_verdict
from mitoferry.show.sections.pictures import picture_legend, webp, well_tables
from mitoferry.show.style import VERDICT_MARKS, capital, safe, words
from mitoferry.store.atomic import write_text
from mitoferry.studies.board.carried import carried_counts
from mitoferry.studies.board.model import Board, BoardCard, BoardFinding, groups_of
from mitoferry.studies.contrast import interval_text, number
from mitoferry.studies.results import Results

PAGE = "board.html"
PIXELS = 360
MARKS = {**VERDICT_MARKS, WITHHELD: "◦"}
SHOWN = (*ORDER, WITHHELD)
SYSTEMS = {
    "cornea_eye": "cornea and eye", "mitochondrial_disease": "mitochondrial disease", "neuro": "nervous system",
    "oxidative_stress": "oxidative stress", "basic": "basic mechanisms", "embryo": "embryo", "tnt": "nanotubes", "ev": "vesicles",
    "bagheri2020": "Bagheri 2020", "li2025": "Li 2025", "tnt2020": "nanotube review 2020",
}  # fmt: skip


def board_html(board: Board, folder: Path) -> str:
    """The page as text; pictures come from the runs in ``folder`` where they are there."""
    import jinja2

    templates = resources.files("mitoferry.show") / "templates"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(words=words, capital=capital, number=number, named=_named)
    environment.globals.update(interval=interval_text)
    template = environment.from_string((templates / "board.html.j2").read_text(encoding="utf-8"))
    legend: list[Any] = []
    cards = [_card(card, folder, legend) for card in board.cards]
    counts = Counter(shown_verdict(f) for _, f in board.findings)
    return template.render(
        board=board, cards=cards, headline=headline(board), remarks=remarks(board), marks=MARKS, shown=SHOWN,
        tally=[(v, MARKS[v], counts[v]) for v in SHOWN if counts[v]],
        status=Counter(c.status for c in board.cards), groups={by: _groups(board, by) for by in KINDS},
        systems=sorted({c.system for c in board.cards}), routes=sorted({r for c in board.cards for r in c.routes}),
        legend=legend, bar=_stack, probed=any(c.probed for c in board.cards),
        keys={c.key for c in board.cards}, carried=carried_counts(f for _, f in board.findings),
    )  # fmt: skip


def write_page(board: Board, folder: Path) -> Path:
    """Write ``board.html`` into the folder of a board; returns its path."""
    write_text(folder / PAGE, board_html(board, folder))
    return folder / PAGE


def _named(name: str) -> str:
    return SYSTEMS.get(name, name.replace("_", " "))


def _groups(board: Board, by: str) -> list[dict[str, Any]]:
    names = sorted({g for card in board.cards for g in groups_of(card, by)})
    rows = []
    for name in names:
        cards = [c for c in board.cards if name in groups_of(c, by)]
        counts = Counter(shown_verdict(f) for c in cards for f in c.findings)
        rows.append({"name": name, "cards": len(cards), "counts": counts, "n": sum(counts.values())})
    return rows


def _stack(counts: Counter[str], width: float = 260.0) -> Any:
    """A stacked bar of verdicts, with their numbers as tips."""
    total = sum(counts.values())
    if not total:
        return ""
    parts, x = [], 0.0
    for verdict in SHOWN:
        if not counts[verdict]:
            continue
        w = width * counts[verdict] / total
        css = verdict.replace(" ", "-")
        tip = f"<title>{counts[verdict]} {verdict}</title>"
        parts.append(f'<rect class="b-{css}" x="{x:.1f}" y="0" width="{max(w - 1, 0.5):.1f}" height="12">{tip}</rect>')
        x += w
    label = ", ".join(f"{counts[v]} {v}" for v in SHOWN if counts[v])
    return safe(f'<svg width="{width:.0f}" height="12" role="img" aria-label="{label}">{"".join(parts)}</svg>')


def _card(card: BoardCard, folder: Path, legend: list[Any]) -> dict[str, Any]:
    counts = Counter(shown_verdict(f) for f in card.findings)
    total = sum(card.handovers.values())
    routes = [(words(k), v, 100 * v / total) for k, v in sorted(card.handovers.items(), key=lambda x: -x[1])]
    return {
        "c": card, "counts": counts, "findings": [_finding(f) for f in card.findings], "handovers": routes,
        "picture": _picture(card, folder, legend), "text": _searchable(card), "verdicts": " ".join(v.replace(" ", "-") for v in counts),
        "hinges": "some" if any(f.hinges for f in card.findings) else "none" if card.probed else "",
    }  # fmt: skip


def _searchable(card: BoardCard) -> str:
    """What the search box looks at."""
    found = [card.key, card.title, card.question, *card.mechanisms, *card.sources, *(name for name, _ in card.arms)]
    found += [f"{f.observable} {f.id}" for f in card.findings]
    return " ".join(found).lower().replace("_", " ")


def _finding(f: BoardFinding) -> dict[str, Any]:
    c = f.contrast
    bar: Any = ""
    if c is not None and c["versus"] and c["low"] is not None and np.isfinite(c["low"]):
        limit = max(abs(c[k]) for k in ("low", "high", "difference")) or 1.0
        bar = safe(charts.interval_bar(c["difference"], c["low"], c["high"], limit * 1.08, tip=f.sentence))
    cautions = []
    if f.title_only:
        cautions.append("known from the title of a paper only")
    if f.basis == "derived":
        cautions.append("derived from a claim about a mechanism")
    if not f.comparator_stated and f.versus:
        cautions.append("the review does not name the arm that is compared with")
    verdict = shown_verdict(f)
    return {
        "f": f, "bar": bar, "verdict": verdict, "css": verdict.replace(" ", "-"), "mark": MARKS[verdict], "cautions": cautions,
        "sentence": capital(f.sentence), "ceiling": _ceiling(f), "carried": [_carried(x) for x in f.carried],
    }  # fmt: skip


def _ceiling(f: BoardFinding) -> str:
    if f.ceiling is None:
        return ""
    mean, low, high = (100.0 * min(max(x, 0.0), 1.0) if np.isfinite(x) else float("nan") for x in f.ceiling)
    said = f"{number(mean)} % {interval_text(low, high)} of the cells were reached before cytochrome c release"
    if f.doomed is not None:
        said += f"; of the {f.doomed[1]} that are lost in {f.versus}, {f.doomed[0]} were reached before that moment"
    return said


def _carried(x: Any) -> str:
    arms = f" ({number(x.arm_mean)} against {number(x.versus_mean)})" if np.isfinite(x.arm_mean) else ""
    if not np.isfinite(x.share):
        return f"without {x.words}: {number(x.without)}{arms} (with: {number(x.effect)})"
    share = f"{100 * x.share:.0f} % [{100 * x.low:.0f}, {100 * x.high:.0f}]"
    return f"{x.words} carried {share}: without {number(x.without)}{arms}, with {number(x.effect)}"


def _picture(card: BoardCard, folder: Path, legend: list[Any]) -> dict[str, str] | None:
    """A picture of the first well of the arm that shows most, at the end; ``None`` where no state was saved."""
    if not card.run or not card.picture or not (folder / card.run).is_dir():
        return None
    r = Results(folder / card.run)
    if card.picture not in r.names.arms:
        return None
    try:
        ticks = r.frame_ticks("cells")
        if not len(ticks):
            return None
        a = r.names.arms.index(card.picture)
        geometry = r.manifest["plate"]["arms"][a]["geometry"]
        tables = well_tables(r, int(ticks[-1]), a * r.names.replicates)
        image = picture.render_well(*tables, geometry["size"][:2], periodic=geometry["periodic"], pixels=PIXELS, text=2.6)
    except MitoferryError:
        return None  # the states were removed; the board needs them for nothing else
    if not legend:
        legend.extend(picture_legend(r))
    return {"src": webp(image, 50), "note": f"{card.picture}, first well, {ticks[-1] / 3600:g} h"}
