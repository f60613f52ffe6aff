"""How well does the Data Portraits scheme find code? Tiles of 50 normalised characters in a Bloom filter (rbloom, xxh3).

The scheme (Marone and Van Durme 2023): white space is squeezed, documents are stored in tiles at stride 50, queries tested at
stride 1, and the score is the longest chain of hits 50 characters apart. It names no file.

Not here: the same tiles in pybloom-live's filter (`pybloom`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rbloom import Bloom
from xxhash import xxh3_128_digest

from tests.bench.corpus import Corpus
from tests.bench.engine import Found, Question

TILE = 50
FALSE_POSITIVE_RATE = 1e-3
ROOM = 1.05  # of the filter, over the tiles that go in
_DIGEST_BYTES = 16

_LINE_BREAKS = re.compile(r"[\r\n]+")
_BLANKS = re.compile(r"[^\S\n]+")
_LEADING_BLANK = re.compile(r"\n\s")


class DataPortraits:
    """The Bloom filter that Data Portraits publishes for The Stack, at its own false-positive rate."""

    name = "Data Portraits scheme (rbloom)"

    def build(self, corpus: Corpus, folder: Path) -> None:
        """One pass over the text; digests wait in a file, since the filter must know how many they are."""
        waiting = folder / "digests.part"
        n_tiles = 0
        with waiting.open("wb") as digests:
            for batch in corpus.batches(["content"]):
                for content in batch.column("content").to_pylist():
                    found = tiles(content)
                    n_tiles += len(found)
                    digests.write(b"".join([xxh3_128_digest(tile.encode()) for tile in found]))
        bloom = Bloom(int(n_tiles * ROOM), FALSE_POSITIVE_RATE, _as_integer)
        with waiting.open("rb") as digests:
            bloom.update(iter(lambda: digests.read(_DIGEST_BYTES), b""))
        waiting.unlink()
        bloom.save(folder / "filter.bloom")

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """Membership by the longest chain."""
        bloom = Bloom.load(folder / "filter.bloom", _as_integer)

        def ask(text: str) -> Found:
            return Found(longest_chain([xxh3_128_digest(tile.encode()) in bloom for tile in tiles_at_every_place(text)]))

        return {self.name: Question(ask, names_files=False)}


def _as_integer(digest: bytes) -> int:
    return int.from_bytes(digest, "little", signed=True)


def _squeezed(text: str) -> str:
    return _LEADING_BLANK.sub("\n", _BLANKS.sub(" ", _LINE_BREAKS.sub("\n", text))).strip()


def tiles(text: str) -> list[str]:
    """What of a document goes into the filter: each 50 characters, one after the other."""
    squeezed = _squeezed(text)
    return [squeezed[start : start + TILE] for start in range(0, len(squeezed) - TILE + 1, TILE)]


def tiles_at_every_place(text: str) -> list[str]:
    """What of a query is looked for: 50 characters from every place on."""
    squeezed = _squeezed(text)
    return [squeezed[start : start + TILE] for start in range(len(squeezed) - TILE + 1)]


def longest_chain(hits: Sequence[bool]) -> int:
    """The most hits in a row at distance 50."""
    runs = [0] * (len(hits) + TILE)
    for start in range(len(hits) - 1, -1, -1):
        if hits[start]:
            runs[start] = 1 + runs[start + TILE]
    return max(runs)
