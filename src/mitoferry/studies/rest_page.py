"""The table of types at rest: ``python -m mitoferry.studies.rest_page docs/rest_table.md --draws 12 --seed 2``.

Every type for a week at the values of the library, and types in rotation over draws of all parameters; a row says whether the type
rests, in how many draws, and what broke first.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from mitoferry.studies.rest import library_types, rest_plate, run_rest
from mitoferry.studies.rest_judge import TypeWeek, judge

LARGE = ("oocyte", "zygote")  # 100 000 mitochondria: a day each
PARTS = 3


def table(at_library: Sequence[TypeWeek], drawn: Mapping[int, Sequence[TypeWeek]]) -> str:
    """A Markdown table, one row per type.

    Args:
        at_library: weeks at the values of the library.
        drawn: number of the draw to weeks.
    """
    tries: dict[str, list[list[str]]] = defaultdict(list)
    for weeks in drawn.values():
        for w in weeks:
            tries[w.cell_type].append(judge(w))
    lines = ["| type | at the library's values | ATP | psi | H2O2 | damage | rests in draws | what broke in the others |", "|" + "---|" * 8]
    for w in at_library:
        broken, found = judge(w), tries[w.cell_type]
        s = w.series
        ends = [f"{1000.0 * s[k][-1]:.1f} nM" if k == "h2o2" else f"{s[k][-1]:.3g}" for k in ("atp", "psi", "h2o2", "damage")]
        causes = sorted({b.rsplit(" ", 3)[0] if ">" in b else "a cell died" for bad in found for b in bad[:1]})
        share = f"{sum(not b for b in found)} of {len(found)}" if found else "not drawn"
        lines.append(f"| `{w.cell_type}` | {'rests' if not broken else broken[0]} | {' | '.join(ends)} | {share} | {'; '.join(causes)} |")
    results = [not b for found in tries.values() for b in found]
    if results:
        lines += ["", f"All types and draws together: {sum(results)} of {len(results)} rest."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the table."""
    from mitoferry.library.draws import draw_parameters

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--seed", type=int, default=2)
    given = parser.parse_args()
    names = [n for n in library_types() if n not in LARGE]
    weeks = run_rest(rest_plate(library_types(names), clocks=(300, 300, 600)))
    weeks += run_rest(rest_plate(library_types(LARGE), days=1, clocks=(600, 600, 600)))
    drawn = {}
    for k, draw in enumerate(draw_parameters(given.draws, given.seed) if given.draws else []):
        types = library_types([n for i, n in enumerate(names) if (i + k) % PARTS == 0])
        drawn[k] = run_rest(rest_plate(types, draw, seed=k + 1, clocks=(600, 600, 600)), every=12 * 3600)
    given.out.write_text(table(weeks, drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
