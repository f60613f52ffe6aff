"""Does a cluster answer as a folder does, and what does that cost? `python -m tests.bench.cluster [--full | --sizes GB ...]`.

The same files stand in a folder and on one real node; every question of the workload is asked of both, one after the other, so that the
times are those of one run. A node of its own is started, or WHEREFROM_TEST_ELASTICSEARCH names one.

Not here: asking and comparing (`cluster_answers`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from elasticsearch.exceptions import GeneralAvailabilityWarning

import wherefrom
from indexer.corpus import conform
from indexer.index import Index
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.settings import place_of
from indexer.stores.elastic.writer import build_cluster_index
from tests.bench.cluster_answers import Asked, Timed, ask_both
from tests.bench.corpus import Corpus, console, make_corpus
from tests.bench.growth_corpus import make_share, make_whole
from tests.bench.parts import commit
from tests.bench.place import data_folder
from tests.bench.queries import make_queries, read_queries
from tests.bench.report import circumstances, table
from tests.bench.wherefrom_engine import Wherefrom
from tests.elasticsearch_node import distribution, node

RESULTS = Path(__file__).with_name("results") / "cluster.md"
N_BASES, N_BASES_QUICK = 1000, 100
N_BASES_OF_GROWTH = 100
A_SET = 500
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
class Size:
    """One corpus in both stores."""

    corpus: Corpus
    loaded: Loaded
    asked: Asked


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cluster", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole workload, not a tenth of it")
    parser.add_argument(
        "--sizes", nargs="+", type=float, metavar="GB", help="growing shares of one corpus instead, the same questions of each"
    )
    parser.add_argument("--queries", type=int, default=A_SET, help="of a set at most (%(default)s)")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and corpora are kept (%(default)s)")
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    with _server() as url:
        corpora, queries = _corpora(options.data, options.sizes, full=options.full)
        sizes = [_measure(url, corpus, queries, options.queries) for corpus in corpora]
    text = report(sizes, busy)
    print(text)
    target = RESULTS.with_stem("cluster_growth") if options.sizes else RESULTS
    target.write_text(text, "utf-8")
    console.print(f"written to {target}", highlight=False, soft_wrap=True)


@contextmanager
def _server() -> Iterator[str]:
    if given := os.environ.get("WHEREFROM_TEST_ELASTICSEARCH"):
        yield given.rstrip("/")
        return
    with node(distribution()) as url:
        yield url


def _corpora(data: Path, sizes_gb: Sequence[float] | None, *, full: bool) -> tuple[list[Corpus], Path]:
    """What is loaded, and the questions; those about growing shares are cut from the smallest, which every larger one holds."""
    if sizes_gb:
        whole = make_whole(data / "growth", data / "downloads")
        shares = [make_share(data / "growth", whole, int(size * 1e9)) for size in sorted(sizes_gb)]
        return shares, make_queries(shares[0], N_BASES_OF_GROWTH)
    corpus = make_corpus(data / ("full" if full else "quick"), data / "downloads", quick=not full)
    return [corpus], make_queries(corpus, N_BASES if full else N_BASES_QUICK)


def _measure(url: str, corpus: Corpus, queries: Path, most: int) -> Size:
    console.print(f"{corpus.stats['corpus']['bytes'] / 1e6:.0f} MB: loading", highlight=False)
    location = f"es+{url}/{_NAME}"
    loaded = _load(location, corpus)
    with tempfile.TemporaryDirectory() as scratch:
        Wherefrom("", full_text=True).build(corpus, Path(scratch))
        console.print("asking", highlight=False)
        with Index.open(str(Path(scratch) / "corpus.index")) as folder, wherefrom.open(location) as cluster:
            asked = ask_both(folder, cluster, corpus, read_queries(queries), most)
        shutil.rmtree(scratch, ignore_errors=True)
    return Size(corpus, loaded, asked)


def _load(location: str, corpus: Corpus) -> Loaded:
    begun, cpu, sent = time.monotonic(), time.process_time(), []

    def progress(_documents: int, _size: int, stage: str) -> None:
        if stage == "loading":
            sent.append(time.monotonic())

    report = build_cluster_index(location, _batches(corpus), name="bench", version="1", date="2024-06-07", progress=progress)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    place = place_of(location)
    with connect(place) as client:
        index = next(iter(client.indices.get_alias(name=place.name)))
        with warnings.catch_warnings(action="ignore", category=GeneralAvailabilityWarning):  # the request is a preview, as it was in 7.15
            usage = client.indices.disk_usage(index=index, run_expensive_tasks=True)[index]["fields"]
    fields = {name: int(each["total_in_bytes"]) for name, each in usage.items()}
    sending = (sent[-1] if sent else time.monotonic()) - begun
    return Loaded(report.text_bytes, seconds, sending, cpu, report.index_bytes, fields)


def _batches(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    """The corpus in the columns of a release; a package's version is its commit."""
    for batch in corpus.batches():
        parts = pc.extract_regex(batch.column("repo"), r"^(?P<repository>.+)@(?P<commit>[^@]+)$")
        given = {name: batch.column(theirs) for name, theirs in (("content", "content"), ("path", "path"), ("language", "lang"))}
        yield conform(pa.RecordBatch.from_pydict({**given, "repository": parts.field("repository"), "commit": parts.field("commit")}))


