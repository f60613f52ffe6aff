"""What is decided over all files together: which of several equal ones stay, and where in the release each file stands?

It reads the decisions of every shard and leaves files: the verdicts, a record batch a shard with the rows that stay and their
cluster; the table of repositories; the account of the stage; and the layout of the release, which is written last: where it
stands, the stage is done.

Not here: what is decided of a file alone (`curation.map_stage`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.duplicates import Best
from curation.filter_report import FilterReport
from curation.layout import Layout, folder_of, layout, read_layout
from curation.ledger import Ledger
from curation.lineage import Account, Lineage, lineage_of
from curation.map_stage import read_all_decisions
from curation.release_folder import write_repositories
from curation.shards import Shard
from indexer.disk import appear, part_of, write_whole

VERDICTS = "verdicts.arrow"
LAYOUT = "layout.json"
_ACCOUNT = "settled.json"
_EXACT = "exact_duplicates"
_VERDICTS_SCHEMA = pa.schema([("row", pa.int64()), ("cluster_id", pa.string())])


@dataclass(frozen=True, slots=True)
class Settled:
    """The layout, what was counted here, and by step what it removed, with samples."""

    layout: Layout
    lineage: Lineage
    removed: dict[str, Any]


def settle(shards: Sequence[Shard], decisions: Sequence[Path], described: Iterable[dict[str, Any]], work: Path, part_bytes: int) -> Settled:
    """Makes the files of the stage unless they are there.  `described` are rows of the input's tables of repositories."""
    if not (work / LAYOUT).is_file():
        lineage, removed = Lineage(), dict[str, FilterReport]()
        account = lineage.of(_EXACT)
        with account.measured(), Best(_scratch(work / "best")) as best:
            for path in decisions:
                table = read_all_decisions(path)
                _report(table, removed)
                _offer(best, table.filter(pc.field("step").is_null()), account)
            _write_verdicts(work / VERDICTS, shards, best)
            _write_repositories(work, best, described)
            laid_out = layout(best.places(), part_bytes)
        account.gives(sum(part.documents for part in laid_out.parts), sum(part.text_bytes for part in laid_out.parts))
        if folded := account.rows_in - account.rows_out:
            account.dropped["same content"] = folded
        (work / "best").unlink()
        reports = {step: report.to_json()["removed"] for step, report in sorted(removed.items())}
        write_whole(work / _ACCOUNT, json.dumps({"lineage": lineage.as_json(), "removed": reports}).encode())
        laid_out.write(work / LAYOUT)
    counted = json.loads((work / _ACCOUNT).read_bytes())
    return Settled(read_layout(work / LAYOUT), lineage_of(counted["lineage"]), counted["removed"])


def read_verdicts(path: Path, shard: int) -> pa.RecordBatch:
    """The rows of a shard that stay, by number, each with its cluster."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        return reader.get_batch(shard)


def _report(decisions: pa.Table, removed: dict[str, FilterReport]) -> None:
    """Enters the files that were dropped in the report of the step that did."""
    for step in pc.unique(decisions.column("step").drop_null()).to_pylist():
        dropped = decisions.filter(pc.field("step") == step)
        names = ["size" if name == "text_bytes" else name for name in dropped.column_names]
        for batch in dropped.rename_columns(names).to_batches():
            removed.setdefault(step, FilterReport()).add(batch, batch.column("drop").to_pylist())


def _offer(best: Best, decisions: pa.Table, account: Account) -> None:
    for batch in decisions.to_batches():
        rows = batch.to_pylist()
        account.takes(len(rows), sum(row["text_bytes"] for row in rows))
        best.offer(row | {"folder": folder_of(row["language"])} for row in rows)


def _write_verdicts(path: Path, shards: Sequence[Shard], best: Best) -> None:
    with open(part_of(path), "wb") as file:
        with pa.ipc.new_file(file, _VERDICTS_SCHEMA) as writer:
            for rows in _by_shard(best.rows(), shards):
                numbers, clusters = zip(*rows, strict=True) if rows else ((), ())
                writer.write_batch(pa.record_batch([pa.array(numbers, pa.int64()), pa.array(clusters, pa.string())], _VERDICTS_SCHEMA))
        appear(file, path)


def _by_shard(rows: Iterator[tuple[int, str]], shards: Sequence[Shard]) -> Iterator[list[tuple[int, str]]]:
    """Numbered rows, cut where shards end."""
    row = next(rows, None)
    for shard in shards:
        found = []
        while row is not None and row[0] < shard.first_row + shard.n_rows:
            found.append(row)
            row = next(rows, None)
        yield found


def _write_repositories(work: Path, best: Best, described: Iterable[dict[str, Any]]) -> None:
    with Ledger(_scratch(work / "ledger")) as ledger:
        ledger.describe(described)
        ledger.count_all(best.repositories())
        write_repositories(work, ledger.batches())
    (work / "ledger").unlink()


def _scratch(path: Path) -> Path:
    """A place for a database, without what a killed run left there."""
    path.unlink(missing_ok=True)
    return path
