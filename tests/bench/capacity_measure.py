"""What do a folder and a cluster of one node take for 0.1, 0.5 and 2 GB of text? Written to results/capacity.json, for docs/CAPACITY.md.

    python -m tests.bench.capacity_measure [--sizes GB ...] [--stores folder cluster] [--data DIR] [--fresh]

What was measured before of other sizes and stores stays in the file; a run that was cut off goes on where it is. One caller
asks for the times; four ask for the rate.

Not here: what follows for larger corpora (`capacity`), the same questions with their answers judged (`growth`).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wherefrom
from indexer.stores.elastic.writer import build_cluster_index
from tests.bench.corpus import Corpus, console
from tests.bench.engines import code_digest
from tests.bench.growth_corpus import make_share, make_whole
from tests.bench.measure import measure_build
from tests.bench.parts import Parts, commit
from tests.bench.place import data_folder
from tests.bench.queries import make_queries, read_queries
from tests.bench.report import machine
from tests.bench.wherefrom_engine import index_parts, release_batches
from tests.elasticsearch_node import VERSION, distribution, node

RESULTS = Path(__file__).with_name("results") / "capacity.json"
SIZES_GB = (0.1, 0.5, 2.0)
STORES = ("folder", "cluster")
N_BASES = 60
CALLERS = 4
HEAP = "1g"
_WARM_UP = 20
_CODE = ("indexer", "tests/bench/capacity_measure.py", "tests/bench/wherefrom_engine.py", "tests/elasticsearch_node.py")
_FINGERPRINTS, _WORDS = ("exact", "renamed", "sides"), ("words", "parts", "path_words")
_PARTS = {**dict.fromkeys(_FINGERPRINTS, "fingerprints"), **dict.fromkeys(_WORDS, "words"), "kept": "text"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions: pieces of code, and words to search for."""

    texts: tuple[str, ...]
    searches: tuple[str, ...]


