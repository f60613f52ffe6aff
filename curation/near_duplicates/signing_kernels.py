"""The loops from text to MinHash signatures. Arrays in, writes into `out*`; `curation.near_duplicates.signing` is the face."""

import numpy as np
from numba import njit

# On disk: signatures are kept beside a release and compared with those of the next, so every value here is part of them.
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x00000100000001B3)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
STEP = np.uint64(0x9E3779B97F4A7C15)
IS_WORD = np.array([chr(i).isalnum() or i == 95 if i < 128 else False for i in range(256)])


@njit(cache=True, nogil=True, inline="always")
def mix64(x):
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit."""
    x = (x ^ (x >> np.uint64(30))) * MIX_1
    x = (x ^ (x >> np.uint64(27))) * MIX_2
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def shingles_of(data, begin, end, ngram, min_tokens, ring, out):
    """Writes the distinct 64-bit shingle hashes of data[begin:end], ascending; returns how many. `ring` uint64 (ngram,)."""
    n_tokens, n = 0, 0
    i = begin
    while i < end:
        if not IS_WORD[data[i]]:
            i += 1
            continue
        h = FNV_OFFSET
        while i < end and IS_WORD[data[i]]:
            h = (h ^ np.uint64(data[i])) * FNV_PRIME
            i += 1
        ring[n_tokens % ngram] = mix64(h)
        n_tokens += 1
        if n_tokens >= ngram:
            shingle = np.uint64(0)
            for k in range(ngram):
                shingle = mix64((shingle ^ ring[(n_tokens + k) % ngram]) + STEP)
            out[n] = shingle
            n += 1
    if n_tokens < min_tokens or n == 0:
        return 0
    out[:n].sort()
    kept = 1
    for k in range(1, n):
        if out[k] != out[k - 1]:
            out[kept] = out[k]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def shingle_sets(data, offsets, ngram, min_tokens, out, out_offsets):
    """Shingles of each document data[offsets[d]:offsets[d+1]] are out[out_offsets[d]:out_offsets[d+1]]; returns their number."""
    ring = np.empty(ngram, np.uint64)
    n = 0
    for d in range(len(offsets) - 1):
        out_offsets[d] = n
        n += shingles_of(data, offsets[d], offsets[d + 1], ngram, min_tokens, ring, out[n:])
    out_offsets[len(offsets) - 1] = n
    return n


@njit(cache=True, nogil=True)
def sign(shingles, offsets, multipliers, summands, out):
    """Minima of every permutation over each document's shingles; datasketch's affine32: murmur3's finaliser, then a * h + b in 32 bits."""
    for d in range(len(offsets) - 1):
        row = out[d]
        row[:] = np.uint32(0xFFFFFFFF)
        for i in range(offsets[d], offsets[d + 1]):
            h = np.uint32(shingles[i] & np.uint64(0xFFFFFFFF))
            h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
            h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
            h = np.uint32(h ^ (h >> np.uint32(16)))
            for k in range(len(row)):
                value = np.uint32(np.uint32(multipliers[k] * h) + summands[k])
                row[k] = min(row[k], value)


@njit(cache=True, nogil=True)
def band_keys(hashvalues, n_bands, n_rows, out):
    """out[d, b] = 64 bits of band b's values and its number; `out` uint64 (n, n_bands)."""
    for d in range(len(hashvalues)):
        for b in range(n_bands):
            key = mix64(np.uint64(b) + STEP)
            for k in range(b * n_rows, (b + 1) * n_rows):
                key = mix64((key ^ np.uint64(hashvalues[d, k])) + STEP)
            out[d, b] = key
