"""Postings of a text's fingerprints in one segment, and groups of them, in two compiled calls; `candidates` is the face.

Arguments that come together: `file` is (words, halves, bytes, touched, crcs) of a segment, `parts` of a channel (directory, entries,
lists, end of lists, bits), the first four in bytes of the file; `documents` is (byte of the column of their first tokens, how many);
`removed` bool (documents,) says which are removed, empty for none.
"""

import numpy as np
from numba import njit

from indexer.compiling import stamp_of
from indexer.fingerprint.kernels import MAX_POSITIONS
from indexer.segment import kernels as segment_kernels
from indexer.segment.kernels import LONG_LIST, check, find_entry, find_last_at_most, read_varint

OTHER_PLACES, AGREES = 1, 2  # bits of a hit: its document holds the fingerprint elsewhere too; both contexts are the text's, or unknown
TIE = 0.02  # what agreeing contexts add to the weight of a hit: they decide between equals


@njit(cache=True, nogil=True)
def order_of(values):
    """The indices that sort them, ascending, equal ones in their order. A merge sort of the ascending runs that are there already."""
    order, merged = np.empty(len(values), np.int64), np.empty(len(values), np.int64)
    keys, merged_keys = values.copy(), np.empty_like(values)
    bounds, runs = np.empty(len(values) + 1, np.int64), 0
    for i in range(len(values)):
        order[i] = i
        if i == 0 or values[i] < values[i - 1]:
            bounds[runs] = i
            runs += 1
    bounds[runs] = len(values)
    while runs > 1:
        for r in range(0, runs, 2):
            low, middle, high = bounds[r], bounds[r + 1], bounds[min(r + 2, runs)]
            i, j = low, middle
            for at in range(low, high):
                if i < middle and (j >= high or keys[i] <= keys[j]):
                    merged[at], merged_keys[at] = order[i], keys[i]
                    i += 1
                else:
                    merged[at], merged_keys[at] = order[j], keys[j]
                    j += 1
            bounds[r >> 1] = low
        runs = (runs + 1) >> 1
        bounds[runs] = len(values)
        order, merged, keys, merged_keys = merged, order, merged_keys, keys
    return order


@njit(cache=True, nogil=True)
def grown(values, n, room):
    """An array that begins with values[:n] and has room for as many more, and for `room`."""
    out = np.empty(2 * (n + room), values.dtype)
    for i in range(n):
        out[i] = values[i]
    return out


@njit(cache=True, nogil=True)
def sort_by_first(diagonals, prints, flags):
    """Sorts three arrays by the first, in place, equal ones in their order; nearly free where they are in order already."""
    for i in range(1, len(diagonals)):
        if diagonals[i] < diagonals[i - 1]:
            order = order_of(diagonals)
            a, b, c = diagonals.copy(), prints.copy(), flags.copy()
            for at in range(len(order)):
                diagonals[at], prints[at], flags[at] = a[order[at]], b[order[at]], c[order[at]]
            return


@njit(cache=True, nogil=True)
def cluster(docs, diagonals, prints, flags, first, weights, tolerance, out_begin, out_end, out_score):
    """Groups hits, sorted by document and diagonal, whose neighbours lie within `tolerance`; each distinct fingerprint counts once.

    `prints`: which fingerprint of the text a hit is of, `first`: the first one with its value. Returns the number of groups.
    """
    seen = np.zeros(len(first), np.int64)
    n, i = 0, 0
    while i < len(docs):
        j, score = i, 0.0
        n += 1
        while j < len(docs) and docs[j] == docs[i] and (j == i or diagonals[j] - diagonals[j - 1] <= tolerance):
            value = first[prints[j]]
            if seen[value] != n:
                seen[value] = n
                score += weights[value] * (1.0 + TIE if flags[j] & AGREES else 1.0)
            j += 1
        out_begin[n - 1], out_end[n - 1], out_score[n - 1] = i, j, score
        i = j
    return n


@njit(cache=True, nogil=True)
def lists_read(counts, wanted, always, most, most_of_all):
    """How many of the lists `wanted`, the shortest first, are read: what is known before any of them is decides, so that a store which
    does not read lists can tell."""
    total = 0
    for rank in range(len(wanted)):
        length = counts[wanted[rank]]
        if rank >= always and (length > most or total >= most_of_all):
            return rank
        total += min(length, most)
    return len(wanted)


