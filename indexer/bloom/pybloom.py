"""How does a filter of pybloom-live look on disk, and where are a key's bits? Read and written without that package.

A `BloomFilter` is 40 bytes (error rate, slices, bits a slice, capacity, count; little-endian) and the slices' bits, lowest bit of a
byte first. A `ScalableBloomFilter` is a header, a list of lengths and that many of them. A key is the decimal string of a
fingerprint. Nothing is unpickled, and no number of the file is believed before it agrees with the file's size.

Not here: our own file, which can carry these (`indexer.bloom.portable`).
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from indexer.errors import InputError

HEADER = struct.Struct("<dQQQQ")
_SCALABLE = struct.Struct("<idQdl")  # scale, ratio, first capacity, error rate, number of filters
_MOST_SLICES = 1024
_MOST_FILTERS = 1024


@dataclass(frozen=True, slots=True)
class Slices:
    """The shape of one `BloomFilter`: bit `s * bits_per_slice + index` for a key's index in each slice s."""

    error_rate: float
    n_slices: int
    bits_per_slice: int
    capacity: int
    count: int

    @classmethod
    def parse(cls, header: bytes, length: int) -> Slices | None:
        """The shape that a header states, None unless a filter of this shape takes `length` bytes, header included."""
        shape = cls(*HEADER.unpack(header)) if len(header) == HEADER.size else None
        if shape is None or not 0 < shape.error_rate < 1 or not 0 < shape.n_slices <= _MOST_SLICES or not shape.bits_per_slice:
            return None
        return shape if length == HEADER.size + shape.n_bytes else None

    @classmethod
    def holding(cls, capacity: int, error_rate: float) -> Slices:
        """The shape that pybloom-live gives an empty filter of this capacity and rate."""
        n_slices = math.ceil(math.log2(1.0 / error_rate))
        bits = math.ceil(capacity * abs(math.log(error_rate)) / (n_slices * math.log(2) ** 2))
        return cls(error_rate, n_slices, bits, capacity, 0)

    @property
    def n_bytes(self) -> int:
        """Bytes of the bits."""
        return -(-self.n_slices * self.bits_per_slice // 8)

    def header(self) -> bytes:
        """The 40 bytes before the bits."""
        return HEADER.pack(self.error_rate, self.n_slices, self.bits_per_slice, self.capacity, self.count)


def filters_of(file: BinaryIO, name: str, size: int) -> list[tuple[int, Slices]]:
    """Where in a file each `BloomFilter` begins, and its shape. Raises InputError for anything else."""
    shape = Slices.parse(file.read(HEADER.size), size)
    if shape:
        return [(0, shape)]
    file.seek(0)
    found = list(_scalable(file, size))
    if not found:
        raise InputError(
            f"{name}: {size} bytes that are no BloomFilter or ScalableBloomFilter written by pybloom-live's tofile, or not all of one; "
            "a filter of Wherefrom needs no import"
        )
    return found


def _scalable(file: BinaryIO, size: int) -> Iterator[tuple[int, Slices]]:
    header = file.read(_SCALABLE.size)
    if len(header) < _SCALABLE.size:
        return
    n_filters = _SCALABLE.unpack(header)[-1]
    if not 0 < n_filters <= _MOST_FILTERS or _SCALABLE.size + 8 * n_filters > size:
        return
    lengths = struct.unpack(f"<{n_filters}Q", file.read(8 * n_filters))
    begin = _SCALABLE.size + 8 * n_filters
    if begin + sum(lengths) != size:
        return
    shapes = []
    for length in lengths:
        file.seek(begin)
        shapes.append((begin, Slices.parse(file.read(HEADER.size), length)))
        begin += length
    if all(shape for _, shape in shapes):
        yield from ((at, shape) for at, shape in shapes if shape)


def indexer(shape: Slices) -> Callable[[int], list[int]]:
    """A function that gives a fingerprint's index in each slice. Raises InputError where a package is needed that is missing."""
    digests, form = digests_of(shape)
    unpack = struct.Struct(form).unpack
    bits, n_slices = shape.bits_per_slice, shape.n_slices

    def indices(fingerprint: int) -> list[int]:
        numbers = [number for digest in digests(fingerprint) for number in unpack(digest)]
        return [number % bits for number in numbers[:n_slices]]

    return indices


def digests_of(shape: Slices) -> tuple[Callable[[int], list[bytes]], str]:
    """A function that gives a fingerprint's salted digests, and how `struct` reads each as numbers."""
    code, width = ("Q", 8) if shape.bits_per_slice >= 1 << 31 else ("I", 4) if shape.bits_per_slice >= 1 << 15 else ("H", 2)
    make = _hash_function(8 * shape.n_slices * width)
    per_digest = make().digest_size // width
    salts = [make(make(struct.pack("I", i)).digest()) for i in range(-(-shape.n_slices // per_digest))]

    def digests(fingerprint: int) -> list[bytes]:
        key = b"%d" % fingerprint
        found = []
        for salt in salts:
            salted = salt.copy()
            salted.update(key)
            found.append(salted.digest())
        return found

    return digests, f"<{per_digest}{code}"


def _hash_function(bits: int) -> Callable[..., Any]:
    """The hash that pybloom-live takes for so many bits."""
    for most, name in ((160, "sha1"), (256, "sha256"), (384, "sha384")):
        if 128 < bits <= most:
            return getattr(hashlib, name)  # type: ignore[no-any-return]
    if bits > 384:
        return hashlib.sha512
    try:
        import xxhash  # noqa: PLC0415 - only small filters need it
    except ModuleNotFoundError:
        raise InputError("a filter this small is hashed with xxh128; install the package xxhash to read it") from None
    return xxhash.xxh128
