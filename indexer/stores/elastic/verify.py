"""Does a cluster hold what was loaded? Every document is read, its text compared with the checksum that was made of it, and counted;
and every piece of the membership filter is compared with its own.

Not here: the cluster's own files, which it checks itself when it opens them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from indexer.answers import Verification
from indexer.errors import UnusableIndex
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic.filter_pieces import manifest_of
from indexer.stores.elastic.questions import Generation

_PAGE = 100  # documents


def verify(generation: Generation, progress: Callable[[int], None] | None = None) -> Verification:
    """Reads a whole generation. Raises BackendUnavailable."""
    documents = size = 0
    problems = []
    for name, source in every_source(generation):
        data = source["content"].encode()
        documents, size = documents + 1, size + len(data)
        if zlib.crc32(data) != source["crc32"]:
            problems.append(f"{generation.index}: the text of document {name} is not the one that was loaded")
        if progress:
            progress(len(data))
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


def _filter_problems(generation: Generation) -> Iterator[tuple[int, str | None]]:
    """The size of each piece of the filter, and what is wrong with it."""
    try:
        manifest = manifest_of(generation.client, generation.place, generation.index)
        yield from filter_pieces.problems(generation.client, generation.place, generation.index, manifest)
    except UnusableIndex as error:
        yield 0, str(error)


def every_source(generation: Generation, first: int = 0, end: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and source of each document numbered from `first` to before `end`, in the order they were loaded."""
    after: list[int] = [first - 1]
    wanted = {"match_all": {}} if end is None else {"range": {"number": {"lt": end}}}
    while True:
        body = {"size": _PAGE, "query": wanted, "sort": [{"number": "asc"}], "search_after": after, "track_total_hits": False}
        (answer,) = generation.search([body])
        hits = answer["hits"]["hits"]
        if not hits:
            return
        yield from ((hit["_id"], hit["_source"]) for hit in hits)
        after = hits[-1]["sort"]
