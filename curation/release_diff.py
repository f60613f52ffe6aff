"""What differs between two releases? Files by repository, path and content; licences, languages and counts.

A file is `added` or `removed` where only one release has it at its place (repository and path), `changed` where both have
something else there, `redacted` where that is the same file with other text replaced, `relicensed` where only its licence differs.
Both lists of files are kept on disk while they are compared.

Not here: what a release holds by itself (`curation.release_statistics`).
"""

# ruff: noqa: S608 - the names of tables and columns in queries are our own

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation.release_statistics import editions
from curation.scratch import open_scratch
from indexer.corpus import Release

_COLUMNS = ("repository", "path", "content_id", "language", "license_expression", "size", "original_content_id")
_BATCH_ROWS = 16_384
_AT = "a.repository = b.repository AND a.path = b.path"
_SAME = f"{_AT} AND a.content_id = b.content_id"
_PAIR = f"{_AT} AND a.number = b.number"  # where a place holds several contents (versions of a package), they are paired in order


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs. `before` and `after` are its content id and licence, None where a release does not have it."""

    kind: str
    repository: str
    path: str
    before: tuple[str, str | None] | None
    after: tuple[str, str | None] | None


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """Two releases by name and version, how many files are added, removed, changed, redacted, relicensed and the same, and what was
    and is: files, redacted files, bytes and repositories in all, files by language and by licence where that differs."""

    before: str
    after: str
    files: dict[str, int]
    totals: dict[str, tuple[int, int]]
    languages: dict[str, tuple[int, int]]
    licenses: dict[str, tuple[int, int]]


def release_diff(before: Release, after: Release, each: Callable[[Change], None] | None = None) -> ReleaseDiff:
    """Compares two releases by their first editions; `each` is told every change, by repository and path. Flat memory."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_scratch(Path(folder) / "files")
        try:
            totals = [_enter(database, table, release) for table, release in (("old", before), ("new", after))]
            counts = Counter({"added": 0, "removed": 0, "changed": 0, "redacted": 0, "relicensed": 0})
            for change in _changes(database):
                counts[change.kind] += 1
                if each:
                    each(change)
            counts["same"] = _number(database, f"SELECT count(*) FROM old a JOIN new b ON {_SAME} WHERE a.license IS b.license")
            redacted = [_number(database, f"SELECT count(*) FROM {table} WHERE original IS NOT content_id") for table in ("old", "new")]
            repositories = [_number(database, f"SELECT count(DISTINCT repository) FROM {table}") for table in ("old", "new")]
            return ReleaseDiff(
                _title(before),
                _title(after),
                dict(counts),
                {
                    "files": (totals[0].total(), totals[1].total()),
                    "redacted": (redacted[0], redacted[1]),
                    "bytes": (_bytes(database, "old"), _bytes(database, "new")),
                    "repositories": (repositories[0], repositories[1]),
                },
                _both(totals),
                _both([Counter(dict(database.execute(f"SELECT license, count(*) FROM {table} GROUP BY 1"))) for table in ("old", "new")]),
            )
        finally:
            database.close()


def told(diff: ReleaseDiff) -> str:
    """The difference as lines of text."""
    lines = [f"{diff.before} -> {diff.after}"]
    lines += [f"  {count:,} files {kind}" for kind, count in diff.files.items()]
    lines += [f"  {what}: {old:,} -> {new:,}" for what, (old, new) in diff.totals.items()]
    for what, table in (("language", diff.languages), ("licence", diff.licenses)):
        lines += [f"  {what} {name}: {old:,} -> {new:,}" for name, (old, new) in table.items()]
    return "\n".join(lines)


def as_line(change: Change) -> str:
    """A change as one line of JSON."""
    return json.dumps(asdict(change), ensure_ascii=False)


def _enter(database: sqlite3.Connection, table: str, release: Release) -> Counter[str]:
    """Fills one table; returns files by language. A file that stands twice at one place counts once."""
    database.execute(
        f"CREATE TABLE {table} (repository TEXT, path TEXT, content_id TEXT, license TEXT, language TEXT, size INTEGER, original TEXT,"
        " PRIMARY KEY (repository, path, content_id)) WITHOUT ROWID"
    )
    columns = "repository, path, content_id, language, license, size, original"
    into = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, ?3))"
    for name in (name for names in next(iter(editions(release).values())).values() for name in names):
        with pq.ParquetFile(release.path / name) as file:
            have = [column for column in _COLUMNS if column in file.schema_arrow.names]  # releases of old have not all
            for batch in file.iter_batches(_BATCH_ROWS, columns=have, use_threads=False):
                values = (batch.column(column).to_pylist() if column in have else [None] * batch.num_rows for column in _COLUMNS)
                database.executemany(into, zip(*values, strict=True))
    return Counter({language or "unknown": n for language, n in database.execute(f"SELECT language, count(*) FROM {table} GROUP BY 1")})


def _changes(database: sqlite3.Connection) -> Iterator[Change]:
    """Contents that one release lacks at a place, those of both in one change, and licences that differ; by place."""
    for table, other in (("old", "new"), ("new", "old")):
        database.execute(
            f"CREATE TABLE only_{table} AS SELECT *, row_number() OVER (PARTITION BY repository, path ORDER BY content_id) AS number"
            f" FROM {table} a WHERE NOT EXISTS (SELECT 1 FROM {other} b WHERE {_SAME})"
        )
        database.execute(f"CREATE INDEX place_{table} ON only_{table} (repository, path, number)")
    query = f"""
        SELECT repository, path, 'removed', content_id, license, NULL, NULL FROM only_old a
            WHERE NOT EXISTS (SELECT 1 FROM only_new b WHERE {_PAIR})
        UNION ALL SELECT repository, path, 'added', NULL, NULL, content_id, license FROM only_new a
            WHERE NOT EXISTS (SELECT 1 FROM only_old b WHERE {_PAIR})
        UNION ALL SELECT a.repository, a.path, iif(a.original = b.original, 'redacted', 'changed'), a.content_id, a.license,
            b.content_id, b.license FROM only_old a JOIN only_new b ON {_PAIR}
        UNION ALL SELECT a.repository, a.path, 'relicensed', a.content_id, a.license, b.content_id, b.license FROM old a
            JOIN new b ON {_SAME} WHERE a.license IS NOT b.license
        ORDER BY 1, 2, 4, 6"""
    for repository, path, kind, old_id, old_license, new_id, new_license in database.execute(query):
        before = None if old_id is None else (old_id, old_license)
        yield Change(kind, repository, path, before, None if new_id is None else (new_id, new_license))


def _both(tables: list[Counter[Any]]) -> dict[str, tuple[int, int]]:
    """What differs, the largest first. [{"a": 1, "b": 2}, {"b": 3}] -> {"b": (2, 3), "a": (1, 0)}"""
    old, new = tables
    names = sorted({*old, *new}, key=lambda name: (-max(old[name], new[name]), str(name)))
    return {str(name or "NONE"): (old[name], new[name]) for name in names if old[name] != new[name]}


def _bytes(database: sqlite3.Connection, table: str) -> int:
    return _number(database, f"SELECT coalesce(sum(size), 0) FROM {table}")


def _number(database: sqlite3.Connection, query: str) -> int:
    return int(database.execute(query).fetchone()[0])


def _title(release: Release) -> str:
    return f"{release.manifest.get('name', release.path.name)} {release.manifest.get('version', '')}".strip()
