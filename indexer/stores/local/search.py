"""Which documents and repositories of an index folder does a query find? Pages of full-text hits and of repositories."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TypeVar, cast

import pyarrow.compute as pc

from indexer.answers import FacetCount, IndexInfo, Partial, Repository, RepositoryPage, SearchPage
from indexer.errors import InputError
from indexer.query.cursor import Behind
from indexer.query.page import MOST_HITS, MOST_READ, MOST_SECONDS, Filled, Found, fill, groups_of
from indexer.query.parse import parse
from indexer.query.tree import FieldName, Node, has_literals
from indexer.segment.segment import Segment
from indexer.stores.local.fulltext import FACETS, MAX_TOTAL, TextHits
from indexer.stores.local.repositories import live_table
from indexer.stores.local.snapshot import Snapshot

Place = TypeVar("Place", int, str)  # where a page begins: so many before it, or behind this name

REPOSITORY_COLUMNS = ["repository", "owner", "commit", "licenses", "license_expression", "license_type", "project_url", "files"]


def search_page(snapshot: Snapshot, query: str, given: Mapping[FieldName, str | None], limit: int, cursor: str | None) -> SearchPage:
    """One page of documents, best first; literals are verified against the stored text."""
    if not 1 <= limit <= MOST_HITS:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_HITS}")
    if any(files.text is None for files in snapshot.manifest.segments):
        raise InputError(f"{snapshot.folder}: this index was built without full text; rebuild it with wherefrom index to search it")
    tree, behind = parse(query), Behind.of(cursor, query, given)
    filters = {name: [value] for name, value in given.items() if value}
    ranking = _Ranking(snapshot, tree, filters)
    begin = ranking.begin(behind)
    found = ranking.found(begin, MOST_READ if has_literals(tree) else limit + 1)
    page = fill(found, tree, limit, behind.seen if behind else (), time.monotonic() + MOST_SECONDS)
    more = begin + page.read < ranking.total
    reason = "timeout_ms" if page.is_late else "literals"
    return SearchPage(
        query=query,
        total=min(ranking.total, MAX_TOTAL),
        total_capped=ranking.total_capped or (has_literals(tree) and ranking.total > 0),
        hits=page.hits,
        groups=groups_of(page.hits),
        facets=ranking.facets,
        cursor=_behind(page, begin, snapshot).cursor(query, given) if more and page.last else None,
        hint=None,
        attribution=None,
        partial=Partial((reason,)) if more and has_literals(tree) and len(page.hits) < limit else None,
        index=snapshot.manifest.info,
    )


def _behind(page: Filled, begin: int, snapshot: Snapshot) -> Behind:
    last = page.last
    assert last is not None
    return Behind(begin + page.read, last.score, last.number, last.row["document_id"], page.seen, snapshot.manifest.info.generation)


class _Ranking:
    """The documents that a query finds over all segments, best first, ties by their order in the index."""

    def __init__(self, snapshot: Snapshot, tree: Node, filters: Mapping[FieldName, list[str]]) -> None:
        self._snapshot, self._tree, self._filters = snapshot, tree, filters
        self.total, self.total_capped = 0, False
        self.facets: dict[str, tuple[FacetCount, ...]] = {}

    def _best(self, n: int) -> list[tuple[float, int, int]]:
        """The first `n`: score, segment, document. What else is known of the query is kept."""
        facets = () if self.facets else FACETS
        found = [text.search(self._tree, limit=n, filters=self._filters, facets=facets) for text in self._snapshot.texts]
        self.total = sum(page.total for page in found)
        self.total_capped = self.total > MAX_TOTAL or any(page.total_capped for page in found)
        self.facets = self.facets or _facets(found)
        ranked = ((score, s, doc) for s, page in enumerate(found) for doc, score in page.hits)
        return sorted(ranked, key=lambda hit: (-hit[0], hit[1], hit[2]))[:n]

    def begin(self, behind: Behind | None) -> int:
        """How many documents are before the page. In an index that has changed: up to the document that it is behind, or, where that
        is gone, up to its score."""
        if behind is None or behind.generation == self._snapshot.manifest.info.generation:
            return behind.read if behind else 0
        ranked = self._best(behind.read + MOST_READ)
        last = self._place_of(behind.document_id)
        at = next((i for i, (_, *place) in enumerate(ranked) if place == last), None)
        if at is not None:
            return at + 1
        return next((i for i, (score, *_) in enumerate(ranked) if score <= behind.score), len(ranked))

    def _place_of(self, document_id: str) -> list[int] | None:
        found = ((s, segment.find(document_id)) for s, segment in enumerate(self._snapshot.segments))
        return next(([s, doc] for s, doc in found if doc is not None), None)

    def found(self, begin: int, first: int) -> Iterator[Found]:
        """The documents from a place on: `first` of them, then, where copies filled no page, as many as are read for one."""
        for done, end in ((0, first), (first, MOST_READ)):
            for score, s, doc in self._best(begin + end)[begin + done :] if end > done else ():
                segment = self._snapshot.segments[s]
                content = partial(_text_of, segment, doc)
                yield Found(score, doc, segment.row(doc), content)


def _text_of(segment: Segment, doc: int) -> str:
    return segment.content(doc).decode("utf-8", "replace")


def _facets(found: list[TextHits]) -> dict[str, tuple[FacetCount, ...]]:
    totals: dict[str, Counter[str]] = {}
    for page in found:
        for name, counts in page.facets.items():
            totals.setdefault(name, Counter()).update({facet.value: facet.count for facet in counts})
    ranked = {name: sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:20] for name, counter in totals.items()}
    return {name: tuple(FacetCount(value, n) for value, n in items) for name, items in ranked.items()}


def repository_page(snapshot: Snapshot, owner: str | None, limit: int, cursor: str | None) -> RepositoryPage:
    """Repositories in alphabetical order; `owner` matches regardless of case."""
    if limit < 1:
        raise InputError(f"limit is {limit}; it takes 1 or more")
    table = live_table(snapshot.tables, snapshot.removed_repositories(), REPOSITORY_COLUMNS)
    if owner is not None:
        table = table.filter(pc.equal(pc.utf8_lower(table["owner"]), owner.lower()))
    table = table.sort_by("repository")
    begin = offset_of(cursor, snapshot.manifest.info, owner or "")
    rows = table.slice(begin, limit).to_pylist()
    return RepositoryPage(
        repositories=tuple(
            Repository(**(row | {"licenses": tuple(row["licenses"] or ()), "license_type": row["license_type"] or "none"})) for row in rows
        ),
        total=table.num_rows,
        cursor=cursor_at(begin + limit, snapshot.manifest.info, owner or "") if begin + limit < table.num_rows else None,
        index=snapshot.manifest.info,
    )


def cursor_at(place: int | str, info: IndexInfo, question: str) -> str:
    """What asks for the page of a question that begins there."""
    value = json.dumps([place, info.generation, question])
    return base64.urlsafe_b64encode(value.encode()).decode()


def offset_of(cursor: str | None, info: IndexInfo, question: str) -> int:
    """Where a page begins. Raises InputError for a cursor of another question or generation."""
    return place_of_cursor(cursor, int, info, question) or 0


def place_of_cursor(cursor: str | None, kind: type[Place], info: IndexInfo, question: str) -> Place | None:
    """The place that a cursor was given for, None without one. Raises InputError for a cursor of another question or generation."""
    if cursor is None:
        return None
    try:
        place, generation, asked = json.loads(base64.urlsafe_b64decode(cursor))
        valid = type(place) is kind and asked == question and not (isinstance(place, int) and not 0 <= place < 1 << 40)
    except (ValueError, TypeError, RecursionError):
        place, valid, generation = None, False, None
    if not valid:
        raise InputError("this cursor is not one of this question's; leave it out to begin at the first page")
    if generation != info.generation:
        raise InputError("the index has changed since this cursor was given; leave it out to begin at the first page")
    return cast(Place, place)
