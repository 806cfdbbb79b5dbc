"""Noise of the instruments: the same Philox draws as in ``core/random.py``, for whole arrays.

A draw is keyed by replicate (keys of the well), entity, step, stream and draw. A measurement of a cell uses its id, of
a tube (id of its initiator, its own id), of a well (0, population + 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.random import INVERSE_2_32

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


def _words(x: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.asarray(x).astype(np.uint64) & _LOW, shape).copy()


def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[np.ndarray, ...]:
    """Philox4x32-10 of arrays; four uint64 arrays that hold 32 bits each (see ``core/random.py``)."""
    shape = np.broadcast_shapes(*(np.shape(x) for x in (c0, c1, c2, c3, k0, k1)))
    c0, c1, c2, c3, k0, k1 = (_words(x, shape) for x in (c0, c1, c2, c3, k0, k1))
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
    return c0, c1, c2, c3


def uniforms(world: Any, wells: Any, birth: Any, ordinal: Any, stream: int, step: int, draw: Any = 0) -> tuple[np.ndarray, ...]:
    """Four arrays of uniforms in (0, 1), one entry per entity.

    Args:
        world: the plate, for the keys of its wells.
        wells: row of wells of each entity.
        birth: first word of the identity of each entity.
        ordinal: second word.
        stream: of ``core/streams.py``.
        step: number of the macro-step, 0 for a property that does not change.
        draw: 0..65535, tells draws of one stream apart.
    """
    wells = np.asarray(wells)
    words = philox(ordinal, birth, step & 0xFFFFFFFF, (stream << 16) + np.asarray(draw), world.wells.key0[wells], world.wells.key1[wells])
    return tuple((w.astype(np.float64) + 0.5) * INVERSE_2_32 for w in words)


def normals(world: Any, wells: Any, birth: Any, ordinal: Any, stream: int, step: int, draw: Any = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two independent arrays of standard normal deviates (Box-Muller); arguments as :func:`uniforms`."""
    u, v, _, _ = uniforms(world, wells, birth, ordinal, stream, step, draw)
    radius = np.sqrt(-2.0 * np.log(u))
    return radius * np.cos(2.0 * np.pi * v), radius * np.sin(2.0 * np.pi * v)


def well_factor(world: Any, population: int | None, cv: float, stream: int, step: int, draw: int = 0) -> np.ndarray:
    """A log-normal factor of median 1 per well: error of pipetting, staining or loading. float64 (n_wells)."""
    wells = np.arange(world.n_wells)
    z, _ = normals(world, wells, 0, 0 if population is None else population + 1, stream, step, draw)
    return np.exp(cv * z)


def cell_factor(world: Any, rows: np.ndarray, cv: float, stream: int, step: int, draw: int = 0) -> np.ndarray:
    """A log-normal factor of median 1 per cell; float64 (len(rows))."""
    c = world.cells
    z, _ = normals(world, c.well[rows], c.id[rows], 0, stream, step, draw)
    return np.exp(cv * z)


def counted(world: Any, population: int | None, depth: int, share: np.ndarray, stream: int, step: int, first: int = 0) -> np.ndarray:
    """Binomial(depth, share) per well, drawn one by one from the draw ``first`` of the stream on; float64 (n_wells)."""
    wells = np.arange(world.n_wells)[:, None]
    blocks = first + np.arange(-(-depth // 4))[None, :]
    draws = np.stack(uniforms(world, wells, 0, 0 if population is None else population + 1, stream, step, blocks), axis=-1)
    return (draws.reshape(len(wells), -1)[:, :depth] < np.asarray(share)[:, None]).sum(axis=1).astype(np.float64)
