"""What is decided over all files together: which of several equal ones stay, which are alike, and where in the release each stands?

It reads the decisions of every shard and leaves files: the verdicts, a record batch a shard with the rows that stay, their cluster and
whether they stand for it; the signatures for the next release; the table of repositories; the account of the stage; and the layout of
the release, which is written last: where it stands, the stage is done.

Not here: what is decided of a file alone (`curation.map_stage`), what makes files alike (`curation.near_duplicates.clusters`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.duplicates import RANK_COLUMNS, Best
from curation.filter_report import FilterReport
from curation.layout import Layout, folder_of, layout, read_layout
from curation.ledger import Ledger
from curation.lineage import Account, Lineage, lineage_of
from curation.map_stage import read_all_decisions, read_decisions
from curation.near_duplicates.clusters import CLUSTERS_SCHEMA, Earlier, cluster
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import Signatures
from curation.near_duplicates.tables import SIGNATURES, keep_signatures, signed
from curation.near_duplicates.texts import Contents
from curation.placing import Place, Places
from curation.release_folder import write_repositories
from curation.shards import Shard
from indexer.disk import appear, part_of, write_whole

VERDICTS = "verdicts.arrow"
LAYOUT = "layout.json"
_KEPT = "kept.arrow"
_ACCOUNT = "settled.json"
_BATCH_ROWS = 1 << 16
_ROWS_SCHEMA = pa.schema([("row", pa.int64())])


@dataclass(frozen=True, slots=True)
class Input:
    """What the stage works on: the shards, their decisions, the texts of their files, and rows of the tables of repositories."""

    shards: Sequence[Shard]
    decisions: Sequence[Path]
    texts: Contents
    described: Iterable[dict[str, Any]]
    earlier: Earlier | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The layout, what was counted here, and by step what it removed, with samples."""

    layout: Layout
    lineage: Lineage
    removed: dict[str, Any]


def settle(given: Input, work: Path, near: NearDuplicateSettings, part_bytes: int) -> Settled:
    """Makes the files of the stage unless they are there."""
    if not (work / LAYOUT).is_file():
        lineage, removed = Lineage(), dict[str, FilterReport]()
        exact, alike = lineage.of("exact_duplicates"), lineage.of("near_duplicates")
        with exact.measured():
            _keep_best(given, work, removed, exact)
        with alike.measured():
            _find_alike(given, work, near)
            laid_out = _place(given, work, alike, part_bytes)
        exact.gives(alike.rows_in, alike.bytes_in)
        for account, reason in ((exact, "same content"), (alike, "near-duplicate, left out of data-deduplicated")):
            if dropped := account.rows_in - account.rows_out:
                account.dropped[reason] = dropped
        reports = {step: report.to_json()["removed"] for step, report in sorted(removed.items())}
        write_whole(work / _ACCOUNT, json.dumps({"lineage": lineage.as_json(), "removed": reports}).encode())
        laid_out.write(work / LAYOUT)
    counted = json.loads((work / _ACCOUNT).read_bytes())
    return Settled(read_layout(work / LAYOUT), lineage_of(counted["lineage"]), counted["removed"])


