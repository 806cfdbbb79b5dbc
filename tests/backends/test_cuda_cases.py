"""Every process as on a GPU: small shipped experiments, cut to a few cells and steps, give the bytes of plain Python.

``cuda_cases.py`` names the experiments and says which modules each runs. They go through the CUDA simulator, and through an emulated GPU
(``tests/emulated_gpu``) with the machine's own instructions, threads first to last and last to first; each in two processes side by side:
minutes of work. What a module launches is read from its source, so that a new process, or a new launch of an old one, has a
case here or fails.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cuda_cases import ALONE, CASES, SIDE_BY_SIDE, WELLS, Strict, all_launches, launches_of, recording, run

import emulated_gpu
from cuda_simulator import printed
from mitoferry.backends.apart import Apart
from mitoferry.backends.cpu import Cpu
from mitoferry.experiment.loop import BUILT_IN

SAME = ("state", "events", "processes")
OF_FIELDS = {"diffusion.sort_by_well", "diffusion.plan_row", "diffusion.solve_row"}.union(
    *(launches_of(f"mitoferry.space.{module}") for module in ("wide", "wide_lanes", "wide_transform", "wide_solver"))
)
"""Of the two ways to advance the fields: the CUDA backend has its own (``space/wide.py``), whose rows ``test_wide_fields.py`` names."""
ELSEWHERE = {"nanotube_links.add_links"}
"""Rows that are run only where the state lies in a memory of its own."""
TWO_WAYS = OF_FIELDS | ELSEWHERE | {"nanotube_links.add_in_order", "nanotube_links.is_free_row", "nanotube_transport.fill_queue"}
"""Rows of what is done otherwise there: lists are sorted on the host, and a launch goes through them well by well."""
SIMULATED = """
import json
from cuda_cases import CASES, recording, run
kind = recording(Cuda)
print(json.dumps({name: run(CASES[name], kind()) for name in list(CASES)[PART::2]}))
"""
EMULATED = """
import json
from cuda_cases import CASES, SIDE_BY_SIDE, WELLS, recording, run
from mitoferry.core import by_well
kind = recording(Cuda)
found = {}
for name in list(CASES)[PART::2]:
    for order in (False, True):
        gpu.backward(order)
        found[f"{name} {order}"] = run(CASES[name], kind())
by_well.FEWEST = 1
for name in SIDE_BY_SIDE[PART::2]:
    gpu.backward(bool(PART))
    found[f"{name} side by side"] = run(CASES[name], kind(), wells=WELLS)
print(json.dumps(found))
"""


def in_two(printed, code):
    """What two processes print, each of half of the cases."""
    with ThreadPoolExecutor(2) as side_by_side:
        parts = list(side_by_side.map(printed, [f"PART = {k}" + code for k in (0, 1)]))
    return {name: found for part in parts for name, found in json.loads(part.splitlines()[-1]).items()}


@pytest.fixture(scope="module")
def simulated():
    return in_two(printed, SIMULATED)


@pytest.fixture(scope="module")
def emulated():
    if emulated_gpu.missing():
        pytest.skip(emulated_gpu.missing())
    return in_two(emulated_gpu.printed, EMULATED)


@pytest.fixture(scope="module")
def reference():
    kind = recording(Strict)  # no row function may count from the end of an array: kernels of a GPU take indices as they are
    return {name: run(case, kind()) for name, case in CASES.items()}


def test_every_process_has_a_case():
    """Faults seen to fail it, planted in a copy of the package: a case taken out; a process with a row of its own put in."""
    named = {module for case in CASES.values() for module in case.of}
    assert not set(all_launches()) - named, "modules of processes that launch rows, without a case in cuda_cases.CASES"
    assert not named - set(all_launches())
    assert not set(BUILT_IN) - named


def test_every_route_and_trigger_has_a_case():
    assert len(ALONE) > 25
    assert set(ALONE) <= {case.experiment for case in CASES.values()}


@pytest.mark.parametrize("module", sorted({module for case in CASES.values() for module in case.of}))
def test_the_cases_of_a_module_run_all_of_it(module, reference):
    """Faults seen to fail it, planted: dishes in which no cell dies, in the case of dying cells; a launch added to a process."""
    launched = [set(reference[name]["launched"]) for name, case in CASES.items() if module in case.of]
    missed = all_launches()[module] - set().union(*launched) - ELSEWHERE
    assert not missed, f"{module} launches rows that no step of its cases does"


def test_rows_for_a_memory_of_its_own_are_run_there(reference):
    found = run(CASES["tubes"], recording(Apart)())
    assert set(found["launched"]) >= ELSEWHERE
    assert {k: found[k] for k in SAME} == {k: reference["tubes"][k] for k in SAME}


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_cuda_simulator_gives_the_same_bytes(name, reference, simulated):
    """Fault seen to fail it, planted in a copy of the package: what a row has written on the device is not pulled for serial rows."""
    assert {k: simulated[name][k] for k in SAME} == {k: reference[name][k] for k in SAME}
    assert set(simulated[name]["launched"]) - TWO_WAYS == set(reference[name]["launched"]) - TWO_WAYS


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_compiled_rows_give_the_same_bytes(name, reference):
    found = run(CASES[name], Cpu(threads=1))
    assert {k: found[k] for k in SAME} == {k: reference[name][k] for k in SAME}


def test_launches_are_read_from_the_source():
    assert launches_of("mitoferry.processes.delivery") >= {"delivery.advance_host", "delivery.weight_row"}
    assert launches_of("mitoferry.processes.mitophagy") >= {"mitophagy.degrade_slot", "mitophagy.degrade_finish"}


@pytest.mark.long
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_an_emulated_gpu_gives_the_same_bytes(name, backward, reference, emulated):
    """Faults seen to fail it, planted in a copy of the package: see ``test_emulated_gpu.py``."""
    found = emulated[f"{name} {backward}"]
    assert {k: found[k] for k in SAME} == {k: reference[name][k] for k in SAME}
    assert set(found["launched"]) - TWO_WAYS == set(reference[name]["launched"]) - TWO_WAYS


@pytest.mark.long
@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_wells_side_by_side_on_an_emulated_gpu_leave_what_one_thread_does(name, emulated):
    found, alone = emulated[f"{name} side by side"], run(CASES[name], Cpu(threads=1), wells=WELLS)
    assert {k: found[k] for k in SAME} == {k: alone[k] for k in SAME}
