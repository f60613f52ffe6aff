"""The loops of the split-block Bloom filter; `indexer.bloom.filter` is the face."""

import numpy as np
from numba import njit

# On disk: the salts of the Apache Parquet format's split-block filter.
SALTS = np.array([0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31], np.uint32)
MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
PAGE_SHIFT = 12


@njit(cache=True, nogil=True, inline="always")
def key_of(fingerprint):
    """The 64 bits that address the filter: the finaliser of MurmurHash3 over the 48-bit fingerprint."""
    x = (fingerprint ^ (fingerprint >> np.uint64(33))) * MIX_1
    x = (x ^ (x >> np.uint64(33))) * MIX_2
    return x ^ (x >> np.uint64(33))


@njit(cache=True, nogil=True)
def insert(halves, n_blocks, fingerprints):
    """Sets eight bits of one 32-byte block for each fingerprint; `halves` uint32 (n_blocks * 8,)."""
    for i in range(len(fingerprints)):
        key = key_of(fingerprints[i])
        block = ((key >> np.uint64(32)) * np.uint64(n_blocks)) >> np.uint64(32)
        low = np.uint32(key & np.uint64(0xFFFFFFFF))
        for j in range(8):
            bit = np.uint32(low * SALTS[j]) >> np.uint32(27)
            halves[np.int64(block) * 8 + j] |= np.uint32(1) << bit


@njit(cache=True, nogil=True)
def insert_keys(halves, first_block, n_blocks, keys):
    """The same for fingerprints that are mixed already; `halves` uint32 are the blocks from `first_block` on."""
    for i in range(len(keys)):
        block = ((keys[i] >> np.uint64(32)) * np.uint64(n_blocks)) >> np.uint64(32)
        low = np.uint32(keys[i] & np.uint64(0xFFFFFFFF))
        for j in range(8):
            bit = np.uint32(low * SALTS[j]) >> np.uint32(27)
            halves[(np.int64(block) - first_block) * 8 + j] |= np.uint32(1) << bit


@njit(cache=True, nogil=True)
def mix(fingerprints, out):
    """out[i] = the key of fingerprint i."""
    for i in range(len(fingerprints)):
        out[i] = key_of(fingerprints[i])


@njit(cache=True, nogil=True)
def may_contain(halves, n_blocks, fingerprints, out):
    """out[i] |= whether fingerprint i may have been inserted."""
    for i in range(len(fingerprints)):
        key = key_of(fingerprints[i])
        block = np.int64(((key >> np.uint64(32)) * np.uint64(n_blocks)) >> np.uint64(32))
        low = np.uint32(key & np.uint64(0xFFFFFFFF))
        hit = True
        for j in range(8):
            bit = np.uint32(low * SALTS[j]) >> np.uint32(27)
            if (halves[block * 8 + j] >> bit) & np.uint32(1) == 0:
                hit = False
                break
        out[i] |= hit


@njit(cache=True, nogil=True)
def pages_of(n_blocks, first_byte, fingerprints, out):
    """out[i] = the page of the file that holds fingerprint i's block."""
    for i in range(len(fingerprints)):
        block = np.int64(((key_of(fingerprints[i]) >> np.uint64(32)) * np.uint64(n_blocks)) >> np.uint64(32))
        out[i] = (first_byte + block * 32) >> PAGE_SHIFT


@njit(cache=True, nogil=True)
def insert_sliced(bits, bits_per_slice, indices):
    """Sets bit `s * bits_per_slice + indices[i, s]` of the bytes `bits` for each key i and slice s; returns how many keys were new.

    As pybloom-live does: a key whose bits are all set already is not counted.
    """
    count = 0
    for i in range(indices.shape[0]):
        fresh = False
        for s in range(indices.shape[1]):
            bit = np.uint64(s) * np.uint64(bits_per_slice) + indices[i, s]
            byte, mask = np.int64(bit >> np.uint64(3)), np.uint8(1) << np.uint8(bit & np.uint64(7))
            if bits[byte] & mask == 0:
                fresh = True
                bits[byte] |= mask
        count += fresh
    return count
