"""May a split-block Bloom filter hold a fingerprint? The filter of the Apache Parquet format, one bit at a time."""

from __future__ import annotations

SALTS = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
MASK = (1 << 64) - 1


def key_of(fingerprint: int) -> int:
    """The finaliser of MurmurHash3."""
    x = (fingerprint ^ fingerprint >> 33) * 0xFF51AFD7ED558CCD & MASK
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ x >> 33


def bits_of(fingerprint: int, n_blocks: int) -> list[int]:
    """The eight bits, counted from the start of the filter, that stand for a fingerprint: one in each word of one block."""
    key = key_of(fingerprint)
    block = ((key >> 32) * n_blocks) >> 32
    low = key & 0xFFFFFFFF
    return [block * 256 + word * 32 + ((low * salt & 0xFFFFFFFF) >> 27) for word, salt in enumerate(SALTS)]


def may_contain(blocks: bytes, fingerprint: int) -> bool:
    return all(blocks[bit // 8] >> bit % 8 & 1 for bit in bits_of(fingerprint, len(blocks) // 32))


def insert(blocks: bytearray, fingerprint: int) -> None:
    for bit in bits_of(fingerprint, len(blocks) // 32):
        blocks[bit // 8] |= 1 << bit % 8
