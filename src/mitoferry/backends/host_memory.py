"""What backends that run where Python runs have in common: there is one copy of everything."""

from __future__ import annotations

from typing import Any

import numpy as np


class HostMemory:
    """Reading and writing where there is one copy of every array."""

    own_memory = False

    def memory_left(self) -> float:
        """Nothing to say: the memory is the machine's."""
        return 0.0

    def zeros(self, shape: Any, dtype: Any = float) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return np.zeros(shape, dtype=dtype)

    def enlarge(self, old: Any, new: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        new[: len(old)] = old

    def replaced(self, *tables: Any) -> None:
        """Nothing to do: what belongs to an array goes with it."""

    def read(self, rows: Any, *columns: Any) -> list[Any]:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return [column[rows].copy() if isinstance(rows, slice) else column[rows] for column in columns]

    def write(self, rows: Any, column: Any, values: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        column[rows] = values

    def pull(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""

    def push(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""


__all__ = ["HostMemory"]
