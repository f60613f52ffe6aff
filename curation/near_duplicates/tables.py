"""What do signatures look like in tables: those of a run, and those kept beside a release for the next one?

Not here: how they are computed (`curation.near_duplicates.signing`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.duplicates import RANK_COLUMNS
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import Signatures
from indexer.corpus import FILES_SCHEMA
from indexer.errors import IndexCorrupt, SpecMismatch

# Batches of `signed` rows, in the same order each time it is called.
Rows = Callable[[], Iterable[pa.RecordBatch]]

SIGNATURES = "near_duplicates.parquet"  # its name beside a release
_SETTINGS = b"near_duplicates"
_READ_ROWS = 4096


def signed(batch: pa.RecordBatch, numbers: pa.Array, signed_as: Signatures) -> pa.RecordBatch:
    """What `cluster` needs of a batch of FILES_SCHEMA: `row` (the numbers given), RANK_COLUMNS, `shingles`, `hashvalues`."""
    fields = [
        pa.field("row", pa.int64()),
        *(FILES_SCHEMA.field(name) for name in RANK_COLUMNS),
        pa.field("shingles", pa.int32()),
        pa.field("hashvalues", pa.binary(4 * signed_as.hashvalues.shape[1])),
    ]
    values = pa.Array.from_buffers(fields[-1].type, batch.num_rows, [None, pa.py_buffer(signed_as.hashvalues.tobytes())])
    columns = [numbers.cast(pa.int64()), *(batch.column(name) for name in RANK_COLUMNS), pa.array(signed_as.shingles), values]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def hashvalues_of(batch: pa.RecordBatch, settings: NearDuplicateSettings) -> NDArray[np.uint32]:
    """The column `hashvalues` as uint32 (n, permutations). Raises SpecMismatch where the signatures are of another length."""
    column = batch.column("hashvalues")
    if column.type.byte_width != 4 * settings.permutations:
        raise SpecMismatch(
            f"signatures of {column.type.byte_width // 4} permutations, wanted {settings.permutations}; sign the files again"
        )
    begin = column.offset * settings.permutations
    values = np.frombuffer(column.buffers()[1], np.uint32)
    return values[begin : begin + len(column) * settings.permutations].reshape(-1, settings.permutations)


def keep_signatures(rows: Rows, clusters: Path, settings: NearDuplicateSettings, target: Path) -> None:
    """Writes content_id, cluster_id, shingles and hashvalues of all rows to `target`, for the next release to be compared with."""
    writer: pq.ParquetWriter | None = None
    with pq.ParquetFile(clusters) as file:
        names = file.iter_batches(batch_size=_READ_ROWS, columns=["cluster_id"])
        pending = next(names, None)
        for batch in rows():
            ids, first = [], 0
            while first < batch.num_rows and pending is not None:
                taken = pending.column(0).slice(0, batch.num_rows - first)
                ids.append(taken)
                first += len(taken)
                rest = pending.slice(len(taken))
                pending = rest if rest.num_rows else next(names, None)
            columns = [batch.column("content_id"), pa.concat_arrays(ids), batch.column("shingles"), batch.column("hashvalues")]
            kept = pa.RecordBatch.from_arrays(columns, ["content_id", "cluster_id", "shingles", "hashvalues"])
            if writer is None:
                schema = kept.schema.with_metadata({_SETTINGS: json.dumps(asdict(settings)).encode()})
                writer = pq.ParquetWriter(target, schema, compression="zstd", use_dictionary=False, write_page_checksum=True)
            writer.write_batch(kept)
    if writer is not None:
        writer.close()


def kept_signatures(path: Path, settings: NearDuplicateSettings) -> Iterator[pa.RecordBatch]:
    """The rows that `keep_signatures` wrote. Raises SpecMismatch where they were made with other settings, IndexCorrupt for damage."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            made_with = json.loads((file.schema_arrow.metadata or {}).get(_SETTINGS, b"null"))
            if made_with != asdict(settings):
                raise SpecMismatch(f"{path}: made with {made_with}, this run has {asdict(settings)}; take the same settings, or start anew")
            yield from file.iter_batches(batch_size=_READ_ROWS)
    except (pa.ArrowException, OSError) as error:
        raise IndexCorrupt(f"{path}: not readable ({error}); make the earlier release again, or start without it") from error
