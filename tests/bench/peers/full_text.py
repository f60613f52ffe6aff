"""How well does full-text search find code? tantivy over all words: BM25 of the words, and five phrases of eight words.

The text itself is not stored, so that sizes compare with an index alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import tantivy

from tests.bench.corpus import Corpus
from tests.bench.engine import Found, Place, Question

MAX_WORDS = 400
N_PHRASES = 5
PHRASE_WORDS = 8
TOP = 10
_WORD = re.compile(r"[A-Za-z0-9_]+")
_MAX_WORD_LENGTH = 100


class FullText:
    """One tantivy index with positions, written by one thread."""

    name = "tantivy"

    def build(self, corpus: Corpus, folder: Path) -> None:
        """Adds every file and waits for the merges."""
        index = tantivy.Index(_schema(), path=str(folder))
        index.register_tokenizer("code", _analyzer())
        writer = index.writer(heap_size=500_000_000, num_threads=1)
        for batch in corpus.batches():
            for number, content in zip(batch.column("id").to_pylist(), batch.column("content").to_pylist(), strict=True):
                writer.add_document(tantivy.Document(id=number, body=content))
        writer.commit()
        writer.wait_merging_threads()

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """BM25 over the distinct words, and evenly spaced phrases."""
        index = tantivy.Index.open(str(folder))
        index.register_tokenizer("code", _analyzer())
        searcher, schema = index.searcher(), index.schema
        return {
            "tantivy BM25, all words": Question(lambda text: _by_words(searcher, schema, text), names_files=True),
            "tantivy, 5 phrases": Question(lambda text: _by_phrases(searcher, schema, text), names_files=True),
        }


def _schema() -> tantivy.Schema:
    schema = tantivy.SchemaBuilder()
    schema.add_integer_field("id", stored=True, indexed=True, fast=True)
    schema.add_text_field("body", stored=False, tokenizer_name="code", index_option="position")
    return schema.build()


def _analyzer() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_WORD.pattern))
    return builder.filter(tantivy.Filter.remove_long(_MAX_WORD_LENGTH)).filter(tantivy.Filter.lowercase()).build()


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if len(word) <= _MAX_WORD_LENGTH]


def _by_words(searcher: tantivy.Searcher, schema: tantivy.Schema, text: str) -> Found:
    """Score: BM25 a distinct word, so that long texts do not win by length."""
    words = list(dict.fromkeys(_words(text)))[:MAX_WORDS]
    terms = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, "body", word, "freq")) for word in words]
    return _answer(searcher, tantivy.Query.boolean_query(terms), max(1, len(words)))


def _by_phrases(searcher: tantivy.Searcher, schema: tantivy.Schema, text: str) -> Found:
    """Score: how many of the phrases meet in one file."""
    words = _words(text)
    if len(words) < 2:
        return Found(0.0, ())  # a phrase takes two
    length = min(PHRASE_WORDS, len(words))
    starts = sorted({int(number * (len(words) - length) / (N_PHRASES - 1)) for number in range(N_PHRASES)})
    phrases = [tantivy.Query.phrase_query(schema, "body", list(words[start : start + length])) for start in starts]
    scored = [(tantivy.Occur.Should, tantivy.Query.const_score_query(phrase, 1.0)) for phrase in phrases]
    return _answer(searcher, tantivy.Query.boolean_query(scored), 1)


def _answer(searcher: tantivy.Searcher, query: tantivy.Query, divisor: int) -> Found:
    hits = searcher.search(query, TOP, count=False).hits
    ranked = tuple((Place(searcher.doc(address)["id"][0]),) for _, address in hits)
    return Found(hits[0][0] / divisor if hits else 0.0, ranked)
