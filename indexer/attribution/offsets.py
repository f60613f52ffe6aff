"""Where is byte 17 in code points, in UTF-16 units, in lines? Offsets of a text in every unit that callers count in."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import OffsetUnit

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Offsets:
    """Converts byte offsets of one UTF-8 text. `units` int64 (bytes + 1,) is None where every byte is one unit."""

    units: NDArray[np.int64] | None
    line_starts: NDArray[np.int64]

    @classmethod
    def of(cls, data: NDArray[np.uint8], unit: OffsetUnit) -> Offsets:
        """O(bytes); a text of ASCII alone costs a scan for its lines."""
        text = data.tobytes()
        lines = np.array([0, *(match.end() for match in _LINE_END.finditer(text))], np.int64)
        if unit == "utf-8" or text.isascii():
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
