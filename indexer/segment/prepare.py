"""What does a batch of documents contribute to a segment? Everything that can be worked out for a batch alone.

The work is in kernels and codecs that let go of the interpreter's lock, so threads share all cores.

Not here: putting batches together (`indexer.segment.writer`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.corpus import content_id, document_id
from indexer.errors import InputError
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import Fingerprints, fingerprint_exact, fingerprint_renamed
from indexer.licences.categories import license_ids, license_type
from indexer.segment import build_kernels as kernels
from indexer.segment.frames import pack
from indexer.text.comments import family_of
from indexer.text.tokens import Renamed, Tokens, rename, tokenize
from indexer.text.words import WordStreams, analyze

PIECE_BYTES = 16 * 1024  # of a larger document; a place in it is read by unpacking and tokenizing one. On disk: a hint only,
BLOCK_BYTES = 48 * 1024  # as is this: several small documents together, which pack better. Every block states its size
ROWS_A_BLOCK = 16
ZSTD_LEVEL = 3
SMALL_ZSTD_LEVEL = 9  # with full text, which takes three times the rest: .02 of the text less for a seventh more time
IS_FORK, IS_VENDORED, IS_GENERATED, IS_TEST = 1, 2, 4, 8  # On disk: bits of doc.flags; above them the comment family
COMMENT_SHIFT = 4
UNKNOWN_DATE = np.iinfo(np.int64).max
NOT_IN_ROWS = ("content", "original_content_id")  # an index answers for texts as they were released


@dataclass(frozen=True, slots=True)
class Partitioned:
    """One channel's postings, grouped by the top byte of the key: `counts` int64 (256,) says how many each group has.

    `words` uint64: of each group its keys, then its positions.
    """

    words: NDArray[np.uint64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch ready to append. Token, block and byte numbers count from the batch's start.

    `columns` hold one value a document, `blocks` and `row_blocks` are zstd frames of text and of JSON rows.
    """

    documents: int
    tokens: int
    text_bytes: int
    columns: dict[str, NDArray[Any]]
    blocks: list[bytes]
    block_columns: dict[str, NDArray[Any]]
    row_blocks: list[bytes]
    row_first: list[int]
    channels: dict[str, Partitioned]
    rows: list[dict[str, Any]]
    words: WordStreams | None


def prepare(batch: pa.RecordBatch, *, full_text: bool) -> Prepared:
    """Tokens, fingerprints, compressed text, rows and words of one batch of indexer.corpus.FILES_SCHEMA."""
    data, offsets = text_of(batch.column("content"))
    rows = rows_of(batch, data, offsets)
    tokens = tokenize(data, offsets)
    renamed = rename(tokens)
    blocks, block_columns, columns = cut_blocks(tokens, renamed, SMALL_ZSTD_LEVEL if full_text else ZSTD_LEVEL)
    columns |= row_columns(rows)
    row_blocks, row_first = compress_rows(rows)
    channels = {
        SPEC.exact.name: partition(fingerprint_exact(tokens, SPEC.exact, capped=True)),
        SPEC.renamed.name: partition(fingerprint_renamed(renamed, SPEC.renamed, capped=True)),
    }
    size = int(offsets[-1] - offsets[0])
    words = analyze(tokens) if full_text else None
    return Prepared(len(rows), len(tokens), size, columns, blocks, block_columns, row_blocks, row_first, channels, rows, words)


