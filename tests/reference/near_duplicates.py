"""Which files are near-duplicates, and what do they belong to? With sets of tuples and every pair, as curation.near_duplicates says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations


def shingles(text: str, ngram: int = 5, min_tokens: int = 5) -> set[tuple[str, ...]]:
    """The runs of `ngram` words; none where there are too few words."""
    words = re.findall("[A-Za-z_0-9]+", text)
    if len(words) < min_tokens:
        return set()
    return {tuple(words[i : i + ngram]) for i in range(len(words) - ngram + 1)}


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    """The share of common shingles; 0 where a file has none."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def near_pairs(texts: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """Every pair at the threshold or above."""
    sets = [shingles(text) for text in texts]
    return [(i, j) for i, j in combinations(range(len(texts)), 2) if jaccard(sets[i], sets[j]) >= threshold]


def components(n: int, pairs: Iterable[tuple[int, int]]) -> set[frozenset[int]]:
    """What the pairs connect; who is in no pair is alone."""
    group = {i: {i} for i in range(n)}
    for i, j in pairs:
        if group[i] is not group[j]:
            group[i] |= group[j]
            for member in group[j]:
                group[member] = group[i]
    return {frozenset(members) for members in group.values()}
