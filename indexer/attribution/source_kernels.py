"""The loops that tell where in a document a run stands, what was renamed in it and which fingerprints it holds;
`indexer.attribution.sources` and `indexer.attribution.frequency` are the faces."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def lines_before(data, end):
    """How many lines end before byte `end`; they end at LF, CRLF or CR. Two branchless sums, which the compiler makes wide."""
    n = 0
    for i in range(end):
        n += data[i] == 10
    for i in range(end):
        n += data[i] == 13
    for i in range(min(end, len(data) - 1)):
        n -= (data[i] == 13) & (data[i + 1] == 10)
    return n


@njit(cache=True, nogil=True)
def lines_of(data, firsts, lasts):
    """For each pair of bytes, the latter not before the former, the 1-based lines that hold them: int64 (pairs, 2). Counts on from one
    pair to the next where that is not before it."""
    out = np.empty((len(firsts), 2), np.int64)
    begin, lines = 0, 0
    for i in range(len(firsts)):
        if firsts[i] < begin:
            begin, lines = 0, 0
        lines += lines_before(data[begin:], firsts[i] - begin)
        begin = firsts[i]
        out[i, 0] = lines + 1
        out[i, 1] = lines + lines_before(data[begin:], lasts[i] - begin) + 1
    return out


@njit(cache=True, nogil=True)
def group_copies(begins, ends, bounds, order, same):
    """For each of some lists of tokens [begins, ends) the group it belongs to, int64 (lists,); groups are numbered as they come up.

    List i is [bounds[i], bounds[i + 1]), ascending and disjoint. In `order` each joins the first group with whose first list it shares at
    least `same` of the tokens of both, else begins one.
    """
    n = len(bounds) - 1
    groups, leaders, tokens = np.empty(n, np.int64), np.empty(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        for r in range(bounds[i], bounds[i + 1]):
            tokens[i] += ends[r] - begins[r]
    n_groups = 0
    for one in order:
        group = 0
        while group < n_groups:
            other, shared = leaders[group], 0
            a, b = bounds[one], bounds[other]
            while a < bounds[one + 1] and b < bounds[other + 1]:
                shared += max(0, min(ends[a], ends[b]) - max(begins[a], begins[b]))
                if ends[a] <= ends[b]:
                    a += 1
                else:
                    b += 1
            if shared >= same * (tokens[one] + tokens[other] - shared):
                break
            group += 1
        if group == n_groups:
            leaders[group] = one
            n_groups += 1
        groups[one] = group
    return groups


@njit(cache=True, nogil=True)
def index_from(values, least):
    """The index of the first of ascending values that is not below `least`; their number for none."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def held_inside(positions, tokens, before, begin, end, k, counts):
    """Which fingerprints that are held lie wholly in tokens [begin, end) of the text, of those at `positions` of one channel's stream,
    numbered from `before` on: int64. `tokens`: where its elements begin, empty where they are the tokens."""
    if len(tokens):
        begin, end = index_from(tokens, begin), index_from(tokens, end)
    first, last = index_from(positions, begin), index_from(positions, end - k + 1)
    out, n = np.empty(max(0, last - first), np.int64), 0
    for p in range(before + first, before + last):
        if counts[p] > 0:
            out[n] = p
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def renamed_range(tokens, other_tokens, n_other, begin, other, low, high):
    """The document's tokens [first, last) at which tokens [low, high) of a renamed run stand that begins at `begin` and `other`.

    Whole elements of the streams, which begin at `tokens` and `other_tokens`: literals of the two may differ in length.
    """
    shift = index_from(other_tokens, other) - index_from(tokens, begin)
    first, last = index_from(tokens, low + 1) - 1 + shift, index_from(tokens, high) + shift
    return other_tokens[first], other_tokens[last] if last < len(other_tokens) else n_other


@njit(cache=True, nogil=True)
def renamed_pairs(tokens, codes, other_tokens, other_codes, begin, other, low, high):
    """Identifiers that differ in tokens [low, high) of such a run, each name of the document once: int64 (pairs, 2), the document's
    token and the text's."""
    first, last = index_from(tokens, low), index_from(tokens, high)
    shift = index_from(other_tokens, other) - index_from(tokens, begin)
    pairs, seen, n = np.empty((last - first, 2), np.int64), np.empty(last - first, np.uint64), 0
    for i in range(first, min(last, len(other_codes) - shift)):
        theirs = other_codes[i + shift]
        is_new = codes[i] != theirs and codes[i] & theirs & np.uint64(1) != 0
        for j in range(n):
            is_new &= seen[j] != theirs
        if is_new:
            pairs[n, 0], pairs[n, 1], seen[n] = other_tokens[i + shift], tokens[i], theirs
            n += 1
    return pairs[:n]


@njit(cache=True, nogil=True)
def renamed_part(tokens, codes, other_tokens, other_codes, n_other, begin, other, low, high):
    """renamed_range and renamed_pairs at once."""
    first, last = renamed_range(tokens, other_tokens, n_other, begin, other, low, high)
    return np.int64(first), np.int64(last), renamed_pairs(tokens, codes, other_tokens, other_codes, begin, other, low, high)


@njit(cache=True, nogil=True)
def lines_of_tokens(data, starts, ends, ranges, before):
    """The 1-based lines, `before` of them before the region, that hold tokens [begin, end) of each of some ranges: int64 (ranges, 2)."""
    firsts, lasts = np.empty(len(ranges), np.int64), np.empty(len(ranges), np.int64)
    for i in range(len(ranges)):
        firsts[i], lasts[i] = starts[ranges[i, 0]], ends[ranges[i, 1] - 1] - 1
    return lines_of(data, firsts, lasts) + before
