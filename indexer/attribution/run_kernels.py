"""The loops that find which runs of tokens a text and a region share, exact and renamed; `indexer.attribution.verify` is the face."""

import numpy as np
from numba import njit

from indexer.attribution import chain_kernels
from indexer.attribution.chain_kernels import (
    BEGIN,
    BLANK_BEGIN,
    BLANK_END,
    COLUMNS,
    END,
    K_EXACT,
    K_RENAMED,
    MOST_CHAINED,
    MOST_PLACES,
    OTHER,
    OTHER_END,
    RECURRING,
    RENAMED,
    SUFFICES_RENAMED,
    first_from,
    longest_first,
)
from indexer.compiling import stamp_of
from indexer.fingerprint import kernels as fingerprint_kernels
from indexer.fingerprint.kernels import BASE, REMIX, kgram_hashes, mix64

MOST_STEPS = 1 << 24  # tokens compared between a text and a region in one channel; about half a second
MOST_LOOKED_AT = 1024  # places of one k-gram, those on diagonals that have been matched included


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
def occurrences(codes):
    """How far before and behind each element the same identifier stands, int32 (elements,) twice; 0 for nowhere and for what is none."""
    before, behind = np.zeros(len(codes), np.int32), np.zeros(len(codes), np.int32)
    size = 16
    while size < 2 * len(codes):
        size *= 2
    latest, mask = np.full(size, -1, np.int32), np.uint64(size - 1)
    for i in range(len(codes)):
        if codes[i] & np.uint64(1) == 0:
            continue
        slot = (codes[i] >> np.uint64(7)) & mask
        while latest[slot] >= 0 and codes[latest[slot]] != codes[i]:
            slot = (slot + np.uint64(1)) & mask
        if latest[slot] >= 0:
            before[i] = behind[latest[slot]] = i - latest[slot]
        latest[slot] = i
    return before, behind


@njit(cache=True, nogil=True, inline="always")
def joins(a, b, a_codes, b_codes, a_steps, b_steps, most):
    """Whether element a can stand for element b beside a run of `most` elements: equal, or identifiers that were last used equally far
    away in it, or not at all. Then names map one to one (Baker 1993)."""
    if a_codes[a] & b_codes[b] & np.uint64(1) == 0:
        return a_codes[a] == b_codes[b]
    one, other = a_steps[a], b_steps[b]
    return (one if one <= most else 0) == (other if other <= most else 0)


@njit(cache=True, nogil=True)
def may_hold_renamed(a_codes, a_before, a_behind, a_grams, heads, following, b_codes, b_before, b_behind, k, least):
    """Whether find_renamed may find a run of `least` elements or more: such a run holds one of every least - k + 1 k-grams, so only
    these are looked up, and it reaches no further from there than what joins the k-gram alone on either side. True, too, where so many
    are equal that find_renamed may not find all."""
    distances, powers, power = np.empty(k, np.uint64), np.empty(k, np.uint64), np.uint64(1)
    for t in range(k):
        distances[t], powers[t] = mix64(np.uint64(t + 1) * REMIX), power
        power *= BASE
    mask, n_equal = np.uint64(len(heads) - 1), 0
    for j in range(0, len(b_codes) - k + 1, least - k + 1):
        h = np.uint64(0)
        for t in range(k):
            distance = distances[b_before[j + t] if b_before[j + t] <= t else 0]
            h += (distance if b_codes[j + t] & np.uint64(1) else b_codes[j + t]) * powers[t]
        gram = mix64(h)
        i = heads[gram & mask]
        while i >= 0:
            if a_grams[i] == gram:
                end, limit = 0, min(least, len(a_codes) - i, len(b_codes) - j)
                while end < limit and joins(i + end, j + end, a_codes, b_codes, a_before, b_before, end):
                    end += 1
                begin, limit = 0, min(i, j, least - end)
                while begin < limit and joins(i - begin - 1, j - begin - 1, a_codes, b_codes, a_behind, b_behind, begin + k):
                    begin += 1
                n_equal += 1
                if begin + end >= least or n_equal > MOST_LOOKED_AT:
                    return True
            i = following[i]
    return False


