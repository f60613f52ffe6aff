"""What is asked? Snippets cut from the corpus and changed in seven ways (P0..P6), and snippets that are not in it (N).

    P0 exact    P1 re-indented    P2 P1 without comments    P3 renamed    P4 inside other code
    P5 every fifth line edited    P6 P3 without comments and strings, re-indented    N of other packages

The order of draws is part of the workload: the same seed and corpus give the same queries, text by text.

Not here: how a text is changed (`snippets`), how answers are judged (`measure`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.corpus import Corpus, Row, read_rows
from tests.bench.snippets import (
    every_fifth_line_edited,
    inside_other_code,
    n_solid_characters,
    reindent,
    renamed,
    without_comments,
    without_strings,
)
from tests.bench.windows import WINDOW_LINES, WindowTable, solid_lines

SEED = 20240607
SECOND_SEED = 20261109  # nothing was ever chosen by these queries
SETS = ("P0", "P1", "P2", "P3", "P4", "P5", "P6", "N")
MIN_NAMES = 5  # fewer than this and renaming changes too little to be a question of its own
MIN_SOLID_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `truth`: ids of all corpus files that hold the whole snippet; empty for N. Lines are the original's."""

    qid: int
    set: str
    base: int
    text: str
    repo: str
    path: str
    lang: str
    start: int
    end: int
    truth: list[int]
    changed: float


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some lines of one file, 1-based and inclusive."""

    row: Row
    text: str
    start: int
    end: int


def read_queries(path: Path) -> list[Query]:
    """The queries of a made workload, in the order they were drawn."""
    return [Query(**row) for row in pq.read_table(path).to_pylist()]


def make_queries(corpus: Corpus, n_bases: int, seed: int = SEED) -> Path:
    """Draws the queries and writes them beside the corpus, where they do not stand already."""
    target = corpus.folder / f"queries-{seed}.parquet"
    if not target.exists():
        queries = draw_queries(read_rows(corpus.files), read_rows(corpus.heldout), n_bases, seed)
        waiting = target.with_suffix(".part")
        pq.write_table(pa.Table.from_pylist([asdict(query) for query in queries]), waiting, compression="zstd")
        waiting.rename(target)
    return target


def draw_queries(rows: Sequence[Row], others: Sequence[Row], n_bases: int, seed: int) -> list[Query]:
    """`n_bases` snippets of `rows`, each in up to seven shapes, then as many of `others` that share no window with `rows`."""
    rng = random.Random(seed)
    rng_structure = random.Random(seed + 6)  # P6 has a stream of its own
    windows = WindowTable.build((row.id, row.content) for row in rows)
    sample = rng.sample(others, min(3000, len(others)))
    foreign_lines = [line for row in sample for line in row.content.split("\n") if len(line.strip()) > 10]
    queries: list[Query] = []
    base = 0
    while base < n_bases:
        snippet = _cut(rng.choice(rows), rng)
        if snippet is None:
            continue
        truth = windows.files_with_all(snippet.text)
        assert snippet.row.id in truth
        for variant in _variants(snippet, rng, rng_structure, foreign_lines, others):
            queries.append(_query(len(queries), base, variant, snippet, truth))
        base += 1
    return queries + _negatives(others, windows, n_bases, rng, len(queries))


def _negatives(others: Sequence[Row], windows: WindowTable, n_bases: int, rng: random.Random, first_qid: int) -> list[Query]:
    queries: list[Query] = []
    while len(queries) < n_bases:
        snippet = _cut(rng.choice(others), rng)
        if snippet is not None and not windows.holds_any(snippet.text):
            queries.append(_query(first_qid + len(queries), len(queries), ("N", snippet.text), snippet, []))
    return queries


def _cut(row: Row, rng: random.Random) -> Snippet | None:
    """5 to 40 lines anywhere in the file, or None where they are too short, too long or mostly blank."""
    lines = row.content.split("\n")
    n_lines = rng.randint(5, 40)
    if len(lines) < n_lines:
        return None
    first = rng.randint(0, len(lines) - n_lines)
    text = "\n".join(lines[first : first + n_lines])
    if not 200 <= len(text) <= 8000 or len(solid_lines(text)) < WINDOW_LINES:
        return None
    return Snippet(row, text, first + 1, first + n_lines)


def _variants(
    snippet: Snippet, rng: random.Random, rng_structure: random.Random, foreign_lines: Sequence[str], others: Sequence[Row]
) -> list[tuple[str, str]]:
    """(set, text) for every set that this snippet is fit for; draws are made for all of them."""
    text, language = snippet.text, snippet.row.lang
    variants = [("P0", text), ("P1", reindent(text, rng))]
    bare = reindent(without_comments(text, language), rng)
    if n_solid_characters(bare) >= MIN_SOLID_CHARACTERS:
        variants.append(("P2", bare))
    other_names, n_names = renamed(text, language, rng)
    if n_names >= MIN_NAMES:
        variants.append(("P3", other_names))
        structure = without_strings(without_comments(other_names, language), language)
        if n_solid_characters(structure) >= MIN_SOLID_CHARACTERS:
            variants.append(("P6", reindent(structure, rng_structure)))
    variants.append(("P4", inside_other_code(text, rng, lambda: rng.choice(others).content)))
    variants.append(("P5", every_fifth_line_edited(text, rng, foreign_lines)))
    return variants


def _query(qid: int, base: int, variant: tuple[str, str], snippet: Snippet, truth: list[int]) -> Query:
    name, text = variant
    original = set(solid_lines(snippet.text))
    lines = solid_lines(text)
    changed = round(sum(line not in original for line in lines) / max(1, len(lines)), 3)
    row = snippet.row
    return Query(qid, name, base, text, row.repo, row.path, row.lang, snippet.start, snippet.end, truth, changed)


def counts(queries: Sequence[Query]) -> dict[str, int]:
    """How many queries each set has, in the order of SETS."""
    found = Counter(query.set for query in queries)
    return {name: found[name] for name in SETS}
