"""The loops that group runs into chains; `indexer.attribution.verify` is the face and says what a run and a chain are.

A run is a row of int64: where it begins and ends in the text, the same in the document, whether it is renamed, whether a name that
changed in it recurs, and its blanks[begin:end], tokens of the text that prove nothing.
"""

import numpy as np
from numba import njit

BEGIN, END, OTHER, OTHER_END, RENAMED, RECURRING, BLANK_BEGIN, BLANK_END = range(8)
COLUMNS = 8
K_EXACT, K_RENAMED = 0, 1  # of `rules`, whose other elements are named here too
SUFFICES, SUFFICES_RENAMED, MOST_PLACES, MOST_RUNS, MOST_CHAINED, MOST_CHAINS, LONGEST_GAP, LOOSE, LEAST_RENAMED = range(2, 11)
RENAMED_WEIGHT = 0.7  # of a token in a renamed run where chains compete: an exact run beside its own words beats a longer look-alike
ROUNDING = 1 + 1e-9  # a sum of floats by this much more is above that of fewer of them, in whatever order
GAP_COST = 0.08  # tokens of a chain's weight for one token of gap


@njit(cache=True, nogil=True)
def order_of(values):
    """The indices that sort them, ascending, equal ones in their order. A merge sort: numba's own takes seconds to compile."""
    order, merged = np.empty(len(values), np.int64), np.empty(len(values), np.int64)
    for i in range(len(values)):
        order[i] = i
    width = 1
    while width < len(values):
        for low in range(0, len(values), 2 * width):
            middle, high = min(low + width, len(values)), min(low + 2 * width, len(values))
            i, j = low, middle
            for at in range(low, high):
                if i < middle and (j >= high or values[order[i]] <= values[order[j]]):
                    merged[at] = order[i]
                    i += 1
                else:
                    merged[at] = order[j]
                    j += 1
        order, merged = merged, order
        width *= 2
    return order


@njit(cache=True, nogil=True)
def copy_row(out, n, rows, i):
    """Makes row n of `out` that of row i; returns n + 1."""
    for column in range(COLUMNS):
        out[n, column] = rows[i, column]
    return n + 1


@njit(cache=True, nogil=True)
def rows_in(rows, order):
    """The rows with these indices."""
    out = np.empty((len(order), COLUMNS), np.int64)
    for i in range(len(order)):
        copy_row(out, i, rows, order[i])
    return out


@njit(cache=True, nogil=True)
def longest_first(lengths, most):
    """The indices of the longest, at most so many; the earlier of equals first."""
    return order_of(-lengths)[:most]


@njit(cache=True, nogil=True)
def inside(run, other):
    """Whether `other` lies within `run` in both texts."""
    return run[BEGIN] <= other[BEGIN] and other[END] <= run[END] and run[OTHER] <= other[OTHER] and other[OTHER_END] <= run[OTHER_END]


@njit(cache=True, nogil=True)
def first_from(values, least):
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
def is_part(run, exact, tokens, other_tokens):
    """Whether an exact run lies within a renamed one and pairs the same elements: one that repeats elsewhere in it does not."""
    if not inside(run, exact):
        return False
    shift = first_from(other_tokens, run[OTHER]) - first_from(tokens, run[BEGIN])
    begins_there = first_from(other_tokens, exact[OTHER]) - first_from(tokens, exact[BEGIN]) == shift
    return begins_there and first_from(other_tokens, exact[OTHER_END]) - first_from(tokens, exact[END]) == shift


