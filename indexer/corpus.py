"""What does a release look like, and how is it read? The schema of the two tables and the stream of record batches.

A release is a folder: `manifest.json`, `data/LANGUAGE/part-*.parquet`, `repositories.parquet`. The manifest lists the files, so other
layouts are read as well. Reading streams record batches of bounded size: memory stays flat however large the input is.

Not here: how a release is made (`curation`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from indexer.errors import IndexCorrupt, IndexNotFound, InputError

RELEASE_FORMAT = 1
WITHDRAWN = "WITHDRAWN.json"
REQUIRED_COLUMNS = ("content", "repository", "path")

FILES_SCHEMA = pa.schema(
    [
        ("content_id", pa.string()),
        ("content", pa.large_string()),
        ("size", pa.int64()),
        ("encoding", pa.string()),
        ("language", pa.string()),
        ("repository", pa.string()),
        ("owner", pa.string()),
        ("path", pa.string()),
        ("commit", pa.string()),
        ("licenses", pa.list_(pa.string())),
        ("license_expression", pa.string()),
        ("license_evidence", pa.string()),
        ("license_type", pa.string()),
        ("purl", pa.string()),
        ("url", pa.string()),
        ("project_url", pa.string()),
        ("stars", pa.int64()),
        ("forks", pa.int64()),
        ("is_fork", pa.bool_()),
        ("is_vendored", pa.bool_()),
        ("is_generated", pa.bool_()),
        ("is_test", pa.bool_()),
        ("cluster_id", pa.string()),
        ("first_seen", pa.timestamp("s", tz="UTC")),
        ("source", pa.string()),
        ("original_content_id", pa.string()),  # where the text was redacted: the id before; releases of old have no such column
    ]
)

_NAMED_TEXT = pa.struct([("path", pa.string()), ("text", pa.string())])

REPOSITORIES_SCHEMA = pa.schema(
    [
        ("repository", pa.string()),
        ("owner", pa.string()),
        ("commit", pa.string()),
        ("licenses", pa.list_(pa.string())),
        ("license_expression", pa.string()),
        ("license_type", pa.string()),
        ("license_texts", pa.list_(_NAMED_TEXT)),
        ("notice_texts", pa.list_(_NAMED_TEXT)),
        ("copyright_lines", pa.list_(pa.string())),
        ("purl", pa.string()),
        ("url", pa.string()),
        ("project_url", pa.string()),
        ("stars", pa.int64()),
        ("forks", pa.int64()),
        ("first_seen", pa.timestamp("s", tz="UTC")),
        ("files", pa.int64()),
        ("source", pa.string()),
    ]
)


def content_id(content: bytes) -> str:
    """The git blob SHA-1 of some bytes, in hex: what SWHIDs and The Stack call the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def document_id(repository: str, path: str, content_id: str) -> str:
    """24 hex digits derived from repository, path and content, the same in every store and rebuild."""
    # On disk and in links: changing this breaks every stored link.
    key = "\0".join((repository, path, content_id)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(key, digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Release:
    """A release on disk: opening reads the manifest only."""

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> Release:
        """Opens a release folder. Raises IndexNotFound, IndexCorrupt, InputError. O(1)."""
        folder = Path(path)
        file = folder / "manifest.json"
        if not file.is_file():
            raise IndexNotFound(f"{folder}: no release here (no manifest.json); make one with: wherefrom curate RAW -o {folder}")
        try:
            manifest = json.loads(file.read_text("utf-8"))
        except ValueError as error:
            raise IndexCorrupt(f"{file}: not JSON ({error}); make the release anew with wherefrom curate") from error
        if manifest.get("format") != RELEASE_FORMAT:
            raise InputError(f"{file}: release format {manifest.get('format')!r}, this reader takes {RELEASE_FORMAT}; upgrade wherefrom")
        return cls(folder, manifest)

    def batches(self, batch_rows: int = 512) -> Iterator[pa.RecordBatch]:
        """The rows of `files` as record batches of FILES_SCHEMA, in the manifest's order."""
        for name in self.manifest["files"]:
            yield from read_parquet(self.path / name, batch_rows)

    def withdrawn(self) -> dict[str, str] | None:
        """When and why this release was withdrawn; None where it was not."""
        try:
            mark = json.loads((self.path / WITHDRAWN).read_text("utf-8"))
            return {"date": str(mark["date"]), "reason": str(mark["reason"])}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return {"date": "an unknown date", "reason": f"{WITHDRAWN} cannot be read"}

    def refuse_withdrawn(self) -> None:
        """Raises InputError for a release that was withdrawn: nothing new is to be made of it."""
        if mark := self.withdrawn():
            raise InputError(f"{self.path}: withdrawn on {mark['date']} ({mark['reason']}); use a newer version")

    def repositories(self) -> pa.Table:
        """The `repositories` table."""
        return pq.read_table(self.path / "repositories.parquet", schema=REPOSITORIES_SCHEMA)


def read_parquet(path: Path, batch_rows: int = 512) -> Iterator[pa.RecordBatch]:
    """Rows of one parquet file with at least `content`, `repository` and `path`, conformed to FILES_SCHEMA.

    Raises InputError where a column is missing, IndexCorrupt where the bytes are not parquet.
    """
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in REQUIRED_COLUMNS if name not in file.schema_arrow.names]
            if missing:
                have = ", ".join(file.schema_arrow.names)
                raise InputError(
                    f"{path}: column {', '.join(missing)} is missing (it has {have}); a source needs content, repository and path"
                )
            columns = [name for name in FILES_SCHEMA.names if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=batch_rows, columns=columns):
                yield conform(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise IndexCorrupt(f"{path}: not a readable parquet file ({error}); fetch or make it again") from error


def conform(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with exactly the columns of FILES_SCHEMA: cast where needed, null where absent, extra ones dropped."""
    columns = []
    for field in FILES_SCHEMA:
        position = batch.schema.get_field_index(field.name)
        if position < 0:
            columns.append(pa.nulls(batch.num_rows, field.type))
        else:
            column = batch.column(position)
            columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=FILES_SCHEMA)
