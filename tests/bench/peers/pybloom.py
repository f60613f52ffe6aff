"""How does the Data Portraits scheme do on pybloom-live? The tiles of `data_portraits` as the strings that its filter takes.

The plain `BloomFilter`, sized for what goes in, at the false-positive rate that is its default; it hashes the strings itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pybloom_live import BloomFilter

from tests.bench.corpus import Corpus
from tests.bench.engine import Found, Question
from tests.bench.peers.data_portraits import FALSE_POSITIVE_RATE, ROOM, longest_chain, tiles, tiles_at_every_place


class Pybloom:
    """One filter in memory, written with `tofile` and read with `fromfile`."""

    name = "Data Portraits scheme (pybloom-live)"

    def build(self, corpus: Corpus, folder: Path) -> None:
        """Two passes over the text: the filter must know how many tiles there are, and their text is too much to keep."""
        n_tiles = sum(len(tiles(content)) for batch in corpus.batches(["content"]) for content in batch.column("content").to_pylist())
        bloom = BloomFilter(int(n_tiles * ROOM) + 1, FALSE_POSITIVE_RATE)
        for batch in corpus.batches(["content"]):
            for content in batch.column("content").to_pylist():
                for tile in tiles(content):
                    bloom.add(tile)
        with (folder / "filter.pybloom").open("wb") as file:
            bloom.tofile(file)

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """Membership by the longest chain."""
        with (folder / "filter.pybloom").open("rb") as file:
            bloom = BloomFilter.fromfile(file)
        return {
            self.name: Question(
                lambda text: Found(longest_chain([tile in bloom for tile in tiles_at_every_place(text)])),
                names_files=False,
            )
        }
