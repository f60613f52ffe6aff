"""Makes the workload and measures every engine on it: `python -m tests.bench [--quick] [--only ENGINE ...] [--seed N ...]`.

Packages, indexes and measurements stay in the data folder: a second run downloads nothing and measures only what changed, so a run
that was cut off, or made part by part with `--only`, goes on where it is. A run of all engines writes its tables to
tests/bench/results; one with `--only` or `--seed` prints them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.bench.corpus import console, make_corpus
from tests.bench.engine import ids_by_place
from tests.bench.engines import ENGINES
from tests.bench.judge import Judge
from tests.bench.parts import Parts
from tests.bench.place import data_folder
from tests.bench.queries import SECOND_SEED, SEED, make_queries, read_queries
from tests.bench.report import Asked, Seed, report
from tests.bench.stages import Stages

RESULTS = Path(__file__).with_name("results")
N_BASES = 1000
N_BASES_QUICK = 100


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth: fewer packages, 100 queries a set")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages, indexes and measurements are kept (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(ENGINES), help="measure these engines and write no results")
    seeds = f"of the queries ({SEED} and {SECOND_SEED}; with --quick the first)"
    parser.add_argument("--seed", nargs="+", type=int, help=seeds)
    parser.add_argument("--fresh", action="store_true", help="measure again what stands measured with the same code")
    options = parser.parse_args()
    seeds_asked = options.seed or ([SEED] if options.quick else [SEED, SECOND_SEED])
    text = run(options.data, options.only or list(ENGINES), seeds_asked, quick=options.quick, fresh=options.fresh)
    print(text)
    if not options.only and not options.seed:
        target = RESULTS / ("quick.md" if options.quick else "full.md")
        RESULTS.mkdir(exist_ok=True)
        target.write_text(text, "utf-8")
        console.print(f"written to {target}", highlight=False, soft_wrap=True)


def run(data: Path, engines: Sequence[str], seeds: Sequence[int], *, quick: bool, fresh: bool) -> str:
    """Makes what is missing, measures each engine in turn, and gives the report."""
    corpus = make_corpus(data / ("quick" if quick else "full"), data / "downloads", quick=quick)
    ids = ids_by_place(corpus)
    paths = {seed: make_queries(corpus, N_BASES_QUICK if quick else N_BASES, seed) for seed in seeds}
    judges = {seed: Judge(read_queries(path), ids) for seed, path in paths.items()}
    stages = Stages(corpus, Parts(corpus.folder / "measured", fresh))
    builds = []
    asked: dict[int, list[Asked]] = {seed: [] for seed in seeds}
    for key in engines:
        builds.append(stages.build(key))
        for seed, path in paths.items():
            asked[seed] += stages.ask(key, path, judges[seed])
    return report(corpus, builds, [Seed(seed, judges[seed].queries, asked[seed]) for seed in seeds], quick=quick)


if __name__ == "__main__":
    main()
