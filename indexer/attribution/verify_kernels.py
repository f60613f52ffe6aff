"""The comparison of a text with one candidate in one compiled call; `indexer.attribution.verify` is the face and says what it means.

A run is a row of int64: where it begins and ends in the text, the same in the document, whether it is renamed, whether a name that
changed in it recurs, and its blanks[begin:end], tokens of the text that prove nothing.
"""

import numpy as np
from numba import njit

from indexer.compiling import stamp_of
from indexer.fingerprint import kernels as fingerprint_kernels
from indexer.fingerprint.kernels import kgram_hashes
from indexer.text import kernels as text_kernels
from indexer.text.kernels import mark_comments, rename, tokenize

BEGIN, END, OTHER, OTHER_END, RENAMED, RECURRING, BLANK_BEGIN, BLANK_END = range(8)
COLUMNS = 8
K_EXACT, K_RENAMED = 0, 1  # of `rules`, whose other elements are named here too
SUFFICES, SUFFICES_RENAMED, MOST_PLACES, MOST_RUNS, MOST_CHAINED, MOST_CHAINS, LONGEST_GAP, LOOSE, LEAST_RENAMED = range(2, 11)
MOST_STEPS = 1 << 24  # tokens compared between a text and a region in one channel; about half a second
MOST_LOOKED_AT = 1024  # places of one k-gram, those on diagonals that have been matched included
RENAMED_WEIGHT = 0.7  # of a token in a renamed run where chains compete: an exact run beside its own words beats a longer look-alike
GAP_COST = 0.08  # tokens of a chain's weight for one token of gap


@njit(cache=True, nogil=True)
def find_exact(a_codes, a_grams, heads, following, b_codes, b_grams, most, out):
    """Every maximal run of equal codes that holds a k-gram, as rows (begin in a, begin in b, length). Returns how many there are, and
    whether that is all.

    `most`: places in a of one k-gram of b that are tried; MOST_LOOKED_AT are looked at. It ends when `out` is full, or after MOST_STEPS.
    """
    mask = np.uint64(len(heads) - 1)
    covered = np.zeros(len(a_codes) + len(b_codes) + 1, np.int64)  # how far each diagonal has been matched
    n, steps = 0, 0
    for j in range(len(b_grams)):
        i, tried, looked_at = heads[b_grams[j] & mask], 0, 0
        while i >= 0 and tried < most and looked_at < MOST_LOOKED_AT:
            looked_at += 1
            diagonal = j - i + len(a_codes)
            if covered[diagonal] <= j and a_grams[i] == b_grams[j]:
                tried += 1
                length, back = 0, 0
                while i + length < len(a_codes) and j + length < len(b_codes) and a_codes[i + length] == b_codes[j + length]:
                    length += 1
                while back < min(i, j) and a_codes[i - back - 1] == b_codes[j - back - 1]:
                    back += 1
                covered[diagonal] = j + length + 1
                steps += length + back
                if n == len(out) or steps > MOST_STEPS:
                    return n, False
                out[n, 0], out[n, 1], out[n, 2] = i - back, j - back, length + back
                n += 1
            i = following[i]
    return n, True