def main() -> None:
    """Reads the options, measures, writes after each size."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capacity_measure", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=float, default=list(SIZES_GB), metavar="GB", help="of text (%(default)s)")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES), help="which (both)")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and indexes are kept (%(default)s)")
    parser.add_argument("--fresh", action="store_true", help="measure again what stands measured with the same code")
    options = parser.parse_args()
    folder = options.data / "growth"
    whole = make_whole(folder, options.data / "downloads")
    asked = _questions(make_share(folder, whole, int(min(SIZES_GB) * 1e9)))
    for size in sorted(options.sizes):
        corpus = make_share(folder, whole, int(size * 1e9))
        for store in options.stores:
            part = Parts(corpus.folder / "measured", options.fresh).get(
                f"capacity-{store}", _made_with(corpus), partial(_measure, store, size, corpus, asked)
            )
            _keep(part.result)


def _made_with(corpus: Corpus) -> dict[str, str]:
    """What figures depend on."""
    return {"code": code_digest(_CODE), "corpus": corpus.stats["corpus"]["digest"], "machine": machine()}


def _measure(store: str, size: float, corpus: Corpus, asked: Asked) -> dict[str, Any]:
    console.print(f"{store}, {size} GB", highlight=False)
    return {"store": store, "gb": size, **_circumstances(corpus), **_MEASURES[store](corpus, asked)}


def _questions(corpus: Corpus) -> Asked:
    """Cut from the smallest corpus, which every larger one holds. A search is the two longest words of a snippet."""
    queries = read_queries(make_queries(corpus, N_BASES))
    exact = [query.text for query in queries if query.set == "P0"]
    return Asked(tuple(query.text for query in queries), tuple(_longest_words(text) for text in exact))


def _longest_words(text: str) -> str:
    return " ".join(sorted(set(re.findall(r"[A-Za-z_]{4,40}", text)), key=lambda word: (-len(word), word))[:2])


def _circumstances(corpus: Corpus) -> dict[str, Any]:
    stats = corpus.stats["corpus"]
    told = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), "machine": machine(), "cores": os.cpu_count()}
    return told | {"load_before": round(os.getloadavg()[0], 1), "text_bytes": stats["bytes"], "documents": stats["files"]}


def _keep(result: dict[str, Any]) -> None:
    """Puts a result in place of the one of the same store and size."""
    stand = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    others = [one for one in stand if (one["store"], one["gb"]) != (result["store"], result["gb"])]
    results = sorted([*others, result], key=lambda one: (one["store"], one["gb"]))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def _folder(corpus: Corpus, asked: Asked) -> dict[str, Any]:
    place = corpus.folder / "capacity"
    build = measure_build("wherefrom-full-text", corpus, place)
    parts = index_parts(place)
    built = {"build_seconds": build.wall_seconds, "build_cpu_seconds": build.cpu_seconds, "build_peak_bytes": build.peak_bytes}
    with wherefrom.open(str(place / "corpus.index")) as index:
        return {**built, "index_bytes": sum(parts.values()), "parts": parts, **_ask(index, asked, lambda: 0.0)}


def _cluster(corpus: Corpus, asked: Asked) -> dict[str, Any]:
    with node(distribution(), heap=HEAP) as url:
        location = f"es+{url}/capacity"
        with _spent(lambda: _node_cpu(url)) as spent:
            build_cluster_index(location, release_batches(corpus), name="capacity", version="1", date="2024-06-07")
        built = {"build_seconds": spent["wall"], "build_cpu_seconds": spent["own"], "build_node_cpu_seconds": spent["node"]}
        with wherefrom.open(location) as index:
            described = index.describe()
            answered = _ask(index, asked, lambda: _node_cpu(url))
        heap = int(_get(f"{url}/_nodes/stats/jvm", "GET", ("jvm", "mem", "heap_used_in_bytes")))
        told = {"server": VERSION, "heap": HEAP, "heap_used_bytes": heap, "parts": _disk_usage(url)}
        told |= {"index_bytes": int(described["index_bytes"]), "fingerprints": int(described["fingerprints"])}
        return {**built, **told, **answered}


_MEASURES: dict[str, Callable[[Corpus, Asked], dict[str, Any]]] = {"folder": _folder, "cluster": _cluster}


def _ask(index: Any, asked: Asked, node_cpu: Callable[[], float]) -> dict[str, Any]:
    """Times of one caller, then how many attributions a second several callers get, and the CPU time that each takes on either side."""
    for text in asked.texts[:_WARM_UP]:
        index.attribute(text)
    gc.collect()
    gc.freeze()  # as a server does
    figures: dict[str, Any] = {}
    questions: dict[str, tuple[Callable[[str], Any], Sequence[str]]] = {
        "attribution": (index.attribute, asked.texts),
        "membership": (index.membership, asked.texts),
        "search": (index.search, asked.searches),
    }
    for name, (ask, texts) in questions.items():
        figures |= _times(name, ask, texts)
    with _spent(node_cpu) as spent, ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(index.attribute, asked.texts))
    n = len(asked.texts)
    each = {"attribution_cpu_ms": spent["own"] * 1e3 / n, "attribution_node_cpu_ms": spent["node"] * 1e3 / n}
    return figures | {"questions": n, "attributions_a_second": n / spent["wall"], **each}


def _times(name: str, ask: Callable[[str], Any], texts: Sequence[str]) -> dict[str, float]:
    taken = []
    for text in texts:
        begun = time.perf_counter()
        ask(text)
        taken.append((time.perf_counter() - begun) * 1e3)
    p50, p99 = np.percentile(taken, [50, 99])
    return {f"{name}_p50_ms": float(p50), f"{name}_p99_ms": float(p99)}


@contextmanager
def _spent(node_cpu: Callable[[], float]) -> Iterator[dict[str, float]]:
    """Seconds that pass inside: on the clock, of CPU here, of CPU in the node."""
    spent: dict[str, float] = {}
    wall, own, theirs = time.perf_counter(), time.process_time(), node_cpu()
    yield spent
    spent |= {"wall": time.perf_counter() - wall, "own": time.process_time() - own, "node": node_cpu() - theirs}


def _node_cpu(url: str) -> float:
    return float(_get(f"{url}/_nodes/stats/process", "GET", ("process", "cpu", "total_in_millis"))) / 1e3


def _get(url: str, method: str, keys: Sequence[str]) -> Any:
    """A figure of the only node there is."""
    found = next(iter(_json(url, method)["nodes"].values()))
    for key in keys:
        found = found[key]
    return found


def _disk_usage(url: str) -> dict[str, int]:
    """Bytes of the index by what they are for."""
    answer = _json(f"{url}/capacity/_disk_usage?run_expensive_tasks=true&flush=true", "POST")
    fields = next(each["fields"] for name, each in answer.items() if name.startswith("capacity-"))
    parts: dict[str, int] = {}
    for name, used in fields.items():
        part = _PARTS.get(name, "other fields")
        parts[part] = parts.get(part, 0) + int(used["total_in_bytes"])
    return parts


def _json(url: str, method: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=600) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
