"""How does Wherefrom itself do? Its own build and its two questions, behind the methods that every peer has too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from indexer.answers import Attribution, Source
from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index
from indexer.text.keywords import KEYWORDS
from tests.bench.corpus import Corpus
from tests.bench.engine import Checked, Found, Place, Question, ids_by_place
from tests.reference import evidence

TOP = 10


@dataclass(frozen=True, slots=True)
class Wherefrom:
    """A folder index: fingerprints, filter and documents; with `full_text` the search index too."""

    name: str
    full_text: bool

    def build(self, corpus: Corpus, folder: Path) -> None:
        """As `wherefrom index` does it, on all cores."""
        location, batches = str(folder / "corpus.index"), release_batches(corpus)
        build_index(location, batches, name="bench", version="1", date="2024-06-07", full_text=self.full_text)

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """Attribution by its score, membership by its longest run. Asked of one of the two builds: full text takes no part in either."""
        if self.full_text:
            return {}
        index = Index.open(str(folder / "corpus.index"))
        ids = ids_by_place(corpus)
        contents = cache(lambda: _contents(corpus))  # read by a check only

        def check(text: str) -> Checked:
            answer = index.attribute(text, limit=TOP)
            return _compared(answer, text, ids, contents())

        return {
            "Wherefrom attribution": Question(lambda text: _found(index.attribute(text, limit=TOP), ids), names_files=True, check=check),
            "Wherefrom membership": Question(lambda text: Found(float(index.membership(text).longest_run)), names_files=False),
        }


def index_parts(folder: Path) -> dict[str, int]:
    """Bytes of the index that was built in `folder`, by what they are for."""
    with Index.open(str(folder / "corpus.index")) as index:
        parts: dict[str, int] = index.describe()["parts"]
    return {name: size for name, size in parts.items() if size}


def release_batches(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    """The corpus in the columns of a release."""
    return map(as_release, corpus.batches())


def as_release(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of a corpus in the columns of a release; a package's version is its commit."""
    parts = pc.extract_regex(batch.column("repo"), r"^(?P<repository>.+)@(?P<commit>[^@]+)$")
    columns = {
        "content": batch.column("content"),
        "repository": parts.field("repository"),
        "commit": parts.field("commit"),
        "path": batch.column("path"),
        "language": batch.column("lang"),
    }
    return conform(pa.RecordBatch.from_pydict(columns))


def _contents(corpus: Corpus) -> Callable[[int], str]:
    """The text of each file by its number, held as Arrow columns."""
    column = pq.read_table(corpus.files, columns=["content"]).column("content")
    return lambda number: str(column[number].as_py())


def _compared(answer: Attribution, text: str, ids: Mapping[tuple[str, str], int], content: Callable[[int], str]) -> Checked:
    """The answer beside the corpus's own texts, token by token, by the plain definitions of tests/reference."""
    named = [place for source in answer.sources for place in (source, *source.copies)]
    texts = {place.document_id: content(_number(place, ids)) for place in named}
    claims = sum(1 for _ in evidence.claims(answer))
    return Checked(_found(answer, ids), claims, tuple(evidence.faults(answer, text, texts, frozenset(KEYWORDS))))


def _found(answer: Attribution, ids: Mapping[tuple[str, str], int]) -> Found:
    return Found(answer.score, tuple(_places(source, ids) for source in answer.sources))


def _number(place: Source, ids: Mapping[tuple[str, str], int]) -> int:
    return ids[f"{place.repository}@{place.commit}", place.path]


def _places(source: Source, ids: Mapping[tuple[str, str], int]) -> tuple[Place, ...]:
    """The source and the copies folded under it."""
    return tuple(Place(_number(place, ids), place.start_line, place.end_line) for place in (source, *source.copies))