@njit(cache=True, nogil=True)
def next_open(hit_begin, hit_end, which, is_open, i):
    """The first group from i on that holds an open fingerprint; their number where there is none."""
    while i < len(hit_begin):
        for h in range(hit_begin[i], hit_end[i]):
            if is_open[which[h]]:
                return i
        i += 1
    return i


@njit(cache=True, nogil=True)
def elsewhere_in(segments, docs, hit_begin, hit_end, which, elsewhere, i, n_prints):
    """Which of the text's first n fingerprints the document of group i holds in places that no group has."""
    out = np.zeros(n_prints, np.int64)
    for g in range(len(docs)):
        if docs[g] == docs[i] and segments[g] == segments[i]:
            for h in range(hit_begin[g], hit_end[g]):
                if which[h] < n_prints and elsewhere[h]:
                    out[which[h]] = 1
    return out


@njit(cache=True, nogil=True)
def held_there(segments, docs, hit_begin, hit_end, which, elsewhere, i, n_prints):
    """Which of them may stand where group i does: its hits, and those that its document has elsewhere."""
    out = elsewhere_in(segments, docs, hit_begin, hit_end, which, elsewhere, i, n_prints)
    for h in range(hit_begin[i], hit_end[i]):
        if which[h] < n_prints:
            out[which[h]] = 1
    return out


@njit(cache=True, nogil=True)
def settle_places(prints, flags, counts, in_doc):
    """Takes OTHER_PLACES from the hits of one document that are not MAX_POSITIONS of a fingerprint: a short list does not say which of its
    documents has further places. `in_doc` int64 (prints,) is 0 for all and stays so."""
    for i in range(len(prints)):
        in_doc[prints[i]] += 1
    for i in range(len(prints)):
        if in_doc[prints[i]] < MAX_POSITIONS and counts[prints[i]] <= LONG_LIST:
            flags[i] &= ~OTHER_PLACES
    for i in range(len(prints)):
        in_doc[prints[i]] = 0


@njit(cache=True, nogil=True)
def beside_the_best(hit_begin, hit_end, which, scores, n_prints):
    """For each group, best first, its score over that of the best ones that hold its fingerprints, on average."""
    best, out = np.zeros(n_prints, np.float64), np.empty(len(scores), np.float64)
    for i in range(len(scores)):
        total = 0.0
        for h in range(hit_begin[i], hit_end[i]):
            best[which[h]] = max(best[which[h]], scores[i])
            total += best[which[h]]
        out[i] = scores[i] * (hit_end[i] - hit_begin[i]) / total
    return out


STAMP = stamp_of(segment_kernels)


def count_for(stamp):
    """`count`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def count(file, parts, keys, n_exact, payloads, counts, repositories):
        """What the entries of fingerprints say: the payload, how many postings, in how many repositories; counts stay 0 for one that
        is absent. Those from n_exact on are of the second channel of `parts`. Returns a bad page or -1."""
        assert stamp >= 0
        words, halves, data, touched, crcs = file
        for i in range(len(keys)):
            directory, entries, lists, lists_end, bits = parts[0] if i < n_exact else parts[1]
            payload, state = find_entry(words, halves, touched, crcs, directory, entries, bits, keys[i] >> np.uint64(16))
            if state >= 0:
                return state
            if state == -2:
                continue
            payloads[i] = payload
            if payload & np.uint64(1) == 0:
                counts[i], repositories[i] = 1, 1
                continue
            at = lists + np.int64(payload >> np.uint64(1))
            bad = check(words, touched, crcs, at, min(at + 30, lists_end))
            if bad >= 0:
                return bad
            total, at = read_varint(data, at)
            holders, at = read_varint(data, at)
            counts[i], repositories[i] = np.int64(total >> np.uint64(1)), np.int64(holders)
        return -1

    return count


count = count_for(STAMP)


def read_list_for(stamp):
    """`read_list`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def read_list(file, parts, payload, key, filtered, most, positions, flags, n):
        """Appends the postings of one fingerprint, at most `most`: (how many there are then, whether all were looked at, bad page or -1).

        With `filtered` a long list gives only postings one of whose contexts agrees: a shared run of the guaranteed length holds at
        least `reach` more tokens on one side.
        """
        assert stamp >= 0
        words, _, data, touched, crcs = file
        if payload & np.uint64(1) == 0:
            positions[n], flags[n] = payload >> np.uint64(1), AGREES
            return n + 1, True, -1
        at = parts[2] + np.int64(payload >> np.uint64(1))
        total, at = read_varint(data, at)
        _, at = read_varint(data, at)
        size, at = read_varint(data, at)
        bad = check(words, touched, crcs, at, at + np.int64(size))
        if bad >= 0:
            return n, False, bad
        count = np.int64(total >> np.uint64(1))
        more = total & np.uint64(1) != 0  # some document has further places of this fingerprint
        long = count > LONG_LIST
        right, left = (key >> np.uint64(8)) & np.uint64(255), key & np.uint64(255)
        contexts = at
        if long:
            at += 2 * count
        stop = n + most
        position = np.uint64(0)
        for j in range(count):
            delta, at = read_varint(data, at)
            position += delta
            flag = AGREES
            if long:
                here, there = np.uint64(data[contexts + j]), np.uint64(data[contexts + count + j])
                if more and here == 255 and there == 255:
                    flag = OTHER_PLACES
                else:
                    same_right, same_left = right == here, left == there
                    if filtered and not (same_right and right != 0) and not (same_left and left != 0):
                        continue
                    flag = AGREES if (same_right or right == 0) and (same_left or left == 0) else 0
            elif more:
                flag = AGREES | OTHER_PLACES
            if n >= stop:
                return n, False, -1
            positions[n], flags[n] = position, flag
            n += 1
        return n, True, -1

    return read_list


