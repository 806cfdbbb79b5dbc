"""Numba's compiler for row functions, less what they do not need.

Numba compiles any Python; row functions are scalar code that allocates nothing and that only compiled code calls. What is left
out changes no number: passes that look for what a row function does not have, the search for operators that were found before,
the optimisation of functions which the kernel that calls them holds and optimises once more. Passes are left out by their names:
a version of Numba that has others runs them. What is remembered of typing and lowering leans on Numba's inside: a version that was
not tried (``TRIED``) compiles with Numba's own compiler, which takes longer. Tests: ``tests/backends/test_inner_compiler.py``.
"""

from __future__ import annotations

import gc
import operator
import types as python_types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
from numba.core import ir, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.errors import TypingError
from numba.core.typed_passes import NopythonRewrites

TRIED = (0, 61), (0, 69)  # versions from the first up to, but not including, the second


def is_tried(version: str | None = None) -> bool:
    """Whether these compilers were tried with a version of Numba, by default the one at hand."""
    numbers = tuple(int(part) for part in (version or numba.__version__).split(".")[:2])
    return TRIED[0] <= numbers < TRIED[1]


# passes that do nothing to plain code (``is_plain``), and two that write for the eye
IDLE = frozenset(
    {
        "WithLifting", "InlineClosureLikes", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "InlineInlinables",
        "FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass", "AnnotateTypes", "DumpParforDiagnostics",
    }
)  # fmt: skip
ENDS_OF_LIFE = "IRLegalization"  # says where variables end, to count references: code that allocates nothing has none
UNUSUAL = frozenset({"literal_unroll", "literally", "isinstance", "hasattr", "stencil", "prange", "objmode", "AssertionError"})


def is_plain(code: python_types.CodeType) -> bool:
    """Whether code has no closures, ``with``, ``raise``, ``yield`` and the like, and no names that Numba treats in passes of their own."""
    nested = any(isinstance(constant, python_types.CodeType) for constant in code.co_consts)
    generator = bool(code.co_flags & 0x20)
    return not (nested or generator or code.co_exceptiontable or "Error" in " ".join(code.co_names) or UNUSUAL & set(code.co_names))


@register_pass(mutates_CFG=True, analysis_only=False)
class ArrayRewrites(NopythonRewrites):
    """Numba's joining of expressions over whole arrays, where there are any."""

    _name = "mitoferry_array_rewrites"

    def run_pass(self, state: Any) -> bool:
        """Run the rewrites if an expression gives an array."""
        for block in state.func_ir.blocks.values():
            for made in block.find_insts(ir.Assign):
                value = made.value
                computed = isinstance(value, ir.Expr) and value.op in ("unary", "binop", "inplace_binop", "call")
                if computed and isinstance(state.typemap.get(made.target.name), types.Array):
                    return bool(super().run_pass(state))
        return False


class _LeanCompiler(Compiler):
    """Numba's compiler without its idle passes."""

    def define_pipelines(self) -> Any:
        """Numba's own passes, less those that have nothing to do."""
        pipelines = super().define_pipelines()
        if len(pipelines) != 1 or self.state.flags.nrt or not is_plain(self.state.func_id.code):
            return pipelines
        lean = PassManager("mitoferry")
        for step, words in pipelines[0].passes:
            if step is NopythonRewrites:
                lean.add_pass(ArrayRewrites, words)
            elif step.__name__ not in IDLE and step.__name__ != ENDS_OF_LIFE:
                lean.add_pass(step, words)
        lean.finalize()
        return [lean]


_PLAIN = (types.Number, types.Boolean, types.Array, types.BaseTuple)
_found: dict[tuple[Any, ...], tuple[Any, Any]] = {}  # signatures of built-in functions, and the keys of their implementations

_converted: dict[tuple[Any, ...], Any] = {}  # signatures of casts of numbers
_sizes: dict[Any, Any] = {}  # bytes of types of LLVM
_missing: set[Any] = set()  # signatures for which there is no function


def _remembered(flags: str, function: Any, args: tuple[Any, ...], search: Callable[[], Any]) -> Any:
    """The signature of a built-in function for plain arguments, which is searched for once."""
    keys = getattr(function, "_impl_keys", None)  # of the implementation of each signature
    if keys is None:
        return search()
    key = (flags, function, args)
    known = _found.get(key)
    if known is None:
        signature = search()
        if signature is None or signature.args not in keys:
            return signature
        known = _found[key] = signature, keys[signature.args]
    signature, implementation = known
    keys[signature.args] = implementation
    return signature


