"""What is reported of a document that holds a chain of runs? Its place, link, licence and rank.

Ranked by the significance of what it covers; among equals the likely original comes first: earliest date, more stars, not a fork,
not vendored. What is unknown decides nothing. Those that cover the same stretch are folded under the first as copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from indexer.answers import Match, Source
from indexer.attribution import source_kernels as kernels
from indexer.attribution.chain_kernels import BEGIN, END
from indexer.attribution.query import Query
from indexer.attribution.verify import Chain, Compared, Run
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
    for i, one in enumerate(found):
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
    if not any(one.chain.is_renamed for one in found):
        return found
    exact = [(chain.runs[0], chain.score) for one in found if len((chain := one.chain).rows) == 1 and not chain.is_renamed]
    least = []
    for one in found:
        score = one.chain.score
        if one.chain.is_renamed:
            begin, end = one.chain.runs[0].begin, one.chain.runs[-1].end
            score = min([score, *(other for run, other in exact if run.begin <= begin and end <= run.end)])
        least.append(one if score == one.chain.score else replace(one, chain=replace(one.chain, score=score)))
    return least


def in_source(query: Query, compared: Compared, run: Run, low: int, high: int) -> tuple[int, int]:
    """The region's tokens at which tokens [low, high) of a run stand; of a renamed one whole elements, whose literals may differ in
    length."""
    if run.kind == "exact":
        return run.other + low - run.begin, run.other + high - run.begin
    tokens, others = query.code_tokens, compared.code_tokens
    return kernels.renamed_range(tokens, others, len(compared.starts), run.begin, run.other, low, high)  # type: ignore[no-any-return]


def names_of(query: Query, compared: Compared, run: Run, low: int, high: int) -> dict[str, str] | None:
    """The source's identifiers -> the text's in tokens [low, high) of a renamed run; only those that differ."""
    if run.kind != "renamed":
        return None
    streams = query.code_tokens, query.codes, compared.code_tokens, compared.codes
    pairs = kernels.renamed_pairs(*streams, run.begin, run.other, low, high).tolist()
    return {compared.token(theirs): query.token(mine) for theirs, mine in pairs}


def source_of(
    found: Found,
    row: dict[str, Any],
    lines: tuple[int, int],
    matches: tuple[Match, ...],
    copies: Sequence[Source] = (),
    copies_total: int = 0,
) -> Source:
    """The reported form; `row` is the document's, `lines` those of the hull."""
    runs = found.chain.runs
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
        kind="edited" if len(runs) > 1 else runs[0].kind,
        similarity=found.chain.similarity,
        score=round(found.chain.score, 3),
        matches=matches,
        copies=tuple(copies),
        copies_total=copies_total,
    )


def link(row: dict[str, Any], start_line: int, end_line: int) -> str:
    """Where a person can see the lines: pinned on the project's host, else on our own document page."""
    return f"{row['url'] or '/documents/' + row['document_id']}#L{start_line}-L{end_line}"
