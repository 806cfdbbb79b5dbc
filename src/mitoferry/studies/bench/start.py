"""How long it takes to start: import, help, library; and on request the first run on a machine, kernels compiled."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mitoferry.base.errors import MitoferryError
from mitoferry.studies.bench.part import Part, Rounds
from mitoferry.studies.bench.plates import EXPERIMENT, Tell
from mitoferry.studies.bench.record import Measure, measure

LIBRARY = (
    "from mitoferry.experiment.reader import load_experiment; from mitoferry.library.cell_types import load_cell_types; load_cell_types()"
)
COMMANDS = {
    "python": ("Python itself", ("-c", "pass")),
    "import": ("import mitoferry", ("-c", "import mitoferry")),
    "help": ("mitoferry --help", ("-m", "mitoferry", "--help")),
    "library": ("library read", ("-c", LIBRARY)),
    "check": (f"mitoferry check {EXPERIMENT}", ("-m", "mitoferry", "check", EXPERIMENT)),
}


def seconds_of(arguments: tuple[str, ...], environment: dict[str, str] | None = None, folder: Path | None = None) -> tuple[float, float]:
    """Wall and processor time of a Python process [s].

    Raises:
        MitoferryError: it failed, with what it said last.
    """
    start, before = time.perf_counter(), children_seconds()
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=os.environ | (environment or {}), cwd=folder, check=False
    )
    seconds, cpu = time.perf_counter() - start, children_seconds() - before
    if done.returncode:
        raise MitoferryError(f"python {' '.join(arguments)} failed: {done.stderr.strip()[-500:]}")
    return seconds, cpu


def children_seconds() -> float:
    """Processor time of all processes that were started and have ended [s]."""
    try:
        import resource
    except ImportError:  # Windows, whose clock is coarser
        return os.times().children_user + os.times().children_system
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class StartPart(Part):
    """Time of the smallest commands, each in a new process; the modules are in the cache of the disk."""

    name, title, preparing = "start", "start-up", 4.0

    def prepare(self, tell: Tell) -> None:
        """Once without counting, so that the disk has been read."""
        for k, (_, arguments) in enumerate(COMMANDS.values()):
            seconds_of(arguments)
            tell((k + 1) / len(COMMANDS))

    def sample(self) -> dict[str, float]:
        """Milliseconds of each."""
        which = 1 if self.setting.clock is time.process_time else 0
        return {f"start.{name}": 1e3 * seconds_of(arguments)[which] for name, (_, arguments) in COMMANDS.items()}

    def measures(self, rounds: Rounds) -> list[Measure]:
        """All of them."""
        return [measure(f"start.{name}", words, "ms", rounds[f"start.{name}"]) for name, (words, _) in COMMANDS.items()]


class ColdPart(Part):
    """The README's first run, in a new cache: with everything compiled, and the next."""

    name, title, preparing, once = "cold", "first run, kernels compiled", 140.0, True

    def prepare(self, tell: Tell) -> None:
        """Run the experiment twice."""
        which = 1 if self.setting.clock is time.process_time else 0
        self.found: dict[str, list[float]] = {"first": [], "next": []}
        with tempfile.TemporaryDirectory(prefix="mitoferry-bench-") as name:
            folder = Path(name)
            own = {"MITOFERRY_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            own |= {"NUMBA_CACHE_DIR": str(folder / "cache" / "numba")} if "NUMBA_CACHE_DIR" in os.environ else {}
            for k, kind in enumerate(("first", "next", "next")):
                arguments = ("-m", "mitoferry", "run", EXPERIMENT, "--out", f"run-{k}", "--backend", self.setting.backend)
                found = seconds_of((*arguments, "--threads", str(self.setting.threads)), own, folder)
                self.found[kind].append(found[which])
                tell((0.6, 0.8, 1.0)[k])
            kernels = list((folder / "cache").rglob("*.nbc"))
            self.kernels, self.bytes = len(kernels), sum(p.stat().st_size for p in kernels)

    def sample(self) -> dict[str, float]:
        """Nothing more."""
        return {}

    def measures(self, rounds: Rounds) -> list[Measure]:
        """Seconds of the first run and of the next, compiled kernels."""
        work = {"experiment": EXPERIMENT, "kernels": self.kernels, "bytes": self.bytes}
        first, after = self.found["first"], self.found["next"]
        return [
            measure("cold.first", f"run {EXPERIMENT}, the first", "s", first, work=work),
            measure("cold.next", "the next", "s", after, work=work),
            measure("cold.compile", "what compilation adds", "s", [first[0] - x for x in after], work=work),
        ]
