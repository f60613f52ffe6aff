"""Which one of several identical files is kept, and where do those that are kept stand in a release?

The rule: a permissive licence first, then more stars, more forks, the earliest date, then repository and path in
alphabetical order. What is unknown comes last. The account of ids and ranks is kept on disk, so memory stays flat.

Not here: near-duplicates, which come with the full pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from curation.scratch import open_scratch

_LATER_THAN_ALL = 1 << 62

_OFFER = """
INSERT INTO best VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (content_id) DO UPDATE SET
    unfree = excluded.unfree, stars = excluded.stars, forks = excluded.forks, first_seen = excluded.first_seen,
    repository = excluded.repository, path = excluded.path, row = excluded.row, folder = excluded.folder,
    text_bytes = excluded.text_bytes
WHERE (excluded.unfree, excluded.stars, excluded.forks, excluded.first_seen, excluded.repository, excluded.path, excluded.row)
    < (best.unfree, best.stars, best.forks, best.first_seen, best.repository, best.path, best.row)
"""


class Place(NamedTuple):
    """Where a kept file stands in a release; places sort as the release does."""

    folder: str
    repository: str
    path: str
    row: int


class Best:
    """The best row of each content. Rows are offered with their number, and the kept ones come back in any order asked for."""

    def __init__(self, file: Path) -> None:
        self._database = open_scratch(file)
        self._database.execute(
            "CREATE TABLE best (content_id TEXT PRIMARY KEY, unfree INTEGER, stars INTEGER, forks INTEGER, first_seen INTEGER,"
            " repository TEXT, path TEXT, row INTEGER, folder TEXT, text_bytes INTEGER) WITHOUT ROWID"
        )

    def offer(self, rows: Iterable[dict[str, Any]]) -> None:
        """Takes rows in: `row`, `folder`, `text_bytes` and what decides."""
        self._database.executemany(_OFFER, ((row["content_id"], *_rank(row), row["row"], row["folder"], row["text_bytes"]) for row in rows))

    def rows(self) -> Iterator[tuple[int, str]]:
        """Number and content id of the rows to keep, by number."""
        yield from self._database.execute("SELECT row, content_id FROM best ORDER BY row")

    def places(self) -> Iterator[tuple[Place, int]]:
        """Place and bytes of text of the rows to keep, in the order of a release. SQLite sorts on disk."""
        rows = self._database.execute("SELECT folder, repository, path, row, text_bytes FROM best ORDER BY folder, repository, path, row")
        for *place, text_bytes in rows:
            yield Place(*place), text_bytes

    def repositories(self) -> Iterator[tuple[str, int]]:
        """Each repository and how many of its files are kept."""
        yield from self._database.execute("SELECT repository, count(*) FROM best GROUP BY repository")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()


def _rank(row: dict[str, Any]) -> tuple[int, int, int, int, str, str]:
    """Smaller is better."""
    first_seen: datetime | None = row["first_seen"]
    return (
        int(row["license_type"] != "permissive"),
        -(row["stars"] if row["stars"] is not None else -1),
        -(row["forks"] if row["forks"] is not None else -1),
        int(first_seen.timestamp()) if first_seen else _LATER_THAN_ALL,
        row["repository"],
        row["path"],
    )
