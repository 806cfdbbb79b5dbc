"""Fields into the modes of their grid and back, one thread for a mode and its mirror image: ``space/transform.py`` for a whole device.

Every number is the same sum in the same order: the halves of the axis are added and subtracted as they are read, and not beforehand.
"""

from __future__ import annotations

from typing import Any

from mitoferry.core.row import row
from mitoferry.space.wide_lanes import ACTIVE, MODES_X, Batch, lane_at, place_in_grid

X, Y, Z = range(3)


@row
def axis_at(v, nx, ny, nz, axis):
    """Where voxel ``v`` stands on an axis, the first voxel of its line along it, and the distance of those on it.

    For the axis x, also where they begin and how far apart they lie with x and y exchanged; for the others that is the same.
    """
    x, y, z = place_in_grid(v, nx, ny)
    if axis == X:
        return x, v - x, 1, z * nx * ny + y, ny
    if axis == Y:
        return y, v - y * nx, nx, v - y * nx, nx
    return z, v - z * nx * ny, nx * ny, v - z * nx * ny, nx * ny


@row
def axis_length(nx, ny, nz, axis):
    """Voxels along an axis."""
    if axis == X:
        return nx
    if axis == Y:
        return ny
    return nz


@row
def even_mode(planes, modes, first, here, gap, n, t, out):
    """Write number ``out``: what even mode ``t`` takes of the line of ``n`` numbers that begins at ``here``."""
    even = (n + 1) // 2
    planes[out] = 0.0
    total = planes[out]  # of the type of the planes
    for q in range(even):
        part = planes[here + q * gap]
        if n - 1 - q != q:
            part = part + planes[here + (n - 1 - q) * gap]
        total = total + part * modes[first + q * even + t]
    planes[out] = total


@row
def odd_mode(planes, modes, first, here, gap, n, t, out):
    """Write number ``out``: what odd mode ``t`` takes of the line."""
    even = (n + 1) // 2
    odd = n // 2
    planes[out] = 0.0
    total = planes[out]
    for q in range(odd):
        i = odd - 1 - q
        part = planes[here + i * gap] - planes[here + (n - 1 - i) * gap]
        total = total + part * modes[first + even * even + q * odd + t]
    planes[out] = total


@row
def into_modes_row(i, lanes, planes, modes, n_voxels, source, target, axis, scale):
    """Along one axis into the modes, from plane ``source`` to ``target``; the axes x and y are exchanged with the axis x.

    Rows beyond the first plane do the same for the planes that follow. ``scale``: plane that the result is multiplied by, or -1.
    """
    plane = i // n_voxels
    i -= plane * n_voxels
    k, v, nx, ny, nz = lane_at(i, lanes)
    n = axis_length(nx, ny, nz, axis)
    t, here, gap, there, stride = axis_at(v, nx, ny, nz, axis)
    even = (n + 1) // 2
    if t >= even or int(lanes.where[ACTIVE, k]) == 0:
        return
    here += (source + plane) * n_voxels + i - v
    there += i - v
    out = (target + plane) * n_voxels + there
    first = int(lanes.where[MODES_X + axis, k])
    if n == 1:
        planes[out] = planes[here]
    else:
        even_mode(planes, modes, first, here, gap, n, t, out + t * stride)
    if t < n // 2:
        odd_mode(planes, modes, first, here, gap, n, t, out + (even + t) * stride)
    if scale >= 0:
        factor = scale * n_voxels + there
        planes[out + t * stride] = planes[out + t * stride] * planes[factor + t * stride]
        if t < n // 2:
            planes[out + (even + t) * stride] = planes[out + (even + t) * stride] * planes[factor + (even + t) * stride]


@row
def out_of_modes_row(i, lanes, planes, modes, n_voxels, source, target, axis):
    """Along one axis back from the modes, from plane ``source`` to ``target``; the axes x and y are exchanged with the axis x."""
    k, v, nx, ny, nz = lane_at(i, lanes)
    n = axis_length(nx, ny, nz, axis)
    t, there, stride, here, gap = axis_at(v, nx, ny, nz, axis)
    even = (n + 1) // 2
    odd = n // 2
    if t >= even or int(lanes.where[ACTIVE, k]) == 0:
        return
    here += source * n_voxels + i - v
    there += target * n_voxels + i - v
    if n == 1:
        planes[there] = planes[here]
        return
    first = int(lanes.where[MODES_X + axis, k]) + even * even + odd * odd
    low = there + t * stride
    planes[low] = 0.0
    total = planes[low]
    for q in range(even):
        total = total + planes[here + q * gap] * modes[first + q * even + t]
    planes[low] = total
    if t < odd:
        high = there + (n - 1 - t) * stride
        planes[high] = 0.0
        other = planes[high]
        first += even * even
        for q in range(odd):
            other = other + planes[here + (even + q) * gap] * modes[first + q * odd + (odd - 1 - t)]
        planes[low] = total + other
        planes[high] = total - other


def axes_of(batch: Batch) -> list[int]:
    """The axes to transform, z before y before x; x always, for that is where x and y are exchanged."""
    return [Z] * batch.deep + [Y] * batch.broad + [X]


def into_modes(backend: Any, batch: Batch, planes: Any, modes: Any, count: int, other: int, scale: int) -> int:
    """The planes 0 ... ``count`` - 1 into the modes, with those from ``other`` on as work space.

    Args:
        backend: runs the row functions.
        batch: whose lanes.
        planes: all planes, of one type with ``modes``.
        modes: see ``grid.packed_modes``.
        count: planes.
        other: first plane of the work space.
        scale: plane that the result is multiplied by, or -1.

    Returns:
        Where the result begins: 0 or ``other``.
    """
    here, there, n, voxels = 0, other, count * batch.n_voxels, batch.n_voxels
    for axis in axes_of(batch):
        backend.each(into_modes_row, n, batch.lanes, planes, modes, voxels, here, there, axis, scale if axis == X else -1)
        here, there = there, here
    return here


def out_of_modes(backend: Any, batch: Batch, planes: Any, modes: Any, here: int, other: int) -> None:
    """What begins at ``here`` (0 or ``other``, as :func:`into_modes` has left it) back from the modes, to plane 0."""
    there = other - here
    for axis in reversed(axes_of(batch)):
        backend.each(out_of_modes_row, batch.n_voxels, batch.lanes, planes, modes, batch.n_voxels, here, there, axis)
        here, there = there, here


__all__ = ["into_modes", "out_of_modes"]
