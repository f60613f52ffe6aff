"""Which stretches of a candidate's text really are in the text asked about? Maximal runs, compared byte by byte, and chains of them.

Every run of a k-gram or more between the two is found, not only those that an index posting points at, so repeats and edits cost
nothing; nothing is reported on the word of a hash.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, GUARANTEE_TOKENS_RENAMED, SpanKind
from indexer.attribution import chain_kernels
from indexer.attribution import verify_kernels as kernels
from indexer.attribution.query import Query
from indexer.attribution.run_kernels import occurrences
from indexer.attribution.significance import COVERAGE_POWER, STRETCH_NORM, Stretch, Weights
from indexer.attribution.source_kernels import lines_of_tokens
from indexer.fingerprint.spec import SPEC
from indexer.segment.prepare import COMMENT_SHIFT
from indexer.segment.segment import Region, Segment
from indexer.text.tokens import byte_classes, keyword_table

PADDING = 64  # tokens beyond the hits that are compared too
LEAST_RENAMED = 2  # tokens that exact runs leave open: fewer hold no changed name that recurs, and no renamed runs are looked for
LONGEST_GAP = 200  # tokens between two runs of one chain, the source's comments not counted
LOOSE = 2  # times its length that an end of a chain may stand off
MOST_PLACES = 16  # of one k-gram of the text that are tried against one place of the document
MOST_RUNS = 65_536  # found between a text and one candidate
MOST_CHAINED = 96  # of them, the longest, that are chained
MOST_CHAINS = 16  # of one region
MOST_SCRATCH = 1 << 19  # bytes of a region that room is kept for: nearly all have fewer, and what is not used takes no memory
MOST_BLOCKS = 64  # kept unpacked: copies of one file, and its versions, often stand in the same ones
_RULES = (
    SPEC.exact.k, SPEC.renamed.k, GUARANTEE_TOKENS, GUARANTEE_TOKENS_RENAMED, MOST_PLACES, MOST_RUNS, MOST_CHAINED, MOST_CHAINS,
    LONGEST_GAP, LOOSE, LEAST_RENAMED,
)  # fmt: skip

_KEPT = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Stretch):
    """A stretch of the text that stands at tokens [other, other_end) of the document's region."""

    other: int
    other_end: int

    @property
    def suffices(self) -> bool:
        """Whether the run alone is a finding."""
        return self.tokens >= (GUARANTEE_TOKENS if self.kind == "exact" else GUARANTEE_TOKENS_RENAMED)


@dataclass(frozen=True)
class Compared:
    """A region of a document and its tokens: `starts`, `ends` int32 (tokens,), bytes of the region.

    Where renamed runs were looked for also its renamed stream: `codes` uint64, `code_tokens` int32 (elements,).
    """

    region: Region
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    codes: NDArray[np.uint64]
    code_tokens: NDArray[np.int32]

    def texts(self, tokens: NDArray[np.int64]) -> list[str]:
        """Some tokens as text."""
        data, bounds = self.region.data, zip(self.starts[tokens].tolist(), self.ends[tokens].tolist(), strict=True)
        return [data[begin:end].decode("utf-8", "replace") for begin, end in bounds]

    def lines(self, ranges: Sequence[tuple[int, int]]) -> list[list[int]]:
        """The 1-based inclusive lines of the document that hold tokens [begin, end), of each range. About 1 µs for each 10 KB before."""
        data = np.frombuffer(self.region.data, np.uint8)
        return lines_of_tokens(data, self.starts, self.ends, np.array(ranges), self.region.first_line).tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Chain:
    """Runs that follow each other in the text and in one document. `rows` int64 (runs, chain_kernels.COLUMNS), `blanks` int64.

    `similarity`: matched tokens over those of the hull in both texts, the source's comments in gaps not counted: 1 for no gap.
    """

    compared: Compared
    rows: NDArray[np.int64]
    blanks: NDArray[np.int64]
    similarity: float
    score: float

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """In text order."""
        return tuple(self._run(*row) for row in self.rows.tolist())

    @property
    def stands_at(self) -> tuple[int, int]:
        """The text's token at which its first run begins, and the segment's."""
        return self.rows.item(0, chain_kernels.BEGIN), self.compared.region.first_token + self.rows.item(0, chain_kernels.OTHER)

    @property
    def hull(self) -> tuple[int, int]:
        """The text's tokens from the begin of its first run to the end of its last."""
        return self.rows.item(0, chain_kernels.BEGIN), self.rows.item(-1, chain_kernels.END)

    @property
    def is_renamed(self) -> bool:
        """Whether its first run is."""
        return bool(self.rows[0, chain_kernels.RENAMED])

    def _run(self, begin: int, end: int, other: int, other_end: int, renamed: int, _: int, first: int, last: int) -> Run:
        kind: SpanKind = "renamed" if renamed else "exact"
        blank = tuple(self.blanks[first:last].tolist()) if renamed else ()
        return Run(begin=begin, end=end, kind=kind, blank=blank, other=other, other_end=other_end)


