"""Which files hold a problem of a benchmark?

A text (prompt, solution, or both as one program) is found in a file by what they share within a stretch of the file:

- `exact`: runs of 8 tokens and more, weighed by how rare their tokens are, whatever the formatting and the case;
- `renamed`: runs of 16 tokens and more of the renamed stream, names changed one to one, weighed by how many differ;
- `substring`: the text as a whole, in any case, as BigCode did;
- `whole`: a text of fewer than 20 tokens, all of it, where it is rare or its function's name stands close by.

Not here: reading benchmarks (`curation.benchmark_problems`), what runs weigh (`curation.benchmark_grams`), how rare tokens are
(`curation.token_rarity`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.benchmark_grams import EVERY_RENAMED, Grams, Hits, Streams, streams_of
from curation.benchmark_problems import FieldNames, Problem, read_problems
from curation.token_rarity import bits
from indexer.attribution.offset_kernels import line_starts
from indexer.errors import InputError
from indexer.segment.prepare import text_of

PART_BYTES = 4_000_000  # of text
SHORT_TOKENS = 20  # below this many a text is matched whole


@dataclass(frozen=True, slots=True)
class DecontaminationSettings:
    """When a file counts as holding a problem. The defaults are measured: tests/bench/results/decontamination.md."""

    min_bits: float = 40.0  # of a text's rarity found: enough by itself
    min_share: float = 0.8  # of a text's rarity found: enough with min_share_bits
    min_share_bits: float = 15.0
    min_renamed_grams: int = 28  # of 16 tokens that differ from each other: enough with min_renamed_share
    min_renamed_share: float = 0.25
    min_small_renamed_grams: int = 12  # of a text that is found nearly whole: enough with min_small_renamed_share
    min_small_renamed_share: float = 0.7
    min_whole_bits: float = 16.0  # of a short text that stands alone
    min_named_bits: float = 4.0  # of one near its function's name; what is more common than that is never looked for
    entry_point_tokens: int = 300  # how far before a short text its function's name may stand


@dataclass(frozen=True, slots=True)
class Match:
    """Why a file is left out. `field` is prompt, solution or problem (both); `method` as above; `score` the share of it that was
    found, 1 for all; lines are 1-based and inclusive."""

    benchmark: str
    task_id: str
    field: str
    method: str
    start_line: int
    end_line: int
    score: float

    def __str__(self) -> str:
        where = f"{self.start_line} to {self.end_line}"
        return f"{self.benchmark} {self.task_id}: {self.score:.0%} of its {self.field} ({self.method}) in lines {where}"


@dataclass(frozen=True, slots=True)
class BenchmarkText:
    """One text to look for; `entry_point` is the hash of its function's name in lower case, 0 for none."""

    benchmark: str
    task_id: str
    field: str
    lower: bytes
    entry_point: int


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """The texts of some benchmarks, ready to be looked for; crosses to other processes. `anchors` maps the hash of a short text's
    rarest token to the texts' numbers and to where in them it stands."""

    texts: tuple[BenchmarkText, ...]
    token_offsets: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    exact: Grams
    renamed: Grams
    anchors: dict[int, tuple[tuple[int, int], ...]]

    @classmethod
    def read(cls, paths: Iterable[str | Path], names: FieldNames | None = None) -> Benchmarks:
        """The benchmarks of some JSON Lines files, plain or gzip. Raises InputError with file and line, or where there is no problem."""
        given = [Path(path) for path in paths]
        problems = [problem for path in given for problem in read_problems(path, names or FieldNames())]
        if not problems:
            raise InputError(f"{', '.join(map(str, given)) or 'no benchmark'}: no problem in it; a benchmark has one JSON object a line")
        named = list(_texts(problems))
        streams = _streams([text.encode("utf-8", "surrogatepass") for _, _, text in named])
        names_of = _hashes_of([problem.entry_point for problem, _, _ in named])
        texts = tuple(
            BenchmarkText(problem.benchmark, problem.task_id, field, text.strip().encode("utf-8", "surrogatepass").lower(), name)
            for (problem, field, text), name in zip(named, names_of, strict=True)
        )
        tokens = streams.tokens
        anchors = _anchors(tokens.token_offsets, tokens.hashes)
        numbers = {id(problem): number for number, problem in enumerate(problems)}
        owners = np.array([numbers[id(problem)] for problem, _, _ in named])
        return cls(texts, tokens.token_offsets, tokens.hashes, Grams.exact(streams, owners), Grams.renamed(streams, owners), anchors)

    def tokens(self, text: int) -> int:
        """How many tokens a text has."""
        return int(self.token_offsets[text + 1] - self.token_offsets[text])


