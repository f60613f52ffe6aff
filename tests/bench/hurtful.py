"""What do texts that hurt cost? Time and memory of each as a document and as a question: `python -m tests.bench.hurtful [--quick]`.

Each question is asked in a process of its own, of an index of the texts themselves and of the workload's corpus.

Not here: that the work is bounded and the answers right (`tests/indexer/test_hurtful_texts.py`).
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index
from tests.bench.corpus import console, make_corpus
from tests.bench.parts import Parts, commit
from tests.bench.place import data_folder
from tests.bench.report import circumstances, table
from tests.bench.stages import Stages
from tests.bench.worker import peak_bytes, resident_bytes
from tests.hurtful_texts import HURTFUL, as_document, hurtful_text

RESULTS = Path(__file__).with_name("results") / "hurtful.md"
WARM_UP = "def total(rows, start):\n    result = start\n    for row in rows:\n        result += row\n    return result\n" * 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, and peak memory beyond that of the process before."""

    seconds: float
    extra_bytes: int

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.extra_bytes / 1e6:.0f} MB"


def main() -> None:
    """Reads the options, runs, prints the table on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.hurtful", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ask a tenth of the workload's corpus; write no results")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and indexes are kept (%(default)s)")
    options = parser.parse_args()
    text = run(options.data, quick=options.quick)
    print(text)
    if not options.quick:
        RESULTS.write_text(text, "utf-8")
        console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


def run(data: Path, *, quick: bool) -> str:
    """Builds an index of each text and of all, asks them, and gives the report."""
    corpus = make_corpus(data / ("quick" if quick else "full"), data / "downloads", quick=quick)
    stages = Stages(corpus, Parts(corpus.folder / "measured"))
    stages.build("wherefrom")
    workload = stages.folder("wherefrom") / "corpus.index"
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch) / "all.index"
        _apart(build, own, *HURTFUL)
        rows = [_row(name, own, workload, Path(scratch)) for name in HURTFUL]
    size = f"{corpus.stats['corpus']['bytes'] / 1e6:.0f} MB"
    header = ["", "MB", "built", "membership", "attributed among these texts", f"attributed to the workload's {size}", "answer"]
    lines = "\n".join(circumstances(commit()))
    return f"# Texts that hurt\n\n{lines}\n- memory: resident, beyond the process before it begins\n\n{table(header, rows)}"


def _row(name: str, own: Path, workload: Path, scratch: Path) -> list[str]:
    console.print(name, highlight=False)
    built, _ = _apart(build, scratch / "one.index", name)
    member, _ = _apart(membership, workload, name)
    among, _ = _apart(attribution, own, name)
    attributed, answer = _apart(attribution, workload, name)
    size = len(as_document(hurtful_text(name)).encode()) / 1e6
    return [name, f"{size:.1f}", str(built), str(member), str(among), str(attributed), answer]


def _apart(work: Callable[..., tuple[Cost, str]], *arguments: object) -> tuple[Cost, str]:
    """What the work comes to in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def build(location: Path, *names: str) -> tuple[Cost, str]:
    """Builds an index with full text of some of the texts."""
    rows = [{"content": as_document(hurtful_text(name)), "repository": "hurtful/texts", "path": name} for name in names]
    batch = conform(pa.RecordBatch.from_pylist(rows))
    del rows
    with _measured() as cost:
        build_index(location, [batch], name="hurtful", version="1", date="2024-06-07", full_text=True)
    return cost(), ""


def membership(location: Path, name: str) -> tuple[Cost, str]:
    """Asks whether the text is in the corpus."""
    text = hurtful_text(name)
    with Index.open(location) as index:
        index.membership(WARM_UP)
        with _measured() as cost:
            answer = index.membership(text)
    return cost(), answer.status


def attribution(location: Path, name: str) -> tuple[Cost, str]:
    """Asks where the text comes from."""
    text = hurtful_text(name)
    with Index.open(location) as index:
        index.attribute(WARM_UP)
        with _measured() as cost:
            answer = index.attribute(text)
    limits = f" ({', '.join(answer.partial.reasons)})" if answer.partial else ""
    return cost(), answer.status + limits


@contextmanager
def _measured() -> Iterator[Callable[[], Cost]]:
    """Within it time runs; afterwards what it gives says the cost."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak counts from here
    before, begun = resident_bytes(), time.perf_counter()
    costs: list[Cost] = []
    yield lambda: costs[0]
    costs.append(Cost(time.perf_counter() - begun, max(0, peak_bytes() - before)))


if __name__ == "__main__":
    main()
