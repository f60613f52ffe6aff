"""What do very many files cost, and files that share a header? `python -m tests.bench.made_up_files N FOLDER`, a process of its own.

Not here: real files (`near_duplicates`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.near_duplicates.clusters import cluster
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import signatures
from curation.near_duplicates.tables import signed
from indexer.corpus import FILES_SCHEMA
from tests.bench.worker import peak_bytes, resident_bytes

SETTINGS = NearDuplicateSettings()


def made_up(n: int, data: Path) -> str:
    """Clusters n files of 150 words, four versions of each text; tells the most memory that was resident, mapped files included."""
    with tempfile.TemporaryDirectory(dir=data) as folder:
        file = Path(folder, "signed.parquet")
        begin = time.process_time()
        writer = None
        for first, batch in _made_up_batches(np.arange(n)):
            row = signed(batch, pa.array(range(first, first + batch.num_rows)), signatures(batch, SETTINGS))
            writer = writer or pq.ParquetWriter(file, row.schema, compression="none", use_dictionary=False)
            writer.write_batch(row)
        assert writer is not None
        writer.close()
        signing, signing_peak = time.process_time() - begin, peak_bytes()
        before, begin = resident_bytes(), time.process_time()
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins anew
        found = cluster(lambda: pq.ParquetFile(file, pre_buffer=False).iter_batches(4096), SETTINGS, Path(folder), _made_up_texts)
        clustering = time.process_time() - begin
    return (
        f"{n:,} made-up files of 150 words, four versions of each, making them included: signatures in {signing:.0f} s of CPU time with at"
        f" most {signing_peak / 1e6:.0f} MB resident; clusters in {clustering:.0f} s ({found.clusters:,} found, {found.compared:,}"
        f" comparisons) with at most {peak_bytes() / 1e6:.0f} MB resident, {before / 1e6:.0f} of them before it begins.\n"
    )


def headed(n: int, data: Path) -> str:
    """Clusters n files that are two thirds one header, each tenth of them with a version: thousands share each of many bands."""
    draw = np.random.default_rng(1)
    header = " ".join(map(str, draw.integers(0, 1 << 40, 140).tolist()))
    texts = [f"{header} {' '.join(map(str, draw.integers(0, 1 << 40, 75).tolist()))}" for _ in range(n)]
    texts += [f"{text} changed" for text in texts[::10]]

    def contents(wanted: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
        yield wanted, pa.array([texts[i] for i in wanted.tolist()], pa.large_string())

    batch = _batch(np.arange(len(texts)), pa.array(texts, pa.large_string()))
    with tempfile.TemporaryDirectory(dir=data) as folder:
        begin = time.process_time()
        row = signed(batch, pa.array(range(len(texts))), signatures(batch, SETTINGS))
        found = cluster(lambda: [row], SETTINGS, Path(folder), contents)
        seconds = time.process_time() - begin
    return (
        f"{len(texts):,} files of a header of 140 words and 75 of their own, {n // 10:,} of them in two versions: {seconds:.1f} s of CPU"
        f" time, signatures included, {found.compared:,} comparisons; {len(texts) - found.clusters:,} versions found.\n"
    )


def _made_up_batches(numbers: NDArray[np.int64]) -> Iterator[tuple[int, pa.RecordBatch]]:
    for found, texts in _made_up_texts(numbers):
        yield int(found[0]), _batch(found, texts)


def _batch(numbers: NDArray[np.int64], texts: pa.Array) -> pa.RecordBatch:
    ids = [f"{number * 0x9E3779B97F4A7C15 % (1 << 64):040x}" for number in numbers.tolist()]
    given = {"content": texts, "content_id": ids, "path": ids, "repository": ["o/n"] * len(ids)}
    columns = [pa.array(given.get(field.name, [None] * len(ids)), field.type) for field in FILES_SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=FILES_SCHEMA)


def _made_up_texts(wanted: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
    """A text for every number: 150 words drawn for each four, two of them changed in each."""
    for begin in range(0, len(wanted), 512):
        some = wanted[begin : begin + 512]
        texts = []
        for number in some.tolist():
            words = np.random.Generator(np.random.PCG64(number // 4)).integers(0, 1 << 40, 150).tolist()
            words[number % 4 * 30] = words[number % 4 * 30 + 1] = number
            texts.append(" ".join(map(str, words)))
        yield some, pa.array(texts, pa.large_string())


if __name__ == "__main__":
    print(made_up(int(sys.argv[1]), Path(sys.argv[2])))
    print(headed(20_000, Path(sys.argv[2])))
