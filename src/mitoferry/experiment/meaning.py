"""What the parts of an experiment file stand for: counts, shares, times and doses. Used by the checks and by resolve.py."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mitoferry.base import plugins
from mitoferry.experiment.parts import Cells, Grafted, Isolated, Package, role_of
from mitoferry.experiment.quantities import Amount, QuantityError, split, to_unit
from mitoferry.experiment.schema import Experiment, Measure, Plan

MAX_READINGS = 20_000


def count_of(cells: Cells, plan: Plan) -> int:
    """Cells of a population: its count, or its density times the area of the bottom."""
    if cells.count is not None:
        return cells.count
    x, y, z = plan.well.extent()
    if cells.per_volume is not None:
        return round(cells.per_volume.value * x * y * z * 1e-12)
    return round((cells.density.value if cells.density else 0.0) * x * y * 1e-8)


def share_of_organ(plan: Plan) -> float:
    """Volume of the block over that of the organ; 0 where the organ is not given."""
    x, y, z = plan.well.extent()
    return 0.0 if plan.well.organ is None else x * y * z * 1e-12 / plan.well.organ.value


def grafts_of(experiment: Experiment) -> dict[str, Cells]:
    """Populations that grafts bring, by name, in the order of the arms; the first of a name stands for all."""
    found: dict[str, Cells] = {}
    for plan in [experiment, *experiment.plans.values()]:
        for treat in plan.treat:
            if treat.graft is not None:
                found.setdefault(treat.graft.name, treat.graft.cells())
    return found


def populations_read(names: Sequence[str], experiment: Experiment, known: Mapping[str, Cells] | None = None) -> list[str]:
    """Populations meant by names, roles, "both" or "all", of those of the arms or of ``known``; "" for the whole well."""
    known = {**experiment.cells, **grafts_of(experiment)} if known is None else known
    found: dict[str, None] = {}
    for name in names:
        if name in ("well", "medium"):
            found[""] = None
        else:
            found.update((p, None) for p, c in known.items() if name in (p, role_of(p, c), "both", "all"))
    return list(found)


def offered_of(graft: Grafted, plan: Plan) -> float:
    """Cells of a graft that are offered to the block, on average."""
    if graft.count is not None:
        return float(graft.count)
    if graft.dose is not None:
        return graft.dose.value * share_of_organ(plan)
    recipients = sum(count_of(c, plan) for name, c in plan.cells.items() if role_of(name, c) == "recipient")
    return (graft.per_recipient.value if graft.per_recipient else 0.0) * recipients


def rows_of_graft(graft: Grafted, plan: Plan) -> int:
    """Rows seeded for a graft: its number if that is given, else enough that chance never runs out of them."""
    mean = offered_of(graft, plan)
    return graft.count if graft.count is not None else math.ceil(mean + 6.0 * math.sqrt(mean) + 4.0)


def dose_of(isolated: Isolated | Package, plan: Plan) -> int:
    """Isolated mitochondria (or vesicles) put into a well: the number given, or that per cell times the cells seeded."""
    if isolated.count is not None:
        return isolated.count
    if isinstance(isolated, Isolated) and isolated.dose is not None:
        return round(isolated.dose.value * share_of_organ(plan))
    per_cell = isolated.per_cell.value if isolated.per_cell else 0.0
    return round(per_cell * sum(count_of(c, plan) for c in plan.cells.values()))


def layer_of(name: str, cells: Cells, plan: Plan) -> int:
    """0 = bottom, 1 = on the insert."""
    insert = plan.well.insert
    return int(insert is not None and insert.holds in (name, role_of(name, cells)))


def well_text(plan: Plan) -> str:
    """Size of the well as written."""
    size = plan.well.size
    return str(size) if isinstance(size, Amount) else " x ".join(str(s) for s in size)


def dose_in(record: Any, dose: Amount) -> float:
    """A dose in the unit of its record.

    Raises:
        QuantityError: the unit is missing or measures something else.
    """
    if record.unit == "%" and not dose.unit:
        raise QuantityError("a number with its unit, as in '2 %'", "units are never guessed")
    return to_unit(dose.text, record.unit, species="oxygen" if record.oxygen else "")


def number_in(value: Any, unit: str) -> float:
    """A number of the library as given in a file: bare numbers are in the unit of the record.

    Raises:
        QuantityError: not a number, or of another unit.
    """
    if isinstance(value, str):
        number, found = split(value)
        return number if not found else to_unit(value, unit)
    number = float(value)
    if not math.isfinite(number):
        raise QuantityError("a finite number")
    return number


def times_of(measure: Measure, experiment: Experiment) -> tuple[int, ...]:
    """Times of the readings [s], on the macro-steps of the run, each once."""
    step = max(round(experiment.run.clocks.macro.value), 1)
    end = experiment.run.until.value
    if measure.at is not None:
        wanted = [t.value for t in measure.at]
    else:
        every = max(measure.every.value if measure.every else end, 1.0)
        first = measure.from_.value if measure.from_ else 0.0
        last = min(measure.until.value if measure.until else end, end)
        n = min(int((last - first) / every + 1e-9) + 1, MAX_READINGS + 1)
        wanted = [first + k * every for k in range(max(n, 0))]
    return tuple(sorted({min(round(t / step), int(end // step)) * step for t in wanted}))


def processes() -> list[str]:
    """Names of the processes of the loop, with those of other packages."""
    from mitoferry.experiment.loop import BUILT_IN, ENTRY_POINT_GROUP

    return [*BUILT_IN, *(e.name for e in plugins.points(ENTRY_POINT_GROUP))]
