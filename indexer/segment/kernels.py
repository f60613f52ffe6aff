"""The loops that read a segment: page checksums, fingerprint look-ups, binary searches.

Every byte read here was first checked: `touched` remembers which pages of the file have been.

Not here: the loops that write one (`indexer.segment.build_kernels`).
"""

import numpy as np
from numba import njit

PAGE_SHIFT = 12  # On disk: pages of 4 KiB
FINGERPRINT_BITS = 48
MORE_PLACES = np.uint64(1 << 63)
LONG_LIST = 8  # On disk: longer lists carry their contexts


def crc_tables():
    """Tables for CRC-32 (polynomial 0xEDB88320, as in zlib) eight bytes at a time, shape (8, 256) uint32."""
    tables = np.zeros((8, 256), np.uint32)
    for i in range(256):
        value = i
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        tables[0, i] = value
    for t in range(1, 8):
        for i in range(256):
            previous = int(tables[t - 1, i])
            tables[t, i] = (previous >> 8) ^ int(tables[0, previous & 255])
    return tables


TABLES = crc_tables()


@njit(cache=True, nogil=True)
def page_crc(words, page):
    """CRC-32 of one page; `words` is the file as uint64."""
    crc = np.uint32(0xFFFFFFFF)
    begin = page << (PAGE_SHIFT - 3)
    for i in range(begin, begin + (1 << (PAGE_SHIFT - 3))):
        w = words[i]
        low = np.uint32(w & np.uint64(0xFFFFFFFF)) ^ crc
        high = np.uint32(w >> np.uint64(32))
        crc = (
            TABLES[7, low & np.uint32(255)]
            ^ TABLES[6, (low >> np.uint32(8)) & np.uint32(255)]
            ^ TABLES[5, (low >> np.uint32(16)) & np.uint32(255)]
            ^ TABLES[4, low >> np.uint32(24)]
            ^ TABLES[3, high & np.uint32(255)]
            ^ TABLES[2, (high >> np.uint32(8)) & np.uint32(255)]
            ^ TABLES[1, (high >> np.uint32(16)) & np.uint32(255)]
            ^ TABLES[0, high >> np.uint32(24)]
        )
    return crc ^ np.uint32(0xFFFFFFFF)


@njit(cache=True, nogil=True)
def check(words, touched, crcs, begin, end):
    """Checks the pages of bytes [begin, end) that were not checked before; returns the first bad page or -1."""
    for page in range(begin >> PAGE_SHIFT, ((end - 1) >> PAGE_SHIFT) + 1):
        if touched[page] == 0:
            if page_crc(words, page) != crcs[page]:
                return page
            touched[page] = 1
    return -1


@njit(cache=True, nogil=True)
def find_last_at_most(words, touched, crcs, base, n, value):
    """The last i < n with word[base + i] <= value, -1 for none; -2 - page for a bad page. `base` is in words."""
    lo, hi = 0, n
    while lo < hi:
        middle = (lo + hi) // 2
        bad = check(words, touched, crcs, (base + middle) << 3, (base + middle + 1) << 3)
        if bad >= 0:
            return -2 - bad
        if words[base + middle] <= value:
            lo = middle + 1
        else:
            hi = middle
    return lo - 1


@njit(cache=True, nogil=True)
def find_last_many(words, touched, crcs, base, n, values, out):
    """find_last_at_most for each of `values`, which ascend; -1 or the bad page + 0 as a positive number."""
    last = -1
    for i in range(len(values)):
        if last >= 0 and (last + 1 >= n or (last + 1 < n and words[base + last + 1] > values[i])):
            out[i] = last  # the page of word last + 1 was checked when `last` was found, or is checked by the search below
            continue
        last = find_last_at_most(words, touched, crcs, base, n, values[i])
        if last < -1:
            return -2 - last
        if last + 1 < n:
            bad = check(words, touched, crcs, (base + last + 1) << 3, (base + last + 2) << 3)
            if bad >= 0:
                return bad
        out[i] = last
    return -1


