"""A backend with a memory of its own, on any machine: what a GPU would be given, run by the CPU's kernels. For tests of processes.

It is hard on those who forget which copy is newer. What a launch may have written is spoiled on the host until it is pulled, and a launch
looks whether the host has written without saying so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.resident import Resident, arrays_of
from mitoferry.base.errors import MitoferryError
from mitoferry.core.order import sort_rows

SPOILED = 0xA5


class Apart(Resident):
    """Runs row functions on copies of all arrays.

    Args:
        threads: of the CPU backend.

    Raises:
        MitoferryError: at a launch, an array was written on the host without ``push``.
    """

    name = "apart"

    def __init__(self, *, threads: int = 1) -> None:
        super().__init__()
        self._cpu = Cpu(threads=threads)

    # ------------------------------------------------------------------ the memory
    def _new(self, array: Any) -> Any:
        return np.array(array, order="C")

    def _new_zeros(self, array: Any) -> Any:
        return np.zeros(array.shape, array.dtype)

    def _longer(self, device: Any, array: Any) -> Any:
        return np.concatenate([device, array[len(device) :]])

    def _send(self, array: Any, device: Any) -> None:
        device[...] = array

    def _fetch(self, array: Any, device: Any) -> None:
        array[...] = device

    def _fetch_rows(self, device: Any, rows: Any) -> Any:
        return np.array(device[rows])

    def _send_rows(self, device: Any, rows: Any, values: Any) -> None:
        device[rows] = values

    # ------------------------------------------------------------------ launches
    def _checked(self, args: Any, *called: tuple[Any, int]) -> list[Any]:
        """What a launch is given, after a look at what the host has; what it may write is spoiled on the host."""
        arrays = arrays_of(args)
        for x in arrays:
            copy = self._copies.get(id(x))
            if copy is not None and not copy.host_newer and not copy.device_newer and x.tobytes() != copy.device.tobytes():
                raise MitoferryError(
                    f"an array of shape {x.shape} and type {x.dtype} was written on the host, and backend.push was not called, before "
                    f"the launch of {called[0][0].__name__}"
                )
        given = self._given(args, *called)
        for x in arrays:
            if self._copies[id(x)].device_newer:
                _spoil(x)
        return given

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._cpu.each(row, n, *self._checked(args, (row, 1)))

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._cpu.gather(slot_row, finish_row, n_sums, n, *self._checked((cells, pages, *args), (slot_row, 1), (finish_row, 0)))

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return self._cpu.serial(function, *self._checked(args, (function, 0)))

    def select(self, row: Any, n: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return self._cpu.select(row, n, *self._checked(args, (row, 1)))

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return self._cpu.totals(row, n, n_groups, n_sums, *self._checked(args, (row, 2)))

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        groups, *given = self._checked((groups, *args), (row, 0))
        return self._cpu.largest(row, n, n_groups, groups, *given)

    def bins(self, n: int, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        self._cpu.bins(n, *self._checked((keys, ties, start, member), (sort_rows, 1)))


def _spoil(array: Any) -> None:
    """Fill an array with what nobody would take for its content."""
    if array.flags.writeable and array.size:
        array.view(np.uint8).reshape(-1)[:] = SPOILED


__all__ = ["Apart"]
