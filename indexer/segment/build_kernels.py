"""The loops that make a segment: postings sorted and encoded, texts cut into blocks.

Not here: the loops that read one (`indexer.segment.kernels`).
"""

import numpy as np
from numba import njit

from indexer.segment.kernels import FINGERPRINT_BITS, LONG_LIST

HINT_SHIFT = 10
PARTITIONS = 256


@njit(cache=True, nogil=True)
def partition(keys, positions, counts, out):
    """Groups pairs by the top byte of the key, in their order: in `out`, twice as long, each group's keys and then its positions.

    counts: int64 (PARTITIONS,), how many pairs each group has.
    """
    counts[:] = 0
    for i in range(len(keys)):
        counts[keys[i] >> np.uint64(56)] += 1
    at = np.zeros(PARTITIONS, np.int64)
    for p in range(1, PARTITIONS):
        at[p] = at[p - 1] + 2 * counts[p - 1]
    for i in range(len(keys)):
        p = keys[i] >> np.uint64(56)
        out[at[p]] = keys[i]
        out[at[p] + counts[p]] = np.uint64(positions[i])
        at[p] += 1


@njit(cache=True, nogil=True)
def sort_pairs(keys, positions, spare_keys, spare_positions):
    """Stable sort by fingerprint of pairs of one partition, whose top bytes agree; the result is in place.

    Two radix passes over the twenty bits below that byte leave few neighbours in the wrong order, which are then inserted.
    """
    for shift in (36, 46):
        counts = np.zeros(1025, np.int64)
        for i in range(len(keys)):
            counts[((keys[i] >> np.uint64(shift)) & np.uint64(1023)) + np.uint64(1)] += 1
        for d in range(1, 1025):
            counts[d] += counts[d - 1]
        for i in range(len(keys)):
            digit = (keys[i] >> np.uint64(shift)) & np.uint64(1023)
            at = counts[digit]
            counts[digit] = at + 1
            spare_keys[at] = keys[i]
            spare_positions[at] = positions[i]
        keys, spare_keys = spare_keys, keys
        positions, spare_positions = spare_positions, positions
    for i in range(1, len(keys)):
        key, position = keys[i], positions[i]
        j = i
        while j > 0 and keys[j - 1] >> np.uint64(16) > key >> np.uint64(16):
            keys[j] = keys[j - 1]
            positions[j] = positions[j - 1]
            j -= 1
        keys[j] = key
        positions[j] = position


@njit(cache=True, nogil=True)
def write_varint(out, i, value):
    """Writes a LEB128 number at byte i; returns the next byte."""
    while value >= np.uint64(128):
        out[i] = np.uint8((value & np.uint64(127)) | np.uint64(128))
        value >>= np.uint64(7)
        i += 1
    out[i] = np.uint8(value)
    return i + 1


@njit(cache=True, nogil=True)
def varint_size(value):
    """How many bytes write_varint takes."""
    size = 1
    while value >= np.uint64(128):
        value >>= np.uint64(7)
        size += 1
    return size


@njit(cache=True, nogil=True)
def count_repositories(positions, begin, end, first_tokens, repositories, hints, stamps, stamp):
    """In how many repositories positions[begin:end] lie. `first_tokens` and `repositories` (small numbers) have one value a document,
    hints[i] is the document of token i << HINT_SHIFT; `stamps` has one value a repository."""
    n = 0
    for p in range(begin, end):
        doc = hints[positions[p] >> np.uint64(HINT_SHIFT)]
        while doc + 1 < len(first_tokens) and first_tokens[doc + 1] <= positions[p]:
            doc += 1
        if stamps[repositories[doc]] != stamp:
            stamps[repositories[doc]] = stamp
            n += 1
    return n


