"""What does a segment hold? Postings of both channels, compressed documents and their rows, read in place.

FORMAT.md describes the bytes. A segment never changes; every byte is checked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.errors import IndexCorrupt
from indexer.fingerprint.spec import SPEC, Channel
from indexer.segment import kernels
from indexer.segment.format import SectionFile

KIND = "segment"

# On disk: one value a document (doc.*), a text block (block.*) or a block of rows (rows.*).
# first_token and offset columns have one value more: where the last one ends.
COLUMNS = {
    "doc.first_token": "<u8",
    "doc.size": "<u8",
    "doc.block": "<u8",
    "doc.block_offset": "<u4",
    "doc.id": "<u8",
    "doc.repository": "<u8",
    "doc.owner": "<u8",
    "doc.stars": "<i8",
    "doc.date": "<i8",
    "doc.flags": "<u1",
    "block.offset": "<u8",
    "block.raw": "<u4",
    "block.first_token": "<u8",
    "block.doc_byte": "<u8",
    "block.doc_line": "<u8",
    "rows.offset": "<u8",
    "rows.first": "<u8",
}
MAX_RAW_BLOCK = 1 << 31


@dataclass(frozen=True, slots=True)
class Postings:
    """Where some fingerprints stand.

    `counts` int64 (keys,): postings of each, `repositories` int64 (keys,): how many hold it; `queries` int64, `positions` uint64
    (hits,): which key, which token of the segment; `more` bool (hits,): the document may hold it elsewhere too. `cut`: a list was not
    read to its end.
    """

    counts: NDArray[np.int64]
    repositories: NDArray[np.int64]
    queries: NDArray[np.int64]
    positions: NDArray[np.uint64]
    more: NDArray[np.bool_]
    cut: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of one document: its bytes, and where it begins in the document (byte, line end count) and segment (token)."""

    data: bytes
    first_byte: int
    first_line: int
    first_token: int


