"""How does Wherefrom itself do? Its own build and its two questions, behind the methods that every peer has too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from indexer.answers import Source
from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index
from tests.bench.corpus import Corpus
from tests.bench.engine import Found, Place, Question, ids_by_place

TOP = 10


@dataclass(frozen=True, slots=True)
class Wherefrom:
    """A folder index: fingerprints, filter and documents; with `full_text` the search index too."""

    name: str
    full_text: bool

    def build(self, corpus: Corpus, folder: Path) -> None:
        """As `wherefrom index` does it, on all cores."""
        location, batches = str(folder / "corpus.index"), _release_batches(corpus)
        build_index(location, batches, name="bench", version="1", date="2024-06-07", full_text=self.full_text)

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """Attribution by its score, membership by its longest run. Asked of one of the two builds: full text takes no part in either."""
        if self.full_text:
            return {}
        index = Index.open(str(folder / "corpus.index"))
        ids = ids_by_place(corpus)

        def attribute(text: str) -> Found:
            answer = index.attribute(text, limit=TOP)
            return Found(answer.score, tuple(_places(source, ids) for source in answer.sources))

        def membership(text: str) -> Found:
            return Found(float(index.membership(text).longest_run))

        return {
            "Wherefrom attribution": Question(attribute, names_files=True),
            "Wherefrom membership": Question(membership, names_files=False),
        }


def _release_batches(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    """The corpus in the columns of a release; a package's version is its commit."""
    for batch in corpus.batches():
        parts = pc.extract_regex(batch.column("repo"), r"^(?P<repository>.+)@(?P<commit>[^@]+)$")
        columns = {
            "content": batch.column("content"),
            "repository": parts.field("repository"),
            "commit": parts.field("commit"),
            "path": batch.column("path"),
            "language": batch.column("lang"),
        }
        yield conform(pa.RecordBatch.from_pydict(columns))


def _places(source: Source, ids: Mapping[tuple[str, str], int]) -> tuple[Place, ...]:
    """The source and the copies folded under it."""
    return tuple(
        Place(ids[f"{found.repository}@{found.commit}", found.path], found.start_line, found.end_line) for found in (source, *source.copies)
    )