def benchmark_matches(batch: pa.RecordBatch, benchmarks: Benchmarks, settings: DecontaminationSettings | None = None) -> list[Match | None]:
    """For each row of FILES_SCHEMA the problem that it holds most of, None where it holds none.

    About 25 MB/s, and memory of some 70 times the PART_BYTES of text that are looked at together, or of the largest file.
    """
    chosen = settings or DecontaminationSettings()
    data, offsets = text_of(batch.column("content"))
    found: list[Match | None] = [None] * batch.num_rows
    begin = 0
    while begin < batch.num_rows:
        end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + PART_BYTES, "right")) - 1)
        streams = streams_of(data[offsets[begin] : offsets[end]], offsets[begin : end + 1] - offsets[begin])
        for file, match in (*_by_runs(streams, benchmarks, chosen), *_by_whole_texts(streams, benchmarks, chosen)):
            best = found[begin + file]
            if best is None or match.score > best.score:
                found[begin + file] = match
        begin = end
    return found


def report_rows(batch: pa.RecordBatch, matches: Sequence[Match | None]) -> list[dict[str, Any]]:
    """What matched, one row a file that is left out: which file it is and every field of its match. No code goes into it."""
    rows = batch.select(["repository", "path", "content_id"]).to_pylist()
    told = [(row, match) for row, match in zip(rows, matches, strict=True) if match is not None]
    return [row | {name: getattr(match, name) for name in Match.__slots__} for row, match in told]


def _texts(problems: Iterable[Problem]) -> Iterator[tuple[Problem, str, str]]:
    for problem in problems:
        if problem.prompt:
            yield problem, "prompt", problem.prompt
        for solution in problem.solutions:
            yield problem, "solution", solution
        if problem.prompt and problem.solutions:
            yield problem, "problem", f"{problem.prompt}\n{problem.solutions[0]}"


def _streams(texts: Sequence[bytes]) -> Streams:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return streams_of(np.frombuffer(b"".join(texts), np.uint8), offsets)


def _hashes_of(names: Sequence[str]) -> list[int]:
    tokens = _streams([name.encode("utf-8", "surrogatepass") for name in names]).tokens
    firsts, counts = tokens.token_offsets[:-1], np.diff(tokens.token_offsets)
    return [int(tokens.hashes[first]) if count == 1 else 0 for first, count in zip(firsts, counts, strict=True)]


