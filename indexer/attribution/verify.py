"""Which stretches of a candidate's text really are in the text asked about? Maximal runs, compared byte by byte, and chains of them.

Every run of a k-gram or more between the two is found, not only those that an index posting points at, so repeats and edits cost
nothing; nothing is reported on the word of a hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, GUARANTEE_TOKENS_RENAMED
from indexer.attribution import kernels
from indexer.attribution.offsets import line_starts
from indexer.attribution.query import Grams, Query, kgrams
from indexer.attribution.significance import Stretch
from indexer.fingerprint.spec import SPEC, Channel
from indexer.segment.prepare import COMMENT_SHIFT
from indexer.segment.segment import Region, Segment
from indexer.text.comments import NONE, comment_tokens
from indexer.text.tokens import Renamed, Tokens, rename, tokenize

PADDING = 64  # tokens beyond the hits that are compared too
EXPLAINED = 0.9  # of the text by exact runs: then no renamed ones are looked for
LONGEST_GAP = 200  # tokens between two runs of one chain, the source's comments not counted
LOOSE = 2  # times its length that an end of a chain may stand off
MOST_PLACES = 64  # of one k-gram of the text that are tried against one place of the document
MOST_RUNS = 4096  # found between a text and one candidate
MOST_CHAINS = 16  # of one region
MOST_CHAINED = 96  # of them, the longest, that are chained


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Stretch):
    """A stretch of the text that stands at tokens [other, other_end) of the document's region.

    `recurring`: it is renamed, and a name that changed occurs in it more than once.
    """

    other: int
    other_end: int
    recurring: bool = False

    @property
    def suffices(self) -> bool:
        """Whether the run alone is a finding."""
        return self.tokens >= (GUARANTEE_TOKENS if self.kind == "exact" else GUARANTEE_TOKENS_RENAMED)


@dataclass(frozen=True)
class Compared:
    """A region of a document, tokenized, and the chains of runs found in it, heaviest first.

    `plain` int64 (tokens + 1,): how many tokens before each are no comment.
    """

    region: Region
    tokens: Tokens
    plain: NDArray[np.int64]
    chains: tuple[tuple[Run, ...], ...]

    def similarity(self, chain: Sequence[Run]) -> float:
        """Matched tokens over those of a chain's hull in both texts, the source's comments in gaps not counted: 1 for no gap."""
        matched = sum(run.tokens for run in chain)
        gaps = sum(
            max(0, after.begin - before.end) + max(0, int(self.plain[after.other] - self.plain[before.other_end]))
            for before, after in pairwise(chain)
        )
        return round(2 * matched / (2 * matched + gaps), 4)

    @cached_property
    def renamed(self) -> Renamed:
        """The region's renamed stream."""
        return rename(self.tokens)

    @cached_property
    def line_starts(self) -> NDArray[np.int64]:
        """The byte of the region at which each of its lines begins."""
        return line_starts(self.tokens.data)

    def line_at(self, byte: int) -> int:
        """The 1-based line of the document that holds this byte of the region."""
        return self.region.first_line + int(np.searchsorted(self.line_starts, byte, "right"))


