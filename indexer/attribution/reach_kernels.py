"""The loops that tell where a longer run than those found may stand; `indexer.attribution.attribute` asks them."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count_true(flags):
    """How many are set."""
    n = 0
    for flag in flags:
        n += flag
    return n


@njit(cache=True, nogil=True)
def is_open(windows, tokens, first, last, reach, guarantee, exact_reach):
    """1 if no single run holds all tokens of runs whose fingerprints are `first` to `last`, else 0."""
    begin, end = windows[first], windows[last + 1] - 1 + guarantee if last + 1 < len(windows) else len(reach)
    if len(tokens):
        begin, end = tokens[begin], tokens[end] if end < len(tokens) else len(reach)
    end = min(end, len(reach))
    explained = 0
    for t in range(begin, end if len(exact_reach) else begin):
        explained += exact_reach[t] > 0
    return 1 if reach[begin] < end and 2 * explained < end - begin else 0


@njit(cache=True, nogil=True)
def open_stretches(windows, tokens, held, reach, guarantee, exact_reach):
    """Whether a run longer than those found may stand where fingerprints that follow each other are `held`: 0 for no, 1 for yes, 2
    for the first or the last of the text.

    `windows` of one channel: a run of `guarantee` elements of its stream that holds fingerprints p to q begins in windows[p] at the
    earliest and ends before windows[q + 1] - 1 + guarantee. `tokens`: the text's token of each element, empty where they are the
    tokens. `reach` int64 (tokens,): where the found run ends that holds a token and reaches furthest, 0 for none. `exact_reach`: the
    same of exact runs for the renamed channel, whose runs they replace where they explain half of it; else empty.
    """
    open_, first, n = 0, -1, len(windows)
    for p in range(n + 1):
        is_held = p < n and held[p] > 0
        if is_held and first < 0:
            first = p
        if first >= 0 and not is_held:
            open_ = max(open_, is_open(windows, tokens, first, p - 1, reach, guarantee, exact_reach))
            first = -1
    for p in (0, n - 1):
        if n and held[p] > 0 and is_open(windows, tokens, p, p, reach, guarantee, exact_reach):
            open_ = 2
    return open_


@njit(cache=True, nogil=True)
def opens(exact_windows, renamed_windows, tokens, held, reach, exact_guarantee, renamed_guarantee):
    """open_stretches of both channels, the greater; `held` of the exact one's fingerprints first, reach[0] that of exact runs."""
    n = len(exact_windows)
    by_exact = open_stretches(exact_windows, tokens[:0], held[:n], reach[0], exact_guarantee, reach[0, :0])
    return max(by_exact, open_stretches(renamed_windows, tokens, held[n:], reach[1], renamed_guarantee, reach[0]))


@njit(cache=True, nogil=True)
def uncovered(positions, k, counts, covered):
    """For each fingerprint, bool (counts,), whether it is of the exact channel, held, and a token of its k-gram not covered."""
    out = np.zeros(len(counts), np.bool_)
    for p in range(len(positions)):
        for t in range(positions[p], positions[p] + k):
            out[p] |= counts[p] > 0 and not covered[t]
    return out


@njit(cache=True, nogil=True)
def extend(reach, begin, end):
    """Notes of a run of the text's tokens [begin, end) how far it goes, for each of them."""
    for t in range(begin, end):
        reach[t] = max(reach[t], end)
