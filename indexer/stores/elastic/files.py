"""Which files does a repository in a cluster have, and which files hold some fingerprints? Lists without contents, as of a folder.

Not here: repositories (`repositories`), attribution of a text (`attribution`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.answers import CANDIDATE_PLACES, Candidate, Candidates, FilePage, Partial
from indexer.errors import InputError
from indexer.segment.prepare import name_hash
from indexer.stores.elastic.kept import WITH_KEPT, kept_of
from indexer.stores.elastic.mapping import signed, terms_of
from indexer.stores.elastic.questions import Generation, Json
from indexer.stores.elastic.repositories import MOST_LISTED
from indexer.stores.local.files import check_candidates, cover, file_of_row
from indexer.stores.local.search import cursor_at, place_of_cursor

_WINDOW = 64  # fingerprints of one search, with 512 places each: Elasticsearch counts at most 65,536


def file_page(generation: Generation, repository: str, limit: int, cursor: str | None) -> FilePage:
    """The files of a repository, in the order they were loaded; upper and lower case are one. Raises InputError for a bad cursor."""
    if not 1 <= limit <= MOST_LISTED:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_LISTED}")
    last = place_of_cursor(cursor, int, generation.info, repository)
    body = {
        "size": limit + 1,
        "track_total_hits": True,
        "query": {"term": {"repository_key": signed(name_hash(repository))}},
        "sort": [{"number": "asc"}],
        **WITH_KEPT,
        **({} if last is None else {"search_after": [last]}),
    }
    (answer,) = generation.search([body])
    hits = answer["hits"]["hits"]
    return FilePage(
        files=tuple(file_of_row(kept_of(hit).row) for hit in hits[:limit]),
        total=answer["hits"]["total"]["value"],
        cursor=cursor_at(hits[limit - 1]["sort"][0], generation.info, repository) if len(hits) > limit else None,
        index=generation.info,
    )


def candidates(generation: Generation, fingerprints: Sequence[int], limit: int) -> Candidates:
    """The files that hold rare or many of some fingerprints of the exact channel, as a folder's; `counts` are of files."""
    check_candidates(fingerprints, limit)
    values, first = np.unique(np.array(fingerprints, np.uint64), return_inverse=True)
    counts = np.zeros(len(values), np.int64)
    holders: dict[int, list[int]] = {}
    terms = terms_of(values)
    windows = [range(i, min(i + _WINDOW, len(terms))) for i in range(0, len(terms), _WINDOW)]
    for window, answer in zip(windows, generation.search([_holding(terms, window) for window in windows]), strict=True):
        for i in window:
            bucket = answer["aggregations"]["prints"]["buckets"][str(i)]
            counts[i] = bucket["doc_count"]
            for each in bucket["numbers"]["buckets"]:
                holders.setdefault(each["key"], []).append(i)
    weights = np.log2(1 + generation.info.documents / np.maximum(counts, 1))
    taken, is_open = cover([(0, number, np.array(holders[number], np.int64)) for number in sorted(holders)], weights, limit)
    cut = bool((counts > CANDIDATE_PLACES).any())
    reasons = [reason for reason, reached in (("limit", is_open), ("postings", cut)) if reached]
    rows = _rows(generation, [number for _, number, _ in taken])
    asked = [(number, np.flatnonzero(np.isin(first, prints)).tolist()) for _, number, prints in taken]
    return Candidates(
        tuple(Candidate(file_of_row(rows[number]), tuple(mine)) for number, mine in asked if number in rows),
        tuple(counts[first].tolist()),
        Partial(tuple(reasons)) if reasons else None,
        generation.info,
    )


def _holding(terms: Sequence[str], window: Sequence[int]) -> Json:
    filters = {str(i): {"term": {"exact": terms[i]}} for i in window}
    numbers = {"terms": {"field": "number", "size": CANDIDATE_PLACES, "order": {"_key": "asc"}}}
    query = {"bool": {"filter": {"bool": {"should": list(filters.values())}}}}
    aggs = {"prints": {"filters": {"filters": filters}, "aggs": {"numbers": numbers}}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggs}


def _rows(generation: Generation, numbers: Sequence[int]) -> dict[int, Json]:
    bodies = [
        {"size": len(some), "query": {"terms": {"number": list(some)}}, "sort": [{"number": "asc"}], **WITH_KEPT}
        for some in (numbers[i : i + 1000] for i in range(0, len(numbers), 1000))
    ]
    return {hit["sort"][0]: kept_of(hit).row for answer in generation.search(bodies) for hit in answer["hits"]["hits"]}
