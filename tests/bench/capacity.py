"""What do larger corpora need? Prints docs/CAPACITY.md from results/capacity.json: `make capacity`.

What was measured and what is reckoned from it stand in tables of their own, and each figure that is reckoned stands beside its arithmetic.

Not here: the measuring (`capacity_measure`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.stores.elastic.settings import PREFIX, Place
from tests.bench.report import table

RESULTS = Path(__file__).with_name("results") / "capacity.json"
TARGET = Path(__file__).parents[2] / "docs" / "CAPACITY.md"
WANTED_GB = (0.1, 0.5, 2.0)
CORPORA = {"The Stack v1": 3_000.0, "The Stack v3": 15_900.0}  # GB of text
SHARD_GB = 50.0
COPIES = 2  # a primary and one replica
GENERATIONS = 2  # the one before stands until the next build
NODE_CORES, NODE_MEMORY_GB, NODE_HEAP_GB, NODE_DISK_GB, NODE_DISK_USED = 16, 64, 31, 2_000.0, 0.8
Result = dict[str, Any]

_HEAD = """\
# Capacity

What an index of 0.1, 0.5 and 2 GB of real code takes, measured, and what follows for corpora a thousand times as large, reckoned.
`make capacity` writes this page from `tests/bench/results/capacity.json`, which `make capacity-measure` fills; no figure is typed.

