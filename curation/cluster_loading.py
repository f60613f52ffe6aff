"""How do releases get into a cluster from many workers? Each takes some row groups; their documents have the numbers they have in all.

So the index is the one that a single process makes. Fingerprints go to files of each worker, partition by partition; a partition is
counted and becomes its stretch of the filter by itself, and stretches, all parts of one size of filter, are joined by OR. Workers on
several machines share the releases' folder and the one that TMPDIR names, and have the cluster's credentials in their environment.

Not here: what a document is, and everything before and after the loading (`indexer.stores.elastic.writer`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.ledger import Ledger
from curation.running import Engine, Workers, pool_of
from curation.shards import Shard, read_shard, shards
from indexer.bloom.filter import DEFAULT_RATE, blocks_for
from indexer.bloom.spill import PARTITIONS, KeySpill, distinct, joined, stretch
from indexer.build import BuildReport
from indexer.corpus import Release
from indexer.errors import InputError
from indexer.stores.elastic.cluster import connect, errors_of
from indexer.stores.elastic.filter_making import Made
from indexer.stores.elastic.settings import place_of
from indexer.stores.elastic.unfinished import Loaded
from indexer.stores.elastic.writer import Counts, Progress, build_by, load_documents

_SHARD_BYTES = 64_000_000  # of text
_MEMORY = 1_000_000_000  # of a worker; of several TB of text, a stretch of the filter takes half of it, a slice of fingerprints the rest


@dataclass(frozen=True, slots=True)
class _Load:
    """Rows to load into an index, behind what is there of numbers below `end`; the worker's fingerprints go to `folder`."""

    shard: Shard
    location: str
    index: str
    end: int
    folder: Path


@dataclass(frozen=True, slots=True)
class _Partition:
    """A partition of the fingerprints in some folders; its stretch of a filter of `n_blocks` goes to `file`."""

    folders: tuple[Path, ...]
    number: int
    n_blocks: int = 0
    file: Path = Path()


def load_by_workers(
    engine: Engine,
    location: str,
    releases: Sequence[Release],
    ledger: Ledger,
    *,
    name: str,
    version: str,
    date: str,
    progress: Progress | None = None,
) -> BuildReport:
    """Builds an index of releases in a cluster, as build_cluster_index does; `ledger` has their repositories described. Raises as that
    does, and WorkerLost."""
    paths = [release.path / file for release in releases for file in release.manifest["files"]]
    found = shards(paths, _SHARD_BYTES)
    if not found:
        raise InputError(f"{', '.join(str(release.path) for release in releases)}: no file in it, so nothing was written")
    with ExitStack() as at_work:
        pool = at_work.enter_context(pool_of(engine, os.cpu_count() or 1, _MEMORY))

        def loading(loaded: Loaded, scratch: Path) -> tuple[Counts, list[Path]]:
            tasks = [_Load(shard, location, loaded.index, loaded.end, scratch / f"worker-{shard.number:06d}") for shard in found]
            total = Counts(KeySpill(scratch))
            try:
                for counts, files in pool.run(_load, tasks):
                    _add(total, counts)
                    ledger.count_all(files.items())
                    if progress:
                        progress(total.rows, total.text_bytes, "loading")
            except BaseException:
                at_work.close()  # a worker that goes on would make the index anew once it is deleted
                raise
            loaded.check_end(total.rows)
            return total, [task.folder for task in tasks]

        return build_by(
            location, loading, repositories=ledger.batches(), name=name, version=version, date=date,
            made_filter=lambda folders: _made_by(pool, folders),
        )  # fmt: skip


def _load(task: _Load) -> tuple[Counts, Counter[str]]:
    """Loads a shard, in a worker; what it counted, and how many files each repository has."""
    place, files = place_of(task.location), Counter[str]()
    task.folder.mkdir()
    client = connect(place)
    counts = Counts(KeySpill(task.folder), rows=task.shard.first_row)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in read_shard(task.shard):
            files.update(batch.column("repository").to_pylist())
            yield batch

    with errors_of(place):
        load_documents(batches(), counts, Loaded(client, place, task.index, task.end))
    client.close()
    counts.rows -= task.shard.first_row
    return counts, files


def _add(total: Counts, counts: Counts) -> None:
    total.rows += counts.rows
    total.text_bytes += counts.text_bytes
    total.tokens += counts.tokens
    total.fingerprints += counts.fingerprints


def _made_by(pool: Workers, folders: Sequence[Path]) -> Made:
    """The filter of the fingerprints in some folders, as `made_here` makes it."""
    parts = [_Partition(tuple(folders), number) for number in range(PARTITIONS)]
    n_keys = sum(pool.run(_count, parts))
    n_blocks = blocks_for(n_keys, DEFAULT_RATE)
    sized = [replace(part, n_blocks=n_blocks, file=folders[0].parent / f"stretch-{part.number:03d}.npy") for part in parts]
    return n_keys, n_blocks, joined(_stretches(pool, sized))


def _stretches(pool: Workers, parts: Sequence[_Partition]) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    firsts = dict(pool.run(_stretch, parts))
    for part in parts:
        yield firsts[part.number], np.load(part.file)
        part.file.unlink()


def _count(part: _Partition) -> int:
    return sum(len(keys) for keys in distinct(part.folders, part.number))


def _stretch(part: _Partition) -> tuple[int, int]:
    """Writes a stretch; its number, and its first block."""
    first, halves = stretch(distinct(part.folders, part.number), part.number, part.n_blocks)
    np.save(part.file, halves)
    return part.number, first