@njit(cache=True, nogil=True)
def find_renamed(a_codes, a_before, a_behind, a_grams, heads, following, b_codes, b_before, b_behind, b_grams, k, most, out):
    """Runs that are equal but for a one-to-one renaming, each grown from a k-gram, to the right and then to the left.

    Rows are (begin in a, begin in b, length, how many identifiers have another name). `before`, `behind`: of `occurrences`. Returns
    what find_exact does, and ends as that.
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
                end, limit = 0, min(len(a_codes) - i, len(b_codes) - j)
                while end < limit and joins(i + end, j + end, a_codes, b_codes, a_before, b_before, end):
                    end += 1
                begin, limit = 0, min(i, j) if end >= k else 0
                while begin < limit and joins(i - begin - 1, j - begin - 1, a_codes, b_codes, a_behind, b_behind, begin + end):
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
def find_blanks(a_codes, a_before, a_behind, b_codes, a, b, n, tokens, blanks, n_blanks):
    """Appends the text's tokens that have another name in the document and occur once in a renamed run; how many there are then.

    `tokens`: the text's token of each code.
    """
    for t in range(n):
        is_first = a_before[a + t] == 0 or a_before[a + t] > t
        is_last = a_behind[a + t] == 0 or a_behind[a + t] >= n - t
        if is_first and is_last and a_codes[a + t] != b_codes[b + t]:
            blanks[n_blanks] = tokens[a + t]
            n_blanks += 1
    return n_blanks


@njit(cache=True, nogil=True)
def find_differing(a_hashes, a_begin, a_end, b_hashes, b_begin, b_end, blanks, n_blanks):
    """Appends tokens [a_begin, a_end) of the text if the document has others there: a literal or a number, which the renamed stream does
    not tell apart. Returns how many blanks there are then."""
    same = a_end - a_begin == b_end - b_begin
    for t in range(a_end - a_begin if same else 0):
        same &= a_hashes[a_begin + t] == b_hashes[b_begin + t]
    for t in range(a_begin, a_begin if same else a_end):
        blanks[n_blanks] = t
        n_blanks += 1
    return n_blanks


STAMP = stamp_of(chain_kernels, fingerprint_kernels)


def exact_runs_for(stamp):
    """`exact_runs`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def exact_runs(text, region, low, high, rules, found):
        """Exact runs between the text and tokens [low, high) of a region, the longest first; and whether all were found.

        `found`: room for those found, int64 (rules[MOST_RUNS], 4).
        """
        assert stamp >= 0
        data, starts, ends, hashes, grams, heads, following = text
        region_data, region_starts, region_ends, region_hashes = region
        codes = region_hashes[low:high]
        region_grams = np.empty(max(0, len(codes) - rules[K_EXACT] + 1), np.uint64)
        kgram_hashes(codes, 0, len(codes), rules[K_EXACT], False, region_grams)
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
    def renamed_runs(shape, hashes, codes, code_tokens, region_hashes, low, high, rules, found):
        """The same of the renamed stream, with the runs' blanks."""
        assert stamp >= 0
        text_codes, text_tokens, before, behind, grams, heads, following = shape
        n_tokens, n_region = len(hashes), len(region_hashes)
        first, stop = first_from(code_tokens, low), first_from(code_tokens, high)
        codes = codes[first:stop]
        region_before, region_behind = occurrences(codes)
        if not may_hold_renamed(
            text_codes, before, behind, grams, heads, following,
            codes, region_before, region_behind, rules[K_RENAMED], rules[SUFFICES_RENAMED],
        ):  # fmt: skip
            return np.empty((0, COLUMNS), np.int64), np.empty(0, np.int64), True
        region_grams = np.empty(max(0, len(codes) - rules[K_RENAMED] + 1), np.uint64)
        kgram_hashes(codes, 0, len(codes), rules[K_RENAMED], True, region_grams)
        n_found, is_all = find_renamed(
            text_codes, before, behind, grams, heads, following,
            codes, region_before, region_behind, region_grams, rules[K_RENAMED], rules[MOST_PLACES], found,
        )  # fmt: skip
        found = found[:n_found]
        for f in range(len(found)):
            if found[f, 3] == 0:
                found[f, 2] = 0  # it is an exact run
        longest = longest_first(found[:, 2].copy(), rules[MOST_CHAINED])
        runs = np.zeros((len(longest), COLUMNS), np.int64)
        room = 0
        for f in longest:
            end = found[f, 0] + found[f, 2]
            room += (text_tokens[end] if end < len(text_tokens) else n_tokens) - text_tokens[found[f, 0]]
        blanks = np.empty(room, np.int64)
        n, n_blanks = 0, np.int64(0)
        for f in longest:
            a, b, length, changed = found[f, 0], found[f, 1] + first, found[f, 2], found[f, 3]
            if length < rules[SUFFICES_RENAMED]:
                break
            runs[n, BEGIN], runs[n, OTHER] = text_tokens[a], code_tokens[b]
            runs[n, RENAMED], runs[n, BLANK_BEGIN] = 1, n_blanks
            n_blanks = find_blanks(text_codes, before, behind, codes, a, b - first, length, text_tokens, blanks, n_blanks)
            runs[n, RECURRING] = changed > n_blanks - runs[n, BLANK_BEGIN]
            for t in range(length):
                end = text_tokens[a + t + 1] if a + t + 1 < len(text_tokens) else n_tokens
                other_end = code_tokens[b + t + 1] if b + t + 1 < len(code_tokens) else n_region
                if text_codes[a + t] & np.uint64(1) == 0:
                    n_blanks = find_differing(
                        hashes, text_tokens[a + t], end, region_hashes, code_tokens[b + t], other_end, blanks, n_blanks
                    )
            runs[n, END], runs[n, OTHER_END], runs[n, BLANK_END] = end, other_end, n_blanks
            n += 1
        return runs[:n], blanks[:n_blanks], is_all

    return renamed_runs


renamed_runs = renamed_runs_for(STAMP)
