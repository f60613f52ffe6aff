"""Does a cluster hold what was loaded? Every document is read, its text compared with the checksum that was made of it, and counted;
and every piece of the membership filter is compared with its own.

Not here: the cluster's own files, which it checks itself when it opens them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from indexer.answers import Verification
from indexer.errors import IndexCorrupt, UnusableIndex
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic.filter_pieces import manifest_of
from indexer.stores.elastic.kept import KEPT, Json, kept_of
from indexer.stores.elastic.questions import Generation

_PAGE = 100  # documents


def verify(generation: Generation, progress: Callable[[int], None] | None = None) -> Verification:
    """Reads a whole generation. Raises BackendUnavailable."""
    documents = size = 0
    problems = []
    for hit in every_document(generation):
        length, problem = _checked(generation, hit)
        documents, size = documents + 1, size + length
        problems += [problem] if problem else []
        if progress:
            progress(length)
    for length, problem in _filter_problems(generation):
        size += length
        problems += [problem] if problem else []
        if progress:
            progress(length)
    if documents != generation.info.documents:
        problems.append(
            f"{generation.index}: {documents} documents, {generation.info.documents} expected; "
            "a removal or addition that was cut off is run again"
        )
    return Verification(1, size, documents, tuple(problems))


def _checked(generation: Generation, hit: Json) -> tuple[int, str | None]:
    """The size of a document's text, and what is wrong with it."""
    name = hit["_id"]
    try:
        kept = kept_of(hit)
    except IndexCorrupt:
        return 0, f"{generation.index}: document {name} is not what was loaded; its text fails its checksum"
    if kept.row["document_id"] != name:
        return len(kept.text), f"{generation.index}: document {name} is not what was loaded; it has the text of {kept.row['document_id']}"
    return len(kept.text), None


def _filter_problems(generation: Generation) -> Iterator[tuple[int, str | None]]:
    """The size of each piece of the filter, and what is wrong with it."""
    try:
        manifest = manifest_of(generation.client, generation.place, generation.index)
        yield from filter_pieces.problems(generation.client, generation.place, generation.index, manifest)
    except UnusableIndex as error:
        yield 0, str(error)


def every_document(generation: Generation, first: int = 0, end: int | None = None) -> Iterator[Json]:
    """The hit, with what it keeps, of each document numbered from `first` to before `end`, in the order they were loaded."""
    after: list[int] = [first - 1]
    wanted = {"match_all": {}} if end is None else {"range": {"number": {"lt": end}}}
    while True:
        body = {"size": _PAGE, "query": wanted, "sort": [{"number": "asc"}], "search_after": after, "track_total_hits": False}
        (answer,) = generation.search([body | {"docvalue_fields": [KEPT]}])
        hits = answer["hits"]["hits"]
        if not hits:
            return
        yield from hits
        after = hits[-1]["sort"]
