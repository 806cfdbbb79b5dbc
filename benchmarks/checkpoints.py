"""Checkpoints against a plain copy of the same bytes, in turn, and the memory that they take.

    python benchmarks/checkpoints.py [--mitochondria 1e7] [--folder DIR] [--repeats 3] [--minutes 10] [--arm ARM]
        [--damage]

A plate of msc-huvec-ogd settles for some simulated minutes; its state is written as a run writes it, and beside it the
same bytes with one write per column and one fsync. Both are read back into fresh memory after the system has been told
to forget the files. The two take turns; the best of the repeats counts, as a disk shared with others is not steady. The
state is let go before it is read back: 10^8 mitochondria take 5 GB. With --damage the last checkpoint is then spoiled in
several ways, one after the other, and each must be refused.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import numpy as np
from speed import plate

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import CheckpointError
from mitoferry.base.memory import peak_memory, start_peak
from mitoferry.experiment.loop import Engine
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import hollow, snapshot


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
            view = memoryview(a.reshape(-1).view(np.uint8).data if a.size else b"")
            while view:
                view = view[file.write(view) :]
        os.fsync(file.fileno())


def plain_read(path: Path, kinds: dict[str, tuple[tuple[int, ...], np.dtype]]) -> None:
    """The same bytes, into new arrays."""
    held = []
    with open(path, "rb", buffering=0) as file:
        for shape, dtype in kinds.values():
            new = np.empty(shape, dtype)
            if new.size:
                fill(file, new.reshape(-1).view(np.uint8).data)
            held.append(new)


def fill(file: FileIO, view: memoryview) -> None:
    """Read until ``view`` is full: one call of the system gives 2 GB at most."""
    while view:
        n = file.readinto(view)
        if not n:
            raise EOFError(f"{file.name} is shorter than what was written")
        view = view[n:]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and bytes of memory that were taken at most beyond those held before."""
    before = start_peak()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start, peak_memory() - before


def measure(arrays: dict[str, np.ndarray], meta: dict[str, int], folder: Path, repeats: int) -> dict[str, float]:
    """Best rates [bytes of state per second] and greatest memory of writing and reading; ``arrays`` is emptied."""
    plain, size = folder / "plain.bin", sum(a.nbytes for a in arrays.values())
    kinds = {name: (a.shape, a.dtype) for name, a in arrays.items()}
    taken: dict[str, list[float]] = {}
    memory: dict[str, float] = {}

    def read() -> None:
        arrays.update(load_checkpoint(folder)[0])

    for repeat in range(repeats):
        for name, work in (
            ("plain_write", lambda: plain_write(plain, arrays)),
            ("checkpoint_write", lambda: save_checkpoint(folder, arrays, meta)),
            ("plain_read", lambda: plain_read(plain, kinds)),
            ("checkpoint_read", read),
        ):
            if name == "plain_read":
                arrays.clear()
            for path in folder.iterdir():
                forget(path)
            seconds, peak = timed(work)
            taken.setdefault(name, []).append(seconds)
            memory[name] = max(memory.get(name, 0.0), peak)
        for path in folder.glob("checkpoint-*"):
            stored = path.stat().st_size
            if repeat < repeats - 1:
                path.unlink()
    arrays.clear()
    plain.unlink()
    rates = {f"{name}_GB_per_s": size / min(seconds) / 1e9 for name, seconds in taken.items()}
    return {"state_GB": size / 1e9, "file_GB": stored / 1e9, **rates} | {
        "write_share_of_plain": min(taken["plain_write"]) / min(taken["checkpoint_write"]),
        "read_share_of_plain": min(taken["plain_read"]) / min(taken["checkpoint_read"]),
        "write_extra_memory_MB": memory["checkpoint_write"] / 1e6,
        "read_extra_memory_MB": (memory["checkpoint_read"] - size) / 1e6,
    }


def spoiled(folder: Path) -> dict[str, str]:
    """What is said of the checkpoint in ``folder`` when it is spoiled; it is mended after each."""
    (path,) = folder.glob("checkpoint-*")
    size, said = path.stat().st_size, {}
    for what, at in (("foreign start", 0), ("one bit, first tenth", size // 10), ("one bit, middle", size // 2), ("index", size - 40)):
        with open(path, "r+b") as file:
            file.seek(at)
            was = file.read(1)
            file.seek(at)
            file.write(bytes([was[0] ^ 16]))
        said[what] = refusal(folder)
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(was)
    for what, length in (("last byte missing", size - 1), ("cut in half", size // 2)):
        os.truncate(path, length)
        said[what] = refusal(folder)
    return said


def refusal(folder: Path) -> str:
    """The message and how long it took to come.

    Raises:
        AssertionError: the checkpoint was taken for a good one.
    """
    start = time.perf_counter()
    try:
        load_checkpoint(folder)
    except CheckpointError as error:
        return f"{time.perf_counter() - start:.1f} s: {str(error).replace(str(folder), '')}"
    raise AssertionError("a spoiled checkpoint was read")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mitochondria", type=float, default=1e7)
    parser.add_argument("--folder", default=None, help="where to write; default a new folder for temporary files")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--arm", default="", help="only this arm: arms begin alike, which packs better than a plate later on")
    parser.add_argument("--damage", action="store_true", help="spoil the checkpoint in several ways and see each refused")
    parser.add_argument("--minutes", type=int, default=10, help="simulated time that the plate settles")
    a = parser.parse_args()
    arrays, meta = state(a.mitochondria, a.minutes, a.arm)
    n = int(arrays["cells/n_mitochondria"].sum())
    folder = Path(tempfile.mkdtemp(prefix="mitoferry-", dir=a.folder))
    try:
        found = measure(arrays, meta, folder, a.repeats)
        print(json.dumps({"mitochondria": n} | found | ({"spoiled": spoiled(folder)} if a.damage else {}), indent=2))
    finally:
        shutil.rmtree(folder)


def state(mitochondria: float, minutes: int, arm: str) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The arrays of a plate that has settled for some minutes, or of one as it was seeded, and their counters."""
    backend = Cpu()
    engine = Engine(plate(mitochondria, arm=arm), backend)
    if minutes:
        engine.burn_in(60 * minutes)
    else:
        engine.world.ledger.open(engine.world)
    arrays, meta = snapshot(engine.world)
    hollow(engine.world)  # the backend remembers tables
    return arrays, meta


if __name__ == "__main__":
    main()
