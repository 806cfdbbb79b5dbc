"""Hand-over: a mitochondrion changes its host. The one function through which every route must go.

Writes the ledger row (event log), the counts of both cells, place and route of the mitochondrion.
"""

from __future__ import annotations

from mitoferry.core.events import EVENT_HANDOVER, EVENT_LOADED, EVENT_WASHED
from mitoferry.core.pages import move, remove
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CLASS_MASK,
    CLASS_SHIFT,
    DAMAGE_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    DOUBLE_MEMBRANE,
    ENDOSOME,
    FUSED,
    IN_TRANSIT,
    MASS_SCALE,
    N_HAPLOTYPES,
    PLACE_MASK,
    PLACE_SHIFT,
    PSI_OFFSET_SCALE,
    PULSED,
    ROUTE_MASK,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
    WITHOUT_POTENTIAL,
)


@row
def potential(mitochondria, cells, owner, slot):
    """Membrane potential [mV] of the mitochondrion in ``slot``: that of its energy class less its own offset."""
    flags = int(mitochondria.flags[slot])
    if flags & WITHOUT_POTENTIAL != 0:
        return 0.0
    k = (flags >> CLASS_SHIFT) & CLASS_MASK
    return float(cells.psi[owner, k]) - PSI_OFFSET_SCALE * int(mitochondria.psi_offset[slot])


@row
def write_event(n, events, kind, well, time, route, cells, source, target, mitochondria, slot, psi, link):
    """Write event ``n`` of the buffer, which has room for it; ``slot`` < 0 leaves the mitochondrion's columns at 0."""
    events.kind[n] = kind
    events.well[n] = well
    events.time[n] = time
    events.route[n] = route
    events.source[n] = source
    events.target[n] = target
    events.source_id[n] = 0
    events.target_id[n] = 0
    events.source_population[n] = 255
    events.target_population[n] = 255
    if source >= 0:
        events.source_id[n] = cells.id[source]
        events.source_population[n] = cells.population[source]
    if target >= 0:
        events.target_id[n] = cells.id[target]
        events.target_population[n] = cells.population[target]
    events.birth[n] = 0
    events.ordinal[n] = 0
    events.mass[n] = 0.0
    events.damage[n] = 0.0
    for k in range(N_HAPLOTYPES):
        events.copies[n, k] = 0
    if slot >= 0:
        events.birth[n] = mitochondria.birth[slot]
        events.ordinal[n] = mitochondria.ordinal[slot]
        events.mass[n] = MASS_SCALE * int(mitochondria.mass[slot])
        events.damage[n] = DAMAGE_SCALE * int(mitochondria.damage[slot])
        for k in range(N_HAPLOTYPES):
            events.copies[n, k] = mitochondria.copies[slot, k]
    events.psi[n] = psi
    events.link[n] = link


@row
def log_event(events, kind, well, time, route, cells, source, target, mitochondria, slot, psi, link):
    """Append one event; ``slot`` < 0 leaves the mitochondrion's columns at 0. A full buffer counts what it refused.

    ``events.count`` has one pair of entries, or one for each well (``core/by_well.py``).
    """
    at = 2 * int(well) if len(events.count) > 2 else 0
    n = int(events.count[at])
    if n >= len(events.kind):
        events.count[at + 1] += 1
        return
    events.count[at] = n + 1
    write_event(n, events, kind, well, time, route, cells, source, target, mitochondria, slot, psi, link)


@row
def set_place(mitochondria, slot, place, energy_class, route):
    """Write place, energy class and route of a mitochondrion and forget what it was in its last host."""
    flags = int(mitochondria.flags[slot])
    flags = flags & ~(PLACE_MASK << PLACE_SHIFT) & ~(CLASS_MASK << CLASS_SHIFT) & ~(ROUTE_MASK << ROUTE_SHIFT)
    flags = flags & ~PULSED & ~FUSED
    flags = flags | (place << PLACE_SHIFT) | (energy_class << CLASS_SHIFT) | (route << ROUTE_SHIFT)
    mitochondria.flags[slot] = flags


@row
def load_into_transit(mitochondria, pages, cells, events, slot, pool, time, route, link_id):
    """Take a mitochondrion out of its cell into the transit pool ``pool``; returns its new slot (-1: no free page).

    Its potential freezes: the offset is rewritten so that it is read against a potential of 0 of the pool.
    """
    owner = int(pages.owner[slot // 32])
    psi = potential(mitochondria, cells, owner, slot)
    new = move(mitochondria, pages, cells, slot, pool)
    if new < 0:
        return -1
    mitochondria.psi_offset[new] = int(min(max(-psi / PSI_OFFSET_SCALE, -32767.0), 32767.0))
    set_place(mitochondria, new, IN_TRANSIT, 0, route)
    log_event(events, EVENT_LOADED, cells.well[owner], time, route, cells, owner, -1, mitochondria, new, psi, link_id)
    return new


@row
def wash_away(owner, slot, source, time, mitochondria, pages, cells, events):
    """Carry the mitochondrion in ``slot`` of row ``owner`` out of the world; booked as lysed, with an event ``washed_away``.

    ``source``: row of the cell that it is lost with, -1 where it was in none.
    """
    route = (int(mitochondria.flags[slot]) >> ROUTE_SHIFT) & ROUTE_MASK
    psi = potential(mitochondria, cells, owner, slot)
    log_event(events, EVENT_WASHED, cells.well[owner], time, route, cells, source, -1, mitochondria, slot, psi, 0)
    remove(mitochondria, pages, cells, slot, True)


@row
def arrive(mitochondria, pages, cells, events, slot, target, time, route, place, source, link_id, gate_potential):
    """Hand the mitochondrion in ``slot`` (in a pool) to the cell ``target``: a ledger row, counts, place, class.

    Args:
        place: CYTOSOL, ENDOSOME or DOUBLE_MEMBRANE, given by the route.
        source: row of the cell that it left, -1 if none is known.
        gate_potential: potential [mV] below which it is flagged SICK_ON_ARRIVAL.

    Returns:
        Its new slot, -1 if no page is free.
    """
    owner = int(pages.owner[slot // 32])
    psi = potential(mitochondria, cells, owner, slot)
    new = move(mitochondria, pages, cells, slot, target)
    if new < 0:
        return -1
    home = source == target
    if home:
        set_place(mitochondria, new, place, 0, route)
        cells.returned[target] += 1
    else:
        energy_class = DONOR_FREE
        if place == ENDOSOME or place == DOUBLE_MEMBRANE:
            energy_class = DONOR_ENDOSOME
        set_place(mitochondria, new, place, energy_class, route)
        cells.received[target] += 1
        if source >= 0:
            cells.donated[source] += 1
    flags = int(mitochondria.flags[new]) & ~SICK_ON_ARRIVAL
    if psi < gate_potential:
        flags = flags | SICK_ON_ARRIVAL
    mitochondria.flags[new] = flags
    mitochondria.psi_offset[new] = 0
    log_event(events, EVENT_HANDOVER, cells.well[target], time, route, cells, source, target, mitochondria, new, psi, link_id)
    return new