read_list = read_list_for(STAMP)


def find_documents_for(stamp):
    """`find_documents`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def find_documents(file, documents, positions, docs):
        """The document of each position; positions ascend. Returns a bad page or -1."""
        assert stamp >= 0
        words, _, _, touched, crcs = file
        base, n_docs = documents[0] >> 3, documents[1]
        doc, after = -1, np.uint64(0)  # `after`: where the document behind `doc` begins
        for i in range(len(positions)):
            if doc < 0 or positions[i] >= after:
                doc = find_last_at_most(words, touched, crcs, base, n_docs + 1, positions[i])
                if doc < -1:
                    return -2 - doc
                bad = check(words, touched, crcs, (base + doc + 1) << 3, (base + doc + 2) << 3)
                if bad >= 0:
                    return bad
                after = words[base + doc + 1]
            docs[i] = doc
        return -1

    return find_documents


find_documents = find_documents_for(STAMP)


def drop_removed_for(stamp):
    """`drop_removed`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def drop_removed(file, documents, removed, positions, flags, begin, end):
        """Keeps of positions[begin:end], which ascend, those of documents that are not removed: (their new end, bad page or -1)."""
        assert stamp >= 0
        docs = np.empty(end - begin, np.int64)
        bad = find_documents(file, documents, positions[begin:end], docs)
        n = begin
        for i in range(begin, end if bad < 0 else begin):
            if not removed[docs[i - begin]]:
                positions[n], flags[n] = positions[i], flags[i]
                n += 1
        return n, bad

    return drop_removed


drop_removed = drop_removed_for(STAMP)


