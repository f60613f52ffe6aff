"""How are the files that stay put into their parts of the release, sorted, however many there are?

In two passes, each in tasks of bounded memory. The first goes through a shard once and leaves a run: its files sorted as the
release is, cut where parts of the release begin. The second takes what all runs have for one part, sorts it and writes the part,
and beside it the same part of the edition without near-duplicates, which holds those of its files that stand for their cluster.

Not here: where files belong (`curation.layout`), which stay (`curation.global_stage`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.global_stage import read_verdicts
from curation.layout import Layout, Part, folder_of, read_layout
from curation.lineage import Account, account_of
from curation.map_stage import RELEASED, read_decisions
from curation.placing import Place
from curation.release_folder import sha256, text_bytes, writer_options
from curation.shards import Shard, read_shard
from curation.steps import FILLED
from indexer.corpus import FILES_SCHEMA
from indexer.disk import appear, disk_errors, part_of, write_whole

RUN_MEMORY_BYTES = 700_000_000
_RUN_BYTES = 64_000_000  # of text sorted at once
_GROUP_ROWS = 1000  # readers that show pages of rows read a row group at once
_RUN_SCHEMA = pa.schema([*FILES_SCHEMA, ("row", pa.int64()), ("representative", pa.bool_())])


@dataclass(frozen=True, slots=True)
class RunTask:
    """A shard, what was decided of it, and the run to write."""

    shard: Shard
    decisions: Path
    verdicts: Path
    layout: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was written: the part of each of its record batches."""

    path: Path
    parts: tuple[int, ...]
    account: Account


@dataclass(frozen=True, slots=True)
class PartTask:
    """A part of the release, the record batches that have something for it, and the release's folder."""

    part: Part
    pieces: tuple[tuple[Path, int], ...]
    release: Path
    group_bytes: int


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part that was written: the SHA-256 of its files by their names, and what was counted."""

    hashes: dict[str, str]
    account: Account


def part_memory_bytes(part_bytes: int) -> int:
    """What writing a part may take: its rows unpacked, sorted, and on their way to the file."""
    return 300_000_000 + 5 * part_bytes


def write_run(task: RunTask) -> Run:
    """Writes a shard's run unless it is there; its index, with what was counted, is written last."""
    index = task.target.with_suffix(".json")
    if not index.is_file():
        account = Account()
        with account.measured(), disk_errors(task.target), open(part_of(task.target), "wb") as file:
            parts = []
            options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
            with pa.ipc.new_file(file, _RUN_SCHEMA, options=options) as writer:
                for part, batch in _sorted_pieces(task, account):
                    parts.append(part)
                    writer.write_batch(batch)
            appear(file, task.target)
        write_whole(index, json.dumps({"parts": parts, "account": account.as_json()}).encode())
    found = json.loads(index.read_bytes())
    return Run(task.target, tuple(found["parts"]), account_of(found["account"]))


def write_part(task: PartTask) -> WrittenPart:
    """Writes a part of the release, in both editions, unless it is there; the one of all files last."""
    account = Account()
    account.takes(task.part.documents, task.part.text_bytes)
    account.gives(task.part.documents, task.part.text_bytes)
    whole, fewer = task.release / task.part.name, task.release / task.part.deduplicated_name
    with account.measured():
        if not whole.is_file():
            table = _gathered(task.pieces)
            _write_sorted(table.filter(pc.field("representative")), fewer, task.group_bytes)
            _write_sorted(table, whole, task.group_bytes)
        hashes = {str(path.relative_to(task.release)): sha256(path) for path in (whole, fewer) if path.is_file()}
        return WrittenPart(hashes, account)


def pieces_of_parts(runs: Sequence[Run], n_parts: int) -> list[tuple[tuple[Path, int], ...]]:
    """For each part the record batches of it, by run and number."""
    found: list[list[tuple[Path, int]]] = [[] for _ in range(n_parts)]
    for run in sorted(runs, key=lambda run: run.path):
        for number, part in enumerate(run.parts):
            found[part].append((run.path, number))
    return [tuple(pieces) for pieces in found]


