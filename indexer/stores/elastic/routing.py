"""Which routing values reach each shard of an index once? What is asked of a dictionary has to be asked of every shard."""

from __future__ import annotations

from functools import lru_cache
from itertools import count

_MASK = 0xFFFFFFFF
_MOST_SPLITS = 10  # Elasticsearch leaves room to split an index into 1,024 shards


@lru_cache
def routings(shards: int) -> tuple[str, ...]:
    """For each shard a value that is routed there, in an index whose `number_of_routing_shards` is the default."""
    found: dict[int, str] = {}
    for value in map(str, count()):
        found.setdefault(shard_of(value, shards), value)
        if len(found) == shards:
            return tuple(found[shard] for shard in range(shards))
    raise AssertionError


def shard_of(routing: str, shards: int) -> int:
    """Where Elasticsearch puts it: a hash, over the shards that the index might be split into."""
    splits = max(1, _MOST_SPLITS - (shards - 1).bit_length())
    return murmur3(routing.encode("utf-16-le")) % (shards << splits) >> splits


def murmur3(data: bytes) -> int:
    """MurmurHash3 x86 32 of seed 0, as a signed number; of whole pairs of UTF-16 units and one more at most."""
    h = 0
    for i in range(0, len(data) - 3, 4):
        h ^= _mixed(int.from_bytes(data[i : i + 4], "little"))
        h = (_rotated(h, 13) * 5 + 0xE6546B64) & _MASK
    h ^= _mixed(int.from_bytes(data[len(data) & ~3 :], "little")) if len(data) & 3 else 0
    h ^= len(data)
    h = ((h ^ h >> 16) * 0x85EBCA6B) & _MASK
    h = ((h ^ h >> 13) * 0xC2B2AE35) & _MASK
    h ^= h >> 16
    return h - (h >> 31 << 32)


def _mixed(k: int) -> int:
    return _rotated(k * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & _MASK
