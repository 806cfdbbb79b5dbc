"""The badge: one small SVG with the number of findings that come out."""

from __future__ import annotations

from html import escape

from mitoferry.studies.board.model import Board
from mitoferry.studies.rules import NOT_REPRODUCED, OPPOSITE, REPRODUCED, UNDECIDED

GOOD, FAIR, POOR = "#3f8f6b", "#c9791b", "#b4546a"


def badge_svg(board: Board) -> str:
    """SVG text: "findings reproduced | 112 of 240 judged"; calibrated ones and those not tested do not count."""
    totals = board.totals()
    good = totals.get(REPRODUCED, 0)
    judged = good + sum(totals.get(v, 0) for v in (UNDECIDED, NOT_REPRODUCED, OPPOSITE))
    left, right = "findings reproduced", f"{good} of {judged} judged"
    share = good / judged if judged else 0.0
    colour = GOOD if share >= 2 / 3 else FAIR if share >= 1 / 3 else POOR
    a, b = 8 + 6.3 * len(left), 8 + 6.3 * len(right)
    title = escape(f"{left}: {right}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b:.0f}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{a:.0f}" height="20" rx="3" fill="#4b5563"/>'
        f'<rect x="{a - 3:.0f}" width="{b + 3:.0f}" height="20" rx="3" fill="{colour}"/>'
        f'<g fill="#fff" font-family="DejaVu Sans,Verdana,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{a / 2:.1f}" y="14">{escape(left)}</text><text x="{a + b / 2:.1f}" y="14">{escape(right)}</text></g></svg>\n'
    )