@njit(cache=True, nogil=True)
def find_region(file, columns, doc, begin, end):
    """Where the blocks are unpacked that hold tokens [begin, end) of the segment, as far as they are a document's.

    file: (words, halves, bytes, touched, crcs); columns: the bytes of doc.first_token, doc.size, doc.block, doc.block_offset, doc.flags,
    block.first_token, block.doc_byte and block.doc_line, and how many blocks there are. Returns a bad page or -1, the first and the last
    block, the byte of the first at which the document's begin and how many are left of the document, its byte, line and token there, the
    document's first token and the one behind its last, and its flags.
    """
    words, halves, data, touched, crcs = file
    first_tokens, sizes, blocks, offsets, flags, block_tokens, block_bytes, block_lines, n_blocks = columns
    for at, width in (
        (first_tokens + 8 * doc, 16), (sizes + 8 * doc, 8), (blocks + 8 * doc, 8), (offsets + 4 * doc, 4), (flags + doc, 1),
    ):  # fmt: skip
        bad = check(words, touched, crcs, at, at + width)
        if bad >= 0:
            return bad, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    first_token, stop = np.int64(words[(first_tokens >> 3) + doc]), np.int64(words[(first_tokens >> 3) + doc + 1])
    size, block = np.int64(words[(sizes >> 3) + doc]), np.int64(words[(blocks >> 3) + doc])
    offset, flag = np.int64(halves[(offsets >> 2) + doc]), np.int64(data[flags + doc])
    low, high = max(first_token, min(begin, stop - 1)), max(first_token, min(end, stop) - 1)
    first = find_last_at_most(words, touched, crcs, block_tokens >> 3, n_blocks + 1, np.uint64(low))
    last = find_last_at_most(words, touched, crcs, block_tokens >> 3, n_blocks + 1, np.uint64(high))
    if first < -1 or last < -1:
        return -2 - min(first, last), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    if first <= block:
        return -1, block, last, offset, size, 0, 0, first_token, first_token, stop, flag
    for at in (block_tokens, block_bytes, block_lines):
        bad = check(words, touched, crcs, at + 8 * first, at + 8 * first + 8)
        if bad >= 0:
            return bad, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    byte, line = np.int64(words[(block_bytes >> 3) + first]), np.int64(words[(block_lines >> 3) + first])
    return -1, first, last, 0, size - byte, byte, line, np.int64(words[(block_tokens >> 3) + first]), first_token, stop, flag


@njit(cache=True, nogil=True)
def find_row(file, columns, doc):
    """Which frame of rows holds that of a document: (bad page or -1, its number, the bytes [begin, end) of the file, which of its rows).

    columns: the bytes of rows.first, rows.offset and rows, the end of these, and how many frames there are.
    """
    words, _, _, touched, crcs = file
    firsts, offsets, rows, stop, n = columns
    frame = find_last_at_most(words, touched, crcs, firsts >> 3, n, np.uint64(doc))
    if frame < -1:
        return -2 - frame, 0, 0, 0, 0
    bad = check(words, touched, crcs, offsets + 8 * frame, offsets + 8 * frame + 16)
    if bad >= 0:
        return bad, 0, 0, 0, 0
    begin, end = np.int64(words[(offsets >> 3) + frame]), np.int64(words[(offsets >> 3) + frame + 1])
    if not 0 <= begin < end <= stop - rows:
        return offsets >> PAGE_SHIFT, 0, 0, 0, 0
    bad = check(words, touched, crcs, rows + begin, rows + end)
    return bad, frame, rows + begin, rows + end, doc - np.int64(words[(firsts >> 3) + frame])


@njit(cache=True, nogil=True)
def read_varint(data, i):
    """(value, next byte) of the LEB128 number at byte i."""
    value, shift = np.uint64(0), np.uint64(0)
    while True:
        b = np.uint64(data[i])
        i += 1
        value |= (b & np.uint64(127)) << shift
        if b < np.uint64(128):
            return value, i
        shift += np.uint64(7)


