"""The loop that turns tokens into words and parts. Arrays in, writes into `out_*`; `indexer.text.words` is the face."""

import numpy as np
from numba import njit

MAX_WORD_BYTES = 100
MIN_PART_BYTES = 2
NONE, UPPER, LOWER, DIGIT = 0, 1, 2, 3


@njit(cache=True, nogil=True, inline="always")
def byte_class(c):
    """What a byte of a word is: upper-case letter, other letter (all non-ASCII), digit, or none of them (`_`, punctuation)."""
    if c >= 97:
        return LOWER if c <= 122 or c >= 128 else NONE
    if c >= 65:
        return UPPER if c <= 90 else NONE
    return DIGIT if 48 <= c <= 57 else NONE


@njit(cache=True, nogil=True, inline="always")
def copy_lower(data, start, end, out, n):
    """Copies data[start:end] to out[n:], A-Z as a-z, and a space behind it; returns where the next one goes."""
    for i in range(start, end):
        c = data[i]
        out[n] = c + np.uint8(32) if 65 <= c <= 90 else c
        n += 1
    out[n] = np.uint8(32)
    return n + 1


@njit(cache=True, nogil=True)
def copy_parts(data, start, end, out, n):
    """Copies the parts of the word data[start:end] to out[n:]; a word that is its own only part has none."""
    i = start
    while i < end:
        kind = byte_class(data[i])
        first = i
        i += 1
        if kind == NONE:
            continue
        if kind == UPPER:
            while i < end and byte_class(data[i]) == UPPER:
                i += 1
            if i < end and byte_class(data[i]) == LOWER:
                if i - first > 1:
                    i -= 1  # the last capital begins the next part: HTTPServer -> http server
                else:
                    kind = LOWER
        if kind != UPPER:
            while i < end and byte_class(data[i]) == kind:
                i += 1
        if MIN_PART_BYTES <= i - first < end - start:
            n = copy_lower(data, first, i, out, n)
    return n


@njit(cache=True, nogil=True)
def analyze(data, starts, ends, hashes, token_offsets, seen, seen_in, out_words, word_offsets, out_parts, part_offsets):
    """Words of each document, and the parts of each distinct word of it, each followed by a space.

    `seen` (hashes) and `seen_in` (document + 1) are one open-addressed table, a power of two larger than any document's tokens.
    """
    mask = np.uint64(len(seen) - 1)
    w, p = 0, 0
    for d in range(len(token_offsets) - 1):
        word_offsets[d], part_offsets[d] = w, p
        for t in range(token_offsets[d], token_offsets[d + 1]):
            start, end = starts[t], ends[t]
            if byte_class(data[start]) == NONE and data[start] != 95:
                continue
            if end - start > MAX_WORD_BYTES:
                end = start + MAX_WORD_BYTES
                while end > start + 1 and data[end] & 0xC0 == 0x80:  # cut between code points
                    end -= 1
                w = copy_lower(data, start, end, out_words, w)
                continue
            w = copy_lower(data, start, end, out_words, w)
            if byte_class(data[start]) == DIGIT:
                continue
            slot = hashes[t] & mask
            while seen_in[slot] == d + 1 and seen[slot] != hashes[t]:
                slot = (slot + np.uint64(1)) & mask
            if seen_in[slot] != d + 1:
                seen[slot], seen_in[slot] = hashes[t], d + 1
                p = copy_parts(data, start, end, out_parts, p)
    word_offsets[len(token_offsets) - 1], part_offsets[len(token_offsets) - 1] = w, p
    return w, p
