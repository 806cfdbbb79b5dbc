"""Lists of what happened to cells, and what is written for them, on every backend; what is copied does not grow with the cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backends_here import BACKENDS

from mitoferry.backends.apart import Apart
from mitoferry.base.errors import OverflowStop
from mitoferry.core.events import EVENT_DEATH, EVENT_DIVISION, EVENT_FUSED_DEGRADED, EVENT_MOMP
from mitoferry.core.row import row
from mitoferry.core.schema import Step
from mitoferry.processes import biogenesis, damage, division, mtdna
from mitoferry.processes.cell_events import append_events, log_cell_events
from mitoferry.processes.cell_fusion import merge_cells
from quality_worlds import rows, uniform_world

KINDS = pytest.mark.parametrize("kind", sorted(BACKENDS))


@KINDS
def test_events_are_appended_to_those_before(kind: str) -> None:
    """Faults seen to fail it, planted in a copy of the package: events are written from the start of the buffer on; the count stays."""
    backend = BACKENDS[kind]()
    world = uniform_world(4, backend=backend)
    a, b, c, d = rows(world).tolist()
    log_cell_events(world, np.array([EVENT_DEATH, EVENT_MOMP]), np.array([b, a]), np.array([3.0, 4.0]))
    append_events(world, 1, kind=EVENT_FUSED_DEGRADED, target=c, mass=0.5, source=-1)
    log_cell_events(world, EVENT_DIVISION, np.array([c]), np.array([5.0]), np.array([d]))
    assert world.n_events == 4
    backend.pull(world.events, world.cells)
    events, ids = world.events, world.cells.id
    assert events.kind[:4].tolist() == [EVENT_DEATH, EVENT_MOMP, EVENT_FUSED_DEGRADED, EVENT_DIVISION]
    assert events.source[:4].tolist() == [b, a, -1, c]
    assert events.target[:4].tolist() == [-1, -1, c, d]
    assert events.source_id[[0, 1, 3]].tolist() == ids[[b, a, c]].tolist()
    assert events.target_id[:4].tolist() == [0, 0, 0, int(ids[d])]
    assert events.target_population[:4].tolist() == [255, 255, 0, int(world.cells.population[d])]
    assert events.time[:4].tolist() == [3.0, 4.0, 0.0, 5.0]
    assert events.mass[2] == 0.5


@KINDS
def test_wishes_for_pages_are_granted_in_order_of_row(kind: str) -> None:
    """Faults seen to fail it, planted in a copy of the package: every cell takes the last free page; wishes stay."""
    backend = BACKENDS[kind]()
    world = uniform_world(5, backend=backend)
    wishes = np.array([0, 2, 0, 1, 3])
    backend.write(rows(world), world.cells.want_pages, wishes)
    world.reserve_pages(10)
    backend.pull(world.pages, world.cells)
    n = int(world.pages.n_free[0])
    expected = world.pages.free[n - 6 : n][::-1].tolist()
    first = world.cells.first_page[rows(world)].tolist()
    biogenesis.grant(world, backend.select(biogenesis.wants_row, world.n_cells, world.cells))
    backend.pull(world.pages, world.cells)
    assert int(world.pages.n_free[0]) == n - 6
    assert not world.cells.want_pages.any()
    found = []
    for cell, wish, before in zip(rows(world).tolist(), wishes.tolist(), first, strict=True):
        page, chain = int(world.cells.first_page[cell]), []
        for _ in range(wish):
            chain.append(page)
            assert world.pages.owner[page] == cell
            page = int(world.pages.next[page])
        assert page == before
        found += chain[::-1]
    assert found == expected


def mothers(backend: Any) -> tuple[Any, Any, Any]:
    """A world, and wells and populations of eight mothers."""
    populations = np.array([0, 1, 0, 0, 1, 2, 0, 2], dtype=np.uint8)
    return uniform_world(6, backend=backend), np.zeros(8, dtype=np.int32), populations


@KINDS
def test_daughters_get_the_next_ids_of_their_population(kind: str) -> None:
    """Faults seen to fail it, planted in a copy of the package: the number of daughters is not booked; all of a population get one id."""
    backend = BACKENDS[kind]()
    world, wells, populations = mothers(backend)
    backend.write(np.array([0]), world.wells.n_born, [[7, 0, 3] + 13 * [0]])
    ids = division.daughter_ids(world, wells, populations)
    assert (ids >> 24).tolist() == populations.tolist()
    assert (ids & 0x7FFFFF).tolist() == [7, 0, 8, 9, 1, 3, 10, 4]
    assert (ids & division.BORN != 0).all()
    assert backend.read(np.array([0]), world.wells.n_born)[0][0, :3].tolist() == [11, 2, 5]


def test_more_divisions_than_ids_can_tell_apart_stop_the_run() -> None:
    """Fault seen to fail it, planted in a copy of the package: only what was born before the step counts."""
    world, wells, populations = mothers(BACKENDS["one thread"]())
    world.wells.n_born[0, 0] = division.BORN - 3
    with pytest.raises(OverflowStop, match=r"population 0 of well 0 has had 8388608 divisions"):
        division.daughter_ids(world, wells, populations)


def copied(count: int) -> dict[str, int]:
    """Bytes that go between host and backend in processes on ``count`` cells, in the second step of each, in which two divide."""
    backend = Apart()
    world = uniform_world(count, mitochondria=40, backend=backend, cycle_time=20.0)
    step, found = Step(1, 600, 600.0, 600.0), {}
    for module in (biogenesis, mtdna, damage, division):
        p = world.spec.parameters_of(module.PROCESS.name, module.Parameters)
        backend.write(rows(world)[:2], world.cells.cycle, 2.0)
        world.reserve_cells(2 * count)
        world.reserve_pages(2 * count)
        for _ in range(2):
            before = sum(backend.moved.values())
            module.PROCESS.advance(world, step, p)
            found[module.PROCESS.name] = sum(backend.moved.values()) - before
            backend.write(rows(world)[:2], world.cells.cycle, 2.0)
    return found


def test_what_is_copied_does_not_grow_with_the_cells() -> None:
    """Fault seen to fail it, planted in a copy of the package: rates of a step made by NumPy, counts of pages pulled."""
    few, many = copied(40), copied(160)
    assert all(many[name] - few[name] < 160 for name in few), (few, many)
    assert few["mtdna"] < 200
    assert few["division"] > 0


@row
def tire(i, cells):
    """Cell ``i`` has less of everything that is looked at here."""
    cells.atp[i] = 0.5 * float(cells.atp[i])
    cells.copies[i, 0] = 0


def test_a_fusion_of_two_cells_copies_two_rows() -> None:
    """Fault seen to fail it, planted in a copy of the package: whole columns are pulled."""
    backend = Apart()
    world = uniform_world(300, backend=backend)
    backend.each(tire, world.n_cells, world.cells)
    before = sum(backend.moved.values())
    merge_cells(world, rows(world)[:1], rows(world)[1:2])
    of_a_cell = sum(column[0].nbytes for column in world.cells)
    assert sum(backend.moved.values()) - before < 4 * of_a_cell + 200
