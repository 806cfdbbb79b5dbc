"""Whole runs with ``--backend cuda``, from the command line, on an emulated GPU: the results of the CPU, killed and resumed or not.

Minutes the first time, for the kernels are compiled.
"""

import signal

import pytest

import emulated_gpu
from runs import content, manifest, mitoferry, start, tiny, wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(emulated_gpu.missing()), reason=emulated_gpu.missing() or "-"),
]
ON_GPU = {"module": "emulated_gpu", "PYTHONPATH": str(emulated_gpu.TESTS)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The tiny experiment on the CPU and on the GPU."""
    folder = tmp_path_factory.mktemp("runs")
    file = tiny(folder)
    mitoferry("run", file, "--out", folder / "cpu")
    mitoferry("run", file, "--out", folder / "gpu", "--backend", "cuda", **ON_GPU)
    return folder


def test_same_results(runs):
    assert manifest(runs / "gpu")["backend"] == "cuda"
    assert content(runs / "gpu") == content(runs / "cpu")


def test_the_second_run_compiles_nothing(runs, tmp_path):
    mitoferry("run", tiny(tmp_path), "--out", tmp_path / "again", "--backend", "cuda", **ON_GPU, EMULATED_GPU_COMPILES="no")
    assert content(tmp_path / "again") == content(runs / "cpu")


@pytest.mark.parametrize("then", ["cuda", "cpu"])
def test_killed_and_resumed(runs, tmp_path, then):
    run = tmp_path / "killed"
    with start("run", tiny(tmp_path), "--out", run, "--backend", "cuda", **ON_GPU) as process:
        assert wait_for(lambda: list(run.glob("checkpoints/*.bin")), process)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    mitoferry("resume", run, "--backend", then, **(ON_GPU if then == "cuda" else {}))
    assert content(run) == content(runs / "cpu")


def test_doctor_finds_it():
    assert "cuda: yes" in mitoferry("doctor", **ON_GPU).stdout


MEMORY = """
import warnings
warnings.simplefilter("ignore")
from mitoferry.experiment.estimate import estimate
from mitoferry.experiment.loop import Engine
from mitoferry.studies.bench.plates import experiment_plate
spec = experiment_plate(1e5, {"cells.donor.added": "0 h"}, "")
engine = Engine(spec, Cuda())
engine.burn_in(300)
for _ in range(4):
    engine.advance()
print(gpu.counted("highest"), estimate(spec).device)
"""


def test_memory_of_the_gpu_is_what_the_estimate_says():
    highest, said = map(float, emulated_gpu.printed(MEMORY, exact=False).splitlines()[-1].split())
    assert highest > 2e7
    assert 0.85 < said / highest < 1.3
