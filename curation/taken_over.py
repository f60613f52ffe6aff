"""Which rows of a dataset that was collected earlier stay, and who stands behind their numbers?

    dataset:issues-1     the folder of a dataset of the same kind; its key is read from issues-1.steward, or the folder that is named

So somebody who asks to be left out after a dataset was published goes from its next version, although it only numbers its authors and
the events it was made of may be gone. Numbers stay as they were.

Not here: which rows go (`curation.removals`), collecting from events and clones (`curation.datasets`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.batches import permitted
from curation.origin import Reading
from curation.release_folder import check_hash
from curation.steward import Alias, all_aliases
from indexer.corpus import Release
from indexer.errors import InputError

PREFIX = "dataset:"
_BATCH_ROWS = 512
_NUMBERED = ("issues", "commits")


def taken_over(
    name: str, kind: str, schema: pa.Schema, reading: Reading, alias: Callable[[Alias], None], key: Path | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of what may stay of a dataset; `alias` is told who stands behind the numbers that are left, by its `key`. Flat memory.

    Raises InputError where there is no dataset of this kind, or no key of one that numbers its authors; IndexCorrupt for damage.
    """
    dataset = Release.open(name.removeprefix(PREFIX))
    if (found := dataset.manifest.get("kind")) != kind:
        raise InputError(f"{name}: a dataset of {found}, wanted {kind}; ask for --dataset {found}")
    key = key or dataset.path.with_name(f"{dataset.path.resolve().name}.steward")
    if kind not in _NUMBERED:
        yield from permitted(_batches(dataset, schema), reading)
        return
    removals = reading.removals
    with_places = replace(reading, removals=removals.with_key(key, "removals"))  # counts go to the same place
    gone: set[str] = set()
    for batch in _batches(dataset, schema):
        stayed = list(permitted([batch], with_places))
        gone |= _places([batch]) - _places(stayed)
        yield from stayed
    for entry in all_aliases(key, "taken over"):
        is_removed = removals.is_author(entry.account) or removals.reason(re.split("[#@]", entry.place)[0], None, None)
        if not is_removed and entry.place not in gone:
            alias(entry)


def _batches(dataset: Release, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for name in dataset.manifest["files"]:
        check_hash(dataset, name)
        with pq.ParquetFile(dataset.path / name) as file:
            for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                yield batch.select(schema.names).cast(schema)


def _places(batches: list[pa.RecordBatch]) -> set[str]:
    """The places in a key that threads and commits have."""
    found: set[str] = set()
    for batch in batches:
        mark, column = ("#", "issue_number") if "issue_number" in batch.schema.names else ("@", "commit")
        found |= {f"{row['repo']}{mark}{row[column]}" for row in batch.select(["repo", column]).to_pylist()}
    return found
