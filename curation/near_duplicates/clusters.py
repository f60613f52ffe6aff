"""Which files are near-duplicates of each other, what is their cluster called, and which of them stands for it?

A cluster is what pairs of files connect whose shingle sets have a Jaccard similarity of the threshold or more and that share a band. It is
called by the smallest content id in it when it first appears: that depends on nothing but contents, where the representative changes
with its stars. Files that an earlier release holds keep the name of their cluster for ever; new ones that are near any of them join
it. Where new files connect several earlier clusters they take the alphabetically first name, and the earlier ones stay apart.

Not here: signatures (`curation.near_duplicates.signing`), the rule for the representative (`curation.duplicates`).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.duplicates import RANK_COLUMNS, Best
from curation.near_duplicates import joining_kernels
from curation.near_duplicates.bands import BandRecords
from curation.near_duplicates.joining import Joiner
from curation.near_duplicates.meeting import meet, met_buckets
from curation.near_duplicates.nodes import ID_BYTES, Gathered, gather
from curation.near_duplicates.sets import write_sets
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.tables import Rows
from curation.near_duplicates.texts import Contents

CLUSTERS_SCHEMA = pa.schema([("row", pa.int64()), ("cluster_id", pa.string()), ("representative", pa.bool_())])
_TABLE_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier release: the signatures kept beside it, and its texts by position in them."""

    signatures: Path
    contents: Contents


@dataclass(frozen=True, slots=True)
class Clusters:
    """`table`: a parquet file of CLUSTERS_SCHEMA, a line for each row in the order given. `compared`: pairs that were compared exactly,
    of files that shared a band; `read`: texts read for that."""

    table: Path
    rows: int
    clusters: int
    compared: int
    read: int


def cluster(rows: Rows, settings: NearDuplicateSettings, scratch: Path, contents: Contents, earlier: Earlier | None = None) -> Clusters:
    """Clusters all rows; `scratch` is an empty folder, which keeps the table; working files of 1 to 10 KB a row come and go in it.

    `rows` gives batches of `tables.signed`, twice in the same order; `contents` gives a text by its row's number. The same rows, in
    whatever order, give the same names and representatives. What grows with them is on disk, and mapped where it is looked at.

    Raises SpecMismatch where signatures were made with other settings, IndexCorrupt for a damaged earlier release.
    """
    table = scratch / "clusters.parquet"
    with tempfile.TemporaryDirectory(prefix="working-", dir=scratch) as name:
        folder = Path(name)
        with BandRecords(folder / "bands") as bands:
            gathered = gather(rows, earlier.signatures if earlier else None, bands, folder, settings)
            met = meet(bands, gathered.nodes.known, folder / "buckets")
        compared, read = _join(gathered, met, folder, settings, contents, earlier)
        best = np.full(len(gathered.numbers), -1, np.int64)
        joining_kernels.least_name(gathered.nodes.parents, gathered.nodes.known, gathered.names, best)
        representatives = _representatives(rows, gathered, best, folder / "best")
        _write(table, gathered, best, representatives)
        return Clusters(table, gathered.n_new, len(representatives), compared, read)


def _join(
    gathered: Gathered, met: NDArray[np.int64], folder: Path, settings: NearDuplicateSettings, contents: Contents, earlier: Earlier | None
) -> tuple[int, int]:
    """Joins what is alike among the nodes that met; returns how many pairs were compared and texts read."""
    old = np.searchsorted(met, gathered.n_new)
    with open(folder / "sets", "wb") as file:
        read = write_sets(file, contents, met[:old], gathered, settings)
        if earlier:
            wanted = met[old:][gathered.nodes.sizes[met[old:]] > 0]
            read += write_sets(file, earlier.contents, wanted, gathered, settings)
        if not file.tell():
            return 0, read
    joiner = Joiner.open(gathered.nodes, folder / "sets", settings.threshold)
    for buckets in met_buckets(folder / "buckets"):
        joiner.join(buckets)
    return joiner.comparisons, read


def _names(gathered: Gathered, best: NDArray[np.int64], first: int, end: int) -> pa.Array:
    """The clusters of some new nodes: their own where an earlier release named it, else that of their tree."""
    roots = np.empty(end - first, np.int64)
    joining_kernels.roots_of(gathered.nodes.parents, first, roots)
    named = np.where(gathered.nodes.known[first:end], np.arange(first, end), best[roots])
    offsets = np.arange(0, (end - first + 1) * ID_BYTES, ID_BYTES, dtype=np.int32)
    return pa.StringArray.from_buffers(end - first, pa.py_buffer(offsets), pa.py_buffer(gathered.names[named].tobytes()))


def _representatives(rows: Rows, gathered: Gathered, best: NDArray[np.int64], file: Path) -> NDArray[np.int64]:
    """The row numbers of the best of each cluster, ascending."""
    first = 0
    with Best(file) as ranks:
        for batch in rows():
            names = _names(gathered, best, first, first + batch.num_rows).to_pylist()
            ranked = batch.select(list(RANK_COLUMNS)).to_pylist()
            numbers = batch.column("row").to_pylist()
            ranks.offer((number, row | {"content_id": name}) for number, row, name in zip(numbers, ranked, names, strict=True))
            first += batch.num_rows
        return np.fromiter(ranks.rows(), np.int64)


def _write(table: Path, gathered: Gathered, best: NDArray[np.int64], representatives: NDArray[np.int64]) -> None:
    with pq.ParquetWriter(table, CLUSTERS_SCHEMA, compression="zstd") as writer:
        for first in range(0, gathered.n_new, _TABLE_ROWS):
            end = min(first + _TABLE_ROWS, gathered.n_new)
            numbers = gathered.numbers[first:end]
            stands = representatives[np.minimum(np.searchsorted(representatives, numbers), len(representatives) - 1)] == numbers
            columns = [pa.array(numbers), _names(gathered, best, first, end), pa.array(stands)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=CLUSTERS_SCHEMA))
