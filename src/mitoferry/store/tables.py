"""Columns of ``table.parquet`` and ``events.parquet``, and how engine numbers are decoded into them.

Version of the format: :data:`FORMAT`. A file of another version is read by ``store/read.py`` or refused with advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.core.events import EVENT_NAMES, OF_MITOCHONDRIA, EventBuffer
from mitoferry.core.plate_spec import ISOLATED, PlateSpec
from mitoferry.core.schema import N_HAPLOTYPES, ROUTE_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

FORMAT = "mitoferry/run@1"
POPULATION_SHIFT = 24  # cell id = population * 2^24 + ordinal
NOBODY = 255
ISOLATED_NAME = "isolated_mitochondria"  # birth population of what was added to the medium
READING_COLUMNS = ("well", "arm", "replicate", "tick", "hours", "assay", "readout", "of", "value", "unit")


@dataclass(frozen=True, slots=True)
class Names:
    """Names that engine numbers stand for in one run.

    Attributes:
        arms: names of the arms; well ``w`` is arm ``w // replicates``, replicate ``w % replicates``.
        dishes: names of the dishes of preparation ("coculture.donor"); their wells follow those of the arms.
        populations: name of each population index ("" where an index is not in use).
        roles: role of each population index.
        haplotypes: names of the palette.
    """

    arms: tuple[str, ...]
    replicates: int
    populations: tuple[str, ...]
    roles: tuple[str, ...]
    haplotypes: tuple[str, ...]
    dishes: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: PlateSpec) -> Names:
        """Names of a run."""
        found = {p.index: p for arm in spec.arms for p in arm.populations}
        n = max(found, default=-1) + 1
        return cls(
            arms=tuple(arm.name for arm in spec.main_arms),
            dishes=tuple(arm.name for arm in spec.dishes),
            replicates=spec.replicates,
            populations=tuple(found[k].name if k in found else "" for k in range(n)),
            roles=tuple(found[k].role if k in found else "" for k in range(n)),
            haplotypes=tuple(spec.haplotype_names[:N_HAPLOTYPES]),
        )

    @property
    def n_wells(self) -> int:
        """Wells of the plate."""
        return len(self.places) * self.replicates

    @property
    def places(self) -> tuple[str, ...]:
        """Arms, then dishes."""
        return self.arms + self.dishes

    def arm_of(self, well: int) -> str:
        """Name of the arm, or of the dish, of a well."""
        return self.places[int(well) // self.replicates]


def reading_schema() -> pa.Schema:
    """Arrow schema of ``table.parquet``: one row per well and reading."""
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            pa.field("well", pa.int32(), metadata={"meaning": "index of the well"}),
            pa.field("arm", word),
            pa.field("replicate", pa.int32(), metadata={"meaning": "from 0; the same replicate of all arms shares its random numbers"}),
            pa.field("tick", pa.int64(), metadata={"unit": "s"}),
            pa.field("hours", pa.float64(), metadata={"unit": "h"}),
            pa.field("assay", word),
            pa.field("readout", word),
            pa.field("of", word, metadata={"meaning": "population, empty = whole well"}),
            pa.field("value", pa.float64()),
            pa.field("unit", word),
        ],
        metadata={"format": FORMAT, "content": "readings"},
    )


def event_schema(names: Names) -> pa.Schema:
    """Arrow schema of ``events.parquet``: one row per hand-over, loading, link birth or loss, death, division."""
    import pyarrow as pa

    word = pa.dictionary(pa.int8(), pa.string())
    fields = [
        pa.field("kind", word),
        pa.field("well", pa.int32()),
        pa.field("arm", pa.dictionary(pa.int32(), pa.string())),
        pa.field("replicate", pa.int32()),
        pa.field("time", pa.float64(), metadata={"unit": "s"}),
        pa.field("hours", pa.float64(), metadata={"unit": "h"}),
        pa.field("route", word),
        pa.field("source", pa.uint32(), metadata={"meaning": "id of the cell it left, null = none known"}),
        pa.field("target", pa.uint32(), metadata={"meaning": "id of the cell it came to, null = none"}),
        pa.field("source_population", word),
        pa.field("target_population", word),
        pa.field("birth_cell", pa.uint32(), metadata={"meaning": "id of the cell in which the mitochondrion was born"}),
        pa.field("birth_population", word),
        pa.field("ordinal", pa.uint32(), metadata={"meaning": "number of the mitochondrion within its birth cell"}),
        *(pa.field(f"copies_{h}", pa.uint8(), metadata={"unit": "mtDNA copies"}) for h in names.haplotypes),
        pa.field("mass", pa.float32()),
        pa.field("damage", pa.float32()),
        pa.field("potential", pa.float32(), metadata={"unit": "mV"}),
        pa.field("link", pa.uint32(), metadata={"meaning": "id of the link within its well, 0 = none"}),
    ]
    return pa.schema(fields, metadata={"format": FORMAT, "content": "events"})


def numbers(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """An Arrow array of numbers, those ``missing`` (bool [n]) null.

    ``pyarrow.array`` would import pandas, which takes longer than all that a run writes before its end.
    """
    import pyarrow as pa

    held = np.ascontiguousarray(values)
    there = None if missing is None or not missing.any() else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [there, pa.py_buffer(held)])


def words(listed: Sequence[str]) -> pa.Array:
    """An Arrow array of words; as :func:`numbers` without pandas."""
    import pyarrow as pa

    encoded = [word.encode() for word in listed]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def read_parquet(path: Path) -> pa.Table:
    """The table in a Parquet file; ``pyarrow.parquet.read_table`` would import the machinery of folders of files first."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read()


