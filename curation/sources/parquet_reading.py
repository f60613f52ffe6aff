"""How are parquet files read in small pieces, and their columns turned into plain values?

Reading asks for as many rows at once as make about READ_BYTES, and goes through a column's bytes as a stream: memory does
not depend on the size of a file or of its row groups.

Not here: which columns mean what (`curation.sources.parquet`, `curation.sources.stack`).
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.origin import Reading, Source, SourceFile
from indexer.errors import InputError

READ_BYTES = 4_000_000
_READ_ROWS = 512
_STREAM_BYTES = 1 << 20
_SECONDS = pa.timestamp("s", tz="UTC")

Rows = Callable[[Path, Reading], Iterator[SourceFile]]


def parquet_source(kind: str, pattern: str, rows: Rows) -> Source:
    """A source over every file that a pattern, folder or path names. Raises InputError where there is none."""
    paths = _matching(pattern)
    if not paths:
        raise InputError(f"{kind}:{pattern}: no parquet file matches; name a file, a folder or a pattern such as 'data/*.parquet'")

    def files(reading: Reading) -> Iterator[SourceFile]:
        for path in paths:
            taken = 0
            try:
                for file in rows(path, reading):
                    taken += 1
                    yield file
            except InputError as error:
                reading.bad(InputError(f"{error} ({taken} files of it were read before)") if taken else error)

    return files


def record_batches(path: Path, columns: Callable[[Sequence[str]], Sequence[str]]) -> Iterator[pa.RecordBatch]:
    """Batches of about READ_BYTES of those columns that `columns` picks from the file's names. Raises InputError for damage."""
    try:
        with pq.ParquetFile(
            path, pre_buffer=False, buffer_size=_STREAM_BYTES, binary_type=pa.large_binary(), page_checksum_verification=True
        ) as file:
            wanted = list(columns(file.schema_arrow.names))
            yield from file.iter_batches(batch_size=_rows_at_once(file.metadata), columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())
        raise InputError(f"{path}: damaged or no parquet file ({words}); fetch or make it again") from error


def slices(columns: dict[str, pa.Array], n_rows: int) -> Iterator[dict[str, list[Any]]]:
    """The columns as Python lists, few enough rows at a time that their contents make about READ_BYTES."""
    step = max(1, min(_READ_ROWS, n_rows * READ_BYTES // max(1, sum(column.nbytes for column in columns.values()))))
    for start in range(0, n_rows, step):
        yield {name: _values(column.slice(start, step)) for name, column in columns.items()}


def fields_of(column: pa.Array) -> dict[str, pa.Array]:
    """The fields of a struct column as columns; where the struct is null so are they."""
    return dict(zip([field.name for field in column.type], column.flatten(), strict=True))


def text_or_bytes(content: bytes, is_text: bool) -> bytes | str:
    """Text where the column says text and its bytes agree; bytes otherwise, whose encoding is still to be found."""
    if is_text:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return content
    return content


def as_binary(column: pa.Array) -> pa.Array:
    """Text or bytes as large_binary: parquet does not check that text is UTF-8, and Python would."""
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return plain.cast(pa.large_binary())


def is_text(column: pa.Array) -> bool:
    """Whether a column's type promises text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def moment(value: Any) -> datetime | None:
    """A point in time from a date as datasets write it, None where it is none. "2020-05-07T08:16:07.000Z" -> 2020-05-07 08:16:07 UTC"""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    known = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return known.replace(microsecond=0)


def earliest(values: Iterable[Any]) -> datetime | None:
    """The earliest of some dates; what is none is passed over."""
    return min((found for value in values if (found := moment(value))), default=None)


def missing(path: Path, wanted: Sequence[str], have: Sequence[str], what: str) -> InputError:
    """The error for columns that are not there."""
    lacking = ", ".join(name for name in wanted if name not in have)
    return InputError(f"{path}: column {lacking} is missing (it has {', '.join(have)}); {what}")


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(_SECONDS, safe=False)  # nanoseconds would come as another library's type
    elif is_text(column):
        return [None if value is None else value.decode("utf-8", "replace") for value in as_binary(column).to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def _matching(pattern: str) -> list[Path]:
    if Path(pattern).is_dir():
        return sorted(Path(pattern).rglob("*.parquet"))
    if Path(pattern).is_file():  # a name may hold brackets
        return [Path(pattern)]
    return sorted(Path(found) for found in glob.glob(pattern, recursive=True) if Path(found).is_file())  # noqa: PTH207 - absolute patterns too


def _rows_at_once(metadata: Any) -> int:
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    bytes_a_row = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1.0)
    return int(max(1, min(_READ_ROWS, READ_BYTES / max(1.0, bytes_a_row))))