def _anchors(offsets: NDArray[np.int64], hashes: NDArray[np.uint64]) -> dict[int, tuple[tuple[int, int], ...]]:
    anchors: dict[int, tuple[tuple[int, int], ...]] = {}
    for text, (begin, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        if 0 < end - begin < SHORT_TOKENS:
            at = int(bits(hashes[begin:end]).argmax())
            token = int(hashes[begin + at])
            anchors[token] = (*anchors.get(token, ()), (text, at))
    return anchors


def _by_runs(streams: Streams, benchmarks: Benchmarks, settings: DecontaminationSettings) -> Iterator[tuple[int, Match]]:
    for method, grams, hits in (
        ("exact", benchmarks.exact, benchmarks.exact.hits(streams.exact)),
        ("renamed", benchmarks.renamed, benchmarks.renamed.hits(streams.renamed)),
    ):
        for file, text, in_file in zip(*(column.tolist() for column in grams.strengths(hits)), strict=True):
            if benchmarks.tokens(text) < SHORT_TOKENS or not _may_match(method, in_file, float(grams.totals[text]), settings):
                continue
            near, weight = _stretch(grams, text, grams.hits_in(text, hits.of_file(file)), benchmarks.tokens(text))
            share = weight / float(grams.totals[text])
            told = _method(method, weight, share, streams, file, benchmarks.texts[text], settings)
            if told:
                last = int(near.at.max()) + (grams.span if method == "exact" else EVERY_RENAMED.k) - 1
                yield file, _match(benchmarks.texts[text], told, streams, file, int(near.at.min()), last, share)


def _may_match(method: str, weight: float, total: float, settings: DecontaminationSettings) -> bool:
    """A stretch of a file holds no more than the file; what may be a substring is looked at, however common."""
    if method == "renamed":
        return _is_renamed(weight, weight / total, settings)
    return weight >= min(settings.min_bits, settings.min_share * total)


def _is_renamed(weight: float, share: float, settings: DecontaminationSettings) -> bool:
    is_long = weight >= settings.min_renamed_grams and share >= settings.min_renamed_share
    return is_long or (weight >= settings.min_small_renamed_grams and share >= settings.min_small_renamed_share)


def _method(
    method: str, weight: float, share: float, streams: Streams, file: int, text: BenchmarkText, settings: DecontaminationSettings
) -> str | None:
    """By which method the stretch counts, None where it does not."""
    if method == "renamed":
        return method if _is_renamed(weight, share, settings) else None
    if weight >= settings.min_bits or (share >= settings.min_share and weight >= settings.min_share_bits):
        return method
    begin, end = streams.tokens.offsets[file : file + 2]
    return "substring" if text.lower in streams.tokens.data[begin:end].tobytes() else None


def _stretch(grams: Grams, text: int, hits: Hits, n_tokens: int) -> tuple[Hits, float]:
    """The hits that stand together, none further than the text is long from the next, which hold most of it, and what they weigh."""
    cuts = np.flatnonzero(np.diff(hits.at) > n_tokens) + 1
    best, most = hits, -1.0
    for begin, end in zip([0, *cuts], [*cuts, len(hits.at)], strict=True):
        part = hits.take(np.arange(begin, end))
        _, texts, weights = grams.strengths(part)
        weight = float(weights[texts == text].sum())
        if weight > most:
            best, most = part, weight
    return best, most


def _by_whole_texts(streams: Streams, benchmarks: Benchmarks, settings: DecontaminationSettings) -> Iterator[tuple[int, Match]]:
    offsets, hashes = streams.tokens.token_offsets, streams.tokens.hashes
    names = {benchmarks.texts[number].entry_point for places in benchmarks.anchors.values() for number, _ in places}
    near = _places_of({*benchmarks.anchors, *names}, hashes)
    told = hashes[near]
    for token in np.unique(told).tolist():
        places = near[told == token]
        for number, at in benchmarks.anchors.get(token, ()):
            text = benchmarks.texts[number]
            wanted = benchmarks.hashes[slice(*benchmarks.token_offsets[number : number + 2])]
            weight = bits(np.unique(wanted)).sum()
            if weight < settings.min_named_bits:
                continue
            begins = _starts(offsets, hashes, places - at, wanted)
            if weight < settings.min_whole_bits:
                begins = _named(offsets, begins, near[told == np.uint64(text.entry_point)], settings.entry_point_tokens)
            files = np.searchsorted(offsets, begins, "right") - 1
            for file, first in zip(*np.unique(files, return_index=True), strict=True):  # the first place in each file
                begin = int(begins[first])
                yield int(file), _match(text, "whole", streams, int(file), begin, begin + len(wanted) - 1, 1.0)


def _places_of(tokens: set[int], hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where one of some tokens stands."""
    wanted = np.array(sorted(tokens), np.uint64)
    prefilter = np.zeros(1 << 16, np.bool_)
    prefilter[(wanted & np.uint64(0xFFFF)).astype(np.int64)] = True
    near = np.flatnonzero(prefilter[(hashes & np.uint64(0xFFFF)).astype(np.int64)])
    return near[np.isin(hashes[near], wanted)]


def _named(offsets: NDArray[np.int64], begins: NDArray[np.int64], names: NDArray[np.int64], n_tokens: int) -> NDArray[np.int64]:
    """Those of `begins` with a name at most so many tokens before, in the same file."""
    if not len(names):
        return begins[:0]
    before = np.searchsorted(names, begins) - 1
    first = np.maximum(offsets[np.searchsorted(offsets, begins, "right") - 1], begins - n_tokens)
    named: NDArray[np.int64] = begins[(before >= 0) & (names[before.clip(min=0)] >= first)]
    return named


def _starts(
    offsets: NDArray[np.int64], hashes: NDArray[np.uint64], begins: NDArray[np.int64], wanted: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Those of `begins` where all the wanted tokens follow each other within one file."""
    begins = begins[(begins >= 0) & (begins + len(wanted) <= len(hashes))]
    for i, token in enumerate(wanted):
        begins = begins[hashes[begins + i] == token]
    ends = offsets[np.searchsorted(offsets, begins, "right").clip(max=len(offsets) - 1)]
    found: NDArray[np.int64] = begins[begins + len(wanted) <= ends]
    return found


def _match(text: BenchmarkText, method: str, streams: Streams, file: int, first: int, last: int, share: float) -> Match:
    """The match between two tokens of the batch, both inclusive."""
    tokens = streams.tokens
    begin, end = tokens.offsets[file : file + 2]
    last = min(last, int(tokens.token_offsets[file + 1]) - 1)
    bytes_in_file = np.array([tokens.starts[first], tokens.ends[last] - 1]) - begin
    start_line, end_line = np.searchsorted(line_starts(tokens.data[begin:end]), bytes_in_file, "right").tolist()
    return Match(text.benchmark, text.task_id, text.field, method, start_line, end_line, round(share, 3))
