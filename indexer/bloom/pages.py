"""How is a portable filter's file read with the standard library alone, so that a flipped bit is an error?

Segments have the same container and a reader of their own (`indexer.segment.format`), which needs numpy and compiled kernels; an
offline test must not wait for those.

Not here: the container and its writer (`indexer.pages`), what the sections hold (`indexer.bloom.portable`).
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import IndexCorrupt, IndexNotFound
from indexer.pages import PAGE, read_header

KIND = "portable-filter"
_AGAIN = "fetch the file again, or export it anew with wherefrom filter export"
_FOREIGN = "a file of pybloom-live becomes one by wherefrom filter import FILE -o OUT"


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
        return cls(path, file_map, read_header(path, file_map[:PAGE], size, KIND, _AGAIN, _FOREIGN))

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
