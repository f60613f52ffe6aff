"""Which files does a parquet table hold that has at least `content`, `repository` and `path`?

    parquet:corpus.parquet     parquet:'shards/**/*.parquet'     parquet:RELEASE/files

Columns named as in a release are used, what is missing is null, others are passed over. `content` is text, or bytes of any
encoding. A `content_id` of 40 hex digits is believed, since content may have been decoded; otherwise it is worked out.

Not here: the columns of The Stack (`curation.sources.stack`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.origin import Licence, Origin, Reading, Source, SourceFile, licence
from curation.sources.parquet_reading import (
    as_binary,
    is_text,
    missing,
    moment,
    parquet_source,
    record_batches,
    slices,
    text_or_bytes,
)
from indexer.corpus import FILES_SCHEMA, REQUIRED_COLUMNS
from indexer.errors import InputError

_LICENSE_TYPES = frozenset({"permissive", "weak_copyleft", "copyleft", "other", "none"})
_STATED = (
    "content_id",
    "size",
    "encoding",
    "language",
    "url",
    "is_vendored",
    "is_generated",
    "is_test",
    "cluster_id",
    "original_content_id",
)
_BELIEVED_EVIDENCE = "repository"


def parquet(pattern: str) -> Source:
    """The source for parquet files of a release's columns. Raises InputError where none matches."""
    return parquet_source("parquet", pattern, _rows)


def _rows(path: Path, reading: Reading) -> Iterator[SourceFile]:
    def columns(have: Sequence[str]) -> list[str]:
        if not set(REQUIRED_COLUMNS) <= set(have):
            raise missing(path, REQUIRED_COLUMNS, have, "a source needs content, repository and path; The Stack is read by stack:")
        return [name for name in FILES_SCHEMA.names if name in have]

    for batch in record_batches(path, columns):
        content_is_text = is_text(batch.column("content"))
        converted = {name: _converted(path, name, batch.column(name)) for name in batch.schema.names}
        for values in slices(converted, batch.num_rows):
            for row in _dicts(values):
                if None in (row["content"], row["repository"], row["path"]):
                    reading.skip("incomplete_row")
                else:
                    yield _file(row, content_is_text)


def _converted(path: Path, name: str, column: pa.Array) -> pa.Array:
    wanted = pa.large_binary() if name == "content" else FILES_SCHEMA.field(name).type
    try:
        if name == "content":
            return as_binary(column)
        if name == "licenses" and not pa.types.is_list(column.type):
            return column.cast(pa.large_string())
        if name == "first_seen":
            return column  # dates come in many types: `moment` reads them
        return column.cast(wanted)
    except pa.ArrowException as error:
        raise InputError(
            f"{path}: column {name} is {column.type}, which cannot be read as {wanted} ({error}); convert or drop it"
        ) from error


def _dicts(values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for row in zip(*values.values(), strict=True):
        yield dict(zip(values, row, strict=True))


def _file(row: dict[str, Any], content_is_text: bool) -> SourceFile:
    origin = Origin(
        repository=row["repository"],
        source=row.get("source") or "parquet",
        licence=_licence(row),
        owner=row.get("owner"),
        commit=row.get("commit"),
        purl=row.get("purl"),
        project_url=row.get("project_url"),
        stars=row.get("stars"),
        forks=row.get("forks"),
        is_fork=row.get("is_fork"),
        first_seen=moment(row.get("first_seen")),
    )
    stated = {name: row.get(name) for name in _STATED}
    return SourceFile(origin, row["path"], text_or_bytes(row["content"], content_is_text), **stated)


def _licence(row: dict[str, Any]) -> Licence:
    """What the row says; the type is worked out where it says none of ours."""
    stated = row.get("licenses")
    ids = (stated,) if isinstance(stated, str) else tuple(name for name in stated or () if name)
    expression = row.get("license_expression") or " AND ".join(ids) or None
    found = licence(expression, row.get("license_evidence") or (_BELIEVED_EVIDENCE if expression else None))
    kind = row.get("license_type")
    return Licence(ids or found.ids, found.expression, kind if kind in _LICENSE_TYPES else found.type, found.evidence)
