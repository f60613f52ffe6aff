"""Through which steps does every file go before the release is put together, and what does each need?

A step takes a record batch of WORK_SCHEMA and gives one with the same rows: it may fill columns, and where it drops a file it
says why in `drop`. It sees only what the steps before it left, depends on nothing but the batch and the settings, and is listed
in STEPS with what it needs. Which rows stay of several equal ones is settled afterwards, over all files.

Not here: who calls the steps (`curation.map_stage`), duplicates (`curation.global_stage`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation.filters import drop_reasons
from curation.settings import Settings
from indexer.corpus import FILES_SCHEMA

WORK_SCHEMA = FILES_SCHEMA.append(pa.field("row", pa.int64())).append(pa.field("drop", pa.string()))
_DROP = WORK_SCHEMA.get_field_index("drop")
_NEEDED = ("content_id", "content", "repository", "path")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `fills` are the columns it may change, `memory_bytes` what a process that runs it may need beside the batch."""

    name: str
    run: Callable[[pa.RecordBatch, Settings], pa.RecordBatch]
    memory_bytes: int
    fills: tuple[str, ...] = ()


def complete(batch: pa.RecordBatch, _settings: Settings) -> pa.RecordBatch:
    """Drops rows without text, id, repository or path: nothing could lead back to them."""
    reasons: list[str | None] = [None] * batch.num_rows
    for name in _NEEDED:
        if batch.column(name).null_count:
            missing = pc.is_null(batch.column(name)).to_pylist()
            reasons = [reason or (f"no {name}" if is_missing else None) for reason, is_missing in zip(reasons, missing, strict=True)]
    return with_reasons(batch, reasons)


def licenses(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Drops files whose licence the policy does not admit; the reason is the type of their licence."""
    if settings.licenses.policy == "any":
        return batch
    types = batch.column("license_type").to_pylist()
    return with_reasons(batch, [None if kind == settings.licenses.policy else kind or "none" for kind in types])


def filters(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Drops files that are no code worth keeping; the reason is the first rule that drops it."""
    return with_reasons(batch, drop_reasons(batch, settings.filters))


STEPS = (
    Step("complete", complete, memory_bytes=10_000_000),
    Step("licenses", licenses, memory_bytes=10_000_000),
    Step("filters", filters, memory_bytes=100_000_000),
)
FILLED = tuple(name for name in FILES_SCHEMA.names if any(name in step.fills for step in STEPS))


def with_reasons(batch: pa.RecordBatch, reasons: Sequence[str | None]) -> pa.RecordBatch:
    """The batch with a reason for each row that is dropped, None for those that stay."""
    return batch.set_column(_DROP, WORK_SCHEMA.field(_DROP), pa.array(reasons, pa.string()))
