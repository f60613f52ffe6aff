"""Which pairs of files are near-duplicates? Every pair counted, by sparse matrices and without any hash.

Not here: what is compared with it (`near_duplicates`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from curation.near_duplicates.settings import NearDuplicateSettings

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs i < j in ascending order, and their Jaccard similarities."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float64]


def similar_pairs(texts: Iterable[str], settings: NearDuplicateSettings) -> Pairs:
    """All pairs at the threshold or above. Every run of words has a number of its own."""
    shingles, documents, n = _shingles(texts, settings)
    unique = np.unique(np.stack([documents, shingles]), axis=1)
    incidence = csr_array((np.ones(unique.shape[1], np.int32), (unique[0], unique[1])), shape=(n, int(shingles.max()) + 1))
    sizes, columns = np.asarray(incidence.sum(axis=1)), incidence.T.tocsr()
    found = []
    for begin in range(0, n, _ROWS_AT_ONCE):
        shared = (incidence[begin : begin + _ROWS_AT_ONCE] @ columns).tocoo()
        first, second = shared.row.astype(np.int64) + begin, shared.col.astype(np.int64)
        similarity = shared.data / (sizes[first] + sizes[second] - shared.data)
        wanted = (first < second) & (similarity >= settings.threshold)
        found.append((first[wanted], second[wanted], similarity[wanted]))
    first, second, similarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], similarity[order])


def _shingles(texts: Iterable[str], settings: NearDuplicateSettings) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The number of each run of words and its document, runs across two documents left out; how many documents."""
    numbers: dict[str, int] = {}
    tokens: list[NDArray[np.int64]] = []
    for text in texts:
        words = re.findall("[A-Za-z_0-9]+", text)
        enough = len(words) >= settings.min_tokens
        tokens.append(np.array([numbers.setdefault(word, len(numbers)) for word in words] if enough else [], np.int64))
    stream = np.concatenate(tokens)
    documents = np.repeat(np.arange(len(tokens)), [len(one) for one in tokens])
    runs = stream
    for k in range(1, settings.ngram):  # a pair of numbers fits into one, which gets a smaller number again
        _, runs = np.unique(runs[:-1] * len(numbers) + stream[k:], return_inverse=True)
    inside = documents[: len(runs)] == documents[settings.ngram - 1 :]
    return runs[inside], documents[: len(runs)][inside], len(tokens)
