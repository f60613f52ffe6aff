"""Does a cluster answer as a folder does, and what does that cost? `python -m tests.bench.cluster [--full]`.

The same files stand in a folder and on one real node; every question of the workload is asked of both, one after the other, so that the
times are those of one run. A node of its own is started, or WHEREFROM_TEST_ELASTICSEARCH names one.

Not here: asking and comparing (`cluster_answers`), growing corpora (`capacity_measure`).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from elasticsearch.exceptions import GeneralAvailabilityWarning

import wherefrom
from indexer.index import Index
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.settings import place_of
from indexer.stores.elastic.writer import build_cluster_index
from tests.bench.cluster_answers import WARM_UP, Asked, Timed, ask_both
from tests.bench.corpus import Corpus, console, make_corpus
from tests.bench.parts import commit
from tests.bench.place import data_folder
from tests.bench.queries import make_queries, read_queries
from tests.bench.report import circumstances, table
from tests.bench.wherefrom_engine import Wherefrom, release_batches
from tests.elasticsearch_node import server

RESULTS = Path(__file__).with_name("results") / "cluster.md"
N_BASES, N_BASES_QUICK = 1000, 100
A_SET = 500
HEAP = "1g"
_NAME = "bench"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading one corpus cost. `sending_seconds`: until the last document was taken, before merging; `cpu_seconds` are this
    process's; `fields` bytes on disk by what they are for."""

    text_bytes: int
    seconds: float
    sending_seconds: float
    cpu_seconds: float
    index_bytes: int
    fields: dict[str, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """A corpus in both stores."""

    corpus: Corpus
    loaded: Loaded
    asked: Asked


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cluster", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole workload, not a tenth of it")
    parser.add_argument("--queries", type=int, default=A_SET, help="of a set at most (%(default)s)")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and corpora are kept (%(default)s)")
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    corpus = make_corpus(options.data / ("full" if options.full else "quick"), options.data / "downloads", quick=not options.full)
    queries = make_queries(corpus, N_BASES if options.full else N_BASES_QUICK)
    with server(heap=HEAP) as url:
        measured = _measure(url, corpus, queries, options.queries)
    text = report(measured, busy)
    print(text)
    RESULTS.write_text(text, "utf-8")
    console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


def _measure(url: str, corpus: Corpus, queries: Path, most: int) -> Measured:
    console.print(f"{corpus.stats['corpus']['bytes'] / 1e6:.0f} MB: loading", highlight=False)
    location = f"es+{url}/{_NAME}"
    loaded = _load(location, corpus)
    with tempfile.TemporaryDirectory() as scratch:
        Wherefrom("", full_text=True).build(corpus, Path(scratch))
        console.print("asking", highlight=False)
        with Index.open(str(Path(scratch) / "corpus.index")) as folder, wherefrom.open(location) as cluster:
            asked = ask_both(folder, cluster, corpus, read_queries(queries), most)
    return Measured(corpus, loaded, asked)


def _load(location: str, corpus: Corpus) -> Loaded:
    begun, cpu, sent = time.monotonic(), time.process_time(), []

    def progress(_documents: int, _size: int, stage: str) -> None:
        if stage == "loading":
            sent.append(time.monotonic())

    report = build_cluster_index(location, release_batches(corpus), name="bench", version="1", date="2024-06-07", progress=progress)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    place = place_of(location)
    with connect(place) as client:
        index = next(iter(client.indices.get_alias(name=place.name)))
        with warnings.catch_warnings(action="ignore", category=GeneralAvailabilityWarning):  # the request is a preview, as it was in 7.15
            usage = client.indices.disk_usage(index=index, run_expensive_tasks=True)[index]["fields"]
    fields = {name: int(each["total_in_bytes"]) for name, each in usage.items()}
    sending = (sent[-1] if sent else time.monotonic()) - begun
    return Loaded(report.text_bytes, seconds, sending, cpu, report.index_bytes, fields)


def report(measured: Measured, busy: float) -> str:
    """The whole report as markdown; `busy`: the load of the machine before anything of this began."""
    stats, loaded = measured.corpus.stats["corpus"], measured.loaded
    lines = circumstances(commit())
    lines += [f"- {loaded.text_bytes / 1e6:.0f} MB in {stats['files']:,} files, digest `{stats['digest']}`"]
    lines.append(f"- one node with a heap of {HEAP} and one caller on the same cores")
    lines.append(f"- {WARM_UP} questions first; each of the folder, then of the cluster")
    lines.append(f"- load of the machine before this began: {busy:.1f}; with more than .5 the times are those of a busy machine")
    parts = ["# A cluster beside a folder\n", "\n".join(lines) + "\n"]
    return "\n".join([*parts, _equality(measured.asked), _times(measured.asked), _loading(loaded), _disk(loaded)])


def _equality(asked: Asked) -> str:
    header = ["set", "questions", "status equal", "spans equal", "ten sources equal", "right file first, folder", "cluster"]
    rows = [
        [name, *(f"{each}" for each in (one.n, one.status, one.spans, one.sources)), *(f"{each:.3f}" for each in one.first)]
        for name, one in asked.sets.items()
    ]
    return f"## Are the answers equal?\n\n{table(header, rows)}"


def _times(asked: Asked) -> str:
    header = ["p50 / p99 ms", "folder", "cluster", "p50 over the folder's"]
    rows = [[name, _both(folder), _both(cluster), f"{cluster.p50 / folder.p50:.1f}"] for name, (folder, cluster) in asked.times.items()]
    return f"## Time to answer\n\n{table(header, rows)}"


def _both(times: Timed) -> str:
    return f"{times.p50:.2f} / {times.p99:.1f}"


def _loading(loaded: Loaded) -> str:
    header, megabytes = ["MB/s sent", "MB/s with merging", "CPU s of the client / MB"], loaded.text_bytes / 1e6
    speeds = [f"{megabytes / seconds:.2f}" for seconds in (loaded.sending_seconds, loaded.seconds)]
    rows = [[*speeds, f"{loaded.cpu_seconds / megabytes:.3f}"]]
    return f"## Loading\n\n{table(header, rows)}"


def _disk(loaded: Loaded) -> str:
    most = sorted(loaded.fields, key=loaded.fields.__getitem__, reverse=True)[:8]
    row = [f"{size / loaded.text_bytes:.3f}" for size in (loaded.index_bytes, *(loaded.fields[name] for name in most))]
    return f"## Bytes on disk a byte of text\n\n{table(['all', *(f'`{name}`' for name in most)], [row])}"


if __name__ == "__main__":
    main()
