"""Which columns and arrays a row function may write, read off its text: what it only reads need not come back from a GPU.

Nothing is traced: a column counts as written if an entry of it is assigned anywhere in the function or in what it calls, or if it is
handed on or given a name as a whole, for what happens to it then is not followed. So what is left out is certain to be unchanged.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from typing import Any

from mitoferry.backends.narrow import all_rows, texts_of
from mitoferry.core.row import is_row

NUMBERS = ("int", "float", "bool", "abs")
"""Calls whose argument is a number."""


class _Stores(ast.NodeVisitor):
    """Attributes and plain names that are used in another way than that an entry, a number, is read.

    What is read may be a row of an array and not a number; it is a number where one is needed: within arithmetic, comparisons, indices
    and casts.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope  # the global names of the function
        self.attributes: set[str] = set()
        self.names: set[str] = set()

    def number(self, node: ast.AST) -> None:
        """Visit what must be a number: the array of which it is an entry is only read."""
        array = node.value if isinstance(node, ast.Subscript) else None
        if array is not None and (isinstance(array, ast.Name) or (isinstance(array, ast.Attribute) and isinstance(array.value, ast.Name))):
            self.visit(node.slice)  # type: ignore[attr-defined]
        else:
            self.visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Both sides are numbers."""
        self.number(node.left)
        self.number(node.right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """A number."""
        self.number(node.operand)

    def visit_Compare(self, node: ast.Compare) -> None:
        """All are numbers."""
        for one in (node.left, *node.comparators):
            self.number(one)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """An entry that is written, or may be a row."""
        self.visit(node.value)
        for index in node.slice.elts if isinstance(node.slice, ast.Tuple) else (node.slice,):
            self.number(index)

    def visit_Call(self, node: ast.Call) -> None:
        """Casts take numbers, ``len`` changes nothing, row functions change what they say; whatever else is called may change all."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        called = self.scope.get(name)
        if name in NUMBERS:
            for one in node.args:
                self.number(one)
        elif is_row(called):
            changes = arguments_written(called)
            for k, one in enumerate(node.args):
                if k in changes or not isinstance(one, ast.Name | ast.Attribute):
                    self.visit(one)
        elif name != "len":
            self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """An array as a whole; its shape is not the array."""
        if node.attr != "shape":
            self.attributes.add(node.attr)
            if not isinstance(node.value, ast.Name):
                self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        """A name on its own: handed on, given another name, or assigned an entry."""
        self.names.add(node.id)


@functools.cache
def _stores(function: Any) -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Attributes and names of one text that may be written, and its parameters."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    found = _Stores(function.__globals__)
    for statement in tree.body:
        found.visit(statement)
    return frozenset(found.attributes), frozenset(found.names), tuple(a.arg for a in tree.args.args)


@functools.cache
def columns_written(*rows: Any) -> frozenset[str]:
    """Names of the columns that row functions, with all that they call, may write; names of other attributes may be among them."""
    found: set[str] = set()
    for function in all_rows(*rows):
        for text in texts_of(function):
            found |= _stores(text)[0]
    return frozenset(found)


_known: dict[Any, frozenset[int]] = {}


def arguments_written(row: Any) -> frozenset[int]:
    """Places, among the parameters of a row function, of the arrays that it may write; columns of tables are not among them."""
    if row not in _known:
        _known[row] = frozenset(range(row.__code__.co_argcount))  # for a text of it that calls it again: all
        found: set[int] = set()
        for text in texts_of(row):
            _, names, parameters = _stores(text)
            found |= {k for k, name in enumerate(parameters) if name in names}
        _known[row] = frozenset(found)
    return _known[row]


__all__ = ["arguments_written", "columns_written"]
