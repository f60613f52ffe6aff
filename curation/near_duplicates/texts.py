"""How are the texts of some files got at, in one pass over what holds them?

Not here: which files are wanted (`curation.near_duplicates.clusters`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

# Given ascending numbers (int64), their texts: pieces of (numbers, texts) in any order, memory bounded; what is gone is left out.
Contents = Callable[[NDArray[np.int64]], Iterator[tuple[NDArray[np.int64], pa.Array]]]

_READ_ROWS = 128
_STREAM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class NumberedTexts:
    """Contents by the running number of a row in some parquet files with a column `content`; row groups without any are not read."""

    files: tuple[Path, ...]

    def __call__(self, wanted: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
        """Texts in the order of their numbers."""
        first = 0
        for path in self.files:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_STREAM_BYTES) as file:
                for group in range(file.num_row_groups):
                    end = first + file.metadata.row_group(group).num_rows
                    if len(_between(wanted, first, end)):
                        yield from _group(file, group, first, wanted)
                    first = end


@dataclass(frozen=True, slots=True)
class RedactedTexts:
    """Contents as they are released: those of the tables of decisions (`row`, `released`) that are not null, else those of the input."""

    decisions: tuple[Path, ...]
    others: NumberedTexts

    def __call__(self, wanted: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
        """First the texts that were redacted, then the others."""
        redacted = [np.zeros(0, np.int64)]
        for path in self.decisions:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_READ_ROWS, columns=["row", "released"], use_threads=False):
                    found = batch.filter(pc.is_valid(batch.column("released")))
                    rows = found.column("row").to_numpy()
                    is_wanted = np.isin(rows, wanted)
                    if is_wanted.any():
                        redacted.append(rows[is_wanted])
                        yield rows[is_wanted], found.column("released").filter(pa.array(is_wanted))
        yield from self.others(np.setdiff1d(wanted, np.concatenate(redacted)))


@dataclass(frozen=True, slots=True)
class KeptTexts:
    """Contents by position in the signatures kept beside a release, looked up by content id in its `files`; all of them are read."""

    signatures: Path
    files: tuple[Path, ...]

    def __call__(self, wanted: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
        """Texts in the order of the release."""
        ids = self._ids(wanted)
        for path in self.files:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_STREAM_BYTES) as file:
                for batch in file.iter_batches(batch_size=_READ_ROWS, columns=["content_id", "content"]):
                    places = pc.index_in(batch.column("content_id"), value_set=ids)
                    found = places.is_valid()
                    if pc.any(found).as_py():
                        yield wanted[places.filter(found).to_numpy()], batch.column("content").filter(found)

    def _ids(self, wanted: NDArray[np.int64]) -> pa.Array:
        first, ids = 0, [pa.array([], pa.string())]
        with pq.ParquetFile(self.signatures) as file:
            for batch in file.iter_batches(columns=["content_id"]):
                mine = _between(wanted, first, first + batch.num_rows) - first
                ids.append(batch.column(0).take(pa.array(mine)))
                first += batch.num_rows
        return pa.concat_arrays(ids)


def _group(file: pq.ParquetFile, group: int, first: int, wanted: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
    for batch in file.iter_batches(batch_size=_READ_ROWS, row_groups=[group], columns=["content"]):
        mine = _between(wanted, first, first + batch.num_rows)
        if len(mine):
            yield mine, batch.column(0).take(pa.array(mine - first))
        first += batch.num_rows


def _between(wanted: NDArray[np.int64], first: int, end: int) -> NDArray[np.int64]:
    return wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, end)]
