"""Is every planted problem of a benchmark found, and how many innocent files are dropped? `python -m tests.bench.decontamination FILE`.

FILE is a benchmark as JSON Lines, such as HumanEval.jsonl.gz. Each problem is planted into a real file, as it is and changed; then
6,000 other real files are looked through. One half of the workload's corpus, by digest, made the table of token frequencies
(`--frequencies` makes it anew); everything here is the other half.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.benchmark_grams import LOWER
from curation.benchmark_problems import FieldNames, Problem, read_problems
from curation.decontamination import Benchmarks, Match, benchmark_matches
from curation.token_rarity import TABLE
from indexer.corpus import conform
from indexer.text.tokens import tokenize
from tests.bench.corpus import Corpus, console, make_corpus
from tests.bench.languages import IDENTIFIER, KEYWORDS
from tests.bench.parts import commit
from tests.bench.place import data_folder
from tests.bench.report import circumstances, table
from tests.bench.snippets import reindent, renamed

RESULTS = Path(__file__).with_name("results") / "decontamination.md"
N_INNOCENT = 6_000
N_FREQUENCIES = 3_000
_BATCH_ROWS = 256


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decontamination", description=__doc__)
    parser.add_argument("benchmark", type=Path, help="JSON Lines, plain or gzip")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where the workload's corpus is kept (%(default)s)")
    parser.add_argument("--frequencies", action="store_true", help="write the table of token frequencies first")
    options = parser.parse_args()
    corpus = make_corpus(options.data / "full", options.data / "downloads", quick=False)
    if options.frequencies:
        write_frequencies(corpus)
    text = run(options.benchmark, corpus)
    print(text)
    RESULTS.write_text(text, "utf-8")
    console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


def write_frequencies(corpus: Corpus) -> None:
    """Counts in how many files of one half each token stands, in lower case, and writes the most common."""
    counts: Counter[int] = Counter()
    words: dict[int, str] = {}
    n_files = 0
    for row in half(corpus, 0).to_pylist():
        tokens = tokenize(LOWER[np.frombuffer(row["content"].encode(), np.uint8)])
        n_files += 1
        for value, place in zip(*(found.tolist() for found in np.unique(tokens.hashes, return_index=True)), strict=True):
            counts[value] += 1
            words.setdefault(value, tokens.text(place))
    common = [(word, count) for value, count in counts.most_common() if (word := words[value]).isascii() and word.isprintable()]
    lines = (f"{word}\t{count}\n" for word, count in common[:N_FREQUENCIES])
    TABLE.write_text(f"{n_files}\n{''.join(lines)}", "utf-8")


def run(benchmark: Path, corpus: Corpus) -> str:
    """Plants, looks, and gives the report."""
    names = FieldNames()
    problems = list(read_problems(benchmark, names))
    benchmarks = Benchmarks.read([benchmark], names)
    files = half(corpus, 1)
    rng = random.Random(20261123)
    python = np.flatnonzero(pc.equal(files.column("lang"), "Python").to_numpy())
    innocent = files.take(sorted(rng.sample(python.tolist(), N_INNOCENT // 2)))
    others = sorted(set(range(files.num_rows)) - set(python.tolist()))
    innocent = pa.concat_tables([innocent, files.take(sorted(rng.sample(others, N_INNOCENT // 2)))])
    matched([files.slice(0, 5).column("content")[0].as_py()], benchmarks)  # compiles the kernels
    planted = [plant(name, change, problems, innocent, benchmarks) for name, change in CHANGES.items()]
    return report(benchmark, problems, corpus, planted, *dropped(innocent, benchmarks))


def half(corpus: Corpus, which: int) -> pa.Table:
    """The files whose digest is even (0) or odd (1)."""
    whole = pq.read_table(corpus.files, columns=["repo", "path", "lang", "sha1", "content"])
    return whole.filter(pa.array([int(digest[0], 16) % 2 == which for digest in whole.column("sha1").to_pylist()]))


def matched(contents: Sequence[str], benchmarks: Benchmarks) -> list[Match | None]:
    """The match of each content."""
    found: list[Match | None] = []
    for begin in range(0, len(contents), _BATCH_ROWS):
        part = contents[begin : begin + _BATCH_ROWS]
        columns = {"content": pa.array(part, pa.large_string()), "repository": ["o/n"] * len(part), "path": ["a"] * len(part)}
        found += benchmark_matches(conform(pa.RecordBatch.from_pydict(columns)), benchmarks)
    return found


def _whole(problem: Problem) -> str:
    return f"{problem.prompt}{problem.solutions[0]}" if problem.solutions else problem.prompt


def _every_word_renamed(text: str, rng: random.Random) -> str:
    """Every word that is no keyword gets another name, in prose too."""
    names: dict[str, str] = {}

    def new_name(word: str) -> str:
        return word if word in KEYWORDS else names.setdefault(word, f"n{rng.randrange(36**4)}_{len(names)}")

    return IDENTIFIER.sub(lambda word: new_name(word[0]), text)


CHANGES: dict[str, Callable[[Problem, random.Random], str]] = {
    "as it is": lambda problem, _: _whole(problem),
    "reformatted": lambda problem, rng: reindent(_whole(problem), rng),
    "in capitals": lambda problem, _: _whole(problem).upper(),
    "names of the code changed": lambda problem, rng: renamed(_whole(problem), "Python", rng)[0],
    "names of the code changed, reformatted": lambda problem, rng: reindent(renamed(_whole(problem), "Python", rng)[0], rng),
    "every word changed, prose too, reformatted": lambda problem, rng: reindent(_every_word_renamed(_whole(problem), rng), rng),
    "the prompt alone": lambda problem, _: problem.prompt,
    "the solution alone": lambda problem, _: problem.solutions[0] if problem.solutions else "",
    "the solution alone, names changed": lambda problem, rng: renamed(problem.solutions[0], "Python", rng)[0] if problem.solutions else "",
}


def plant(
    name: str, change: Callable[[Problem, random.Random], str], problems: Sequence[Problem], hosts: pa.Table, benchmarks: Benchmarks
) -> tuple[str, list[str], Counter[str]]:
    """The change, the tasks of which no line was found, and how many were found by which method."""
    rng = random.Random(7)
    texts, places = [], []
    for problem in problems:
        changed = change(problem, rng)
        lines = hosts.column("content")[rng.randrange(hosts.num_rows)].as_py().split("\n")
        place = rng.randint(0, len(lines))
        texts.append("\n".join([*lines[:place], changed, *lines[place:]]))
        places.append((place + 1, place + 1 + changed.count("\n")))
    found = matched(texts, benchmarks)
    told = [
        match if match and match.start_line <= last and match.end_line >= first else None
        for match, (first, last) in zip(found, places, strict=True)
    ]
    missed = [problem.task_id for problem, match in zip(problems, told, strict=True) if match is None]
    return name, missed, Counter(match.method for match in told if match)


def dropped(files: pa.Table, benchmarks: Benchmarks) -> tuple[float, float, list[tuple[str, Match]]]:
    """MB, MB a second of one core, and which files are dropped for what."""
    contents = files.column("content").to_pylist()
    begun = time.process_time()
    found = matched(contents, benchmarks)
    seconds = time.process_time() - begun
    n_mb = sum(len(content.encode()) for content in contents) / 1e6
    names = [f"{repo}/{path}" for repo, path in zip(files.column("repo").to_pylist(), files.column("path").to_pylist(), strict=True)]
    return n_mb, n_mb / seconds, [(name, match) for name, match in zip(names, found, strict=True) if match]


def report(
    benchmark: Path,
    problems: Sequence[Problem],
    corpus: Corpus,
    planted: Sequence[tuple[str, list[str], Counter[str]]],
    n_mb: float,
    rate: float,
    found: Sequence[tuple[str, Match]],
) -> str:
    """The tables as markdown."""
    stats = corpus.stats["corpus"]
    rows = [
        [
            name,
            f"{len(problems) - len(missed)} of {len(problems)}",
            ", ".join(f"{how} {n}" for how, n in methods.most_common()),
            _few(missed),
        ]
        for name, missed, methods in planted
    ]
    lines = [
        "# Decontamination\n",
        *circumstances(commit()),
        f"- benchmark: {benchmark.name}, {len(problems)} problems; corpus: half of {stats['files']:,} files, digest `{stats['digest']}`,"
        " by digest; the other half made the table of token frequencies\n",
        "## Planted problems\n\nEach prompt with its solution, changed and put between two lines of a real file.\n",
        table(["planted", "found", "by method", "missed"], rows),
        f"## Innocent files\n\n{N_INNOCENT:,} real files, half of them Python: {len(found)} dropped ({len(found) / N_INNOCENT:.2%});"
        f" {n_mb:.0f} MB at {rate:.0f} MB/s on one core.\n",
        table(["file", "why"], [[name, str(match)] for name, match in found]),
    ]
    return "\n".join(lines)


def _few(missed: Sequence[str]) -> str:
    return ", ".join(missed[:8]) + (f" and {len(missed) - 8} more" if len(missed) > 8 else "")


if __name__ == "__main__":
    main()
