"""What came out, as markdown: the tables, and the machine, commit and corpus they were measured on.

Not here: the figures themselves (`judge`, `measure`).
"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.corpus import Corpus
from tests.bench.judge import Figures, SetFigures
from tests.bench.measure import Build
from tests.bench.queries import SETS, Query, counts

REFERENCE = "tantivy"  # the peer whose build and BM25 the ratios are against, in the same run
POSITIVE_SETS = tuple(name for name in SETS if name != "N")
_PACKAGES = ("numpy", "numba", "pyarrow", "tantivy", "rbloom", "xxhash")


def report(corpus: Corpus, queries: Sequence[Query], builds: Sequence[Build], figures: Sequence[Figures], *, quick: bool) -> str:
    """The whole report as markdown."""
    sections = [
        "# The workload, a tenth of it\n" if quick else "# The workload\n",
        _circumstances(corpus, queries),
        _quality("Recall at 1 % false positives, every query", figures, lambda one: f"{one.recall:.3f}"),
        _quality("The same, snippets that stand in at most 3 repositories", figures, lambda one: f"{one.recall_rare:.3f}"),
        _quality("Right file first / in the first ten", [one for one in figures if one.names_files], _right_file),
        _quality("Lines reported in the right file: intersection over union", [one for one in figures if _names_lines(one)], _lines),
        _times(figures),
        _builds(builds),
        _parts(builds),
    ]
    return "\n".join(sections)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _circumstances(corpus: Corpus, queries: Sequence[Query]) -> str:
    lines = [f"- {time.strftime('%Y-%m-%d')}, {_commit()}", f"- {_machine()}", f"- {_versions()}"]
    for split, stats in corpus.stats.items():
        lines.append(
            f"- {split}: {stats['packages']} packages, {stats['files']:,} files, {stats['bytes'] / 1e6:.1f} MB, digest `{stats['digest']}`"
        )
        if stats["missing"]:
            lines.append(f"  - no longer served by its registry, left out: {', '.join(stats['missing'])}")
    lines.append("- queries: " + ", ".join(f"{name} {n}" for name, n in counts(queries).items()))
    lines.append("- one caller, in process; builds in a process of their own, read from parquet; CPU time of all its processes")
    return "\n".join(lines) + "\n"


def _quality(title: str, figures: Sequence[Figures], cell: Callable[[SetFigures], str]) -> str:
    rows = [[one.name, *(cell(one.sets[name]) for name in POSITIVE_SETS)] for one in figures]
    return f"## {title}\n\n{table(['', *POSITIVE_SETS], rows)}"


def _right_file(one: SetFigures) -> str:
    return f"{one.first:.3f} / {one.in_ten:.3f}"


def _lines(one: SetFigures) -> str:
    return "" if one.lines is None else f"{one.lines:.3f}"


def _names_lines(figures: Figures) -> bool:
    return any(one.lines is not None for one in figures.sets.values())


def _times(figures: Sequence[Figures]) -> str:
    reference = next((one.p50_ms for one in figures if one.name.startswith(REFERENCE)), None)
    rows = [
        [
            one.name,
            f"{one.p50_ms:.2f}",
            f"{one.p99_ms:.2f}",
            _ratio(one.p50_ms, reference),
            f"{one.threshold:.3g}",
            f"{one.false_positives:.3%}",
        ]
        for one in figures
    ]
    header = ["", "p50 ms", "p99 ms", f"p50 over {REFERENCE} BM25", "threshold", "N above it"]
    return f"## Time to answer\n\n{table(header, rows)}"


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


def _commit() -> str:
    root = Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False).stdout.strip()

    changed = " with local changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return f"commit {git('rev-parse', '--short', 'HEAD') or 'unknown'}{changed}"


def _machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, {_memory_bytes() / 2**30:.0f} GiB, {platform.system()} {platform.release()}"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8").splitlines() if path.exists() else []


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
