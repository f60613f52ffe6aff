"""Which documents and repositories of an index folder does a query find? Pages of full-text hits and of repositories."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import pyarrow.compute as pc

from indexer.answers import FacetCount, Hit, IndexInfo, Partial, Repository, RepositoryPage, SearchPage
from indexer.errors import InputError
from indexer.query.highlight import snippets
from indexer.query.match import matches_literals
from indexer.query.parse import parse
from indexer.query.tree import FieldName, Node, has_literals
from indexer.stores.local.fulltext import FACETS, MAX_TOTAL, TextHits
from indexer.stores.local.repositories import live_table
from indexer.stores.local.snapshot import Snapshot

Place = TypeVar("Place", int, str)  # where a page begins: so many before it, or behind this name

MOST_HITS = 100  # of one page
MOST_READ = 500  # documents whose text is read for a page of literals
MOST_SECONDS = 10.0  # that reading them takes
REPOSITORY_COLUMNS = ["repository", "owner", "commit", "licenses", "license_expression", "license_type", "project_url", "files"]


def search_page(snapshot: Snapshot, query: str, given: Mapping[FieldName, str | None], limit: int, cursor: str | None) -> SearchPage:
    """One page of documents, best first; literals are verified against the stored text."""
    if not 1 <= limit <= MOST_HITS:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_HITS}")
    if any(files.text is None for files in snapshot.manifest.segments):
        raise InputError(f"{snapshot.folder}: this index was built without full text; rebuild it with wherefrom index to search it")
    tree = parse(query)
    begin = offset_of(cursor, snapshot.manifest.info, query)
    filters = {name: [value] for name, value in given.items() if value}
    literal, until = has_literals(tree), time.monotonic() + MOST_SECONDS
    most = MOST_READ if literal else limit
    found = [text.search(tree, limit=begin + most, filters=filters, facets=FACETS) for text in snapshot.texts]
    ranked = sorted(
        ((score, s, doc) for s, page in enumerate(found) for doc, score in page.hits), key=lambda hit: (-hit[0], hit[1], hit[2])
    )[begin : begin + most]
    hits, read = [], 0
    for hit in _hits(snapshot, ranked, tree):
        read += 1
        if hit is not None:
            hits.append(hit)
        if len(hits) == limit or (literal and time.monotonic() > until):
            break
    reason = "timeout_ms" if time.monotonic() > until else "literals"
    total = sum(page.total for page in found)
    more = begin + read < total
    return SearchPage(
        query=query,
        total=min(total, MAX_TOTAL),
        total_capped=total > MAX_TOTAL or any(page.total_capped for page in found) or (literal and total > 0),
        hits=tuple(hits),
        facets=_facets(found),
        cursor=cursor_at(begin + read, snapshot.manifest.info, query) if more else None,
        hint=None,
        attribution=None,
        partial=Partial((reason,)) if more and len(hits) < limit else None,
        index=snapshot.manifest.info,
    )


def _hits(snapshot: Snapshot, ranked: list[tuple[float, int, int]], tree: Node) -> Iterator[Hit | None]:
    """Each hit in turn; None for a document whose text does not hold the query's literals."""
    literal = has_literals(tree)
    for score, s, doc in ranked:
        content = snapshot.segments[s].content(doc).decode("utf-8", "replace")
        yield hit_of(snapshot.segments[s].row(doc), content, score, tree) if not literal or matches_literals(content, tree) else None


def hit_of(row: Mapping[str, Any], content: str, score: float, tree: Node) -> Hit:
    """A document that was found, by its row and text, with snippets."""
    shown = snippets(content, tree)
    line = f"#L{shown[0].start_line}" if shown else ""
    return Hit(
        document_id=row["document_id"],
        repository=row["repository"],
        owner=row["owner"],
        path=row["path"],
        commit=row["commit"],
        language=row["language"],
        licenses=tuple(row["licenses"]),
        license_expression=row["license_expression"],
        license_type=row["license_type"],
        size=row["size"],
        url=(row["url"] or f"/documents/{row['document_id']}") + line,
        project_url=row["project_url"],
        score=round(score, 4),
        snippets=shown,
    )


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
