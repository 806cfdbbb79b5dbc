"""The shared elementary functions against the standard library, and bit equality of their compiled forms."""

import math

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core import maths
from mitoferry.core.row import row

CASES = {
    "exp": (maths.exp, math.exp, np.linspace(-600, 600, 4001)),
    "log": (maths.log, math.log, np.logspace(-290, 290, 4001)),
    "tanh": (maths.tanh, math.tanh, np.linspace(-25, 25, 4001)),
    "sinh": (maths.sinh, math.sinh, np.linspace(0.5, 600, 4001)),
    "sine_turns": (maths.sine_turns, lambda u: math.sin(2 * math.pi * u), np.linspace(-2, 2, 4001)),
    "cosine_turns": (maths.cosine_turns, lambda u: math.cos(2 * math.pi * u), np.linspace(-2, 2, 4001)),
    "arctangent": (maths.arctangent, math.atan, np.concatenate([np.linspace(-3, 3, 2001), np.logspace(-8, 8, 401)])),
    "arcsine": (maths.arcsine, math.asin, np.linspace(-1, 1, 2001)),
}
RELATIVE = {"exp", "log"}


@pytest.mark.parametrize("name", CASES)
def test_accuracy(name):
    ours, standard, xs = CASES[name]
    for x in xs.tolist():
        want = standard(x)
        scale = abs(want) if name in RELATIVE or abs(want) > 1 else 1.0
        assert abs(ours(x) - want) <= 2e-15 * max(scale, 1e-300), (name, x)


@pytest.mark.parametrize("name", CASES)
def test_compiled_form_has_the_same_bits(name):
    function, _, xs = CASES[name]
    out = np.zeros(len(xs))
    text = row(_rebind(function))
    Cpu(threads=1, cache=False).each(text, len(xs), xs, out)
    plain = np.array([function(x) for x in xs.tolist()])
    assert out.tobytes() == plain.tobytes()


def _rebind(function):
    import types

    def apply(i, source, target):
        target[i] = function_under_test(float(source[i]))  # noqa: F821

    return types.FunctionType(apply.__code__, {"function_under_test": function, "float": float, "__name__": __name__}, "apply")


def test_angle_in_turns_covers_the_circle():
    for k in range(-50, 51):
        u = k / 101
        got = maths.angle_turns(maths.cosine_turns(u), maths.sine_turns(u))
        assert abs(got - u) < 1e-14
    assert maths.angle_turns(0.0, 0.0) == 0.0


def test_hill_and_relaxation():
    assert maths.hill2(3.0, 3.0) == 0.5
    assert maths.hill3(3.0, 3.0) == 0.5
    assert maths.hill3(0.0, 3.0) == 0.0
    assert abs(maths.hill3(6.0, 3.0) - 8.0 / 9.0) < 1e-15
    assert maths.hill4(-1.0, 3.0) == 0.0
    assert maths.relax(2.0, 1.0, 10.0, 10.0) == pytest.approx(1 + math.exp(-1))
    assert maths.chance(2.0, 0.5) == pytest.approx(1 - math.exp(-1))
