"""Do k-grams, winnowing and contexts equal their naive twins, and does winnowing keep its promise?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.fingerprint import kernels
from indexer.fingerprint.spec import SPEC, Channel
from indexer.fingerprint.winnow import Fingerprints, fingerprint_exact, fingerprint_renamed
from indexer.text.keywords import KEYWORDS
from indexer.text.tokens import encode, rename, tokenize
from tests.reference import fingerprints as twin
from tests.reference import tokens as token_twin

CHANNELS = pytest.mark.parametrize("channel", [SPEC.exact, SPEC.renamed], ids=lambda channel: channel.name)
few = st.integers(0, 6)
streams = st.lists(st.one_of(few, st.integers(0, 2**64 - 1)), max_size=90) | st.lists(few, max_size=90) | st.lists(st.just(7), max_size=60)
HELPERS = ("kgram_hashes", "renamed_hashes", "winnow", "context", "mix64", "fingerprint")


def array(values: Sequence[int]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.array(values, np.uint64)


def kernel_hashes(codes: list[int], channel: Channel) -> list[int]:
    out = np.empty(len(codes) + 1, np.uint64)
    n = kernels.kgram_hashes(array(codes), 0, len(codes), channel.k, channel.renamed, out)
    return out[:n].tolist()


@CHANNELS
@settings(max_examples=80)
@given(streams)
def test_rolling_hashes_equal_hashes_from_nothing(channel: Channel, codes: list[int]) -> None:
    assert kernel_hashes(codes, channel) == twin.kgram_hashes(codes, channel.k, renamed=channel.renamed)


@settings(max_examples=150)
@given(st.lists(few | st.integers(0, 2**64 - 1), max_size=60), st.integers(1, 14))
@example([3] * 30, 13)
@example([5, 4, 3, 2, 1, 1, 2, 3], 3)
def test_winnowing_equals_its_twin(hashes: list[int], window: int) -> None:
    out, windows = np.empty(len(hashes) + 1, np.int64), np.empty(len(hashes) + 1, np.int64)
    n = kernels.winnow(array(hashes), len(hashes), window, out, windows)
    assert list(zip(out[:n].tolist(), windows[:n].tolist(), strict=True)) == twin.winnow(hashes, window)
    for begin in range(max(1, len(hashes) - window + 1) if hashes else 0):
        chosen = int(out[:n][np.searchsorted(windows[:n], begin, "right") - 1])
        assert begin <= chosen < begin + window and hashes[chosen] == min(hashes[begin : begin + window])


def run_kernel(documents: list[list[int]], channel: Channel, *, capped: bool, asked: Sequence[int] = ()) -> Fingerprints:
    """The kernel over plain codes, as `indexer.fingerprint.winnow` calls it."""
    codes, offsets = array([code for codes in documents for code in codes]), np.cumsum([0, *map(len, documents)]).astype(np.int64)
    longest = max(map(len, documents), default=0)
    keys, positions, out = np.empty(len(codes), np.uint64), np.empty(len(codes), np.int64), np.empty(len(offsets), np.int64)
    windows, chosen_windows = np.empty(len(codes), np.int64), np.empty(longest, np.int64)
    scratch, chosen = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    held, wanted = np.full(1 << 10, -1), kernels.table_of(array(asked)) if asked else array([])
    n = kernels.fingerprint(
        codes, offsets, channel.k, channel.window, channel.reach, channel.renamed, capped, wanted, scratch, chosen, chosen_windows,
        held, keys, positions, windows, out,
    )  # fmt: skip
    return Fingerprints(keys[:n], positions[:n], positions[:n], windows[:n], out)


def as_twins(found: Fingerprints, document: int, first_code: int) -> list[twin.Print]:
    first, last = found.offsets[document : document + 2].tolist()
    return [
        twin.Print(key >> 16, position - first_code, key >> 8 & 255, key & 255, window - first_code)
        for key, position, window in zip(*(part[first:last].tolist() for part in (found.keys, found.positions, found.windows)), strict=True)
    ]


@CHANNELS
@pytest.mark.parametrize("capped", [False, True], ids=["all positions", "at most four"])
@settings(max_examples=60)
@given(st.lists(streams, max_size=3))
@example([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10] * 20, [2, 4, 6] * 30, []])
def test_fingerprints_and_contexts_equal_their_twin(channel: Channel, capped: bool, documents: list[list[int]]) -> None:
    found = run_kernel(documents, channel, capped=capped)
    base = 0
    for d, codes in enumerate(documents):
        expected = twin.fingerprints(codes, channel.k, channel.window, channel.reach, renamed=channel.renamed, capped=capped)
        assert as_twins(found, d, base) == expected
        base += len(codes)


@CHANNELS
@settings(max_examples=60)
@given(st.lists(streams, max_size=3), st.data())
@example([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10] * 20, [2, 4, 6] * 30, []], None)
def test_those_asked_for_are_found_as_among_all(channel: Channel, documents: list[list[int]], data: st.DataObject | None) -> None:
    found = run_kernel(documents, channel, capped=True)
    values = sorted(set(found.values.tolist()))
    asked = values[::2] if data is None or not values else data.draw(st.lists(st.sampled_from(values), unique=True))
    asked = [*asked, *(value for value in (0, 1, 2**48 - 1) if value not in values)]
    some = run_kernel(documents, channel, capped=True, asked=asked)
    at = np.flatnonzero(np.isin(found.values, array(asked)))
    assert some.keys.tolist() == found.keys[at].tolist()
    assert some.positions.tolist() == found.positions[at].tolist() and some.windows.tolist() == found.windows[at].tolist()
    assert some.offsets.tolist() == np.searchsorted(at, found.offsets).tolist()


@CHANNELS
@settings(max_examples=15)
@given(st.lists(streams, min_size=1, max_size=2))
def test_the_same_lines_run_by_python_give_the_same(channel: Channel, documents: list[list[int]]) -> None:
    compiled = run_kernel(documents, channel, capped=True)
    with mock.patch.multiple(kernels, **{name: getattr(kernels, name).py_func for name in HELPERS}), np.errstate(over="ignore"):
        plain = run_kernel(documents, channel, capped=True)
    assert plain.keys.tolist() == compiled.keys.tolist() and plain.positions.tolist() == compiled.positions.tolist()


WORDS = st.sampled_from(["a", "b", "foo", "(", ")", "=", "1", "if", ",", "."])


def exact_values(text: str) -> list[int]:
    return fingerprint_exact(tokenize(np.frombuffer(encode(text), np.uint8)), SPEC.exact, capped=False).values.tolist()


def renamed_values(text: str) -> list[int]:
    return fingerprint_renamed(rename(tokenize(np.frombuffer(encode(text), np.uint8))), SPEC.renamed, capped=False).values.tolist()


@settings(max_examples=80)
@given(st.lists(WORDS, min_size=20, max_size=20), *[st.lists(WORDS, max_size=30) for _ in range(4)])
def test_a_shared_run_of_20_tokens_shares_a_fingerprint(run: list[str], a: list[str], b: list[str], c: list[str], d: list[str]) -> None:
    assert set(exact_values(" ".join(a + run + b))) & set(exact_values(" ".join(c + run + d)))


@settings(max_examples=80)
@given(st.lists(WORDS, min_size=25, max_size=25), *[st.lists(WORDS, max_size=30) for _ in range(4)])
def test_a_shared_run_of_25_renamed_tokens_shares_a_fingerprint(
    run: list[str], a: list[str], b: list[str], c: list[str], d: list[str]
) -> None:
    other = [{"a": "xx", "b": "yy", "foo": "zz"}.get(word, word) for word in run]
    assert set(renamed_values(" ".join(a + run + b))) & set(renamed_values(" ".join(c + other + d)))


@settings(max_examples=80)
@given(st.lists(WORDS, min_size=33, max_size=33), *[st.lists(WORDS, max_size=30) for _ in range(4)])
def test_a_shared_run_of_33_tokens_shares_two_fingerprints_that_follow_each_other(
    run: list[str], a: list[str], b: list[str], c: list[str], d: list[str]
) -> None:
    held = set(exact_values(" ".join(c + run + d)))
    hits = [value in held for value in exact_values(" ".join(a + run + b))]
    assert any(first and second for first, second in itertools.pairwise(hits))


def test_fingerprints_of_a_text_are_those_of_the_twins() -> None:
    """The whole way from text to key, on a text with every kind of token."""
    text = "def f(x, y='a\\'b'):\n    return x*1.5 + y[2] if y else None  # größe\n" * 3
    channel = SPEC.renamed
    codes = [element.code for element in token_twin.renamed(text, frozenset(KEYWORDS))]
    expected = twin.fingerprints(codes, channel.k, channel.window, channel.reach, renamed=True, capped=False)
    assert renamed_values(text) == [one.value for one in expected]
    expected = twin.fingerprints(token_twin.hashes(text), SPEC.exact.k, SPEC.exact.window, SPEC.exact.reach, renamed=False, capped=False)
    assert exact_values(text) == [one.value for one in expected]
