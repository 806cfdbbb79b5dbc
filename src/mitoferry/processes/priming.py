"""Priming for apoptosis: what a cell has been through lately, between the stress and the release of cytochrome c.

A stress does not open the outer membrane of mitochondria by itself. Two amounts stand between them (rates per hour):

* BH3-only proteins (PUMA, NOXA, BIM) that H2O2, damaged mitochondria and lesions of DNA call for follow with the time constant tau of
  their synthesis and breakdown; ``cells.primed`` is the hazard that they amount to,

      primed' = (f - primed)/tau,    f = h1 Hill4(H2O2/(K1 x)) + h2 Hill4(delta/(K2 x)) + h6 Hill4(D/x)

  with delta the mean damage, D lesions of DNA, x what the outer membrane of this cell withstands (``cell_variation``). A stress that
  lasts ends at the hazard f; one that is over after a tenth of tau leaves a tenth of it, which wears off over hours;
* own mitochondria whose pore stays open swell until they burst; ``cells.burst`` is their share, at a share o with open pores

      burst' = k o (1 - burst) - burst/tau_b

  and only where a third of them have lost their cytochrome c does it set the caspases going: h5 Hill4(burst/(B x)).

So a cell dies hours after a stress that it has overcome in the meantime, or not at all, and what happens to it in these hours counts.

Sources: single cells release cytochrome c hours after a stress, at times that differ from cell to cell, and minutes before they
execute (Spencer 2009 Nature 459:428, from memory); the few mitochondria that a cell can lose without dying: Ichim 2015 Mol Cell (from
memory). Time constants are orders of magnitude, strengths modelling choices (``death.*`` of the library).
Assumptions: one kind of BH3-only protein; burst mitochondria are not taken off the working ones, which an open pore already is.
Step error: none for a constant stress (exponential integrator); the hazard is that at the end of the step, O(dt/tau).
Verification: ``tests/verification/test_priming.py``.
"""

from __future__ import annotations

from mitoferry.core.maths import approach, hill4
from mitoferry.core.row import row


@row
def called_for(h2o2, damage, lesions, p):
    """Hazard [1/h] at which a lasting stress would end; H2O2 [uM], mean damage and lesions relative to what the cell withstands."""
    oxidants = p.h2o2_hazard * hill4(h2o2, p.h2o2_half)
    return oxidants + p.damage_hazard * hill4(damage, p.damage_half) + p.dna_hazard * hill4(lesions, p.dna_half)


@row
def swollen(burst, opened, hours, p):
    """Share of burst mitochondria ``hours`` later, at a share ``opened`` with open pores."""
    gain = p.burst_rate * opened
    return approach(burst, gain, gain + 1.0 / p.burst_recovery, hours)