GB is 10^9 bytes. A folder is Wherefrom's own index on one machine, a cluster is Elasticsearch; both with full text. All sizes are shares of
the same packages, each share within the next, and the same questions are asked of all: snippets of 5 to 40 lines in seven shapes, and
snippets that are not there. One caller asks for the times, four together for the rate; client and server share the machine.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure that is reckoned, for each corpus, and its arithmetic."""

    what: str
    cells: tuple[str, ...]


def main() -> None:
    """Prints the page."""
    print(page(json.loads(RESULTS.read_text("utf-8"))), end="")


def page(results: Sequence[Result]) -> str:
    """The whole page as markdown."""
    folder, cluster = (sorted(_of(results, store), key=lambda one: one["text_bytes"]) for store in ("folder", "cluster"))
    sections = [_HEAD, "## Measured\n", _circumstances(results), _measured(folder, "folder"), _measured(cluster, "cluster")]
    return "\n".join([*sections, *_reckoned(folder, cluster)])


def _of(results: Sequence[Result], store: str) -> list[Result]:
    return [one for one in results if one["store"] == store]


def _circumstances(results: Sequence[Result]) -> str:
    places = sorted({f"- {one['date']}, commit {one['commit']}, {one['machine']}" for one in results})
    stands = {(one["store"], one["gb"]) for one in results}
    missing = [f"{store} at {gb} GB" for store in ("folder", "cluster") for gb in WANTED_GB if (store, gb) not in stands]
    busy = max(one["load_before"] / one["cores"] for one in results)
    lines = [*places, f"- Not measured yet: {', '.join(missing) or 'nothing of what is wanted'}."]
    if busy > 0.5:
        lines.append(
            f"- The machine was not idle: up to {busy:.1f} other processes a core wanted to run. Sizes are exact, times are upper bounds."
        )
    return "\n".join(lines) + "\n"


def _measured(results: Sequence[Result], store: str) -> str:
    if not results:
        return f"### In a {store}\n\nNot measured yet.\n"
    least = results[0]
    header = [
        "text",
        "files",
        "loading MB/s",
        "MB a CPU second of that",
        "index / text",
        "attribution p50 / p99 ms",
        "p50 over the smallest",
        "membership p50 / p99 ms",
    ]
    header += ["search p50 / p99 ms", "attributions a second", "CPU ms an attribution: asking side", "Elasticsearch"]
    rows = [
        [
            f"{_gb(one):.3f} GB",
            f"{one['documents']:,}",
            f"{_rate(one):.2f}",
            f"{_a_core(one):.2f}",
            f"{_ratio(one):.3f}",
            _times(one, "attribution"),
            f"{one['attribution_p50_ms'] / least['attribution_p50_ms']:.2f}",
            _times(one, "membership"),
            _times(one, "search"),
            f"{one['attributions_a_second']:.1f}",
            f"{one['attribution_cpu_ms']:.1f}",
            f"{one['attribution_node_cpu_ms']:.1f}" if store == "cluster" else "",
        ]
        for one in results
    ]
    names = list(dict.fromkeys(name for one in results for name in one["parts"]))
    parts = [[f"{_gb(one):.3f} GB", *(f"{one['parts'].get(name, 0) / one['text_bytes']:.4f}" for name in names)] for one in results]
    told = f", server {results[0]['server']}, one node, one shard, heap {results[0]['heap']}" if store == "cluster" else ""
    return f"### In a {store}{told}\n\n{table(header, rows)}\nOf the index, over the text:\n\n{table(['text', *names], parts)}"


def _gb(one: Result) -> float:
    return float(one["text_bytes"]) / 1e9


def _ratio(one: Result) -> float:
    return float(one["index_bytes"]) / float(one["text_bytes"])


def _rate(one: Result) -> float:
    return float(one["text_bytes"]) / 1e6 / float(one["build_seconds"])


def _a_core(one: Result) -> float:
    """MB of text that a second of a core loads, of all processes together; unlike the clock it does not count what others do."""
    return float(one["text_bytes"]) / 1e6 / (float(one["build_cpu_seconds"]) + float(one.get("build_node_cpu_seconds", 0.0)))


def _times(one: Result, name: str) -> str:
    return f"{one[f'{name}_p50_ms']:.2f} / {one[f'{name}_p99_ms']:.1f}"


def _reckoned(folder: Sequence[Result], cluster: Sequence[Result]) -> Iterator[str]:
    yield "## Reckoned, not measured\n"
    if not folder or not cluster:
        yield "Nothing: it needs measurements of both stores.\n"
        return
    yield _assumptions(folder[-1], cluster)
    rows = [*_sizes(folder[-1], cluster[-1]), *_machines(cluster[-1]), *_loading(folder[-1], cluster[-1]), *_serving(cluster)]
    yield table(["", *(f"{name}, {gb:,.0f} GB" for name, gb in CORPORA.items())], [[row.what, *row.cells] for row in rows])
    yield _doubts(cluster)


def _assumptions(folder: Result, cluster: Sequence[Result]) -> str:
    lines = [
        f"- Ratios are those of the largest size measured: {_gb(folder):.3f} GB in a folder, {_gb(cluster[-1]):.3f} GB in a cluster.",
        f"- A shard has at most {SHARD_GB:.0f} GB, which is as much as Elastic advises.",
        f"- A node has {NODE_CORES} cores, {NODE_MEMORY_GB} GB of memory, {NODE_HEAP_GB} of them heap, and {NODE_DISK_GB:,.0f} GB of disk,"
        f" filled to {NODE_DISK_USED:.0%}: a disk at 85 % gets no new shards, and a merge needs room.",
        f"- Each shard has one replica, {COPIES} copies, in {GENERATIONS} generations: the one before stands until the next build.",
        f"- Elasticsearch's CPU time for an attribution grows with a shard's text to the power {_power(cluster):.2f}"
        + (", which is what the sizes measured give." if len(cluster) > 1 else ", the worst case: one size alone was measured."),
        "- A question goes to one copy of every shard.",
    ]
    return "\n".join(lines) + "\n"


def _power(cluster: Sequence[Result]) -> float:
    """How Elasticsearch's time grows with the text: 0 not at all, 1 in proportion, the worst that is assumed."""
    first, last = cluster[0], cluster[-1]
    if len(cluster) < 2:
        return 1.0
    grown = math.log(last["attribution_node_cpu_ms"] / first["attribution_node_cpu_ms"]) / math.log(
        last["text_bytes"] / first["text_bytes"]
    )
    return round(min(1.0, max(0.0, grown)), 2)


