"""Chunks of a checkpoint: packed, summed and checked by threads, while another one reads or writes the file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

_THREADS = 4  # more would not help: the disk is slower
_WORTH_A_THREAD = 1 << 17
_WORTH_PACKING = 1 << 12
AHEAD = 2 * _THREADS  # chunks under way


def threads() -> ThreadPoolExecutor:
    """Threads for the work on chunks, beside the one that writes or reads."""
    return ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), thread_name_prefix="checksum")


def later(pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any, size: int) -> Callable[[], Any]:
    """What ``work`` returns, to be asked for later; a thread does it if that is worth one."""
    if size < _WORTH_A_THREAD:
        done = work(*args)
        return lambda: done
    return pool.submit(work, *args).result


def pack(chunk: np.ndarray) -> tuple[Any, int]:
    """The bytes of a chunk as they go to the file, packed if that makes them fewer, and their CRC-32."""
    import pyarrow as pa

    data: Any = chunk.data
    if chunk.size >= _WORTH_PACKING:
        packed = pa.Codec("zstd", compression_level=1).compress(data, asbytes=True)
        data = packed if len(packed) < chunk.size else data
    return data, zlib.crc32(data)


def unpack(data: np.ndarray, crc: int, part: np.ndarray) -> bool:
    """Check what was read of a chunk and put it into its place ``part``; whether it is what was written."""
    import pyarrow as pa

    if zlib.crc32(data.data) != crc:
        return False
    if data is not part:
        part[:] = np.frombuffer(pa.Codec("zstd").decompress(data.data, part.size, asbytes=True), np.uint8)
    return True


def all_zero(chunk: np.ndarray) -> bool:
    """Whether every bit of a chunk is zero."""
    whole = chunk.size // 8 * 8
    return not (chunk[whole:].any() or chunk[:4096].any() or chunk[:whole].view(np.uint64).any())
