"""A document's row and text come back from the cluster's column as they were put there, or not at all."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pyarrow as pa
import pytest

from indexer.corpus import conform
from indexer.errors import IndexCorrupt
from indexer.segment.prepare import rows_of, text_of
from indexer.stores.elastic.kept import COLUMNS, KEPT, kept_of, packed


def _hit(frame: str) -> dict[str, Any]:
    return {"_index": "small", "fields": {KEPT: [frame]}}


@pytest.mark.parametrize("text", ["", "\n", "a = 1\n\nb = 2\n", "\x00\u2028é😀\r\n" * 1000])
def test_row_and_text_come_back(text: str, small_corpus: list[dict[str, Any]]) -> None:
    batch = conform(pa.RecordBatch.from_pylist([small_corpus[0] | {"content": text, "content_id": None}]))
    (row,) = rows_of(batch, *text_of(batch.column("content")))
    kept = kept_of(_hit(packed(row, text.encode())))
    assert (kept.row, kept.text, kept.content) == (row, text.encode(), text)


def test_columns_are_those_of_a_row(small_corpus: list[dict[str, Any]]) -> None:
    batch = conform(pa.RecordBatch.from_pylist(small_corpus[:1]))
    (row,) = rows_of(batch, *text_of(batch.column("content")))
    assert tuple(row) == COLUMNS


def test_a_flipped_bit_is_told_or_changes_nothing() -> None:
    row, text = dict.fromkeys(COLUMNS), b"first line\nsecond line\n"
    frame, told = b64decode(packed(row, text)), 0
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            kept = kept_of(_hit(b64encode(damaged).decode()))
        except IndexCorrupt:
            told += 1
        else:
            assert (kept.row, kept.text) == (row, text)  # of the header: whether there is a checksum
    assert told > 8 * len(frame) - 8


@pytest.mark.parametrize("hit", [{"_index": "small"}, _hit("no base64!"), _hit(""), _hit(b64encode(b"no frame").decode())])
def test_what_is_no_document_is_told(hit: dict[str, Any]) -> None:
    with pytest.raises(IndexCorrupt, match="small"):
        kept_of(hit)
