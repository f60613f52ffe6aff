"""Through which steps does every file go before the release is put together, and what does each need?

A step takes a record batch of WORK_SCHEMA and gives one with the same rows: it may fill columns, and where it drops a file it
says why in `drop`. It sees only what the steps before it left, depends on nothing but the batch and the context of the run, and is
listed in STEPS with what it needs. Which rows stay of several that are alike is settled afterwards, over all files.

Not here: who calls the steps (`curation.map_stage`), duplicates (`curation.global_stage`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation.context import Context, Reports
from curation.decontamination import benchmark_matches, report_rows
from curation.filters import drop_reasons
from curation.licences import admits, with_licences
from curation.malicious import signatures as malware_signatures
from curation.malicious import verdicts
from curation.near_duplicates.signing import signatures
from curation.redaction import redacted
from curation.settings import LicenseSettings
from indexer.corpus import FILES_SCHEMA

WORK_SCHEMA = pa.schema(
    [
        *FILES_SCHEMA,
        *(("row", pa.int64()), ("drop", pa.string()), ("shingles", pa.int32()), ("hashvalues", pa.binary())),
        ("released", pa.large_string()),  # the text where it was redacted, for the stages that read the input again
    ]
)
_NEEDED = ("content_id", "content", "repository", "path")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `fills` are the columns it may change, `memory_bytes` what a process that runs it may need beside the batch."""

    name: str
    run: Callable[[pa.RecordBatch, Context, Reports], pa.RecordBatch]
    memory_bytes: int
    fills: tuple[str, ...] = ()


def complete(batch: pa.RecordBatch, _context: Context, _reports: Reports) -> pa.RecordBatch:
    """Drops rows without text, id, repository or path: nothing could lead back to them."""
    reasons: list[str | None] = [None] * batch.num_rows
    for name in _NEEDED:
        if batch.column(name).null_count:
            missing = pc.is_null(batch.column(name)).to_pylist()
            reasons = [reason or (f"no {name}" if is_missing else None) for reason, is_missing in zip(reasons, missing, strict=True)]
    return with_reasons(batch, reasons)


def removals(batch: pa.RecordBatch, context: Context, _reports: Reports) -> pa.RecordBatch:
    """Drops what was asked to be left out."""
    columns = (batch.column(name).to_pylist() for name in ("repository", "owner", "content_id", "original_content_id"))
    asked = context.removals
    return with_reasons(batch, [asked.reason(*row) or asked.reason(None, None, before) for *row, before in zip(*columns, strict=True)])


def licenses(batch: pa.RecordBatch, context: Context, reports: Reports) -> pa.RecordBatch:
    """Finds each file's licence, and drops those that the policy does not admit; the reason is the type of the licence."""
    batch = with_licences(batch, context.licences, reports.licences)
    settings = context.settings.licenses
    found = zip(batch.column("license_expression").to_pylist(), batch.column("license_type").to_pylist(), strict=True)
    return with_reasons(batch, [_unwanted(settings, expression, kind or "none") for expression, kind in found])


def _unwanted(settings: LicenseSettings, expression: str | None, kind: str) -> str | None:
    return None if admits(settings.policy, expression, kind, unlicensed=settings.unlicensed) else kind


def malicious(batch: pa.RecordBatch, context: Context, reports: Reports) -> pa.RecordBatch:
    """Drops what a list or ClamAV's daemon calls malicious."""
    settings = context.settings.malicious
    found = verdicts(batch, settings)
    reports.malicious.add(batch, found, malware_signatures(settings.address))
    return with_reasons(batch, [each.reason for each in found])


def filters(batch: pa.RecordBatch, context: Context, _reports: Reports) -> pa.RecordBatch:
    """Drops files that are no code worth keeping; the reason is the first rule that drops it."""
    return with_reasons(batch, drop_reasons(batch, context.settings.filters))


def decontamination(batch: pa.RecordBatch, context: Context, reports: Reports) -> pa.RecordBatch:
    """Drops files that hold a problem of a benchmark; the reason is the benchmark."""
    if context.benchmarks is None:
        return batch
    found = benchmark_matches(batch, context.benchmarks, context.settings.decontamination)
    reports.benchmarks.extend(report_rows(batch, found))
    return with_reasons(batch, [match.benchmark if match else None for match in found])


def redaction(batch: pa.RecordBatch, context: Context, reports: Reports) -> pa.RecordBatch:
    """Replaces what a redactor replaces; drops what it withholds, and what was asked to be left out by the id of its released text."""
    if not context.settings.redaction.function:
        return batch
    found = redacted(batch, context.settings.redaction.function)
    reports.redaction.update(files=found.n_changed, bytes_before=found.bytes_before, bytes_after=found.bytes_after)
    ids = found.batch.column("content_id").to_pylist()
    reasons = [reason or context.removals.reason(None, None, one) for reason, one in zip(found.reasons, ids, strict=True)]
    return with_reasons(_with(found.batch, "released", found.released), reasons)


def sign(batch: pa.RecordBatch, context: Context, _reports: Reports) -> pa.RecordBatch:
    """Fills what near-duplicates are found by."""
    made = signatures(batch, context.settings.near_duplicates)
    width = made.hashvalues.shape[1] * 4
    values = pa.Array.from_buffers(pa.binary(width), batch.num_rows, [None, pa.py_buffer(made.hashvalues.tobytes())])
    return _with(_with(batch, "shingles", pa.array(made.shingles)), "hashvalues", values.cast(pa.binary()))


STEPS = (
    Step("complete", complete, memory_bytes=10_000_000),
    Step("removals", removals, memory_bytes=50_000_000),
    Step("licenses", licenses, 300_000_000, ("licenses", "license_expression", "license_evidence", "license_type")),
    Step("malicious", malicious, memory_bytes=50_000_000),
    Step("filters", filters, memory_bytes=100_000_000),
    Step("decontamination", decontamination, memory_bytes=400_000_000),
    Step("redaction", redaction, 100_000_000, ("content_id", "size", "original_content_id")),
    Step("sign", sign, memory_bytes=400_000_000),
)
FILLED = tuple(name for name in FILES_SCHEMA.names if any(name in step.fills for step in STEPS))


def with_reasons(batch: pa.RecordBatch, reasons: Sequence[str | None]) -> pa.RecordBatch:
    """The batch with a reason for each row that is dropped, None for those that stay."""
    return _with(batch, "drop", pa.array(reasons, pa.string()))


def _with(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    position = WORK_SCHEMA.get_field_index(name)
    return batch.set_column(position, WORK_SCHEMA.field(position), values)
