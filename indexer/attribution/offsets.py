"""Where is byte 17 in code points, in UTF-16 units, in lines? Offsets of a text in every unit that callers count in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import OffsetUnit


@dataclass(frozen=True, slots=True)
class Offsets:
    """Converts byte offsets of one UTF-8 text. `units` int64 (bytes + 1,) is None where every byte is one unit."""

    units: NDArray[np.int64] | None
    line_starts: NDArray[np.int64]

    @classmethod
    def of(cls, data: NDArray[np.uint8], unit: OffsetUnit) -> Offsets:
        """O(bytes); a text of ASCII alone costs a scan for its lines."""
        lines = line_starts(data)
        if unit == "utf-8" or not (data >= 0x80).any():
            return cls(None, lines)
        width = ((data & 0xC0) != 0x80).astype(np.int64)
        if unit == "utf-16":
            width += data >= 0xF0  # four bytes are two units
        return cls(np.concatenate(([0], np.cumsum(width))), lines)

    def offset(self, byte: int) -> int:
        """The offset, in the unit, of a character that begins at this byte."""
        return byte if self.units is None else int(self.units[byte])

    def line(self, byte: int) -> int:
        """The 1-based line that holds this byte."""
        return int(np.searchsorted(self.line_starts, byte, "right"))


def line_starts(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The byte at which each line begins, int64 (lines,); lines end at LF, CRLF or CR. b"a\\r\\nb" -> [0, 3]"""
    ends = data == 10
    lone = data == 13
    if lone.any():
        lone[:-1] &= ~ends[1:]
        ends |= lone
    return np.concatenate((np.zeros(1, np.int64), np.flatnonzero(ends) + 1))