class Comparer:
    """Compares one text with many regions.

    `covered` bool (tokens,): which tokens of the text the chains found so far hold. `reach` int64 (2, tokens): where the furthest run
    that holds a token ends, 0 for none: of the exact ones, and of all. `cut`: not all runs were found somewhere.
    """

    def __init__(self, query: Query, weights: Weights, kinds: tuple[SpanKind, ...], least: float) -> None:
        exact, renamed = query.exact, query.renamed
        self._text = (query.data, query.starts, query.ends, query.hashes, exact.grams, exact.heads, exact.following)
        self._shape = (query.codes, query.code_tokens, *occurrences(query.codes), renamed.grams, renamed.heads, renamed.following)
        self._wanted = (weights.exact, weights.renamed, "exact" in kinds, "renamed" in kinds, least, STRETCH_NORM, COVERAGE_POWER)
        self.covered, self.reach = np.zeros(len(query), np.bool_), np.zeros((2, len(query)), np.int64)
        self._tables = byte_classes(), keyword_table()
        self.cut = False
        self._blocks: dict[tuple[int, int], bytes] = {}

    def compare(self, segment: Segment, doc: int, begin: int, end: int) -> list[Chain]:
        """Chains between the text and tokens [begin, end) of a segment's document that are findings, heaviest first.

        Cost: unpacking, tokenizing and comparing them; about 0.1 ms for one block, twice where a run goes on beyond them.
        """
        chains, goes_on = self._chains(segment, doc, begin - PADDING, end + PADDING)
        if goes_on:
            more = PADDING + len(self.covered)
            chains, _ = self._chains(segment, doc, begin - more, end + more)
        return chains

    def _chains(self, segment: Segment, doc: int, begin: int, end: int) -> tuple[list[Chain], bool]:
        """The chains in the document's tokens [begin, end), and whether a run ends where they do, but neither the text nor the document."""
        if len(self._blocks) > MOST_BLOCKS:
            self._blocks.clear()
        region = segment.region(doc, begin, end, self._blocks)
        first, last = region.document
        is_cut = begin > first, end < last, region.first_byte > 0
        low, high = max(begin, first) - region.first_token, min(end, last) - region.first_token
        runs, ends, alike, scores, blanks, region_tokens, goes_on, is_all = kernels.compare(
            self._text, self._shape, np.frombuffer(region.data, np.uint8), *self._tables, low, high, is_cut,
            region.flags >> COMMENT_SHIFT, _RULES, *self._wanted, self.covered, self.reach, _scratch(len(region.data)),
        )  # fmt: skip
        self.cut |= not is_all
        compared = Compared(region, *region_tokens)
        one, chains = 0, []
        for stop, similarity, score in zip(ends.tolist(), alike.tolist(), scores.tolist(), strict=True):
            chains.append(Chain(compared, runs[one:stop], blanks, similarity, score))
            one = stop
        return chains, goes_on


def _scratch(room: int) -> tuple[NDArray[Any], ...]:
    """What the kernel works in, for a region of so many bytes. One a thread, kept: fresh memory costs more than many a comparison."""
    arrays: tuple[NDArray[Any], ...] | None = getattr(_KEPT, "arrays", None)
    if arrays is None or len(arrays[0]) < room or len(arrays[0]) > max(room, MOST_SCRATCH):
        room = max(room, MOST_SCRATCH)
        arrays = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64), np.empty((MOST_RUNS, 4), np.int64)
        _KEPT.arrays = arrays
    return arrays
