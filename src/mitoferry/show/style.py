"""Words, numbers and colours that reports and plots share."""

from __future__ import annotations

import re
from typing import Any

INK, GREY, FAINT, LINE = "#1f2933", "#6b7280", "#e5e7eb", "#0b5c8a"
BAND = "#9cc7e0"
# per population: recipients blue, donors ochre, then others; told apart with any colour vision
POPULATION = ("#2f6fae", "#c9791b", "#7b5ea7", "#4f8a5b")
# per route and fate, in order of appearance
SERIES = ("#0b5c8a", "#e0962d", "#57a0c8", "#8a5a9e", "#3f8f6b", "#b4546a", "#9aa1ab", "#c2b04a", "#4b5563")

_UPPER = {
    "atp": "ATP", "adp": "ADP", "tmrm": "TMRM", "jc1": "JC-1", "dcf": "DCF", "mtdna": "mtDNA", "qpcr": "qPCR", "pi": "PI",
    "tunel": "TUNEL", "msc": "MSC", "nac": "NAC", "tnt": "nanotube", "ros": "ROS", "tnfaip2": "TNFAIP2", "nfkb": "NF-κB",
    "h2o2": "H₂O₂", "psi": "membrane potential", "rho0": "ρ0", "b": "B", "v": "V", "bm": "marrow", "wj": "umbilical",
    "ipsc": "iPSC", "mitosox": "MitoSOX", "oxphos": "oxidative phosphorylation", "huvec": "HUVEC", "il": "IL", "mtt": "MTT",
    "ogd": "OGD", "akt": "Akt", "hif": "HIF", "pgc1a": "PGC1α", "p2y": "P2Y", "s100a4": "S100A4", "pi3k": "PI3K", "mtor": "mTOR",
    "cx43": "Cx43", "miro1": "Miro1", "trak": "TRAK", "pink1": "PINK1", "tfam": "TFAM", "nadh": "NADH", "lps": "LPS",
}  # fmt: skip
_WHOLE = {
    "positive_fraction": "recipients positive for donor mitochondria",
    "transferred_per_cell": "donor mitochondria per cell",
    "tubes_per_cell": "nanotubes per cell",
    "thick_per_cell": "thick nanotubes per cell",
    "open_per_cell": "open nanotubes per cell",
    "mean_length": "nanotube length",
    "from_donor_fraction": "nanotubes started by donors",
    "apoptotic_fraction": "apoptotic cells",
    "necrotic_fraction": "necrotic cells",
    "permeable_fraction": "cells with a permeable membrane",
    "viable_fraction": "viable cells",
    "tunel_fraction": "TUNEL-positive cells",
    "live": "living cells",
    "dead": "dead cells",
    "live_fraction": "living share of the cells seeded",
    "donor_share": "donor share of mtDNA",
    "tnt_number": "number of nanotubes",
    "tnt_origin": "origin of nanotubes",
    "nfkb_tnfaip2_signalling": "NF-κB–TNFAIP2 signalling",
    "basal": "basal respiration",
    "maximal": "maximal respiration",
    "leak": "proton leak respiration",
    "spare": "spare respiratory capacity",
    "atp_linked": "ATP-linked respiration",
    "dcf": "DCF fluorescence (oxidants)",
    "mitosox": "MitoSOX fluorescence (superoxide)",
    "tmrm": "TMRM fluorescence (membrane potential)",
}
_PERCENT = re.compile(r"(fraction|share|heteroplasmy)")
VERDICT_MARKS = {"reproduced": "✓", "calibrated": "≈", "not reproduced": "✗", "opposite": "⇄", "undecided": "?", "not tested": "–"}


def words(name: str) -> str:
    """A name of code in words: ``coculture_nac`` becomes "coculture NAC", a readout its full name."""
    return _WHOLE[name] if name in _WHOLE else plain_words(name)


def plain_words(name: str) -> str:
    """A name of code, such as that of an assay, with spaces and usual capitals."""
    return " ".join(_UPPER.get(w, w) for w in name.replace("_", " ").split() if w)


def capital(text: str) -> str:
    """``text`` with its first letter large, unless it starts with a symbol or abbreviation."""
    return text[:1].upper() + text[1:]


def displayed(readout: str, unit: str) -> tuple[float, str]:
    """Factor and unit in which a readout is shown: shares in per cent, plain numbers without a unit."""
    if unit in ("", "1", "fraction") and _PERCENT.search(readout):
        return 100.0, "%"
    unit = "" if unit == "1" else unit
    return 1.0, unit.replace("um", "µm").replace("uM", "µM") if unit in ("um", "uM") else unit.replace("2", "₂") if "O2" in unit else unit


def safe(svg: str) -> Any:
    """SVG made by ``show/charts.py``, which escapes its texts itself."""
    from markupsafe import Markup

    return Markup(svg)


def tick_label(x: float) -> str:
    """A short number for an axis."""
    text = f"{x:.6g}" if abs(x) < 1e5 else f"{x:.1e}"
    return text.replace("-", "−")


def nice_ticks(low: float, high: float, n: int = 4) -> list[float]:
    """Round tick values that span low to high."""
    import math

    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        low, high = (low - 0.5, low + 0.5) if math.isfinite(low) else (0.0, 1.0)
    raw = (high - low) / max(n, 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw - 1e-12)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
