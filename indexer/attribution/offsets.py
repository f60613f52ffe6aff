"""Where is byte 17 in code points, in UTF-16 units, in lines? Offsets of a text in every unit that callers count in."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import OffsetUnit
from indexer.attribution import offset_kernels as kernels


@dataclass(frozen=True, slots=True)
class Offsets:
    """Converts byte offsets of one UTF-8 text. `units` int64 (bytes + 1,) is None where every byte is one unit."""

    units: NDArray[np.int64] | None
    line_starts: NDArray[np.int64]

    @classmethod
    def of(cls, data: NDArray[np.uint8], unit: OffsetUnit) -> Offsets:
        """O(bytes); a text of ASCII alone costs a scan for its lines."""
        lines = kernels.line_starts(data)
        if unit == "utf-8" or data.tobytes().isascii():
            return cls(None, lines)
        return cls(kernels.units_before(data, unit == "utf-16"), lines)

    def offset(self, byte: int) -> int:
        """The offset, in the unit, of a character that begins at this byte."""
        return byte if self.units is None else int(self.units[byte])

    def line(self, byte: int) -> int:
        """The 1-based line that holds this byte."""
        return bisect_right(self.line_starts, byte)
