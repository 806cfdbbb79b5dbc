"""What a macro-step of the CUDA backend costs Python: launches, copies, memory taken. On an emulated GPU, so no GPU is needed.

``python benchmarks/cuda_host.py``: the flagship experiment with donors from the start, some 4e5 mitochondria. Kernels run on the processor
and are taken off, so what is left is what a GPU would wait for. Linux on x86-64 with gcc; a minute, and two more the first time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import emulated_gpu

BEFORE = 70  # steps until what is rare has been launched, too


def main() -> None:
    """Run steps, and print what each cost besides its kernels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if emulated_gpu.compiler() is None:
        sys.exit("the emulated GPU needs gcc")
    gpu = emulated_gpu.turn_on()
    if emulated_gpu.missing():
        sys.exit(emulated_gpu.missing())
    from mitoferry.backends.cuda import Cuda
    from mitoferry.experiment.loop import Engine
    from mitoferry.studies.bench.plates import experiment_plate

    engine = Engine(experiment_plate(1e5, {"cells.donor.added": "0 h"}, ""), Cuda())
    engine.burn_in(600)
    for _ in range(BEFORE):
        engine.advance()
    counted = ("launches", "copies", "allocations")
    before, spent = {what: gpu.counted(what) for what in counted}, []
    for _ in range(given.steps):
        start, kernels = time.perf_counter(), gpu.counted("at_work")
        engine.advance()
        spent.append(time.perf_counter() - start - (gpu.counted("at_work") - kernels) / 1e9)
    each = {what: (gpu.counted(what) - before[what]) / given.steps for what in counted}
    middle, lowest = statistics.median(spent), min(spent)
    print(f"per macro-step of {engine.world.n_cells} cells:", ", ".join(f"{n:.0f} {what}" for what, n in each.items()))
    print(f"host: median {1e3 * middle:.1f} ms, lowest {1e3 * lowest:.1f} ms; {1e6 * lowest / each['launches']:.0f} us per launch")


if __name__ == "__main__":
    main()
