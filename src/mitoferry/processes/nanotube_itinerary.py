"""The way of one mitochondrion through a nanotube: runs, pauses and reversals, sampled exactly.

Mechanism: at the end where it enters, the mitochondrion is on a track and moves inwards. It moves at the speed of its
track (microtubule or actin), lets go at k_off, rests, takes a track again at k_on (direction kept) and reverses at
rates that keep a share P_b of the running time on microtubules directed to end b,

    P_b = q p + (1 - q)(1 - p),  reversal b-wards 2 a P_b, a-wards 2 a (1 - P_b),

with p the share of microtubules whose plus end is at b and q the share of runs by kinesin. It leaves where it reaches
an end; at the end where it entered it may turn round instead. Without reversals the passage time over L has mean
(L/v)(1 + k_off/k_on) and variance 2 (L/v) k_off/k_on^2; with reversals only (p = 1/2, reflecting entrance) it has mean
L/v + a L^2/v^2.

Assumptions: rates of the moment of loading hold for the whole way (minutes); mitochondria do not hinder one another
but for the order of leaving in narrow tubes. Step error: none (renewal process, no time step).
Verified by F12 (tests/verification/test_nanotube_transit.py).
Sources: diffusive and directed cargo in nanotubes, Suhail 2013 Bull Math Biol 75:1400; both tracks, Halasz 2024 Cells.
"""

from __future__ import annotations

from mitoferry.core.maths import exp, power
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.streams import NANOTUBE_TRANSIT

STUCK = 1e15  # s: it does not leave before the tube is lost
MAX_RUNS = 20000


@row
def share_towards_b(polarity, kinesin_share):
    """Share of microtubule runs directed to end b."""
    return kinesin_share * polarity + (1.0 - kinesin_share) * (1.0 - polarity)


@row
def passage_chance(diameter, mass, passage_diameter, passage_width):
    """Probability that a mitochondrion of ``mass`` units gets into a tube of ``diameter`` [um]."""
    needed = passage_diameter * power(max(mass, 1e-6), 1.0 / 3.0)
    if diameter >= needed:
        return 1.0
    if diameter <= 0.0:
        return 0.0
    return exp(-(needed / diameter - 1.0) / passage_width)


@row
def itinerary(length, from_b, to_b, speed, actin_speed, k_off, k_on, k_on_actin, reversal, reflection, key0, key1, birth, ordinal, step):
    """Duration [s] and end (0 = a, 1 = b) of the way of a mitochondrion that enters at end ``from_b``.

    The tube has ``length`` [um]; the share ``to_b`` of the microtubule runs goes to b; ``speed`` and ``actin_speed`` [um/s]
    are those on the two tracks. ``k_off``, ``k_on``, ``k_on_actin`` [1/s]: letting go, taking a microtubule, taking actin;
    ``reversal`` [1/s] is the rate a without polarity, ``reflection`` the chance to turn round at the end of entry.
    """
    forward = from_b == 0
    position = 0.0
    if from_b != 0:
        position = length
    time = 0.0
    taking = k_on + k_on_actin
    if taking <= 0.0:
        return STUCK, 1 - from_b
    u, _, _, _ = uniform4(key0, key1, birth, ordinal, NANOTUBE_TRANSIT, step, 0)
    on_actin = u * taking >= k_on
    for k in range(MAX_RUNS):
        u, v, s, z = uniform4(key0, key1, birth, ordinal, NANOTUBE_TRANSIT, step, k + 1)
        v_track = speed
        turning = 2.0 * reversal * ((1.0 - to_b) if forward else to_b)
        if on_actin:
            v_track = actin_speed
            turning = reversal
        if v_track <= 0.0:
            return STUCK, 1 - from_b
        way = length - position if forward else position
        run = way / v_track
        rate = k_off + turning
        stop = 2.0 * run + 1.0
        if rate > 0.0:
            stop = exponential_from(u) / rate
        if stop >= run:
            time = time + run
            reached = 1 if forward else 0
            if reached != from_b or v >= reflection:
                return time, reached
            forward = not forward
            position = length if reached == 1 else 0.0
        else:
            time = time + stop
            position = position + (v_track * stop if forward else -v_track * stop)
            if v * rate < k_off:
                time = time + exponential_from(s) / taking
                on_actin = z * taking >= k_on
            else:
                forward = not forward
        if time > STUCK:
            return STUCK, 1 - from_b
    return STUCK, 1 - from_b
