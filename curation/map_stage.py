"""What is decided of a shard's files, each looked at alone?

Every file of the shard goes through `curation.steps`; what comes of it is a table of decisions, a row a file: kept, or dropped by
which step and why, with what later stages need to know. The table is the shard's checkpoint: where it stands, the shard is done.

Not here: what needs more than one file to decide (`curation.global_stage`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.lineage import Lineage, lineage_of
from curation.release_folder import text_bytes
from curation.settings import Settings
from curation.shards import Shard, read_shard
from curation.steps import FILLED, STEPS, WORK_SCHEMA
from indexer.corpus import FILES_SCHEMA
from indexer.disk import appear, disk_errors, part_of

MEMORY_BYTES = 400_000_000 + sum(step.memory_bytes for step in STEPS)
_LINEAGE = b"lineage"
_KNOWN = ("content_id", "language", "repository", "path", "license_type", "stars", "forks", "first_seen")

DECISIONS_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("step", pa.string()),  # that dropped it; null where none did
        pa.field("drop", pa.string()),  # why
        pa.field("text_bytes", pa.int64()),
        *(FILES_SCHEMA.field(name) for name in dict.fromkeys((*_KNOWN, *FILLED))),
    ]
)


@dataclass(frozen=True, slots=True)
class MapTask:
    """A shard, the settings, and the file that its decisions go to."""

    shard: Shard
    settings: Settings
    target: Path


def decide(task: MapTask) -> Lineage:
    """Makes the table of decisions unless it is there; returns what was counted when it was made."""
    if task.target.is_file():
        return lineage_of(json.loads(pq.read_schema(task.target).metadata[_LINEAGE]))
    lineage = Lineage()
    decided = [part for batch in _numbered(task.shard, lineage) for part in _through(batch, task.settings, lineage)]
    table = pa.Table.from_batches(decided, DECISIONS_SCHEMA).sort_by("row")
    described = table.replace_schema_metadata({_LINEAGE: json.dumps(lineage.as_json())})
    with disk_errors(task.target), open(part_of(task.target), "wb") as file:
        pq.write_table(described, file, compression="zstd")
        appear(file, task.target)
    return lineage


def read_decisions(path: Path) -> pa.Table:
    """The decisions of one shard about the files that no step dropped."""
    return read_all_decisions(path).filter(pc.field("step").is_null())


def read_all_decisions(path: Path) -> pa.Table:
    """All decisions of one shard."""
    with pq.ParquetFile(path) as file:
        return file.read(use_threads=False)


def _numbered(shard: Shard, lineage: Lineage) -> Iterator[pa.RecordBatch]:
    """The shard's batches as WORK_SCHEMA."""
    account, batches, row = lineage.of("read"), read_shard(shard), shard.first_row
    while True:
        with account.measured():
            batch = next(batches, None)
        if batch is None:
            return
        rows = pa.array(range(row, row + batch.num_rows), pa.int64())
        row += batch.num_rows
        account.takes(batch.num_rows, text_bytes(batch))
        account.gives(batch.num_rows, text_bytes(batch))
        yield pa.RecordBatch.from_arrays([*batch.columns, rows, pa.nulls(len(rows), pa.string())], schema=WORK_SCHEMA)


def _through(batch: pa.RecordBatch, settings: Settings, lineage: Lineage) -> Iterator[pa.RecordBatch]:
    """What each step decides of a batch; a step sees what those before it kept."""
    for step in STEPS:
        account = lineage.of(step.name)
        account.takes(batch.num_rows, text_bytes(batch))
        with account.measured():
            batch = step.run(batch, settings)
        reasons = batch.column("drop")
        if reasons.null_count < len(reasons):
            dropped = batch.filter(pc.is_valid(reasons))
            account.dropped.update(Counter(dropped.column("drop").to_pylist()))
            yield _decided(dropped, step.name)
            batch = batch.filter(pc.is_null(reasons))
        account.gives(batch.num_rows, text_bytes(batch))
    yield _decided(batch, None)


def _decided(batch: pa.RecordBatch, step: str | None) -> pa.RecordBatch:
    """Rows of DECISIONS_SCHEMA."""
    made = {
        "step": pa.array([step] * batch.num_rows, pa.string()),
        "text_bytes": pc.binary_length(batch.column("content")).cast(pa.int64()),
    }
    columns = [made[name] if name in made else batch.column(name) for name in DECISIONS_SCHEMA.names]
    return pa.RecordBatch.from_arrays(columns, schema=DECISIONS_SCHEMA)
