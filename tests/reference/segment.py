"""What does a segment file hold? A reader from FORMAT.md with the standard library and any zstd decoder; checks every page first."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PAGE = 4096
Decompress = Callable[[bytes, int], bytes]


class Damaged(Exception):
    """The bytes are not what was written."""


@dataclass(frozen=True)
class Container:
    """The header and the sections of a file."""

    header: dict[str, Any]
    data: bytes

    @classmethod
    def parse(cls, data: bytes) -> Container:
        magic, version, length, crc, _ = struct.unpack("<8sIIII", data[:24])
        if magic != b"WHEREFRM" or version != 1 or zlib.crc32(data[24 : 24 + length]) != crc:
            raise Damaged("header")
        header = json.loads(data[24 : 24 + length])
        if header["size"] != len(data):
            raise Damaged("size")
        pages = header["checksums"] // PAGE
        sums = struct.unpack(f"<{pages}I", data[header["checksums"] :])
        for page, crc in enumerate(sums):
            if zlib.crc32(data[page * PAGE : (page + 1) * PAGE]) != crc:
                raise Damaged(f"page {page}")
        return cls(header, data)

    def section(self, name: str) -> bytes:
        begin, length = self.header["sections"][name]
        return self.data[begin : begin + length]

    def number(self, name: str, i: int, width: int = 8) -> int:
        return int.from_bytes(self.section(name)[i * width : (i + 1) * width], "little")


def varint(data: bytes, i: int) -> tuple[int, int]:
    """LEB128: (value, next byte)."""
    value = shift = 0
    while True:
        value |= (data[i] & 127) << shift
        shift += 7
        i += 1
        if data[i - 1] < 128:
            return value, i


def entry(file: Container, channel: str, fingerprint: int) -> int | None:
    """The payload of a fingerprint: its bucket's entries are searched for its remainder."""
    bits = file.header["channels"][channel]["bits"]
    remainder_bits = 48 - bits
    bucket, remainder = fingerprint >> remainder_bits, fingerprint & (1 << remainder_bits) - 1
    payload_bits = 64 - remainder_bits
    for e in range(file.number(f"{channel}.directory", bucket, 4), file.number(f"{channel}.directory", bucket + 1, 4)):
        word = file.number(f"{channel}.entries", e)
        if word >> payload_bits == remainder:
            return word & (1 << payload_bits) - 1
    return None


def postings(file: Container, channel: str, fingerprint: int) -> list[tuple[int, int | None, int | None]]:
    """(token of the segment, right context, left context) of each posting; contexts are None in lists of eight or fewer."""
    payload = entry(file, channel, fingerprint)
    if payload is None:
        return []
    if payload & 1 == 0:
        return [(payload >> 1, None, None)]
    data = file.section(f"{channel}.lists")
    count, at = varint(data, payload >> 1)
    count >>= 1  # its lowest bit says that a document has more places than are kept
    _, at = varint(data, at)  # repositories
    size, at = varint(data, at)
    end = at + size
    rights: list[int | None] = [None] * count
    lefts: list[int | None] = [None] * count
    if count > 8:
        rights, lefts = list(data[at : at + count]), list(data[at + count : at + 2 * count])
        at += 2 * count
    out, position = [], 0
    for right, left in zip(rights, lefts, strict=True):
        delta, at = varint(data, at)
        position += delta
        out.append((position, right, left))
    assert at == end
    return out


def holders(file: Container, channel: str, fingerprint: int) -> int:
    """In how many repositories a fingerprint stands, as its list says."""
    payload = entry(file, channel, fingerprint)
    if payload is None or payload & 1 == 0:
        return int(payload is not None)
    data = file.section(f"{channel}.lists")
    return varint(data, varint(data, payload >> 1)[1])[0]


def document_of(file: Container, token: int) -> int:
    """The last document that begins at or before a token of the segment."""
    return max(doc for doc in range(file.header["documents"]) if file.number("doc.first_token", doc) <= token)


def content(file: Container, doc: int, decompress: Decompress) -> bytes:
    """A document's bytes: as many blocks as it takes, from its first one on."""
    block, begin, size = file.number("doc.block", doc), file.number("doc.block_offset", doc, 4), file.number("doc.size", doc)
    text = b""
    while len(text) < begin + size:
        text += block_text(file, block, decompress)
        block += 1
    return text[begin : begin + size]


def block_text(file: Container, block: int, decompress: Decompress) -> bytes:
    first, last = file.number("block.offset", block), file.number("block.offset", block + 1)
    return decompress(file.section("text")[first:last], file.number("block.raw", block, 4))


def row(file: Container, doc: int, decompress: Decompress) -> dict[str, Any]:
    """A document's row: a frame of JSON lines, its size before it."""
    n = len(file.section("rows.first")) // 8
    block = max(b for b in range(n) if file.number("rows.first", b) <= doc)
    frame = file.section("rows")[file.number("rows.offset", block) : file.number("rows.offset", block + 1)]
    lines = decompress(frame[4:], int.from_bytes(frame[:4], "little")).split(b"\n")
    found: dict[str, Any] = json.loads(lines[doc - file.number("rows.first", block)])
    return found
