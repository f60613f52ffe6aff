"""The loops of k-grams and winnowing; `indexer.fingerprint.winnow` is the face."""

import numpy as np
from numba import njit

# On disk: every value here goes into fingerprints; changing one needs a new spec name.
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2^64
BASE_INVERSE = np.uint64(0xF1DE83E19937733D)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
REMIX = np.uint64(0xD6E8FEB86659FD93)
FINGERPRINT_SHIFT = np.uint64(16)  # 48 bits are kept
MAX_POSITIONS = 4  # of one fingerprint in one document
ANY_CONTEXT = np.uint64(0xFFFF)  # both contexts 255: the document has more places of this fingerprint


@njit(cache=True, nogil=True, inline="always")
def mix64(x):
    """The finaliser of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * MIX_1
    x = (x ^ (x >> np.uint64(27))) * MIX_2
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def kgram_hashes(codes, lo, hi, k, renamed, out):
    """out[i] = hash of the k-gram that begins at codes[lo + i]; returns how many there are.

    A polynomial that rolls: H' = (H - c[0]) / BASE + c[k] BASE^(k-1). With `renamed`, an identifier (lowest bit set) counts as the
    distance to its last use inside the k-gram, 0 for its first (Baker 1993); when that first use leaves, the next becomes first.
    """
    n = hi - lo - k + 1
    if n <= 0:
        return 0
    powers = np.empty(k, np.uint64)
    powers[0] = np.uint64(1)
    for j in range(1, k):
        powers[j] = powers[j - 1] * BASE
    h = np.uint64(0)
    for s in range(n):
        if s == 0:
            for j in range(k):
                h += code_at(codes, lo, lo + j, renamed) * powers[j]
        else:
            leaving = lo + s - 1
            h -= code_at(codes, leaving, leaving, renamed)
            if renamed and codes[leaving] & np.uint64(1):
                for j in range(1, k):
                    if codes[leaving + j] == codes[leaving]:
                        h += (distance_code(0) - distance_code(j)) * powers[j]
                        break
            h *= BASE_INVERSE
            h += code_at(codes, lo + s, lo + s + k - 1, renamed) * powers[k - 1]
        out[s] = mix64(h)
    return n


@njit(cache=True, nogil=True, inline="always")
def distance_code(distance):
    """What an identifier used `distance` tokens ago counts as."""
    return mix64(np.uint64(distance + 1) * REMIX)


@njit(cache=True, nogil=True)
def code_at(codes, first, i, renamed):
    """What codes[i] counts as in a k-gram that begins at `first`."""
    c = codes[i]
    if not renamed or not c & np.uint64(1):
        return c
    for j in range(i - 1, first - 1, -1):
        if codes[j] == c:
            return distance_code(i - j)
    return distance_code(0)


@njit(cache=True, nogil=True)
def winnow(hashes, n, window, out, out_window):
    """Positions of the minimum of every window (Schleimer, Wilkerson, Aiken 2003, robust: a tie keeps the earlier choice while it
    lasts, else takes the rightmost), and the first window that each is the minimum of. Fewer than `window` hashes are one window."""
    if n == 0:
        return 0
    count, chosen = 0, -1
    for end in range(min(window, n), n + 1):
        begin = max(0, end - window)
        if chosen < begin:
            chosen = begin
            for i in range(begin + 1, end):
                if hashes[i] <= hashes[chosen]:
                    chosen = i
        elif hashes[end - 1] < hashes[chosen]:
            chosen = end - 1
        else:
            continue
        out[count] = chosen
        out_window[count] = begin
        count += 1
    return count


@njit(cache=True, nogil=True)
def context(codes, lo, hi, begin, end, renamed):
    """8 bits of the `end - begin` codes there (identifiers count as one when renamed); 0 beyond the document, else 1..254."""
    if begin < lo or end > hi:
        return np.uint64(0)
    h = np.uint64(0)
    for i in range(begin, end):
        c = codes[i]
        if renamed and c & np.uint64(1):
            c = np.uint64(1)
        h = (h ^ c) * BASE
    return np.uint64(1) + mix64(h) % np.uint64(254)


@njit(cache=True, nogil=True)
def fingerprint(
    codes, offsets, k, window, reach, renamed, capped, scratch, chosen, windows, table, last, out_key, out_position, out_window, out_offsets
):
    """Fingerprints of each document's codes[offsets[d]:offsets[d+1]].

    out_key holds fingerprint << 16 | right context << 8 | left context, out_position the index into `codes` where the k-gram begins,
    out_window the first window it was chosen in. With `capped`, at most MAX_POSITIONS of one fingerprint in a document; the last one
    kept of more has ANY_CONTEXT. `table` (power-of-two size, zeroed) counts them, `last` (the same size) says where the last one is.
    """
    n = 0
    mask = np.uint64(len(table) - 1)
    for d in range(len(offsets) - 1):
        out_offsets[d] = n
        lo, hi = offsets[d], offsets[d + 1]
        grams = kgram_hashes(codes, lo, hi, k, renamed, scratch)
        picks = winnow(scratch, grams, window, chosen, windows)
        begin = n
        for p in range(picks):
            i = lo + chosen[p]
            value = mix64(scratch[chosen[p]] * REMIX) >> FINGERPRINT_SHIFT
            if capped:
                slot = value & mask
                while table[slot] != 0 and table[slot] >> np.uint64(8) != value:
                    slot = (slot + np.uint64(1)) & mask
                seen = table[slot] & np.uint64(255)
                if seen >= MAX_POSITIONS:
                    out_key[last[slot]] |= ANY_CONTEXT
                    continue
                last[slot] = n
                table[slot] = value << np.uint64(8) | (seen + np.uint64(1))
            right = context(codes, lo, hi, i + k, i + k + reach, renamed)
            left = context(codes, lo, hi, i - reach, i, renamed)
            out_key[n] = value << np.uint64(16) | right << np.uint64(8) | left
            out_position[n] = i
            out_window[n] = lo + windows[p]
            n += 1
        if capped:
            if n - begin > len(table) // 8:
                table[:] = 0
            else:
                for p in range(picks):
                    value = mix64(scratch[chosen[p]] * REMIX) >> FINGERPRINT_SHIFT
                    slot = value & mask
                    while table[slot] != 0:  # a chain is cleared whole, so later values of it are found empty at once
                        table[slot] = 0
                        slot = (slot + np.uint64(1)) & mask
    out_offsets[len(offsets) - 1] = n
    return n
