"""What is reported of a document that holds a chain of runs? Its place, link, licence and rank.

Ranked by the significance of what it covers; among equals the likely original comes first: earliest date, more stars, not a fork,
not vendored. What is unknown decides nothing. Those that cover the same stretch are folded under the first as copies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from indexer.answers import Match, Source
from indexer.attribution import source_kernels as kernels
from indexer.attribution.chain_kernels import BEGIN, END
from indexer.attribution.query import Query
from indexer.attribution.verify import Chain, Compared
from indexer.segment.prepare import IS_FORK, IS_VENDORED
from indexer.segment.segment import Segment

SAME_STRETCH = 0.9  # share of covered tokens, intersection over union, from which two sources are copies


@dataclass(frozen=True, slots=True)
class Found:
    """One chain in one document."""

    segment: Segment
    doc: int
    chain: Chain


def ranked(found: list[Found]) -> list[list[Found]]:
    """Groups of copies, best first, the likely original leading each."""
    if len(found) == 1:
        return [found]
    found = _no_rarer_than_exact(found)
    order = np.array(sorted(range(len(found)), key=_ranks(found).__getitem__), np.int64)
    runs = np.concatenate([one.chain.rows for one in found])
    bounds = np.cumsum([0, *(len(one.chain.rows) for one in found)])
    numbers = kernels.group_copies(runs[:, BEGIN], runs[:, END], bounds, order, SAME_STRETCH)
    groups: list[list[Found]] = [[] for _ in range(int(numbers.max()) + 1)]
    for i in order.tolist():
        groups[numbers[i]].append(found[i])
    return groups


def _ranks(found: list[Found]) -> list[tuple[Any, ...]]:
    """What sorts the best first, and of equals the likely original."""
    chains = [(-round(one.chain.score, 3), one.chain.is_renamed, -one.chain.similarity) for one in found]
    origins: list[tuple[int, ...]] = [()] * len(found)
    by_segment: dict[int, list[int]] = {}
    often = Counter(chains)
    for i, one in enumerate(found):
        if often[chains[i]] > 1:  # the others need no more to be told apart
            by_segment.setdefault(id(one.segment), []).append(i)
    for members in by_segment.values():
        segment, docs = found[members[0]].segment, np.array([found[i].doc for i in members])
        date, stars, flags, ids = (segment.values(column, docs) for column in ("doc.date", "doc.stars", "doc.flags", "doc.id"))
        columns = zip(members, *(each.tolist() for each in (date, -stars, flags & IS_FORK, flags & IS_VENDORED, ids)), strict=True)
        for i, *origin in columns:
            origins[i] = tuple(origin)
    return [chain + origin for chain, origin in zip(chains, origins, strict=True)]


def _no_rarer_than_exact(found: list[Found]) -> list[Found]:
    """A renamed run inside an exact one of another source counts no more than that one: what is common as it stands, is so renamed."""
    whole = [one.chain for one in found if len(one.chain.rows) == 1 and not one.chain.is_renamed]
    if not whole or len(whole) == len(found):
        return found
    exact = [(*chain.hull, chain.score) for chain in whole]
    least = []
    for one in found:
        score = one.chain.score
        if one.chain.is_renamed:
            begin, end = one.chain.hull
            score = min([score, *(other for low, high, other in exact if low <= begin and end <= high)])
        least.append(one if score == one.chain.score else replace(one, chain=replace(one.chain, score=score)))
    return least


def in_source(
    query: Query, compared: Compared, begin: int, other: int, low: int, high: int, *, renamed: bool
) -> tuple[tuple[int, int], dict[str, str] | None]:
    """The region's tokens at which tokens [low, high) of a run from `begin` and `other` on stand; of a renamed one whole elements, whose
    literals may differ in length, and the source's identifiers -> the text's, only those that differ."""
    if not renamed:
        return (other + low - begin, other + high - begin), None
    streams = query.code_tokens, query.codes, compared.code_tokens, compared.codes
    first, last, pairs = kernels.renamed_part(*streams, len(compared.starts), begin, other, low, high)
    return (first, last), dict(zip(compared.texts(pairs[:, 0]), query.texts(pairs[:, 1]), strict=True))


def source_of(
    found: Found,
    row: dict[str, Any],
    lines: tuple[int, int],
    matches: tuple[Match, ...],
    copies: Sequence[Source] = (),
    copies_total: int = 0,
) -> Source:
    """The reported form; `row` is the document's, `lines` those of the hull."""
    start_line, end_line = lines
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
        kind="edited" if len(found.chain.rows) > 1 else "renamed" if found.chain.is_renamed else "exact",
        similarity=found.chain.similarity,
        score=round(found.chain.score, 3),
        matches=matches,
        copies=tuple(copies),
        copies_total=copies_total,
    )


def link(row: dict[str, Any], start_line: int, end_line: int) -> str:
    """Where a person can see the lines: pinned on the project's host, else on our own document page."""
    return f"{row['url'] or '/documents/' + row['document_id']}#L{start_line}-L{end_line}"