def _field(row: Any, name: str, place: int) -> Any:
    if isinstance(row, Mapping):
        return row[name]
    return getattr(row, name) if hasattr(row, name) else row[place]


def readings_table(rows: Iterable[Any], names: Names) -> pa.Table:
    """Arrow table of readings.

    Args:
        rows: records with well, tick, assay, readout, of, value, unit: mappings, objects with these attributes, or
            tuples in this order.
        names: names of the run.
    """
    import pyarrow as pa

    order = ("well", "tick", "assay", "readout", "of", "value", "unit")
    listed = list(rows)
    if listed and all(type(row) is tuple for row in listed):
        columns: dict[str, Any] = dict(zip(order, zip(*listed, strict=True), strict=True))
    else:
        columns = {name: [_field(row, name, k) for row in listed] for k, name in enumerate(order)}
    well = np.asarray(columns["well"], dtype=np.int32)
    tick = np.asarray(columns["tick"], dtype=np.int64)
    arrays = {
        "well": numbers(well),
        "arm": _coded(well // max(names.replicates, 1), names.places, pa.int32()),
        "replicate": numbers((well % max(names.replicates, 1)).astype(np.int32)),
        "tick": numbers(tick),
        "hours": numbers(tick / 3600.0),
        "value": numbers(np.array(columns["value"], dtype=np.float64)),  # None: not a number
    }
    for name in ("assay", "readout", "of", "unit"):
        arrays[name] = _encoded(columns[name])
    schema = reading_schema()
    return pa.Table.from_arrays([arrays[f.name] for f in schema], schema=schema)


def _encoded(values: Sequence[Any]) -> Any:
    """Words and the place of each value among them, in order of first use; what is empty or ``None`` is the empty word."""
    import pyarrow as pa

    place: dict[str, int] = {}
    code_of = {value: place.setdefault(str(value or ""), len(place)) for value in dict.fromkeys(values)}
    codes = np.fromiter(map(code_of.__getitem__, values), np.int32, len(values))
    return pa.DictionaryArray.from_arrays(numbers(codes), words(list(place)))


def _coded(codes: np.ndarray, known: tuple[str, ...], kind: Any, missing: np.ndarray | None = None) -> Any:
    import pyarrow as pa

    indices = numbers(np.asarray(codes).astype(kind.to_pandas_dtype()), missing)
    return pa.DictionaryArray.from_arrays(indices, words(list(known) or [""]))


EVENT_FIELDS = tuple(name for name in EventBuffer._fields if name != "count")


def events_held(events: Any) -> dict[str, np.ndarray]:
    """Copies of the used rows of an ``EventBuffer``, or of the columns of a mapping: what :func:`events_table` takes."""
    if isinstance(events, Mapping):
        return {name: np.array(events[name]) for name in EVENT_FIELDS if name in events}
    n = int(events.count[0])
    return {name: getattr(events, name)[:n].copy() for name in EVENT_FIELDS}


def events_table(events: Any, names: Names) -> pa.Table:
    """Arrow table of the events of a buffer.

    Args:
        events: an ``EventBuffer`` (its ``count[0]`` rows), or a mapping of its columns (all rows).
        names: names of the run.
    """
    import pyarrow as pa

    column = events.__getitem__ if isinstance(events, Mapping) else events.__getattribute__
    n = len(column("kind")) if isinstance(events, Mapping) else int(events.count[0])
    get = lambda name: np.asarray(column(name))[:n]  # noqa: E731
    i8 = pa.int8()

    def population(codes: np.ndarray) -> Any:
        known = codes < len(names.populations)
        return _coded(np.where(known, codes, 0), names.populations, i8, ~known)

    def cell(name: str) -> Any:
        return numbers(get(f"{name}_id").astype(np.uint32), get(name) < 0)

    def birthplace(codes: np.ndarray) -> Any:
        isolated = (codes >= ISOLATED) & (codes != NOBODY)
        known = isolated | (codes < len(names.populations))
        place = np.where(isolated, len(names.populations), codes)
        return _coded(np.where(known, place, 0), (*names.populations, ISOLATED_NAME), i8, ~known)

    well, time, birth = get("well").astype(np.int32), get("time").astype(np.float64), get("birth").astype(np.uint32)
    carried = (birth > 0) | (get("ordinal") > 0) & np.isin(get("kind"), OF_MITOCHONDRIA)
    birth_population = np.where(carried, birth >> POPULATION_SHIFT, NOBODY).astype(np.int64)
    arrays = {
        "kind": _coded(get("kind"), EVENT_NAMES, i8),
        "well": numbers(well),
        "arm": _coded(well // names.replicates, names.places, pa.int32()),
        "replicate": numbers(well % names.replicates),
        "time": numbers(time),
        "hours": numbers(time / 3600.0),
        "route": _coded(get("route"), ROUTE_NAMES, i8),
        "source": cell("source"),
        "target": cell("target"),
        "source_population": population(get("source_population").astype(np.int64)),
        "target_population": population(get("target_population").astype(np.int64)),
        "birth_cell": numbers(birth, ~carried),
        "birth_population": birthplace(birth_population),
        "ordinal": numbers(get("ordinal").astype(np.uint32)),
        "mass": numbers(get("mass").astype(np.float32)),
        "damage": numbers(get("damage").astype(np.float32)),
        "potential": numbers(get("psi").astype(np.float32)),
        "link": numbers(get("link").astype(np.uint32)),
    }
    copies = get("copies")
    for k, haplotype in enumerate(names.haplotypes):
        arrays[f"copies_{haplotype}"] = numbers(np.ascontiguousarray(copies[:, k]).astype(np.uint8))
    schema = event_schema(names)
    return pa.Table.from_arrays([arrays[f.name] for f in schema], schema=schema)
