"""Arrays that live in a memory of the backend's own, such as that of a GPU.

An array is copied there at the first launch that takes it, and stays. Of both copies it is known which is newer: a launch makes those
columns and arrays newer in the backend's memory that it may write (``writes.py``), ``push`` those that the host has written. ``pull``
brings back what is newer; ``read`` and ``write`` move only the entries that they are asked for. ``moved`` counts the bytes.
"""

from __future__ import annotations

import functools
import weakref
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from mitoferry.backends.pointers import address_of
from mitoferry.backends.writes import arguments_written, columns_written


class _Copy:
    """The copy of one host array and which side is newer."""

    __slots__ = ("device", "device_newer", "host_newer")

    def __init__(self, device: Any, *, device_newer: bool = False) -> None:
        self.device = device
        self.host_newer = False
        self.device_newer = device_newer


def is_table(value: Any) -> bool:
    """Whether an argument is a tuple of named columns."""
    return isinstance(value, tuple) and hasattr(value, "_fields") and np.ndarray in map(type, value)


def arrays_of(tables: tuple[Any, ...]) -> list[Any]:
    """The arrays of tables, and those that are given as they are; fields that are no arrays are left out."""
    return [x for table in tables for x in (table if isinstance(table, tuple) else (table,)) if isinstance(x, np.ndarray)]


@functools.cache
def changes_of(called: tuple[tuple[Any, int], ...]) -> tuple[frozenset[str], frozenset[int]]:
    """Columns, and places among the arguments of arrays, that row functions may write: each with the number of parameters before them."""
    rows = [row for row, _ in called]
    return columns_written(*rows), frozenset(k - before for row, before in called for k in arguments_written(row))


@functools.cache
def fields_changed(table: Any, columns: frozenset[str]) -> tuple[bool, ...]:
    """Which fields of a table are among the columns that a launch may write."""
    return tuple(name in columns for name in table._fields)


