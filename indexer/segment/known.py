"""Which documents are there already? By their ids: against other segments before they are written, within a segment afterwards.

Ids are compared by their first 64 bits, which segments keep sorted, then whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.corpus import content_id, document_id
from indexer.errors import InputError
from indexer.segment.prepare import text_of
from indexer.segment.segment import Segment


def without_known(batch: pa.RecordBatch, segments: Sequence[Segment]) -> pa.RecordBatch:
    """The rows of a batch of FILES_SCHEMA that are no live document of the segments; content ids are filled in."""
    batch = _with_content_ids(batch)
    names = zip(*(batch.column(name).to_pylist() for name in ("repository", "path", "content_id")), strict=True)
    ids = [_id(*columns) for columns in names]
    heads = np.array([int(one[:16], 16) for one in ids], np.uint64)
    known = np.zeros(len(ids), np.bool_)
    for segment in segments:
        for i in np.flatnonzero(segment.may_find(heads) & ~known).tolist():
            known[i] = segment.find(ids[i]) is not None
    return batch.filter(pa.array(~known)) if known.any() else batch


def _id(repository: str | None, path: str | None, content: str) -> str:
    if repository is None or path is None:
        raise InputError(f"a row of the input has no {'repository' if repository is None else 'path'}; each document needs both")
    return document_id(repository, path, content)


def _with_content_ids(batch: pa.RecordBatch) -> pa.RecordBatch:
    at = batch.schema.get_field_index("content_id")
    ids = batch.column(at).to_pylist()
    if None not in ids:
        return batch
    data, offsets = text_of(batch.column("content"))
    filled = [one or content_id(data[offsets[i] : offsets[i + 1]].tobytes()) for i, one in enumerate(ids)]
    return batch.set_column(at, "content_id", pa.array(filled, pa.string()))


def repeats(segment: Segment) -> NDArray[np.int64]:
    """The documents of a segment whose id a document before them has. Reads the sorted ids, and the rows of equal ones."""
    for name in ("id.sorted", "id.doc"):
        segment.file.check(*segment.file.section(name))
    heads, docs = segment.file.array("id.sorted", "<u8"), segment.file.array("id.doc", "<u4")
    found: list[int] = []
    seen: set[str] = set()
    previous = -1
    for i in (np.flatnonzero(heads[1:] == heads[:-1]) + 1).tolist():
        if previous != i - 1:
            seen = {segment.row(int(docs[i - 1]))["document_id"]}
        name = segment.row(int(docs[i]))["document_id"]
        if name in seen:
            found.append(int(docs[i]))
        seen.add(name)
        previous = i
    return np.array(sorted(found), np.int64)
