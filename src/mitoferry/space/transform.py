"""Rows that carry a field into the modes of the grid and back: one product with a small matrix per axis.

The inner loops run along contiguous memory so that compilers vectorise them; the order of every sum is fixed.
"""

from __future__ import annotations

from mitoferry.core.row import row


@row
def transform_x(source, target, matrix, n, rows):
    """target[r, k] = sum_i source[r, i] matrix[i, k] for ``rows`` rows of ``n`` voxels."""
    for r in range(rows):
        a = source[r * n : r * n + n]
        b = target[r * n : r * n + n]
        for k in range(n):
            b[k] = 0.0
        i = 0
        while i + 3 < n:
            a0 = a[i]
            a1 = a[i + 1]
            a2 = a[i + 2]
            a3 = a[i + 3]
            m0 = matrix[i * n : i * n + n]
            m1 = matrix[i * n + n : i * n + 2 * n]
            m2 = matrix[i * n + 2 * n : i * n + 3 * n]
            m3 = matrix[i * n + 3 * n : i * n + 4 * n]
            for k in range(n):
                b[k] = b[k] + ((a0 * m0[k] + a1 * m1[k]) + (a2 * m2[k] + a3 * m3[k]))
            i += 4
        while i < n:
            a0 = a[i]
            m0 = matrix[i * n : i * n + n]
            for k in range(n):
                b[k] = b[k] + a0 * m0[k]
            i += 1


@row
def transform_far(source, target, matrix, n, base, length):
    """target[k, :] = sum_i matrix[i, k] source[i, :] for ``n`` rows of ``length`` voxels that begin at ``base``."""
    for k in range(n):
        b = target[base + k * length : base + k * length + length]
        for x in range(length):
            b[x] = 0.0
        i = 0
        while i + 3 < n:
            m0 = matrix[i * n + k]
            m1 = matrix[i * n + n + k]
            m2 = matrix[i * n + 2 * n + k]
            m3 = matrix[i * n + 3 * n + k]
            first = base + i * length
            a0 = source[first : first + length]
            a1 = source[first + length : first + 2 * length]
            a2 = source[first + 2 * length : first + 3 * length]
            a3 = source[first + 3 * length : first + 4 * length]
            for x in range(length):
                b[x] = b[x] + ((a0[x] * m0 + a1[x] * m1) + (a2[x] * m2 + a3[x] * m3))
            i += 4
        while i < n:
            m0 = matrix[i * n + k]
            a0 = source[base + i * length : base + i * length + length]
            for x in range(length):
                b[x] = b[x] + a0[x] * m0
            i += 1


@row
def into_modes(w, held, inverse, planes, j, a, b, fields):
    """Transform plane ``a`` of row ``j`` along all axes, with plane ``b`` as work space.

    Args:
        w: well.
        held: 1 to use the modes of held faces.
        inverse: 0 into the modes, 1 back.
        planes: float64 [row, plane, voxel].
        j, a, b: row and planes.
        fields: the field table.

    Returns:
        (plane that holds the result, the other plane).
    """
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    nz = int(fields.shape[w, 2])
    if nx > 1:
        at = int(fields.mode_offset[w, 0, held]) + inverse * nx * nx
        transform_x(planes[j, a], planes[j, b], fields.modes[at : at + nx * nx], nx, ny * nz)
        a, b = b, a
    if ny > 1:
        at = int(fields.mode_offset[w, 1, held]) + inverse * ny * ny
        for z in range(nz):
            transform_far(planes[j, a], planes[j, b], fields.modes[at : at + ny * ny], ny, z * nx * ny, nx)
        a, b = b, a
    if nz > 1:
        at = int(fields.mode_offset[w, 2, held]) + inverse * nz * nz
        transform_far(planes[j, a], planes[j, b], fields.modes[at : at + nz * nz], nz, 0, nx * ny)
        a, b = b, a
    return a, b