def hold_all_for(stamp):
    """`hold_all`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def hold_all(file, parts, documents, removed, all_keys, all_payloads, all_counts, prints, most, bound, enough):
        """The documents that hold all of the fingerprints `prints`, by the `most` rarest: (their numbers, ascending; whether there may be
        more; bad page or -1). At most `bound` postings of the rarest are read, and longer lists not at all; with `enough` documents
        left or fewer no more are."""
        assert stamp >= 0
        for i in prints:
            if all_counts[i] == 0:
                return np.empty(0, np.int64), False, -1
        rarest = prints[order_of(all_counts[prints])[:most]]
        keys, payloads, counts = all_keys[rarest], all_payloads[rarest], all_counts[rarest]
        docs, capped, none = np.empty(0, np.int64), False, np.empty(0, np.int64)
        words, base, none_yet = file[0], documents[0] >> 3, np.int64(0)  # a literal 0 would be a type of its own, compiled once more
        for i in range(len(keys)):
            if i > 0 and len(docs) <= enough:
                break
            if counts[i] > bound and i > 0:
                continue  # it cannot narrow what rarer ones left
            room = counts[i] if len(removed) else min(bound, counts[i])
            positions, flags = np.empty(room, np.uint64), np.empty(room, np.uint8)
            n, whole, bad = read_list(file, parts, payloads[i], keys[i], np.int64(0), room, positions, flags, none_yet)
            if bad < 0 and i == 0:
                if len(removed):
                    n, bad = drop_removed(file, documents, removed, positions, flags, none_yet, n)
                capped, n = not whole or n > bound, min(n, bound)
                docs = np.empty(n, np.int64)
                if bad < 0:
                    bad = find_documents(file, documents, positions[:n], docs)
            if bad >= 0:
                return none, capped, bad
            kept, p = 0, 0
            for d in range(len(docs)):
                if kept and docs[kept - 1] == docs[d]:
                    continue
                while p < n and positions[p] < words[base + docs[d]]:
                    p += 1
                if p < n and positions[p] < words[base + docs[d] + 1]:
                    docs[kept] = docs[d]
                    kept += 1
            docs = docs[:kept]
        return docs, capped, -1

    return hold_all


hold_all = hold_all_for(STAMP)


def gather_for(stamp):
    """`gather`, cached for this state of the kernels it calls."""

    @njit(cache=True, nogil=True)
    def gather(file, parts, documents, removed, asked, is_wanted, bounds, dead, cut):
        """Groups of the postings of the fingerprints wanted, bool (prints,), the rarest first.

        asked: (keys, how many of them are of the first channel of `parts`, payloads, counts, the token each begins at, the first one of
        its value, weights). bounds: (lists read whatever they cost, length of the others and postings taken of one list, postings in all,
        tolerance, groups). dead[w]: how many of those read are of removed documents. Marks in `cut` the fingerprints of which some
        postings are in no group. Returns a bad page or -1, and for each group, best first, its document, first and last diagonal,
        score, whether a hit has other places, and its hits: of which fingerprint each is and whether that has other places, [begin:end].
        """
        assert stamp >= 0
        keys, n_exact, payloads, counts, tokens, first, weights = asked
        always, most, most_of_all, tolerance, most_groups = bounds
        positions, flags, prints = np.empty(64, np.uint64), np.empty(64, np.uint8), np.empty(64, np.int64)
        none = np.empty(0, np.int64)
        no_flags = np.empty(0, np.bool_)
        nothing = (none, none, none, np.empty(0, np.float64), no_flags, none, none, none, no_flags)
        n = np.int64(0)
        wanted = np.flatnonzero(is_wanted & (counts > 0))
        wanted = wanted[order_of(counts[wanted])]
        n_read = lists_read(counts, wanted, always, most, most_of_all)
        for rank in range(len(wanted)):
            w = wanted[rank]
            if rank >= n_read:
                cut[w] = True
                continue
            room = counts[w] if len(removed) else min(most, counts[w])
            if n + room > len(positions):
                positions, flags, prints = grown(positions, n, room), grown(flags, n, room), grown(prints, n, room)
            begin = n
            n, whole, bad = read_list(
                file, parts[0] if w < n_exact else parts[1], payloads[w], keys[w], np.int64(1), room, positions, flags, n
            )
            if bad < 0 and len(removed):
                live, bad = drop_removed(file, documents, removed, positions, flags, begin, n)
                dead[w] = n - live
                n = min(live, begin + most)
                whole &= n == live
            if bad >= 0:
                return bad, nothing
            if not whole:
                cut[w] = True
            prints[begin:n] = w
        order = order_of(positions[:n].astype(np.int64))
        positions, flags, prints = positions[:n][order], flags[:n][order], prints[:n][order]
        docs, diagonals = np.empty(n, np.int64), np.empty(n, np.int64)
        bad = find_documents(file, documents, positions, docs)
        if bad >= 0:
            return bad, nothing
        for i in range(n):
            diagonals[i] = np.int64(positions[i]) - tokens[prints[i]]
        same, in_doc = 0, np.zeros(len(keys), np.int64)
        for i in range(1, n + 1):  # documents ascend with the positions; within each, sort by diagonal
            if i == n or docs[i] != docs[same]:
                settle_places(prints[same:i], flags[same:i], counts, in_doc)
                sort_by_first(diagonals[same:i], prints[same:i], flags[same:i])
                same = i
        begins, ends, scores = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.float64)
        groups = cluster(docs, diagonals, prints, flags, first, weights, tolerance, begins, ends, scores)
        order = order_of(-scores[:groups])
        for g in order[most_groups:]:
            for i in range(begins[g], ends[g]):
                cut[prints[i]] = True
        order = order[:most_groups]
        begins, ends = begins[order], ends[order]
        other, elsewhere = np.zeros(len(order), np.bool_), flags & OTHER_PLACES != 0
        for g in range(len(order)):
            other[g] = elsewhere[begins[g] : ends[g]].any()
        lasts = diagonals[ends - 1] if len(order) else none
        return -1, (docs[begins], diagonals[begins], lasts, scores[order], other, begins, ends, prints, elsewhere)

    return gather


gather = gather_for(STAMP)
