"""In which order do the files of a release stand, and how many does each repository have?

The account is kept on disk, so memory stays flat; SQLite sorts on disk as well.

Not here: which files stay (`curation.duplicates`), how the order is cut into parts (`curation.layout`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from curation.scratch import open_scratch


class Place(NamedTuple):
    """Where a file stands in a release; places sort as the release does."""

    folder: str
    repository: str
    path: str
    row: int


class Places:
    """The places of all files of a release, with their bytes of text."""

    def __init__(self, file: Path) -> None:
        self._database = open_scratch(file)
        self._database.execute("CREATE TABLE place (folder TEXT, repository TEXT, path TEXT, row INTEGER, text_bytes INTEGER)")

    def add(self, places: Iterable[tuple[Place, int]]) -> None:
        """Takes places and their bytes of text in."""
        self._database.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?)", ((*place, text_bytes) for place, text_bytes in places))

    def sorted(self) -> Iterator[tuple[Place, int]]:
        """All of them in the order of a release."""
        rows = self._database.execute("SELECT folder, repository, path, row, text_bytes FROM place ORDER BY folder, repository, path, row")
        for *place, text_bytes in rows:
            yield Place(*place), text_bytes

    def repositories(self) -> Iterator[tuple[str, int]]:
        """Each repository and how many files it has."""
        yield from self._database.execute("SELECT repository, count(*) FROM place GROUP BY repository")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()
