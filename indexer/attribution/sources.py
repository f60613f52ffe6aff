"""What is reported of a document that holds a chain of runs? Its place, link, licence and rank.

Ranked by the significance of what it covers; among equals the likely original comes first: earliest date, more stars, not a fork,
not vendored. What is unknown decides nothing. Those that cover the same stretch are folded under the first as copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indexer.answers import Match, Source
from indexer.attribution.query import Query
from indexer.attribution.verify import Compared, Run
from indexer.segment.prepare import IS_FORK, IS_VENDORED
from indexer.segment.segment import Segment

SAME_STRETCH = 0.9  # share of covered tokens, intersection over union, from which two sources are copies


@dataclass(frozen=True, slots=True)
class Found:
    """One chain in one document, with its significance."""

    segment: Segment
    doc: int
    compared: Compared
    chain: tuple[Run, ...]
    score: float

    @property
    def covered(self) -> frozenset[int]:
        """The tokens of the text that it explains."""
        return frozenset(t for run in self.chain for t in range(run.begin, run.end))

    @property
    def similarity(self) -> float:
        """That of its chain."""
        return self.compared.similarity(self.chain)

    def originality(self) -> tuple[Any, ...]:
        """Sorts the likely original first."""
        flags = self.segment.value("doc.flags", self.doc)
        date, stars = self.segment.value("doc.date", self.doc), self.segment.value("doc.stars", self.doc)
        return date, -stars, flags & IS_FORK, flags & IS_VENDORED, self.segment.value("doc.id", self.doc)


def ranked(found: list[Found]) -> list[list[Found]]:
    """Groups of copies, best first, the likely original leading each."""
    groups: list[tuple[frozenset[int], list[Found]]] = []
    for one in sorted(found, key=lambda one: (-round(one.score, 3), -one.similarity, *one.originality())):
        covered = one.covered
        for other, group in groups:
            if len(covered & other) >= SAME_STRETCH * len(covered | other):
                group.append(one)
                break
        else:
            groups.append((covered, [one]))
    return [group for _, group in groups]


def lines_of(compared: Compared, begin: int, end: int) -> tuple[int, int]:
    """The 1-based inclusive lines of tokens [begin, end) of a region."""
    tokens = compared.tokens
    return compared.line_at(int(tokens.starts[begin])), compared.line_at(int(tokens.ends[end - 1]) - 1)


def names_of(query: Query, compared: Compared, run: Run) -> dict[str, str] | None:
    """The source's identifiers -> the text's, for a renamed run whose streams are of equal length; only those that differ."""
    if run.kind != "renamed" or run.other_end - run.other != run.tokens:
        return None
    mine, theirs = query.tokens, compared.tokens
    names = {}
    for a, b in zip(range(run.begin, run.end), range(run.other, run.other_end), strict=True):
        if mine.hashes[a] != theirs.hashes[b] and chr(theirs.data[theirs.starts[b]]).isidentifier():
            there = theirs.data[theirs.starts[b] : theirs.ends[b]].tobytes().decode("utf-8", "replace")
            names[there] = mine.data[mine.starts[a] : mine.ends[a]].tobytes().decode("utf-8", "replace")
    return names


def source_of(found: Found, matches: tuple[Match, ...], copies: Sequence[Source] = (), copies_total: int = 0) -> Source:
    """The reported form; reads the document's row."""
    row = found.segment.row(found.doc)
    chain = found.chain
    start_line, end_line = lines_of(found.compared, min(run.other for run in chain), max(run.other_end for run in chain))
    return Source(
        document_id=row["document_id"],
        repository=row["repository"],
        owner=row["owner"],
        path=row["path"],
        commit=row["commit"],
        start_line=start_line,
        end_line=end_line,
        language=row["language"],
        licenses=tuple(row["licenses"]),
        license_expression=row["license_expression"],
        license_type=row["license_type"],
        url=link(row, start_line, end_line),
        project_url=row["project_url"],
        swhid=f"swh:1:cnt:{row['content_id']};lines={start_line}-{end_line}",
        purl=row["purl"],
        kind="edited" if len(chain) > 1 else chain[0].kind,
        similarity=found.similarity,
        score=round(found.score, 3),
        matches=matches,
        copies=tuple(copies),
        copies_total=copies_total,
    )


def link(row: dict[str, Any], start_line: int, end_line: int) -> str:
    """Where a person can see the lines: pinned on the project's host, else on our own document page."""
    return f"{row['url'] or '/documents/' + row['document_id']}#L{start_line}-L{end_line}"
