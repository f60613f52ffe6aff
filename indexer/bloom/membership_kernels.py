"""A text's whole membership test in one compiled call; `indexer.bloom.asking` is the face, `indexer.bloom.membership` the plain twin."""

import math

import numpy as np
from numba import njit

from indexer.bloom import kernels as bloom_kernels
from indexer.bloom.kernels import SALTS, key_of
from indexer.compiling import stamp_of
from indexer.fingerprint import kernels as fingerprint_kernels
from indexer.fingerprint.kernels import FINGERPRINT_SHIFT, REMIX, kgram_hashes, winnow
from indexer.fingerprint.kernels import mix64 as mix
from indexer.segment import kernels as segment_kernels
from indexer.segment.kernels import PAGE_SHIFT, check
from indexer.text import kernels as text_kernels
from indexer.text.kernels import tokenize

MIN_HITS = 2
BYTES, UTF_16, UTF_32 = 0, 1, 2  # what offsets count


STAMP = stamp_of(bloom_kernels, fingerprint_kernels, segment_kernels, text_kernels)


def fingerprints_for(stamp):
    """The kernel, cached for this state of the ones it calls in other files."""

    @njit(cache=True, nogil=True)
    def fingerprints(data, classes, k, window, starts, ends, values, positions, windows):
        """Tokens and exact fingerprints of one text: (tokens, fingerprints). All arrays have room for a token a byte."""
        assert stamp >= 0
        hashes, grams = np.empty(len(data), np.uint64), np.empty(len(data), np.uint64)
        offsets, token_offsets = np.zeros(2, np.int64), np.zeros(2, np.int64)
        offsets[1] = len(data)
        n_tokens = tokenize(data, offsets, classes, starts, ends, hashes, token_offsets)
        n = winnow(grams, kgram_hashes(hashes, 0, n_tokens, k, False, grams), window, positions, windows)
        for i in range(n):
            values[i] = mix(grams[positions[i]] * REMIX) >> FINGERPRINT_SHIFT
        return n_tokens, n

    return fingerprints


def look_up_for(stamp):
    """The kernel, cached for this state of the ones it calls in other files."""

    @njit(cache=True, nogil=True)
    def look_up(words, touched, crcs, first_byte, n_blocks, values, n, hits):
        """hits[i] |= whether fingerprint i may be in a filter; returns the first bad page or -1.

        The first word of each block is read for all fingerprints before any is judged, so that the memory is waited for once.
        """
        assert stamp >= 0
        keys, at, first = np.empty(n, np.uint64), np.empty(n, np.int64), np.empty(n, np.uint64)
        for i in range(n):
            keys[i] = key_of(values[i])
            at[i] = (first_byte >> 3) + (np.int64(((keys[i] >> np.uint64(32)) * np.uint64(n_blocks)) >> np.uint64(32)) << 2)
            first[i] = words[at[i]]
            page = at[i] >> (PAGE_SHIFT - 3)
            if touched[page] == 0:
                bad = check(words, touched, crcs, page << PAGE_SHIFT, (page + 1) << PAGE_SHIFT)
                if bad >= 0:
                    return bad
        for i in range(n):
            low = np.uint32(keys[i] & np.uint64(0xFFFFFFFF))
            missing = np.uint64(0)
            for j in range(4):
                word = first[i] if j == 0 else words[at[i] + j]
                mask = np.uint64(1) << np.uint64(np.uint32(low * SALTS[2 * j]) >> np.uint32(27))
                mask |= np.uint64(1) << np.uint64(np.uint64(32) + np.uint64(np.uint32(low * SALTS[2 * j + 1]) >> np.uint32(27)))
                missing |= ~word & mask
                if missing != 0:
                    break
            hits[i] |= missing == 0
        return -1

    return look_up


@njit(cache=True, nogil=True)
def slot_of(slots, values, i):
    """The slot of values[i] in an open-addressed table of indices + 1, taken if it is new."""
    mask = np.uint64(len(slots) - 1)
    slot = values[i] & mask
    while slots[slot] != 0 and values[slots[slot] - 1] != values[i]:
        slot = (slot + np.uint64(1)) & mask
    if slots[slot] == 0:
        slots[slot] = i + 1
    return slot


