"""Which words, and which parts of words, can a document be found by?

*Words* are the tokens that are no punctuation, in order, lower-cased. *Parts* are what camelCase, snake_case and changes
between letters and digits divide a word into:

    HTTPServer.parse_header(utf8) -> words "httpserver parse_header utf8", parts "http server parse header utf"

Every store indexes these two streams as white-space separated text, so all of them answer alike and none needs an analysis
plug-in. Parts of one byte, of numbers (0x1F) and of words over 100 bytes are left out, and so is the part that is the whole
word; a document's parts count its distinct words, not their repeats. A word over 100 bytes is cut there.

Not here: the token rule itself (`indexer.text.tokens`), the search language (`indexer.query`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.text import words_kernels
from indexer.text.tokens import Tokens

# characters of no word, as in a regular expression's class: ASCII but letters, digits and _, then the white space beyond ASCII
# that `indexer.text.tokens` drops
NO_WORD = (
    r"\x00-/:-@\[-^`{-\x7f"
    "\u0085\u00a0\u1680\u180e\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
WORD = re.compile(f"[^{NO_WORD}]+")
_DIGITS = tuple("0123456789")
PART = re.compile(r"[A-Z]+(?![a-z\u0080-\U0010ffff])|[A-Z]?[a-z\u0080-\U0010ffff]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class WordStreams:
    """Words and parts of some documents, each followed by one space.

    `words`, `parts` uint8 (bytes,), UTF-8 with A-Z lower-cased; `word_offsets`, `part_offsets` int64 (documents + 1,).
    """

    words: NDArray[np.uint8]
    word_offsets: NDArray[np.int64]
    parts: NDArray[np.uint8]
    part_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.word_offsets) - 1

    def texts(self) -> Iterator[tuple[str, str]]:
        """(words, parts) of each document as text; here letters beyond ASCII are lower-cased too."""
        words, parts = self.words.tobytes(), self.parts.tobytes()
        for d in range(len(self)):
            yield (
                lower(words[self.word_offsets[d] : self.word_offsets[d + 1]].decode("utf-8", "replace")),
                lower(parts[self.part_offsets[d] : self.part_offsets[d + 1]].decode("utf-8", "replace")),
            )


def analyze(tokens: Tokens) -> WordStreams:
    """Words and parts of tokenized documents, in one pass without the GIL; about 200 MB/s of text a core."""
    n_documents = len(tokens.token_offsets) - 1
    most = int(np.diff(tokens.token_offsets).max(initial=0))
    slots = 1 << (2 * most + 1).bit_length()
    n_bytes = int((tokens.ends - tokens.starts).sum(dtype=np.int64))
    words = np.empty(n_bytes + len(tokens), np.uint8)
    parts = np.empty(n_bytes + n_bytes // words_kernels.MIN_PART_BYTES + 1, np.uint8)
    word_offsets, part_offsets = np.empty(n_documents + 1, np.int64), np.empty(n_documents + 1, np.int64)
    seen, seen_in = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    texts = (tokens.data, tokens.starts, tokens.ends, tokens.hashes, tokens.token_offsets)
    w, p = words_kernels.analyze(*texts, seen, seen_in, words, word_offsets, parts, part_offsets)
    return WordStreams(words[:w], word_offsets, parts[:p], part_offsets)


def lower(text: str) -> str:
    """The one lower-casing of index and query: Unicode's, but for the sigma, which Python spells by its neighbours."""
    return text.replace("Σ", "σ").lower()


def indexed_form(word: str) -> str:
    """How the index spells a word: cut after 100 bytes, lower case."""
    return lower(word.encode("utf-8", "replace")[: words_kernels.MAX_WORD_BYTES].decode("utf-8", "ignore"))


def part_spans(word: str) -> list[tuple[int, int]]:
    """The ranges of a word's parts that are indexed. "parse_header2" -> [(0, 5), (6, 12)]"""
    if not _has_parts(word):
        return []
    spans = [match.span() for match in PART.finditer(word)]
    return [(start, end) for start, end in spans if _n_bytes(word[start:end]) >= words_kernels.MIN_PART_BYTES and end - start < len(word)]


def searchable_parts(word: str) -> list[str]:
    """Parts that find the identifiers which contain this word's parts; empty where one of them is not indexed.

    "parseHeader" -> ["parse", "header"], "header" -> ["header"], "sha1" -> [] (a search for `sha` alone would find too much)
    """
    if not _has_parts(word):
        return []
    parts = PART.findall(word)
    if any(_n_bytes(part) < words_kernels.MIN_PART_BYTES for part in parts):
        return []
    return list(dict.fromkeys(map(lower, parts)))


def _has_parts(word: str) -> bool:
    return word[:1] not in _DIGITS and _n_bytes(word) <= words_kernels.MAX_WORD_BYTES


def _n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
