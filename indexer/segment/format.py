"""How is a file of named sections written and opened so that a flipped bit is an error and never a wrong answer?

FORMAT.md draws the bytes. Every page of 4 KiB has a CRC-32, checked when the page is first read; opening reads one page and costs O(1).

Not here: what the sections of a segment hold (`indexer.segment.segment`) or of a filter (`indexer.bloom.filter`).
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from indexer.errors import IndexCorrupt, IndexNotFound, IndexTooNew, OutOfSpace, SpecMismatch
from indexer.segment import kernels

MAGIC = b"WHEREFRM"
FORMAT_VERSION = 1
PAGE = 1 << kernels.PAGE_SHIFT
_HEADER = struct.Struct("<8sIIII")  # magic, version, length of the JSON, its CRC-32, zero


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a full disk, or a file beyond the limit of the system or the user, into OutOfSpace, naming the file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(f"{path}: no space left on the disk; free some and run again (what was begun is removed)") from error
        if error.errno == errno.EFBIG:
            raise OutOfSpace(f"{path}: a file is larger than the file size limit; raise it (ulimit -f) and run again") from error
        raise


class SectionWriter:
    """Writes `<path>.part` section by section; `finish` makes it `<path>`, `abort` removes it."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._kind = kind
        self._sections: dict[str, tuple[int, int]] = {}
        self._crcs: list[int] = []
        self._tail = bytearray(PAGE)  # room for the header
        self._file: BinaryIO = open(self._part, "wb")  # noqa: SIM115 - closed by finish or abort
        self._written = 0
        self._flush_pages()

    def begin(self, name: str) -> None:
        """Starts a section at the next page."""
        self._pad()
        self._sections[name] = (self._written + len(self._tail), 0)

    def write(self, data: bytes | memoryview | NDArray[Any]) -> None:
        """Appends to the section begun last."""
        view = np.ascontiguousarray(data).data.cast("B") if isinstance(data, np.ndarray) else memoryview(data)
        name = next(reversed(self._sections))
        begin, length = self._sections[name]
        self._sections[name] = (begin, length + len(view))
        self._tail += view
        if len(self._tail) >= 1 << 20:
            self._flush_pages()

    def add(self, name: str, data: bytes | NDArray[Any]) -> None:
        """A whole section at once."""
        self.begin(name)
        self.write(data)

    def finish(self, header: dict[str, Any]) -> int:
        """Writes checksums and header, makes the file durable and visible; returns its size in bytes."""
        self._pad()
        self._flush_pages()
        sections = dict(self._sections)
        begin = self._written
        crcs = np.array(self._crcs, "<u4")
        text = b""
        total = begin + len(crcs) * 4
        text = json.dumps({"kind": self._kind, "size": total, "checksums": begin, "sections": sections, **header}).encode()
        page = bytearray(PAGE)
        page[: _HEADER.size] = _HEADER.pack(MAGIC, FORMAT_VERSION, len(text), zlib.crc32(text), 0)
        page[_HEADER.size : _HEADER.size + len(text)] = text  # a header beyond its page would lengthen it: asserted below
        assert len(page) == PAGE, "the header outgrew its page"
        crcs[0] = zlib.crc32(page)
        with disk_errors(self.path):
            self._file.write(crcs.tobytes())
            self._file.seek(0)
            self._file.write(page)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self.path)
            fsync_folder(self.path.parent)
        return total

    def abort(self) -> None:
        """Leaves nothing behind."""
        with suppress(OSError):  # a full disk: what waits in memory cannot be written either
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _pad(self) -> None:
        self._tail += bytes(-len(self._tail) % PAGE)

    def _flush_pages(self) -> None:
        whole = len(self._tail) // PAGE * PAGE
        with memoryview(self._tail) as view:
            self._crcs.extend(zlib.crc32(view[i : i + PAGE]) for i in range(0, whole, PAGE))
            with disk_errors(self.path):
                self._file.write(view[:whole])
        self._written += whole
        del self._tail[:whole]


