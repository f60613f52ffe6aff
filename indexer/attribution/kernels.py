"""The loops of attribution: grouping hits by diagonal, finding every shared run of two token streams, chaining runs."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def cluster(docs, diagonals, prints, weights, tolerance, seen, out_begin, out_end, out_score):
    """Groups hits, sorted by document and diagonal, whose neighbours lie within `tolerance`; each distinct fingerprint counts once.

    `prints`: which fingerprint of the text a hit is of; `seen` int64 zeros, one a fingerprint. Returns the number of groups.
    """
    n, i = 0, 0
    while i < len(docs):
        j, score = i, 0.0
        n += 1
        while j < len(docs) and docs[j] == docs[i] and (j == i or diagonals[j] - diagonals[j - 1] <= tolerance):
            if seen[prints[j]] != n:
                seen[prints[j]] = n
                score += weights[prints[j]]
            j += 1
        out_begin[n - 1], out_end[n - 1], out_score[n - 1] = i, j, score
        i = j
    return n


@njit(cache=True, nogil=True)
def chain_grams(grams, heads, following):
    """A hash table of positions by k-gram: heads int32 (power of two, -1), following int32 (k-grams,); positions ascend in a chain."""
    mask = np.uint64(len(heads) - 1)
    for i in range(len(grams) - 1, -1, -1):
        slot = grams[i] & mask
        following[i] = heads[slot]
        heads[slot] = i


@njit(cache=True, nogil=True)
def find_exact(a_codes, a_grams, heads, following, b_codes, b_grams, most, covered, out_a, out_b, out_n):
    """Every maximal run of equal codes that holds a k-gram. Returns how many; -1 when `out_*` is full.

    `covered` int64 zeros (len(a) + len(b),): how far each diagonal has been matched. `most`: places of one k-gram that are tried.
    """
    mask = np.uint64(len(heads) - 1)
    n = 0
    for j in range(len(b_grams)):
        i, tried = heads[b_grams[j] & mask], 0
        while i >= 0 and tried < most:
            diagonal = j - i + len(a_codes)
            if covered[diagonal] <= j and a_grams[i] == b_grams[j]:
                tried += 1
                length, back = 0, 0
                while i + length < len(a_codes) and j + length < len(b_codes) and a_codes[i + length] == b_codes[j + length]:
                    length += 1
                while back < min(i, j) and a_codes[i - back - 1] == b_codes[j - back - 1]:
                    back += 1
                covered[diagonal] = j + length + 1
                if n >= len(out_a):
                    return -1
                out_a[n], out_b[n], out_n[n] = i - back, j - back, length + back
                n += 1
            i = following[i]
    return n


@njit(cache=True, nogil=True)
def pair_up(keys, values, stamps, stamp, key, value):
    """Records key -> value in an open-addressed table; False where key already maps to another value."""
    mask = np.uint64(len(keys) - 1)
    slot = (key >> np.uint64(7)) & mask
    while stamps[slot] == stamp:
        if keys[slot] == key:
            return values[slot] == value
        slot = (slot + np.uint64(1)) & mask
    keys[slot], values[slot], stamps[slot] = key, value, stamp
    return True


@njit(cache=True, nogil=True)
def joins(a, b, tables, stamps, stamp):
    """Whether code a can stand for code b: equal, or identifiers that map one to one so far."""
    one = np.uint64(1)
    if a & one == 0 or b & one == 0:
        return a == b
    forward = pair_up(tables[0], tables[1], stamps[0], stamp, a, b)
    return forward and pair_up(tables[2], tables[3], stamps[1], stamp, b, a)


@njit(cache=True, nogil=True)
def find_renamed(
    a_codes, a_grams, heads, following, b_codes, b_grams, k, most, covered, tables, stamps, last_stamp, out_a, out_b, out_n, out_changed
):
    """Runs that are equal but for a one-to-one renaming, each grown from a k-gram, to the right and then to the left.

    out_changed: how many identifiers of the run have another name. `tables` uint64 (4, power of two above twice the longest run),
    `stamps` int64 (2, the same) are told apart by `last_stamp` (1,), which goes on from call to call. Returns how many; -1 when
    `out_*` is full.
    """
    mask = np.uint64(len(heads) - 1)
    n, stamp = 0, last_stamp[0]
    for j in range(len(b_grams)):
        i, tried = heads[b_grams[j] & mask], 0
        while i >= 0 and tried < most:
            diagonal = j - i + len(a_codes)
            if covered[diagonal] <= j and a_grams[i] == b_grams[j]:
                tried += 1
                stamp += 1
                last_stamp[0] = stamp
                end = 0
                limit = min(len(a_codes) - i, len(b_codes) - j, len(stamps[0]) // 2)
                while end < limit and joins(a_codes[i + end], b_codes[j + end], tables, stamps, stamp):
                    end += 1
                begin = 0
                limit = min(i, j, len(stamps[0]) // 2 - end)
                if end >= k:
                    while begin < limit and joins(a_codes[i - begin - 1], b_codes[j - begin - 1], tables, stamps, stamp):
                        begin += 1
                covered[diagonal] = j + end
                if end >= k:
                    if n >= len(out_a):
                        return -1
                    out_a[n], out_b[n], out_n[n] = i - begin, j - begin, begin + end
                    out_changed[n] = 0
                    for t in range(i - begin, i + end):
                        if a_codes[t] != b_codes[t - i + j]:
                            out_changed[n] += 1
                    n += 1
            i = following[i]
    return n


@njit(cache=True, nogil=True)
def keep_same_bytes(a_data, a_starts, a_ends, b_data, b_starts, b_ends, a, b, n):
    """Cuts each run of n[r] tokens from a[r] and b[r] on where the bytes first differ: equal hashes are not believed."""
    for r in range(len(n)):
        for t in range(n[r]):
            i, j = a_starts[a[r] + t], b_starts[b[r] + t]
            same = a_ends[a[r] + t] - i == b_ends[b[r] + t] - j
            while same and i < a_ends[a[r] + t]:
                same = a_data[i] == b_data[j]
                i += 1
                j += 1
            if not same:
                n[r] = t
                break


@njit(cache=True, nogil=True)
def best_chain(a_begin, a_end, b_begin, b_end, plain_begin, plain_end, weights, longest_gap, previous, totals):
    """The heaviest chain of runs that follow each other in both texts; runs are sorted by a_begin. Returns its last run.

    A step costs a hundredth of the longer gap; gaps in b are taken from plain_*, which do not count its comments. `previous` and
    `totals` are filled for every run.
    """
    best = 0
    for i in range(len(a_begin)):
        previous[i], totals[i] = -1, weights[i]
        for j in range(i):
            if a_begin[j] < a_begin[i] and b_begin[j] < b_begin[i] and a_end[j] < a_end[i] and b_end[j] < b_end[i]:
                overlap = max(0, a_end[j] - a_begin[i], b_end[j] - b_begin[i])
                gap = max(0, a_begin[i] - a_end[j], plain_begin[i] - plain_end[j])
                if gap <= longest_gap and overlap < a_end[i] - a_begin[i]:
                    kept = weights[i] * (1.0 - overlap / (a_end[i] - a_begin[i]))
                    total = totals[j] + kept - 0.08 * gap
                    if total > totals[i]:
                        previous[i], totals[i] = j, total
        if totals[i] > totals[best]:
            best = i
    return best
