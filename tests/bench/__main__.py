"""Makes the workload and measures every engine on it: `python -m tests.bench [--quick] [--only ENGINE ...]`.

Packages and indexes stay in the data folder, so that a second run downloads nothing. A full run writes its tables to
tests/bench/results; `--only` prints them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench.corpus import console, make_corpus
from tests.bench.engine import ids_by_place
from tests.bench.judge import Figures, Judge
from tests.bench.measure import Build, measure_answers, measure_build
from tests.bench.queries import make_queries
from tests.bench.report import report
from tests.bench.worker import ENGINES

RESULTS = Path(__file__).with_name("results")
N_BASES = 1000
N_BASES_QUICK = 100


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth: fewer packages, 100 queries a set")
    parser.add_argument("--data", type=Path, default=Path("bench-data"), help="where packages, corpora and indexes are kept")
    parser.add_argument("--only", nargs="+", choices=list(ENGINES), help="measure these engines and write no results")
    options = parser.parse_args()
    text = run(options.data, options.only or list(ENGINES), quick=options.quick)
    print(text)
    if not options.only:
        target = RESULTS / ("quick.md" if options.quick else "full.md")
        RESULTS.mkdir(exist_ok=True)
        target.write_text(text, "utf-8")
        console.print(f"written to {target}", highlight=False, soft_wrap=True)


def run(data: Path, engines: list[str], *, quick: bool) -> str:
    """Makes what is missing, measures each engine in turn, and gives the report."""
    corpus = make_corpus(data / ("quick" if quick else "full"), data / "downloads", quick=quick)
    console.print("queries", highlight=False)
    queries = make_queries(corpus, N_BASES_QUICK if quick else N_BASES)
    judge = Judge(queries, ids_by_place(corpus))
    builds: list[Build] = []
    figures: list[Figures] = []
    for key in engines:
        folder = corpus.folder / "indexes" / key
        console.print(f"{key}: building", highlight=False)
        builds.append(measure_build(key, corpus, folder))
        console.print(f"{key}: asking", highlight=False)
        figures += [judge.figures(name, measured) for name, measured in measure_answers(key, corpus, folder).items()]
    return report(corpus, queries, builds, figures, quick=quick)


if __name__ == "__main__":
    main()