@njit(cache=True, nogil=True)
def settle(exact, renamed, suffices, suffices_renamed, tokens, other_tokens):
    """Exact runs and renamed ones, as one array. A renamed run takes the exact ones inside it in when a changed name recurs in it or when
    they explain less than half of it; else it is an edit, and gives way to those that are parts of it but for what is a finding alone
    between them. `tokens`, `other_tokens`: where the elements of the renamed streams begin."""
    taken = np.zeros(len(exact), np.bool_)
    by_begin = order_of(exact[:, BEGIN].copy())
    parts = np.empty((len(renamed) * (len(exact) + 1) + 1, COLUMNS), np.int64)
    n_parts = 0
    for r in range(len(renamed)):
        run = renamed[r]
        explained = 0
        for e in range(len(exact)):
            if not taken[e] and inside(run, exact[e]) and exact[e, END] - exact[e, BEGIN] >= suffices:
                explained += exact[e, END] - exact[e, BEGIN]
        if run[RECURRING] or explained * 2 < run[END] - run[BEGIN]:
            n_parts = copy_row(parts, n_parts, renamed, r)
            for e in range(len(exact)):
                taken[e] |= inside(run, exact[e])
            continue
        begin, other = run[BEGIN], run[OTHER]
        for e in by_begin:
            if taken[e] or not is_part(run, exact[e], tokens, other_tokens):
                continue
            if exact[e, BEGIN] - begin >= suffices_renamed and exact[e, OTHER] > other:
                n_parts = copy_row(parts, n_parts, renamed, r)
                parts[n_parts - 1, BEGIN], parts[n_parts - 1, END] = begin, exact[e, BEGIN]
                parts[n_parts - 1, OTHER], parts[n_parts - 1, OTHER_END] = other, exact[e, OTHER]
            if exact[e, END] > begin and exact[e, OTHER_END] > other:
                begin, other = exact[e, END], exact[e, OTHER_END]
        if run[END] - begin >= suffices_renamed and run[OTHER_END] > other:
            n_parts = copy_row(parts, n_parts, renamed, r)
            parts[n_parts - 1, BEGIN], parts[n_parts - 1, OTHER] = begin, other
    out = np.empty((len(exact) + n_parts, COLUMNS), np.int64)
    n = 0
    for e in range(len(exact)):
        if not taken[e]:
            n = copy_row(out, n, exact, e)
    for p in range(n_parts):
        n = copy_row(out, n, parts, p)
    return out[:n]


@njit(cache=True, nogil=True)
def best_chain(runs, left, plain, longest_gap, previous, totals):
    """The heaviest chain of the runs `left`, sorted by begin, that follow each other in both texts; returns its last run, or -1.

    A token of the longer gap costs GAP_COST; gaps in the document are taken from `plain`, which does not count its comments.
    """
    best = -1
    for i in range(len(runs)):
        if not left[i]:
            continue
        a = runs[i]
        length = a[END] - a[BEGIN]
        weight = RENAMED_WEIGHT * length if a[RENAMED] else 1.0 * length
        previous[i], totals[i] = -1, weight
        for j in range(i):
            if not left[j]:
                continue
            b = runs[j]
            if b[BEGIN] < a[BEGIN] and b[OTHER] < a[OTHER] and b[END] < a[END] and b[OTHER_END] < a[OTHER_END]:
                overlap = max(0, b[END] - a[BEGIN], b[OTHER_END] - a[OTHER])
                gap = max(0, a[BEGIN] - b[END], plain[a[OTHER]] - plain[b[OTHER_END]])
                if gap <= longest_gap and overlap < length:
                    total = totals[j] + weight * (1.0 - overlap / length) - GAP_COST * gap
                    if total > totals[i]:
                        previous[i], totals[i] = j, total
        if best < 0 or totals[i] > totals[best]:
            best = i
    return best


@njit(cache=True, nogil=True)
def cut_begin(run, n, tokens, other_tokens):
    """Takes at least n tokens from the begin of a run, in both texts; of a renamed one whole elements of the streams, whose literals
    may differ in length. `tokens`, `other_tokens`: where the elements begin. It may be empty then."""
    if not run[RENAMED]:
        run[BEGIN] += n
        run[OTHER] += n
        return
    a, b = first_from(tokens, run[BEGIN]), first_from(other_tokens, run[OTHER])
    while a < len(tokens) and b < len(other_tokens) and (tokens[a] < run[BEGIN] + n or other_tokens[b] < run[OTHER] + n):
        a, b = a + 1, b + 1
    run[BEGIN] = tokens[a] if a < len(tokens) else run[END]
    run[OTHER] = other_tokens[b] if b < len(other_tokens) else run[OTHER_END]


