"""Which files does a shard of The Stack hold?

    stack:'data/python/*.parquet'

The version is told by the columns: v1 (one row a file, `max_stars_repo_name`), v2 (`blob_id`; published without contents,
so they are looked up in a store of blobs, or a `content` column was joined), v3 (one row a repository, `files` nested).
Links are pinned to the commit.

Not here: tables with a release's columns (`curation.sources.parquet`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.origin import MAX_FILE_BYTES, Licence, Origin, Reading, Source, SourceFile, licence
from curation.sources.parquet_reading import (
    as_binary,
    earliest,
    fields_of,
    is_text,
    missing,
    moment,
    parquet_source,
    record_batches,
    slices,
    text_or_bytes,
)
from indexer.errors import InputError

# wanted columns by version; the first three of each must be there, the others are used where they are
_V1 = [
    *("content", "max_stars_repo_name", "max_stars_repo_path", "max_stars_repo_head_hexsha", "max_stars_repo_licenses", "max_stars_count"),
    *("max_stars_repo_stars_event_min_datetime", "hexsha", "size", "lang"),
    *("max_issues_repo_name", "max_issues_repo_path", "max_issues_repo_issues_event_min_datetime"),
    *("max_forks_repo_name", "max_forks_repo_path", "max_forks_repo_forks_event_min_datetime", "max_forks_count"),
]
_V2 = [
    *("content", "repo_name", "path", "blob_id", "content_id", "detected_licenses", "revision_id", "revision_date"),
    *("star_events_count", "fork_events_count", "src_encoding", "language", "is_vendor", "is_generated", "length_bytes"),
]
_V3 = ["repo_path", "commit_id", "files", "github_metadata"]
_V3_FILE = ["content", "file_path", "content_id", "size_bytes", "file_timestamp", "language", "is_vendor", "detected_licenses"]
_NEVER_NULL = ("content", "max_stars_repo_name", "max_stars_repo_path", "repo_name", "path", "repo_path", "file_path")
_OLD_CONTENTS = (
    "contents of v2 are not in its files: name a store of Software Heritage's blobs with --contents, or add a `content` column by blob_id"
)


def stack(pattern: str) -> Source:
    """The source for shards of The Stack v1, v2 or v3. Raises InputError where none matches."""
    return parquet_source("stack", pattern, _rows)


def _rows(path: Path, reading: Reading) -> Iterator[SourceFile]:
    for batch in record_batches(path, lambda have: _columns(path, have, reading)):
        columns = {name: batch.column(name) for name in batch.schema.names}
        if "files" in columns:
            yield from _files(_flattened(path, columns), _file_v3, reading)
        elif "content" not in columns:
            yield from _looked_up(columns, reading)
        else:
            yield from _files(columns, _file_v2 if "blob_id" in columns else _file_v1, reading)


def _columns(path: Path, have: Sequence[str], reading: Reading) -> list[str]:
    """The columns to read of the version that a file is. Raises InputError where it is none, or lacks some."""
    if "max_stars_repo_name" in have:
        wanted, advice = _V1, "wanted the columns of The Stack v1"
    elif "blob_id" in have:
        wanted, advice = _V2, _OLD_CONTENTS
    elif "repo_path" in have:
        wanted, advice = _V3, "wanted the columns of The Stack v3"
    else:
        raise InputError(f"{path}: not a shard of The Stack (columns {', '.join(have)}); other tables are read by parquet:")
    needed = ["repo_name", "path", "blob_id"] if wanted is _V2 and reading.contents else wanted[:3]
    if not set(needed) <= set(have):
        raise missing(path, needed, have, advice)
    return [name for name in wanted if name in have]


def _flattened(path: Path, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """One row a file: the nested columns, and each repository's repeated for its files."""
    files = fields_of(columns["files"].flatten())
    if not set(_V3_FILE[:2]) <= set(files):
        raise missing(path, _V3_FILE[:2], list(files), "wanted the nested files of The Stack v3")
    parents = pc.list_parent_indices(columns["files"])
    github = fields_of(columns["github_metadata"]) if "github_metadata" in columns else {}
    shared = {"repo_path": columns["repo_path"], "commit_id": columns["commit_id"]}
    shared |= {name: github[name] for name in ("stars", "forks", "is_fork") if name in github}
    return {name: files[name] for name in _V3_FILE if name in files} | {name: column.take(parents) for name, column in shared.items()}


