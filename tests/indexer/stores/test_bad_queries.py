"""No query makes a store fail or wait: a page, or an error that says what is wrong with it.

Not here: ten thousand of them over HTTP (`tests.search_cases`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

import wherefrom
from indexer.corpus import conform
from indexer.errors import InputError
from indexer.index import Index
from tests.bad_queries import bad_queries
from tests.conftest import SmallIndex

N = 390
MOST_SECONDS = 30  # the server's own limit


@pytest.fixture(scope="module")
def folder(small_index: SmallIndex) -> Iterator[Index]:
    with Index.open(small_index.location) as index:
        yield index


@pytest.fixture(scope="module")
def cluster(elasticsearch: str, small_corpus: list[dict[str, Any]]) -> Iterator[Any]:
    from indexer.stores.elastic.writer import build_cluster_index

    location = f"es+{elasticsearch}/badqueries"
    batches = [conform(batch) for batch in pa.Table.from_pylist(small_corpus[:60]).to_batches(max_chunksize=64)]
    build_cluster_index(location, batches, name="small", version="1", date="2024-06-07")
    with wherefrom.open(location) as index:
        yield index


@pytest.mark.parametrize("store", ["folder", "cluster"])
def test_a_bad_query_is_answered_or_explained(request: pytest.FixtureRequest, store: str) -> None:
    index = request.getfixturevalue(store)
    index.attribute("def f(a, b):\n    return a + b\n" * 5)  # what is compiled once is no query's time
    answered = 0
    for query in bad_queries(seed=1, n=N):
        begun = time.monotonic()
        try:
            index.search(query)
            answered += 1
        except InputError as error:
            assert len(str(error)) < 1000, query[:200]
        assert time.monotonic() - begun < MOST_SECONDS, query[:200]
    assert N / 5 < answered < N