class Comparer:
    """Compares one text with many regions: the text's k-gram tables are made once, scratch arrays are kept."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._exact = _table(query.tokens.hashes, SPEC.exact)
        self._renamed = _table(query.renamed.codes, SPEC.renamed)
        self._out = np.empty((4, MOST_RUNS), np.int64)
        size = 1 << max(6, (2 * len(query.renamed) + 2).bit_length())
        self._tables, self._stamps = np.zeros((4, size), np.uint64), np.zeros((2, size), np.int64)
        self._stamp = np.zeros(1, np.int64)

    def compare(self, segment: Segment, doc: int, begin: int, end: int) -> Compared:
        """Chains between the text and tokens [begin, end) of a segment's document. Cost: unpacking, tokenizing, comparing them."""
        first, last = segment.token_range(doc)
        begin, end = max(first, begin - PADDING), min(last, end + PADDING)
        region = segment.region(doc, begin, end)
        tokens = tokenize(np.frombuffer(region.data, np.uint8))
        low, high = begin - region.first_token, min(len(tokens), end - region.first_token)
        runs = self._exact_runs(tokens, low, high)
        explained = np.zeros(len(self._query.tokens), np.bool_)
        for run in runs:
            explained[run.begin : run.end] |= run.suffices
        if explained.mean() < EXPLAINED:
            runs = settle(runs, self._renamed_runs(tokens, rename(tokens), low, high))
        plain = _plain(tokens, segment.value("doc.flags", doc) >> COMMENT_SHIFT if len(runs) > 1 else NONE)
        return Compared(region, tokens, plain, tuple(chains(runs, plain)))

    def _exact_runs(self, tokens: Tokens, low: int, high: int) -> list[Run]:
        mine, codes = self._query.tokens, tokens.hashes[low:high]
        grams = kgrams(codes, SPEC.exact)
        covered = np.zeros(len(mine) + len(codes) + 1, np.int64)
        table = self._exact
        n = kernels.find_exact(mine.hashes, table.hashes, table.heads, table.following, codes, grams, MOST_PLACES, covered, *self._out[:3])
        a, b, length = self._out[:3, : n if n >= 0 else MOST_RUNS]
        b += low
        kernels.keep_same_bytes(mine.data, mine.starts, mine.ends, tokens.data, tokens.starts, tokens.ends, a, b, length)
        longest = np.argsort(-length, kind="stable")[:MOST_CHAINED]
        longest = longest[length[longest] >= SPEC.exact.k]
        found = zip(a[longest].tolist(), b[longest].tolist(), length[longest].tolist(), strict=True)
        return [Run(begin=i, end=i + size, kind="exact", other=j, other_end=j + size) for i, j, size in found]

    def _renamed_runs(self, tokens: Tokens, renamed: Renamed, low: int, high: int) -> list[Run]:
        mine = self._query.renamed
        first, stop = np.searchsorted(renamed.tokens, [low, high]).tolist()
        codes = renamed.codes[first:stop]
        grams = kgrams(codes, SPEC.renamed)
        covered = np.zeros(len(mine) + len(codes) + 1, np.int64)
        out, table = self._out, self._renamed
        n = kernels.find_renamed(
            mine.codes, table.hashes, table.heads, table.following, codes, grams, SPEC.renamed.k, MOST_PLACES, covered,
            self._tables, self._stamps, self._stamp, *out,
        )  # fmt: skip
        ends, other_ends = np.append(mine.tokens, len(self._query.tokens)), np.append(renamed.tokens, len(tokens))
        found = out[:, : n if n >= 0 else MOST_RUNS].T
        found = found[(found[:, 3] > 0) & (found[:, 2] >= GUARANTEE_TOKENS_RENAMED)]
        runs = []
        for a, b, length, changed in found[np.argsort(-found[:, 2], kind="stable")[:MOST_CHAINED]].tolist():
            blank = _blank(mine, codes, a, b, length)
            begin, end = int(ends[a]), int(ends[a + length])
            other, other_end = int(other_ends[b + first]), int(other_ends[b + first + length])
            recurring = changed > len(blank)
            runs.append(Run(begin=begin, end=end, kind="renamed", blank=blank, other=other, other_end=other_end, recurring=recurring))
        return runs


def _plain(tokens: Tokens, family: int) -> NDArray[np.int64]:
    plain = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum(~comment_tokens(tokens, family), out=plain[1:])
    return plain


def _blank(mine: Renamed, codes: NDArray[np.uint64], a: int, b: int, length: int) -> tuple[int, ...]:
    """The text's tokens that have another name in the document and occur once in the run: such a name could be any."""
    here = mine.codes[a : a + length]
    _, inverse, repeats = np.unique(here, return_inverse=True, return_counts=True)
    alone = (here != codes[b : b + length]) & (repeats[inverse] == 1)
    return tuple(mine.tokens[a : a + length][alone].tolist())


def _table(codes: NDArray[np.uint64], channel: Channel) -> Grams:
    hashes = kgrams(codes, channel)
    heads = np.full(1 << max(4, (2 * len(hashes)).bit_length()), -1, np.int32)
    following = np.empty(len(hashes), np.int32)
    kernels.chain_grams(hashes, heads, following)
    return Grams(hashes, heads, following)


