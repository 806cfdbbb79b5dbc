"""What an assay is: a read-only measurement of the whole plate, with the artefacts of the real one.

An assay gives numbers per well. While it measures, every table of the world is locked against writing, so that an
assay, also one of another package, cannot change the state. Its noise is drawn from streams of its own, keyed by
replicate and entity and never by arm: arms of a replicate share the noise of the instrument, and measuring or not
measuring changes nothing.

A package adds an assay by an entry point of the group ``mitoferry.assays`` that resolves to an :class:`Assay`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.assays import noise
from mitoferry.base.errors import InputError, Problem
from mitoferry.core.schema import CELL_EMPTY, CELL_LIVE, CELL_MOMP, CELL_POOL, CELL_WAITING, NOT_DEAD

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

CELLS = ("cells", "wells", "groups")  # what assays of whole cells read
ORGANELLES = (*CELLS, "mitochondria", "pages")  # what assays of mitochondria read
TABLE_NAMES = ("mitochondria", "pages", "cells", "groups", "wells", "links", "cargo", "fields")
EXTRA = "extra"  # what processes keep for themselves (``world.extra``)
EVERYTHING = (*TABLE_NAMES, EXTRA)


class Reading(NamedTuple):
    """One number of one well: well (row of wells), readout, of (population's name, "" = whole well), value, unit."""

    well: int
    readout: str
    of: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Readout:
    """One number that an assay gives.

    Attributes:
        name: name in files.
        unit: its unit.
        meaning: what it says, for a person.
        truth: no instrument sees it; it is given beside, for comparison.
        places: templates of tissues (or "dish") that it means something for; empty = anywhere.
    """

    name: str
    unit: str
    meaning: str
    truth: bool = False
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an assay: its default, what it means, and, for a word, the words allowed."""

    default: float | str
    meaning: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = float("inf")


Measure = Callable[["View", Mapping[str, Any], "Step"], "Mapping[str, np.ndarray]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    """One virtual measurement.

    Attributes:
        name: name in experiment files.
        about: what it measures, and its artefacts.
        readouts: the numbers that it gives.
        read: ``read(view, options, step)`` gives, per readout, one float64 per well (n_wells); NaN where undefined.
        options: options by name.
        of: population measured unless the file says otherwise: a role, or "well".
        tables: tables of the world that it reads, "extra" for what processes keep for themselves; only these are
            brought to the host.
    """

    name: str
    about: str
    readouts: tuple[Readout, ...]
    read: Measure
    options: Mapping[str, Option] = field(default_factory=dict)
    of: str = "recipient"
    tables: tuple[str, ...] = EVERYTHING

    def settings(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Options with defaults filled in.

        Raises:
            InputError: an option is not known or has a value of the wrong kind.
        """
        given = given or {}
        where = f"assay {self.name}"
        problems = [
            Problem(where, name, "one of the options " + (", ".join(self.options) or "(none)"), repr(name))
            for name in given
            if name not in self.options
        ]
        settings: dict[str, Any] = {name: option.default for name, option in self.options.items()}
        for name, value in given.items():
            option = self.options.get(name)
            if option is None:
                continue
            if option.choices and isinstance(value, str):
                if value not in option.choices:
                    problems.append(Problem(where, name, "one of " + ", ".join(option.choices), repr(value)))
                settings[name] = value
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not option.low <= float(value) <= option.high:
                wanted = f"a number between {option.low:g} and {option.high:g}" + (
                    f", or one of {', '.join(option.choices)}" if option.choices else ""
                )
                problems.append(Problem(where, name, wanted, repr(value)))
            else:
                settings[name] = float(value)
        if problems:
            raise InputError(problems)
        return settings

    def measure(self, world: World, population: int | None, options: Mapping[str, Any] | None, step: Step) -> list[Reading]:
        """Measure all wells at once; nothing of the world is changed.

        Args:
            world: the plate.
            population: index of the population measured, ``None`` for the whole well.
            options: options given in the file; the others have their defaults.
            step: the clock.

        Returns:
            One reading per well and readout; wells without the population give none.

        Raises:
            InputError: an option is wrong.
        """
        settings = self.settings(options)
        view = View(world, population)
        with read_only(world, self.tables):
            values = self.read(view, settings, step)
        present = view.wells_with_population()
        name = view.name
        return [
            Reading(int(w), readout.name, name, float(values[readout.name][w]), readout.unit)
            for readout in self.readouts
            if readout.name in values
            for w in present
        ]


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """The arrays in a table, a mapping of them, or a lone array."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _arrays(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _arrays(part)


_shared: ContextVar[dict[Any, Any] | None] = ContextVar("shared", default=None)


@contextmanager
def one_time_of_reading() -> Iterator[None]:
    """A block in which the state stays as it is: what one assay computes of it serves the others (:meth:`View.once`)."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


@contextmanager
def read_only(world: World, tables: tuple[str, ...] = EVERYTHING) -> Iterator[None]:
    """Bring ``tables`` to the host and lock all tables: writing to any of them raises ``ValueError``."""
    world.backend.pull(*(a for name in tables for a in _arrays(getattr(world, name))))
    locked = [a for name in EVERYTHING for a in _arrays(getattr(world, name)) if a.flags.writeable]
    for a in locked:
        a.flags.writeable = False
    try:
        yield
    finally:
        for a in locked:
            a.flags.writeable = True


class View:
    """What an assay sees: the world, and which rows of cells it measures.

    Attributes:
        world: the plate; its tables are locked.
        population: index of the measured population, ``None`` for the whole well.
        name: its name, "" for the whole well.
        n_wells: number of wells.
    """

    def __init__(self, world: World, population: int | None) -> None:
        self.world = world
        self.population = population
        self.n_wells = world.n_wells
        self.name = "" if population is None else population_name(world, population)

    def once(self, what: Hashable, compute: Callable[[], Any]) -> Any:
        """The value of ``compute()``: that of another assay at the same time of reading, if it asked for the same ``what``.

        ``what`` names the quantity with everything but the state that it depends on. The value must not be changed.
        """
        known = _shared.get()
        if known is None:
            return compute()
        key = (id(self.world), what)
        if key not in known:
            known[key] = compute()
        return known[key]

    def wells_with_population(self) -> np.ndarray:
        """Wells whose arm has the measured population; all wells for the whole well."""
        if self.population is None:
            return np.arange(self.n_wells)
        arms = [any(p.index == self.population for p in arm.populations) for arm in self.world.spec.arms]
        return np.flatnonzero(np.array(arms, dtype=bool)[self.world.wells.arm])

    def rows(self, *states: int) -> np.ndarray:
        """Rows of the measured cells in one of the states; without states, all cells that have entered the well."""
        c, n = self.world.cells, self.world.n_cells
        state = c.state[:n]
        wanted = np.isin(state, states) if states else ~np.isin(state, (CELL_EMPTY, CELL_POOL, CELL_WAITING))
        if self.population is not None:
            wanted &= c.population[:n] == self.population
        return np.flatnonzero(wanted)

    def eaten(self) -> np.ndarray:
        """Rows of the measured cells that a phagocyte has taken in: gone from the well, with what they died of."""
        c, n = self.world.cells, self.world.n_cells
        gone = (c.state[:n] == CELL_EMPTY) & (c.death_cause[:n] != NOT_DEAD)
        if self.population is not None:
            gone &= c.population[:n] == self.population
        return np.flatnonzero(gone)

    def ever(self) -> np.ndarray:
        """Rows of all measured cells that were ever in the well: those there, corpses, and those eaten since."""
        return np.union1d(self.rows(), self.eaten())

    def living(self) -> np.ndarray:
        """Rows of the measured cells that are alive (cytochrome c released or not)."""
        return self.rows(CELL_LIVE, CELL_MOMP)

    def per_well(self, rows: np.ndarray, values: Any = None) -> np.ndarray:
        """Count of ``rows``, or sum of ``values`` over them, per well; float64 (n_wells)."""
        wells = self.world.cells.well[rows]
        return np.bincount(wells, None if values is None else np.asarray(values, np.float64), minlength=self.n_wells).astype(np.float64)

    def mean(self, rows: np.ndarray, values: Any) -> np.ndarray:
        """Mean of ``values`` over ``rows`` per well; NaN in a well without any."""
        return ratio(self.per_well(rows, values), self.per_well(rows))

    def values(self, column: str, rows: np.ndarray) -> np.ndarray:
        """Column of the table of cells at ``rows``; float64."""
        return np.asarray(getattr(self.world.cells, column)[rows], np.float64)

    def uniform(self, rows: np.ndarray, stream: int, step: int, draw: int = 0) -> np.ndarray:
        """A uniform in (0, 1) per cell; ``step`` 0 for what does not change between readings."""
        c = self.world.cells
        return noise.uniforms(self.world, c.well[rows], c.id[rows], 0, stream, step, draw)[0]

    def cell_factor(self, rows: np.ndarray, cv: float, stream: int, step: int, draw: int = 0) -> np.ndarray:
        """A log-normal factor of median 1 per cell: uneven loading or staining; float64 (len(rows))."""
        return noise.cell_factor(self.world, rows, cv, stream, step, draw)

    def well_factor(self, cv: float, stream: int, step: int, draw: int = 0) -> np.ndarray:
        """A log-normal factor of median 1 per well: error of pipetting, staining or counting; float64 (n_wells)."""
        return noise.well_factor(self.world, self.population, cv, stream, step, draw)


def ratio(a: Any, b: Any) -> np.ndarray:
    """The quotient a / b, NaN where b is 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b != 0)


def population_name(world: World, population: int) -> str:
    """Name of the population with that index in the experiment."""
    for arm in world.spec.every_arm:
        for p in arm.populations:
            if p.index == population:
                return str(p.name)
    raise ValueError(f"no population has the index {population}")


def names_of(readouts: Sequence[Readout]) -> tuple[str, ...]:
    """Names of readouts."""
    return tuple(r.name for r in readouts)