@dataclass(frozen=True)
class Segment:
    """An opened segment; threads may share it."""

    file: SectionFile
    documents: int
    tokens: int
    text_bytes: int
    repositories: int

    @classmethod
    def open(cls, path: Path) -> Segment:
        """Maps a segment. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(1)."""
        file = SectionFile.open(path, KIND, SPEC.name)
        file.require("documents", "tokens", "text_bytes", "repositories", "channels")
        return cls(file, file.header["documents"], file.header["tokens"], file.header["text_bytes"], file.header["repositories"])

    def look_up(self, channel: Channel, keys: NDArray[np.uint64], most: int, *, filtered: bool = True) -> Postings:
        """Postings of fingerprints, at most `most` of each; with `filtered` only those of a long list that share a context.

        About 0.2 µs a key and 3 ns a posting read.
        """
        counts, repositories = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        begin = {part: self.file.section(f"{channel.name}.{part}") for part in ("directory", "entries", "lists")}
        bits = self.file.header["channels"][channel.name]["bits"]
        room = 64 * len(keys) + 1024
        while True:
            queries, positions = np.empty(room, np.int64), np.empty(room, np.uint64)
            n, bad, cut = kernels.look_up(
                self.file.words, self.file.halves, self.file.bytes, self.file.touched, self.file.crcs,
                begin["directory"][0], begin["entries"][0], *begin["lists"], bits, keys, filtered, most,
                counts, repositories, queries, positions,
            )  # fmt: skip
            self.file.raise_bad_page(bad)
            if n >= 0:
                found = positions[:n]
                return Postings(counts, repositories, queries[:n], found & ~kernels.MORE_PLACES, found >= kernels.MORE_PLACES, cut)
            room *= 4

    def documents_of(self, positions: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The document of each token position; the positions ascend."""
        return self._last_at_most("doc.first_token", self.documents, positions)

    def _last_at_most(self, column: str, n: int, values: NDArray[np.uint64]) -> NDArray[np.int64]:
        out = np.empty(len(values), np.int64)
        file = self.file
        bad = kernels.find_last_many(file.words, file.touched, file.crcs, file.section(column)[0] >> 3, n, values, out)
        file.raise_bad_page(bad)
        return out

    def value(self, column: str, i: int) -> int:
        """One value of a column of COLUMNS."""
        return self.file.value(column, COLUMNS[column], i)

    def values(self, column: str, elements: NDArray[np.int64]) -> NDArray[Any]:
        """Some values of a column of COLUMNS."""
        return self.file.values(column, COLUMNS[column], elements)

    def token_range(self, doc: int) -> tuple[int, int]:
        """The tokens of a document, as positions in the segment."""
        return self.value("doc.first_token", doc), self.value("doc.first_token", doc + 1)

    def region(self, doc: int, first_token: int, last_token: int) -> Region:
        """The blocks of a document that hold tokens [first_token, last_token) of the segment; unpacks about 16 KB at least."""
        n_blocks = self.file.section("block.raw")[1] - self.file.section("block.raw")[0]
        wanted = np.array([first_token, max(first_token, last_token - 1)], np.uint64)
        first, last = self._last_at_most("block.first_token", n_blocks // 4, wanted).tolist()
        return self._unpack(doc, max(first, self.value("doc.block", doc)), last)

    def content(self, doc: int) -> bytes:
        """A document's whole text, UTF-8."""
        size = self.value("doc.size", doc)
        first = last = self.value("doc.block", doc)
        have = self.value("block.raw", first) - self.value("doc.block_offset", doc)
        while have < size:
            last += 1
            have += self.value("block.raw", last)
        return self._unpack(doc, first, last).data

    def _unpack(self, doc: int, first: int, last: int) -> Region:
        text = b"".join(self._block(b) for b in range(first, last + 1))
        size = self.value("doc.size", doc)
        if first == self.value("doc.block", doc):
            begin = self.value("doc.block_offset", doc)
            return Region(text[begin : begin + size], 0, 0, self.value("doc.first_token", doc))
        byte = self.value("block.doc_byte", first)
        return Region(text[: size - byte], byte, self.value("block.doc_line", first), self.value("block.first_token", first))

    def _block(self, block: int) -> bytes:
        frame = self.file.read("text", self.value("block.offset", block), self.value("block.offset", block + 1))
        return self._decompress(frame, self.value("block.raw", block))

    def _decompress(self, frame: bytes, size: int) -> bytes:
        try:
            return pa.decompress(frame, size, "zstd", asbytes=True)  # type: ignore[no-any-return]
        except (OSError, pa.ArrowInvalid) as error:  # unreachable unless the writer was at fault: the pages passed their checksums
            raise IndexCorrupt(f"{self.file.path}: a block does not unpack ({error}); rebuild the index with wherefrom index") from error

    def row(self, doc: int) -> dict[str, Any]:
        """A document's row: `document_id` and the columns of a release but for the content."""
        n = (self.file.section("rows.first")[1] - self.file.section("rows.first")[0]) >> 3
        block = int(self._last_at_most("rows.first", n, np.array([doc], np.uint64))[0])
        frame = self.file.read("rows", self.value("rows.offset", block), self.value("rows.offset", block + 1))
        lines = self._decompress(frame[4:], int.from_bytes(frame[:4], "little")).split(b"\n")
        row: dict[str, Any] = json.loads(lines[doc - self.value("rows.first", block)])
        return row

    def find(self, document_id: str) -> int | None:
        """The number of the document with this id."""
        try:
            key = int(document_id[:16], 16)
        except ValueError:
            return None
        if len(document_id) != 24 or key >= 1 << 64:
            return None
        at = int(self._last_at_most("id.sorted", self.documents, np.array([key], np.uint64))[0])
        while at >= 0 and self.file.value("id.sorted", "<u8", at) == key:
            doc = self.file.value("id.doc", "<u4", at)
            if self.row(doc)["document_id"] == document_id:
                return doc
            at -= 1
        return None

    def fingerprints(self, channel: Channel, buckets_a_chunk: int = 1 << 16) -> Iterator[NDArray[np.uint64]]:
        """All distinct fingerprints of a channel, ascending, in chunks."""
        bits = self.file.header["channels"][channel.name]["bits"]
        directory = self.file.array(f"{channel.name}.directory", "<u4")
        entries = self.file.array(f"{channel.name}.entries", "<u8")
        for first in range(0, 1 << bits, buckets_a_chunk):
            last = min(first + buckets_a_chunk, 1 << bits)
            out = np.empty(int(directory[last]) - int(directory[first]), np.uint64)
            kernels.expand_keys(entries, directory, bits, first, last, out)
            yield out
