"""Are near-duplicates found, all of them and no others, how fast and in how much memory? `python -m tests.bench.near_duplicates`.

20,000 distinct files of 42 releases of 14 packages, each compared exactly with every other one by plain counting; a million made-up
files for memory; pairs of versions for the rule that chooses between them.

Not here: that clusters are right in small and in every order (`tests/curation/test_near_duplicates.py`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curation.batches import batches
from curation.near_duplicates import joining_kernels
from curation.near_duplicates.bands import BandRecords
from curation.near_duplicates.clusters import Clusters, cluster
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import band_keys, shingle_sets, signatures
from curation.near_duplicates.tables import hashvalues_of, signed
from curation.near_duplicates.texts import NumberedTexts
from curation.origin import Reading
from curation.sources.naming import all_files, source
from indexer.corpus import FILES_SCHEMA
from tests.bench.corpus import console
from tests.bench.download import download
from tests.bench.packages import Package
from tests.bench.parts import commit
from tests.bench.place import data_folder
from tests.bench.report import circumstances, table
from tests.bench.similar_pairs import Pairs, similar_pairs
from tests.bench.version_pairs import representatives

RESULTS = Path(__file__).with_name("results") / "near_duplicates.md"
SETTINGS = NearDuplicateSettings()
N_FILES = 20_000
THEIRS = 500
N_MADE_UP = 1_000_000
N_VERSION_PAIRS = 50
RELEASES = {
    "ansible-core": "2.14.0 2.15.0 2.16.0 2.17.0",
    "babel": "2.11.0 2.14.0",
    "botocore": "1.34.0",
    "django": "4.0 4.1 4.2 5.0 5.1 5.2",
    "faker": "15.0.0 20.0.0 30.0.0",
    "hypothesis": "6.80.0 6.100.0",
    "jax": "0.4.20 0.4.25 0.4.30",
    "networkx": "2.8 3.0 3.2 3.4",
    "nltk": "3.7 3.8 3.9",
    "pandas": "2.0.0 2.1.0 2.2.0",
    "pip": "22.0 23.0 24.0 25.0",
    "pylint": "2.17.0 3.0.0 3.2.0",
    "scikit-learn": "1.3.0 1.5.0",
    "scipy": "1.10.0 1.12.0",
}
PACKAGES = [Package("py", name, version) for name, versions in RELEASES.items() for version in versions.split()]


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of all threads: for signatures (reading included) and for clusters with every comparison; and what came of it."""

    signing: float
    clustering: float
    result: Clusters
    names: list[str]
    rows: list[pa.RecordBatch]


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.near_duplicates", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and the corpus are kept (%(default)s)")
    parser.add_argument(
        "--made-up", type=int, default=N_MADE_UP, metavar="N", help="files of the run that memory is measured on (%(default)s)"
    )
    options = parser.parse_args()
    text = report(options.data, options.made_up)
    print(text)
    if options.made_up == N_MADE_UP:
        RESULTS.write_text(text, "utf-8")
        console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


def report(data: Path, n_made_up: int) -> str:
    """Makes the corpus where it is missing, measures, and gives the report."""
    file = make_corpus(data)
    _measure(file)  # compiles kernels, loads datasketch
    cost = _measure(file)
    columns = pq.read_table(file, columns=["content", "repository", "path", "purl", "size"])
    console.print("comparing every pair by plain counting", highlight=False)
    truth = similar_pairs(columns.column("content").to_pylist(), SETTINGS)
    lines = [
        "# Near-duplicates",
        "",
        *circumstances(commit()),
        f"- {columns.num_rows:,} distinct files, {pc.sum(columns.column('size')).as_py() / 1e6:.0f} MB: the first of {len(PACKAGES)} wheels"
        f" of {len(RELEASES)} packages, read by `curation.sources`",
        f"- {SETTINGS}",
        "",
        "## Found, against every pair compared by plain counting",
        "",
        _found(cost, truth, columns.column("content").combine_chunks()),
        "## Cost",
        "",
        _cost(cost, columns.column("content").combine_chunks()),
        _memory(n_made_up, data),
        "## The representative",
        "",
        representatives(file, cost.names),
    ]
    return "\n".join(lines)


def make_corpus(data: Path) -> Path:
    """Downloads the wheels and writes their first N_FILES distinct files; does nothing where that stands."""
    file = data / "releases" / "files.parquet"
    if file.exists():
        return file
    fetched = [download(one, data.resolve() / "releases" / f"{one.name}-{one.version}") for one in PACKAGES]
    reading, seen, part = Reading(), set[str](), file.with_suffix(".part")
    sources = [source(f"wheel:{archive}") for one in fetched for archive in one.archives]
    with pq.ParquetWriter(part, FILES_SCHEMA, compression="zstd") as writer:
        for batch in batches(all_files(sources, reading), reading):
            ids = batch.column("content_id").to_pylist()
            places = {one: i for i, one in reversed(list(enumerate(ids))) if one not in seen}
            fresh = sorted(places.values())[: N_FILES - len(seen)]
            seen.update(ids[i] for i in fresh)
            writer.write_batch(batch.take(pa.array(fresh, pa.int64())))
            if len(seen) >= N_FILES:
                break
    part.rename(file)
    return file


