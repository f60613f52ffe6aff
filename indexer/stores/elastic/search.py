"""Which documents of a cluster does a query find? A page of hits with snippets, counts and facets, as of an index folder.

Not here: the translation of a query (`query`), what a page shows of a text (`indexer.query.highlight`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from indexer.answers import FacetCount, Partial, SearchPage
from indexer.errors import InputError
from indexer.query.cursor import Behind
from indexer.query.page import MOST_HITS, MOST_READ, MOST_SECONDS, Filled, Found, fill, groups_of
from indexer.query.parse import parse
from indexer.query.tree import FieldName, Node, has_literals, restrict
from indexer.stores.elastic.kept import WITH_KEPT, kept_of
from indexer.stores.elastic.mapping import FACETS
from indexer.stores.elastic.query import to_query
from indexer.stores.elastic.questions import Generation
from indexer.stores.local.fulltext import MAX_TOTAL

_FACET_VALUES = 20
_STEP = 50  # documents with their text in one answer, where texts have to be compared
_BEST_FIRST = [{"_score": "desc"}, {"number": "asc"}]
Json = dict[str, Any]


def search_page(generation: Generation, query: str, given: Mapping[FieldName, str | None], limit: int, cursor: str | None) -> SearchPage:
    """One page of documents, best first; literals are verified against the stored text. Raises QueryError, InputError."""
    if not 1 <= limit <= MOST_HITS:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_HITS}")
    tree, behind = parse(query), Behind.of(cursor, query, given)
    filters = {name: [value] for name, value in given.items() if value}
    until = time.monotonic() + MOST_SECONDS
    ranking = _Ranking(generation, restrict(tree, filters), until)
    literal = has_literals(tree)
    page = fill(ranking.found(behind, _STEP if literal else limit + 1), tree, limit, behind.seen if behind else (), until)
    begin, total = behind.read if behind else 0, ranking.total
    more = begin + page.read < total
    reason = "timeout_ms" if page.is_late or ranking.timed_out else "literals"
    is_short = more and literal and len(page.hits) < limit
    return SearchPage(
        query=query,
        total=min(total, MAX_TOTAL),
        total_capped=total > MAX_TOTAL or ranking.timed_out or (literal and total > 0),
        hits=page.hits,
        groups=groups_of(page.hits),
        facets=ranking.facets,
        cursor=_behind(page, begin, generation).cursor(query, given) if more and page.last else None,
        hint=None,
        attribution=None,
        partial=Partial((reason,)) if ranking.timed_out or is_short else None,
        index=generation.info,
    )


def _behind(page: Filled, begin: int, generation: Generation) -> Behind:
    last = page.last
    assert last is not None
    return Behind(begin + page.read, last.score, last.number, last.row["document_id"], page.seen, generation.info.generation)


class _Ranking:
    """The documents that a query finds, best first, ties by their numbers."""

    def __init__(self, generation: Generation, tree: Node, until: float) -> None:
        self._generation, self._query = generation, to_query(tree)
        self._seconds = min(MOST_SECONDS, generation.place.timeout_ms / 4000)  # of a try, of which several nodes get some
        self._until = until
        self.total, self.timed_out = 0, False
        self.facets: dict[str, tuple[FacetCount, ...]] = {}

    def found(self, behind: Behind | None, step: int) -> Iterator[Found]:
        """The documents behind a place: `step` of them, then more at once. One search counts all; an answer that is not complete is the
        last: hits would be missing behind its own."""
        after, read = self._place(behind) if behind else None, 0
        while read < MOST_READ and time.monotonic() < self._until:
            answer = self._ask(after, min(step, MOST_READ - read), is_first=read == 0)
            for hit in answer["hits"]["hits"]:
                kept, after = kept_of(hit), hit["sort"]
                yield Found(after[0], after[1], kept.row, partial(getattr, kept, "content"))
            read, full, step = read + step, len(answer["hits"]["hits"]) == step, _STEP
            if answer["timed_out"] or not full:
                return

    def _ask(self, after: list[float] | None, size: int, *, is_first: bool) -> Json:
        body: Json = {
            "timeout": f"{1000 * self._seconds:.0f}ms",  # each shard stops collecting then
            "size": size,
            "track_total_hits": MAX_TOTAL + 1 if is_first else False,
            "query": self._query,
            "sort": _BEST_FIRST,
            "track_scores": True,
            **WITH_KEPT,
        }
        body |= {"search_after": after} if after else {}
        body |= {"aggs": {name: {"terms": {"field": field, "size": _FACET_VALUES}} for name, field in FACETS.items()}} if is_first else {}
        (answer,) = self._generation.search([body], by_idf=True)
        self.timed_out |= answer["timed_out"]
        if is_first:
            self.total, self.facets = answer["hits"]["total"]["value"], _facets(answer)
        return answer

    def _place(self, behind: Behind) -> list[float]:
        """Where the ranking goes on. Scores change with the index: then behind what the document scores now, if it is still there."""
        if behind.generation != self._generation.info.generation:
            one = {"bool": {"must": [self._query], "filter": [{"ids": {"values": [behind.document_id]}}]}}
            (answer,) = self._generation.search([{"size": 1, "query": one, "sort": _BEST_FIRST, "track_scores": True}], by_idf=True)
            for hit in answer["hits"]["hits"]:
                return list(hit["sort"])
        return [behind.score, behind.number]


def _facets(answer: dict[str, Any]) -> dict[str, tuple[FacetCount, ...]]:
    return {name: tuple(FacetCount(b["key"], b["doc_count"]) for b in answer["aggregations"][name]["buckets"]) for name in FACETS}
