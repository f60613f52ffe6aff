"""Are two stores' answers to the same questions equal, and how long did each take?

Not here: what is in the stores, and the report (`cluster`).
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.answers import Attribution
from tests.bench.corpus import Corpus
from tests.bench.engine import ids_by_place
from tests.bench.judge import TIMED_TOGETHER
from tests.bench.queries import SETS, Query

TOP = 10
WARM_UP = 1000  # a node that has just started compiles for as long as that
_WORD_CHARACTERS = 6  # of a searched word at least


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class SetEquality:
    """How many answers of a set are equal in what; `first`: shares of the folder's and the cluster's answers with the right file first."""

    n: int
    status: int
    spans: int
    sources: int
    first: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """`times` of folder and cluster by what was asked."""

    sets: dict[str, SetEquality]
    times: dict[str, tuple[Timed, Timed]]


def ask_both(folder: Any, cluster: Any, corpus: Corpus, queries: Sequence[Query], most: int) -> Asked:
    """Every question of the folder, then of the cluster; at most so many of a set."""
    ids = ids_by_place(corpus)
    chosen = {name: [query for query in queries if query.set == name][:most] for name in SETS}
    stores = folder, cluster
    for query in queries[:WARM_UP]:
        for question in ("attribute", "membership", "search"):
            _timed([], stores, question, _searched(query) if question == "search" else query.text)
    gc.collect()
    gc.freeze()  # as a server does: the collector would walk over the bench's own objects while an answer is timed
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    sets = {}
    group_of = {name: f"attribution, {group}" for group, names in TIMED_TOGETHER.items() for name in names}
    for name, some in chosen.items():
        pairs = []
        for query in some:
            pairs.append(_timed(taken[group_of[name]], stores, "attribute", query.text))
            _timed(taken["membership"], stores, "membership", query.text)
            if name == "P0":
                _timed(taken["search for two words"], stores, "search", _searched(query))
        sets[name] = _equality(some, pairs, ids)
    return Asked(sets, {what: _percentiles(times) for what, times in taken.items()})


def _timed(taken: list[tuple[float, float]], stores: tuple[Any, Any], question: str, text: str) -> tuple[Any, Any]:
    begun = time.perf_counter()
    one = getattr(stores[0], question)(text)
    between = time.perf_counter()
    other = getattr(stores[1], question)(text)
    taken.append((between - begun, time.perf_counter() - between))
    return one, other


def _percentiles(taken: Sequence[tuple[float, float]]) -> tuple[Timed, Timed]:
    folder, cluster = (Timed(*(float(each) * 1e3 for each in np.percentile(column, [50, 99]))) for column in zip(*taken, strict=True))
    return folder, cluster


def _searched(query: Query) -> str:
    """Two words of a snippet, its longest."""
    words = {word for word in query.text.replace("_", " ").split() if word.isalpha() and word.isascii() and len(word) >= _WORD_CHARACTERS}
    return " ".join(sorted(words, key=lambda word: (-len(word), word))[:2]) or "return"


def _equality(
    queries: Sequence[Query], pairs: Sequence[tuple[Attribution, Attribution]], ids: Mapping[tuple[str, str], int]
) -> SetEquality:
    first = [np.mean([_is_first(query, pair[side], ids) for query, pair in zip(queries, pairs, strict=True)]) for side in (0, 1)]
    return SetEquality(
        n=len(pairs),
        status=sum(one.status == other.status for one, other in pairs),
        spans=sum(one.spans == other.spans for one, other in pairs),
        sources=sum(_sources(one) == _sources(other) for one, other in pairs),
        first=(float(first[0]), float(first[1])),
    )


def _sources(answer: Attribution) -> list[tuple[Any, ...]]:
    return [(source.document_id, source.start_line, source.end_line, source.kind) for source in answer.sources[:TOP]]


def _is_first(query: Query, answer: Attribution, ids: Mapping[tuple[str, str], int]) -> bool:
    """Whether the first source, or a copy under it, holds the whole snippet."""
    named = [place for source in answer.sources[:1] for place in (source, *source.copies)]
    return any(ids[f"{place.repository}@{place.commit}", place.path] in query.truth for place in named)
