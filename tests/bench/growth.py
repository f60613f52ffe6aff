"""What does a larger corpus cost? The same questions asked of 0.2, 0.5, 1 and 2 GB: `python -m tests.bench.growth [--sizes GB ...]`.

The questions are cut from the smallest corpus, which every larger one holds. A run of all sizes writes tests/bench/results/growth.md;
a run that was cut off goes on where it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.corpus import Corpus, console
from tests.bench.engine import ids_by_place
from tests.bench.growth_corpus import make_share, make_whole
from tests.bench.judge import TIMED_TOGETHER, Judge, Times
from tests.bench.measure import Build
from tests.bench.parts import Parts, commit
from tests.bench.place import data_folder
from tests.bench.queries import make_queries, read_queries
from tests.bench.report import Asked, Built, circumstances, table
from tests.bench.stages import Stages
from tests.bench.wherefrom_engine import index_parts

RESULTS = Path(__file__).with_name("results") / "growth.md"
SIZES_GB = (0.2, 0.5, 1.0, 2.0)
N_BASES = 250
ENGINES = ("wherefrom", "wherefrom-full-text")
MAIN = next(iter(TIMED_TOGETHER))


@dataclass(frozen=True, slots=True)
class Size:
    """One corpus, the builds of both kinds of index on it, the bytes of their parts, and the answers."""

    corpus: Corpus
    builds: tuple[Built, ...]
    parts: tuple[dict[str, int], ...]
    asked: tuple[Asked, ...]

    @property
    def text_bytes(self) -> int:
        """Bytes of text."""
        return int(self.corpus.stats["corpus"]["bytes"])

    def times(self, group: str) -> list[Times]:
        """Those of each way to ask."""
        return [one.figures.times[group] for one in self.asked]


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=float, default=list(SIZES_GB), metavar="GB", help="of text (%(default)s)")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages, indexes and measurements are kept (%(default)s)")
    parser.add_argument("--fresh", action="store_true", help="measure again what stands measured with the same code")
    options = parser.parse_args()
    text = run(options.data, sorted(options.sizes), fresh=options.fresh)
    print(text)
    if tuple(sorted(options.sizes)) == SIZES_GB:
        RESULTS.write_text(text, "utf-8")
        console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


def run(data: Path, sizes_gb: Sequence[float], *, fresh: bool) -> str:
    """Makes what is missing, measures every size, the smallest first, and gives the report."""
    folder = data / "growth"
    whole = make_whole(folder, data / "downloads")
    corpora = [make_share(folder, whole, int(size * 1e9)) for size in sizes_gb]
    queries = make_queries(corpora[0], N_BASES)
    sizes = [_measure(corpus, queries, fresh=fresh) for corpus in corpora]
    return report(whole, sizes)


def _measure(corpus: Corpus, queries: Path, *, fresh: bool) -> Size:
    console.print(f"{corpus.folder.name}:", highlight=False)
    stages = Stages(corpus, Parts(corpus.folder / "measured", fresh))
    judge = Judge(read_queries(queries), ids_by_place(corpus))
    builds = tuple(stages.build(key) for key in ENGINES)
    parts = tuple(index_parts(stages.folder(key)) for key in ENGINES)
    asked = tuple(stages.ask(ENGINES[0], queries, judge, check=False))
    return Size(corpus, builds, parts, asked)


def report(whole: dict[str, Any], sizes: Sequence[Size]) -> str:
    """The whole report as markdown."""
    lines = circumstances(commit())
    lines.append(f"- shares of {whole['packages']} packages, {whole['files']:,} files, {whole['bytes'] / 1e6:.0f} MB")
    if whole["missing"]:
        lines.append(f"  - no longer served by its registry, left out: {', '.join(whole['missing'])}")
    lines += [f"- {_name(size)}: {size.corpus.stats['corpus']['files']:,} files, digest `{_digest(size)}`" for size in sizes]
    sections = ["# Growth\n", "\n".join(lines) + "\n", _times(sizes), _costs(sizes), _parts(sizes)]
    return "\n".join(sections)


def _name(size: Size) -> str:
    return f"{size.text_bytes / 1e9:.2f} GB"


def _digest(size: Size) -> str:
    return str(size.corpus.stats["corpus"]["digest"])


def _times(sizes: Sequence[Size]) -> str:
    names = [one.figures.name for one in sizes[0].asked]
    rows = []
    for number, name in enumerate(names):
        for size in sizes:
            times = [size.times(group)[number] for group in TIMED_TOGETHER]
            growth = times[0].p50 / sizes[0].times(MAIN)[number].p50
            rows.append([name, _name(size), *(f"{one.p50:.3f} / {one.p99:.2f}" for one in times), f"{growth:.2f}"])
    header = ["p50 / p99 ms", "corpus", *TIMED_TOGETHER, "p50 over that of the smallest"]
    return f"## Time to answer\n\nThe same questions of every corpus, cut from the smallest.\n\n{table(header, rows)}"


def _costs(sizes: Sequence[Size]) -> str:
    rows = [_cost(size, built.build) for number in range(len(ENGINES)) for size in sizes for built in [size.builds[number]]]
    header = ["", "corpus", "wall s", "CPU s", "CPU s / MB", "peak memory of all processes, MB", "index / corpus"]
    return f"## Building\n\n{table(header, rows)}"


def _cost(size: Size, build: Build) -> list[str]:
    seconds = f"{build.cpu_seconds / (build.text_bytes / 1e6):.4f}"
    cells = [f"{build.wall_seconds:.1f}", f"{build.cpu_seconds:.1f}", seconds, f"{build.peak_bytes / 1e6:.0f}", f"{build.index_ratio:.3f}"]
    return [build.name, _name(size), *cells]


def _parts(sizes: Sequence[Size]) -> str:
    names = list(dict.fromkeys(name for size in sizes for name in size.parts[-1]))
    rows = [[_name(size), *(f"{size.parts[-1].get(name, 0) / size.text_bytes:.4f}" for name in names)] for size in sizes]
    return f"## What the index with full text is made of, over the corpus\n\n{table(['corpus', *names], rows)}"


if __name__ == "__main__":
    main()
