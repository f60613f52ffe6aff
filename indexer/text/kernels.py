"""The loops that turn bytes into tokens. Arrays in, writes into `out_*`, returns counts; `indexer.text.tokens` is the face."""

import numpy as np
from numba import njit

# On disk: every value here goes into fingerprints; changing one needs a new spec name.
SPACE, WORD, PUNCT, LEAD = 0, 1, 2, 3
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x00000100000001B3)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
NUMBER_CODE = np.uint64(0x9AE16A3B2F90404F)
STRING_CODE = np.uint64(0xC3A5C85C97CB3127)
MAX_LITERAL_BYTES = 1024


@njit(cache=True, nogil=True, inline="always")
def mix64(x):
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit."""
    x = (x ^ (x >> np.uint64(30))) * MIX_1
    x = (x ^ (x >> np.uint64(27))) * MIX_2
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def space_length(data, i, end):
    """How many bytes of non-ASCII white space or zero-width character start at byte i; 0 for none."""
    a = data[i]
    if a == 0xC2:
        return 2 if i + 1 < end and (data[i + 1] == 0xA0 or data[i + 1] == 0x85) else 0
    if i + 2 >= end:
        return 0
    b, c = data[i + 1], data[i + 2]
    if a == 0xE2 and b == 0x80:  # U+2000..200D, line and paragraph separators, narrow NBSP
        return 3 if c <= 0x8D or c == 0xA8 or c == 0xA9 or c == 0xAF else 0
    if a == 0xE2 and b == 0x81:  # U+205F, U+2060
        return 3 if c == 0x9F or c == 0xA0 else 0
    if a == 0xE1:  # U+1680, U+180E
        return 3 if (b == 0x9A and c == 0x80) or (b == 0xA0 and c == 0x8E) else 0
    if a == 0xE3:  # U+3000
        return 3 if b == 0x80 and c == 0x80 else 0
    if a == 0xEF:  # the byte order mark, U+FEFF
        return 3 if b == 0xBB and c == 0xBF else 0
    return 0


@njit(cache=True, nogil=True)
def tokenize(data, offsets, classes, out_start, out_end, out_hash, out_offsets):
    """Tokens of each document data[offsets[d]:offsets[d+1]]; those of d are out_*[out_offsets[d]:out_offsets[d+1]]."""
    n = 0
    for d in range(len(offsets) - 1):
        out_offsets[d] = n
        i, end = offsets[d], offsets[d + 1]
        while i < end:
            kind = classes[data[i]]
            if kind == SPACE:
                i += 1
                continue
            if kind == LEAD:
                skip = space_length(data, i, end)
                if skip:
                    i += skip
                    continue
            h = (FNV_OFFSET ^ np.uint64(data[i])) * FNV_PRIME
            out_start[n] = i
            i += 1
            if kind != PUNCT:
                while i < end:
                    kind = classes[data[i]]
                    if kind != WORD and (kind != LEAD or space_length(data, i, end)):
                        break
                    h = (h ^ np.uint64(data[i])) * FNV_PRIME
                    i += 1
            out_end[n] = i
            out_hash[n] = mix64(h)
            n += 1
    out_offsets[len(offsets) - 1] = n
    return n


@njit(cache=True, nogil=True)
def is_keyword(table, h):
    """Whether the hash stands in the open-addressed table (power-of-two size, 0 for empty)."""
    mask = np.uint64(len(table) - 1)
    slot = h & mask
    while table[slot] != 0:
        if table[slot] == h:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


@njit(cache=True, nogil=True)
def literal_end(data, i, end):
    """The byte of the quote that closes the one at byte i on the same line, within MAX_LITERAL_BYTES; -1 for none."""
    quote = data[i]
    stop = min(end, i + MAX_LITERAL_BYTES)
    j = i + 1
    while j < stop:
        c = data[j]
        if c == quote:
            return j
        if c == 10 or c == 13:
            return -1
        j += 2 if c == 92 else 1  # a backslash escapes the next byte
        if c == 92 and j - 1 < stop and (data[j - 1] == 10 or data[j - 1] == 13):
            return -1
    return -1


@njit(cache=True, nogil=True)
def rename(data, offsets, keywords, starts, ends, hashes, token_offsets, out_code, out_token, out_offsets):
    """The renamed stream: out_code is the identity of an identifier with the lowest bit set, and what stands in a
    k-gram for all others, with it cleared; out_token the exact token it begins at."""
    one = np.uint64(1)
    n = 0
    for d in range(len(offsets) - 1):
        out_offsets[d] = n
        t, last = token_offsets[d], token_offsets[d + 1]
        while t < last:
            first = data[starts[t]]
            out_token[n] = t
            if first == 34 or first == 39 or first == 96:  # " ' `
                close = literal_end(data, starts[t], offsets[d + 1])
                if close >= 0:
                    out_code[n] = STRING_CODE & ~one
                    while starts[t] < close:
                        t += 1
                else:
                    out_code[n] = hashes[t] & ~one
            elif first >= 48 and first <= 57:
                out_code[n] = NUMBER_CODE & ~one
            elif first == 95 or first >= 128 or (first >= 65 and first <= 90) or (first >= 97 and first <= 122):
                out_code[n] = hashes[t] & ~one if is_keyword(keywords, hashes[t]) else hashes[t] | one
            else:
                out_code[n] = hashes[t] & ~one
            t += 1
            n += 1
    out_offsets[len(offsets) - 1] = n
    return n


@njit(cache=True, nogil=True)
def opens_line_comment(data, i, family):
    """Whether a comment that lasts to the end of the line begins at byte i. The families are those of indexer.text.comments."""
    a = data[i]
    b = data[i + 1] if i + 1 < len(data) else np.uint8(0)
    if family == 1:
        return a == 47 and b == 47
    if family == 2:
        return a == 35
    if family == 3:
        return a == 35 or (a == 47 and b == 47)
    if family == 4 or family == 5:
        return a == 45 and b == 45
    if family == 8:
        return a == 33
    if family == 9:
        return a == 59
    return family == 10 and a == 37


@njit(cache=True, nogil=True)
def block_comment_end(data, i, family):
    """The byte behind the block comment that begins at byte i, 0 for none; one that never ends takes the rest."""
    a = data[i]
    b = data[i + 1] if i + 1 < len(data) else np.uint8(0)
    if (family == 1 or family == 3 or family == 4 or family == 7) and a == 47 and b == 42:
        first, second, third, begin = np.uint8(42), np.uint8(47), np.uint8(0), i + 2
    elif family == 5 and a == 45 and b == 45 and i + 3 < len(data) and data[i + 2] == 91 and data[i + 3] == 91:
        first, second, third, begin = np.uint8(93), np.uint8(93), np.uint8(0), i + 4
    elif family == 6 and a == 60 and b == 33 and i + 3 < len(data) and data[i + 2] == 45 and data[i + 3] == 45:
        first, second, third, begin = np.uint8(45), np.uint8(45), np.uint8(62), i + 4
    else:
        return 0
    for j in range(begin, len(data) - 1):
        if data[j] == first and data[j + 1] == second:
            if third == 0:
                return j + 2
            if j + 2 < len(data) and data[j + 2] == third:
                return j + 3
    return len(data)


@njit(cache=True, nogil=True)
def mark_comments(data, starts, ends, family, is_cut, out_mask):
    """out_mask[t] = whether token t begins in a comment. Literals are passed over; with `is_cut`, where more may stand before, a region
    that begins inside a block comment has the tokens before its end marked."""
    t, skip_to, resume = 0, 0, 0
    while t < len(starts):
        i = starts[t]
        if i < skip_to:
            out_mask[t] = True
            t += 1
            continue
        if i < resume:
            t += 1
            continue
        if opens_line_comment(data, i, family) and block_comment_end(data, i, family) == 0:
            skip_to = i
            while skip_to < len(data) and data[skip_to] != 10 and data[skip_to] != 13:
                skip_to += 1
            continue
        end = block_comment_end(data, i, family)
        if end:
            skip_to = end
            continue
        if data[i] == 34 or data[i] == 39 or data[i] == 96:
            close = literal_end(data, i, len(data))
            if close >= 0:
                resume = close + 1
        elif is_cut and data[i] == 42 and (family == 1 or family == 7) and i + 1 < len(data) and data[i + 1] == 47 and t + 1 < len(starts):
            out_mask[: t + 2] = True  # the end of a comment that began before the region
            t += 1
        t += 1