def _sorted_pieces(task: RunTask, account: Account) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The shard's files, about _RUN_BYTES of text at a time, each time sorted and cut into what belongs to one part."""
    waiting: list[pa.RecordBatch] = []
    placed = read_layout(task.layout)
    for batch in _staying(task):
        account.takes(batch.num_rows, text_bytes(batch))
        waiting.append(batch)
        if sum(each.nbytes for each in waiting) > _RUN_BYTES:
            yield from _cut(pa.concat_batches(waiting), placed)
            waiting = []
    if waiting:
        yield from _cut(pa.concat_batches(waiting), placed)
    account.gives(account.rows_in, account.bytes_in)


def _staying(task: RunTask) -> Iterator[pa.RecordBatch]:
    """Batches of _RUN_SCHEMA: the rows that stay, with what the steps have filled in and with their clusters."""
    verdicts = pa.Table.from_batches([read_verdicts(task.verdicts, task.shard.number)])
    if not verdicts.num_rows:
        return
    decided = read_decisions(task.decisions, with_texts=True)
    known = decided.select([*FILLED, RELEASED]).take(pc.index_in(verdicts.column("row"), decided.column("row")))
    for name in verdicts.column_names:
        known = known.append_column(name, verdicts.column(name))
    known = known.combine_chunks()
    rows = known.column("row").to_numpy()
    first = task.shard.first_row
    for batch in read_shard(task.shard):
        begin, end = rows.searchsorted([first, first + batch.num_rows])
        if begin < end:
            yield _filled(batch.take(pa.array(rows[begin:end] - first)), known.slice(begin, end - begin))
        first += batch.num_rows


def _filled(batch: pa.RecordBatch, known: pa.Table) -> pa.RecordBatch:
    columns = {name: known.column(name).combine_chunks() for name in known.column_names}
    columns["content"] = pc.coalesce(columns[RELEASED], batch.column("content"))
    arrays = [columns[name] if name in columns else batch.column(name) for name in _RUN_SCHEMA.names]
    return pa.RecordBatch.from_arrays(arrays, schema=_RUN_SCHEMA)


def _cut(batch: pa.RecordBatch, layout: Layout) -> Iterator[tuple[int, pa.RecordBatch]]:
    names = ("language", "repository", "path", "row")
    places = [
        Place(folder_of(language), *rest) for language, *rest in zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    ]
    order = sorted(range(len(places)), key=places.__getitem__)
    parts = [layout.part_of(places[position]) for position in order]
    begin = 0
    for end in range(1, len(parts) + 1):
        if end == len(parts) or parts[end] != parts[begin]:
            yield parts[begin], batch.take(pa.array(order[begin:end], pa.int64()))
            begin = end


def _gathered(pieces: Sequence[tuple[Path, int]]) -> pa.Table:
    """The rows of a part in the release's order."""
    batches = []
    for path, number in pieces:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            batches.append(reader.get_batch(number))
    table = pa.Table.from_batches(batches, _RUN_SCHEMA).combine_chunks()
    batches.clear()
    order = pc.sort_indices(table.select(["repository", "path", "row"]), [(name, "ascending") for name in ("repository", "path", "row")])
    return table.drop_columns(["row"]).take(order)


def _write_sorted(table: pa.Table, target: Path, group_bytes: int) -> None:
    """A file of these rows; none where there are none."""
    if not table.num_rows:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    sizes = pc.binary_length(table.column("content")).to_pylist()
    rows = table.select(FILES_SCHEMA.names)
    with disk_errors(target), open(part_of(target), "wb") as file:
        with pq.ParquetWriter(file, FILES_SCHEMA, **writer_options(FILES_SCHEMA)) as writer:
            for begin, end in _groups(sizes, group_bytes):
                writer.write_table(rows.slice(begin, end - begin), row_group_size=end - begin)
        appear(file, target)


def _groups(sizes: Sequence[int], group_bytes: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of at most _GROUP_ROWS rows and about `group_bytes`. ([5, 5, 5], 10) -> (0, 2), (2, 3)"""
    begin = n_bytes = 0
    for position, size in enumerate(sizes):
        if position > begin and (n_bytes + size > group_bytes or position - begin >= _GROUP_ROWS):
            yield begin, position
            begin, n_bytes = position, 0
        n_bytes += size
    if begin < len(sizes):
        yield begin, len(sizes)
