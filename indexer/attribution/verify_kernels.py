"""The comparison of a text with one candidate in one compiled call; `indexer.attribution.verify` is the face and says what it means."""

import numpy as np
from numba import njit

from indexer.attribution import chain_kernels, reach_kernels, run_kernels
from indexer.attribution.chain_kernels import (
    BEGIN,
    END,
    LEAST_RENAMED,
    OTHER,
    OTHER_END,
    RENAMED,
    SUFFICES,
    SUFFICES_RENAMED,
    chain_up,
    copy_row,
    first_from,
    may_be_finding,
    settle,
    similarity,
    strength,
)
from indexer.attribution.reach_kernels import extend
from indexer.attribution.run_kernels import exact_runs, renamed_runs
from indexer.compiling import stamp_of
from indexer.fingerprint import kernels as fingerprint_kernels
from indexer.text import kernels as text_kernels
from indexer.text.kernels import mark_comments, rename, tokenize

STEP = 1024  # bytes of a region that are read at a time, until the line's end
ENDS_SHOW = (1, 7)  # families of comments of which an end without a begin is known as such, by mark_comments

STAMP = stamp_of(chain_kernels, reach_kernels, run_kernels, fingerprint_kernels, text_kernels)


def tokenize_lines_for(stamp):
    """`tokenize_lines`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def tokenize_lines(data, byte, n, least, classes, tokens):
        """Goes on with the tokens of a region at `byte`, where a line begins and n tokens stand before, to the end of a line; tokens:
        (starts, ends, hashes). Ends when one stands behind the line of token `least` - 1, or with the region: (the byte there, how many
        tokens there are then).

        A line's end separates tokens, and no literal goes beyond it: what follows changes nothing of what was read.
        """
        assert stamp >= 0
        starts, ends, hashes = tokens
        offsets, counts = np.empty(2, np.int64), np.empty(2, np.int64)
        while byte < len(data):
            offsets[0], offsets[1] = byte, min(byte + STEP, len(data))
            while offsets[1] < len(data) and data[offsets[1] - 1] != 10 and data[offsets[1] - 1] != 13:
                offsets[1] += 1
            n += tokenize(data, offsets, classes, starts[n:], ends[n:], hashes[n:], counts)
            byte = offsets[1]
            if n > least > 0:
                line_end = starts[least - 1]
                while line_end < byte and data[line_end] != 10 and data[line_end] != 13:
                    line_end += 1
                if starts[n - 1] > line_end:
                    break
        return byte, n

    return tokenize_lines


tokenize_lines = tokenize_lines_for(STAMP)


def whole_lines_for(stamp):
    """`whole_lines`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def whole_lines(data, starts, low, high):
        """The first token of the line that holds token `low`, and the one behind the first of the line after token `high` - 1: no literal
        goes from line to line, so these are renamed as in the whole text."""
        assert stamp >= 0
        if low >= high:
            return low, low
        begin, end = starts[low], starts[high - 1]
        while begin > 0 and data[begin - 1] != 10 and data[begin - 1] != 13:
            begin -= 1
        while end < len(data) and data[end] != 10 and data[end] != 13:
            end += 1
        return first_from(starts, begin), min(len(starts), first_from(starts, end) + 1)

    return whole_lines