def settle(exact: list[Run], renamed: list[Run]) -> list[Run]:
    """Exact runs and renamed ones. A renamed run takes the exact ones inside it in when a changed name recurs in it or when they
    explain less than half of it; else it is an edit, and gives way to them but for parts that are findings alone."""
    kept: list[Run] = []
    for run in renamed:
        inside = [e for e in exact if run.begin <= e.begin and e.end <= run.end and run.other <= e.other and e.other_end <= run.other_end]
        explained = sum(e.tokens for e in inside if e.tokens >= GUARANTEE_TOKENS)
        if run.recurring or explained * 2 < run.tokens:
            kept.append(run)
            exact = [e for e in exact if not any(e is taken for taken in inside)]
        else:
            kept += [part for part in _between(run, inside) if part.suffices]
    return exact + kept


def _between(run: Run, inside: list[Run]) -> list[Run]:
    """The parts of a renamed run that none of the exact runs inside it covers."""
    parts, begin, other = [], run.begin, run.other
    for e in sorted(inside, key=lambda e: e.begin):
        if e.begin > begin and e.other > other:
            parts.append(replace(run, begin=begin, end=e.begin, other=other, other_end=e.other))
        if e.end > begin and e.other_end > other:
            begin, other = e.end, e.other_end
    if run.end > begin and run.other_end > other:
        parts.append(replace(run, begin=begin, other=other))
    return parts


def chains(runs: list[Run], plain: NDArray[np.int64]) -> list[tuple[Run, ...]]:
    """Runs grouped into chains that advance in both texts, heaviest first; a chain has at least GUARANTEE_TOKENS in all.

    Overlapping runs of a chain are cut at the seam. A run is in one chain only; what lies within a chain's hull in
    both texts is left out.
    """
    found: list[tuple[Run, ...]] = []
    left = sorted(sorted(runs, key=lambda run: -run.tokens)[:MOST_CHAINED], key=lambda run: (run.begin, run.other))
    while left and len(found) < MOST_CHAINS:
        chain = _best_chain(left, plain)
        if sum(run.tokens for run in chain) < GUARANTEE_TOKENS:
            break
        found.append(_without_loose_ends(_trimmed(chain), plain))
        taken = set(chain)
        begin, end, other, other_end = chain[0].begin, chain[-1].end, chain[0].other, chain[-1].other_end
        left = [
            run
            for run in left
            if run not in taken and (run.begin >= end or run.end <= begin or run.other >= other_end or run.other_end <= other)
        ]
    return found


def _without_loose_ends(chain: tuple[Run, ...], plain: NDArray[np.int64]) -> tuple[Run, ...]:
    """The chain without short first and last runs that stand further off than they are long, twice: they met by chance."""

    def loose(end: Run, inner: Run, before: Run, after: Run) -> bool:
        gap = max(after.begin - before.end, int(plain[after.other] - plain[before.other_end]))
        return not end.suffices and inner.tokens > end.tokens and gap > LOOSE * end.tokens

    while len(chain) > 1 and loose(chain[0], chain[1], chain[0], chain[1]):
        chain = chain[1:]
    while len(chain) > 1 and loose(chain[-1], chain[-2], chain[-2], chain[-1]):
        chain = chain[:-1]
    return chain


def _best_chain(runs: list[Run], plain: NDArray[np.int64]) -> list[Run]:
    edges = np.array([(run.begin, run.end, run.other, run.other_end) for run in runs], np.int64).T
    previous, totals = np.empty(len(runs), np.int64), np.empty(len(runs), np.float64)
    weights = np.array([run.tokens for run in runs], np.float64)
    begin, end, other, other_end = np.ascontiguousarray(edges)
    last = kernels.best_chain(begin, end, other, other_end, plain[other], plain[other_end], weights, LONGEST_GAP, previous, totals)
    chain = []
    while last >= 0:
        chain.append(runs[last])
        last = int(previous[last])
    return chain[::-1]


def _trimmed(chain: list[Run]) -> tuple[Run, ...]:
    """The chain with overlaps cut from the shorter neighbour, and without fragments that this leaves too short to mean anything."""
    out: list[Run] = []
    for run in chain:
        if out:
            overlap = max(0, out[-1].end - run.begin, out[-1].other_end - run.other)
            if overlap and run.tokens >= out[-1].tokens:
                out[-1] = replace(out[-1], end=out[-1].end - overlap, other_end=out[-1].other_end - overlap)
            elif overlap:
                run = replace(run, begin=run.begin + overlap, other=run.other + overlap)  # noqa: PLW2901
        out.append(run)
    return tuple(run for run in out if run.tokens >= SPEC.exact.k)