def text_of(column: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 bytes of a large_string column and where each value begins; copies nothing where no value is null."""
    if column.null_count:
        column = column.fill_null("")
    offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]
    buffer = column.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None and buffer.size else np.zeros(0, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def rows_of(batch: pa.RecordBatch, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The rows as plain values without their content; ids, owner, size and licence category filled in where they were null."""
    rows: list[dict[str, Any]] = batch.select([name for name in batch.schema.names if name not in NOT_IN_ROWS]).to_pylist()
    for i, row in enumerate(rows):
        if row["repository"] is None or row["path"] is None:
            raise InputError(f"row {i} of a batch: repository is {row['repository']!r}, path {row['path']!r}; every file needs both")
        begin, end = int(offsets[i]), int(offsets[i + 1])
        row["content_id"] = row["content_id"] or content_id(data[begin:end].tobytes())
        row["document_id"] = document_id(row["repository"], row["path"], row["content_id"])
        row["size"] = row["size"] if row["size"] is not None else end - begin
        row["owner"] = row["owner"] or row["repository"].partition("/")[0]
        row["licenses"] = row["licenses"] or list(license_ids(row["license_expression"]))
        row["license_expression"] = row["license_expression"] or " AND ".join(row["licenses"]) or None
        row["license_type"] = row["license_type"] or license_type(row["license_expression"])
        row["first_seen"] = row["first_seen"] and row["first_seen"].isoformat()
    return rows


def name_hash(name: str) -> int:
    """64 bits of a repository's or owner's name, regardless of case."""
    # On disk: doc.repository and doc.owner hold these.
    return int.from_bytes(hashlib.blake2b(name.lower().encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def row_columns(rows: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """The columns that ranking and counting read without unpacking a row."""
    return {
        "doc.id": np.array([int(row["document_id"][:16], 16) for row in rows], "<u8"),
        "doc.repository": np.array([name_hash(row["repository"]) for row in rows], "<u8"),
        "doc.owner": np.array([name_hash(row["owner"]) for row in rows], "<u8"),
        "doc.stars": np.array([row["stars"] or 0 for row in rows], "<i8"),
        "doc.date": np.array([_seconds(row["first_seen"]) for row in rows], "<i8"),
        "doc.flags": np.array([_flags(row) for row in rows], "<u1"),
    }


def _flags(row: dict[str, Any]) -> int:
    bits = {"is_fork": IS_FORK, "is_vendored": IS_VENDORED, "is_generated": IS_GENERATED, "is_test": IS_TEST}
    return sum(bit for name, bit in bits.items() if row[name]) | family_of(row["language"]) << COMMENT_SHIFT


def _seconds(date: str | None) -> int:
    return int(np.datetime64(date[:19], "s").astype(np.int64)) if date else int(UNKNOWN_DATE)


def compress_rows(rows: list[dict[str, Any]]) -> tuple[list[bytes], list[int]]:
    """Frames of ROWS_A_BLOCK rows each, one JSON line a row, and the row at which each begins."""
    firsts = list(range(0, len(rows), ROWS_A_BLOCK))
    lines = ["\n".join(json.dumps(row) for row in rows[i : i + ROWS_A_BLOCK]).encode() for i in firsts]
    return [len(line).to_bytes(4, "little") + pack(line, ZSTD_LEVEL) for line in lines], firsts


def cut_blocks(
    tokens: Tokens, renamed: Renamed, level: int = ZSTD_LEVEL
) -> tuple[list[bytes], dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Zstd frames of text, what is known of each, and where each document begins in them."""
    begins, block_columns, columns = cut_text(tokens, renamed)
    ends = np.append(begins[1:], tokens.offsets[-1])
    pairs = zip(begins.tolist(), ends.tolist(), strict=True)
    return [pack(tokens.data[b:e].data, level) for b, e in pairs], block_columns, columns


def cut_text(tokens: Tokens, renamed: Renamed) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The bytes at which blocks of text begin, what is known of each, and where each document begins in them."""
    data, offsets = tokens.data, tokens.offsets
    room = len(offsets) + len(data) // PIECE_BYTES + 1
    pieces, piece_docs = np.empty(room, np.int64), np.empty(room, np.int64)
    n = kernels.cut_pieces(data, offsets, renamed.tokens, renamed.offsets, tokens.starts, PIECE_BYTES, pieces, piece_docs)
    pieces, piece_docs = np.append(pieces[:n], offsets[-1]), piece_docs[:n]
    block_of, begins, docs, lines = (np.empty(n, np.int64) for _ in range(4))
    n_blocks = kernels.pack_pieces(data, offsets, pieces, piece_docs, BLOCK_BYTES, block_of, begins, docs, lines)
    begins, docs = begins[:n_blocks], docs[:n_blocks]
    ends = np.append(begins[1:], offsets[-1])
    doc_blocks = block_of[np.searchsorted(piece_docs, np.arange(len(offsets) - 1))]
    block_columns = {
        "block.raw": (ends - begins).astype("<u4"),
        "block.first_token": np.searchsorted(tokens.starts, begins.astype(np.int32)).astype("<u8"),
        "block.doc_byte": (begins - offsets[docs]).astype("<u8"),
        "block.doc_line": lines[:n_blocks].astype("<u8"),
    }
    columns = {
        "doc.first_token": tokens.token_offsets[:-1].astype("<u8"),
        "doc.size": np.diff(offsets).astype("<u8"),
        "doc.block": doc_blocks.astype("<u8"),
        "doc.block_offset": (offsets[:-1] - begins[doc_blocks]).astype("<u4"),
    }
    return begins, block_columns, columns


def partition(prints: Fingerprints) -> Partitioned:
    """The postings of a channel, grouped by the top byte of their key."""
    words, counts = np.empty(2 * len(prints), np.uint64), np.empty(kernels.PARTITIONS, np.int64)
    kernels.partition(prints.keys, prints.positions, counts, words)
    return Partitioned(words, counts)
