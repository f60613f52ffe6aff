"""Is this text in the corpus, by the filters of an index? One compiled call a text where there is one filter.

Not here: the same without an index (`indexer.bloom.portable`), what a run of hits means (`indexer.bloom.membership`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS_MEMBERSHIP, Extent, IndexInfo, Membership, OffsetUnit
from indexer.bloom import membership_kernels as kernels
from indexer.bloom.filter import BloomFilter
from indexer.bloom.membership import rate_of
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import Fingerprints, fingerprint_exact
from indexer.text.tokens import byte_classes, tokenize

_UNITS = {"utf-8": kernels.BYTES, "utf-16": kernels.UTF_16, "utf-32": kernels.UTF_32}
_K, _WINDOW, _GUARANTEE = SPEC.exact.k, SPEC.exact.window, SPEC.exact.guarantee
_Tested = tuple[int, int, int, int, float]  # tokens, spans, longest reach of a run, tokens inside spans, rate of the answer
_Test = Callable[[NDArray[np.uint8], int, int, NDArray[np.int64]], _Tested]  # of bytes, what offsets count, min_tokens, spans to fill


def membership(filters: Sequence[BloomFilter], utf8: bytes, unit: OffsetUnit, least: int, index: IndexInfo) -> Membership:
    """Whether a text is in the corpus. Raises IndexCorrupt. About 15 µs for 40 lines, 11 ns a byte."""
    test = _test_one if len(filters) == 1 else _test_each
    return _answer(lambda *asked: test(filters, *asked), utf8, unit, least, index)


def membership_by(
    held: Callable[[Fingerprints], NDArray[np.bool_]], rate: float, utf8: bytes, unit: OffsetUnit, least: int, index: IndexInfo
) -> Membership:
    """The same where filters alone cannot say which fingerprints are `held`; `rate` is how often that is said of one that is not."""

    def test(data: NDArray[np.uint8], counted: int, least: int, spans: NDArray[np.int64]) -> _Tested:
        tokens = tokenize(data)
        prints = fingerprint_exact(tokens, SPEC.exact, capped=False)
        found = kernels.spans_of(
            held(prints), prints.positions, prints.windows, len(prints), len(tokens), _K, _GUARANTEE, least, tokens.starts, tokens.ends,
            data, counted, spans,
        )  # fmt: skip
        return len(tokens), *found, kernels.answer_rate(prints.values, prints.windows, len(prints), len(tokens), _GUARANTEE, least, rate)

    return _answer(test, utf8, unit, least, index)


def _answer(test: _Test, utf8: bytes, unit: OffsetUnit, least: int, index: IndexInfo) -> Membership:
    data = np.frombuffer(utf8, np.uint8)
    spans = np.empty((len(utf8) // 3 + 2, 2), np.int64)  # a run has two tokens and a miss at least
    tokens, n_spans, longest, covered, rate = test(data, kernels.BYTES if utf8.isascii() else _UNITS[unit], least, spans)
    return Membership(
        "found" if n_spans else "too_short" if tokens < GUARANTEE_TOKENS_MEMBERSHIP else "none",
        tokens,
        GUARANTEE_TOKENS_MEMBERSHIP,
        n_spans > 0,
        longest,
        round(covered / tokens, 4) if covered else 0.0,
        tuple([Extent(begin, end) for begin, end in spans[:n_spans].tolist()]) if n_spans else (),
        rate,
        unit,
        index,
    )


def _test_one(filters: Sequence[BloomFilter], data: NDArray[np.uint8], unit: int, least: int, spans: NDArray[np.int64]) -> _Tested:
    (bloom,) = filters
    file = bloom.file
    bad, tokens, n_spans, longest, covered, rate = kernels.ask(
        data, byte_classes(), _K, _WINDOW, file.words, file.touched, file.crcs, file.section("blocks")[0], bloom.n_blocks, least,
        1 - (1 - bloom.false_positive_rate), unit, spans,
    )  # fmt: skip
    if bad >= 0:
        file.raise_bad_page(bad)
    return tokens, n_spans, longest, covered, rate


def _test_each(filters: Sequence[BloomFilter], data: NDArray[np.uint8], unit: int, least: int, spans: NDArray[np.int64]) -> _Tested:
    """The same, step by step, where a fingerprint may be in any of several filters."""
    starts, ends = np.empty(len(data), np.int32), np.empty(len(data), np.int32)
    values, positions, windows = np.empty(len(data), np.uint64), np.empty(len(data), np.int64), np.empty(len(data), np.int64)
    tokens, n = kernels.fingerprints(data, byte_classes(), _K, _WINDOW, starts, ends, values, positions, windows)
    hits = np.zeros(n, np.bool_)
    for bloom in filters:
        file = bloom.file
        bad = kernels.look_up(file.words, file.touched, file.crcs, file.section("blocks")[0], bloom.n_blocks, values, n, hits)
        file.raise_bad_page(bad)
    rate = kernels.answer_rate(values, windows, n, tokens, _GUARANTEE, least, rate_of(bloom.false_positive_rate for bloom in filters))
    found = kernels.spans_of(hits, positions, windows, n, tokens, _K, _GUARANTEE, least, starts, ends, data, unit, spans)
    return tokens, *found, rate