class SectionFile:
    """A finished file, memory-mapped. Readers call `check` before they use bytes; threads may share it."""

    def __init__(self, path: Path, file_map: mmap.mmap, header: dict[str, Any]) -> None:
        self.path = path
        self.header = header
        self._map = file_map
        begin = header["checksums"]
        self.bytes = np.frombuffer(file_map, np.uint8, begin)
        self.words = self.bytes.view("<u8")
        self.halves = self.bytes.view("<u4")
        self.crcs = np.frombuffer(file_map, "<u4", begin // PAGE, begin)
        self.touched = np.zeros(begin // PAGE, np.uint8)
        self._arrays: dict[tuple[str, str], tuple[int, NDArray[Any]]] = {}

    @classmethod
    def open(cls, path: Path, kind: str, spec: str) -> SectionFile:
        """Maps a file. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(1)."""
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < PAGE:
                    raise IndexCorrupt(f"{path}: {size} bytes, a {kind} has at least {PAGE}; rebuild the index with wherefrom index")
                file_map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise IndexNotFound(f"{path}: this part of the index is missing; rebuild it with wherefrom index") from error
        header = _read_header(path, file_map, kind, size)
        if header["spec"] != spec:
            raise SpecMismatch(
                f"{path}: fingerprints of spec {header['spec']}, this version compares {spec}; rebuild the index with wherefrom index"
            )
        return cls(path, file_map, header)

    def require(self, *names: str) -> None:
        """Raises IndexCorrupt unless the header states all of these."""
        missing = [name for name in names if name not in self.header]
        if missing:
            raise IndexCorrupt(f"{self.path}: its header does not state {', '.join(missing)}; rebuild the index with wherefrom index")

    def section(self, name: str) -> tuple[int, int]:
        """Where a section begins and ends, in bytes of the file."""
        begin, length = self.header["sections"][name]
        return begin, begin + length

    def check(self, begin: int, end: int) -> None:
        """Raises IndexCorrupt unless the pages of bytes [begin, end) are what was written. Each page is summed once."""
        if begin < 0 or end > len(self.bytes):
            raise IndexCorrupt(f"{self.path}: bytes {begin}..{end} lie outside the file; rebuild the index with wherefrom index")
        if end > begin:
            self.raise_bad_page(kernels.check(self.words, self.touched, self.crcs, begin, end))

    def raise_bad_page(self, page: int) -> None:
        """Raises IndexCorrupt for a page number of 0 or more, as the kernels return them."""
        if page >= 0:
            begin = page << kernels.PAGE_SHIFT
            raise IndexCorrupt(
                f"{self.path}: bytes {begin}..{begin + PAGE} fail their checksum; restore the file, or rebuild with wherefrom index"
            )

    def array(self, name: str, dtype: str) -> NDArray[Any]:
        """A section as an unchecked array; call `check` for what is read of it."""
        return self._placed(name, dtype)[1]

    def _placed(self, name: str, dtype: str) -> tuple[int, NDArray[Any]]:
        """Where a section begins, and its array; made once."""
        placed = self._arrays.get((name, dtype))
        if placed is None:
            begin, end = self.section(name)
            placed = self._arrays[name, dtype] = begin, self.bytes[begin:end].view(dtype)
        return placed

    def value(self, name: str, dtype: str, i: int) -> int:
        """One checked element of a section."""
        begin, array = self._placed(name, dtype)
        at = begin + i * array.itemsize
        if not self.touched[at >> kernels.PAGE_SHIFT]:
            self.check(at, at + array.itemsize)
        return int(array[i])

    def values(self, name: str, dtype: str, elements: NDArray[np.int64]) -> NDArray[Any]:
        """Some checked elements of a section."""
        begin, array = self._placed(name, dtype)
        pages = (begin + elements * array.itemsize) >> kernels.PAGE_SHIFT
        for page in pages[self.touched[pages] == 0].tolist():
            self.check(page << kernels.PAGE_SHIFT, (page + 1) << kernels.PAGE_SHIFT)
        return array[elements]

    def read(self, name: str, begin: int, end: int) -> bytes:
        """Checked bytes [begin, end) of a section."""
        base, stop = self.section(name)
        if end > stop - base:
            raise IndexCorrupt(
                f"{self.path}: section {name} has {stop - base} bytes, {end} were wanted; rebuild the index with wherefrom index"
            )
        self.check(base + begin, base + end)
        return self.bytes[base + begin : base + end].tobytes()

    def verify(self, progress: Callable[[int], None] | None = None) -> list[str]:
        """Sums every page, whether read before or not; returns a line for each bad one."""
        problems = []
        for page in range(len(self.crcs)):
            begin = page * PAGE
            if zlib.crc32(self.bytes[begin : begin + PAGE].data) != int(self.crcs[page]):
                problems.append(f"{self.path}: bytes {begin}..{begin + PAGE} fail their checksum")
            if progress and page % 256 == 255:
                progress(256 * PAGE)
        return problems


def _read_header(path: Path, file_map: mmap.mmap, kind: str, size: int) -> dict[str, Any]:
    magic, version, length, crc, _ = _HEADER.unpack(file_map[: _HEADER.size])
    if magic != MAGIC:
        raise IndexCorrupt(f"{path}: begins with {magic!r}, a {kind} of Wherefrom with {MAGIC!r}; rebuild the index with wherefrom index")
    if version > FORMAT_VERSION:
        raise IndexTooNew(f"{path}: version {version}, this reader takes 1..{FORMAT_VERSION}; upgrade wherefrom")
    text = file_map[_HEADER.size : _HEADER.size + length]
    if length > PAGE - _HEADER.size or zlib.crc32(text) != crc:
        raise IndexCorrupt(f"{path}: its header fails its checksum; rebuild the index with wherefrom index")
    header: dict[str, Any] = json.loads(text)
    if header["kind"] != kind:
        raise IndexCorrupt(f"{path}: holds a {header['kind']}, wanted a {kind}; rebuild the index with wherefrom index")
    if header["size"] != size:
        raise IndexCorrupt(f"{path}: {size} bytes, its header says {header['size']} (truncated?); rebuild the index with wherefrom index")
    return header


def fsync_folder(folder: Path) -> None:
    """Makes renames in a folder durable."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Makes what was written to a file or folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
