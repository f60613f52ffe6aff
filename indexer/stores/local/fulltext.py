"""Which documents of a segment hold these words? One tantivy index beside each immutable segment.

tantivy keeps the postings and scores (BM25); words, parts and the query language are ours. No text is stored here. The
folder is written once; `files.json` names every file of it with size and checksum, so that a damaged folder is an error and
not a silent miss.

Fields: `words` (positions), `parts` (counts), `language license repository owner path` (whole values in lower case; a
repository also by the name after its slash), `path_words` (words and parts of the path), `doc` (the document's number).

Not here: the query language (`indexer.query`), its translation (`indexer.stores.local.fulltext_query`), checksums
(`indexer.stores.local.fulltext_files`), the documents' text (`indexer.segment`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, Query

from indexer.answers import FacetCount
from indexer.disk import disk_errors
from indexer.query.tree import FieldName, Node, restrict
from indexer.stores.local import fulltext_files
from indexer.stores.local.fulltext_query import to_query
from indexer.stores.local.sums import SummedFile
from indexer.text.tokens import tokenize
from indexer.text.words import WordStreams, analyze, lower

MAX_TOTAL = 10_000  # totals are exact up to here
MAX_FACET_VALUES = 100
FACETS: tuple[FieldName, ...] = ("language", "license", "owner")
_HEAP = 200_000_000
_LEAST_HEAP = 25_000_000  # for each thread; tantivy takes 15 MB
_KEYWORD = "wherefrom_keyword"  # the whole value, lower case


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of each document of a batch; all of one length."""

    language: Sequence[str | None]
    license: Sequence[Sequence[str] | None]
    repository: Sequence[str]
    owner: Sequence[str | None]
    path: Sequence[str]


@dataclass(frozen=True, slots=True)
class TextHits:
    """A page of hits, best first: (document number, score). `total` counts all of them, up to MAX_TOTAL."""

    total: int
    total_capped: bool
    hits: tuple[tuple[int, float], ...]
    facets: dict[str, tuple[FacetCount, ...]]


