"""Every process can be switched off, and then a run is, to the byte, that without its code; on the tiny plates of ``cuda_cases.py``."""

from dataclasses import replace

import pytest
from cuda_cases import CASES, state_of, tiny

from mitoferry.experiment.loop import BUILT_IN, load_processes

CASE_OF = {module: case for case in CASES.values() for module in case.of}


@pytest.mark.parametrize("name", BUILT_IN)
def test_switched_off_is_as_without_the_code(name):
    """Faults seen to fail it, planted in a copy of the package: ``nanotube_transport`` that runs though its switch is off."""
    spec = tiny(CASE_OF[name])
    if name == "mitophagy":  # a switch says to ``mtdna`` that nothing is degraded at rest; without the code the library does
        spec = replace(spec, parameters={**spec.parameters, "mitophagy.basal_rate": 0.0})
    off = replace(spec, switches={**spec.switches, name: "off"})
    without = [p for p in load_processes() if p.name != name]
    assert state_of(off) == state_of(spec, without)


@pytest.mark.parametrize("name", BUILT_IN)
def test_switched_on_it_does_something(name):
    """Else the test above would say nothing."""
    spec = tiny(CASE_OF[name])
    assert state_of(replace(spec, switches={**spec.switches, name: "off"})) != state_of(spec)