class Resident(ABC):
    """What backends with a memory of their own have in common.

    Attributes:
        moved: bytes copied from the host to the device, and back.
    """

    own_memory = True

    def __init__(self) -> None:
        self._copies: dict[int, _Copy] = {}
        self._places: set[int] = set()  # where arrays lie that have a copy
        self.moved = {"to the device": 0, "to the host": 0}  # bytes

    # ------------------------------------------------------------------ the memory
    @abstractmethod
    def _new(self, array: Any) -> Any:
        """A copy of an array in the backend's memory."""

    @abstractmethod
    def _new_zeros(self, array: Any) -> Any:
        """Zeros in the backend's memory, of the shape and type of an array."""

    @abstractmethod
    def _send(self, array: Any, device: Any) -> None:
        """Copy an array into its copy."""

    @abstractmethod
    def _fetch(self, array: Any, device: Any) -> None:
        """Copy an array back."""

    @abstractmethod
    def _fetch_rows(self, device: Any, rows: Any) -> Any:
        """A host array of the entries ``rows`` of a copy."""

    @abstractmethod
    def _send_rows(self, device: Any, rows: Any, values: Any) -> None:
        """Set the entries ``rows`` of a copy; ``values`` has their type and shape."""

    @abstractmethod
    def _longer(self, device: Any, array: Any) -> Any:
        """A copy of ``array`` whose first entries are those of another copy."""

    # ------------------------------------------------------------------ copies
    def _keep(self, array: Any, copy: _Copy) -> _Copy:
        """Remember the copy of an array for as long as there is the array.

        Raises:
            TypeError: the array is a view of another one: there would be two copies of the same memory.
        """
        place = address_of(array)
        base = array.base
        if array.nbytes and (place in self._places or (isinstance(base, np.ndarray) and base.nbytes != array.nbytes)):
            raise TypeError(f"a view cannot be given to a launch: an array of shape {array.shape} and type {array.dtype}")
        self._copies[id(array)] = copy
        if array.nbytes:
            self._places.add(place)
        weakref.finalize(array, self._forget, id(array), place)
        return copy

    def _forget(self, key: int, place: int) -> None:
        self._copies.pop(key, None)
        self._places.discard(place)

    def _copy_of(self, array: Any) -> _Copy:
        """The copy of an array, as new as the array."""
        copy = self._copies.get(id(array))
        if copy is None:
            self.moved["to the device"] += array.nbytes
            copy = self._keep(array, _Copy(self._new(array)))
        elif copy.host_newer:
            self.moved["to the device"] += array.nbytes
            self._send(array, copy.device)
            copy.host_newer = False
        return copy

    def _given(self, args: list[Any] | tuple[Any, ...], *called: tuple[Any, int]) -> list[Any]:
        """What a launch is given in the backend's memory; what it may write is newer there from now on.

        Args:
            args: tables, arrays, numbers.
            called: the row functions that take them, each with the number of its parameters that stand before them.
        """
        columns, places = changes_of(called)
        return [self._argument(arg, columns, k in places) for k, arg in enumerate(args)]

    def _argument(self, arg: Any, columns: frozenset[str], changes: bool) -> Any:
        if isinstance(arg, np.ndarray):
            copy = self._copy_of(arg)
            copy.device_newer |= changes
            return copy.device
        if not is_table(arg):
            return arg
        parts, copies = [], self._copies
        kind: Any = type(arg)
        for x, changed in zip(arg, fields_changed(kind, columns), strict=True):
            known = copies.get(id(x))
            if known is None and not isinstance(x, np.ndarray):
                parts.append(x)
                continue
            copy = self._copy_of(x) if known is None or known.host_newer else known
            if changed:
                copy.device_newer = True
            parts.append(copy.device)
        return kind(*parts)

    def _result(self, array: Any) -> Any:
        """The device copy of an array that is about to be written as a whole, whatever it holds."""
        copy = self._copies.get(id(array))
        if copy is None:
            copy = self._keep(array, _Copy(self._new_zeros(array)))
        copy.host_newer, copy.device_newer = False, True
        return copy.device

    def memory_left(self) -> float:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return 0.0

    # ------------------------------------------------------------------ what processes call
    def zeros(self, shape: Any, dtype: Any = float) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        array = np.zeros(shape, dtype=dtype)  # memory that nobody touches is not taken
        self._keep(array, _Copy(self._new_zeros(array)))
        return array

    def enlarge(self, old: Any, new: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        copy = self._copies.get(id(old))
        if copy is None or not copy.device_newer:
            new[: len(old)] = old
        else:
            self.moved["to the device"] += new[len(old) :].nbytes
            self._keep(new, _Copy(self._longer(copy.device, new), device_newer=True))

    def replaced(self, *tables: Any) -> None:  # noqa: B027
        """Nothing to do: what belongs to an array goes with it."""

    def read(self, rows: Any, *columns: Any) -> list[Any]:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = []
        for column in columns:
            copy = self._copies.get(id(column))
            if copy is not None and copy.device_newer:
                values = self._fetch_rows(copy.device, rows)
                self.moved["to the host"] += values.nbytes
            else:
                values = np.array(column[rows])
            found.append(values)
        return found

    def write(self, rows: Any, column: Any, values: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        copy = self._copies.get(id(column))
        if copy is None or copy.host_newer:
            column[rows] = values
            return
        shape = (len(range(*rows.indices(len(column)))) if isinstance(rows, slice) else len(rows), *column.shape[1:])
        given = np.ascontiguousarray(np.broadcast_to(np.asarray(values, dtype=column.dtype), shape))
        if not given.size:
            return
        self.moved["to the device"] += given.nbytes
        self._send_rows(copy.device, rows, given)
        if not copy.device_newer:
            column[rows] = given  # both are up to date

    def pull(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for array in arrays_of(tables):
            copy = self._copies.get(id(array))
            if copy is not None and copy.device_newer:
                self.moved["to the host"] += array.nbytes
                self._fetch(array, copy.device)
                copy.device_newer = False

    def push(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for array in arrays_of(tables):
            copy = self._copies.get(id(array))
            if copy is not None:
                copy.host_newer, copy.device_newer = True, False


__all__ = ["Resident", "arrays_of", "is_table"]