def _files(columns: dict[str, pa.Array], file_of: Callable[[dict[str, Any]], SourceFile], reading: Reading) -> Iterator[SourceFile]:
    content_is_text = is_text(columns["content"])
    columns = columns | {"content": as_binary(columns["content"])}
    for values in slices(columns, len(columns["content"])):
        for cells in zip(*values.values(), strict=True):
            row = dict(zip(values, cells, strict=True))
            if any(row.get(name, "") is None for name in _NEVER_NULL):
                reading.skip("incomplete_row")
            else:
                yield file_of(row | {"content": text_or_bytes(row["content"], content_is_text)})


def _looked_up(columns: dict[str, pa.Array], reading: Reading) -> Iterator[SourceFile]:
    """Files of v2 with contents from the store; those that it lacks are counted."""
    assert reading.contents is not None
    for values in slices(columns, len(columns["blob_id"])):
        for cells in zip(*values.values(), strict=True):
            row = dict(zip(values, cells, strict=True))
            if any(row[name] is None for name in ("repo_name", "path", "blob_id")):
                reading.skip("incomplete_row")
            elif (row.get("length_bytes") or 0) > MAX_FILE_BYTES:
                reading.skip("too_large")
            elif (content := reading.contents(row["blob_id"])) is None:
                reading.skip("missing_blob")
            else:
                # `content_id` of v2 is of the decoded text; the bytes that were found have the blob's
                yield _file_v2(row | {"content": content, "content_id": row["blob_id"]})


def _file_v1(row: dict[str, Any]) -> SourceFile:
    place = (row["max_stars_repo_name"], row["max_stars_repo_path"])
    # the file's other events belong to this place only where they name it
    same = ["stars", *(p for p in ("issues", "forks") if (row.get(f"max_{p}_repo_name"), row.get(f"max_{p}_repo_path")) == place)]
    origin = _origin(
        place[0],
        row.get("max_stars_repo_head_hexsha"),
        _licence(row.get("max_stars_repo_licenses"), "repository"),
        stars=row.get("max_stars_count"),
        forks=row.get("max_forks_count") if "forks" in same else None,
        first_seen=earliest(row.get(f"max_{p}_repo_{p}_event_min_datetime") for p in same),
    )
    return SourceFile(origin, place[1], row["content"], content_id=row.get("hexsha"), size=row.get("size"), language=row.get("lang"))


def _file_v2(row: dict[str, Any]) -> SourceFile:
    origin = _origin(
        row["repo_name"],
        row.get("revision_id"),
        _licence(row.get("detected_licenses"), "license_file"),
        stars=row.get("star_events_count"),
        forks=row.get("fork_events_count"),
        first_seen=moment(row.get("revision_date")),
    )
    return SourceFile(
        origin,
        row["path"].lstrip("/"),
        row["content"],
        content_id=row.get("content_id") or row["blob_id"],
        size=row.get("length_bytes"),
        encoding=row.get("src_encoding"),
        language=row.get("language"),
        is_vendored=row.get("is_vendor"),
        is_generated=row.get("is_generated"),
    )


def _file_v3(row: dict[str, Any]) -> SourceFile:
    origin = _origin(
        row["repo_path"],
        row.get("commit_id"),
        _licence(row.get("detected_licenses"), "license_file"),
        stars=row.get("stars"),
        forks=row.get("forks"),
        first_seen=moment(row.get("file_timestamp")),
        is_fork=row.get("is_fork"),
    )
    return SourceFile(
        origin,
        row["file_path"].lstrip("/"),
        row["content"],
        content_id=row.get("content_id"),
        size=row.get("size_bytes"),
        language=row.get("language"),
        is_vendored=row.get("is_vendor"),
    )


def _origin(
    repository: str,
    commit: str | None,
    under: Licence,
    *,
    stars: int | None,
    forks: int | None,
    first_seen: datetime | None,
    is_fork: bool | None = None,
) -> Origin:
    page = f"https://github.com/{repository}"
    return Origin(
        repository=repository,
        source="stack",
        licence=under,
        owner=repository.partition("/")[0],
        commit=commit,
        project_url=page,
        link=f"{page}/blob/{commit}/{{path}}" if commit else None,
        url=f"{page}/tree/{commit}" if commit else None,
        stars=stars,
        forks=forks,
        is_fork=is_fork,
        first_seen=first_seen,
    )


def _licence(detected: Sequence[str] | None, evidence: str) -> Licence:
    """All licences detected hold; NONE where the list is empty."""
    names = [name for name in detected or () if name]
    if not names:
        return licence("NONE" if detected is not None else None, None)
    found = licence(" AND ".join(names), evidence)
    return Licence(tuple(names), found.expression, found.type, evidence)