def _row(what: str, cells: Iterator[str]) -> Row:
    return Row(what, tuple(cells))


def _sizes(folder: Result, cluster: Result) -> Iterator[Row]:
    kilobytes = round(folder["text_bytes"] / folder["documents"] / 1e3, 2)
    yield _row("files", (f"{gb:,.0f} GB / {kilobytes} kB = {gb / kilobytes:,.0f} million" for gb in CORPORA.values()))
    filtered = round(folder["parts"]["filter"] / folder["text_bytes"], 4)
    yield _row("membership filter", (f"{gb:,.0f} GB × {filtered} = {gb * filtered:,.0f} GB" for gb in CORPORA.values()))
    each = round(cluster["fingerprints"] / cluster["text_bytes"], 4)
    yield _row(
        f"scratch disk of a load: 8 bytes for each of {each} fingerprints a byte, at most",
        (f"{gb:,.0f} GB × {each} × 8 = {gb * each * 8:,.0f} GB" for gb in CORPORA.values()),
    )
    ratio = round(_ratio(folder), 3)
    yield _row("index in a folder, one machine", (f"{gb:,.0f} GB × {ratio} = {gb * ratio:,.0f} GB" for gb in CORPORA.values()))
    ratio = round(_ratio(cluster), 3)
    yield _row("index in a cluster, primaries", (f"{gb:,.0f} GB × {ratio} = {_primaries(gb, cluster):,.0f} GB" for gb in CORPORA.values()))


def _primaries(gb: float, cluster: Result) -> float:
    return gb * round(_ratio(cluster), 3)


def _shards(gb: float, cluster: Result) -> int:
    return math.ceil(round(_primaries(gb, cluster)) / SHARD_GB)


def _disk(gb: float, cluster: Result) -> int:
    return round(_primaries(gb, cluster)) * COPIES * GENERATIONS


def _nodes(gb: float, cluster: Result) -> int:
    return math.ceil(_disk(gb, cluster) / round(NODE_DISK_GB * NODE_DISK_USED))


def _machines(cluster: Result) -> Iterator[Row]:
    sizes = CORPORA.values()
    yield _row("primary shards", (f"⌈{_primaries(gb, cluster):,.0f} GB / {SHARD_GB:.0f} GB⌉ = {_shards(gb, cluster)}" for gb in sizes))
    yield _row(
        "disk, all copies of all generations",
        (f"{_primaries(gb, cluster):,.0f} GB × {COPIES} × {GENERATIONS} = {_disk(gb, cluster):,.0f} GB" for gb in sizes),
    )
    usable = NODE_DISK_GB * NODE_DISK_USED
    yield _row("nodes by disk", (f"⌈{_disk(gb, cluster):,.0f} GB / {usable:,.0f} GB⌉ = {_nodes(gb, cluster)}" for gb in sizes))
    yield _row("memory", (f"{_nodes(gb, cluster)} × {NODE_MEMORY_GB} GB = {_nodes(gb, cluster) * NODE_MEMORY_GB:,.0f} GB" for gb in sizes))
    free = NODE_MEMORY_GB - NODE_HEAP_GB
    yield _row(
        "share of the disk that the system's cache can hold",
        (
            f"{_nodes(gb, cluster) * free:,.0f} GB / {_disk(gb, cluster):,.0f} GB = {_nodes(gb, cluster) * free / (_disk(gb, cluster)):.3f}"
            for gb in sizes
        ),
    )