@njit(cache=True, nogil=True)
def advance(data, begin, end, offset, unit):
    """The offset of byte `end`, where that of byte `begin` is known."""
    if unit == BYTES:
        return offset + end - begin
    for i in range(begin, end):
        offset += (data[i] & 0xC0) != 0x80
        if unit == UTF_16:
            offset += data[i] >= 0xF0  # four bytes are two units
    return offset


@njit(cache=True, nogil=True)
def answer_rate(values, windows, n, n_tokens, guarantee, least, rate):
    """As `indexer.bloom.membership.answer_rate`; a table counts how often each value stands in the window."""
    if n < MIN_HITS or rate <= 0:
        return 0.0
    size = 4
    while size < 2 * n:
        size *= 2
    slots, counts = np.zeros(size, np.int64), np.zeros(size, np.int64)  # slot -> index of the value there + 1, times inside
    total, j, distinct = 0.0, -1, 0
    for i in range(n):
        enough = windows[i] + least
        while j < n and (j < i + MIN_HITS - 1 or (windows[j + 1] + guarantee - 1 if j + 1 < n else n_tokens) < enough):
            j += 1
            if j < n:
                slot = slot_of(slots, values, j)
                distinct += counts[slot] == 0
                counts[slot] += 1
        if j >= n:
            break
        if i == 0:
            total += math.pow(rate, float(distinct))
        elif values[i - 1] != values[i]:
            total += (1 - rate) * math.pow(rate, float(distinct))
        slot = slot_of(slots, values, i)
        counts[slot] -= 1
        distinct -= counts[slot] == 0
    return min(1.0, total)


@njit(cache=True, nogil=True)
def spans_of(hits, positions, windows, n, n_tokens, k, guarantee, least, starts, ends, data, unit, spans):
    """The runs of hits that reach over `least` tokens, as offsets in `spans`: (spans, longest reach of any run, tokens inside)."""
    found, longest, covered, first = 0, 0, 0, 0
    byte, offset = np.int64(0), np.int64(0)
    for i in range(n + 1):
        if i < n and hits[i]:
            continue
        if i - first >= MIN_HITS:
            reach = (windows[i] + guarantee - 1 if i < n else n_tokens) - windows[first]
            longest = max(longest, reach)
            if reach >= least:
                begin, end = positions[first], positions[i - 1] + k
                covered += end - begin
                offset = advance(data, byte, starts[begin], offset, unit)
                spans[found, 0] = offset
                byte = ends[end - 1]
                offset = advance(data, starts[begin], byte, offset, unit)
                spans[found, 1] = offset
                found += 1
        first = i + 1
    return found, longest, covered


def ask_for(stamp):
    """The kernel, cached for this state of the ones it calls in other files."""

    @njit(cache=True, nogil=True)
    def ask(data, classes, k, window, words, touched, crcs, first_byte, n_blocks, least, rate, unit, spans):
        """The whole test of one text over one filter: (bad page or -1, tokens, spans, longest, tokens inside, rate of the answer)."""
        assert stamp >= 0
        room, guarantee = len(data), k + window - 1
        starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
        values, positions, windows = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
        n_tokens, n = fingerprints(data, classes, k, window, starts, ends, values, positions, windows)
        hits = np.zeros(n, np.bool_)
        bad = look_up(words, touched, crcs, first_byte, n_blocks, values, n, hits)
        found, longest, covered = spans_of(
            hits, positions, windows, n, n_tokens, k, guarantee, least, starts, ends, data, unit, spans
        )  # fmt: skip
        return bad, n_tokens, found, longest, covered, answer_rate(values, windows, n, n_tokens, guarantee, least, rate)

    return ask


fingerprints, look_up = fingerprints_for(STAMP), look_up_for(STAMP)
ask = ask_for(STAMP)
