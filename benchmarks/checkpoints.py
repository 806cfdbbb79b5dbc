"""Checkpoints against a plain copy of the same bytes, in turn, and the memory that they take.

    python benchmarks/checkpoints.py [--mitochondria 1e7] [--folder DIR] [--repeats 3] [--minutes 10]

A plate of msc-huvec-ogd settles for some simulated minutes; its state is written as a run writes it, and beside it the
same bytes with one write per column and one fsync. Both are read back into fresh memory after the system has been told
to forget the files. The two take turns; the best of the repeats counts, as a disk shared with others is not steady.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from speed import plate

from mitoferry.backends.cpu import Cpu
from mitoferry.base.memory import peak_memory, start_peak
from mitoferry.experiment.loop import Engine
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import snapshot


def forget(path: Path) -> None:
    """Ask the system to drop a file from its cache, so that reading it reads the disk."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def plain_write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The bytes of all arrays, then one fsync."""
    with open(path, "wb", buffering=0) as file:
        for a in arrays.values():
            if a.size:
                file.write(a.reshape(-1).view(np.uint8).data)
        os.fsync(file.fileno())


def plain_read(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The same bytes, into new arrays."""
    held = []
    with open(path, "rb", buffering=0) as file:
        for a in arrays.values():
            new = np.empty(a.shape, a.dtype)
            if a.size:
                file.readinto(new.reshape(-1).view(np.uint8).data)
            held.append(new)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and bytes of memory that were taken at most beyond those held before."""
    before = start_peak()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start, peak_memory() - before


def measure(arrays: dict[str, np.ndarray], meta: dict[str, int], folder: Path, repeats: int) -> dict[str, float]:
    """Best rates [bytes of state per second] and greatest memory of writing and reading."""
    plain, size = folder / "plain.bin", sum(a.nbytes for a in arrays.values())
    taken: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    for _ in range(repeats):
        for name, work in (
            ("plain_write", lambda: plain_write(plain, arrays)),
            ("checkpoint_write", lambda: save_checkpoint(folder, arrays, meta)),
            ("plain_read", lambda: plain_read(plain, arrays)),
            ("checkpoint_read", lambda: load_checkpoint(folder)),
        ):
            for path in folder.iterdir():
                forget(path)
            seconds, peak = timed(work)
            taken.setdefault(name, []).append(seconds)
            memory[name] = max(memory.get(name, 0.0), peak)
        for path in folder.glob("checkpoint-*"):
            stored = path.stat().st_size
            path.unlink()
    rates = {f"{name}_GB_per_s": size / min(seconds) / 1e9 for name, seconds in taken.items()}
    return {"state_GB": size / 1e9, "file_GB": stored / 1e9, **rates} | {
        "write_share_of_plain": min(taken["plain_write"]) / min(taken["checkpoint_write"]),
        "read_share_of_plain": min(taken["plain_read"]) / min(taken["checkpoint_read"]),
        "write_extra_memory_MB": memory["checkpoint_write"] / 1e6,
        "read_extra_memory_MB": (memory["checkpoint_read"] - size) / 1e6,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mitochondria", type=float, default=1e7)
    parser.add_argument("--folder", default=None, help="where to write; default a new folder for temporary files")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=10, help="simulated time that the plate settles")
    a = parser.parse_args()
    engine = Engine(plate(a.mitochondria), Cpu())
    if a.minutes:
        engine.burn_in(60 * a.minutes)
    else:  # the state as it was seeded
        engine.world.ledger.open(engine.world)
    arrays, meta = snapshot(engine.world)
    folder = Path(tempfile.mkdtemp(prefix="mitoferry-", dir=a.folder))
    try:
        n = int(engine.world.cells.n_mitochondria.sum())
        print(json.dumps({"mitochondria": n} | measure(arrays, meta, folder, a.repeats), indent=2))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