@njit(cache=True, nogil=True)
def encode_partition(keys, positions, bits, first_bucket, first_tokens, repositories, hints, stamps, out_entries, out_lists, out_buckets):
    """Entries and posting lists of sorted pairs of one partition. Returns (entries, bytes of lists).

    out_buckets[b]: how many entries bucket first_bucket + b has. An entry is remainder | payload; a payload is position << 1 for one
    posting, (byte offset of its list) << 1 | 1 for more.
    """
    remainder_bits = np.uint64(FINGERPRINT_BITS - bits)
    payload_bits = np.uint64(64) - remainder_bits
    mask = (np.uint64(1) << remainder_bits) - np.uint64(1)
    n, size, i = 0, 0, 0
    while i < len(keys):
        value = keys[i] >> np.uint64(16)
        j = i + 1
        while j < len(keys) and keys[j] >> np.uint64(16) == value:
            j += 1
        count = j - i
        if count == 1:
            payload = positions[i] << np.uint64(1)
        else:
            payload = (np.uint64(size) << np.uint64(1)) | np.uint64(1)
            length = 2 * count if count > LONG_LIST else 0
            previous = np.uint64(0)
            for p in range(i, j):
                length += varint_size(positions[p] - previous)
                previous = positions[p]
            more = np.uint64(0)
            for p in range(i, j):
                if keys[p] & np.uint64(0xFFFF) == np.uint64(0xFFFF):
                    more = np.uint64(1)
            size = write_varint(out_lists, size, np.uint64(count) << np.uint64(1) | more)
            holders = count_repositories(positions, i, j, first_tokens, repositories, hints, stamps, n + 1)
            size = write_varint(out_lists, size, np.uint64(holders))
            size = write_varint(out_lists, size, np.uint64(length))
            if count > LONG_LIST:
                for p in range(i, j):
                    out_lists[size] = np.uint8((keys[p] >> np.uint64(8)) & np.uint64(255))
                    out_lists[size + count] = np.uint8(keys[p] & np.uint64(255))
                    size += 1
                size += count
            previous = np.uint64(0)
            for p in range(i, j):
                size = write_varint(out_lists, size, positions[p] - previous)
                previous = positions[p]
        out_entries[n] = (value & mask) << payload_bits | payload
        out_buckets[np.int64(value >> remainder_bits) - first_bucket] += 1
        n += 1
        i = j
    return n, size


@njit(cache=True, nogil=True)
def cut_pieces(data, offsets, codes_tokens, codes_offsets, starts, target, out_piece, out_doc):
    """Cuts documents into pieces of about `target` bytes that begin at tokens of the renamed stream, so that no literal is split.

    out_piece[p]: the byte at which piece p begins, out_doc[p]: its document. A cut prefers the start of a line within the next
    eighth of `target`. Every document, empty ones too, has at least one piece.
    """
    n = 0
    for d in range(len(offsets) - 1):
        out_piece[n] = offsets[d]
        out_doc[n] = d
        n += 1
        begin = offsets[d]
        r, last = codes_offsets[d], codes_offsets[d + 1]
        while offsets[d + 1] - begin > target + target // 4:
            while r < last and starts[codes_tokens[r]] < begin + target:
                r += 1
            best = r
            while best < last and starts[codes_tokens[best]] < begin + target + target // 8:
                if starts_line(data, starts[codes_tokens[best]], offsets[d]):
                    break
                best += 1
            if best >= last or starts[codes_tokens[best]] >= begin + target + target // 8:
                best = r
            if best >= last:
                break
            begin = starts[codes_tokens[best]]
            out_piece[n] = begin
            out_doc[n] = d
            n += 1
    return n


@njit(cache=True, nogil=True)
def starts_line(data, i, begin):
    """Whether only blanks stand between byte i and the start of its line."""
    j = i - 1
    while j >= begin and (data[j] == 32 or data[j] == 9):
        j -= 1
    return j < begin or data[j] == 10 or data[j] == 13


@njit(cache=True, nogil=True)
def pack_pieces(data, offsets, pieces, docs, most, out_block, out_begin, out_doc, out_lines):
    """Joins pieces that follow each other into blocks of at most `most` bytes, or of one piece; returns how many blocks.

    `pieces` ends with the end of the text. A block begins with each further piece of a document, so that what must be read to see a
    place in a large document is one piece. out_block[p]: the block of piece p; of block b out_begin is its first byte, out_doc the
    document which that belongs to, out_lines how many line ends of the document come before it.
    """
    n, at, lines = 0, 0, 0
    for p in range(len(docs)):
        d = docs[p]
        is_first = p == 0 or docs[p - 1] != d
        if is_first:
            at, lines = offsets[d], 0
        if p == 0 or not is_first or pieces[p + 1] - out_begin[n - 1] > most:
            lines += count_line_ends(data, at, pieces[p])
            at = pieces[p]
            out_begin[n], out_doc[n], out_lines[n] = at, d, lines
            n += 1
        out_block[p] = n - 1
    return n


@njit(cache=True, nogil=True)
def count_line_ends(data, begin, end):
    """How many line ends (LF, CRLF, CR) finish within [begin, end); a CR that a LF follows is not counted, its LF is."""
    n = 0
    for i in range(begin, end):
        if data[i] == 10 or (data[i] == 13 and (i + 1 >= len(data) or data[i + 1] != 10)):
            n += 1
    return n
