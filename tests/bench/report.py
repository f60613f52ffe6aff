"""What came out, as markdown: the tables, and the machine, commit and corpus they were measured on.

Not here: the figures themselves (`judge`, `measure`).
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.corpus import Corpus
from tests.bench.engines import ENGINES, versions
from tests.bench.judge import TIMED_TOGETHER, Figures, SetFigures, Truth
from tests.bench.measure import Build
from tests.bench.parts import commit
from tests.bench.queries import SETS, Query, counts

REFERENCE = "tantivy"  # the peer whose build and BM25 the ratios are against, in the same run
POSITIVE_SETS = tuple(name for name in SETS if name != "N")
MOST_FAULTS = 20  # written out; all are counted
_PACKAGES = tuple(dict.fromkeys(package for entry in ENGINES.values() for package in entry.packages))


@dataclass(frozen=True, slots=True)
class Built:
    """The cost of one index, and the commit that it was measured at."""

    commit: str
    build: Build


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's answers to one seed's queries, judged. `extra_bytes` is that of all questions of its engine."""

    commit: str
    extra_bytes: int
    figures: Figures
    truth: Truth | None


@dataclass(frozen=True, slots=True)
class Seed:
    """The queries that one seed drew, and what was answered to them."""

    number: int
    queries: Sequence[Query]
    asked: Sequence[Asked]


def report(corpus: Corpus, builds: Sequence[Built], seeds: Sequence[Seed], *, quick: bool) -> str:
    """The whole report as markdown."""
    here = commit()
    sections = [
        "# The workload, a tenth of it\n" if quick else "# The workload\n",
        _circumstances(corpus, here),
        *(section for seed in seeds for section in _seed(seed)),
        _builds([one.build for one in builds]),
        _parts([one.build for one in builds]),
        _elsewhere(here, builds, seeds),
    ]
    return "\n".join(section for section in sections if section)


def _seed(seed: Seed) -> list[str]:
    figures = [one.figures for one in seed.asked]
    return [
        f"## Queries of seed {seed.number}\n\n" + ", ".join(f"{name} {n}" for name, n in counts(seed.queries).items()) + "\n",
        _quality("Recall at 1 % false positives, every query", figures, lambda one: f"{one.recall:.3f}"),
        _quality("The same, snippets that stand in at most 3 repositories", figures, lambda one: f"{one.recall_rare:.3f}"),
        _quality("Right file first / in the first ten", [one for one in figures if one.names_files], _right_file),
        _quality("Lines reported in the right file: intersection over union", [one for one in figures if _names_lines(one)], _lines),
        _times(seed.asked),
        *(_truth(one.figures.name, one.truth) for one in seed.asked if one.truth),
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def circumstances(here: str) -> list[str]:
    """When, where and with what this is measured."""
    return [f"- {time.strftime('%Y-%m-%d')}, commit {here}", f"- {machine()}", f"- {versions(_PACKAGES)}"]


def _circumstances(corpus: Corpus, here: str) -> str:
    lines = circumstances(here)
    for split, stats in corpus.stats.items():
        lines.append(
            f"- {split}: {stats['packages']} packages, {stats['files']:,} files, {stats['bytes'] / 1e6:.1f} MB, digest `{stats['digest']}`"
        )
        if stats["missing"]:
            lines.append(f"  - no longer served by its registry, left out: {', '.join(stats['missing'])}")
    lines.append("- one caller, in process; each build and each asking in a process of its own; CPU time of all its processes")
    return "\n".join(lines) + "\n"


def _elsewhere(here: str, builds: Sequence[Built], seeds: Sequence[Seed]) -> str:
    """Which figures were measured at another commit, with the same code of what they measure."""
    measured = [(one.commit, f"{one.build.name}, build") for one in builds]
    measured += [(one.commit, f"{one.figures.name}, seed {seed.number}") for seed in seeds for one in seed.asked]
    lines = [f"- {what}: {commit}" for commit, what in measured if commit != here]
    return "## Measured at another commit, with the same code\n\n" + "\n".join(lines) + "\n" if lines else ""


def _truth(name: str, truth: Truth) -> str:
    text = (
        f"{name}: each of the {truth.claims:,} statements of all answers that some stretch stands in some lines of a file was compared "
        f"with that file, token by token, by the plain definitions of tests/reference: {len(truth.faults)} not as stated"
    )
    text += f"; {truth.differing} answers not those measured above" if truth.differing else ""
    return "\n".join([f"{text}.", *(f"- {fault}" for fault in truth.faults[:MOST_FAULTS])]) + "\n"


def _quality(title: str, figures: Sequence[Figures], cell: Callable[[SetFigures], str]) -> str:
    rows = [[one.name, *(cell(one.sets[name]) for name in POSITIVE_SETS)] for one in figures]
    return f"### {title}\n\n{table(['', *POSITIVE_SETS], rows)}" if rows else ""


def _right_file(one: SetFigures) -> str:
    return f"{one.first:.3f} / {one.in_ten:.3f}"


def _lines(one: SetFigures) -> str:
    return "" if one.lines is None else f"{one.lines:.3f}"


def _names_lines(figures: Figures) -> bool:
    return any(one.lines is not None for one in figures.sets.values())


def _times(asked: Sequence[Asked]) -> str:
    main = next(iter(TIMED_TOGETHER))
    reference = next((one.figures.times[main].p50 for one in asked if one.figures.name.startswith(REFERENCE)), None)
    rows = [
        [
            one.figures.name,
            *(f"{one.figures.times[name].p50:.3f} / {one.figures.times[name].p99:.2f}" for name in TIMED_TOGETHER),
            _ratio(one.figures.times[main].p50, reference),
            f"{one.figures.threshold:.3g}",
            f"{one.figures.false_positives:.3%}",
            f"{one.extra_bytes / 1e6:.0f}",
        ]
        for one in asked
    ]
    header = ["p50 / p99 ms", *TIMED_TOGETHER, f"p50 over {REFERENCE} BM25", "threshold", "N above it", "peak memory, index opened, MB"]
    return f"### Time to answer\n\n{table(header, rows)}"


def _builds(builds: Sequence[Build]) -> str:
    reference = next((one.mb_per_second_a_core for one in builds if one.name == REFERENCE), None)
    rows = [
        [
            one.name,
            f"{one.wall_seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
            f"{one.mb_per_second_a_core:.2f}",
            _ratio(one.mb_per_second_a_core, reference),
            f"{one.index_ratio:.3f}",
            f"{one.extra_bytes / 1e6:.0f}",
        ]
        for one in builds
    ]
    header = ["", "wall s", "CPU s", "MB/s a core", f"over {REFERENCE}", "index / corpus", "peak memory over the bare process, MB"]
    return f"## Building\n\n{table(header, rows)}"


def _parts(builds: Sequence[Build]) -> str:
    rows = [
        [one.name, ", ".join(f"`{part}` {size / one.text_bytes:.3f}" for part, size in one.parts.items() if size > one.text_bytes / 1000)]
        for one in builds
    ]
    return f"## What the index is made of, over the corpus\n\n{table(['', 'files by suffix'], rows)}"


def _ratio(value: float, reference: float | None) -> str:
    return "" if reference is None else f"{value / reference:.2f}"


def machine() -> str:
    """The processor, its cores, memory, system."""
    model = next((line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, {_memory_bytes() / 2**30:.0f} GiB, {platform.system()} {platform.release()}"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8").splitlines() if path.exists() else []
