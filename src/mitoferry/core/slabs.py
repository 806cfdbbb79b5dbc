"""The product of a small matrix with slabs of numbers: what the transforms of the fields spend their time on."""

from __future__ import annotations

from mitoferry.core.row import row


@row
def multiply_slabs(source, target, matrix, at, n, base, length):
    """target[k, :] = sum_i matrix[i, k] source[i, :] for ``n`` slabs of ``length`` numbers that begin at ``base``.

    The matrix begins at ``at``. All three arrays are of one type, and so is every product and sum. The CPU holds tiles of
    the result in registers instead (``backends/slabs.py``).
    """
    for k in range(n):
        b = target[base + k * length : base + k * length + length]
        for x in range(length):
            b[x] = 0.0
        for i in range(n):
            a = source[base + i * length : base + i * length + length]
            m = matrix[at + i * n + k]
            for x in range(length):
                b[x] = b[x] + a[x] * m
