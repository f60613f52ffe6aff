"""Which documents of a cluster does a query find? A page of hits with snippets, counts and facets, as of an index folder.

Not here: the translation of a query (`query`), what a page shows of a text (`indexer.query.highlight`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from indexer.answers import FacetCount, Partial, SearchPage
from indexer.errors import InputError
from indexer.query.match import matches_literals
from indexer.query.parse import parse
from indexer.query.tree import FieldName, Node, has_literals, restrict
from indexer.stores.elastic.mapping import FACETS
from indexer.stores.elastic.query import to_query
from indexer.stores.elastic.questions import Generation
from indexer.stores.local.fulltext import MAX_TOTAL
from indexer.stores.local.search import MOST_HITS, MOST_READ, MOST_SECONDS, cursor_at, hit_of, offset_of

_FACET_VALUES = 20
_STEP = 50  # documents with their text in one answer, where texts have to be compared
_MOST_REACHED = 10_000  # hits that Elasticsearch lets anybody page through


def search_page(generation: Generation, query: str, given: Mapping[FieldName, str | None], limit: int, cursor: str | None) -> SearchPage:
    """One page of documents, best first; literals are verified against the stored text. Raises QueryError, InputError."""
    if not 1 <= limit <= MOST_HITS:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_HITS}")
    tree, begin = parse(query), offset_of(cursor, generation.info, query)
    filters = {name: [value] for name, value in given.items() if value}
    literal = has_literals(tree)
    seconds = min(MOST_SECONDS, generation.place.timeout_ms / 4000)  # of a try, of which several nodes get some
    bodies = _bodies(restrict(tree, filters), begin, _STEP if literal else limit, MOST_READ if literal else limit, seconds)
    hits, read, until = [], 0, time.monotonic() + MOST_SECONDS
    answers = generation.search([next(bodies)])
    for found in _each(generation, answers, bodies):
        read += 1
        source, content = found["_source"], found["_source"]["content"]
        if not literal or matches_literals(content, tree):
            hits.append(hit_of(source["row"], content, found["_score"], tree))
        if len(hits) == limit or (literal and time.monotonic() > until):
            break
    first, is_late = answers[0], any(answer["timed_out"] for answer in answers) or (literal and time.monotonic() > until)
    total = first["hits"]["total"]["value"]
    more = begin + read < min(total, _MOST_REACHED)
    reason = "timeout_ms" if is_late else "literals"
    return SearchPage(
        query=query,
        total=min(total, MAX_TOTAL),
        total_capped=total > MAX_TOTAL or first["timed_out"] or (literal and total > 0),
        hits=tuple(hits),
        facets=_facets(first),
        cursor=cursor_at(begin + read, generation.info, query) if more and read else None,
        hint=None,
        attribution=None,
        partial=Partial((reason,)) if first["timed_out"] or (more and len(hits) < limit) else None,
        index=generation.info,
    )


def _each(generation: Generation, answers: list[dict[str, Any]], bodies: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The hits of the answer that is there, then of one search after another, while there are any; `answers` grows. A later answer
    that is not complete ends them: hits would be missing between its own."""
    yield from answers[0]["hits"]["hits"]
    for body in bodies:
        answers += generation.search([body])
        if answers[-1]["timed_out"] or not answers[-1]["hits"]["hits"]:
            return
        yield from answers[-1]["hits"]["hits"]


def _bodies(tree: Node, begin: int, step: int, most: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Searches for the hits from `begin` on, so many at a time; the first one counts, too. Only as far as Elasticsearch goes."""
    body = _body(tree, begin, max(0, min(step, _MOST_REACHED - begin)), seconds)
    yield body
    later = {name: value for name, value in body.items() if name != "aggs"} | {"track_total_hits": False}
    for at in range(begin + step, min(begin + most, _MOST_REACHED), step):
        yield later | {"from": at, "size": min(step, _MOST_REACHED - at)}


def _body(tree: Node, begin: int, size: int, seconds: float) -> dict[str, Any]:
    return {
        "timeout": f"{1000 * seconds:.0f}ms",  # each shard stops collecting then
        "from": begin,
        "size": size,
        "track_total_hits": MAX_TOTAL + 1,
        "query": to_query(tree),
        "sort": [{"_score": "desc"}, {"number": "asc"}],
        "track_scores": True,
        "aggs": {name: {"terms": {"field": field, "size": _FACET_VALUES}} for name, field in FACETS.items()},
    }


def _facets(answer: dict[str, Any]) -> dict[str, tuple[FacetCount, ...]]:
    return {name: tuple(FacetCount(b["key"], b["doc_count"]) for b in answer["aggregations"][name]["buckets"]) for name in FACETS}