def _measure(file: Path) -> Cost:
    begin = time.process_time()
    rows, first = [], 0
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(512):
            rows.append(signed(batch, pa.array(range(first, first + batch.num_rows)), signatures(batch, SETTINGS)))
            first += batch.num_rows
    between = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        result = cluster(lambda: rows, SETTINGS, Path(scratch), NumberedTexts((file,)))
        end = time.process_time()
        names = pq.read_table(result.table).column("cluster_id").to_pylist()
    return Cost(between - begin, end - between, result, names, rows)


def _found(cost: Cost, truth: Pairs, texts: pa.Array) -> str:
    """What shares a band and is alike by our own comparison, beside all that is alike."""
    expected = truth.first * len(texts) + truth.second
    met = _met(cost.rows)
    found = met[_alike(met, texts)]
    keys = np.isin(expected, found)
    low = truth.similarity < 0.75
    _, labels = connected_components(coo_array((np.ones(len(expected)), (truth.first, truth.second)), shape=(len(texts), len(texts))))
    _, ours = np.unique(cost.names, return_inverse=True)
    same_cluster = ours[truth.first] == ours[truth.second]
    rows = [
        ["pairs at 0.7 or above", f"{len(expected):,}"],
        ["pairs that share a band", f"{len(met):,}"],
        ["pairs found", f"{len(found):,}"],
        ["precision", f"{np.isin(found, expected).mean():.4f}"],
        ["recall", f"{keys.mean():.4f}"],
        [f"recall of the {int(low.sum()):,} pairs from 0.70 to 0.75", f"{keys[low].mean():.4f}"],
        ["pairs that end in one cluster", f"{same_cluster.mean():.4f}"],
        ["clusters; by every pair; in common", f"{len(set(cost.names)):,}; {labels.max() + 1:,}; {_in_common(labels, ours):,}"],
    ]
    return table(["", ""], rows)


def _in_common(labels: NDArray[Any], ours: NDArray[Any]) -> int:
    """How many groups two partitions have in common."""
    overlaps = Counter(zip(labels.tolist(), ours.tolist(), strict=True))
    theirs, own = Counter(labels.tolist()), Counter(ours.tolist())
    return sum(n == theirs[a] == own[b] for (a, b), n in overlaps.items())


def _met(rows: list[pa.RecordBatch]) -> NDArray[np.int64]:
    """Pairs of files that share a band, each as first * n + second, ascending."""
    hashvalues = np.concatenate([hashvalues_of(batch, SETTINGS) for batch in rows])
    signed_nodes = np.flatnonzero(np.concatenate([batch.column("shingles").to_numpy() for batch in rows]))
    found = []
    with tempfile.TemporaryDirectory() as folder, BandRecords(Path(folder, "bands")) as records:
        records.add(band_keys(hashvalues[signed_nodes], SETTINGS).ravel(), np.repeat(signed_nodes, SETTINGS.bands))
        for buckets in records.buckets():
            for size in np.unique(np.diff(buckets.offsets)):
                starts = buckets.offsets[:-1][np.diff(buckets.offsets) == size]
                members = buckets.members[starts[:, None] + np.arange(size)]
                i, j = np.triu_indices(size, 1)
                found.append(np.unique(members[:, i] * len(hashvalues) + members[:, j]))
    return np.unique(np.concatenate(found))


def _alike(pairs: NDArray[np.int64], texts: pa.Array) -> NDArray[np.bool_]:
    """Our own comparison of each pair."""
    pieces = list(shingle_sets(texts, SETTINGS))
    sizes = np.concatenate([np.diff(offsets) for _, offsets in pieces])
    sets, starts = np.concatenate([hashes for hashes, _ in pieces]), np.cumsum(sizes) - sizes
    n, limit = len(texts), SETTINGS.threshold
    return np.array([joining_kernels.are_similar(sets, starts, sizes, pair // n, pair % n, limit) for pair in pairs.tolist()])


def _cost(cost: Cost, texts: pa.Array) -> str:
    n = len(texts)
    total, theirs = cost.signing + cost.clustering, _theirs(texts.slice(0, THEIRS))
    rows = [
        ["signatures, reading included", f"{cost.signing:.2f} s", f"{n / cost.signing:,.0f}"],
        ["clusters, every comparison and reading included", f"{cost.clustering:.2f} s", f"{n / cost.clustering:,.0f}"],
        ["both", f"{total:.2f} s", f"{n / total:,.0f}"],
        [f"datasketch's own signatures of {THEIRS} of them, from our shingles", f"{theirs:.2f} s", f"{THEIRS / theirs:,.0f}"],
    ]
    told = f"{cost.result.read:,} texts read again, {cost.result.compared:,} comparisons, {cost.result.clusters:,} clusters.\n"
    return table(["", "CPU time", "files a second a core"], rows) + "\n" + told


def _theirs(texts: pa.Array) -> float:
    """CPU seconds of datasketch's update_batch, without shingling and hashing."""
    from datasketch import MinHash

    values = [
        [int(one) & 0xFFFFFFFF for one in hashes[a:b]] for hashes, offsets in shingle_sets(texts, SETTINGS) for a, b in pairwise(offsets)
    ]
    begin = time.process_time()
    for shingles in values:
        MinHash(SETTINGS.permutations, SETTINGS.seed, hashfunc=int, scheme="affine32").update_batch(shingles)
    return time.process_time() - begin


def _memory(n: int, data: Path) -> str:
    command = [sys.executable, "-m", "tests.bench.made_up_files", str(n), str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
