"""Which files does a repository have, and which files hold some fingerprints? Lists of files without their contents.

Not here: full-text hits and repositories (`indexer.stores.local.search`), attribution of a text (`indexer.attribution`).
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.answers import CANDIDATE_PLACES, Candidate, Candidates, File, FilePage, Partial
from indexer.errors import InputError
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import CONTEXT_BITS
from indexer.segment.prepare import name_hash
from indexer.segment.segment import Segment
from indexer.stores.local.search import cursor_at, offset_of
from indexer.stores.local.snapshot import Snapshot


def file_page(snapshot: Snapshot, repository: str, limit: int, cursor: str | None) -> FilePage:
    """The live files of a repository; upper and lower case are one. Reads 8 bytes of every document of the index."""
    if limit < 1:
        raise InputError(f"limit is {limit}; it takes 1 or more")
    begin = offset_of(cursor, snapshot.manifest.info, repository)
    found = [(segment, doc) for segment in snapshot.segments for doc in _docs_of(segment, repository)]
    page = found[begin : begin + limit]
    more = begin + limit < len(found)
    return FilePage(
        files=tuple(file_of(segment, doc) for segment, doc in page),
        total=len(found),
        cursor=cursor_at(begin + limit, snapshot.manifest.info, repository) if more else None,
        index=snapshot.manifest.info,
    )


def _docs_of(segment: Segment, repository: str) -> list[int]:
    docs = segment.live()
    mine: list[int] = docs[segment.values("doc.repository", docs) == name_hash(repository)].tolist()
    return mine


def file_of(segment: Segment, doc: int) -> File:
    """What a list says of a document."""
    return file_of_row(segment.row(doc))


def file_of_row(row: Mapping[str, Any]) -> File:
    """The same by the document's row."""
    return File(
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
        url=row["url"] or f"/documents/{row['document_id']}",
        project_url=row["project_url"],
    )


def candidates(snapshot: Snapshot, fingerprints: Sequence[int], limit: int) -> Candidates:
    """The files that hold rare or many of some fingerprints of the exact channel; every one that is held is represented if it can be.

    A file is taken for what it adds to those before it, then by all that it holds.
    """
    check_candidates(fingerprints, limit)
    values, first = np.unique(np.array(fingerprints, np.uint64), return_inverse=True)
    counts, holders, cut = np.zeros(len(values), np.int64), [], False
    for s, segment in enumerate(snapshot.segments):
        found = segment.look_up(SPEC.exact, values << np.uint64(CONTEXT_BITS), CANDIDATE_PLACES, filtered=False)
        counts += found.counts
        cut |= bool((np.bincount(found.queries, minlength=len(values)) < found.counts).any())
        holders += _holders(s, segment, found.queries, found.positions)
    weights = np.log2(1 + snapshot.manifest.info.documents / np.maximum(counts, 1))
    taken, is_open = cover(holders, weights, limit)
    reasons = [reason for reason, reached in (("limit", is_open), ("postings", cut)) if reached]
    asked = [np.flatnonzero(np.isin(first, prints)).tolist() for _, _, prints in taken]
    return Candidates(
        tuple(Candidate(file_of(snapshot.segments[s], doc), tuple(mine)) for (s, doc, _), mine in zip(taken, asked, strict=True)),
        tuple(counts[first].tolist()),
        Partial(tuple(reasons)) if reasons else None,
        snapshot.manifest.info,
    )


def check_candidates(fingerprints: Sequence[int], limit: int) -> None:
    """Raises InputError for a question that no store takes."""
    if limit < 1 or any(not 0 <= value < 1 << 48 for value in fingerprints):
        raise InputError(f"limit is {limit}, wanted at least 1; fingerprints are numbers of 48 bits")


_Holder = tuple[int, int, NDArray[np.int64]]  # segment, document, which fingerprints


def _holders(s: int, segment: Segment, queries: NDArray[np.int64], positions: NDArray[np.uint64]) -> list[_Holder]:
    order = np.argsort(positions, kind="stable")
    docs, queries = segment.documents_of(positions[order]), queries[order]
    starts = np.flatnonzero(np.diff(docs, prepend=-1))
    parts = np.split(queries, starts[1:]) if len(docs) else []
    return [(s, doc, np.unique(part)) for doc, part in zip(docs[starts].tolist(), parts, strict=True)]


def cover(holders: list[_Holder], weights: NDArray[np.float64], limit: int) -> tuple[list[_Holder], bool]:
    """At most `limit` holders, those that add most first, and whether a fingerprint that somebody holds is in none of them.

    What a holder adds only shrinks while others are taken, so one whose gain is still above the next one's old gain is the best.
    """
    is_open = np.zeros(len(weights), np.bool_)
    for _, _, prints in holders:
        is_open[prints] = True
    heap = [(-float(weights[prints].sum()), i) for i, (_, _, prints) in enumerate(holders)]
    by_weight = sorted(heap)
    heapq.heapify(heap)
    taken: dict[int, None] = {}
    while heap and is_open.any() and len(taken) < limit:
        _, i = heapq.heappop(heap)
        prints = holders[i][2]
        gain = float(weights[prints[is_open[prints]]].sum())
        if heap and gain < -heap[0][0]:
            heapq.heappush(heap, (-gain, i))
            continue
        taken[i] = None
        is_open[prints] = False
    chosen = [*taken, *(i for _, i in by_weight if i not in taken)][:limit]
    return [holders[i] for i in chosen], bool(is_open.any())
