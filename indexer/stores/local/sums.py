"""Is a file of an index folder what was written, where its own format does not say? A size and a CRC-32, kept in sealed JSON.

Not here: the sums of segments, filters and tombstones, a page each (`indexer.segment.format`).
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from indexer.errors import IndexCorrupt

SUM = "crc32"
_REMEDY = "restore it, or rebuild the index with wherefrom index"


@dataclass(frozen=True, slots=True)
class FileSum:
    """What was written: a file's size in bytes and its CRC-32."""

    bytes: int
    crc32: int

    @classmethod
    def of(cls, file: Path) -> FileSum:
        """Reads a file."""
        size = crc = 0
        with open(file, "rb") as stream:
            while piece := stream.read(1 << 20):
                size += len(piece)
                crc = zlib.crc32(piece, crc)
        return cls(size, crc)


class SummedFile:
    """A file mapped into memory, which stays readable when a later generation removes it; threads may share it."""

    def __init__(self, path: Path, wanted: FileSum, content: pa.Buffer) -> None:
        self.path = path
        self.size = wanted.bytes
        self._wanted = wanted
        self._content = content
        self._is_sound = False
        self._checking = threading.Lock()

    @classmethod
    def open(cls, path: Path, wanted: FileSum) -> SummedFile:
        """Maps a file. Raises IndexCorrupt where it is missing or of another size. O(1)."""
        try:
            size = path.stat().st_size
            if size != wanted.bytes:
                raise IndexCorrupt(f"{path}: {size} bytes, {wanted.bytes} were written; {_REMEDY}")
            with pa.memory_map(str(path)) as file:  # unlike mmap, its buffer keeps no descriptor
                return cls(path, wanted, file.read_buffer())
        except FileNotFoundError as error:
            raise IndexCorrupt(f"{path}: missing; {_REMEDY}") from error
        except (OSError, ValueError) as error:
            raise IndexCorrupt(f"{path}: not readable ({error}); {_REMEDY}") from error

    def content(self) -> pa.Buffer:
        """The bytes, summed before they are given for the first time, about a second a gigabyte. Raises IndexCorrupt."""
        with self._checking:
            if not self._is_sound and self.problem():
                raise IndexCorrupt(f"{self.problem()}; {_REMEDY}")
            self._is_sound = True
        return self._content

    def problem(self) -> str | None:
        """Reads every byte; says in a sentence what is wrong."""
        return None if zlib.crc32(self._content) == self._wanted.crc32 else f"{self.path}: its checksum is not the one written"


def sealed(value: Mapping[str, Any]) -> str:
    """JSON text of an object, with the CRC-32 of all else in it."""
    return json.dumps({**value, SUM: _crc32_of(value)}, indent=1)


def is_sealed(value: Mapping[str, Any]) -> bool:
    """Whether an object that was read is the one that was sealed."""
    return value.get(SUM) == _crc32_of({key: item for key, item in value.items() if key != SUM})


def _crc32_of(value: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())  # On disk