class FullTextWriter:
    """Builds the full-text index of one segment. Used by one thread; tantivy indexes in threads of its own, without the GIL."""

    def __init__(self, folder: Path, index: tantivy.Index, writer: tantivy.IndexWriter) -> None:
        self._folder = folder
        self._index = index
        self._writer = writer

    @classmethod
    def create(cls, folder: Path, *, heap_bytes: int = _HEAP, cores: int = 1) -> FullTextWriter:
        """Begins an index in a new or empty folder. `heap_bytes` bounds what waits in memory. Raises OutOfSpace.

        tantivy's share of building is less than half, so it gets half of the cores; the fewer threads share the heap, the larger
        are the pieces that they write, and the smaller are all together.
        """
        threads = max(1, min(cores // 2, heap_bytes // _LEAST_HEAP))
        folder.mkdir(parents=True, exist_ok=True)
        with disk_errors(folder):
            index = tantivy.Index(_schema(), str(folder), reuse=False)
            _register_keyword(index)
            return cls(folder, index, index.writer(heap_bytes, threads))

    def add_batch(self, documents: NDArray[np.integer[Any]] | Sequence[int], streams: WordStreams, columns: Columns) -> None:
        """Adds documents by number, with their words and parts and columns, all in the same order. Raises OutOfSpace."""
        paths = path_words(columns.path)
        with disk_errors(self._folder):
            for i, (words, parts) in enumerate(streams.texts()):
                document = tantivy.Document()
                document.add_unsigned("doc", int(documents[i]))
                document.add_text("words", words)
                document.add_text("parts", parts)
                document.add_text("path_words", paths[i])
                _add_columns(document, columns, i)
                self._writer.add_document(document)

    def finish(self) -> None:
        """Commits, waits for merges, writes the list of files and syncs it all to disk. The writer is used up. Raises OutOfSpace."""
        with disk_errors(self._folder):
            self._writer.commit()
            self._writer.wait_merging_threads()
        del self._writer, self._index
        fulltext_files.seal(self._folder)


def without(folder: Path, new: Path, documents: NDArray[np.int64]) -> None:
    """Makes `new` the full-text index of a segment less some documents, by number; `folder` stays as it is and shares its files.

    tantivy notes the removed documents in a bitmap, so that searching costs no more. Raises OutOfSpace, IndexCorrupt.
    """
    known = fulltext_files.share(folder, new)
    with fulltext_files.reading(folder), disk_errors(new):
        index = tantivy.Index.open(str(new))
        _register_keyword(index)
        writer = index.writer(_LEAST_HEAP, 1)
        writer.delete_documents_by_query(Query.term_set_query(index.schema, "doc", documents.tolist()))
        writer.commit()
        writer.wait_merging_threads()
    del writer, index
    fulltext_files.seal(new, {name: entry for name, entry in known.items() if (new / name).is_file()})


class FullText:
    """The full-text index of one segment, open for reading from any thread."""

    def __init__(self, folder: Path, files: tuple[SummedFile, ...], schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self.files = files
        self._folder = folder
        self._schema = schema
        self._searcher = searcher

    @classmethod
    def open(cls, folder: Path) -> FullText:
        """Opens what FullTextWriter finished. Maps the files: O(1). Raises IndexCorrupt where one is missing or cut."""
        files = fulltext_files.opened(folder)
        with fulltext_files.lockable(folder) as readable, fulltext_files.reading(folder):
            index = tantivy.Index.open(str(readable))
            index.config_reader("manual")  # the folder never changes
            return cls(folder, files, index.schema, index.searcher())

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def search(
        self,
        tree: Node,
        *,
        limit: int = 10,
        offset: int = 0,
        filters: Mapping[FieldName, Sequence[str]] | None = None,
        without: Sequence[int] = (),
        facets: Sequence[FieldName] = (),
    ) -> TextHits:
        """Documents that the tree finds, ranked; ties by place in the index. Raises IndexCorrupt.

        The first search reads every file once and compares its checksum, about a second a gigabyte.

        `filters`: in each field one of its values. `without`: documents by number that count as gone. `facets` (of FACETS):
        fields whose 100 commonest values are counted over all documents found. Linear in the documents found.
        Where `has_literals(tree)`, hits and counts may hold documents that only the text can rule out.
        """
        for file in self.files:
            file.content()
        query = to_query(restrict(tree, filters or {}), self._schema)
        if len(without):
            gone = Query.term_set_query(self._schema, "doc", [int(document) for document in without])
            query = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, gone)])
        most = max(1, len(self))  # tantivy reserves memory for as many hits as are asked for
        with fulltext_files.reading(self._folder):
            result = self._searcher.search(query, max(1, min(limit, most)), count=True, offset=min(offset, most))
            total = int(result.count)  # type: ignore[attr-defined]  # tantivy's stubs lack it
            found = result.hits[:limit]
            documents = self._searcher.fast_field_values("doc", [address for _, address in found]) if found else []
            hits = tuple((int(document or 0), float(score)) for document, (score, _) in zip(documents, found, strict=True))
            return TextHits(min(total, MAX_TOTAL), total > MAX_TOTAL, hits, self._count(query, facets))

    def _count(self, query: Query, facets: Sequence[FieldName]) -> dict[str, tuple[FacetCount, ...]]:
        if not facets:
            return {}
        wanted = {name: {"terms": {"field": name, "size": MAX_FACET_VALUES}} for name in facets}
        answer = self._searcher.aggregate(query, wanted)
        return {name: tuple(FacetCount(b["key"], b["doc_count"]) for b in answer[name]["buckets"]) for name in facets}

    def verify(self) -> list[str]:
        """Reads every byte and compares it with the list of files; each problem as a sentence, none for a sound index."""
        return [problem for file in self.files if (problem := file.problem())]


def _schema() -> tantivy.Schema:
    # On disk: a change here needs a new version in `fulltext_files`.
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("doc", indexed=True, fast=True)
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("parts", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("path_words", tokenizer_name="whitespace", index_option="position")
    for name in ("language", "license", "repository", "owner", "path"):
        builder.add_text_field(name, tokenizer_name=_KEYWORD, index_option="basic", fast=name in FACETS)
    return builder.build()


def _register_keyword(index: tantivy.Index) -> None:
    """The whole value as one term: searched in lower case, counted in facets as it was written."""
    whole = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    index.register_fast_field_tokenizer(_KEYWORD, whole.build())
    searched = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).filter(tantivy.Filter.lowercase())
    index.register_tokenizer(_KEYWORD, searched.build())


def _add_columns(document: tantivy.Document, columns: Columns, i: int) -> None:
    repository = columns.repository[i]
    for name in dict.fromkeys((repository, repository.rpartition("/")[2])):
        document.add_text("repository", name)
    for spdx_id in columns.license[i] or ():
        document.add_text("license", spdx_id)
    for field, value in (("language", columns.language[i]), ("owner", columns.owner[i]), ("path", columns.path[i])):
        if value is not None:
            document.add_text(field, value)


def path_words(paths: Sequence[str]) -> list[str]:
    """Words of each path in a row, then their parts, for the field of that name."""
    encoded = [path.encode("utf-8", "replace") for path in paths]
    offsets = np.zeros(len(paths) + 1, np.int64)
    np.cumsum([len(path) for path in encoded], out=offsets[1:])
    streams = analyze(tokenize(np.frombuffer(b"".join(encoded), np.uint8), offsets))
    return [lower(words + parts) for words, parts in streams.texts()]
