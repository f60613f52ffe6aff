"""The loops that count lines and units of a text; `indexer.attribution.offsets` is the face."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def line_starts(data):
    """The byte at which each line begins, int64 (lines,); lines end at LF, CRLF or CR."""
    out = np.empty(len(data) + 1, np.int64)
    out[0], n = 0, 1
    for i in range(len(data)):
        if data[i] == 10 or (data[i] == 13 and (i + 1 == len(data) or data[i + 1] != 10)):
            out[n] = i + 1
            n += 1
    return out[:n].copy()


@njit(cache=True, nogil=True)
def units_before(data, utf_16):
    """For each byte, and the end, how many code points, or UTF-16 units, begin before it, int64 (bytes + 1,)."""
    out = np.zeros(len(data) + 1, np.int64)
    for i in range(len(data)):
        begins = (data[i] & 0xC0) != 0x80
        out[i + 1] = out[i] + begins + (utf_16 and data[i] >= 0xF0)  # four bytes are two units
    return out
