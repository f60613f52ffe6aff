"""The loops that compare files which share a band and join those that are alike; `curation.near_duplicates.joining` is the face.

`sets` uint64 holds the shingles of all files; those of node x are sets[starts[x] : starts[x] + sizes[x]], ascending. `parents` is the
forest of joined nodes, each root its own parent. Nodes of an earlier release are `known`: how they belong together is settled.
"""

import numpy as np
from numba import njit

SLACK = 1e-9  # more than rounding can take from a product of a threshold and a count: bounds may be too wide, never too narrow


@njit(cache=True, nogil=True)
def root_of(parents, x):
    """The root of x; halves the path to it."""
    while parents[x] != x:
        parents[x] = parents[parents[x]]
        x = parents[x]
    return x


@njit(cache=True, nogil=True)
def unite(parents, x, y):
    """Joins the trees of x and y; the smaller number becomes the root."""
    x, y = root_of(parents, x), root_of(parents, y)
    if x < y:
        parents[y] = x
    else:
        parents[x] = y


@njit(cache=True, nogil=True)
def are_similar(sets, starts, sizes, x, y, threshold):
    """Whether the Jaccard similarity of two sets is at least the threshold: exact, and ends as soon as too little can be shared."""
    n, m = sizes[x], sizes[y]
    if n == 0 or m == 0 or min(n, m) < threshold * max(n, m) - SLACK:
        return False
    needed = threshold / (1 + threshold) * (n + m) - SLACK
    i, j = starts[x], starts[y]
    end_i, end_j = i + n, j + m
    shared = 0
    while i < end_i and j < end_j:
        a, b = sets[i], sets[j]
        if a == b:
            shared += 1
            i += 1
            j += 1
        else:
            if a < b:
                i += 1
            else:
                j += 1
            if shared + min(end_i - i, end_j - j) < needed:
                return False
    return shared / (n + m - shared) >= threshold


@njit(cache=True, nogil=True)
def join(parents, known, sets, starts, sizes, x, y, threshold):
    """Joins two nodes where they are alike and this is not known yet; returns whether they had to be compared."""
    if (known[x] and known[y]) or root_of(parents, x) == root_of(parents, y):
        return 0
    if are_similar(sets, starts, sizes, x, y, threshold):
        unite(parents, x, y)
    return 1


@njit(cache=True, nogil=True)
def join_to_first(parents, known, sets, starts, sizes, members, threshold):
    """Compares each member of a bucket with the first; returns the number of comparisons. One family is joined in one pass."""
    n = 0
    for i in range(1, len(members)):
        n += join(parents, known, sets, starts, sizes, members[0], members[i], threshold)
    return n


@njit(cache=True, nogil=True)
def join_bucket(parents, known, sets, starts, sizes, members, threshold):
    """Joins all members of a bucket that are alike; returns the number of comparisons.

    Members that are joined already are never compared: they stand together, and only pairs across such groups are looked at.
    """
    n = join_to_first(parents, known, sets, starts, sizes, members, threshold)
    roots = np.empty(len(members), np.int64)
    for i in range(len(members)):
        roots[i] = root_of(parents, members[i])
    if (roots == roots[0]).all():
        return n
    order = np.argsort(roots)
    begin = 0
    while begin < len(members):
        end = begin
        while end < len(members) and roots[order[end]] == roots[order[begin]]:
            end += 1
        for i in range(begin, end):
            x = members[order[i]]
            for j in range(end, len(members)):
                y = members[order[j]]
                if x != members[0] and y != members[0]:
                    n += join(parents, known, sets, starts, sizes, x, y, threshold)
        begin = end
    return n


@njit(cache=True, nogil=True)
def join_buckets(parents, known, sets, starts, sizes, members, offsets, threshold, most, out_large):
    """Joins bucket by bucket; of those with more than `most` members only to the first, and writes the numbers of those that are still
    in several parts to `out_large`. Returns the comparisons and how many were written."""
    n, n_large = 0, 0
    for b in range(len(offsets) - 1):
        bucket = members[offsets[b] : offsets[b + 1]]
        if len(bucket) < 2:
            continue
        if len(bucket) <= most:
            n += join_bucket(parents, known, sets, starts, sizes, bucket, threshold)
            continue
        n += join_to_first(parents, known, sets, starts, sizes, bucket, threshold)
        for x in bucket:
            if root_of(parents, x) != root_of(parents, bucket[0]):
                out_large[n_large] = b
                n_large += 1
                break
    return n, n_large


