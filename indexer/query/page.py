"""What of a ranking becomes a page? One hit for each text, its copies under it, and the files of a repository together.

Not here: the rankings (`indexer.stores`), where the next page begins (`indexer.query.cursor`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexer.answers import Copy, Hit, HitGroup
from indexer.query.highlight import snippets
from indexer.query.match import matches_literals
from indexer.query.tree import Node, has_literals

MOST_HITS = 100  # of one page
MOST_READ = 500  # documents that are looked at for a page of literals, or of texts that stand in many files
MOST_SECONDS = 10.0  # that looking at them takes
_MOST_COPIES = 10  # shown of a hit


@dataclass(frozen=True, slots=True)
class Found:
    """A document of a ranking: its score, its number in the index, its row, and what reads its text."""

    score: float
    number: int
    row: Mapping[str, Any]
    content: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Filled:
    """The hits of a page, how many documents were read for them, the last of these, and whether time ran out."""

    hits: tuple[Hit, ...]
    read: int
    last: Found | None
    is_late: bool

    @property
    def seen(self) -> tuple[str, ...]:
        """The contents that may have copies at the head of the next page: copies mostly score the same."""
        last = self.last.score if self.last else 0.0
        return tuple(hit.content_id for hit in self.hits if hit.score == _rounded(last))


def fill(ranking: Iterator[Found], tree: Node, limit: int, seen: Sequence[str], until: float) -> Filled:
    """Reads a ranking until a page is full, or until the time is up where texts are compared. `seen`: contents of the page before.

    A text that stands in many files is one hit; those of its copies that rank before the end of the page are listed with it.
    """
    hits: dict[str, Hit] = {}
    copies: dict[str, list[Copy]] = {}
    shown, literal = set(seen), has_literals(tree)
    read, last, is_late = 0, None, False
    for found in ranking:
        content_id = found.row["content_id"]
        if content_id in hits:
            copies.setdefault(content_id, []).append(_copy_of(found.row))
        elif len(hits) == limit:  # the page ends behind the copies of its last text
            break
        elif content_id not in shown and (not literal or matches_literals(found.content(), tree)):
            hits[content_id] = hit_of(found, tree)
        read, last = read + 1, found
        if is_late := literal and time.monotonic() > until:
            break
    with_copies = (
        replace(hit, copies=tuple(copies[name][:_MOST_COPIES]), copies_total=len(copies[name])) if name in copies else hit
        for name, hit in hits.items()
    )
    return Filled(tuple(with_copies), read, last, is_late)


def groups_of(hits: Sequence[Hit]) -> tuple[HitGroup, ...]:
    """The hits by repository, the repository of the best hit first."""
    positions: dict[str, list[int]] = {}
    for position, hit in enumerate(hits):
        positions.setdefault(hit.repository, []).append(position)
    return tuple(HitGroup(repository, tuple(each)) for repository, each in positions.items())


def hit_of(found: Found, tree: Node) -> Hit:
    """A document that was found, with snippets."""
    row = found.row
    shown = snippets(found.content(), tree)
    line = f"#L{shown[0].start_line}" if shown else ""
    return Hit(
        document_id=row["document_id"],
        content_id=row["content_id"],
        repository=row["repository"],
        owner=row["owner"],
        path=row["path"],
        commit=row["commit"],
        language=row["language"],
        licenses=tuple(row["licenses"]),
        license_expression=row["license_expression"],
        license_type=row["license_type"],
        size=row["size"],
        url=_url_of(row) + line,
        project_url=row["project_url"],
        score=_rounded(found.score),
        snippets=shown,
    )


def _copy_of(row: Mapping[str, Any]) -> Copy:
    return Copy(row["document_id"], row["repository"], row["path"], row["license_expression"], _url_of(row))


def _url_of(row: Mapping[str, Any]) -> str:
    return str(row["url"] or f"/documents/{row['document_id']}")


def _rounded(score: float) -> float:
    return round(score, 4)