@njit(cache=True, nogil=True)
def find_entry(words, halves, touched, crcs, directory, entries, bits, value):
    """The payload of a fingerprint: (payload, -1), (0, -2) when absent, (0, page) for a bad page. Offsets are in bytes."""
    remainder_bits = np.uint64(FINGERPRINT_BITS - bits)
    bucket = np.int64(value >> remainder_bits)
    at = directory + bucket * 4
    bad = check(words, touched, crcs, at, at + 8)
    if bad >= 0:
        return np.uint64(0), bad
    lo, hi = np.int64(halves[at >> 2]), np.int64(halves[(at >> 2) + 1])
    if lo >= hi:
        return np.uint64(0), -2
    bad = check(words, touched, crcs, entries + lo * 8, entries + hi * 8)
    if bad >= 0:
        return np.uint64(0), bad
    payload_bits = np.uint64(64) - remainder_bits
    remainder = value & ((np.uint64(1) << remainder_bits) - np.uint64(1))
    for e in range(lo, hi):
        w = words[(entries >> 3) + e]
        if w >> payload_bits == remainder:
            return w & ((np.uint64(1) << payload_bits) - np.uint64(1)), -1
    return np.uint64(0), -2


@njit(cache=True, nogil=True)
def look_up(
    words,
    halves,
    data,
    touched,
    crcs,
    directory,
    entries,
    lists,
    lists_end,
    bits,
    keys,
    filtered,
    most,
    out_count,
    out_repositories,
    out_query,
    out_position,
):
    """Postings of each of `keys` (fingerprint << 16 | contexts). Returns (hits, bad page or -1); hits are -1 when
    `out_query` is full.

    out_count[i]: how many postings the fingerprint has, out_repositories[i]: in how many repositories. With `filtered` a long list
    gives only postings one of whose contexts agrees: a shared run of the guaranteed length holds at least `reach` more tokens on one
    side. At most `most` a fingerprint. A position with MORE_PLACES is of a document that may hold the fingerprint elsewhere too.
    """
    n = 0
    for i in range(len(keys)):
        payload, state = find_entry(words, halves, touched, crcs, directory, entries, bits, keys[i] >> np.uint64(16))
        if state >= 0:
            return n, state
        out_count[i], out_repositories[i] = 0, 0
        if state == -2:
            continue
        if payload & np.uint64(1) == 0:
            out_count[i], out_repositories[i] = 1, 1
            if n >= len(out_query):
                return -1, -1
            out_query[n] = i
            out_position[n] = payload >> np.uint64(1)
            n += 1
            continue
        at = lists + np.int64(payload >> np.uint64(1))
        bad = check(words, touched, crcs, at, min(at + 30, lists_end))
        if bad >= 0:
            return n, bad
        total, at = read_varint(data, at)
        repositories, at = read_varint(data, at)
        size, at = read_varint(data, at)
        bad = check(words, touched, crcs, at, at + np.int64(size))
        if bad >= 0:
            return n, bad
        count = np.int64(total >> np.uint64(1))
        more = total & np.uint64(1) != 0  # some document has further places of this fingerprint
        out_count[i], out_repositories[i] = count, np.int64(repositories)
        long = count > LONG_LIST
        right = (keys[i] >> np.uint64(8)) & np.uint64(255)
        left = keys[i] & np.uint64(255)
        contexts = at
        if long:
            at += 2 * count
        taken = 0
        position = np.uint64(0)
        for j in range(count):
            delta, at = read_varint(data, at)
            position += delta
            any_context = more and (not long or (data[contexts + j] == 255 and data[contexts + count + j] == 255))
            if long and filtered and not any_context:
                same_right = right != 0 and np.uint64(data[contexts + j]) == right
                same_left = left != 0 and np.uint64(data[contexts + count + j]) == left
                if not same_right and not same_left:
                    continue
            if taken >= most:
                break
            if n >= len(out_query):
                return -1, -1
            out_query[n] = i
            out_position[n] = position | MORE_PLACES if any_context else position
            n += 1
            taken += 1
    return n, -1


@njit(cache=True, nogil=True)
def expand_keys(entries, directory, bits, first_bucket, last_bucket, out):
    """The fingerprints of whole buckets, ascending; `directory` holds uint32 entry numbers."""
    remainder_bits = np.uint64(FINGERPRINT_BITS - bits)
    payload_bits = np.uint64(64) - remainder_bits
    n = 0
    for bucket in range(first_bucket, last_bucket):
        for e in range(directory[bucket], directory[bucket + 1]):
            out[n] = np.uint64(bucket) << remainder_bits | entries[e] >> payload_bits
            n += 1
    return n
