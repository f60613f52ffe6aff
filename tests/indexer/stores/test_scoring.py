"""What a cluster says that a document may score is never less than what it scores in a folder, and says which documents to read first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import wherefrom
from indexer.attribution.candidates import Finder, read_first
from indexer.attribution.query import Query
from indexer.corpus import conform
from indexer.stores.elastic.questions import Terms, in_dictionaries
from indexer.stores.elastic.scoring import Wanted, Weighed, more
from indexer.stores.local.snapshot import Snapshot
from tests.conftest import SmallIndex

_ROUNDING = 0.01


@pytest.fixture(scope="module")
def cluster(elasticsearch: str, small_corpus: list[dict[str, Any]]) -> Iterator[Any]:
    from indexer.stores.elastic.writer import build_cluster_index

    location = f"es+{elasticsearch}/scoring"
    batches = [conform(batch) for batch in pa.Table.from_pylist(small_corpus).to_batches(max_chunksize=64)]
    build_cluster_index(location, batches, name="small", version="1", date="2024-06-07")
    with wherefrom.open(location) as index:
        yield index


def _texts(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Lines of files, and of two files one after the other."""
    chance = random.Random(5)
    long = [row["content"].splitlines(keepends=True) for row in rows if row["content"].count("\n") > 80]
    for _ in range(5):
        one, other = chance.sample(long, 2)
        begin = chance.randrange(len(one) - 40)
        yield "".join(one[begin : begin + 40])
        yield "".join(one[begin : begin + 25] + other[:25])


def _scores(snapshot: Snapshot, query: Query) -> dict[str, float]:
    """The best score of each candidate, by document id."""
    found = Finder(snapshot.segments, query).find()
    scores: dict[str, float] = {}
    for i in range(len(found)):
        segment, doc, _, _ = found.place(i)
        name = snapshot.segments[segment].row(doc)["document_id"]
        scores[name] = max(scores.get(name, 0.0), float(found.scores[i]))
    return scores


def test_no_document_scores_more_than_the_cluster_says(cluster: Any, small_index: SmallIndex, small_corpus: list[dict[str, Any]]) -> None:
    generation, exact, folder = cluster._generation.within(), 0, Snapshot.open(Path(small_index.location))
    for text in _texts(small_corpus):
        query = Query.of(text)
        terms = Terms.of(query)
        files, postings = in_dictionaries(generation, terms)
        weighed = Weighed.of(terms, postings, generation.info.documents)
        scored = [i for i in terms.distinct if read_first(postings)[i] and files[i]]
        scores, bound, fetched = _scores(folder, query), np.inf, set[int]()
        while bound:  # one at a time, so that the bound of each is told
            texts, bound = more(generation, weighed, Wanted(scored, None, 1, 0.0, fetched, []))
            for number, kept in texts.items():
                fetched.add(number)
                score = scores.pop(kept.row["document_id"], 0.0)
                assert score <= bound + _ROUNDING
                exact += score >= bound - _ROUNDING
        assert not scores  # every candidate was found
    assert exact > 10
