"""How is a file of named sections opened and read so that a flipped bit is an error and never a wrong answer?

FORMAT.md draws the bytes. Every page of 4 KiB has a CRC-32, checked when the page is first read; opening reads one page and costs O(1).

Not here: the container and its writer (`indexer.pages`), what the sections of a segment hold (`indexer.segment.segment`) or of a
filter (`indexer.bloom.filter`).
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import IndexCorrupt, IndexNotFound, SpecMismatch
from indexer.pages import PAGE, read_header
from indexer.segment import kernels

_AGAIN = "rebuild the index with wherefrom index"


class SectionFile:
    """A finished file, memory-mapped, or the same in memory. Readers call `check` before they use bytes; threads may share it."""

    def __init__(self, path: Path, file_map: mmap.mmap | memoryview, header: dict[str, Any]) -> None:
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
        header = read_header(path, file_map[:PAGE], size, kind, _AGAIN)
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

    def forget(self, name: str, begin: int, end: int) -> None:
        """Takes bytes [begin, end) of a section out of this process's memory, where the system can; reading them again maps them again."""
        if isinstance(self._map, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base = self.section(name)[0]
            first = (base + begin) & -mmap.PAGESIZE
            if base + end > first:
                self._map.madvise(mmap.MADV_DONTNEED, first, base + end - first)

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
