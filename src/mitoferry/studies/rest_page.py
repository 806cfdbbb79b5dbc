"""The table of types at rest: ``python -m mitoferry.studies.rest_page docs/rest_table.md --draws 90 --seed 34 --keep FOLDER``.

Every type for a week at the values of the library, and a third of the types in rotation in each draw of all parameters (with
``--vary-types`` also of the numbers of the types); a row says whether the type rests, in how many draws, and what broke first. The
share of weeks at rest is given with an interval from draws that are drawn again (types of a draw share its parameters and its random
numbers, so that the draw is the unit), and the share of draws in which all of its types rest with the exact binomial interval.

``--keep`` writes each draw into a file as it ends and reads those that are there, so that a run can be broken off and gone on with.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.library.cell_types import cell_type
from mitoferry.studies.rest import drawn_types, library_types, rest_plate, run_rest, why_not
from mitoferry.studies.rest_judge import TypeWeek, judge

LARGE = ("oocyte", "zygote")  # 100 000 mitochondria: a day each
PARTS = 3
LEVEL = 0.95
RESAMPLES = 10_000

Outcome = dict[str, Any]
"""What became of a type in a draw: ``type`` and ``broken``, what it broke in words."""


def share_of_weeks(draws: Sequence[Sequence[bool]], *, seed: int = 1) -> tuple[float, float, float]:
    """Share of weeks at rest and its interval, by drawing whole draws again.

    Args:
        draws: per draw whether each of its types rests.
        seed: of the resampling.
    """
    good, n = (np.array([f(d) for d in draws], dtype=float) for f in (sum, len))
    again = np.random.Generator(np.random.Philox(seed)).integers(0, len(draws), (RESAMPLES, len(draws)))
    low, high = np.quantile(good[again].sum(axis=1) / n[again].sum(axis=1), [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(good.sum() / n.sum()), float(low), float(high)


def share_of_draws(draws: Sequence[Sequence[bool]]) -> tuple[int, int, float, float]:
    """Draws in which all types rest, draws, and the exact binomial interval of the share."""
    from scipy.stats import binomtest

    good = sum(all(d) for d in draws)
    found = binomtest(good, len(draws)).proportion_ci(LEVEL, method="exact")
    return good, len(draws), float(found.low), float(found.high)


def summary(drawn: Sequence[Sequence[Outcome]]) -> list[str]:
    """Shares at rest over the types whose cells live for a week, and over the others."""
    lines = []
    for text, resting in (("Types whose cells live for a week", True), ("The others", False)):
        draws = [[not o["broken"] for o in draw if (not why_not(cell_type(o["type"]))) == resting] for draw in drawn]
        draws = [d for d in draws if d]
        if not draws:
            continue
        share, low, high = share_of_weeks(draws)
        good, n, least, most = share_of_draws(draws)
        rest, weeks = sum(map(sum, draws)), sum(map(len, draws))
        weekly = f"{rest} of {weeks} weeks at rest, {share:.1%} (95 %: {low:.1%} to {high:.1%})"
        whole = f"all types of the draw rest in {good} of {n} draws, {good / n:.1%} (95 %: {least:.1%} to {most:.1%})"
        lines += ["", f"{text}: {weekly}; {whole}."]
    return lines


def table(at_library: Sequence[TypeWeek], drawn: Sequence[Sequence[Outcome]]) -> str:
    """A Markdown table, one row per type.

    Args:
        at_library: weeks at the values of the library.
        drawn: outcomes per draw.
    """
    tries: dict[str, list[list[str]]] = defaultdict(list)
    for draw in drawn:
        for outcome in draw:
            tries[outcome["type"]].append(outcome["broken"])
    lines = ["| type | at the library's values | ATP | psi | H2O2 | damage | rests in draws | what broke in the others |", "|" + "---|" * 8]
    for w in at_library:
        broken, found, s = judge(w), tries[w.cell_type], w.series
        ends = [f"{1000.0 * s[k][-1]:.1f} nM" if k == "h2o2" else f"{s[k][-1]:.3g}" for k in ("atp", "psi", "h2o2", "damage")]
        causes = sorted({bad[0].rsplit(" ", 3)[0] if ">" in bad[0] else bad[0] for bad in found if bad})
        reason = why_not(cell_type(w.cell_type))
        share = f"{sum(not b for b in found)} of {len(found)}" if found else "not drawn"
        state = "rests" if not broken else broken[0]
        lines.append(
            f"| `{w.cell_type}`{f' ({reason})' if reason else ''} | {state} | {' | '.join(ends)} | {share} | {'; '.join(causes)} |"
        )
    return "\n".join([*lines, *(summary(drawn) if drawn else [])]) + "\n"


def one_draw(names: Sequence[str], draw: Mapping[str, float], k: int, n: int, seed: int, *, vary: bool) -> list[Outcome]:
    """A week of the third of the types ``names`` whose turn it is in draw ``k`` of ``n``."""
    turn = names[k % PARTS :: PARTS]
    types = drawn_types(turn, draw, k, n, seed) if vary else library_types(turn)
    weeks = run_rest(rest_plate(types, draw, seed=1000 * seed + k + 1, clocks=(600, 600, 600)), every=12 * 3600)
    return [{"type": w.cell_type, "broken": judge(w), "seeded": w.seeded, "dead": w.dead} for w in weeks]


def all_draws(names: Sequence[str], n: int, seed: int, *, vary: bool, keep: Path | None, most: int) -> list[list[Outcome]]:
    """The first ``most`` of ``n`` draws, read from ``keep`` where they are there."""
    from mitoferry.library.draws import draw_parameters

    found = []
    for k, draw in enumerate(draw_parameters(n, seed)[:most]):
        kept = None if keep is None else keep / f"d{seed}_{k}.json"
        if kept is not None and kept.exists():
            found.append(json.loads(kept.read_text(encoding="utf-8"))["weeks"])
            continue
        found.append(one_draw(names, draw, k, n, seed, vary=vary))
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps({"draw": draw, "weeks": found[-1]}), encoding="utf-8")
        print(
            f"draw {k + 1} of {most}: {sum(not o['broken'] for o in found[-1])} of {len(found[-1])} types rest", file=sys.stderr, flush=True
        )
    return found


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="page to write")
    parser.add_argument("--draws", type=int, default=12, help="draws of the Latin hypercube")
    parser.add_argument("--first", type=int, help="only the first so many of them; default: all")
    parser.add_argument("--seed", type=int, default=2, help="of the draws")
    parser.add_argument("--vary-types", action="store_true", help="draw the numbers of the cell types as well")
    parser.add_argument("--keep", type=Path, help="folder for a file per draw")
    given = parser.parse_args()
    names = [n for n in library_types() if n not in LARGE]
    if given.vary_types:
        names = [n for n in names if not why_not(cell_type(n))]
    drawn = all_draws(names, given.draws, given.seed, vary=given.vary_types, keep=given.keep, most=given.first or given.draws)
    weeks = run_rest(rest_plate(library_types(names), clocks=(300, 300, 600)))
    weeks += run_rest(rest_plate(library_types(LARGE), days=1, clocks=(600, 600, 600)))
    given.out.write_text(table(weeks, drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