class _KnownFunction(types.Function):
    """A built-in function or operator as lowering sees it: it asks for the signatures that typing has found."""

    def __init__(self, function: types.Function, flags: str) -> None:
        self.__dict__.update(function.__dict__)
        self._function = function
        self._flags = flags

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """The signature for these arguments."""
        if kws or not all(isinstance(a, _PLAIN) for a in args):
            return self._function.get_call_type(context, args, kws)
        return _remembered(self._flags, self._function, tuple(args), lambda: self._function.get_call_type(context, args, kws))


class _LoweringTyping:
    """The typing context of lowering, which types every operator once more."""

    def __init__(self, context: Any, flags: str) -> None:
        self._context = context
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_value_type(self, value: Any) -> Any:
        """The type of a constant."""
        found = self._context.resolve_value_type(value)
        return _KnownFunction(found, self.flags) if type(found) is types.Function else found


class _InnerContext:
    """A target context that stops short of machine code."""

    def __init__(self, context: Any, flags: str) -> None:
        self._context = context
        self.typing_context = _LoweringTyping(context.typing_context, flags)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def subtarget(self, **changes: Any) -> _InnerContext:
        """The context of the lowering of one function, a copy of Numba's own that remembers what is asked at every entry of an array."""
        made = self._context.subtarget(**changes)
        size_of, get_function = made.get_abi_sizeof, made.get_function

        def abi_size_of(kind: Any) -> Any:
            if kind not in _sizes:
                _sizes[kind] = size_of(kind)
            return _sizes[kind]

        def function_or_none(function: Any, signature: Any, **more: Any) -> Any:
            if function != "__array__":  # of arrays that are something else within
                return get_function(function, signature, **more)
            if signature in _missing:
                raise NotImplementedError
            try:
                return get_function(function, signature, **more)
            except NotImplementedError:
                _missing.add(signature)
                raise

        made.get_abi_sizeof, made.get_function = abi_size_of, function_or_none
        return _InnerContext(made, self.typing_context.flags)

    def get_executable(self, library: Any, description: Any, environment: Any) -> Any:
        """In place of the entry point from Python, which nobody calls: any built-in method, distinct for every function."""
        return [].append


class _InnerTyping:
    """A typing context that remembers what built-in functions and operators give for plain arguments.

    Numba tries some forty templates for every ``+`` of two numbers anew, a quarter of the time of a compilation.
    """

    def __init__(self, context: Any, flags: str) -> None:
        self._context = context
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, keywords: Any) -> Any:
        """The signature for these arguments, as Numba finds it."""
        search = self._context.resolve_function_type
        if isinstance(function, types.Dispatcher) and not keywords and any(isinstance(a, types.IntegerLiteral) for a in args):
            try:  # Numba would compile a function anew for every constant that it is given
                return search(function, tuple(types.unliteral(a) if isinstance(a, types.IntegerLiteral) else a for a in args), keywords)
            except TypingError:
                return search(function, args, keywords)  # a constant that must be known, as in a tuple of different types
        if keywords or not all(isinstance(a, _PLAIN) for a in args):
            return search(function, args, keywords)
        if isinstance(function, types.NumberClass):  # int(x), float(x)
            key = (function, tuple(args))
            if key not in _converted:
                _converted[key] = search(function, args, keywords)
            return _converted[key]
        if function is operator.getitem:
            function = self._context.resolve_value_type(function)
        if not isinstance(function, types.Function):
            return search(function, args, keywords)
        return _remembered(self._flags, function, tuple(args), lambda: search(function, args, keywords))

    def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:
        """The signature of an assignment to an entry, as Numba finds it."""
        if not all(isinstance(a, _PLAIN) for a in (target, index, value)):
            return self._context.resolve_setitem(target, index, value)
        function = self._context.resolve_value_type(operator.setitem)
        return _remembered(self._flags, function, (target, index, value), lambda: self._context.resolve_setitem(target, index, value))


class _InnerLibrary(JITCodeLibrary):
    """Code that is only linked into that of its callers, and is optimised and made machine code there."""

    def _optimize_final_module(self) -> None:
        """Left to the kernel, which inlines it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class InnerCompiler(_LeanCompiler):
    """Numba's compiler for functions that only compiled code calls.

    By default each of our 500 functions would be optimised and get machine code and two wrappers of its own, half of the
    time; the kernel that calls it holds all of it once more.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        flags = repr(self.state.flags.values())
        self.state.library = _InnerLibrary(self.state.targetctx.codegen(), "inner")
        self.state.targetctx = _InnerContext(self.state.targetctx, flags)
        self.state.typingctx = _InnerTyping(self.state.typingctx, flags)
        self.state.flags.no_cpython_wrapper = True
        self.state.flags.no_cfunc_wrapper = True


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No search for cycles meanwhile: compiling makes millions of objects, most go as they came; the rest are looked at once, later."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class KernelCompiler(_LeanCompiler):
    """Numba's compiler for the loops around row functions, which Python calls."""