def report(sizes: Sequence[Size], busy: float) -> str:
    """The whole report as markdown; `busy`: the load of the machine before anything of this began."""
    lines = circumstances(commit())
    lines += [f"- {_name(size)}: {size.corpus.stats['corpus']['files']:,} files, digest `{_digest(size)}`" for size in sizes]
    lines.append("- one node and one caller on the same cores; each question of the folder, then of the cluster")
    lines.append(f"- load of the machine before this began: {busy:.1f}; with more than .5 the times are those of a busy machine")
    parts = ["# A cluster beside a folder\n", "\n".join(lines) + "\n"]
    parts += [_equality(sizes), _times(sizes), _loading(sizes), _disk(sizes)]
    return "\n".join(parts)


def _name(size: Size) -> str:
    return f"{size.loaded.text_bytes / 1e6:.0f} MB"


def _digest(size: Size) -> str:
    return str(size.corpus.stats["corpus"]["digest"])


def _equality(sizes: Sequence[Size]) -> str:
    header = ["corpus", "set", "questions", "status equal", "spans equal", "ten sources equal", "right file first, folder", "cluster"]
    rows = [
        [
            _name(size),
            name,
            *(f"{each}" for each in (one.n, one.status, one.spans, one.sources)),
            f"{one.first[0]:.3f}",
            f"{one.first[1]:.3f}",
        ]
        for size in sizes
        for name, one in size.asked.sets.items()
    ]
    return f"## Are the answers equal?\n\n{table(header, rows)}"


def _times(sizes: Sequence[Size]) -> str:
    header = ["corpus", "p50 / p99 ms", "folder", "cluster", "p50 over the folder's", "p50 over that of the smallest corpus"]
    rows = []
    for size in sizes:
        for name, (folder, cluster) in size.asked.times.items():
            smallest = sizes[0].asked.times[name][1]
            growth = f"{cluster.p50 / smallest.p50:.2f}"
            rows.append([_name(size), name, _both(folder), _both(cluster), f"{cluster.p50 / folder.p50:.1f}", growth])
    return f"## Time to answer\n\n{table(header, rows)}"


def _both(times: Timed) -> str:
    return f"{times.p50:.2f} / {times.p99:.1f}"


def _loading(sizes: Sequence[Size]) -> str:
    header = ["corpus", "MB/s sent", "MB/s with merging", "CPU s of the client / MB"]
    rows = []
    for size in sizes:
        loaded, megabytes = size.loaded, size.loaded.text_bytes / 1e6
        speeds = [f"{megabytes / seconds:.2f}" for seconds in (loaded.sending_seconds, loaded.seconds)]
        rows.append([_name(size), *speeds, f"{loaded.cpu_seconds / megabytes:.3f}"])
    return f"## Loading\n\nMerging waits up to 40 s for leases, whatever the size.\n\n{table(header, rows)}"


def _disk(sizes: Sequence[Size]) -> str:
    most = sorted(sizes[-1].loaded.fields, key=sizes[-1].loaded.fields.__getitem__, reverse=True)[:8]
    rows = [
        [_name(size), f"{size.loaded.index_bytes / size.loaded.text_bytes:.3f}"]
        + [f"{size.loaded.fields.get(name, 0) / size.loaded.text_bytes:.3f}" for name in most]
        for size in sizes
    ]
    return f"## Bytes on disk a byte of text\n\n{table(['corpus', 'all', *(f'`{name}`' for name in most)], rows)}"


if __name__ == "__main__":
    main()
