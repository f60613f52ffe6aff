"""Do tokens, renamed stream and offsets follow their rules? Kernels beside their naive twins, compiled and as Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.answers import OFFSET_UNITS, OffsetUnit
from indexer.attribution.offsets import Offsets
from indexer.text import kernels
from indexer.text.keywords import KEYWORDS
from indexer.text.tokens import encode, keyword_table, rename, tokenize
from tests.reference import tokens as twin

NAMES = frozenset(KEYWORDS)
BREAKS = "\u0085\u00a0\u1680\u180e\u2000\u200b\u200d\u200e\u2010\u2028\u2029\u202f\u2030\u205e\u205f\u2060\u2061\u3000\u3001\ufeff\ufefe"
ALPHABET = "ab_Z09 \t\n\r\v\f\x00\x1c\x7f.,()\"'`\\#éßØ中\U0001f600\U0010ffff\ud800\udfff" + BREAKS
texts = st.text(st.one_of(st.sampled_from(ALPHABET), st.characters(codec=None)), max_size=60)
code_like = st.lists(
    st.sampled_from(
        ["if", "foo", "bar", "x1", "12", "3.5", "'", '"', "`", "\\", "\\'", "\n", "\r", " ", "=", "'a b'", "é", "\u00a0", "self"]
    ),
    max_size=40,
).map("".join)


@pytest.fixture(params=["compiled", "python"])
def kernel(request: pytest.FixtureRequest) -> Iterator[None]:
    """The kernels as numba compiled them, and the same lines run by Python."""
    if request.param == "compiled":
        yield
        return
    plain = {name: getattr(kernels, name).py_func for name in ("tokenize", "rename", "literal_end", "space_length", "is_keyword", "mix64")}
    with mock.patch.multiple(kernels, **plain), np.errstate(over="ignore"):
        yield


def bytes_of(text: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(encode(text), np.uint8)


def byte_offsets(text: str) -> list[int]:
    """Where each character begins in UTF-8, and where the text ends."""
    out = [0]
    for character in text:
        out.append(out[-1] + len(twin.utf8(character)))
    return out


@pytest.mark.parametrize("text", ["", "x =y(1)", "a\u200bb", "\ufeffx", "naïve_1\u00a0+", "\r\n", "\ud83d", "a\u2010b"])
def test_tokens_of_known_texts(kernel: None, text: str) -> None:
    at = byte_offsets(text)
    found = tokenize(bytes_of(text))
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == [(at[t.start], at[t.end]) for t in twin.tokens(text)]


@settings(max_examples=150)
@given(st.lists(texts | code_like, max_size=4))
@example(["\u2029", "\u00a0a", "\ufeff"])
@example(["a\u3000", "\u3000"])
def test_tokens_equal_their_twin(documents: list[str]) -> None:
    parts = [encode(text) for text in documents]
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    found = tokenize(np.frombuffer(b"".join(parts), np.uint8), offsets)
    for d, text in enumerate(documents):
        first, last = found.token_offsets[d : d + 2].tolist()
        at, expected = byte_offsets(text), twin.tokens(text)
        assert (found.starts[first:last] - offsets[d]).tolist() == [at[token.start] for token in expected]
        assert (found.ends[first:last] - offsets[d]).tolist() == [at[token.end] for token in expected]
        assert found.hashes[first:last].tolist() == twin.hashes(text)


@settings(max_examples=150)
@given(st.lists(code_like | texts, max_size=4))
@example(["'" + "a " * 511 + "'", "'" + "a " * 511 + "aa'"])
@example(["'ab", "cd'"])
@example(["'\\\n'", "'\\\\'", "'\\"])
def test_renamed_stream_equals_its_twin(documents: list[str]) -> None:
    parts = [encode(text) for text in documents]
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    tokens = tokenize(np.frombuffer(b"".join(parts), np.uint8), offsets)
    found = rename(tokens)
    for d, text in enumerate(documents):
        first, last = found.offsets[d : d + 2].tolist()
        expected = twin.renamed(text, NAMES)
        assert found.codes[first:last].tolist() == [element.code for element in expected]
        assert (found.tokens[first:last] - tokens.token_offsets[d]).tolist() == [element.token for element in expected]


@settings(max_examples=40)
@given(code_like | texts)
def test_the_same_lines_run_by_python_give_the_same(text: str) -> None:
    compiled = tokenize(bytes_of(text))
    streams = rename(compiled)
    plain = {name: getattr(kernels, name).py_func for name in ("tokenize", "rename", "literal_end", "space_length", "is_keyword", "mix64")}
    with mock.patch.multiple(kernels, **plain), np.errstate(over="ignore"):
        python = tokenize(bytes_of(text))
        assert rename(python).codes.tolist() == streams.codes.tolist()
    assert python.hashes.tolist() == compiled.hashes.tolist()
    assert python.starts.tolist() == compiled.starts.tolist() and python.ends.tolist() == compiled.ends.tolist()


def test_every_keyword_and_no_other_word_is_in_the_table() -> None:
    for word in NAMES:
        assert kernels.is_keyword(keyword_table(), np.uint64(twin.token_hash(word)))
    for word in ("type", "object", "value", "If", "selfs", ""):
        assert not kernels.is_keyword(keyword_table(), np.uint64(twin.token_hash(word)))


def units_before(text: str, i: int, unit: OffsetUnit) -> int:
    """How many units the first i characters take."""
    if unit == "utf-32":
        return i
    encoded = text[:i].encode("utf-16-le" if unit == "utf-16" else "utf-8", "surrogatepass")
    return len(encoded) // 2 if unit == "utf-16" else len(encoded)


def line_of(text: str, i: int) -> int:
    """The 1-based line of character i; lines end at LF, CRLF or CR."""
    return 1 + sum(text[j] == "\n" or (text[j] == "\r" and text[j + 1 : j + 2] != "\n") for j in range(i))


@settings(max_examples=200)
@given(texts, st.sampled_from(OFFSET_UNITS))
@example("\ud83d\ude00x", "utf-16")
@example("a\r\nb\rc\nd", "utf-32")
@example("\r\r\n\n", "utf-8")
def test_offsets_and_lines_equal_counting(text: str, unit: OffsetUnit) -> None:
    offsets = Offsets.of(bytes_of(text), unit)
    for i, byte in enumerate(byte_offsets(text)):
        assert offsets.offset(byte) == units_before(text, i, unit)
        if i < len(text):
            assert offsets.line(byte) == line_of(text, i)
