"""Modes of the grid: orthonormal, eigenvectors of the second difference, transform and back."""

import numpy as np
import pytest

from mitoferry.space.grid import CLOSED, HELD, PERIODIC, modes_of_axis, packed_modes
from mitoferry.space.transform import into_modes


def second_difference(n, border):
    a = 2.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    if border == PERIODIC:
        a[0, -1] -= 1.0
        a[-1, 0] -= 1.0
    else:
        change = -1.0 if border == CLOSED else 1.0
        a[0, 0] += change
        a[-1, -1] += change
    return a


@pytest.mark.parametrize("n", [2, 3, 7, 8, 30])
@pytest.mark.parametrize("border", [PERIODIC, CLOSED, HELD])
def test_modes_diagonalise_the_second_difference(n, border):
    vectors, values = modes_of_axis(n, border)
    assert np.allclose(vectors.T @ vectors, np.eye(n), atol=1e-12)
    assert np.allclose(second_difference(n, border) @ vectors, vectors * values, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 1, 1), (4, 5, 1), (3, 8, 2), (6, 4, 5), (1, 6, 1)])
@pytest.mark.parametrize("width", [1, 3])
def test_transform_is_the_product_with_the_modes_and_back(shape, width):
    all_modes, at, start = [], [], 0
    for n in shape:
        vectors, _ = modes_of_axis(n, CLOSED)
        all_modes.append(vectors)
        at.append(start)
        start += len(packed_modes(vectors))
    packed = np.concatenate([packed_modes(v) for v in all_modes])
    field = np.random.default_rng(0).normal(size=(*shape[::-1], width))
    planes = np.zeros((2, field.size))
    planes[0] = field.ravel()
    flat = planes.ravel()
    a, b = into_modes(shape, width, tuple(at), 0, flat, field.size, 0, 1, packed)
    expected = np.einsum("zyxl,xi,yj,zk->kijl", field, all_modes[0], all_modes[1], all_modes[2])
    assert np.allclose(planes[a], expected.ravel(), atol=1e-12)
    a, _ = into_modes(shape, width, tuple(at), 1, flat, field.size, a, b, packed)
    assert np.allclose(planes[a], field.ravel(), atol=1e-12)
