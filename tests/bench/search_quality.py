"""Is a file found that somebody remembers? `python -m tests.bench.search_quality [--full] [--share N] [--seed N]`.

300 queries with one right file each, asked of an index folder, of the same in Elasticsearch, and of StarCoder's search scheme there.
A run of all three with the default seed writes tests/bench/results/search.md.

Not here: how the queries are made (`search_items`), the scheme (`peers.starcoder_search`).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from elasticsearch import Elasticsearch

import wherefrom
from indexer.build import build_index
from indexer.stores.elastic.writer import build_cluster_index
from tests.bench.corpus import Row, console, make_corpus, read_rows
from tests.bench.parts import commit
from tests.bench.peers import starcoder_search
from tests.bench.place import data_folder
from tests.bench.report import circumstances, table
from tests.bench.search_items import Item, make_items
from tests.bench.wherefrom_engine import as_release
from tests.elasticsearch_node import server

RESULTS = Path(__file__).with_name("results") / "search.md"
SEED = 20261123
TOP = 10
WARM_UP = 20
_BATCH = 512

Search = Callable[[str], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers of one engine: the place of the right file from 0 on, None where it is not in the first ten; milliseconds of each."""

    name: str
    places: tuple[int | None, ...]
    milliseconds: tuple[float, ...]


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search_quality", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole corpus; without it a tenth")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="every Nth file of it (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the queries (%(default)s)")
    parser.add_argument("--local", action="store_true", help="ask the folder alone; write no results")
    parser.add_argument("--misses", action="store_true", help="say what was not found; write no results")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and corpora are kept (%(default)s)")
    options = parser.parse_args()
    corpus = make_corpus(options.data / ("full" if options.full else "quick"), options.data / "downloads", quick=not options.full)
    rows = read_rows(corpus.files)[:: options.share]
    items = make_items(rows, options.seed)
    asked = list(_all_asked(rows, items, local=options.local))
    text = report(rows, items, asked, options)
    print(text)
    if options.misses:
        print("\n".join(misses(items, asked)))
    elif not options.local and options.seed == SEED:
        RESULTS.write_text(text, "utf-8")
        console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


def _all_asked(rows: Sequence[Row], items: Sequence[Item], *, local: bool) -> Iterator[Asked]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = f"{scratch}/corpus.index"
        console.print("building the folder", highlight=False)
        build_index(folder, _batches(rows), name="bench", version="1", date="2026-11-23", full_text=True)
        yield _ask("index folder", _of_index(folder), items)
    if local:
        return
    with server() as url:
        console.print("building the cluster's index", highlight=False)
        build_cluster_index(f"es+{url}/bench", _batches(rows), name="bench", version="1", date="2026-11-23")
        yield _ask("Elasticsearch", _of_index(f"es+{url}/bench"), items)
        client = Elasticsearch(url, request_timeout=120)
        console.print("building StarCoder's scheme", highlight=False)
        starcoder_search.build(client, rows)
        yield _ask("StarCoder's scheme, in the same node", lambda query: starcoder_search.search(client, query), items)
        client.close()


def _batches(rows: Sequence[Row]) -> Iterator[pa.RecordBatch]:
    for i in range(0, len(rows), _BATCH):
        yield as_release(pa.RecordBatch.from_pylist([asdict(row) for row in rows[i : i + _BATCH]]))


def _of_index(location: str) -> Search:
    index = wherefrom.open(location)

    def search(query: str) -> list[tuple[str, str]]:
        return [(f"{hit.repository}@{hit.commit}", hit.path) for hit in index.search(query, limit=TOP).hits]

    return search


def _ask(name: str, search: Search, items: Sequence[Item]) -> Asked:
    console.print(f"asking: {name}", highlight=False)
    for item in items[:: max(1, len(items) // WARM_UP)]:
        search(item.query)
    places, times = [], []
    for item in items:
        begun = time.perf_counter()
        found = search(item.query)
        times.append(1000 * (time.perf_counter() - begun))
        places.append(found.index(item.place) if item.place in found else None)
    return Asked(name, tuple(places), tuple(times))


def report(rows: Sequence[Row], items: Sequence[Item], asked: Sequence[Asked], options: argparse.Namespace) -> str:
    """The whole report as markdown."""
    lines = circumstances(commit())
    corpus = f"every {options.share}. file of the {'full' if options.full else 'quick'} corpus"
    size = sum(len(row.content.encode()) for row in rows) / 1e6
    lines.append(f"- {corpus}: {len(rows):,} files, {size:.0f} MB; {len(items)} queries, seed {options.seed}")
    lines.append("- one caller; each answer with its snippets, counts and facets, StarCoder's with repository and path alone")
    lines.append(f"- load average of the machine when all was asked: {os.getloadavg()[1]:.0f}")
    kinds = list(dict.fromkeys(item.kind for item in items))
    found = [[one.name, *(_share(one, items, kind) for kind in (None, *kinds)), _first(one)] for one in asked]
    header = ["right file in the first ten", "all", *kinds, "first of all"]
    times = [[one.name, *(f"{np.percentile(one.milliseconds, at):.1f}" for at in (50, 99))] for one in asked]
    sections = ["# Search for what one remembers\n", "\n".join(lines) + "\n", table(header, found), table(["", "p50 ms", "p99 ms"], times)]
    return "\n".join(sections)


def _share(one: Asked, items: Sequence[Item], kind: str | None) -> str:
    held = [place is not None for place, item in zip(one.places, items, strict=True) if kind in (None, item.kind)]
    return f"{sum(held) / len(held):.3f}"


def _first(one: Asked) -> str:
    return f"{sum(place == 0 for place in one.places) / len(one.places):.3f}"


def misses(items: Sequence[Item], asked: Sequence[Asked]) -> Iterator[str]:
    """A line for each query whose file was not in the first ten."""
    for one in asked:
        for item, place in zip(items, one.places, strict=True):
            if place is None:
                yield f"{one.name}: {item.kind}: {item.query}  ({item.place[0]} {item.place[1]})"


if __name__ == "__main__":
    main()
