"""How does the filter of an index become one file that anybody can test with, and how does a foreign filter become one of ours?

An index of several segments has several filters, of different sizes. They go into one file side by side, not into a new filter of all
fingerprints: so the file answers exactly as the index does, false positives included, and writing it is a copy that needs no memory.
Only where documents were removed, which a filter cannot forget, is a segment's filter made anew of what is left.

Not here: reading the file (`indexer.bloom.portable`), its bytes (FORMAT.md).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.answers import IndexInfo
from indexer.bloom import pybloom
from indexer.bloom.membership import rate_of
from indexer.bloom.pages import KIND
from indexer.bloom.portable import PART, PYBLOOM, SPLIT_BLOCK, FilterInfo, PortableFilter
from indexer.disk import write_whole
from indexer.errors import InputError
from indexer.pages import PAGE, PageWriter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.bloom.filter import BloomFilter
    from indexer.segment.segment import Segment

_CHUNK = 256 * PAGE
_PYBLOOM_RATE = 0.004
_LEAST_SLICE_BITS = 1 << 15  # smaller slices are hashed with xxh128, which not every reader has


@dataclass(frozen=True, slots=True)
class _Part:
    """One filter to write: its size, keys, rate of a look-up, and its bytes in pieces."""

    length: int
    n_keys: int
    rate: float
    pieces: Iterable[bytes]


def export_portable(
    filters: Sequence[BloomFilter], index: IndexInfo, as_of: str, out: Path, segments: Sequence[Segment] = ()
) -> FilterInfo:
    """Writes the filters of an index as one portable file, whole or not at all. Raises IndexCorrupt, OutOfSpace, InputError.

    A copy at the speed of the disk; every page is checked on the way. A filter cannot forget: where documents of its segment (of
    `segments`, one a filter) were removed, it is made anew of the fingerprints that live documents have.
    """
    return _write(out, [_part_of(*pair) for pair in zip_longest(filters, segments)], index, as_of, SPLIT_BLOCK)


def export_pybloom(segments: Sequence[Segment], index: IndexInfo, as_of: str, out: Path) -> pybloom.Slices:
    """Writes a `BloomFilter` file of pybloom-live whose keys are the exact fingerprints of all segments as decimal strings.

    `<out>.json` beside it says what the file itself has no place for: spec, index, as_of, SHA-256. Raises OutOfSpace, InputError.
    About 1.2 µs a key; memory: the filter's own size.
    """
    import numpy as np  # noqa: PLC0415 - importing a filter needs none of it

    from indexer.bloom import kernels  # noqa: PLC0415
    from indexer.fingerprint.spec import SPEC  # noqa: PLC0415

    capacity = sum(segment.file.header["channels"][SPEC.exact.name]["entries"] for segment in segments)
    shape = pybloom.Slices.holding(max(capacity, 1), _PYBLOOM_RATE)
    while shape.bits_per_slice < _LEAST_SLICE_BITS:
        shape = pybloom.Slices.holding(shape.capacity * 2, _PYBLOOM_RATE)
    bits = np.zeros(shape.n_bytes, np.uint8)
    count = 0
    for segment in segments:
        for chunk in _live(segment):
            count += kernels.insert_sliced(bits, shape.bits_per_slice, _indices(shape, chunk))
    shape = pybloom.Slices(shape.error_rate, shape.n_slices, shape.bits_per_slice, shape.capacity, count)
    pieces = shape.header(), bits.tobytes()
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    beside = {"keys": "fingerprints as decimal strings", "index": asdict(index), "as_of": as_of, "sha256": digest.hexdigest()}
    with _writable(out):
        write_whole(out, *pieces)
        write_whole(companion(out), json.dumps(beside, indent=2).encode())
    return shape


def companion(path: Path) -> Path:
    """The file that says where a pybloom-live filter comes from."""
    return path.with_name(path.name + ".json")


def origin_of(path: Path) -> tuple[IndexInfo, str | None] | None:
    """The index and as_of that stand beside a pybloom-live filter, None where nothing does. Raises InputError if it is another's."""
    try:
        beside = json.loads(companion(path).read_text("utf-8"))
        origin = IndexInfo(**beside["index"]), beside["as_of"]
        wanted = beside["sha256"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{companion(path)}: does not say where a filter comes from ({error!r}); mend or remove it") from None
    digest = hashlib.sha256()
    for piece in _pieces(path, 0, _size(path)):
        digest.update(piece)
    if digest.hexdigest() != wanted:
        raise InputError(f"{path}: SHA-256 {digest.hexdigest()}, {companion(path)} says {wanted}; fetch both files again")
    return origin


def import_pybloom(files: Sequence[Path], out: Path, index: IndexInfo, as_of: str | None) -> FilterInfo:
    """Writes files of pybloom-live as one portable filter of ours, whole or not at all. Raises InputError, OutOfSpace.

    Their bits are copied as they are and read with the rules of `indexer.bloom.pybloom`; the stated rate is measured: the share of
    bits that are set, to the power of the slices, is what a look-up of a strange key finds at most.
    """
    parts = [part for file in files for part in _pybloom_parts(file)]
    return _write(out, parts, index, as_of, PYBLOOM)


def _write(out: Path, parts: Sequence[_Part], index: IndexInfo, as_of: str | None, layout: str) -> FilterInfo:
    with _writable(out), PageWriter(out, KIND) as writer:
        writer.begin("parts")
        first = writer.position + -(-len(parts) * PART.size // PAGE) * PAGE
        table = b""
        for part in parts:
            table += PART.pack(first, part.length, part.n_keys, part.rate)
            first += -(-part.length // PAGE) * PAGE
        writer.write(table)
        digest = hashlib.sha256(table)
        writer.begin("filters")
        for part in parts:
            writer.align()
            for piece in part.pieces:
                writer.write(piece)
                digest.update(piece)
        writer.finish(
            {
                "spec": index.spec,
                "index": asdict(index),
                "as_of": as_of,
                "layout": layout,
                "n_parts": len(parts),
                "n_keys": sum(part.n_keys for part in parts),
                "false_positive_rate": rate_of([part.rate for part in parts]),
                "sha256": digest.hexdigest(),
            }
        )
    with PortableFilter.open(out) as written:
        return written.info


def _part_of(bloom: BloomFilter, segment: Segment | None) -> _Part:
    if segment is None or segment.removed is None:
        return _Part(bloom.n_blocks * 32, bloom.n_keys, bloom.false_positive_rate, _blocks(bloom))
    import numpy as np  # noqa: PLC0415 - importing a filter needs none of it

    from indexer.bloom import kernels  # noqa: PLC0415
    from indexer.bloom.filter import false_positive_rate  # noqa: PLC0415

    halves, n_keys = np.zeros(bloom.n_blocks * 8, np.uint32), 0
    for chunk in _live(segment):
        kernels.insert(halves, bloom.n_blocks, chunk)
        n_keys += len(chunk)
    blocks = halves.astype("<u4", copy=False).tobytes()
    return _Part(len(blocks), n_keys, false_positive_rate(n_keys, bloom.n_blocks), [blocks])


def _live(segment: Segment) -> Iterator[NDArray[np.uint64]]:
    """The exact fingerprints of the documents of a segment that are not removed, in chunks."""
    import numpy as np  # noqa: PLC0415

    from indexer.fingerprint.spec import SPEC  # noqa: PLC0415
    from indexer.fingerprint.winnow import CONTEXT_BITS  # noqa: PLC0415

    for chunk in segment.fingerprints(SPEC.exact):
        yield chunk if segment.removed is None else chunk[segment.holds(SPEC.exact, chunk << np.uint64(CONTEXT_BITS))]


def _blocks(bloom: BloomFilter) -> Iterator[bytes]:
    """A filter's blocks in pieces, checked."""
    length = bloom.n_blocks * 32
    for at in range(0, length, _CHUNK):
        yield bloom.file.read("blocks", at, min(at + _CHUNK, length))


def _pybloom_parts(path: Path) -> Iterator[_Part]:
    size = _size(path)
    with open(path, "rb") as file:
        found = pybloom.filters_of(file, str(path), size)
    for begin, shape in found:
        pybloom.indexer(shape)  # a filter that cannot be read here is refused now
        length = pybloom.HEADER.size + shape.n_bytes
        yield _Part(length, shape.count, _measured_rate(path, begin, shape), _pieces(path, begin, length))


def _size(path: Path) -> int:
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a file written by pybloom-live's tofile") from None


def _measured_rate(path: Path, begin: int, shape: pybloom.Slices) -> float:
    pieces = _pieces(path, begin + pybloom.HEADER.size, shape.n_bytes)
    n_set = sum(int.from_bytes(piece, "little").bit_count() for piece in pieces)
    return float(min(1.0, n_set / (shape.n_slices * shape.bits_per_slice)) ** shape.n_slices)


def _pieces(path: Path, begin: int, length: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        file.seek(begin)
        while length:
            piece = file.read(min(_CHUNK, length))
            if not piece:
                raise InputError(f"{path}: became shorter while it was read; try again")
            length -= len(piece)
            yield piece


def _indices(shape: pybloom.Slices, fingerprints: NDArray[np.uint64]) -> NDArray[Any]:
    """Each fingerprint's index in each slice, shape (fingerprints, slices)."""
    import numpy as np  # noqa: PLC0415

    digests, form = pybloom.digests_of(shape)
    joined = b"".join([digest for fingerprint in fingerprints.tolist() for digest in digests(fingerprint)])
    numbers = np.frombuffer(joined, f"<{form[-1]}").reshape(len(fingerprints), -1)[:, : shape.n_slices]
    return (numbers % shape.bits_per_slice).astype(np.uint64)


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """A file that cannot be written where the user wants it is the user's to change."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); give a file in a folder that is there") from None
