"""How is a file of named sections laid out and written, so that a flipped bit is an error for whoever reads it?

A header page, sections that begin at pages of 4 KiB, a CRC-32 for each page; `segment/FORMAT.md` draws the bytes. Needs the standard
library alone, as the offline test does.

Not here: reading with numpy and compiled kernels (`indexer.segment.format`) or without (`indexer.bloom.pages`).
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from indexer.disk import appear, disk_errors, part_of
from indexer.errors import IndexCorrupt, IndexTooNew, InputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# On disk: all of these
MAGIC = b"WHEREFRM"
FORMAT_VERSION = 1
PAGE = 4096
_PREFIX = struct.Struct("<8sIIII")  # magic, version, length of the JSON, its CRC-32, zero
_ROOM = PAGE - _PREFIX.size
_WAITING = 1 << 20  # bytes before they are written


class PageWriter:
    """Writes a file section by section. `finish` gives it its name; leaving the `with` block without it removes what was begun."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self._kind = kind
        self._sections: dict[str, tuple[int, int]] = {}
        self._crcs = array("I")
        self._tail = bytearray(PAGE)  # room for the header
        self._written = 0
        self._file: BinaryIO = open(part_of(path), "wb")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> PageWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a full disk: what waits in memory cannot be written either
            self._file.close()
        part_of(self.path).unlink(missing_ok=True)

    @property
    def position(self) -> int:
        """The byte of the file that the next write goes to."""
        return self._written + len(self._tail)

    def align(self) -> None:
        """The next write begins a page."""
        self._tail += bytes(-len(self._tail) % PAGE)

    def begin(self, name: str) -> None:
        """Starts a section at the next page."""
        self.align()
        self._sections[name] = (self.position, 0)

    def write(self, data: ReadableBuffer) -> None:
        """Appends bytes, or a contiguous array of little-endian numbers, to the section begun last."""
        view = memoryview(data)
        if view.nbytes:
            self._tail += view.cast("B")
        name, (begin, _) = next(reversed(self._sections.items()))
        self._sections[name] = (begin, self.position - begin)
        if len(self._tail) >= _WAITING:
            self._flush()

    def add(self, name: str, data: ReadableBuffer) -> None:
        """A whole section at once."""
        self.begin(name)
        self.write(data)

    def finish(self, header: dict[str, Any]) -> int:
        """Writes checksums and header, makes the file durable and visible; returns its size in bytes. Raises OutOfSpace, InputError."""
        self.align()
        self._flush()
        size = self._written + 4 * len(self._crcs)
        page = self._header({"kind": self._kind, "size": size, "checksums": self._written, "sections": self._sections, **header})
        self._crcs[0] = zlib.crc32(page)
        if sys.byteorder == "big":
            self._crcs.byteswap()
        with disk_errors(self.path):
            self._file.write(self._crcs)
            self._file.seek(0)
            self._file.write(page)
            appear(self._file, self.path)
            self._file.close()
        return size

    def _header(self, fields: dict[str, Any]) -> bytes:
        text = json.dumps(fields).encode()
        if len(text) > _ROOM:
            raise InputError(f"{self.path}: its header takes {len(text)} bytes, {_ROOM} fit; give the index a shorter name")
        return (_PREFIX.pack(MAGIC, FORMAT_VERSION, len(text), zlib.crc32(text), 0) + text).ljust(PAGE, b"\0")

    def _flush(self) -> None:
        whole = len(self._tail) // PAGE * PAGE
        with memoryview(self._tail) as view:
            self._crcs.extend(zlib.crc32(view[i : i + PAGE]) for i in range(0, whole, PAGE))
            with disk_errors(self.path):
                self._file.write(view[:whole])
        self._written += whole
        del self._tail[:whole]


def read_header(path: Path, page: bytes, size: int, kind: str, again: str, foreign: str | None = None) -> dict[str, Any]:
    """The header of a file of this kind, from its first page and its size in bytes. Raises IndexCorrupt, IndexTooNew.

    `again` says how to get a sound file; `foreign` what else to do with a file that is not ours.
    """
    magic, version, length, crc, _ = _PREFIX.unpack(page[: _PREFIX.size])
    if magic != MAGIC:
        raise IndexCorrupt(f"{path}: begins with {magic!r}, a {kind} of Wherefrom with {MAGIC!r}; {foreign or again}")
    if version > FORMAT_VERSION:
        raise IndexTooNew(f"{path}: version {version}, this reader takes 1..{FORMAT_VERSION}; upgrade wherefrom")
    text = page[_PREFIX.size : _PREFIX.size + length]
    if len(text) < length or zlib.crc32(text) != crc:
        raise IndexCorrupt(f"{path}: its header fails its checksum; {again}")
    header = _parsed(path, text, kind, again)
    if header["kind"] != kind:
        raise IndexCorrupt(f"{path}: holds a {header['kind']}, wanted a {kind}; {again}")
    if header["size"] != size or header["checksums"] % PAGE or header["checksums"] // PAGE * (PAGE + 4) != size:
        raise IndexCorrupt(f"{path}: {size} bytes, its header says {header['size']} (truncated?); {again}")
    return header


def _parsed(path: Path, text: bytes, kind: str, again: str) -> dict[str, Any]:
    """The header's JSON, once what the container needs of it has the right form."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("checksums"), int) or not {"kind", "size"} <= set(header):
        raise IndexCorrupt(f"{path}: its header is not that of a {kind}; {again}")
    return header