def read_verdicts(path: Path, shard: int) -> pa.RecordBatch:
    """Of one shard the rows that stay, by number: `row`, `cluster_id`, `representative`."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        return reader.get_batch(shard)


def _keep_best(given: Input, work: Path, removed: dict[str, FilterReport], account: Account) -> None:
    """The numbers of the rows that are the best of their content, a batch a shard."""
    with Best(_scratch(work / "best")) as best:
        for path in given.decisions:
            table = read_all_decisions(path)
            _report(table, removed)
            live = table.filter(pc.field("step").is_null()).select(["row", "text_bytes", *RANK_COLUMNS])
            account.takes(live.num_rows, pc.sum(live.column("text_bytes")).as_py() or 0)
            best.offer((row["row"], row) for batch in live.to_batches() for row in batch.to_pylist())
        _write_by_shard(work / _KEPT, _ROWS_SCHEMA, _batches(best.rows()), given.shards)
    (work / "best").unlink()


def _find_alike(given: Input, work: Path, near: NearDuplicateSettings) -> None:
    """Clusters what is kept; leaves the verdicts, and the signatures for the release."""

    def rows() -> Iterator[pa.RecordBatch]:
        for shard, path in zip(given.shards, given.decisions, strict=True):
            yield from _signed(_kept(path, read_verdicts(work / _KEPT, shard.number)), near)

    scratch = work / "clusters"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    found = cluster(rows, near, scratch, given.texts, given.earlier)
    keep_signatures(rows, found.table, near, part_of(work / SIGNATURES))
    if part_of(work / SIGNATURES).is_file():  # nothing is kept where there is nothing
        part_of(work / SIGNATURES).replace(work / SIGNATURES)
    with pq.ParquetFile(found.table) as file:
        _write_by_shard(work / VERDICTS, CLUSTERS_SCHEMA, file.iter_batches(use_threads=False), given.shards)
    shutil.rmtree(scratch)


def _place(given: Input, work: Path, account: Account, part_bytes: int) -> Layout:
    """Puts what stays in order; counts it, and of it what the deduplicated edition holds."""
    with Places(_scratch(work / "places")) as places:
        for shard, path in zip(given.shards, given.decisions, strict=True):
            verdicts = read_verdicts(work / VERDICTS, shard.number)
            columns = _kept(path, verdicts).select(["language", "repository", "path", "row", "text_bytes"]).to_pydict()
            found = [(Place(folder_of(language), *place), size) for language, *place, size in zip(*columns.values(), strict=True)]
            places.add(found)
            stands = verdicts.column("representative").to_pylist()
            account.takes(len(found), sum(size for _, size in found))
            account.gives(sum(stands), sum(size for (_, size), is_one in zip(found, stands, strict=True) if is_one))
        with Ledger(_scratch(work / "ledger")) as ledger:
            ledger.describe(given.described)
            ledger.count_all(places.repositories())
            write_repositories(work, ledger.batches())
        (work / "ledger").unlink()
        laid_out = layout(places.sorted(), part_bytes)
    (work / "places").unlink()
    return laid_out


def _report(decisions: pa.Table, removed: dict[str, FilterReport]) -> None:
    """Enters the files that were dropped in the report of the step that did."""
    for step in pc.unique(decisions.column("step").drop_null()).to_pylist():
        dropped = decisions.filter(pc.field("step") == step)
        sized = dropped.drop_columns(["size"]).rename_columns({"text_bytes": "size"})
        for batch in sized.to_batches():
            removed.setdefault(step, FilterReport()).add(batch, batch.column("drop").to_pylist())


def _kept(decisions: Path, rows: pa.RecordBatch) -> pa.Table:
    """The decisions about these rows, in their order."""
    table = read_decisions(decisions)
    return table.take(pc.index_in(rows.column("row"), table.column("row")))


def _signed(kept: pa.Table, near: NearDuplicateSettings) -> Iterator[pa.RecordBatch]:
    for batch in kept.to_batches():
        values = np.frombuffer(b"".join(batch.column("hashvalues").to_pylist()), np.uint32).reshape(-1, near.permutations)
        yield signed(batch, batch.column("row"), Signatures(values, batch.column("shingles").to_numpy()))


def _write_by_shard(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], shards: Sequence[Shard]) -> None:
    """Numbered rows as one record batch a shard."""
    with open(part_of(path), "wb") as file:
        with pa.ipc.new_file(file, schema) as writer:
            for rows in _by_shard(iter(batches), shards):
                writer.write_batch(pa.concat_batches(rows) if rows else pa.RecordBatch.from_pylist([], schema))
        appear(file, path)


def _batches(rows: Iterator[int]) -> Iterator[pa.RecordBatch]:
    while some := list(islice(rows, _BATCH_ROWS)):
        yield pa.record_batch([pa.array(some, pa.int64())], _ROWS_SCHEMA)


def _by_shard(batches: Iterator[pa.RecordBatch], shards: Sequence[Shard]) -> Iterator[list[pa.RecordBatch]]:
    """Batches of ascending numbers, cut where shards end."""
    batch = next(batches, None)
    for shard in shards:
        found, end = [], shard.first_row + shard.n_rows
        while batch is not None:
            taken = int(np.searchsorted(batch.column("row").to_numpy(), end))
            found.append(batch.slice(0, taken))
            if taken < batch.num_rows:
                batch = batch.slice(taken)
                break
            batch = next(batches, None)
        yield found


def _scratch(path: Path) -> Path:
    """A place for a database, without what a killed run left there."""
    path.unlink(missing_ok=True)
    return path
