"""Merge the parts of a run into its final files, piece by piece, with row groups and chunks of fixed size."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mitoferry.store.atomic import TEMPORARY, RunFolderError, explain, replacing
from mitoferry.store.frames import COLUMNS
from mitoferry.store.tables import FORMAT, Names, read_parquet
from mitoferry.store.zarr_folder import write_array, write_group

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 18
CHUNK_BYTES = 1 << 20
FramesPart = Path | Mapping[str, np.ndarray]


def merge_parquet(parts: Sequence[Path | pa.Table], target: Path, schema: pa.Schema) -> None:
    """Write the rows of ``parts`` (files, or tables in memory) in order into one file with row groups of :data:`ROW_GROUP` rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(target) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        held: list[pa.Table] = []
        n = 0
        for part in parts:
            table = (read_parquet(part) if isinstance(part, Path) else part).cast(schema)
            held.append(table)
            n += table.num_rows
            while n >= ROW_GROUP:
                whole = pa.concat_tables(held).unify_dictionaries()
                writer.write_table(_plain_order(whole.slice(0, ROW_GROUP)), row_group_size=ROW_GROUP)
                held, n = [whole.slice(ROW_GROUP)], n - ROW_GROUP
        rest = pa.concat_tables(held).unify_dictionaries() if held else schema.empty_table()
        writer.write_table(_plain_order(rest), row_group_size=ROW_GROUP)


def _plain_order(table: pa.Table) -> pa.Table:
    """Re-encode the words in order of appearance, so that the file does not depend on how the parts were cut."""
    import pyarrow as pa

    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type).combine_chunks().dictionary_encode().cast(field.type)
        columns.append(column)
    return pa.table(columns, schema=table.schema)


def merge_frames(parts: Sequence[FramesPart], target: Path, names: Names) -> None:
    """Write all frames (in files, or in memory as in such a file) into one Zarr v3 group.

    Per table a group with ``tick`` (n_frames), ``offset`` (n_frames + 1) and one array per column in which the frames
    follow each other: frame ``k`` is rows ``offset[k]:offset[k + 1]``. Chunks hold about 1 MiB each.
    """
    temporary = target.with_name(target.name + TEMPORARY)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        attributes = {
            "format": FORMAT, "content": "frames", "time_unit": "s", "arms": list(names.arms), "dishes": list(names.dishes),
            "replicates": names.replicates,
            "populations": list(names.populations), "roles": list(names.roles), "haplotypes": list(names.haplotypes),
        }  # fmt: skip
        write_group(temporary, attributes)
        for table in COLUMNS:
            _merge_table(temporary / table, parts, table)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RunFolderError(explain(error, target, "could not write")) from error


def _opened(part: FramesPart) -> AbstractContextManager[Mapping[str, np.ndarray]]:
    held: AbstractContextManager[Mapping[str, np.ndarray]] = np.load(part) if isinstance(part, Path) else nullcontext(part)
    return held


def _merge_table(group: Path, parts: Sequence[FramesPart], table: str) -> None:
    ticks, rows = [], []
    for listed in parts:
        with _opened(listed) as part:
            ticks.append(part["ticks"][part[f"{table}/frame"]])
            rows.append(part[f"{table}/rows"])
    tick = np.concatenate([np.zeros(0, np.int64), *ticks])
    offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([np.zeros(0, np.int64), *rows]))])
    write_group(group, {})
    for name, values, unit in (("tick", tick, "s"), ("offset", offset, "rows")):
        write_array(group / name, [values], shape=values.shape, dtype=values.dtype, chunk=max(len(values), 1), attributes={"unit": unit})
    for name, (dtype, shape, unit, meaning) in COLUMNS[table].items():
        width = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=int))
        chunk = max(min(CHUNK_BYTES // width, int(offset[-1])), 1)
        about = {"unit": unit, "meaning": meaning}
        pieces = _pieces(parts, f"{table}/column/{name}")
        write_array(group / name, pieces, shape=(int(offset[-1]), *shape), dtype=dtype, chunk=chunk, attributes=about)


def _pieces(parts: Sequence[FramesPart], key: str) -> Iterator[np.ndarray]:
    """A column as it lies in the parts, one after the other."""
    for listed in parts:
        with _opened(listed) as part:
            if key in part:
                yield part[key]
