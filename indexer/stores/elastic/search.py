"""Which documents of a cluster does a query find? A page of hits with snippets, counts and facets, as of an index folder.

Not here: the translation of a query (`query`), what a page shows of a text (`indexer.query.highlight`).
"""

from __future__ import annotations

from collections.abc import Mapping
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
from indexer.stores.local.search import MOST_HITS, MOST_READ, cursor_at, hit_of, offset_of

_FACET_VALUES = 20
_MOST_REACHED = 10_000  # hits that Elasticsearch lets anybody page through


def search_page(generation: Generation, query: str, given: Mapping[FieldName, str | None], limit: int, cursor: str | None) -> SearchPage:
    """One page of documents, best first; literals are verified against the stored text. Raises QueryError, InputError."""
    if not 1 <= limit <= MOST_HITS:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_HITS}")
    tree, begin = parse(query), offset_of(cursor, generation.info, query)
    filters = {name: [value] for name, value in given.items() if value}
    literal = has_literals(tree)
    size = min(MOST_READ if literal else limit, _MOST_REACHED - begin)
    (answer,) = generation.search([_body(restrict(tree, filters), begin, max(size, 0))])
    hits, read = [], 0
    for found in answer["hits"]["hits"]:
        read += 1
        source, content = found["_source"], found["_source"]["content"]
        if not literal or matches_literals(content, tree):
            hits.append(hit_of(source["row"], content, found["_score"], tree))
        if len(hits) == limit:
            break
    total = answer["hits"]["total"]["value"]
    more = begin + read < min(total, _MOST_REACHED)
    return SearchPage(
        query=query,
        total=min(total, MAX_TOTAL),
        total_capped=total > MAX_TOTAL or (literal and total > 0),
        hits=tuple(hits),
        facets=_facets(answer),
        cursor=cursor_at(begin + read, generation.info, query) if more else None,
        hint=None,
        attribution=None,
        partial=Partial(("literals",)) if more and len(hits) < limit else None,
        index=generation.info,
    )


def _body(tree: Node, begin: int, size: int) -> dict[str, Any]:
    return {
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