def _loading(folder: Result, cluster: Result) -> Iterator[Row]:
    sizes = CORPORA.values()
    one, both = round(_rate(folder), 2), round(_rate(cluster), 2)
    yield _row(
        f"building a folder, {folder['cores']} cores",
        (f"{gb * 1e3:,.0f} MB / {one} MB/s / 3600 = {gb * 1e3 / one / 3600:,.0f} h" for gb in sizes),
    )
    yield _row(
        f"loading a cluster as measured: loader and node on {cluster['cores']} cores",
        (f"{gb * 1e3:,.0f} MB / {both} MB/s / 3600 = {gb * 1e3 / both / 3600:,.0f} h" for gb in sizes),
    )
    each = round(_a_core(cluster), 2)
    yield _row(
        f"the same on the nodes above, all cores busy ({each} MB a second of a core, loader's and node's together)",
        (
            f"{gb * 1e3:,.0f} MB / ({_nodes(gb, cluster)} × {NODE_CORES} × {each} MB/s) / 3600"
            f" = {gb * 1e3 / (_nodes(gb, cluster) * NODE_CORES * each) / 3600:,.0f} h"
            for gb in sizes
        ),
    )


def _larger(gb: float, last: Result) -> float:
    """How many times the text of the largest shard measured a shard then has."""
    return round(gb / _shards(gb, last) / _gb(last), 1)


def _shard_ms(gb: float, cluster: Sequence[Result]) -> float:
    """Elasticsearch's CPU time for one attribution on one shard."""
    last = cluster[-1]
    return float(round(last["attribution_node_cpu_ms"], 1) * _larger(gb, last) ** _power(cluster))


def _serving(cluster: Sequence[Result]) -> Iterator[Row]:
    last, sizes, power = cluster[-1], CORPORA.values(), _power(cluster)
    measured, larger = round(last["attribution_node_cpu_ms"], 1), {gb: _larger(gb, last) for gb in sizes}
    yield _row(
        "Elasticsearch's CPU for an attribution on one shard",
        (f"{measured} ms × {larger[gb]} ^ {power} = {_shard_ms(gb, cluster):,.0f} ms" for gb in sizes),
    )
    cores = {gb: _nodes(gb, last) * NODE_CORES for gb in sizes}
    yield _row(
        "attributions a second, all nodes busy",
        (
            f"{cores[gb]:,} × 1000 ms / ({_shards(gb, last)} × {_shard_ms(gb, cluster):,.0f} ms) = {_a_second(gb, cluster):,.2f}"
            for gb in sizes
        ),
    )
    asking = round(last["attribution_cpu_ms"], 1)
    yield _row(
        "cores of API servers for that",
        (f"{_a_second(gb, cluster):,.2f} × {asking} ms / 1000 = {_a_second(gb, cluster) * asking / 1e3:,.2f}" for gb in sizes),
    )


def _a_second(gb: float, cluster: Sequence[Result]) -> float:
    return _nodes(gb, cluster[-1]) * NODE_CORES * 1e3 / (_shards(gb, cluster[-1]) * round(_shard_ms(gb, cluster)))


def _doubts(cluster: Sequence[Result]) -> str:
    return (
        "\nWhat may make these wrong:\n\n"
        f"- They reach from {_gb(cluster[-1]):.1f} GB to thousands. Ratios of size hardly change between the sizes measured; times may.\n"
        f"- A server fetches a membership filter of up to `{PREFIX}FILTER_MB`, {Place('', '').filter_mb:,} where nothing is said,\n"
        "  and keeps it below `/tmp`. One of the size above has to be allowed by that, with room for three; else membership asks the\n"
        "  cluster, as attribution does.\n"
        "- Everything measured was in memory. Of a cluster of these sizes most is on disk: a first question about rare code reads from\n"
        "  it, and none of the times above says how long that takes. Measure on your own disks before you promise anything.\n"
        "- Packages are less repetitive than all of GitHub. Copies make lists of files longer and text compress better.\n"
        "- The number of questions a second is what CPU allows, with no time limit on an answer and nothing else to do; merging and\n"
        "  snapshots take their part.\n"
    )


if __name__ == "__main__":
    main()
