"""Into which pieces is the input of a run cut, and how is one read?

A shard is some row groups of one parquet file, about as many as make the size asked for. Shards are numbered in a fixed
order and so are their rows, through the whole input: a row's number is its name in every later stage.

Not here: what is done with a shard (`curation.map_stage`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.origin import Reading
from curation.release_folder import REPOSITORIES, check_hash
from indexer.corpus import FILES_SCHEMA, REQUIRED_COLUMNS, Release, conform
from indexer.errors import IndexCorrupt, InputError, WherefromError

BATCH_BYTES = 8_000_000  # of text read at once, about
_BATCH_ROWS = 512
_STREAM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Shard:
    """Some row groups of one file; its rows are numbered `first_row` and on. `text_bytes` is about how much text they hold."""

    number: int
    path: Path
    row_groups: tuple[int, ...]
    first_row: int
    n_rows: int
    text_bytes: int


def shards(paths: Sequence[Path], size: int) -> list[Shard]:
    """The shards of some files, of about `size` bytes of text each. Reads no more than the files' footers."""
    found: list[Shard] = []
    first_row = 0
    for path in paths:
        for groups, n_rows, n_bytes in _row_groups(path, size):
            found.append(Shard(len(found), path, groups, first_row, n_rows, n_bytes))
            first_row += n_rows
    return found


def read_shard(shard: Shard) -> Iterator[pa.RecordBatch]:
    """The rows of a shard in their order, as batches of FILES_SCHEMA of about BATCH_BYTES. Raises IndexCorrupt for damage."""
    at_once = max(1, min(_BATCH_ROWS, shard.n_rows * BATCH_BYTES // max(1, shard.text_bytes)))
    try:
        with pq.ParquetFile(shard.path, pre_buffer=False, buffer_size=_STREAM_BYTES, page_checksum_verification=True) as file:
            columns = [name for name in FILES_SCHEMA.names if name in file.schema_arrow.names]
            for group in shard.row_groups:
                for batch in file.iter_batches(batch_size=at_once, row_groups=[group], columns=columns, use_threads=False):
                    yield conform(batch)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(shard.path, error) from error


def sound_files(folder: Release, reading: Reading) -> tuple[dict[Path, str], dict[Path, str]]:
    """The files of a RAW folder that are what its manifest says, and its table of repositories if that is, with their SHA-256.

    Reads every byte. What is not sound is raised, or named, counted and left out where the reading says so.
    """
    files = [found for name in folder.manifest["files"] if (found := _sound(folder, name, reading, REQUIRED_COLUMNS))]
    table = _sound(folder, REPOSITORIES, reading, ("repository",))
    return dict(files), dict([table] if table else [])


def _sound(folder: Release, name: str, reading: Reading, wanted: Sequence[str]) -> tuple[Path, str] | None:
    path = folder.path / name
    try:
        digest = check_hash(folder, name)
        names = pq.read_schema(path).names
        if missing := [column for column in wanted if column not in names]:
            raise InputError(f"{path}: column {', '.join(missing)} is missing (it has {', '.join(names)}); collect again")
    except (pa.ArrowException, OSError) as error:
        reading.bad(_damaged(path, error), "unreadable_files")
    except WherefromError as error:
        reading.bad(error, "unreadable_files")
    else:
        return path, digest
    return None


def _row_groups(path: Path, size: int) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Runs of row groups: their numbers, rows and bytes of text."""
    metadata = pq.read_metadata(path)
    taken: list[int] = []
    n_rows = n_bytes = 0
    for group in range(metadata.num_row_groups):
        about = metadata.row_group(group)
        more = _column_bytes(about, "content")
        if taken and n_bytes + more > size:
            yield tuple(taken), n_rows, n_bytes
            taken, n_rows, n_bytes = [], 0, 0
        taken.append(group)
        n_rows, n_bytes = n_rows + about.num_rows, n_bytes + more
    if n_rows:
        yield tuple(taken), n_rows, n_bytes


def _column_bytes(group: pq.RowGroupMetaData, name: str) -> int:
    columns = (group.column(position) for position in range(group.num_columns))
    return next((column.total_uncompressed_size for column in columns if column.path_in_schema == name), 0)


def _damaged(path: Path, error: Exception) -> IndexCorrupt:
    return IndexCorrupt(f"{path}: not a readable parquet file ({' '.join(str(error).split())}); fetch or make it again")
