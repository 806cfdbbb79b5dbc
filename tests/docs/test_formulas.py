"""Equations on the pages say what the code computes: expression against row function, names, LaTeX, curves."""

import ast
import math
import random
import re
from dataclasses import replace

import pytest

from mitoferry.base.errors import MitoferryError
from mitoferry.core.row import is_row
from mitoferry.experiment.mechanisms import mechanisms
from mitoferry.show import formulas
from mitoferry.show.diagrams import response
from mitoferry.show.latex import equation, name_in_tex
from mitoferry.show.terminal_curve import braille, curve_text

ALL = [f for process in formulas.written() for f in formulas.formulas_of(process)]
NAMES = [f"{f.process}.{f.function}.{k}" for k, f in enumerate(ALL)]


def parameters_drawn(f, rng):
    fields = formulas._parameters_class(f.process)._fields
    return formulas.drawn_values(f.process, tuple(name for name in fields if name not in f.held), rng)


def symbols_drawn(f, rng):
    return {name: s.possible(s.low + (s.high - s.low) * rng.random()) for name, s in f.symbols.items()}


@pytest.mark.parametrize("f", ALL, ids=NAMES)
def test_expression_is_what_the_row_function_computes(f):
    """Forty draws of all symbols and all parameters from their ranges.

    Fault seen to fail it, planted in a copy of the package: a factor left out of the expression of the loading rate; Hill 4 for
    Hill 2 in the pore; in ``processes/death.py`` the eighth power of the potential made a fourth.
    """
    assert is_row(f.row)
    rng = random.Random(f.about)
    for _ in range(40):
        p, values = parameters_drawn(f, rng), symbols_drawn(f, rng)
        assert f.by_code(values, p) == pytest.approx(f.by_expression(values, p), rel=1e-9, abs=max(1e-12, f.grain))


@pytest.mark.parametrize("f", ALL, ids=NAMES)
def test_every_name_in_an_equation_is_a_symbol_a_parameter_or_a_constant(f):
    fields = set(formulas._parameters_class(f.process)._fields)
    given = {*f.symbols, *f.constants(), *fields}
    assert set(f.names()) <= given
    assert set(f.symbols) <= {*f.names()}, "a symbol that the equation does not use"
    for tex in f.latex():
        for name in re.findall(r"\\mathtt\{([^}]*)\}", tex):
            assert name.replace(r"\_", "_") in fields
    assert set(f.over) <= set(f.symbols)


@pytest.mark.parametrize("f", ALL, ids=NAMES)
def test_latex_is_balanced(f):
    for tex in f.latex():
        bare = tex.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}")
        assert tex.count(r"\left") == tex.count(r"\right")
        assert tex.count(r"\begin{aligned}") == tex.count(r"\end{aligned}") <= 1


@pytest.mark.parametrize(("f", "symbol"), [(f, s) for f in ALL for s in f.over], ids=lambda x: x if isinstance(x, str) else x.function)
def test_curves_are_finite_lie_in_their_band_and_are_drawn(f, symbol):
    c = formulas.curve(f, symbol)
    assert all(math.isfinite(v) for column in c[1:] for v in column)
    assert all(low <= high for low, high in zip(c.low, c.high, strict=True))
    assert max(c.y) > min(c.y), "a flat curve says nothing"
    svg = response(f, symbol)
    assert svg.startswith("<svg")
    assert "nan" not in svg
    text = curve_text(f, symbol)
    assert len({len(line.split("│")[1]) for line in text if "│" in line}) == 1


def test_a_curve_is_the_same_from_the_cache(tmp_path, monkeypatch):
    """Fault seen to fail it, planted in a copy of the package: the name of the kept file leaves out the library."""
    monkeypatch.setenv("MITOFERRY_CACHE_DIR", str(tmp_path))
    f = next(f for f in formulas.formulas_of("pore") if f.over)
    first = formulas.curve(f, f.over[0])
    with monkeypatch.context() as shut:
        shut.setattr(formulas, "_curve", lambda f, symbol: 1 / 0)
        assert formulas.curve(f, f.over[0]) == first
    library = formulas.load_library()
    name = f"pore.{f.parameters()[0]}"
    record = library.parameters[name]
    changed = {**library.parameters, name: replace(record, value=2.0 * record.value)}
    monkeypatch.setattr(formulas, "load_library", lambda: replace(library, parameters=changed))
    assert formulas.curve(f, f.over[0]).y != first.y


def test_files_are_those_of_mechanisms():
    assert set(formulas.written()) <= set(mechanisms())
    assert len(formulas.written()) >= 20
    assert formulas.formulas_of("no_such_process") == ()


def test_an_unknown_key_is_refused(monkeypatch, tmp_path):
    (tmp_path / "pore.yaml").write_text("formulas:\n  - {abuot: x, function: opening_hazard}\n", encoding="utf-8")
    monkeypatch.setattr(formulas, "_folder", lambda: tmp_path)
    formulas.formulas_of.cache_clear()
    try:
        with pytest.raises(MitoferryError, match="abuot"):
            formulas.formulas_of("pore")
    finally:
        formulas.formulas_of.cache_clear()


# ---------------------------------------------------------------------- LaTeX
@pytest.mark.parametrize(
    ("expression", "tex"),
    [
        ("rate * x", r"y = \mathtt{rate}\cdot x"),
        ("(a_b + x) * x", r"y = \left(\mathtt{a\_b}+x\right)\cdot x"),
        ("a - (x - 1)", r"y = \mathtt{a}-\left(x-1\right)"),
        ("(x / half) ** 2", r"y = {\left(\frac{x}{\mathtt{half}}\right)}^{2}"),
        ("hill2(x, half)", r"y = \mathrm{H}_2\left(x,\,\mathtt{half}\right)"),
        ("max(1 - x, 0)", r"y = \left(1-x\right)_+"),
        ("exp(-x)", r"y = e^{-x}"),
    ],
)
def test_expressions_as_latex(expression, tex):
    assert equation("y", expression, {"x": ""}) == tex


def test_names_as_latex():
    assert name_in_tex("mu", {"mu": ""}) == r"\mu"
    assert name_in_tex("V_c", {"V_c": ""}) == r"V_\mathrm{c}"
    assert name_in_tex("half", {}) == r"\mathtt{half}"


def test_a_long_equation_is_broken_at_its_terms():
    long = " + ".join(f"a_long_parameter_{k}" for k in range(8))
    tex = equation("y", long, {})
    assert tex.startswith(r"\begin{aligned}y &= ")
    assert tex.count(r"\\ &") >= 2
    assert all(f"parameter\\_{k}" in tex for k in range(8))
    ast.parse(long)


def test_braille_draws_a_rising_line():
    lines = braille([0.0, 1.0], 2, 1, 0.0, 1.0)
    assert lines == ["⣠⠞"]
