"""A healthy cell of any type rests for seven days (B11.2): no drift, no death, at the values of the library and over the priors.

Faults seen to fail, planted as parameters or as wells: a loop gain above 1 (half-maximal damage at 6 nM), neurons whose antioxidant
enzymes are those of a stromal cell (the library before they followed the type: NF-kB, NADPH oxidase and damage fed each other), a
hazard that healthy cells do not have, more deaths than the permitted hazard explains, one cell of twenty that runs away.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, poisson

from mitoferry.library.cell_types import cell_type, load_cell_types
from mitoferry.library.draws import draw_parameters
from mitoferry.studies.rest import library_types, rest_plate, run_rest, why_not
from mitoferry.studies.rest_judge import LIMITS, SIGNALS, TypeWeek, judge
from mitoferry.studies.rest_page import LARGE, one_draw, share_of_draws, share_of_weeks

COARSE = (600, 600, 600)
FEW = ("bm_msc", "huvec", "cortical_neuron", "t_cell", "a549_rho0", "erythrocyte")
DRAWN = ("bm_msc", "huvec", "t_cell", "astrocyte", "white_adipocyte", "alveolar_macrophage")
ALPHA = 1e-3
RESTING = tuple(name for name, record in load_cell_types().items() if name not in LARGE and not why_not(record))


def faulty(spec):
    """Neurons with the enzymes of a stromal cell."""
    arms = []
    for arm in spec.arms:
        population = arm.populations[0]
        numbers = replace(population.cell_type, antioxidant_level=1.0)
        arms.append(replace(arm, populations=(replace(population, cell_type=numbers),)))
    return replace(spec, arms=tuple(arms))


def broken(spec, every=12 * 3600):
    return {w.cell_type: judge(w) for w in run_rest(spec, every=every)}


def test_some_types_rest_for_two_days():
    assert not {k: v for k, v in broken(rest_plate(library_types(FEW), days=2, clocks=COARSE)).items() if v}


def test_planted_faults_are_seen():
    neurons = library_types(["cortical_neuron"])
    assert broken(faulty(rest_plate(neurons, days=1, clocks=COARSE)))["cortical_neuron"]
    loop = rest_plate(library_types(["bm_msc"]), {"damage.oxidant_half": 0.006}, days=2, clocks=COARSE)
    assert any("damage" in x for x in broken(loop)["bm_msc"])


def quiet(**series):
    """A week of a cell that rests, with ``series`` in place of what they name."""
    hours = np.arange(2.0, 169.0, 6.0)
    rest = {"atp": 2.9, "psi": 156.0, "h2o2": 0.005, "damage": 0.01, "number": 1.0, "mass": 1.0, "copies": 5.0, "programme": 0.0}
    values = {k: np.full(hours.size, x) for k, x in {**rest, **dict.fromkeys(SIGNALS, 0.0)}.items()}
    values |= {k: np.linspace(values[k][0], x, hours.size) for k, x in series.items()}
    return TypeWeek(
        name="a", cell_type="a", hours=hours, series=values, seeded=4, dead=0, mitochondria=1600.0, copies=5.0, cell_hours=4 * 166.0
    )


@pytest.mark.parametrize(
    ("name", "end"),
    [("atp", 2.7), ("psi", 150.0), ("h2o2", 0.03), ("damage", 0.2), ("number", 0.7), ("mass", 1.4), ("copies", 2.0), ("nfkb", 0.3),
     ("sting", 0.3), ("lipid_peroxide", 0.3), ("polarisation", 0.3), ("senescent", 0.3), ("pgc1a_own", 0.3), ("motility", 0.3)],
)  # fmt: skip
def test_every_drift_is_judged(name, end):
    assert judge(quiet()) == []
    assert judge(quiet(**{name: end}))
    assert LIMITS.atp == 0.05


def test_deaths_are_judged_by_what_the_permitted_hazard_explains():
    """Alpha 1e-3: of 20 cells at 3e-4 per hour for a week one is expected to die, six or more do in one week of 1,700."""
    week = replace(quiet(), seeded=20, cell_hours=20 * 168.0)
    assert not judge(replace(week, dead=1))
    assert judge(replace(week, dead=7))
    assert judge(replace(week, hazard_hours=2.0 * LIMITS.hazard * week.cell_hours))
    assert not judge(replace(week, hazard_hours=0.9 * LIMITS.hazard * week.cell_hours))
    assert judge(replace(week, most_h2o2=0.2))  # one cell that runs away
    permitted = LIMITS.hazard * week.cell_hours
    reached = next(k for k in range(30) if judge(replace(week, dead=k)))
    assert poisson.sf(reached - 1, permitted) < ALPHA < poisson.sf(reached - 2, permitted)


def test_number_may_rise_by_what_arrivals_call_for_and_peroxide_may_dip():
    assert judge(quiet(number=1.35))
    assert not judge(quiet(number=1.35, programme=0.3))
    dip = quiet()
    dip.series["lipid_peroxide"] = np.where(np.abs(dip.hours - 140.0) < 12.0, 0.1, 0.3)
    assert not judge(dip)


def test_who_is_not_expected_to_rest_follows_from_the_record_of_the_type():
    reasons = {name: why_not(record) for name, record in load_cell_types().items() if why_not(record)}
    assert reasons.pop("melas_fibroblast") == "mutant mtDNA"
    assert "dies by itself" in reasons.pop("neutrophil")
    assert "mitochondria" in reasons.pop("platelet")
    assert reasons
    assert all(cell_type(name).rho0 for name in reasons)
    assert not why_not(cell_type("erythrocyte"))


def test_intervals_of_shares_are_of_draws_and_not_of_weeks():
    """Types of a draw are not independent: one bad draw of ten, with ten types each, is one in ten, not one in a hundred."""
    draws = [[True] * 10] * 9 + [[False] * 10]
    share, low, high = share_of_weeks(draws)
    assert share == pytest.approx(0.9)
    assert low < 0.75
    assert high == 1.0
    assert share_of_draws(draws)[:2] == (9, 10)
    assert share_of_draws([[True, True]] * 300)[2] > 0.98


def test_types_rest_for_two_days_in_a_draw():
    """A draw of all parameters, with types that were short of ATP or shed their mitochondria in many draws before that was mended."""
    draw = draw_parameters(24, 8)[20] | {"seeding.rest_damage": 0.005}  # near where damage rests with this draw, as two days are short
    assert not {k: v for k, v in broken(rest_plate(library_types(DRAWN), draw, days=2, clocks=COARSE, seed=9)).items() if v}


@pytest.mark.long
def test_every_type_rests_for_a_week():
    """At the values of the library; eggs for two days."""
    found = {k: v for k, v in broken(rest_plate(library_types(RESTING), clocks=(300, 300, 600))).items() if v}
    found |= {k: v for k, v in broken(rest_plate(library_types(["oocyte"]), days=2, clocks=COARSE)).items() if v}
    assert not found


@pytest.mark.long
def test_nothing_but_the_base_hazard_kills():
    """Endothelial cells of 40 wells die by the exponential law of the base hazard within two sides of alpha 1e-3."""
    spec = rest_plate(library_types(["huvec"]), days=3, clocks=COARSE)
    spec = replace(spec, replicates=40, parameters={**spec.parameters, "death.base_hazard": 0.005})
    weeks = run_rest(spec, every=24 * 3600)
    n, dead = sum(w.seeded for w in weeks), sum(w.dead for w in weeks)
    low, high = binom.interval(1.0 - ALPHA, n, -np.expm1(-0.005 * 72.0))
    assert low <= dead <= high


@pytest.mark.long
def test_share_of_draws_in_which_cells_rest():
    """Eight draws of all parameters, a third of the types in each, another seed than those of docs/rest.md.

    At 99 % of the weeks about two of these fail, mostly several types of one draw together; eight are four in each of two draws, or a
    chance of 1e-3 if none hung together. With the demand and ranges of before 7 % of the weeks failed, here a dozen.
    """
    weeks = [o for k, draw in enumerate(draw_parameters(8, 11)) for o in one_draw(RESTING, draw, k, 8, 11, vary=False)]
    assert len(weeks) > 150
    assert sum(bool(o["broken"]) for o in weeks) <= 8, [o for o in weeks if o["broken"]]


@pytest.mark.long
@pytest.mark.parametrize(("nrf2", "rest"), [({}, True), ({"reactive_oxygen.nrf2_gain": 0.0}, False)])
def test_cells_that_differ_rest_as_well(nrf2, rest):
    """Cells of all types in which antioxidants and thresholds differ, for three days: hardly one is lost. Fault: Nrf2 does not answer."""
    types = library_types(RESTING)
    weeks = run_rest(rest_plate(types, nrf2, days=3, clocks=(300, 300, 600), varied=True), every=24 * 3600)
    lost, seeded = sum(w.dead for w in weeks), sum(w.seeded for w in weeks)
    assert seeded > 300
    assert (lost < 0.02 * seeded) == rest
