"""Platelet activation: granules and latent TGF-beta by the closed form of their chain, conserved; its causes; rest to the bit.

Faults seen to fail it, planted in a copy of the package: latent TGF-beta that is never activated; the active share taken twice; ADP left
out; tissue factor of dead cells; activated TGF-beta that does not reach the medium.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from fates import module, shared_backend, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import ADP, CELL_APOPTOTIC, TGF_BETA, Step
from mitoferry.library.cell_types import load_cell_types
from mitoferry.space.build import build_space
from nanotubes import rows_of, wells_of
from worlds import cell_type, make_spec, population

P = values("platelet_activation")
RING = [(11.2 * np.cos(a) + 100.0, 11.2 * np.sin(a) + 100.0) for a in np.arange(4) * np.pi / 2]


def stuck(tissue_factor=1.0, *, granules=1.0, backend=None):
    """A carcinoma cell (population 0) that four platelets (population 1) touch."""
    numbers = {"radius": [10.0, 1.2], "tissue_factor": [tissue_factor, 0.0], "alpha_granules": [0.0, granules]}
    return wells_of((1, 4), [(100.0, 100.0), *RING], n_wells=1, mitochondria=(2, 2), backend=backend or shared_backend(), **numbers)


def settle(world, hours, dt, p=P, *, start=0):
    """Advance, and add up what became active [ag] by platelet."""
    active = np.zeros(len(world.cells.id))
    for k in range(start, start + round(hours * 3600.0 / dt)):
        module("platelet_activation").advance(world, Step(k, int(k * dt), k * dt, dt), p)
        active += world.cells.tgf_beta_flux.astype(float) * dt
    return active


def chain(k, p, hours):
    """(stored, latent, active) shares by integration of the equations of the docstring."""

    def rates(_, y):
        return [-k * y[0], k * y[0] * (1 - p.active_share) - p.activation * y[1], p.active_share * k * y[0] + p.activation * y[1]]

    return solve_ivp(rates, (0.0, hours), [1.0, 0.0, 0.0], rtol=1e-10, atol=1e-12).y[:, -1]


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.05, False)])
@pytest.mark.parametrize("dt", [300.0, 12 * 3600.0])
@pytest.mark.parametrize("changes", [{}, {"rate": 0.4, "activation": 0.1}, {"rate": 0.2, "activation": 0.1}])
def test_granules_follow_the_closed_form_in_one_step_and_in_many(changes, dt, fault, right):
    """The last case has equal rates: half of 0.2 per hour at one cell with full tissue factor."""
    p = values("platelet_activation", tissue_factor_half=1.0, **changes)
    world = stuck()
    world.cells.env[:, ADP] = 0.0
    active = settle(world, 12.0, dt, p)
    rows = rows_of(world, 1)
    stored, latent, out = chain(0.5 * p.rate, p, 12.0)
    assert world.cells.granules[rows] == pytest.approx(np.full(4, stored), rel=1e-4, abs=1e-6)
    assert (world.cells.latent_tgf_beta[rows] == pytest.approx(np.full(4, fault * latent), rel=2e-4)) == right
    assert active[rows] == pytest.approx(np.full(4, out * p.content), rel=2e-3)
    assert active[rows] / p.content + world.cells.granules[rows] + world.cells.latent_tgf_beta[rows] == pytest.approx(np.ones(4), abs=1e-3)


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.1, False)])
@pytest.mark.parametrize(("factor", "adp"), [(1.0, 0.0), (0.0, 3.0), (0.5, 1.0), (2.0, 20.0)])
def test_tissue_factor_and_adp_are_independent_causes(factor, adp, fault, right):
    silent = P.tissue_factor_half / (P.tissue_factor_half + factor) * (1.0 - adp**2 / (adp**2 + P.adp_half**2))
    assert (module("platelet_activation").emptying(factor, adp, P) == pytest.approx(fault * P.rate * (1.0 - silent), rel=1e-9)) == right


@pytest.mark.parametrize("why", ["no tissue factor", "dead cell", "no platelet", "before time zero"])
def test_nothing_comes_of(why):
    world = stuck(0.0 if why == "no tissue factor" else 1.0, granules=0.0 if why == "no platelet" else 1.0)
    world.cells.env[:, ADP] = 0.0
    if why == "dead cell":
        world.cells.state[rows_of(world, 0)] = CELL_APOPTOTIC
    before = [c.tobytes() for c in world.cells]
    settle(world, 1.0, 300.0, start=-24 if why == "before time zero" else 0)
    assert [c.tobytes() for c in world.cells] == before


@pytest.mark.parametrize(("share", "right"), [(1.0, True), (0.8, False)])
def test_what_becomes_active_reaches_the_medium(share, right):
    """Without decay the TGF-beta of the medium is what all platelets have given."""
    world = stuck()
    world.cells.env[:, ADP] = 0.0
    world.space = build_space(world)
    cytokines = values("cytokines", decay=0.0)
    given = 0.0
    for k in range(1, 25):
        step = Step(k, 300 * k, 300.0 * k, 300.0)
        module("platelet_activation").advance(world, step, P)
        given += float(world.cells.tgf_beta_flux.astype(float).sum()) * 300.0
        module("cytokines").advance(world, step, cytokines)
    volume = 400.0 * 400.0 * 2000.0
    assert given > 0.05 * 4 * P.content
    assert (float(world.wells.cytokines[0, TGF_BETA]) == pytest.approx(share * 1000.0 * given / volume, rel=1e-3)) == right


def test_platelets_have_granules_and_blood_has_no_tissue_factor():
    types = load_cell_types()
    assert [n for n, t in types.items() if t.value("alpha_granules") > 0.0] == ["platelet"]
    assert all(types[n].value("tissue_factor") == 0.0 for n in ("platelet", "neutrophil", "t_cell", "erythrocyte", "huvec", "endothelium"))


def test_it_is_wanted_where_a_platelet_is():
    wanted = module("platelet_activation").PROCESS.at_work
    for granules in (1.0, 0.0):
        spec = make_spec([population("recipient", 0, numbers=cell_type("platelet", alpha_granules=granules))])
        assert wanted(spec) is (granules > 0.0)


def test_the_same_bytes_on_all_backends():
    found = []
    for backend in (Reference(), Cpu(threads=1), Cpu(threads=2)):
        world = stuck(backend=backend)
        settle(world, 2.0, 300.0)
        found.append([getattr(world.cells, n).tobytes() for n in ("granules", "latent_tgf_beta", "tgf_beta_flux")])
    assert found[0] == found[1] == found[2]
