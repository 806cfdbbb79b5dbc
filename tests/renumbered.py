"""The state of a plate with its storage numbered anew: equal for states that differ only in where things are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.schema import NO_VESICLE, PAGE

IDENTITY = ("birth", "ordinal")


def renumbered(arrays: dict[str, Any]) -> dict[str, Any]:
    """Arrays of a snapshot: pages along the chains of their owners, vesicles and cargo by what they hold, no free pages or empty rows."""
    out = {name: array for name, array in arrays.items() if not name.startswith(("pages/", "vesicles/", "cargo/"))}
    order = _chains(arrays)
    place = np.full(len(arrays["pages/owner"]) + 1, -1)
    place[order] = np.arange(len(order))  # the last entry stands for "none"
    out["pages/owner"], out["pages/next"] = arrays["pages/owner"][order], place[arrays["pages/next"][order]]
    out["cells/first_page"] = place[arrays["cells/first_page"]]
    for name in arrays:
        if name.startswith("mitochondria/"):
            array = arrays[name]
            out[name] = array.reshape(-1, PAGE, *array.shape[1:])[order]
    who = np.stack([arrays[f"mitochondria/{name}"].astype(np.int64) for name in IDENTITY])
    vesicles = _rows(arrays, "vesicles", arrays["vesicles/kind"] != NO_VESICLE)
    cargo = _rows(arrays, "cargo", arrays["cargo/alive"] != 0)
    for table, column, held in (("vesicles", "slots", vesicles), ("cargo", "slot", cargo)):
        slots = held[column].astype(np.int64)
        held[column] = np.where(slots >= 0, place[slots // PAGE] * PAGE + slots % PAGE, -1)
        first = slots[:, 0] if slots.ndim > 1 else slots
        by = np.lexsort((*who[::-1, first], arrays["pages/owner"][first // PAGE]))
        out |= {f"{table}/{name}": column[by] for name, column in held.items()}
    return out


def _rows(arrays: dict[str, Any], table: str, used: Any) -> dict[str, Any]:
    return {name.partition("/")[2]: array[used] for name, array in arrays.items() if name.startswith(table + "/")}


def _chains(arrays: dict[str, Any]) -> Any:
    order, following = [], arrays["pages/next"].tolist()
    for page in arrays["cells/first_page"].tolist():
        while page >= 0:
            order.append(page)
            page = following[page]
    return np.array(order, dtype=np.int64)