@njit(cache=True, nogil=True)
def cut_end(run, n, tokens, other_tokens):
    """The same at the end of a run."""
    if not run[RENAMED]:
        run[END] -= n
        run[OTHER_END] -= n
        return
    a, b = first_from(tokens, run[BEGIN]), first_from(other_tokens, run[OTHER])
    end, other_end = run[BEGIN], run[OTHER]
    while a < len(tokens) and b < len(other_tokens) and tokens[a] <= run[END] - n and other_tokens[b] <= run[OTHER_END] - n:
        end, other_end = tokens[a], other_tokens[b]
        a, b = a + 1, b + 1
    run[END], run[OTHER_END] = end, other_end


@njit(cache=True, nogil=True)
def trim(chain, k, suffices, tokens, other_tokens):
    """Cuts overlaps of neighbours from the shorter one, but not from an exact one that suffices for the sake of a renamed one; drops
    fragments below k tokens; in place, returns how many runs are left."""
    for r in range(1, len(chain)):
        before, run = chain[r - 1], chain[r]
        overlap = max(0, before[END] - run[BEGIN], before[OTHER_END] - run[OTHER])
        length, length_before = run[END] - run[BEGIN], before[END] - before[BEGIN]
        keeps = before[RENAMED] < run[RENAMED] and length_before >= suffices
        yields = before[RENAMED] > run[RENAMED] and length >= suffices
        if overlap and (yields or (length >= length_before and not keeps)):
            cut_end(before, overlap, tokens, other_tokens)
        elif overlap:
            cut_begin(run, overlap, tokens, other_tokens)
    n = 0
    for r in range(len(chain)):
        if chain[r, END] - chain[r, BEGIN] >= k and chain[r, OTHER_END] > chain[r, OTHER]:
            n = copy_row(chain, n, chain, r)
    return n


@njit(cache=True, nogil=True)
def is_loose(end, inner, before, after, plain, rules):
    """Whether a short run at the `end` of a chain stands further off than it is long, LOOSE times: it met the others by chance."""
    length = end[END] - end[BEGIN]
    gap = max(after[BEGIN] - before[END], plain[after[OTHER]] - plain[before[OTHER_END]])
    suffices = length >= (rules[SUFFICES_RENAMED] if end[RENAMED] else rules[SUFFICES])
    return not suffices and inner[END] - inner[BEGIN] > length and gap > rules[LOOSE] * length


