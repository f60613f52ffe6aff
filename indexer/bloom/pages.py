"""How is a portable filter's file written and read with the standard library alone, so that a flipped bit is an error?

The container is that of segments (`indexer.segment.format`): a header page, sections, a CRC-32 for every page of 4 KiB. This second
reader and writer exist because that one needs numpy and compiled kernels, which an offline test must not wait for.

Not here: what the sections hold (`indexer.bloom.portable`); FORMAT.md draws the bytes.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from indexer.errors import IndexCorrupt, IndexNotFound, IndexTooNew, InputError, OutOfSpace

# On disk: as in indexer.segment.format
MAGIC = b"WHEREFRM"
FORMAT_VERSION = 1
PAGE = 4096
KIND = "portable-filter"
_PREFIX = struct.Struct("<8sIIII")  # magic, version, length of the JSON, its CRC-32, zero
_AGAIN = "fetch the file again, or export it anew with wherefrom filter export"


class PageWriter:
    """Writes `<path>.part` section by section; `finish` makes it `<path>`, leaving the `with` block without it removes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")
        self._sections: dict[str, tuple[int, int]] = {}
        self._crcs: list[int] = []
        self._tail = bytearray(PAGE)  # room for the header
        self._written = 0
        try:
            self._file: BinaryIO = open(self._part, "wb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); give a file in a folder that is there") from None

    def __enter__(self) -> PageWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

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

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Appends to the section begun last."""
        self._tail += data
        name = next(reversed(self._sections))
        self._sections[name] = (self._sections[name][0], self.position - self._sections[name][0])
        if len(self._tail) >= 1 << 20:
            self._flush()

    def finish(self, header: dict[str, Any]) -> int:
        """Writes checksums and header, makes the file durable and visible; returns its size in bytes."""
        self.align()
        self._flush()
        size = self._written + 4 * len(self._crcs)
        fields = {"kind": KIND, "size": size, "checksums": self._written, "sections": self._sections, **header}
        text = json.dumps(fields).encode()
        if len(text) > PAGE - _PREFIX.size:
            raise InputError(f"{self.path}: its header takes {len(text)} bytes, {PAGE - _PREFIX.size} fit; give the index a shorter name")
        page = (_PREFIX.pack(MAGIC, FORMAT_VERSION, len(text), zlib.crc32(text), 0) + text).ljust(PAGE, b"\0")
        self._crcs[0] = zlib.crc32(page)
        with disk_errors(self.path):
            self._file.write(struct.pack(f"<{len(self._crcs)}I", *self._crcs))
            self._file.seek(0)
            self._file.write(page)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._part.replace(self.path)
            _sync_folder(self.path.absolute().parent)
        return size

    def _flush(self) -> None:
        whole = len(self._tail) // PAGE * PAGE
        with memoryview(self._tail) as view:
            self._crcs.extend(zlib.crc32(view[i : i + PAGE]) for i in range(0, whole, PAGE))
            with disk_errors(self.path):
                self._file.write(view[:whole])
        self._written += whole
        del self._tail[:whole]


class PageFile:
    """A finished file, memory-mapped; every page is summed when it is first read. Threads may share it."""

    def __init__(self, path: Path, file_map: mmap.mmap, header: dict[str, Any]) -> None:
        self.path = path
        self.header = header
        self._map = file_map
        self._checked = bytearray(header["checksums"] // PAGE)

    @classmethod
    def open(cls, path: Path) -> PageFile:
        """Maps a file. Raises IndexNotFound, IndexCorrupt, IndexTooNew. O(1)"""
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file_map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size >= PAGE else None
        except OSError as error:
            raise IndexNotFound(
                f"{path}: no filter can be read here ({error.strerror}); make one with wherefrom filter export -o {path}"
            ) from None
        if file_map is None:
            raise IndexCorrupt(f"{path}: {size} bytes, a filter has at least {PAGE}; {_AGAIN}")
        return cls(path, file_map, _read_header(path, file_map[:PAGE], size))

    def close(self) -> None:
        """Unmaps the file."""
        self._map.close()

    def section(self, name: str) -> tuple[int, int]:
        """Where a section begins and ends, in bytes of the file."""
        begin, length = self.header["sections"][name]
        return begin, begin + length

    def read(self, begin: int, end: int) -> bytes:
        """Bytes [begin, end) of the file. Raises IndexCorrupt unless their pages are what was written."""
        if not PAGE <= begin <= end <= self.header["checksums"]:
            raise IndexCorrupt(f"{self.path}: bytes {begin}..{end} lie outside the file; {_AGAIN}")
        for page in range(begin // PAGE, -(-end // PAGE)):
            if not self._checked[page]:
                self._check(page)
        return self._map[begin:end]

    def damaged_pages(self) -> Iterator[int]:
        """The numbers of the pages, whether read before or not, that fail their checksum."""
        for page in range(len(self._checked)):
            if not self._is_sound(page):
                yield page

    def _check(self, page: int) -> None:
        if not self._is_sound(page):
            raise IndexCorrupt(f"{self.path}: bytes {page * PAGE}..{(page + 1) * PAGE} fail their checksum; {_AGAIN}")
        self._checked[page] = 1

    def _is_sound(self, page: int) -> bool:
        at = self.header["checksums"] + 4 * page
        return zlib.crc32(self._map[page * PAGE : (page + 1) * PAGE]) == int.from_bytes(self._map[at : at + 4], "little")


def _read_header(path: Path, page: bytes, size: int) -> dict[str, Any]:
    magic, version, length, crc, _ = _PREFIX.unpack(page[: _PREFIX.size])
    if magic != MAGIC:
        raise IndexCorrupt(
            f"{path}: begins with {magic!r}, a filter of Wherefrom with {MAGIC!r}; "
            "a file of pybloom-live becomes one by wherefrom filter import FILE -o OUT"
        )
    if version > FORMAT_VERSION:
        raise IndexTooNew(f"{path}: version {version}, this reader takes 1..{FORMAT_VERSION}; upgrade wherefrom")
    text = page[_PREFIX.size : _PREFIX.size + length]
    if len(text) < length or zlib.crc32(text) != crc:
        raise IndexCorrupt(f"{path}: its header fails its checksum; {_AGAIN}")
    header = _parsed(path, text)
    if header["kind"] != KIND:
        raise IndexCorrupt(f"{path}: holds a {header['kind']}, wanted a {KIND}; export one with wherefrom filter export -o FILE")
    if header["size"] != size or header["checksums"] % PAGE or header["checksums"] // PAGE * (PAGE + 4) != size:
        raise IndexCorrupt(f"{path}: {size} bytes, its header says {header['size']} (truncated?); {_AGAIN}")
    return header


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    """The header's JSON, once what the container needs of it has the right form."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("checksums"), int) or not {"kind", "size"} <= set(header):
        raise IndexCorrupt(f"{path}: its header is not that of a filter; {_AGAIN}")
    return header


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a full disk into OutOfSpace, naming the file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(f"{path}: no space left on the disk; free some and run again (what was begun is removed)") from error
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
