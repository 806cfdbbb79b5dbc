"""Expressions of ``formulas`` as LaTeX: parameters in typewriter, symbols as given, Hill functions as H_n(x, k)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

LONG = 62  # about this many characters fit a line of a page
GREEK = ("alpha", "beta", "gamma", "delta", "kappa", "lambda", "mu", "psi", "rho", "tau", "theta", "epsilon")
FUNCTIONS = {"log": r"\ln", "tanh": r"\tanh", "max": r"\max", "min": r"\min", "sqrt": r"\sqrt"}
ADD, MULTIPLY, UNARY, ATOM = 1, 2, 3, 4


def name_in_tex(name: str, tex: Mapping[str, str]) -> str:
    """A name: what ``tex`` gives, a Greek letter, a letter with its index; else a parameter, in typewriter."""
    if tex.get(name):
        return tex[name]
    if name not in tex:
        return r"\mathtt{" + name.replace("_", r"\_") + "}"
    head, _, index = name.partition("_")
    head = "\\" + head if head in GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return head + (r"_\mathrm{" + index.replace("_", r"\ ") + "}" if index else "")


def _number(value: float) -> str:
    text = f"{value:g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return rf"{mantissa}\cdot 10^{{{int(exponent)}}}"
    return text


def _wrap(text: str) -> str:
    return rf"\left({text}\right)"


class _Writer:
    def __init__(self, tex: Mapping[str, str]) -> None:
        self.tex = tex

    def write(self, node: ast.expr) -> tuple[str, int]:
        """Text of an expression and how tightly it binds."""
        if isinstance(node, ast.Constant):
            return _number(float(node.value)), ATOM  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return name_in_tex(node.id, self.tex), ATOM
        if isinstance(node, ast.UnaryOp):
            return "-" + self.within(node.operand, MULTIPLY), ADD
        if isinstance(node, ast.Call):
            return self.call(node), ATOM
        if isinstance(node, ast.BinOp):
            return self.binary(node)
        raise ValueError(f"no LaTeX for {ast.dump(node)}")

    def within(self, node: ast.expr, tightness: int) -> str:
        text, own = self.write(node)
        return text if own >= tightness else _wrap(text)

    def binary(self, node: ast.BinOp) -> tuple[str, int]:
        if isinstance(node.op, ast.Div):
            return rf"\frac{{{self.write(node.left)[0]}}}{{{self.write(node.right)[0]}}}", ATOM
        if isinstance(node.op, ast.Pow):
            base = self.within(node.left, ATOM)
            base = _wrap(base) if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Div) else base
            return f"{{{base}}}^{{{self.write(node.right)[0]}}}", ATOM
        if isinstance(node.op, ast.Mult):
            return rf"{self.within(node.left, MULTIPLY)}\cdot {self.within(node.right, MULTIPLY)}", MULTIPLY
        sign = "+" if isinstance(node.op, ast.Add) else "-"
        right = self.within(node.right, MULTIPLY if sign == "-" else ADD)
        return f"{self.write(node.left)[0]}{sign}{right}", ADD

    def call(self, node: ast.Call) -> str:
        assert isinstance(node.func, ast.Name)
        name, inside = node.func.id, [self.write(a)[0] for a in node.args]
        if name in ("hill2", "hill4"):
            return rf"\mathrm{{H}}_{name[-1]}\left({inside[0]},\,{inside[1]}\right)"
        if name == "exp":
            return f"e^{{{inside[0]}}}"
        if name == "power":
            return f"{{{self.within(node.args[0], ATOM)}}}^{{{inside[1]}}}"
        if name == "sqrt":
            return rf"\sqrt{{{inside[0]}}}"
        if name == "max" and isinstance(node.args[1], ast.Constant) and node.args[1].value == 0:
            return rf"{_wrap(inside[0])}_+"
        return FUNCTIONS[name] + _wrap(r",\;".join(inside))


def _length(text: str) -> float:
    """Rough length of LaTeX as shown, in characters."""
    while "\\frac" in text:
        shorter = re.sub(r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", lambda m: max(m[1], m[2], key=len), text)
        if shorter == text:
            break
        text = shorter
    text = re.sub(r"\\(mathrm|mathtt|left|right|cdot|frac|,|;|mathrm)", "", text)
    return len(re.sub(r"[{}\\^]", "", text))


def _pieces(node: ast.expr) -> list[tuple[str, ast.expr]]:
    """Terms or factors of the outermost operation with the sign before each, from left to right."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return [*_pieces(node.left), ("+" if isinstance(node.op, ast.Add) else "-", node.right)]
    return [("", node)]


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), node.right]
    return [node]


def equation(left: str, right: str, tex: Mapping[str, str]) -> str:
    """``left = right`` as LaTeX; a long right-hand side is broken between its terms or factors.

    Args:
        left: LaTeX of the left-hand side.
        right: expression in Python.
        tex: LaTeX of its names; "" for one that writes itself; names that are missing are parameters.
    """
    tree, writer = ast.parse(right, mode="eval").body, _Writer(tex)
    whole = writer.write(tree)[0]
    if _length(whole) <= LONG:
        return f"{left} = {whole}"
    lines, line = [], ""
    for sign, term in _pieces(tree):
        text = sign + writer.within(term, MULTIPLY if sign == "-" else ADD)
        parts = [text]
        if _length(text) > LONG:
            parts = [writer.within(f, MULTIPLY) for f in _factors(term)]
            parts = [sign + parts[0], *(r"\cdot " + part for part in parts[1:])]
        for part in parts:
            if line and _length(line) + _length(part) > LONG:
                lines.append(line)
                line = ""
            line += part
    lines.append(line)
    return rf"\begin{{aligned}}{left} &= " + r" \\ &\qquad ".join(lines) + r"\end{aligned}"
