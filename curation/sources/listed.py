"""Which files do the repositories of a list hold?

    repositories:LIST         a folder that `wherefrom collect --dataset repositories` made, or a text file with one URL a line
    repositories:100:LIST     of those the 100 with the most stars

Each is cloned as `git:URL` is, the most stars first; one that is gone, too large, too slow or asked to be left out is counted, and
with --skip-bad the others go on. Stars, forks and dates of the list go with the files; a clone itself knows none.

Not here: cloning and reading (`curation.sources.git`), making a list (`curation.events.repository_list`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.origin import Origin, Reading, Source, SourceFile
from curation.release_folder import check_hash
from curation.sources.git import git, is_url
from indexer.corpus import Release
from indexer.errors import InputError

_COLUMNS = ("repository", "owner", "url", "stars", "forks", "first_seen", "fork_of")
_LIMITED = re.compile(r"(\d+):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A repository of a list; None is unknown."""

    url: str
    repository: str | None = None
    owner: str | None = None
    stars: int | None = None
    forks: int | None = None
    first_seen: datetime | None = None
    is_fork: bool | None = None


def listed(location: str) -> Source:
    """The source for a list. Raises InputError where there is none, or it is of another kind."""
    limit, place = (int(found[1]), found[2]) if (found := _LIMITED.fullmatch(location)) else (None, location)
    path = Path(place)
    if not path.exists():
        raise InputError(f"repositories:{location}: no such list; name a folder of --dataset repositories, or a text file of URLs")

    def files(reading: Reading) -> Iterator[SourceFile]:
        for each in (_of_dataset(path) if path.is_dir() else _of_lines(path))[:limit]:
            yield from _files(each, f"repositories:{place}", reading)

    return files


def _files(each: _Listed, name: str, reading: Reading) -> Iterator[SourceFile]:
    if reason := reading.removals.reason(each.repository, each.owner, None):
        return reading.skip(reason)
    if not is_url(each.url):
        return reading.bad(InputError(f"{name}: {each.url!r} is no URL to clone; take it out"), "no_url")
    known: dict[int, Origin] = {}  # one a repository, by the identity of what the clone knows
    try:
        for file in git(each.url)(reading):
            if id(file.origin) not in known:
                known = {id(file.origin): _origin(file.origin, each)}
            yield replace(file, origin=known[id(file.origin)])
    except InputError as error:
        reading.bad(error)


def _origin(cloned: Origin, each: _Listed) -> Origin:
    return replace(
        cloned,
        repository=each.repository or cloned.repository,
        owner=each.owner or cloned.owner,
        stars=each.stars,
        forks=each.forks,
        first_seen=each.first_seen,
        is_fork=each.is_fork,
    )


def _of_dataset(folder: Path) -> list[_Listed]:
    """The repositories of a dataset, the most stars first; of as many stars by name. Memory: the list."""
    dataset = Release.open(folder)
    if (kind := dataset.manifest.get("kind")) != "repositories":
        raise InputError(f"repositories:{folder}: a dataset of {kind}, wanted repositories; make one with: collect --dataset repositories")
    for name in dataset.manifest["files"]:
        check_hash(dataset, name)
    tables = [pq.read_table(folder / name, columns=list(_COLUMNS)) for name in dataset.manifest["files"]]
    order = [("stars", "descending"), ("repository", "ascending")]
    found = []
    for row in pa.concat_tables(tables).sort_by(order).to_pylist():
        is_fork = row.pop("fork_of") is not None or None  # events tell of some forks only
        found.append(_Listed(**row, is_fork=is_fork))
    return found


def _of_lines(file: Path) -> list[_Listed]:
    """The URLs of a text file in their order; empty lines and those that begin with # are passed over."""
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"repositories:{file}: cannot be read as UTF-8 ({error}); name a text file with one URL a line") from error
    return [_Listed(line) for line in lines if line and not line.startswith("#")]
