"""What does a segment hold? Postings of both channels, compressed documents and their rows, read in place.

FORMAT.md describes the bytes. A segment never changes; every byte is checked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.errors import IndexCorrupt
from indexer.fingerprint.kernels import MAX_POSITIONS
from indexer.fingerprint.spec import SPEC, Channel
from indexer.segment import kernels
from indexer.segment.format import SectionFile
from indexer.segment.frames import unpack
from indexer.segment.removed import Removed

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


@dataclass(frozen=True, slots=True)
class Postings:
    """Where some fingerprints stand.

    `counts` int64 (keys,): postings of each, `repositories` int64 (keys,): how many hold it; `queries` int64, `positions` uint64
    (hits,): which key, which token of the segment; `more` bool (hits,): the document may hold it elsewhere too.
    """

    counts: NDArray[np.int64]
    repositories: NDArray[np.int64]
    queries: NDArray[np.int64]
    positions: NDArray[np.uint64]
    more: NDArray[np.bool_]


class Region(NamedTuple):
    """A stretch of one document: its bytes, and where it begins in the document (byte, line end count) and segment (token).

    `document`: the tokens of the whole document, as positions in the segment; `flags`: its doc.flags.
    """

    data: bytes
    first_byte: int
    first_line: int
    first_token: int
    document: tuple[int, int]
    flags: int


@dataclass(frozen=True)
class Segment:
    """An opened segment; threads may share it. Documents keep their numbers when others are removed; look-ups give live ones only."""

    file: SectionFile
    documents: int
    tokens: int
    text_bytes: int
    repositories: int
    removed: Removed | None = None
    excluded: NDArray[np.bool_] | None = None  # by one question, for attribution: one bool a document, what is removed among it

    @classmethod
    def open(cls, path: Path, removed: Path | None = None) -> Segment:
        """Maps a segment and its tombstones. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(1)."""
        file = SectionFile.open(path, KIND, SPEC.name)
        file.require("documents", "tokens", "text_bytes", "repositories", "channels")
        n = file.header["documents"]
        tombstones = Removed.open(removed, n) if removed else None
        return cls(file, n, file.header["tokens"], file.header["text_bytes"], file.header["repositories"], tombstones)

    @property
    def live_documents(self) -> int:
        """How many documents are not removed."""
        return self.documents - (self.removed.count if self.removed else 0)

    @cached_property
    def views(self) -> tuple[NDArray[Any], ...]:
        """What kernels read the file by: words, halves, bytes, which pages were touched, their checksums."""
        return self.file.words, self.file.halves, self.file.bytes, self.file.touched, self.file.crcs

    @cached_property
    def documents_at(self) -> tuple[int, int]:
        """The byte of the column of first tokens, and how many documents there are."""
        return self.file.section("doc.first_token")[0], self.documents

    @cached_property
    def removed_bits(self) -> NDArray[np.bool_]:
        """One bool a document, True for what is removed or excluded; empty where nothing is."""
        if self.excluded is not None:
            return self.excluded
        return self.removed.bits() if self.removed else np.zeros(0, np.bool_)

    @cached_property
    def parts(self) -> tuple[tuple[int, int, int, int, int], ...]:
        """Where the directory, entries and lists of the exact and the renamed channel begin and the lists end, in bytes of the file,
        and the bits of the directory."""
        section, channels = self.file.section, self.file.header["channels"]
        return tuple(
            (section(f"{name}.directory")[0], section(f"{name}.entries")[0], *section(f"{name}.lists"), channels[name]["bits"])
            for name in (SPEC.exact.name, SPEC.renamed.name)
        )

    @cached_property
    def _region_columns(self) -> tuple[int, ...]:
        """The bytes of the columns that find_region reads, and how many blocks there are."""
        documents = "doc.first_token", "doc.size", "doc.block", "doc.block_offset", "doc.flags"
        blocks = "block.first_token", "block.doc_byte", "block.doc_line"
        begin, end = self.file.section("block.first_token")
        return *(self.file.section(name)[0] for name in documents + blocks), ((end - begin) >> 3) - 1

    @cached_property
    def _row_columns(self) -> tuple[int, ...]:
        """The bytes of the columns that find_row reads and of the rows, and how many frames there are."""
        begin, end = self.file.section("rows.first")
        return begin, self.file.section("rows.offset")[0], *self.file.section("rows"), (end - begin) >> 3

    def live(self) -> NDArray[np.int64]:
        """The numbers of all live documents, ascending."""
        return np.flatnonzero(~self.removed.bits()) if self.removed else np.arange(self.documents)

    def look_up(self, channel: Channel, keys: NDArray[np.uint64], most: int, *, filtered: bool = True) -> Postings:
        """Postings of fingerprints in live documents, at most `most` of each; with `filtered` only those of a long list that share
        a context. Counts are those of live documents where a list was read whole, else those of the segment as it was written.

        About 1 µs a key with its postings.
        """
        if self.removed is None:
            return self._read(channel, keys, most, filtered)
        # A removed document holds at most MAX_POSITIONS places of a fingerprint, so this many suffice to see `most` live ones.
        limit = most + MAX_POSITIONS * self.removed.count
        asked = most
        while True:
            found = self._read(channel, keys, asked, filtered)
            docs = self._documents_of_any(found.positions)
            live = ~self.removed.includes(docs)
            if asked == most and live.all():
                return found
            taken, kept = (np.bincount(which, minlength=len(keys)) for which in (found.queries, found.queries[live]))
            if asked >= limit or not ((taken >= asked) & (kept < most)).any():
                return self._live_postings(found, docs, live, taken, kept, most)
            asked = min(8 * asked, limit)

    def _live_postings(
        self,
        found: Postings,
        docs: NDArray[np.int64],
        live: NDArray[np.bool_],
        taken: NDArray[np.int64],
        kept: NDArray[np.int64],
        most: int,
    ) -> Postings:
        """Of all postings read only the live ones, at most `most` of each key; counts of lists read whole become exact."""
        queries, positions, more = found.queries[live], found.positions[live], found.more[live]
        whole = taken == found.counts
        names, repository = np.unique(self.values("doc.repository", docs[live]), return_inverse=True)
        pairs = np.unique(queries * len(names) + repository)
        holders = np.bincount(pairs // max(1, len(names)), minlength=len(found.counts))
        counts, repositories = np.where(whole, kept, found.counts), np.where(whole, holders, found.repositories)
        rank = np.arange(len(queries)) - (np.cumsum(kept) - kept)[queries]
        first = rank < most
        return Postings(counts, repositories, queries[first], positions[first], more[first])

    def holds(self, channel: Channel, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For each fingerprint, whether a live document has it. Reads at most 8 times as much of a list as lies before a live document."""
        if self.removed is None:
            return self._read(channel, keys, 1, False).counts > 0
        out = np.zeros(len(keys), np.bool_)
        asked, limit = 16, 1 + MAX_POSITIONS * self.removed.count
        unknown = np.arange(len(keys))
        while len(unknown):
            found = self._read(channel, keys[unknown], asked, False)
            live = ~self.removed.includes(self._documents_of_any(found.positions))
            out[unknown[found.queries[live]]] = True
            unknown = unknown[~out[unknown] & (found.counts > asked)] if asked < limit else unknown[:0]
            asked = min(8 * asked, limit)
        return out

    def _documents_of_any(self, positions: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The document of each token position, in any order."""
        order = np.argsort(positions, kind="stable")
        docs = np.empty(len(positions), np.int64)
        docs[order] = self.documents_of(positions[order])
        return docs

    def _read(self, channel: Channel, keys: NDArray[np.uint64], most: int, filtered: bool) -> Postings:
        counts, repositories = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        begin = {part: self.file.section(f"{channel.name}.{part}") for part in ("directory", "entries", "lists")}
        bits = self.file.header["channels"][channel.name]["bits"]
        room = 64 * len(keys) + 1024
        while True:
            queries, positions = np.empty(room, np.int64), np.empty(room, np.uint64)
            n, bad = kernels.look_up(
                self.file.words, self.file.halves, self.file.bytes, self.file.touched, self.file.crcs,
                begin["directory"][0], begin["entries"][0], *begin["lists"], bits, keys, filtered, most,
                counts, repositories, queries, positions,
            )  # fmt: skip
            self.file.raise_bad_page(bad)
            if n >= 0:
                found = positions[:n]
                return Postings(counts, repositories, queries[:n], found & ~kernels.MORE_PLACES, found >= kernels.MORE_PLACES)
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

    def region(self, doc: int, first_token: int, last_token: int, kept: dict[tuple[int, int], bytes] | None = None) -> Region:
        """The blocks of a document that hold its tokens within [first_token, last_token) of the segment.

        Unpacks 16 to 48 KB at least, but for blocks in `kept`, which the caller owns and may empty; new ones are added to it.
        """
        found = kernels.find_region(self.views, self._region_columns, doc, first_token, last_token)
        bad, first, last, begin, size, byte, line, token, first_token, stop, flags = found
        self.file.raise_bad_page(bad)
        text = self._unpack(first, last, {} if kept is None else kept)
        return Region(text[begin : begin + size], byte, line, token, (first_token, stop), flags)

    def content(self, doc: int) -> bytes:
        """A document's whole text, UTF-8."""
        size, begin = self.value("doc.size", doc), self.value("doc.block_offset", doc)
        first = last = self.value("doc.block", doc)
        have = self.value("block.raw", first) - begin
        while have < size:
            last += 1
            have += self.value("block.raw", last)
        return self._unpack(first, last, {})[begin : begin + size]

    def _unpack(self, first: int, last: int, kept: dict[tuple[int, int], bytes]) -> bytes:
        blocks = []
        for block in range(first, last + 1):
            text = kept.get((id(self), block))
            if text is None:
                text = kept[id(self), block] = self._block(block)
            blocks.append(text)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def _block(self, block: int) -> bytes:
        frame = self.file.read("text", self.value("block.offset", block), self.value("block.offset", block + 1))
        return self._decompress(frame, self.value("block.raw", block))

    def _decompress(self, frame: bytes, size: int) -> bytes:
        try:
            return unpack(frame, size)
        except ValueError as error:  # unreachable unless the writer was at fault: the pages passed their checksums
            raise IndexCorrupt(f"{self.file.path}: a block does not unpack ({error}); rebuild the index with wherefrom index") from error

    def row(self, doc: int, kept: dict[tuple[int, int], list[bytes]] | None = None) -> dict[str, Any]:
        """A document's row: `document_id` and the columns of a release but for the content. `kept` as `region` takes it."""
        bad, block, begin, end, line = kernels.find_row(self.views, self._row_columns, doc)
        self.file.raise_bad_page(bad)
        lines = kept.get((id(self), block)) if kept is not None else None
        if lines is None:
            frame = self.file.bytes[begin:end].tobytes()
            lines = self._decompress(frame[4:], int.from_bytes(frame[:4], "little")).split(b"\n")
            if kept is not None:
                kept[id(self), block] = lines
        row: dict[str, Any] = json.loads(lines[line])
        return row

    def may_find(self, heads: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For the first 64 bits of each of some ids, whether a document has them. About 0.3 µs each."""
        order = np.argsort(heads, kind="stable")
        at = np.empty(len(heads), np.int64)
        at[order] = self._last_at_most("id.sorted", self.documents, heads[order])
        there = np.maximum(at, 0)
        found: NDArray[np.bool_] = (at >= 0) & (self.file.values("id.sorted", "<u8", there) == heads) if self.documents else at >= 0
        return found

    def find(self, document_id: str) -> int | None:
        """The number of the live document with this id."""
        try:
            key = int(document_id[:16], 16)
        except ValueError:
            return None
        if len(document_id) != 24 or key >= 1 << 64:
            return None
        at = int(self._last_at_most("id.sorted", self.documents, np.array([key], np.uint64))[0])
        while at >= 0 and self.file.value("id.sorted", "<u8", at) == key:
            doc = self.file.value("id.doc", "<u4", at)
            is_live = self.removed is None or not self.removed.includes(np.array([doc]))[0]
            if is_live and self.row(doc)["document_id"] == document_id:
                return doc
            at -= 1
        return None

    def fingerprints(self, channel: Channel, buckets_a_chunk: int = 1 << 16) -> Iterator[NDArray[np.uint64]]:
        """All distinct fingerprints of a channel, ascending, in chunks. What was read does not stay resident."""
        bits = self.file.header["channels"][channel.name]["bits"]
        directory = self.file.array(f"{channel.name}.directory", "<u4")
        entries = self.file.array(f"{channel.name}.entries", "<u8")
        for first in range(0, 1 << bits, buckets_a_chunk):
            last = min(first + buckets_a_chunk, 1 << bits)
            out = np.empty(int(directory[last]) - int(directory[first]), np.uint64)
            kernels.expand_keys(entries, directory, bits, first, last, out)
            self.file.forget(f"{channel.name}.entries", int(directory[first]) * 8, int(directory[last]) * 8)
            yield out
