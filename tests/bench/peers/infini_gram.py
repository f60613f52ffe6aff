"""How well does a suffix array find code? infini-gram (PyPI `infini-gram`): whole texts by `find`, longest spans by `attribute`.

It indexes numbers, and its documentation leaves it to its user how text becomes numbers; the tokenizers of language models that it
names must be downloaded. Here a token is a word or one other character, white space dropped, and its number a hash of 16 bits: the
width that is the package's default, and one that lets re-indented code match, which a language model's tokens would not. Two
tokens share a number once in 65,534 times, a run of several hardly ever. Bytes, its other offline choice, make a larger index and
slower answers.

Settings are those of the package's own script for attribution: no prefetching, every span reported; the index is held in memory,
its faster way. Spans have at least five tokens. A file's rank is the sum of the spans that it holds, of the first places of each.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from infini_gram.engine import InfiniGramEngine
from xxhash import xxh32_intdigest

from tests.bench.corpus import Corpus
from tests.bench.engine import Found, Place, Question

TOP = 10
END = 2**16 - 2  # the number that no token has; the package separates documents by 2**16 - 1
SEPARATOR = b"\xff\xff"
MIN_SPAN = 5  # tokens; shorter ones are everywhere
MOST_COUNTED = 1_000_000  # occurrences of a span
SPANS_RANKED = 20
PLACES_A_SPAN = 10
_TOKEN = re.compile(r"\w+|[^\w\s]")
# The index is a folder of these; the corpus number of a document is its place in it.
_TOKENS, _OFFSETS = "tokenized.0", "offset.0"


class InfiniGram:
    """One shard, built by the package's own program."""

    name = "infini-gram"

    def build(self, corpus: Corpus, folder: Path) -> None:
        """Writes the numbers as the package's first step would, which without a language model's tokenizer it leaves to us; its
        second step makes the suffix array of them."""
        offset = 0
        with (folder / _TOKENS).open("wb") as tokens, (folder / _OFFSETS).open("wb") as offsets:
            for batch in corpus.batches(["id", "content"]):
                for content in batch.column("content").to_pylist():
                    data = SEPARATOR + np.array(numbers(content), "<u2").tobytes()
                    tokens.write(data)
                    offsets.write(np.uint64(offset).tobytes())
                    offset += len(data)
        _make_suffix_array(folder)

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """The whole text, and every maximal span of it."""
        engine = InfiniGramEngine(
            str(folder),
            eos_token_id=END,
            vocab_size=END + 1,
            load_to_ram=True,
            ds_prefetch_depth=0,
            sa_prefetch_depth=0,
            od_prefetch_depth=0,
        )
        return {
            "infini-gram attribute": Question(lambda text: _by_spans(engine, numbers(text)), names_files=True),
            "infini-gram find, whole text": Question(lambda text: _whole(engine, numbers(text)), names_files=True),
        }


def numbers(text: str) -> list[int]:
    """A number for each token. "f(x)" -> four of them"""
    return [xxh32_intdigest(token.encode("utf-8", "surrogatepass")) % END for token in _TOKEN.findall(text)]


def _make_suffix_array(folder: Path) -> None:
    raw = folder / "raw"
    raw.mkdir()
    options = {"data_dir": raw, "save_dir": folder, "token_dtype": "u16", "cpus": os.cpu_count(), "mem": 4, "ulimit": 1024}
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "infini_gram.indexing", *arguments], check=True, stdout=sys.stderr)
    for left in (raw, *folder.glob("parts-*"), *folder.glob("merged-*")):
        with contextlib.suppress(FileNotFoundError):
            left.rmdir()


def _by_spans(engine: Any, text: list[int]) -> Found:
    """Score: tokens of the longest span."""
    spans = sorted(engine.attribute(text, [], MIN_SPAN, MOST_COUNTED, False)["spans"], key=lambda span: -span["length"])
    votes: Counter[int] = Counter()
    for span in spans[:SPANS_RANKED]:
        for number in {_document(engine.get_doc_by_ptr(place["s"], place["ptr"], 1)) for place in span["docs"][:PLACES_A_SPAN]}:
            votes[number] += span["length"]
    return Found(spans[0]["length"] if spans else 0, _ranked(number for number, _ in votes.most_common(TOP)))


def _whole(engine: Any, text: list[int]) -> Found:
    """Score: 1 where the whole text stands in the corpus, else 0."""
    ((first, last),) = engine.find(text)["segment_by_shard"]
    files = dict.fromkeys(_document(engine.get_doc_by_rank(0, rank, 1)) for rank in range(first, min(last, first + TOP)))
    return Found(float(last > first), _ranked(files))


def _document(answer: dict[str, Any]) -> int:
    number: int = answer["doc_ix"]
    return number


def _ranked(files: Iterable[int]) -> tuple[tuple[Place, ...], ...]:
    return tuple((Place(number),) for number in files)
