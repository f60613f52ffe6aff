"""Which repositories did the files come from, and how many files of each?

The account is kept in a SQLite file, so that memory stays flat however many repositories there are.

Not here: the schema of the table (`indexer.corpus.REPOSITORIES_SCHEMA`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from curation.licence_texts import copyright_lines
from curation.origin import Origin, SourceFile
from curation.scratch import open_scratch
from indexer.corpus import REPOSITORIES_SCHEMA

_BATCH_ROWS = 64  # licence texts make rows large
_WAITING = 64  # repositories kept in memory before they are written


class Ledger:
    """Repositories by name with their file counts. The first row of a name stays; counts add up. For one thread at a time."""

    def __init__(self, file: Path) -> None:
        self._database = open_scratch(file)
        self._database.execute("CREATE TABLE repositories (repository TEXT PRIMARY KEY, row TEXT, files INTEGER) WITHOUT ROWID")
        self._waiting: dict[str, Origin] = {}

    def watch(self, files: Iterable[SourceFile]) -> Iterator[SourceFile]:
        """The files unchanged, each one's repository described; whether it counts is known when it has become a row."""
        for file in files:
            if file.origin.repository not in self._waiting:
                if len(self._waiting) >= _WAITING:
                    self._flush()
                self._waiting[file.origin.repository] = file.origin
            yield file

    def count(self, repositories: Iterable[str]) -> None:
        """Adds one file to each repository named, as often as it is named."""
        self.count_all(Counter(repositories).items())

    def count_all(self, files: Iterable[tuple[str, int]]) -> None:
        """Adds so many files to each repository named."""
        self._database.executemany(
            "INSERT INTO repositories VALUES (?, NULL, ?) ON CONFLICT DO UPDATE SET files = files + excluded.files", files
        )

    def describe(self, rows: Iterable[dict[str, Any]]) -> None:
        """Enters rows of REPOSITORIES_SCHEMA; what is described already stays as it is. File counts are left alone."""
        self._database.executemany(
            "INSERT INTO repositories VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET row = coalesce(row, excluded.row)",
            ((row["repository"], json.dumps(row, default=datetime.isoformat)) for row in rows),
        )

    def total(self) -> int:
        """How many repositories have a file."""
        return int(self._database.execute("SELECT count(*) FROM repositories WHERE files > 0").fetchone()[0])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows of REPOSITORIES_SCHEMA of every repository with a file, by name. To be read once all files have passed."""
        self._flush()
        cursor = self._database.execute("SELECT repository, row, files FROM repositories WHERE files > 0 ORDER BY repository")
        while found := cursor.fetchmany(_BATCH_ROWS):
            yield pa.RecordBatch.from_pylist([_row(*columns) for columns in found], schema=REPOSITORIES_SCHEMA)

    def _flush(self) -> None:
        self.describe(map(repository_row, self._waiting.values()))
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()


def repository_row(origin: Origin) -> dict[str, Any]:
    """The row of the `repositories` table for the place that files come from; its file count starts at 0."""
    licences, notices = origin.texts.licences, origin.texts.notices
    return {
        "repository": origin.repository,
        "owner": origin.owner,
        "commit": origin.commit,
        "licenses": list(origin.licence.ids),
        "license_expression": origin.licence.expression,
        "license_type": origin.licence.type,
        "license_texts": [{"path": path, "text": text} for path, text in licences],
        "notice_texts": [{"path": path, "text": text} for path, text in notices],
        "copyright_lines": copyright_lines(text for _, text in (*licences, *notices)),
        "purl": origin.purl,
        "url": origin.url,
        "project_url": origin.project_url,
        "stars": origin.stars,
        "forks": origin.forks,
        "first_seen": origin.first_seen,
        "files": 0,
        "source": origin.source,
    }


def _row(repository: str, row: str | None, files: int) -> dict[str, Any]:
    columns = {"repository": repository} if row is None else json.loads(row)
    if first_seen := columns.get("first_seen"):
        columns["first_seen"] = datetime.fromisoformat(first_seen)
    return {**columns, "files": files}
