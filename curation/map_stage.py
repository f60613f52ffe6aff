"""What is decided of a shard's files, each looked at alone?

First the licence files of all shards are gathered. Then every file goes through `curation.steps`; what comes of a shard is a table of
decisions, a row a file: kept, or dropped by which step and why, with what later stages need to know. Where the table stands, the
shard is done.

Not here: what needs more than one file to decide (`curation.global_stage`).
"""

from __future__ import annotations

import base64
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.context import Context, Reports, read_context
from curation.licence_texts import is_licence_name
from curation.lineage import Account, Lineage
from curation.package_licences import is_manifest
from curation.release_folder import text_bytes
from curation.shards import Shard, read_shard
from curation.steps import FILLED, STEPS, WORK_SCHEMA
from indexer.corpus import FILES_SCHEMA
from indexer.disk import appear, disk_errors, part_of

MEMORY_BYTES = 400_000_000 + max(step.memory_bytes for step in STEPS)
SURVEY = "survey"
RELEASED = "released"
_COUNTED = b"counted"
_KNOWN = ("content_id", "language", "repository", "path", "license_type", "stars", "forks", "first_seen")
_SURVEYED = ("repository", "commit", "path", "content")

DECISIONS_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("step", pa.string()),  # that dropped it; null where none did
        pa.field("drop", pa.string()),  # why
        pa.field("text_bytes", pa.int64()),
        *(FILES_SCHEMA.field(name) for name in dict.fromkeys((*_KNOWN, *FILLED))),
        *(WORK_SCHEMA.field(name) for name in ("shingles", "hashvalues", RELEASED)),
    ]
)


@dataclass(frozen=True, slots=True)
class MapTask:
    """A shard, the file with the run's context (none is needed for a survey), and the file that the result goes to."""

    shard: Shard
    context: Path
    target: Path


@dataclass(slots=True)
class Counted:
    """What was counted, and reported, while a shard was worked on."""

    lineage: Lineage = field(default_factory=Lineage)
    reports: Reports = field(default_factory=Reports)


def survey(task: MapTask) -> Lineage:
    """Gathers the rows of a shard that say something about licences, unless that was done."""
    if not task.target.is_file():
        lineage = Lineage()
        account = lineage.of(SURVEY)
        with account.measured():
            found = [_legal(batch, account) for batch in read_shard(task.shard)]
        table = pa.Table.from_batches(found, pa.schema([FILES_SCHEMA.field(name) for name in _SURVEYED]))
        _write(table, Counted(lineage), task.target)
    return _counted(task.target).lineage


def decide(task: MapTask) -> Counted:
    """Makes the table of decisions unless it is there; returns what was counted when it was made."""
    if not task.target.is_file():
        counted = Counted()
        context = read_context(task.context)
        decided = [part for batch in _numbered(task.shard, counted.lineage) for part in _through(batch, context, counted)]
        _write(pa.Table.from_batches(decided, DECISIONS_SCHEMA).sort_by("row"), counted, task.target)
    return _counted(task.target)


def read_decisions(path: Path, *, with_texts: bool = False) -> pa.Table:
    """The decisions of one shard about the files that no step dropped; with the texts that were redacted where they are wanted."""
    return _read(path, with_texts).filter(pc.field("step").is_null())


def read_all_decisions(path: Path) -> pa.Table:
    """All decisions of one shard, without texts."""
    return _read(path, False)


def _read(path: Path, with_texts: bool) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read([name for name in DECISIONS_SCHEMA.names if with_texts or name != RELEASED], use_threads=False)


def _legal(batch: pa.RecordBatch, account: Account) -> pa.RecordBatch:
    account.takes(batch.num_rows, text_bytes(batch))
    paths = (path or "" for path in batch.column("path").to_pylist())
    found = batch.select(_SURVEYED).filter(pa.array([is_licence_name(path) or is_manifest(path) for path in paths], pa.bool_()))
    named = found.filter(pc.is_valid(found.column("repository")))
    account.gives(named.num_rows, text_bytes(named))
    return named


def _write(table: pa.Table, counted: Counted, target: Path) -> None:
    described = table.replace_schema_metadata({_COUNTED: base64.b64encode(pickle.dumps(counted))})
    with disk_errors(target), open(part_of(target), "wb") as file:
        pq.write_table(described, file, compression="zstd", use_dictionary=False)
        appear(file, target)


def _counted(path: Path) -> Counted:
    counted = pickle.loads(base64.b64decode(pq.read_schema(path).metadata[_COUNTED]))  # noqa: S301 - this run wrote it, in its own folder
    assert isinstance(counted, Counted)
    return counted


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
        empty = [pa.nulls(batch.num_rows, field.type) for field in list(WORK_SCHEMA)[len(FILES_SCHEMA) + 1 :]]
        yield pa.RecordBatch.from_arrays([*batch.columns, rows, *empty], schema=WORK_SCHEMA)


def _through(batch: pa.RecordBatch, context: Context, counted: Counted) -> Iterator[pa.RecordBatch]:
    """What each step decides of a batch; a step sees what those before it kept."""
    for step in STEPS:
        account = counted.lineage.of(step.name)
        account.takes(batch.num_rows, text_bytes(batch))
        if batch.num_rows:
            with account.measured():
                batch = step.run(batch, context, counted.reports)
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
