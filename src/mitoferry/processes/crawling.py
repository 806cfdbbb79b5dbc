"""Crawling: the leading edge of a cell needs ATP and ERK, and HGF and TGF-beta drive epithelium and carcinoma.

Mechanism, for every living cell of a type that crawls (``speed`` above 0): the factor ``cells.motility``, by which ``motion`` multiplies
the persistent walk, is

    m = e(ATP) x (1 + erk_gain (ERK - 1))+ x (1 + motogen_gain x scatter x (1 - (1 - R_HGF)(1 - R_TGF))) x VEGF,

* e(ATP) = Hill2(ATP, half)/Hill2(resting ATP, half), 1 at rest: actin at the leading edge, myosin and the pumps of the volume of a cell
  burn ATP, which saturates them at rest and fails them when it is short;
* ERK, 1 at rest: raised by arrivals that stay without function (``erk_signalling``), lowered by inhibitors of MEK;
* R: occupancies of the receptors of HGF (scatter factor) and TGF-beta by what the medium of the well holds (``cytokines``), in types that
  answer them (``scatter`` 1: epithelium and carcinoma; 0 in all others); stromal cells, fibroblasts and regulatory T cells secrete them;
* VEGF: what ``vessel`` gives endothelium, 1 for all other cells.

So a cell that is short of ATP crawls more slowly, and faster again when mitochondria of another restore it; nothing moves it at rest.

Sources (from memory): crawling takes ATP in proportion to the work that confinement asks for, Zanotelli 2018 Mol Biol Cell and 2019 Nat
Commun; mitochondria are sent to the leading edge, Cunniff 2016 Mol Biol Cell; ERK drives crawling by myosin light chain kinase and
adhesion turnover, Klemke 1997 J Cell Biol, Matsubayashi 2004 Curr Biol; HGF scatters epithelium, Stoker 1987 Nature; TGF-beta makes
carcinoma migrate, Xu 2009 Cell Res. Half-maximal ATP and gains are modelling choices.

Assumptions: HGF and TGF-beta act at once, with no transition that lasts; ``cytokines`` follows them wherever a cell that answers them
may meet one that secretes them; one ATP for the whole cell, no supply of its own for the edge; no matrix
that would ask for more work; set every five minutes and held between. No state: the factor is that of the signals of the moment,
without step error. Wanted wherever a cell crawls.
Verification: ``tests/verification/test_crawling.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import RECEPTOR_HGF, RECEPTOR_TGF_BETA
from mitoferry.processes.rest import alive, energy


class Parameters(NamedTuple):
    """Library: ``crawling.*``."""

    atp_half: float  # share of resting ATP
    erk_gain: float
    motogen_gain: float


@row
def motogens(g, groups):
    """Response 0..1 of the cells of group ``g`` to HGF and TGF-beta of the medium."""
    hgf = float(groups.receptors[g, RECEPTOR_HGF])
    return float(groups.scatter[g]) * (1.0 - (1.0 - hgf) * (1.0 - float(groups.receptors[g, RECEPTOR_TGF_BETA])))


@row
def crawling_factor(i, cells, groups, p):
    """Crawling speed of cell ``i`` relative to rest."""
    erk = max(1.0 + p.erk_gain * (float(cells.erk[i]) - 1.0), 0.0)
    driven = 1.0 + p.motogen_gain * motogens(int(cells.group[i]), groups)
    return energy(float(cells.atp[i]), p.atp_half) * erk * driven * float(cells.vegf_crawling[i])


@row
def crawling_row(i, cells, groups, p):
    """Factor of the crawling of cell ``i``."""
    if not alive(int(cells.state[i])) or float(groups.speed[int(cells.group[i])]) <= 0.0:
        return
    cells.motility[i] = crawling_factor(i, cells, groups, p)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Set the factor of every cell that crawls."""
    world.backend.each(crawling_row, world.n_cells, world.cells, world.groups, p)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run crawls."""
    return bool(spec.has_cells_with("speed"))


PROCESS = Process(name="crawling", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
