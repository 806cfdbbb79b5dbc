"""Arrays written without the zarr library: any Zarr reader sees the same, and damage is told.

Planted faults that were caught: the last chunk not filled up, chunks of zeros written as missing rows, rows read from the
chunk before, endianness left out of the codecs.
"""

import json

import numpy as np
import pytest
import zarr

from mitoferry.store.atomic import RunFolderError
from mitoferry.store.zarr_folder import read_rows, write_array, write_group

DTYPES = ("u1", "i4", "u4", "i8", "f4", "f8")


def an_array(dtype, shape, seed=3):
    values = np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)
    values[2:7] = 0  # chunks of nothing but zeros
    return values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [(), (4,)])
@pytest.mark.parametrize("cuts", [(), (1,), (4, 5, 11)])
def test_zarr_and_we_read_what_came_in_pieces(tmp_path, dtype, width, cuts):
    values = an_array(dtype, (13, *width))
    write_group(tmp_path / "g", {"content": "test"})
    pieces = np.split(values, cuts)
    write_array(tmp_path / "g" / "a", pieces, shape=values.shape, dtype=dtype, chunk=3, attributes={"unit": "um"})
    group = zarr.open_group(str(tmp_path / "g"), mode="r")
    assert group.attrs["content"] == "test"
    assert group["a"].attrs["unit"] == "um"
    assert group["a"].dtype == values.dtype
    np.testing.assert_array_equal(group["a"][:], values)
    for first, last in ((0, 13), (2, 4), (5, 12), (12, 13), (4, 4)):
        np.testing.assert_array_equal(read_rows(tmp_path / "g" / "a", first, last), values[first:last])
    assert read_rows(tmp_path / "g" / "a").dtype == values.dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_the_library_wrote_is_read(tmp_path, dtype):
    values = an_array(dtype, (10,))
    array = zarr.create_group(store=str(tmp_path / "g"), zarr_format=3).create_array("a", shape=(10,), dtype=values.dtype, chunks=(4,))
    array.attrs["unit"] = "s"
    array[:] = values
    np.testing.assert_array_equal(read_rows(tmp_path / "g" / "a"), values)


def test_an_empty_array(tmp_path):
    write_array(tmp_path / "a", [], shape=(0,), dtype="f4", chunk=1, attributes={})
    assert read_rows(tmp_path / "a").shape == (0,)


def test_rows_that_are_missing_are_told(tmp_path):
    with pytest.raises(ValueError, match="2 rows came, 3 were announced"):
        write_array(tmp_path / "a", [np.ones(2)], shape=(3,), dtype="f8", chunk=2, attributes={})


def test_damage_and_foreign_arrays_are_told(tmp_path):
    write_array(tmp_path / "a", [np.arange(1.0, 9.0)], shape=(8,), dtype="f8", chunk=4, attributes={})
    chunk = tmp_path / "a" / "c" / "1"
    chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.raises(RunFolderError, match="damaged"):
        read_rows(tmp_path / "a")
    np.testing.assert_array_equal(read_rows(tmp_path / "a", 0, 4), [1.0, 2.0, 3.0, 4.0])
    meta = json.loads((tmp_path / "a" / "zarr.json").read_text())
    meta["codecs"][1] = {"name": "gzip", "configuration": {"level": 5}}
    (tmp_path / "a" / "zarr.json").write_text(json.dumps(meta))
    with pytest.raises(RunFolderError, match="not written by mitoferry"):
        read_rows(tmp_path / "a", 0, 4)
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_rows(tmp_path / "b")
