"""Which fingerprints does a stream have? Every k-gram hashed from nothing, every window searched anew: O(n k) and O(n window).

Follows FORMAT.md; plain integers modulo 2^64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.reference.tokens import MASK, mix64

BASE = 0x9E3779B97F4A7C15
REMIX = 0xD6E8FEB86659FD93
MAX_POSITIONS = 4


@dataclass(frozen=True)
class Print:
    """A 48-bit value, the code at which its k-gram begins, the context bytes beside it, the first window that it is chosen in."""

    value: int
    position: int
    right: int
    left: int
    window: int


def distance_code(distance: int) -> int:
    return mix64((distance + 1) * REMIX & MASK)


def parameterised(gram: list[int]) -> list[int]:
    """Each identifier (lowest bit set) becomes the distance to its last use inside the k-gram, 0 for its first."""
    out, last = [], {}
    for i, code in enumerate(gram):
        out.append(distance_code(i - last.get(code, i)) if code & 1 else code)
        last[code] = i
    return out


def kgram_hash(gram: list[int]) -> int:
    """c[0] + c[1] BASE + c[2] BASE^2 ..., mixed."""
    return mix64(sum(code * pow(BASE, i, 1 << 64) for i, code in enumerate(gram)) & MASK)


def kgram_hashes(codes: list[int], k: int, *, renamed: bool) -> list[int]:
    grams = [codes[i : i + k] for i in range(len(codes) - k + 1)]
    return [kgram_hash(parameterised(gram) if renamed else gram) for gram in grams]


def winnow(hashes: list[int], window: int) -> list[tuple[int, int]]:
    """(position chosen, where its first window begins): the earlier choice stays while it is in the window and nothing smaller is;
    else the rightmost minimum."""
    chosen: list[tuple[int, int]] = []
    for begin in range(max(1, len(hashes) - window + 1) if hashes else 0):
        seen = hashes[begin : begin + window]
        smallest = min(seen)
        if chosen and chosen[-1][0] >= begin and hashes[chosen[-1][0]] == smallest:
            continue
        chosen.append((begin + max(i for i, value in enumerate(seen) if value == smallest), begin))
    return chosen


def value_of(kgram: int) -> int:
    """The fingerprint of a chosen k-gram: mixed again, the upper 48 bits."""
    return mix64(kgram * REMIX & MASK) >> 16


def context(codes: list[int], begin: int, end: int, *, renamed: bool) -> int:
    """One byte for codes [begin, end): 0 where they reach beyond the document, else 1..254; identifiers are all alike when renamed."""
    if begin < 0 or end > len(codes):
        return 0
    h = 0
    for code in codes[begin:end]:
        h = (h ^ (1 if renamed and code & 1 else code)) * BASE & MASK
    return 1 + mix64(h) % 254


def fingerprints(codes: list[int], k: int, window: int, reach: int, *, renamed: bool, capped: bool) -> list[Print]:
    grams = kgram_hashes(codes, k, renamed=renamed)
    out: list[Print] = []
    for i, first in winnow(grams, window):
        value = value_of(grams[i])
        same = [n for n, one in enumerate(out) if one.value == value]
        if capped and len(same) == MAX_POSITIONS:  # the last one kept says that there are more
            out[same[-1]] = replace(out[same[-1]], right=255, left=255)
            continue
        right = context(codes, i + k, i + k + reach, renamed=renamed)
        out.append(Print(value, i, right, context(codes, i - reach, i, renamed=renamed), first))
    return out
