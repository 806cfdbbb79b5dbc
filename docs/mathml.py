r"""Equations as MathML, which browsers draw by themselves: pages need no script, no font and no network to show them.

Sphinx loads MathJax from the network by default. Here each equation is turned into MathML when the pages are built (latex2mathml).
Parameters (``\mathtt``, ``\texttt``) and words (``\mathrm``) become text, so that they stand upright, each letter is not set as a
variable of its own, and an underscore is one. What cannot be turned is a warning, which fails a build with ``-W``.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

CODE = ("\u27e6", "\u27e7")  # around a parameter while it is turned
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "kappa": "κ", "lambda": "λ", "mu": "μ", "psi": "ψ", "rho": "ρ",
    "tau": "τ", "theta": "θ", "pi": "π", "eta": "η",
}  # fmt: skip


WORDS = ("ATP", "ADP", "PGC1a", "TFAM", "TNFAIP2", "Akt", "Miro1", "TRAK", "Cx43", "HIF", "P2Y", "RAC1", "LPS", "Glc", "PS", "NF")
"""Names of several letters that are one symbol."""


def _plain(text: str) -> str:
    """Words of LaTeX as Unicode."""
    text = re.sub(r"\\(" + "|".join(GREEK) + r")\b ?", lambda m: GREEK[m[1]], text)
    return text.replace(r"\_", "_").replace(r"\ ", "\u00a0").replace(r"\,", "\u2009").replace("_", "\u005f")


def prepared(latex: str) -> str:
    """LaTeX in the words that latex2mathml knows."""
    words = r"\\(?:mathrm|mathtt|texttt)\{[^{}]*\}|\\[A-Za-z]+|(?<![A-Zabce-z])(?:" + "|".join(WORDS) + r")(?![A-Za-z])"
    latex = re.sub(words, lambda m: m[0] if m[0].startswith("\\") else rf"\mathrm{{{m[0]}}}", latex)
    latex = re.sub(r"\\(?:mathtt|texttt)\{((?:[^{}\\]|\\.)*)\}", lambda m: rf"\text{{{CODE[0]}{_plain(m[1])}{CODE[1]}}}", latex)
    latex = re.sub(r"\\mathrm\{((?:[^{}])*)\}", lambda m: rf"\text{{{_plain(m[1])}}}", latex)
    latex = latex.replace("aligned}", "align*}").replace(r"\!", "")
    return re.sub(r"\\\\\[[^\]]*\]", r"\\\\", latex)


def mathml(latex: str, display: bool) -> str:
    """The equation as MathML.

    Raises:
        ValueError: something of it is not known.
    """
    from latex2mathml.converter import convert

    found: str = convert(prepared(latex.strip()), display="block" if display else "inline")
    found = found.replace(f"<mtext>{CODE[0]}", '<mtext class="mf-parameter">').replace(f"{CODE[1]}</mtext>", "</mtext>")
    left = re.search(r"\\\w*|[\u27e6\u27e7]", found)
    if left:
        raise ValueError(f"no MathML for {left[0]} in {latex}")
    return found


def _shown(translator: Any, node: nodes.Element, display: bool) -> str:
    from sphinx.util import logging

    try:
        return mathml(node.astext(), display)
    except Exception as e:  # whatever the converter stumbles over: the page is named, and the source shown
        logging.getLogger(__name__).warning("equation: %s: %s", type(e).__name__, e, location=node)
        return f"<code>{translator.encode(node.astext())}</code>"


def visit_inline(translator: Any, node: nodes.Element) -> None:
    """Equation in a line."""
    translator.body.append(_shown(translator, node, False))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.Element) -> None:
    """Equation of its own."""
    translator.body.append(f'<div class="math">{_shown(translator, node, True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Make this the way in which HTML pages show equations."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