@njit(cache=True, nogil=True)
def are_apart(parents, members, offsets, out):
    """out[b] = whether the members of bucket b are in several trees."""
    for b in range(len(offsets) - 1):
        root = root_of(parents, members[offsets[b]])
        out[b] = False
        for i in range(offsets[b] + 1, offsets[b + 1]):
            if root_of(parents, members[i]) != root:
                out[b] = True
                break


@njit(cache=True, nogil=True)
def copy_sets(sets, starts, sizes, members, places, out):
    """Copies the set of each member to where its place is."""
    for x in members:
        for i in range(sizes[x]):
            out[places[x] + i] = sets[starts[x] + i]


@njit(cache=True, nogil=True)
def count_shingles(sets, starts, sizes, members, out):
    """out[low bits of shingle] += 1 for each shingle of each member; the length of `out` is a power of two."""
    mask = np.uint64(len(out) - 1)
    for x in members:
        for i in range(starts[x], starts[x] + sizes[x]):
            out[sets[i] & mask] += 1


@njit(cache=True, nogil=True)
def prefix_length(size, threshold):
    """How many of a set's rarest shingles must hold one of every set that is alike: all but ceil(threshold * size) - 1."""
    return size - np.int64(np.ceil(threshold * size - SLACK)) + 1 if size else 0


@njit(cache=True, nogil=True)
def rarest_shingles(sets, starts, sizes, members, counts, threshold, part, parts, out_shingles, out_members):
    """Writes (shingle, member) for the rarest shingles of each member, those with shingle % parts == part; returns how many.

    Two sets that are alike share one of these: the prefix filter (Chaudhuri, Ganti, Kaushik 2006). It needs one order of all shingles: by
    the count of their low bits, then by themselves.
    """
    mask = np.uint64(len(counts) - 1)
    n = 0
    for x in members:
        own = sets[starts[x] : starts[x] + sizes[x]]
        weights = np.empty(len(own), np.int64)
        for i in range(len(own)):
            weights[i] = counts[own[i] & mask]
        order = np.argsort(weights, kind="mergesort")  # stable, and `own` ascends
        for i in range(prefix_length(sizes[x], threshold)):
            if own[order[i]] % np.uint64(parts) == np.uint64(part):
                out_shingles[n] = own[order[i]]
                out_members[n] = x
                n += 1
    return n


@njit(cache=True, nogil=True)
def least_name(parents, known, names, out_best):
    """out_best[root] = the node with the alphabetically first name of its tree, among known nodes where there are any.

    `names` uint8 (n, length); `out_best` comes filled with -1.
    """
    for x in range(len(parents)):
        root = root_of(parents, x)
        best = out_best[root]
        if best < 0 or (known[x] and not known[best]):
            out_best[root] = x
        elif known[x] == known[best]:
            for k in range(names.shape[1]):
                if names[x, k] != names[best, k]:
                    if names[x, k] < names[best, k]:
                        out_best[root] = x
                    break


@njit(cache=True, nogil=True, inline="always")
def are_equal(names, x, y):
    """Whether two rows of bytes are the same."""
    for k in range(names.shape[1]):
        if names[x, k] != names[y, k]:
            return False
    return True


@njit(cache=True, nogil=True)
def adopt_names(members, offsets, ids, names, known, n_new, sizes):
    """A new node whose content an earlier release holds takes its name from there and is known; the earlier node's text is not needed."""
    for b in range(len(offsets) - 1):
        for j in range(offsets[b], offsets[b + 1]):
            for i in range(offsets[b], j if members[j] >= n_new else offsets[b]):
                x, y = members[i], members[j]
                if x < n_new and are_equal(ids, x, y):
                    names[x] = names[y]
                    known[x] = True
                    sizes[y] = 0


@njit(cache=True, nogil=True)
def join_equal_names(members, offsets, names, parents):
    """Joins the nodes of a bucket that have one name; a bucket may hold several."""
    for b in range(len(offsets) - 1):
        for i in range(offsets[b] + 1, offsets[b + 1]):
            for j in range(offsets[b], i):
                if are_equal(names, members[i], members[j]):
                    unite(parents, members[i], members[j])
                    break


@njit(cache=True, nogil=True)
def roots_of(parents, first, out):
    """out[i] = the root of first + i."""
    for i in range(len(out)):
        out[i] = root_of(parents, first + i)
