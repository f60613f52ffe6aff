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
    if hi - lo < k:
        return 0
    if renamed:
        return renamed_hashes(codes, lo, hi, k, out)
    h, power = np.uint64(0), np.uint64(1)
    for i in range(lo, lo + k - 1):
        h += codes[i] * power
        power *= BASE
    for s in range(hi - lo - k + 1):
        h += codes[lo + s + k - 1] * power
        out[s] = mix64(h)
        h = (h - codes[lo + s]) * BASE_INVERSE
    return hi - lo - k + 1


@njit(cache=True, nogil=True)
def renamed_hashes(codes, lo, hi, k, out):
    """kgram_hashes with identifiers as distances. `later[i % size]` is how far on the identifier at i is used again, 0 for not yet."""
    one = np.uint64(1)
    size = 1
    while size < k:
        size *= 2
    later, recent = np.zeros(size, np.int64), np.full(256, np.int64(-1))
    distances, powers = np.empty(k, np.uint64), np.empty(k, np.uint64)
    powers[0] = one
    for j in range(k):
        distances[j] = mix64(np.uint64(j + 1) * REMIX)
        if j:
            powers[j] = powers[j - 1] * BASE
    h = np.uint64(0)
    for i in range(lo, hi):
        first = max(lo, i - k + 1)
        c = codes[i]
        if c & one:
            later[i & (size - 1)] = 0
            slot = np.int64(c >> np.uint64(56))
            last = recent[slot]
            recent[slot] = i
            while last >= first and codes[last] != c:
                last -= 1
            distance = 0
            if last >= first:
                distance = i - last
                later[last & (size - 1)] = distance
            c = distances[distance]
        h += c * powers[i - first]
        if i - lo < k - 1:
            continue
        out[first - lo] = mix64(h)
        leaving = codes[first]
        if leaving & one:
            j = later[first & (size - 1)]
            if j:
                h += (distances[0] - distances[j]) * powers[j]
            leaving = distances[0]
        h = (h - leaving) * BASE_INVERSE
    return hi - lo - k + 1


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
    one = np.uint64(1)
    for i in range(begin, end):
        c = codes[i]
        if renamed:
            c = c & ((c & one) - one) | c & one  # 1 for an identifier; without a branch, which would be guessed wrong
        h = (h ^ c) * BASE
    return np.uint64(1) + mix64(h) % np.uint64(254)


@njit(cache=True, nogil=True)
def table_of(values):
    """A set of fingerprints for `among`: open addressing, a quarter full at most; each stands there plus 1, 0 is an empty place."""
    size = 4
    while size < 4 * len(values):
        size *= 2
    table, mask = np.zeros(size, np.uint64), np.uint64(size - 1)
    for value in values:
        slot = value & mask
        while table[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = value + np.uint64(1)
    return table


@njit(cache=True, nogil=True, inline="always")
def among(table, value):
    """Whether a fingerprint is in a set."""
    mask = np.uint64(len(table) - 1)
    slot = value & mask
    while table[slot] != 0 and table[slot] != value + np.uint64(1):
        slot = (slot + np.uint64(1)) & mask
    return table[slot] != 0


@njit(cache=True, nogil=True)
def fingerprint(
    codes, offsets, k, window, reach, renamed, capped, asked, scratch, chosen, windows, held, out_key, out_position, out_window, out_offsets
):
    """Fingerprints of each document's codes[offsets[d]:offsets[d+1]].

    out_key holds fingerprint << 16 | right context << 8 | left context, out_position the index into `codes` where the k-gram begins,
    out_window the first window it was chosen in. With `capped`, at most MAX_POSITIONS of one fingerprint in a document; the last one
    kept of more has ANY_CONTEXT. `held` (-1 at first, a power of two above any document's codes) is a table of those kept: where
    in `out_key` the last one is, times 8, plus how many. What it says of documents before counts as empty. Where `asked` is a set and
    not empty, others are left out.
    """
    n = 0
    for d in range(len(offsets) - 1):
        out_offsets[d] = n
        lo, hi = offsets[d], offsets[d + 1]
        grams = kgram_hashes(codes, lo, hi, k, renamed, scratch)
        picks = winnow(scratch, grams, window, chosen, windows)
        mask = np.uint64(1)
        while capped and mask < np.uint64(2 * picks):
            mask = mask << np.uint64(1) | np.uint64(1)  # the start of the table, so that small documents stay in the cache
        begin = n
        for p in range(picks):
            i = lo + chosen[p]
            value = mix64(scratch[chosen[p]] * REMIX) >> FINGERPRINT_SHIFT
            if len(asked) and not among(asked, value):
                continue
            if capped:
                slot = value & mask
                while held[slot] >= begin * 8 and out_key[held[slot] >> 3] >> np.uint64(16) != value:
                    slot = (slot + np.uint64(1)) & mask
                seen = held[slot] & 7 if held[slot] >= begin * 8 else 0
                if seen >= MAX_POSITIONS:
                    out_key[held[slot] >> 3] |= ANY_CONTEXT
                    continue
                held[slot] = n * 8 + seen + 1
            right = context(codes, lo, hi, i + k, i + k + reach, renamed)
            left = context(codes, lo, hi, i - reach, i, renamed)
            out_key[n] = value << np.uint64(16) | right << np.uint64(8) | left
            out_position[n] = i
            out_window[n] = lo + windows[p]
            n += 1
    out_offsets[len(offsets) - 1] = n
    return n
