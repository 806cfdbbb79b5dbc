"""What the kernels of an experiment would take of a GPU: registers, stack, bytes spilled. No GPU is needed.

``python benchmarks/cuda_kernels.py msc-huvec-ogd --hours 1``; needs the wheels nvidia-nvvm and nvidia-cuda-nvcc.
"""

from __future__ import annotations

import argparse
import time

from mitoferry.backends.cuda_code import TARGET, Compiling
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve

REGISTERS = 65536  # of a multiprocessor
MOST = 2048  # threads that it can hold


def main() -> None:
    """Run an experiment for a while, and print a line for each kernel that it launched."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="?", default="msc-huvec-ogd")
    parser.add_argument("--hours", type=float, default=1.0, help="simulated hours; rare kernels are launched late")
    given = parser.parse_args()
    backend, start = Compiling(), time.perf_counter()
    engine = Engine(resolve(load_experiment(given.experiment)), backend)
    engine.world.space.wide = True  # the fields as a GPU advances them
    engine.burn_in(600)
    while not engine.finished and engine.tick < 3600 * given.hours:
        engine.advance()
    print(f"{given.experiment}: {len(backend.kernels)} kernels for sm_{TARGET[0]}{TARGET[1]}, {time.perf_counter() - start:.0f} s")
    print(f"{'kernel':60} registers  stack  spilled  threads of a multiprocessor")
    for kernel in sorted(backend.kernels.values(), key=lambda k: -k.registers):
        held = min(MOST, REGISTERS // max(kernel.registers, 1) // 32 * 32)
        print(f"{kernel.name:60} {kernel.registers:9} {kernel.stack:6} {kernel.spilled:8}  {held:5} ({held / MOST:.0%})")


if __name__ == "__main__":
    main()
