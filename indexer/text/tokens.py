"""Which tokens does a text have, and where? One language-blind tokenizer for every language.

A token is a maximal run of letters, digits, `_` and non-ASCII bytes, or one other byte that is not white space; white space
(no-break and zero-width characters and the byte order mark too) separates and is dropped. So formatting never matters:
"x =y(1)" -> x = y ( 1 )

Two streams: the *exact* tokens, and the *renamed* stream in which a number is NUM, a quoted literal on one line is one STR and
identifiers count only by where they recur (Baker 1993, parameterised matching).

Not here: k-grams (`indexer.fingerprint`), words for full text (`indexer.text.words`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from indexer.text import kernels
from indexer.text.keywords import KEYWORDS


@dataclass(frozen=True, slots=True)
class Tokens:
    """The exact tokens of one or more documents that share a buffer.

    `data` uint8 (bytes,), `offsets` int64 (documents + 1,) into it; `starts`, `ends` int32 (tokens,) byte offsets into `data`,
    half-open; `hashes` uint64 (tokens,); `token_offsets` int64 (documents + 1,) into the token arrays.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    token_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, i: int) -> str:
        """Token i as text."""
        return self.data[self.starts[i] : self.ends[i]].tobytes().decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Renamed:
    """The renamed stream of the same documents.

    `codes` uint64 (renamed tokens,): the lowest bit set means an identifier and the rest its identity; `tokens` int32: the exact
    token each begins at; `offsets` int64 (documents + 1,).
    """

    codes: NDArray[np.uint64]
    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)


@cache
def byte_classes() -> NDArray[np.uint8]:
    """For each byte value: white space, part of a word, punctuation, or the lead of what may be non-ASCII white space."""
    classes = np.full(256, kernels.PUNCT, np.uint8)
    classes[list(b" \t\n\v\f\r")] = kernels.SPACE
    classes[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] = kernels.WORD
    classes[128:] = kernels.WORD
    classes[[0xC2, 0xE1, 0xE2, 0xE3, 0xEF]] = kernels.LEAD
    return classes


@cache
def keyword_table() -> NDArray[np.uint64]:
    """The hashes of KEYWORDS, open-addressed."""
    table = np.zeros(1024, np.uint64)
    joined = " ".join(dict.fromkeys(KEYWORDS)).encode()
    for value in tokenize(np.frombuffer(joined, np.uint8)).hashes:
        slot = int(value) & 1023
        while table[slot]:
            slot = (slot + 1) & 1023
        table[slot] = value
    return table


def encode(text: str | bytes) -> bytes:
    """UTF-8; a lone surrogate becomes its 3 bytes, so that any `str` has an answer."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def tokenize(data: NDArray[np.uint8], offsets: NDArray[np.int64] | None = None) -> Tokens:
    """Tokens of the documents data[offsets[d]:offsets[d+1]], or of all of `data` as one. Below 2 GiB; about 280 MB/s."""
    if offsets is None:
        offsets = np.array([0, len(data)], np.int64)
    room = int(offsets[-1] - offsets[0])
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    hashes, token_offsets = np.empty(room, np.uint64), np.empty(len(offsets), np.int64)
    n = kernels.tokenize(data, offsets, byte_classes(), starts, ends, hashes, token_offsets)
    return Tokens(data, offsets, starts[:n], ends[:n], hashes[:n], token_offsets)


def rename(tokens: Tokens) -> Renamed:
    """The renamed stream of some tokens."""
    codes, positions = np.empty(len(tokens), np.uint64), np.empty(len(tokens), np.int32)
    offsets = np.empty(len(tokens.offsets), np.int64)
    n = kernels.rename(
        tokens.data,
        tokens.offsets,
        keyword_table(),
        tokens.starts,
        tokens.ends,
        tokens.hashes,
        tokens.token_offsets,
        codes,
        positions,
        offsets,
    )
    return Renamed(codes[:n], positions[:n], offsets)
