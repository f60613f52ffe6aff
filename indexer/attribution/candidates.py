"""Which documents share fingerprints with this text, and where in them? Groups of hits on neighbouring diagonals.

A document counts by its best local group and not by the sum over the text: a snippet inside other code would lose otherwise.
Lists are read from the rarest on, within bounds; `read_on` goes past them where that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.attribution import candidate_kernels as kernels
from indexer.attribution.query import Query
from indexer.attribution.whole import Whole
from indexer.segment.segment import Segment

TOLERANCE = 100  # tokens between neighbouring diagonals of one group: edited lines, a comment that is gone
ALWAYS_READ = 4  # lists, the rarest
MOST_POSTINGS = 512  # of the other lists; of the rarest, so many are taken once their contexts have been compared
MOST_OF_ALL = 2_048  # postings of one segment, or 32 a fingerprint of the text: then no more lists are read
MOST_GROUPS = 1024  # of one segment, by score, or one for each two fingerprints
FURTHER = 16  # times these bounds when reading on


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Groups of hits, best first; ties by segment and document number.

    For each int64 or bool (groups,): `segments` its segment, `docs` its document there, tokens [begins, ends) of it that may match,
    `scores` float64; its hits are [first_hits[i], last_hits[i]) of those of all: `prints` int64 (hits,) which fingerprint of the text each
    is of, `elsewhere` bool (hits,) whether the document holds that one in further places. `other_places`: whether any of its hits.
    """

    segments: NDArray[np.int64]
    docs: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    scores: NDArray[np.float64]
    other_places: NDArray[np.bool_]
    first_hits: NDArray[np.int64]
    last_hits: NDArray[np.int64]
    prints: NDArray[np.int64]
    elsewhere: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.docs)

    def place(self, i: int) -> tuple[int, int, int, int]:
        """Segment, document and tokens [begin, end) of candidate i."""
        return self.segments.item(i), self.docs.item(i), self.begins.item(i), self.ends.item(i)

    def beside_the_best(self, n: int, n_prints: int) -> list[float]:
        """For each of the first n, its score over that of the best ones that hold its fingerprints, of n_prints: 1 for one of these."""
        beside = kernels.beside_the_best(self.first_hits[:n], self.last_hits[:n], self.prints, self.scores[:n], n_prints)
        return beside.tolist()  # type: ignore[no-any-return]

    def best_holding(self, n: int) -> NDArray[np.float64]:
        """For each of the text's first n fingerprints, the score of the best candidate that holds it; 0 for none."""
        best = np.zeros(n)
        for i in range(len(self) - 1, -1, -1):  # the best last
            best[self.prints[self.first_hits[i] : self.last_hits[i]]] = self.scores[i]
        return best

    def next_open(self, is_open: NDArray[np.bool_], i: int) -> int:
        """The first candidate from i on that holds an open fingerprint; their number where there is none."""
        return int(kernels.next_open(self.first_hits, self.last_hits, self.prints, is_open, i))

    def elsewhere_in(self, i: int, n: int) -> NDArray[np.int64]:
        """For each of the text's first n fingerprints, 1 if the document of candidate i holds it where no candidate stands, else 0."""
        groups = self.segments, self.docs, self.first_hits, self.last_hits
        return kernels.elsewhere_in(*groups, self.prints, self.elsewhere, i, n)  # type: ignore[no-any-return]

    def held_there(self, i: int, n: int) -> NDArray[np.int64]:
        """For each of the text's first n fingerprints, 1 if it may stand where candidate i does."""
        groups = self.segments, self.docs, self.first_hits, self.last_hits
        return kernels.held_there(*groups, self.prints, self.elsewhere, i, n)  # type: ignore[no-any-return]


