"""A process that loads an index into a cluster, or adds to one, and is killed in the middle of it (`tests.indexer.killing`)."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from indexer.add import AddReport, add_documents
from indexer.stores.elastic import bulk
from indexer.stores.elastic.writer import BATCH_ROWS, build_cluster_index
from tests.indexer.conftest import batches_of
from tests.indexer.killing import serve

DOCUMENTS = 5 * BATCH_ROWS


def rows(seed: int) -> list[dict[str, Any]]:
    """Some documents, a few of them twice."""
    chance = random.Random(seed)
    made = [
        {
            "content": "\n".join(f"value_{seed}_{doc}_{i} = make({i} * {doc}, other={chance.randrange(99)})" for i in range(8)),
            "repository": f"o{doc % 7}/r{doc % 40}",
            "path": f"f{doc}.py",
        }
        for doc in range(DOCUMENTS)
    ]
    for i in chance.sample(range(DOCUMENTS // 2, DOCUMENTS), 20):
        made[i] = made[i - DOCUMENTS // 2]
    return made


def load(location: str, seed: int, batches: int | None = None) -> None:
    """Loads all documents, or is killed once so many batches were read."""
    build_cluster_index(location, _read(seed, batches), name="l", version="1", date="2024-06-07")


def add(location: str, seed: int, batches: int | None = None) -> AddReport:
    """Adds them to an index, or is killed as well."""
    return add_documents(location, _read(seed, batches), version=str(seed))


def _read(seed: int, batches: int | None) -> Iterator[pa.RecordBatch]:
    for number, batch in enumerate(batches_of(rows(seed))):
        if number == batches:
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch


if __name__ == "__main__":
    bulk.BULK_BYTES = 50_000  # so that many are under way between two batches
    ways = {"load": load, "add": add}
    serve(lambda _, how, location, seed, batches: ways[how](location, int(seed), int(batches) if int(batches) >= 0 else None))
