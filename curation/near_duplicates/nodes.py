"""How do the rows of a run, and the files of an earlier release, become numbered nodes on disk?

Rows come first, in their order; then what an earlier release keeps. All that grows with them lies in files that are mapped.

Not here: which of them are alike (`curation.near_duplicates.joining`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.near_duplicates import joining_kernels
from curation.near_duplicates.bands import BandRecords, Buckets
from curation.near_duplicates.joining import Nodes
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import band_keys, bytes_of
from curation.near_duplicates.tables import Rows, hashvalues_of, kept_signatures
from indexer.errors import InputError

ID_BYTES = 40  # a content id in hex
_CHUNK = 1 << 20
_MIX, _OTHER_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # digits differ in few bits, keys in all


@dataclass(slots=True)
class Gathered:
    """Nodes with their `numbers` (rows, or positions among the kept signatures) and `names` uint8 (n, 40); the first `n_new` are rows.

    A node's name is its content id, or the cluster that the earlier release put it in.
    """

    nodes: Nodes
    numbers: NDArray[np.int64]
    names: NDArray[np.uint8]
    n_new: int


class _Columns:
    """Files that grow by a batch at a time."""

    def __init__(self, folder: Path, stack: ExitStack, settings: NearDuplicateSettings, bands: BandRecords) -> None:
        self._files = {name: stack.enter_context((folder / name).open("wb")) for name in ("numbers", "ids", "names", "sizes")}
        self._settings, self._bands = settings, bands
        self.n = 0

    def add(self, batch: pa.RecordBatch, numbers: NDArray[np.int64], names: str) -> None:
        """Takes rows in, named by one of their columns."""
        sizes = batch.column("shingles").to_numpy().astype(np.int64)
        nodes = np.arange(self.n, self.n + batch.num_rows)
        columns = {"numbers": numbers, "sizes": sizes, "ids": hex_ids(batch.column("content_id")), "names": hex_ids(batch.column(names))}
        for name, values in columns.items():
            self._files[name].write(values.tobytes())
        signed = np.flatnonzero(sizes)
        keys = band_keys(hashvalues_of(batch, self._settings)[signed], self._settings)
        self._bands.add(keys.ravel(), np.repeat(nodes[signed], self._settings.bands))
        self.n += batch.num_rows


def gather(rows: Rows, kept: Path | None, bands: BandRecords, folder: Path, settings: NearDuplicateSettings) -> Gathered:
    """Numbers the rows, then the signatures kept in a file, and joins what an earlier release holds as that release did.

    Their bands go into `bands`; all else lies in `folder`.
    """
    with ExitStack() as stack:
        columns = _Columns(folder, stack, settings, bands)
        for batch in rows():
            columns.add(batch, batch.column("row").to_numpy(), "content_id")
        n_new = columns.n
        for batch in kept_signatures(kept, settings) if kept else ():
            first = columns.n - n_new
            columns.add(batch, np.arange(first, first + batch.num_rows), "cluster_id")
    gathered = _mapped(folder, columns.n, n_new)
    if kept:
        _settle(gathered, _column(folder / "ids", np.uint8, (columns.n, ID_BYTES)), folder)
    return gathered


def hex_ids(ids: pa.Array) -> NDArray[np.uint8]:
    """Content ids as uint8 (n, 40). Raises InputError where one is no SHA-1 in hex."""
    data, offsets = bytes_of(ids)
    if ids.null_count or (np.diff(offsets) != ID_BYTES).any():
        raise InputError("near-duplicates: a content id is not 40 hex digits; collect the files again")
    return data[offsets[0] : offsets[-1]].reshape(-1, ID_BYTES) if len(ids) else np.empty((0, ID_BYTES), np.uint8)


def _mapped(folder: Path, n: int, n_new: int) -> Gathered:
    parents = _column(folder / "parents", np.int64, n)
    for first in range(0, n, _CHUNK):
        parents[first : first + _CHUNK] = np.arange(first, min(first + _CHUNK, n))
    known = _column(folder / "known", np.bool_, n)
    known[n_new:] = True
    nodes = Nodes(parents, known, *(_column(folder / name, np.int64, n) for name in ("starts", "places", "sizes")))
    return Gathered(nodes, _column(folder / "numbers", np.int64, n), _column(folder / "names", np.uint8, (n, ID_BYTES)), n_new)


def _column(path: Path, dtype: Any, shape: int | tuple[int, int]) -> NDArray[Any]:
    """A file as an array that can be written to; what it lacks is zeros."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not n_bytes:
        return np.empty(shape, dtype)
    with open(path, "ab") as file:
        file.truncate(n_bytes)
    return np.asarray(np.memmap(path, dtype, "r+", shape=shape))


def _settle(gathered: Gathered, ids: NDArray[np.uint8], folder: Path) -> None:
    """New rows that the earlier release holds take their names from there; nodes of one earlier cluster are joined."""
    nodes, names = gathered.nodes, gathered.names
    for buckets in _equal(ids, np.arange(len(ids)), folder / "same"):
        joining_kernels.adopt_names(buckets.members, buckets.offsets, ids, names, nodes.known, gathered.n_new, nodes.sizes)
    for buckets in _equal(names, np.flatnonzero(nodes.known), folder / "named"):
        joining_kernels.join_equal_names(buckets.members, buckets.offsets, names, nodes.parents)


def _equal(names: NDArray[np.uint8], members: NDArray[np.int64], folder: Path) -> Iterator[Buckets]:
    """Buckets of nodes whose names begin with the same 16 digits."""
    with BandRecords(folder) as records:
        for first in range(0, len(members), _CHUNK):
            some = members[first : first + _CHUNK]
            halves = np.ascontiguousarray(names[some, :16]).view(np.uint64)
            keys = (halves[:, 0] * _MIX) ^ (halves[:, 1] * _OTHER_MIX)
            records.add(keys * _MIX, some)
        yield from records.buckets()
