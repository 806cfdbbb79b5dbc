"""Formulas as content MathML, the form in which SBML holds them.

A formula is written as a Python expression of names, numbers, ``+ - * / **``, ``exp``, ``ln``, ``sinh``, ``tanh``,
``minimum``, ``maximum`` and ``a if x > y else b``. Only what SBML Level 3 Version 1 knows is written: minimum and maximum
become piecewise functions. Bare numbers are dimensionless; a number with a unit has to be a parameter.
"""

from __future__ import annotations

import ast
from textwrap import indent

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
SBML = "http://www.sbml.org/sbml/level3/version1/core"
_BINARY = {ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "divide", ast.Pow: "power"}
_COMPARE = {ast.Gt: "gt", ast.Lt: "lt", ast.GtE: "geq", ast.LtE: "leq"}
_FUNCTIONS = ("exp", "ln", "sinh", "tanh")


def block(tag: str, *parts: str) -> str:
    """An element with its content indented below it."""
    return f"<{tag}>\n" + indent("\n".join(parts), "  ") + f"\n</{tag.split()[0]}>"


def _apply(operator: str, *arguments: ast.expr) -> str:
    return block("apply", f"<{operator}/>", *[_node(a) for a in arguments])


def _choose(value: str, condition: str, otherwise: str) -> str:
    return block("piecewise", block("piece", value, condition), block("otherwise", otherwise))


def _node(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return f"<ci> {node.id} </ci>"
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        kind = ' type="integer"' if isinstance(node.value, int) else ""
        return f'<cn sbml:units="dimensionless"{kind}> {node.value!r} </cn>'
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _apply(_BINARY[type(node.op)], node.left, node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _apply("minus", node.operand)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        return _apply(_COMPARE[type(node.ops[0])], node.left, node.comparators[0])
    if isinstance(node, ast.IfExp):
        return _choose(_node(node.body), _node(node.test), _node(node.orelse))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name = node.func.id
        if name in _FUNCTIONS and len(node.args) == 1:
            return _apply(name, *node.args)
        if name in ("minimum", "maximum") and len(node.args) == 2:
            a, b = node.args
            return _choose(_node(a), _apply("lt" if name == "minimum" else "gt", a, b), _node(b))
    raise ValueError(f"not a formula that SBML can hold: {ast.unparse(node)}")


def mathml(formula: str) -> str:
    """The formula as a ``math`` element.

    Args:
        formula: a Python expression of the kind that the module says.

    Raises:
        ValueError: it holds anything else.
    """
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"not a formula: {formula}") from error
    return block(f'math xmlns="{NAMESPACE}" xmlns:sbml="{SBML}"', _node(tree.body))


def names(formula: str) -> set[str]:
    """Names of the quantities in a formula."""
    tree = ast.parse(formula, mode="eval")
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - called


__all__ = ["block", "mathml", "names"]