@njit(cache=True, nogil=True)
def chain_up(runs, plain, rules, elements, other_elements):
    """Runs grouped into chains that advance in both texts, heaviest first; a chain has at least `rules[SUFFICES]` tokens in all.

    Overlapping runs of a chain are cut at the seam. A run is in one chain only; what lies within a chain's hull in both texts is left
    out. `elements`, `other_elements`: the tokens at which those of both renamed streams begin.

    Returns (runs, ends): the runs of chain c are runs[ends[c - 1] : ends[c]].
    """
    runs = rows_in(runs, longest_first(runs[:, END] - runs[:, BEGIN], rules[MOST_CHAINED]))
    runs = rows_in(runs, order_of(runs[:, OTHER].copy()))
    runs = rows_in(runs, order_of(runs[:, BEGIN].copy()))
    left = np.ones(len(runs), np.bool_)
    previous, totals = np.empty(len(runs), np.int64), np.empty(len(runs), np.float64)
    out, ends = np.empty((len(runs), COLUMNS), np.int64), np.empty(rules[MOST_CHAINS], np.int64)
    n, n_chains = 0, 0
    while n_chains < rules[MOST_CHAINS]:
        last = best_chain(runs, left, plain, rules[LONGEST_GAP], previous, totals)
        members, tokens, r = 0, 0, last
        while r >= 0:
            members, tokens, r = members + 1, tokens + runs[r, END] - runs[r, BEGIN], previous[r]
        if tokens < rules[SUFFICES]:
            break
        r = last
        for m in range(n + members - 1, n - 1, -1):
            copy_row(out, m, runs, r)
            left[r] = False
            r = previous[r]
        begin, end, other, other_end = out[n, BEGIN], runs[last, END], out[n, OTHER], runs[last, OTHER_END]
        for i in range(len(runs)):
            beside = runs[i, BEGIN] >= end or runs[i, END] <= begin or runs[i, OTHER] >= other_end or runs[i, OTHER_END] <= other
            left[i] &= beside
        chain = out[n : n + members]
        low, high = 0, trim(chain, rules[K_EXACT], rules[SUFFICES], elements, other_elements)
        while high - low > 1 and is_loose(chain[low], chain[low + 1], chain[low], chain[low + 1], plain, rules):
            low += 1
        while high - low > 1 and is_loose(chain[high - 1], chain[high - 2], chain[high - 2], chain[high - 1], plain, rules):
            high -= 1
        for m in range(low, high):
            copy_row(out, n + m - low, chain, m)
        n += high - low
        ends[n_chains] = n
        n_chains += 1
    return out[:n], ends[:n_chains]


@njit(cache=True, nogil=True)
def similarity(chain, plain):
    """Matched tokens over those of a chain's hull in both texts, the source's comments in gaps not counted: 1 for no gap."""
    matched, gaps = 0, 0
    for r in range(len(chain)):
        matched += chain[r, END] - chain[r, BEGIN]
        if r:
            gaps += max(0, chain[r, BEGIN] - chain[r - 1, END])
            gaps += max(0, plain[chain[r, OTHER]] - plain[chain[r - 1, OTHER_END]])
    return np.round(2 * matched / max(1, 2 * matched + gaps), 4)


@njit(cache=True, nogil=True)
def weight(run, blanks, exact_sums, renamed_sums):
    """The significance of one run: that of its tokens but for its blanks."""
    sums = renamed_sums if run[RENAMED] else exact_sums
    total = sums[run[END]] - sums[run[BEGIN]]
    for t in blanks[run[BLANK_BEGIN] : run[BLANK_END]]:
        if run[BEGIN] <= t < run[END]:
            total -= sums[t + 1] - sums[t]
    return total


@njit(cache=True, nogil=True)
def strength(chain, blanks, exact_sums, renamed_sums, alike, n_tokens, stretch_norm, coverage_power):
    """The significance of a source: of its runs, joined by a norm, times how alike it is and how much of the text it covers."""
    total, tokens = 0.0, 0
    for r in range(len(chain)):
        total += max(0.0, weight(chain[r], blanks, exact_sums, renamed_sums)) ** stretch_norm
        tokens += chain[r, END] - chain[r, BEGIN]
    return total ** (1 / stretch_norm) * alike * (tokens / n_tokens) ** coverage_power


@njit(cache=True, nogil=True)
def may_be_finding(runs, blanks, exact_sums, renamed_sums, suffices, suffices_renamed, least, stretch_norm):
    """Whether a chain of some of the runs may be a finding: one run suffices, or all of them together are of `least` strength."""
    total = 0.0
    for r in range(len(runs)):
        if runs[r, END] - runs[r, BEGIN] >= (suffices_renamed if runs[r, RENAMED] else suffices):
            return True
        total += max(0.0, weight(runs[r], blanks, exact_sums, renamed_sums)) ** stretch_norm
    return total ** (1 / stretch_norm) * ROUNDING >= least
