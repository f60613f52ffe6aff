"""What is asked about? A text with its tokens, fingerprints and k-grams worked out once.

Not here: the full-text query language (`indexer.query`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.fingerprint import kernels as fingerprint_kernels
from indexer.fingerprint.spec import SPEC, Channel
from indexer.fingerprint.winnow import Fingerprints, fingerprint_exact, fingerprint_renamed
from indexer.text.tokens import Renamed, Tokens, encode, rename, tokenize


@dataclass(frozen=True, slots=True)
class Grams:
    """All k-grams of one stream, found by value: `hashes` uint64 (k-grams,), `heads` and `following` chain their positions."""

    hashes: NDArray[np.uint64]
    heads: NDArray[np.int32]
    following: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Query:
    """A text and everything about it that does not depend on an index."""

    data: NDArray[np.uint8]
    tokens: Tokens
    renamed: Renamed
    exact_prints: Fingerprints
    renamed_prints: Fingerprints

    @classmethod
    def of(cls, text: str | bytes) -> Query:
        """Tokens and fingerprints of a text; about 40 µs for 40 lines."""
        data = np.frombuffer(as_utf8(text), np.uint8)
        tokens = tokenize(data)
        renamed = rename(tokens)
        exact = fingerprint_exact(tokens, SPEC.exact, capped=False)
        return cls(data, tokens, renamed, exact, fingerprint_renamed(renamed, SPEC.renamed, capped=False))


def as_utf8(text: str | bytes) -> bytes:
    """The text as UTF-8. Bytes that are not UTF-8 are read as UTF-16 where a byte order mark says so, else as Latin-1."""
    if isinstance(text, str):
        return encode(text)
    try:
        text.decode("utf-8")
        return text
    except UnicodeDecodeError:
        pass
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16", "replace").encode("utf-8", "surrogatepass")
    return text.decode("latin-1").encode("utf-8")


def kgrams(codes: NDArray[np.uint64], channel: Channel) -> NDArray[np.uint64]:
    """The hash of every k-gram of one document's stream, uint64 (codes - k + 1,)."""
    out = np.empty(max(0, len(codes) - channel.k + 1), np.uint64)
    fingerprint_kernels.kgram_hashes(codes, 0, len(codes), channel.k, channel.renamed, out)
    return out