whole_lines = whole_lines_for(STAMP)


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
        is_cut,
        family,
        rules,
        exact_sums,
        renamed_sums,
        wants_exact,
        wants_renamed,
        least,
        stretch_norm,
        coverage_power,
        covered,
        reach,
        scratch,
    ):
        """Chains between the text and tokens [low, high) of a region that are findings: of a run that suffices, or of `least` strength.

        Marks their tokens in `covered`, and in `reach` int64 (2, tokens) how far exact runs and all that suffice go. Where exact runs
        leave fewer than rules[LEAST_RENAMED] tokens no renamed ones are looked for. `is_cut`: whether the document goes on before `low`,
        behind `high` and before the region. `scratch`: room for tokens, int32, int32 and uint64 (bytes of the region,), and for runs,
        int64 (rules[MOST_RUNS], 4). Returns (runs, chain ends, similarities, strengths, blanks, the starts and ends of the region's
        tokens as far as they were read, codes and their tokens, whether a run ends where the document was cut, whether all runs were
        found).
        """
        assert stamp >= 0
        n_tokens, room = len(text[1]), len(region_data)
        offsets, token_offsets = np.zeros(2, np.int64), np.zeros(2, np.int64)
        offsets[1] = room
        all_tokens, found = scratch[:3], scratch[3]
        byte, n = tokenize_lines(region_data, np.int64(0), np.int64(0), high, classes, all_tokens)
        starts, ends, hashes = all_tokens[0][:n], all_tokens[1][:n], all_tokens[2][:n]
        cut_at, high = high, min(high, n)
        runs, is_all = exact_runs(text, (region_data, starts, ends, hashes), low, high, rules, found)
        blanks = np.empty(0, np.int64)
        by_exact = np.zeros(n_tokens, np.bool_)
        for r in range(len(runs)):
            if runs[r, END] - runs[r, BEGIN] >= rules[SUFFICES]:
                by_exact[runs[r, BEGIN] : runs[r, END]] = True
        codes, code_tokens = np.empty(n, np.uint64), np.empty(n, np.int32)
        m = 0
        if n_tokens - by_exact.sum() >= rules[LEAST_RENAMED]:
            token_offsets[0], token_offsets[1] = whole_lines(region_data, starts, low, high)
            m = rename(region_data, offsets, keywords, starts, ends, hashes, token_offsets, codes, code_tokens, np.zeros(2, np.int64))
            codes, code_tokens = codes[:m], code_tokens[:m]
            shapes, blanks, all_renamed = renamed_runs(shape, text[3], codes, code_tokens, hashes, low, high, rules, found)
            is_all &= all_renamed
            for r in range(len(shapes)):
                extend(reach[1], shapes[r, BEGIN], shapes[r, END])
            runs = settle(runs, shapes, rules[SUFFICES], rules[SUFFICES_RENAMED], shape[1], code_tokens)
        if not may_be_finding(runs, blanks, exact_sums, renamed_sums, rules[SUFFICES], rules[SUFFICES_RENAMED], least, stretch_norm):
            runs = runs[:0]
        plain = np.arange(n + 1)
        if len(runs) > 1 and family:
            if is_cut[2] and family in ENDS_SHOW and byte < room:  # the end of a comment that began before the region may follow
                byte, n = tokenize_lines(region_data, byte, n, room, classes, all_tokens)
                starts, ends, plain = all_tokens[0][:n], all_tokens[1][:n], np.arange(n + 1)
            in_comment = np.zeros(n, np.bool_)
            mark_comments(region_data, starts, ends, family, is_cut[2], in_comment)
            for t in range(n):
                plain[t + 1] = plain[t] + (not in_comment[t])
        runs, chain_ends = chain_up(runs, plain, rules, shape[1], code_tokens[:m])
        kept, kept_ends = np.empty(runs.shape, np.int64), np.empty(len(chain_ends), np.int64)
        alike, strengths = np.empty(len(chain_ends), np.float64), np.empty(len(chain_ends), np.float64)
        n_kept, n_chains, goes_on = 0, 0, False
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
                        extend(reach[of], chain[r, BEGIN], chain[r, END])
            goes_on |= is_cut[0] and chain[0, OTHER] == low and chain[0, BEGIN] > 0
            goes_on |= is_cut[1] and chain[-1, OTHER_END] == cut_at and chain[-1, END] < n_tokens
            kept_ends[n_chains] = n_kept
            n_chains += 1
        if n_chains == 0:
            n = 0
        if not kept[:n_kept, RENAMED].any():
            m = 0
        region_tokens = (starts[:n].copy(), ends[:n].copy(), codes[:m].copy(), code_tokens[:m].copy())  # scratch is used again
        return kept[:n_kept].copy(), kept_ends[:n_chains], alike[:n_chains], strengths[:n_chains], blanks, region_tokens, goes_on, is_all

    return compare


compare = compare_for(STAMP)
