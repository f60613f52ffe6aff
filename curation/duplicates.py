"""Which one of several identical files is kept?

The rule: a permissive licence first, then more stars, more forks, the earliest date, then repository and path in
alphabetical order. What is unknown comes last. The account of ids and ranks is kept on disk, so memory stays flat.

Not here: what is a near-duplicate (`curation.near_duplicates.clusters`, which chooses by the same rule).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curation.scratch import open_scratch

RANK_COLUMNS = ("content_id", "license_type", "stars", "forks", "first_seen", "repository", "path")
_LATER_THAN_ALL = 1 << 62

_OFFER = """
INSERT INTO best VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (content_id) DO UPDATE SET
    unfree = excluded.unfree, stars = excluded.stars, forks = excluded.forks, first_seen = excluded.first_seen,
    repository = excluded.repository, path = excluded.path, row = excluded.row
WHERE (excluded.unfree, excluded.stars, excluded.forks, excluded.first_seen, excluded.repository, excluded.path, excluded.row)
    < (best.unfree, best.stars, best.forks, best.first_seen, best.repository, best.path, best.row)
"""


class Best:
    """The best row of each content. Rows are offered with their number, and the kept numbers come back in order."""

    def __init__(self, file: Path) -> None:
        self._database = open_scratch(file)
        self._database.execute(
            "CREATE TABLE best (content_id TEXT PRIMARY KEY, unfree INTEGER, stars INTEGER, forks INTEGER, first_seen INTEGER,"
            " repository TEXT, path TEXT, row INTEGER) WITHOUT ROWID"
        )

    def offer(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> None:
        """Takes (row number, RANK_COLUMNS) in."""
        self._database.executemany(_OFFER, ((row["content_id"], *_rank(row), number) for number, row in rows))

    def rows(self) -> Iterator[int]:
        """The numbers of the rows to keep, ascending."""
        for (number,) in self._database.execute("SELECT row FROM best ORDER BY row"):
            yield number

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