class Finder:
    """Reads the postings of one text's fingerprints, those of the exact channel first.

    `counts` int64 (prints,): postings of each, those of removed documents until they have been read; of a `whole` corpus, which the
    segments are a part of, its documents that hold each. `cut` bool (prints,): some of them are in no candidate given so far.
    """

    def __init__(self, segments: Sequence[Segment], query: Query, whole: Whole | None = None) -> None:
        self._segments, self._query, self.whole = segments, query, whole
        self._keys, self._tokens, self._first = query.prints
        self._n_exact = len(query.exact.keys)
        n = len(self._keys)
        self._payloads = np.empty((len(segments), n), np.uint64)
        self._counts, self._holders, self._dead = np.zeros((3, len(segments), n), np.int64)
        self.cut = np.zeros(n, np.bool_)
        for s, segment in enumerate(segments):
            bad = kernels.count(
                segment.views, segment.parts, self._keys, self._n_exact, self._payloads[s], self._counts[s], self._holders[s]
            )
            segment.file.raise_bad_page(bad)
        documents = whole.documents if whole else sum(segment.documents for segment in segments)
        self.counts: NDArray[np.int64] = whole.files if whole else _in_all(self._counts)
        self._weights = weights_of(whole.postings if whole else self.counts, documents)

    @property
    def repositories(self) -> NDArray[np.int64]:
        """How many repositories hold each fingerprint; one that is in two segments counts twice."""
        if self.whole is not None:
            return self.whole.holders
        return _in_all(np.minimum(self._holders, self._counts - self._dead))

    def find(self) -> Candidates:
        """The candidates of the rarest fingerprints. About 80 µs for 40 lines in an index of 440 MB."""
        return self._gather(np.ones(len(self._keys), np.bool_), 1)

    def read_on(self, wanted: NDArray[np.bool_]) -> Candidates:
        """The candidates of some fingerprints that were cut."""
        self.cut &= ~wanted
        return self._gather(wanted, FURTHER)

    def holding_all(self, s: int, prints: NDArray[np.int64], bound: int, most: int, enough: int = 0) -> tuple[NDArray[np.int64], bool]:
        """The live documents of segment s that hold all of some fingerprints of one channel, by the `most` rarest; and whether there
        may be more, for none has fewer postings than `bound`. Where `enough` are left or fewer, these, of which some may hold not all."""
        segment = self._segments[s]
        parts = segment.parts[0 if prints[0] < self._n_exact else 1]
        docs, more, bad = kernels.hold_all(
            segment.views, parts, segment.documents_at, segment.removed_bits, self._keys, self._payloads[s], self._counts[s], prints,
            most, bound, enough,
        )  # fmt: skip
        segment.file.raise_bad_page(bad)
        return docs, more

    def _gather(self, wanted: NDArray[np.bool_], times: int) -> Candidates:
        n, found = len(self._keys), []
        always, *most = reading = _bounds(n, times)
        bounds = always if self.whole is None else n, *most, TOLERANCE, max(times * MOST_GROUPS, n // 2)
        for s, segment in enumerate(self._segments):
            counts = self._counts[s]
            read = wanted if self.whole is None else self._read_of_all(self.whole, wanted, reading)
            asked = (self._keys, self._n_exact, self._payloads[s], counts, self._tokens, self._first, self._weights)
            bad, groups = kernels.gather(
                segment.views,
                segment.parts,
                segment.documents_at,
                segment.removed_bits,
                asked,
                read,
                bounds,
                self._dead[s],
                self.cut,
            )
            segment.file.raise_bad_page(bad)
            found.append(groups)
        if self.whole is None:
            self.counts = _in_all(self._counts - self._dead)
        if self.whole is not None and len(found) > 1:
            order = [self.whole.order_of(s, groups[0]) for s, groups in enumerate(found)]
            return _joined(found, len(self._query), np.concatenate(order))
        return _joined(found, len(self._query))

    def _read_of_all(self, whole: Whole, wanted: NDArray[np.bool_], reading: tuple[int, ...]) -> NDArray[np.bool_]:
        """Those of the lists wanted that would be read if all documents of the corpus were here; the others are cut."""
        read = _read(whole.postings, wanted, reading)
        self.cut[wanted & ~read & (whole.postings > 0)] = True
        return read


def _in_all(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums over all segments of what there is in each, int64 (segments, prints); most indexes have one, which is given as it is."""
    return counts[0] if len(counts) == 1 else counts.sum(0)  # type: ignore[no-any-return]


def read_first(postings: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which fingerprints' lists are read for a text's candidates, by how many postings each has: bool (prints,)."""
    return _read(postings, np.ones(len(postings), np.bool_), _bounds(len(postings), 1))


def read_further(postings: NDArray[np.int64], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of those wanted are read by `Finder.read_on`."""
    return _read(postings, wanted, _bounds(len(postings), FURTHER))


def _bounds(n: int, times: int) -> tuple[int, ...]:
    """Lists read whatever they cost, the length of the others, postings in all, for n fingerprints."""
    return ALWAYS_READ, times * MOST_POSTINGS, times * max(MOST_OF_ALL, 32 * n)


def _read(postings: NDArray[np.int64], wanted: NDArray[np.bool_], reading: tuple[int, ...]) -> NDArray[np.bool_]:
    held = np.flatnonzero(wanted & (postings > 0))
    rarest_first = held[np.argsort(postings[held], kind="stable")]
    read = np.zeros(len(postings), np.bool_)
    read[rarest_first[: kernels.lists_read(postings, rarest_first, *reading)]] = True
    return read


def weights_of(counts: NDArray[np.int64], documents: int) -> NDArray[np.float64]:
    """What each fingerprint adds to a candidate's score, by how often it stands among so many documents."""
    return np.log2(1 + documents / np.maximum(counts, 1))


def _joined(found: list[tuple[NDArray[Any], ...]], n_tokens: int, order: NDArray[np.int64] | None = None) -> Candidates:
    """The groups of all segments, best first, equal ones in the `order` given or in that of the segments; each reaches over as many
    tokens as the text has beyond its last diagonal."""
    numbers = np.repeat(np.arange(len(found)), [len(groups[0]) for groups in found])
    parts = found[0] if len(found) == 1 else tuple(np.concatenate(each) for each in zip(*found, strict=True))
    docs, begins, lasts, scores, other, first_hits, last_hits, prints, elsewhere = parts
    if len(found) == 1:
        return Candidates(numbers, docs, begins, lasts + n_tokens, scores, other, first_hits, last_hits, prints, elsewhere)
    bases = np.cumsum([0, *(len(groups[-1]) for groups in found)])[numbers]
    best = np.argsort(-scores, kind="stable") if order is None else np.lexsort((order, -scores))
    first_hits, last_hits, ends = (first_hits + bases)[best], (last_hits + bases)[best], lasts[best] + n_tokens
    return Candidates(numbers[best], docs[best], begins[best], ends, scores[best], other[best], first_hits, last_hits, prints, elsewhere)
