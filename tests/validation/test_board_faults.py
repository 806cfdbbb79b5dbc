"""A fault planted in a mechanism turns the verdicts that depend on it, and leaves the others.

The faults go through the same jobs as the board: a process switched off, or a parameter at a value that takes its mechanism
away. A small fixed part of the board, at a well size that takes seconds.
"""

import pytest

from mitoferry.studies.board.judge import judged_card
from mitoferry.studies.board.plan import Job, PlannedCard, base_spec, experiment_of, known_cards
from mitoferry.studies.board.setting import QUICK
from mitoferry.studies.board.work import run_job
from mitoferry.studies.rules import CALIBRATED, REPRODUCED

pytestmark = pytest.mark.long
WELLS = 6  # cells of a type differ, and so do wells


def verdicts(card, folder, *, arms=(), **fault):
    """Verdict of every finding of a card, with a fault planted in the model or not."""
    arms = tuple(arms) or tuple(experiment_of(card).plans)
    share = base_spec(card, replicates=WELLS, seed=1, budget=QUICK.budget)[1]
    job = Job(card=card, arms=arms, replicates=WELLS, seed=1, share=share, **fault)
    done = run_job(job, str(folder))
    assert done.error == ""
    found = judged_card(known_cards()[card], PlannedCard(key=card, status="run", job=job), folder)
    return {int(f.id.rpartition("#")[2]): f.verdict for f in found.findings}


@pytest.fixture(scope="module")
def tubes(tmp_path_factory):
    return verdicts("tnt-thin-thick-cargo", tmp_path_factory.mktemp("whole"), arms=("coculture", "coculture_tnfaip2_kd"))


def test_without_a_fault_tubes_of_two_classes_carry(tubes):
    assert tubes[1] == tubes[2] == tubes[3] == REPRODUCED


def test_no_transport_in_nanotubes(tubes, tmp_path):
    """Tubes are there in both classes, but nothing is in them."""
    broken = verdicts("tnt-thin-thick-cargo", tmp_path, arms=("coculture",), switches=("nanotube_transport",))
    assert broken[1] == broken[2] == REPRODUCED
    assert broken[3] != REPRODUCED


def test_nanotubes_without_microtubules(tubes, tmp_path):
    """No tube ever becomes thick: there are no two classes, and none that carries more."""
    thin = {"nanotube_clocks.thickening_rate": 0.0}
    broken = verdicts("tnt-thin-thick-cargo", tmp_path, arms=("coculture",), parameters=thin)
    assert broken[1] != REPRODUCED
    assert broken[3] != REPRODUCED


def test_no_antioxidants(tmp_path):
    """Uninjured cells run away as well: what follows from the oxidants of rotenone can no longer be told from them."""
    card, arms = "ipsc-msc-cornea-rotenone", ("recipient_alone", "injured_alone")
    whole = verdicts(card, tmp_path / "whole", arms=arms)
    none = {"reactive_oxygen.scavenging_factor": 0.0, "reactive_oxygen.catalase": 0.0}
    broken = verdicts(card, tmp_path / "broken", arms=arms, parameters=none)
    of_oxidants = (5, 7)  # filopodia, NF-kB and TNFAIP2 of injured cells against uninjured ones
    assert all(whole[k] in (REPRODUCED, CALIBRATED) for k in of_oxidants)
    assert all(broken[k] not in (REPRODUCED, CALIBRATED) for k in of_oxidants)
