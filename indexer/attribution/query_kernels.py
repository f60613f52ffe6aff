"""A text read in one compiled call: tokens, both streams, their k-grams and fingerprints; `indexer.attribution.query` is the face."""

import numpy as np
from numba import njit

from indexer.compiling import stamp_of
from indexer.fingerprint import kernels as fingerprint_kernels
from indexer.fingerprint.kernels import FINGERPRINT_SHIFT, REMIX, context, kgram_hashes, winnow
from indexer.fingerprint.kernels import mix64 as mix
from indexer.text import kernels as text_kernels
from indexer.text.kernels import rename, tokenize


@njit(cache=True, nogil=True)
def find_slot(slots, values, i):
    """The slot of values[i] in an open-addressed table of indices + 1; a free one if it is new."""
    mask = np.uint64(len(slots) - 1)
    slot = values[i] & mask
    while slots[slot] != 0 and values[slots[slot] - 1] != values[i]:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def table_size(n):
    """A power of two, at least 16 and twice n."""
    size = 16
    while size < 2 * n:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def first_of_value(values):
    """For each value the index of the first one equal to it, int64 (n,)."""
    slots, first = np.zeros(table_size(len(values)), np.int64), np.empty(len(values), np.int64)
    for i in range(len(values)):
        slot = find_slot(slots, values, i)
        if slots[slot] == 0:
            slots[slot] = i + 1
        first[i] = slots[slot] - 1
    return first


@njit(cache=True, nogil=True)
def freshness(hashes):
    """(1 + log n) / n for a token that the text has n times, float64 (tokens,)."""
    first, repeats = first_of_value(hashes), np.zeros(len(hashes), np.int64)
    for i in range(len(hashes)):
        repeats[first[i]] += 1
    fresh = np.empty(len(hashes), np.float64)
    for i in range(len(hashes)):
        n = repeats[first[i]]
        fresh[i] = 1.0 if n == 1 else (1 + np.log(n)) / n
    return fresh


@njit(cache=True, nogil=True)
def chain_grams(grams):
    """A table of positions by k-gram: heads int32 (power of two, -1), following int32 (k-grams,); positions ascend in a chain. Nearly all
    slots are free, so that what is looked up in it and not there is so at once."""
    heads, following = np.full(table_size(4 * len(grams)), -1, np.int32), np.empty(len(grams), np.int32)
    mask = np.uint64(len(heads) - 1)
    for i in range(len(grams) - 1, -1, -1):
        slot = grams[i] & mask
        following[i] = heads[slot]
        heads[slot] = i
    return heads, following


@njit(cache=True, nogil=True)
def find_ties(grams, n_grams, window, chosen, first_windows):
    """Positions of k-grams as small as the one chosen in a window of them, ascending. A document that shares the window may have chosen
    one of these, for what stood before it, and its contexts are those of that place."""
    is_chosen, is_tie = np.zeros(n_grams, np.bool_), np.zeros(n_grams, np.bool_)
    for p in range(len(chosen)):
        is_chosen[chosen[p]] = True
    for p in range(len(chosen)):
        last = first_windows[p + 1] - 1 if p + 1 < len(chosen) else max(0, n_grams - window)
        for i in range(first_windows[p], min(n_grams, last + window)):
            is_tie[i] |= grams[i] == grams[chosen[p]] and not is_chosen[i]
    return np.flatnonzero(is_tie)


@njit(cache=True, nogil=True)
def joined(exact, renamed, code_tokens):
    """Of the fingerprints of both streams, those of the exact one first: (keys, the token each begins at, the first one of its value)."""
    n, m = len(exact[3]), len(exact[3]) + len(renamed[3])
    keys, tokens, first = np.empty(m, np.uint64), np.empty(m, np.int64), np.empty(m, np.int64)
    keys[:n], tokens[:n], first[:n] = exact[3], exact[4], exact[6]
    for p in range(n, m):
        keys[p], tokens[p], first[p] = renamed[3][p - n], code_tokens[renamed[4][p - n]], renamed[6][p - n] + n
    return keys, tokens, first


STAMP = stamp_of(fingerprint_kernels, text_kernels)


def read_stream_for(stamp):
    """`read_stream`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def read_stream(codes, shape):
        """K-grams and fingerprints of a stream, ties among them: (grams, heads, following, keys, positions, windows, first of each value).

        shape: (k, window, reach, whether it is the renamed one).
        """
        assert stamp >= 0
        k, window, reach, renamed = shape
        grams = np.empty(max(0, len(codes) - k + 1), np.uint64)
        n_grams = kgram_hashes(codes, 0, len(codes), k, renamed, grams)
        chosen, first_windows = np.empty(n_grams, np.int64), np.empty(n_grams, np.int64)
        n_chosen = winnow(grams, n_grams, window, chosen, first_windows)
        chosen, first_windows = chosen[:n_chosen], first_windows[:n_chosen]
        ties = find_ties(grams, n_grams, window, chosen, first_windows)
        room = n_chosen + len(ties)
        keys, values = np.empty(room, np.uint64), np.empty(room, np.uint64)
        positions, windows = np.empty(room, np.int64), np.empty(room, np.int64)
        n, p, t = 0, 0, 0
        while p < n_chosen or t < len(ties):
            is_tie = p == n_chosen or (t < len(ties) and ties[t] < chosen[p])
            i = ties[t] if is_tie else chosen[p]
            value = mix(grams[i] * REMIX) >> FINGERPRINT_SHIFT
            right = context(codes, 0, len(codes), i + k, i + k + reach, renamed)
            left = context(codes, 0, len(codes), i - reach, i, renamed)
            key = value << np.uint64(16) | right << np.uint64(8) | left
            p, t = p + (not is_tie), t + is_tie
            if is_tie and n and keys[n - 1] == key:
                continue  # inside a repeat all are alike
            keys[n], values[n], positions[n] = key, value, i
            windows[n] = first_windows[min(p, n_chosen - 1)] if is_tie else first_windows[p - 1]
            n += 1
        heads, following = chain_grams(grams)
        return grams, heads, following, keys[:n], positions[:n], windows[:n], first_of_value(values[:n])

    return read_stream


read_stream = read_stream_for(STAMP)


def read_for(stamp):
    """`read`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def read(data, classes, keywords, exact, renamed):
        """(starts, ends, hashes, freshness, codes, their tokens, exact stream, renamed stream, prints of both) of one text; `exact` and
        `renamed` say what read_stream takes."""
        assert stamp >= 0
        room = len(data)
        offsets, token_offsets, code_offsets = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
        offsets[1] = room
        starts, ends, hashes = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64)
        n = tokenize(data, offsets, classes, starts, ends, hashes, token_offsets)
        codes, tokens = np.empty(n, np.uint64), np.empty(n, np.int32)
        m = rename(data, offsets, keywords, starts, ends, hashes, token_offsets, codes, tokens, code_offsets)
        hashes, codes = hashes[:n], codes[:m]
        plain = read_stream(hashes, exact)
        shape = read_stream(codes, renamed)
        return starts[:n], ends[:n], hashes, freshness(hashes), codes, tokens[:m], plain, shape, joined(plain, shape, tokens)

    return read


read = read_for(STAMP)
