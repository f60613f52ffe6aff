"""What is reported of a document that holds a chain of runs? Its place, link, licence and rank.

Ranked by the significance of what it covers; among equals the likely original comes first: earliest date, more stars, not a fork,
not vendored. What is unknown decides nothing. Those that cover the same stretch are folded under the first as copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from indexer.answers import Match, Source
from indexer.attribution.query import Query
from indexer.attribution.verify import Compared, Run
from indexer.segment.prepare import IS_FORK, IS_VENDORED
from indexer.segment.segment import Segment

SAME_STRETCH = 0.9  # share of covered tokens, intersection over union, from which two sources are copies


@dataclass(frozen=True)
class Found:
    """One chain in one document, with its significance."""

    segment: Segment
    doc: int
    compared: Compared
    chain: tuple[Run, ...]
    score: float

    @cached_property
    def tokens(self) -> int:
        """How many tokens of the text it explains."""
        return sum(run.tokens for run in self.chain)

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
    groups: list[tuple[int, list[Found]]] = []
    for one in sorted(found, key=lambda one: (-round(one.score, 3), -one.similarity, *one.originality())):
        least, most = SAME_STRETCH * one.tokens, one.tokens / SAME_STRETCH
        same = next((group for tokens, group in groups if least <= tokens <= most and _same_stretch(group[0], one)), None)
        if same is None:
            groups.append((one.tokens, [one]))
        else:
            same.append(one)
    return [group for _, group in groups]


def _same_stretch(a: Found, b: Found) -> bool:
    """Whether two chains cover nearly the same tokens of the text."""
    if a.chain[0].begin >= b.chain[-1].end or b.chain[0].begin >= a.chain[-1].end:
        return False
    shared, i, j = 0, 0, 0
    while i < len(a.chain) and j < len(b.chain):
        one, other = a.chain[i], b.chain[j]
        shared += max(0, min(one.end, other.end) - max(one.begin, other.begin))
        i, j = (i + 1, j) if one.end <= other.end else (i, j + 1)
    return shared >= SAME_STRETCH * (a.tokens + b.tokens - shared)


def lines_of(compared: Compared, begin: int, end: int) -> tuple[int, int]:
    """The 1-based inclusive lines of tokens [begin, end) of a region."""
    tokens = compared.tokens
    return compared.line_at(int(tokens.starts[begin])), compared.line_at(int(tokens.ends[end - 1]) - 1)


def names_of(query: Query, compared: Compared, run: Run, low: int, high: int) -> dict[str, str] | None:
    """The source's identifiers -> the text's in tokens [low, high) of a renamed run; only those that differ."""
    if run.kind != "renamed":
        return None
    mine, theirs = query.renamed, compared.renamed
    begin, first, last = np.searchsorted(mine.tokens, [run.begin, low, high]).tolist()
    other = int(np.searchsorted(theirs.tokens, run.other)) + first - begin
    a, b = mine.codes[first:last], theirs.codes[other : other + last - first]
    if len(a) != len(b):
        return None
    changed = np.flatnonzero((a != b) & (a & np.uint64(1) != 0) & (b & np.uint64(1) != 0)).tolist()
    return {compared.tokens.text(int(theirs.tokens[other + i])): query.tokens.text(int(mine.tokens[first + i])) for i in changed}


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
