"""Which k-grams do the texts of benchmarks have, and how much of which text does a batch of files hold?

Every k-gram of a text is kept that at most MAX_PROBLEMS problems share, and every one of a file is looked up: nothing is sampled.
Grams are those of the engine's fingerprints, so one can be told from another by 48 bits; a match counts many.

Not here: what counts as a match (`curation.decontamination`), how tokens and grams are made (`indexer.text`, `indexer.fingerprint`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curation.token_rarity import bits
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import Fingerprints, fingerprint_exact, fingerprint_renamed
from indexer.text.tokens import Tokens, rename, tokenize

EVERY_EXACT = replace(SPEC.exact, window=1, reach=0)
EVERY_RENAMED = replace(SPEC.renamed, window=1, reach=0)
MAX_PROBLEMS = 50  # what more problems of the benchmarks share is none of theirs: licence notices, instructions, imports
_FILTER_BITS = 20
LOWER = np.arange(256, dtype=np.uint8)  # by byte, its lower case in ASCII
LOWER[ord("A") : ord("Z") + 1] += 32


@dataclass(frozen=True, slots=True)
class Streams:
    """Texts or files one behind the other: their tokens in lower case, and every gram of both channels."""

    tokens: Tokens
    exact: Fingerprints
    renamed: Fingerprints


def streams_of(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Streams:
    """The streams of data[offsets[d]:offsets[d+1]]. Names are compared regardless of case, keywords of the renamed channel as written."""
    tokens = tokenize(LOWER[data], offsets)
    renamed = rename(tokenize(data, offsets))
    return Streams(tokens, fingerprint_exact(tokens, EVERY_EXACT, capped=False), fingerprint_renamed(renamed, EVERY_RENAMED, capped=False))


@dataclass(frozen=True, slots=True)
class Hits:
    """Grams of files that texts have too, in file order: `files` int64, `at` int64 (the file token at which it begins), `grams` int64."""

    files: NDArray[np.int64]
    at: NDArray[np.int64]
    grams: NDArray[np.int64]

    def of_file(self, number: int) -> Hits:
        """Those of one file."""
        part = slice(*np.searchsorted(self.files, [number, number + 1]))
        return Hits(self.files[part], self.at[part], self.grams[part])

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Hits:
        """Those chosen."""
        return Hits(self.files[chosen], self.at[chosen], self.grams[chosen])


@dataclass(frozen=True, slots=True)
class Grams:
    """The grams of all texts in one channel, as postings.

    `values` uint64 sorted; those of gram g begin in the stream at `places[begins[g]:begins[g+1]]`. By place in the stream: `gram_at`
    (-1 for none), `text_at`, `weights`. A gram that is found counts the `span` places from its own on, each once. `totals` float64
    (texts,): the weight of each text. `prefilter` bool (2^20,): by the lowest bits, whether a value may be one of them.
    """

    span: int
    values: NDArray[np.uint64]
    begins: NDArray[np.int64]
    places: NDArray[np.int64]
    gram_at: NDArray[np.int64]
    text_at: NDArray[np.int64]
    weights: NDArray[np.float64]
    totals: NDArray[np.float64]
    prefilter: NDArray[np.bool_]

    @classmethod
    def exact(cls, streams: Streams, problems: NDArray[np.int64]) -> Grams:
        """What is found counts by the rarity of its tokens in bits; a token that a text has n times counts 1/n each time, and a
        number one bit at most: the next number of a list is no surprise. `problems` says which problem each text is of."""
        tokens = streams.tokens
        text_at = _owner(tokens.token_offsets)
        firsts = tokens.data[tokens.starts]
        is_number = (firsts >= ord("0")) & (firsts <= ord("9"))
        rarity = bits(tokens.hashes)
        weights = np.where(is_number, np.minimum(rarity, 1.0), rarity) * _shares(text_at, tokens.hashes)
        kept = _telling(streams.exact, problems)
        return cls._build(streams.exact.values[kept], streams.exact.stream[kept], text_at, weights, EVERY_EXACT.k, len(problems))

    @classmethod
    def renamed(cls, streams: Streams, problems: NDArray[np.int64]) -> Grams:
        """What is found counts by distinct grams, each at its first place: a list of literals has few, however long it is."""
        found = streams.renamed
        owners = _owner(found.offsets)
        text_at = np.zeros(int(found.stream.max(initial=-1)) + 1, np.int64)
        text_at[found.stream] = owners
        text_at = np.maximum.accumulate(text_at)  # the last places of a text, where no gram begins, are its own too
        first = np.zeros(len(found), np.bool_)
        first[np.unique(_pairs(owners, found.values)[0], return_index=True)[1]] = True
        kept = _telling(found, problems) & first
        return cls._build(found.values[kept], found.stream[kept], text_at, np.ones(len(text_at)), 1, len(problems))

    @classmethod
    def _build(
        cls,
        found: NDArray[np.uint64],
        stream: NDArray[np.int64],
        text_at: NDArray[np.int64],
        weights: NDArray[np.float64],
        span: int,
        n_texts: int,
    ) -> Grams:
        """The grams `found` at places `stream`; what none of them covers weighs nothing."""
        values, grams = np.unique(found, return_inverse=True)
        order = np.argsort(grams, kind="stable")
        gram_at = np.full(len(text_at), -1)
        gram_at[stream] = grams
        covered = np.zeros(len(text_at), np.bool_)
        covered[(stream[:, None] + np.arange(span)).ravel()] = True
        weights = np.where(covered, weights, 0.0)
        prefilter = np.zeros(1 << _FILTER_BITS, np.bool_)
        prefilter[_low(values)] = True
        begins = np.searchsorted(grams[order], np.arange(len(values) + 1))
        totals = np.bincount(text_at, weights, n_texts).astype(np.float64)
        return cls(span, values, begins, stream[order], gram_at, text_at, weights, totals, prefilter)

    def hits(self, found: Fingerprints) -> Hits:
        """Which grams of some files are grams of texts."""
        values = found.values
        maybe = np.flatnonzero(self.prefilter[_low(values)])
        grams = np.searchsorted(self.values, values[maybe])
        sure = grams < len(self.values)
        sure[sure] = self.values[grams[sure]] == values[maybe[sure]]
        maybe = maybe[sure]
        return Hits(np.searchsorted(found.offsets, maybe, "right") - 1, found.positions[maybe], grams[sure])

    def strengths(self, hits: Hits) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """(file, text, weight of what of the text the file holds) for every pair that shares a gram."""
        pairs = np.unique(hits.files * len(self.values) + hits.grams)
        files, grams = np.divmod(pairs, max(len(self.values), 1))
        counts = self.begins[grams + 1] - self.begins[grams]
        rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        begin = self.places[np.repeat(self.begins[grams], counts) + rank]
        covered = (np.repeat(files, counts) * len(self.weights) + begin)[:, None] + np.arange(self.span)
        files, places = np.divmod(np.unique(covered), max(len(self.weights), 1))
        both, which = np.unique(files * len(self.totals) + self.text_at[places], return_inverse=True)
        files, texts = np.divmod(both, max(len(self.totals), 1))
        return files, texts, np.bincount(which, self.weights[places], len(both)).astype(np.float64)

    def hits_in(self, text: int, hits: Hits) -> Hits:
        """Those of the hits that are grams of one text."""
        own = self.gram_at[slice(*np.searchsorted(self.text_at, [text, text + 1]))]
        return hits.take(np.isin(hits.grams, own[own >= 0]))


def _low(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (values & np.uint64((1 << _FILTER_BITS) - 1)).astype(np.int64)


def _owner(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """[0, 2, 3] -> [0, 0, 1]"""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _pairs(owners: NDArray[np.int64], values: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each pair of owner and value, and one for each value."""
    _, numbers = np.unique(values, return_inverse=True)
    return owners * (len(values) + 1) + numbers, numbers


def _shares(owners: NDArray[np.int64], values: NDArray[np.uint64]) -> NDArray[np.float64]:
    """One over how many times the owner has the value."""
    _, which, counts = np.unique(_pairs(owners, values)[0], return_inverse=True, return_counts=True)
    shares: NDArray[np.float64] = 1.0 / counts[which]
    return shares


def _telling(found: Fingerprints, problems: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which grams tell one problem from others: those of at most MAX_PROBLEMS."""
    pairs, numbers = _pairs(problems[_owner(found.offsets)], found.values)
    _, firsts = np.unique(pairs, return_index=True)
    counts = np.bincount(numbers[firsts], minlength=1)
    telling: NDArray[np.bool_] = counts[numbers] <= MAX_PROBLEMS
    return telling