@njit(cache=True, nogil=True)
def slot_of(keys, stamps, stamp, key):
    """The slot of a key in an open-addressed table, or the free one that is its."""
    mask = np.uint64(len(keys) - 1)
    slot = (key >> np.uint64(7)) & mask
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def pair_up(keys, values, stamps, stamp, key, value):
    """Records key -> value in an open-addressed table; False where key already maps to another value."""
    slot = slot_of(keys, stamps, stamp, key)
    if stamps[slot] == stamp:
        return values[slot] == value
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
def find_renamed(a_codes, a_grams, heads, following, b_codes, b_grams, k, most, tables, stamps, last_stamp, out):
    """Runs that are equal but for a one-to-one renaming, each grown from a k-gram, to the right and then to the left.

    Rows are (begin in a, begin in b, length, how many identifiers have another name). `tables` uint64 (4, power of two above twice
    the longest run), `stamps` int64 (2, the same) are told apart by `last_stamp` (1,), which goes on from call to call. Returns what
    find_exact does, and ends as that.
    """
    mask = np.uint64(len(heads) - 1)
    covered = np.zeros(len(a_codes) + len(b_codes) + 1, np.int64)
    n, steps = 0, 0
    for j in range(len(b_grams)):
        i, tried, looked_at = heads[b_grams[j] & mask], 0, 0
        while i >= 0 and tried < most and looked_at < MOST_LOOKED_AT:
            looked_at += 1
            diagonal = j - i + len(a_codes)
            if covered[diagonal] <= j and a_grams[i] == b_grams[j]:
                tried += 1
                last_stamp[0] += 1
                stamp = last_stamp[0]
                end = 0
                limit = min(len(a_codes) - i, len(b_codes) - j, len(stamps[0]) // 2)
                while end < limit and joins(a_codes[i + end], b_codes[j + end], tables, stamps, stamp):
                    end += 1
                begin = 0
                limit = min(i, j, len(stamps[0]) // 2 - end)
                if end >= k:
                    while begin < limit and joins(a_codes[i - begin - 1], b_codes[j - begin - 1], tables, stamps, stamp):
                        begin += 1
                covered[diagonal] = j + max(1, end - k + 1)  # a k-gram across what broke the run may be in another
                steps += end + begin
                if steps > MOST_STEPS:
                    return n, False
                if end >= k:
                    if n == len(out):
                        return n, False
                    changed = 0
                    for t in range(i - begin, i + end):
                        changed += a_codes[t] != b_codes[t - i + j]
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = i - begin, j - begin, begin + end, changed
                    n += 1
            i = following[i]
    return n, True


@njit(cache=True, nogil=True)
def same_bytes(a_data, a_starts, a_ends, b_data, b_starts, b_ends, a, b, n):
    """How many of n tokens from a and b on have the same bytes: equal hashes are not believed."""
    for t in range(n):
        i, j = a_starts[a + t], b_starts[b + t]
        if a_ends[a + t] - i != b_ends[b + t] - j:
            return t
        while i < a_ends[a + t]:
            if a_data[i] != b_data[j]:
                return t
            i += 1
            j += 1
    return n


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
def find_blanks(a_codes, b_codes, a, b, n, tokens, tables, stamps, last_stamp, blanks, n_blanks):
    """Appends the text's tokens that have another name in the document and occur once in a renamed run; how many there are then.

    `tokens`: the text's token of each code. `tables`, `stamps`, `last_stamp` as find_renamed takes them.
    """
    keys, counts, seen = tables[0], tables[1], stamps[0]
    last_stamp[0] += 1
    stamp = last_stamp[0]
    for t in range(a, a + n):
        slot = slot_of(keys, seen, stamp, a_codes[t])
        if seen[slot] != stamp:
            keys[slot], counts[slot], seen[slot] = a_codes[t], 0, stamp
        counts[slot] += np.uint64(1)
    for t in range(a, a + n):
        if a_codes[t] != b_codes[t - a + b] and counts[slot_of(keys, seen, stamp, a_codes[t])] == np.uint64(1):
            blanks[n_blanks] = tokens[t]
            n_blanks += 1
    return n_blanks


@njit(cache=True, nogil=True)
def inside(run, other):
    """Whether `other` lies within `run` in both texts."""
    return run[BEGIN] <= other[BEGIN] and other[END] <= run[END] and run[OTHER] <= other[OTHER] and other[OTHER_END] <= run[OTHER_END]


@njit(cache=True, nogil=True)
def settle(exact, renamed, suffices, suffices_renamed):
    """Exact runs and renamed ones, as one array. A renamed run takes the exact ones inside it in when a changed name recurs in it or
    when they explain less than half of it; else it is an edit, and gives way to them but for parts that are findings alone."""
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
            if taken[e] or not inside(run, exact[e]):
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
def count_true(flags):
    """How many are set."""
    n = 0
    for flag in flags:
        n += flag
    return n


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
def uncovered(positions, k, counts, covered):
    """For each fingerprint, bool (counts,), whether it is of the exact channel, held, and a token of its k-gram not covered."""
    out = np.zeros(len(counts), np.bool_)
    for p in range(len(positions)):
        for t in range(positions[p], positions[p] + k):
            out[p] |= counts[p] > 0 and not covered[t]
    return out


@njit(cache=True, nogil=True)
def extend(reach, run):
    """Notes where a run ends for each token that it holds."""
    for t in range(run[BEGIN], run[END]):
        reach[t] = max(reach[t], run[END])


STAMP = stamp_of(fingerprint_kernels, text_kernels)


def exact_runs_for(stamp):
    """`exact_runs`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def exact_runs(text, region, low, high, rules):
        """Exact runs between the text and tokens [low, high) of a region, the longest first; and whether all were found."""
        assert stamp >= 0
        data, starts, ends, hashes, grams, heads, following = text
        region_data, region_starts, region_ends, region_hashes = region
        codes = region_hashes[low:high]
        region_grams = np.empty(max(0, len(codes) - rules[K_EXACT] + 1), np.uint64)
        kgram_hashes(codes, 0, len(codes), rules[K_EXACT], False, region_grams)
        found = np.empty((rules[MOST_RUNS], 3), np.int64)
        n_found, is_all = find_exact(hashes, grams, heads, following, codes, region_grams, rules[MOST_PLACES], found)
        found = found[:n_found]
        longest = longest_first(found[:, 2].copy(), rules[MOST_CHAINED])
        runs = np.zeros((len(longest), COLUMNS), np.int64)
        n = 0
        for f in longest:
            begin, other = found[f, 0], found[f, 1] + low
            length = same_bytes(data, starts, ends, region_data, region_starts, region_ends, begin, other, found[f, 2])
            if length >= rules[K_EXACT]:
                runs[n, BEGIN], runs[n, END], runs[n, OTHER], runs[n, OTHER_END] = begin, begin + length, other, other + length
                n += 1
        return runs[:n], is_all

    return exact_runs


exact_runs = exact_runs_for(STAMP)


def renamed_runs_for(stamp):
    """`renamed_runs`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def renamed_runs(shape, n_tokens, codes, code_tokens, n_region, low, high, rules, tables, stamps, last_stamp):
        """The same of the renamed stream, with the runs' blanks."""
        assert stamp >= 0
        text_codes, text_tokens, grams, heads, following = shape
        first, stop = first_from(code_tokens, low), first_from(code_tokens, high)
        codes = codes[first:stop]
        region_grams = np.empty(max(0, len(codes) - rules[K_RENAMED] + 1), np.uint64)
        kgram_hashes(codes, 0, len(codes), rules[K_RENAMED], True, region_grams)
        found = np.empty((rules[MOST_RUNS], 4), np.int64)
        n_found, is_all = find_renamed(
            text_codes,
            grams,
            heads,
            following,
            codes,
            region_grams,
            rules[K_RENAMED],
            rules[MOST_PLACES],
            tables,
            stamps,
            last_stamp,
            found,
        )
        found = found[:n_found]
        for f in range(len(found)):
            if found[f, 3] == 0:
                found[f, 2] = 0  # it is an exact run
        longest = longest_first(found[:, 2].copy(), rules[MOST_CHAINED])
        runs = np.zeros((len(longest), COLUMNS), np.int64)
        room = 0
        for f in longest:
            room += found[f, 3]
        blanks = np.empty(room, np.int64)
        n, n_blanks = 0, np.int64(0)
        for f in longest:
            a, b, length, changed = found[f, 0], found[f, 1], found[f, 2], found[f, 3]
            if length < rules[SUFFICES_RENAMED]:
                break
            end, other_end = a + length, b + first + length
            runs[n, BEGIN], runs[n, END] = text_tokens[a], text_tokens[end] if end < len(text_tokens) else n_tokens
            runs[n, OTHER] = code_tokens[b + first]
            runs[n, OTHER_END] = code_tokens[other_end] if other_end < len(code_tokens) else n_region
            runs[n, RENAMED], runs[n, BLANK_BEGIN] = 1, n_blanks
            n_blanks = find_blanks(text_codes, codes, a, b, length, text_tokens, tables, stamps, last_stamp, blanks, n_blanks)
            runs[n, BLANK_END] = n_blanks
            runs[n, RECURRING] = changed > n_blanks - runs[n, BLANK_BEGIN]
            n += 1
        return runs[:n], blanks[:n_blanks], is_all

    return renamed_runs


renamed_runs = renamed_runs_for(STAMP)


def compare_for(stamp):
    """`compare`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def compare(
        text,
        shape,
        region_data,
        classes,
        keywords,
        low,
        high,
        family,
        rules,
        tables,
        stamps,
        last_stamp,
        exact_sums,
        renamed_sums,
        wants_exact,
        wants_renamed,
        least,
        stretch_norm,
        coverage_power,
        covered,
        reach,
    ):
        """Chains between the text and tokens [low, high) of a region that are findings: of a run that suffices, or of `least` strength.

        Marks their tokens in `covered`, and in `reach` int64 (2, tokens) how far exact runs and all that suffice go. Where exact runs
        leave fewer than rules[LEAST_RENAMED] tokens no renamed ones are looked for. Returns (runs, chain ends, similarities,
        strengths, blanks, the region's token starts and ends, codes and their tokens, whether all runs were found).
        """
        assert stamp >= 0
        n_tokens, room = len(text[1]), len(region_data)
        offsets, token_offsets = np.zeros(2, np.int64), np.zeros(2, np.int64)
        offsets[1] = room
        starts, ends, hashes = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64)
        n = tokenize(region_data, offsets, classes, starts, ends, hashes, token_offsets)
        starts, ends, hashes = starts[:n], ends[:n], hashes[:n]
        high = min(high, n)
        runs, is_all = exact_runs(text, (region_data, starts, ends, hashes), low, high, rules)
        blanks = np.empty(0, np.int64)
        by_exact = np.zeros(n_tokens, np.bool_)
        for r in range(len(runs)):
            if runs[r, END] - runs[r, BEGIN] >= rules[SUFFICES]:
                by_exact[runs[r, BEGIN] : runs[r, END]] = True
        codes, code_tokens = np.empty(n, np.uint64), np.empty(n, np.int32)
        m = 0
        if n_tokens - by_exact.sum() >= rules[LEAST_RENAMED]:
            m = rename(region_data, offsets, keywords, starts, ends, hashes, token_offsets, codes, code_tokens, np.zeros(2, np.int64))
            codes, code_tokens = codes[:m], code_tokens[:m]
            shapes, blanks, all_renamed = renamed_runs(shape, n_tokens, codes, code_tokens, n, low, high, rules, tables, stamps, last_stamp)
            is_all &= all_renamed
            for r in range(len(shapes)):
                extend(reach[1], shapes[r])
            runs = settle(runs, shapes, rules[SUFFICES], rules[SUFFICES_RENAMED])
        plain = np.arange(n + 1)
        if len(runs) > 1 and family:
            in_comment = np.zeros(n, np.bool_)
            mark_comments(region_data, starts, ends, family, in_comment)
            for t in range(n):
                plain[t + 1] = plain[t] + (not in_comment[t])
        runs, chain_ends = chain_up(runs, plain, rules, shape[1], code_tokens[:m])
        kept, kept_ends = np.empty(runs.shape, np.int64), np.empty(len(chain_ends), np.int64)
        alike, strengths = np.empty(len(chain_ends), np.float64), np.empty(len(chain_ends), np.float64)
        n_kept, n_chains = 0, 0
        for c in range(len(chain_ends)):
            first = n_kept
            is_finding = False
            for r in range(chain_ends[c - 1] if c else 0, chain_ends[c]):
                if wants_renamed if runs[r, RENAMED] else wants_exact:
                    n_kept = copy_row(kept, n_kept, runs, r)
                    is_finding |= runs[r, END] - runs[r, BEGIN] >= (rules[SUFFICES_RENAMED] if runs[r, RENAMED] else rules[SUFFICES])
            chain = kept[first:n_kept]
            alike[n_chains] = similarity(chain, plain)
            strengths[n_chains] = strength(chain, blanks, exact_sums, renamed_sums, alike[n_chains], n_tokens, stretch_norm, coverage_power)
            if len(chain) == 0 or not (is_finding or strengths[n_chains] >= least):
                n_kept = first
                continue
            for r in range(len(chain)):
                covered[chain[r, BEGIN] : chain[r, END]] = True
                if not chain[r, RENAMED]:
                    for of in range(2):
                        extend(reach[of], chain[r])
            kept_ends[n_chains] = n_kept
            n_chains += 1
        region_tokens = (starts, ends, codes[:m], code_tokens[:m])
        return kept[:n_kept], kept_ends[:n_chains], alike[:n_chains], strengths[:n_chains], blanks, region_tokens, is_all

    return compare


compare = compare_for(STAMP)
