"""Is this text in the corpus, by one file and without an index? The portable filter, read with the standard library alone.

    with PortableFilter.open(Path("corpus.filter")) as portable:
        print(portable.membership(text).member)

No numpy, nothing compiled: a 40-line text is answered in milliseconds, at about 1 MB of text a second. FORMAT.md draws the bytes.

Not here: making such a file (`indexer.bloom.export`), the same question to an index (`indexer.index`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from indexer.answers import GUARANTEE_TOKENS_MEMBERSHIP, OFFSET_UNITS, Extent, IndexInfo, Membership, OffsetUnit
from indexer.bloom import standalone
from indexer.bloom.membership import answer_rate, runs
from indexer.bloom.pages import PageFile
from indexer.errors import IndexCorrupt, InputError, SpecMismatch
from indexer.fingerprint.spec import SPEC
from indexer.pages import PAGE

# On disk
PART = struct.Struct("<QQQd")  # first byte, bytes, keys, false-positive rate of a look-up
SPLIT_BLOCK, PYBLOOM = "split-block", "pybloom"
_BLOCK_BYTES = 32
_SALTS = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
_CHUNK = 256 * PAGE


class Part(Protocol):
    """One filter inside the file."""

    def may_contain(self, fingerprint: int) -> bool:
        """False is certain. Raises IndexCorrupt for a page that is not what was written."""


@dataclass(frozen=True, slots=True)
class SplitBlocks:
    """A split-block filter (Apache Parquet's layout) of `n_blocks` blocks from byte `begin` on."""

    file: PageFile
    begin: int
    n_blocks: int

    def may_contain(self, fingerprint: int) -> bool:
        """Eight bits of one block of 32 bytes, one in each word."""
        key = key_of(fingerprint)
        at = self.begin + (((key >> 32) * self.n_blocks) >> 32) * _BLOCK_BYTES
        block, low = int.from_bytes(self.file.read(at, at + _BLOCK_BYTES), "little"), key & 0xFFFFFFFF
        return all(block >> (32 * word + ((low * salt & 0xFFFFFFFF) >> 27)) & 1 for word, salt in enumerate(_SALTS))


@dataclass(frozen=True, slots=True)
class PybloomSlices:
    """The bits of a pybloom-live filter from byte `begin` on."""

    file: PageFile
    begin: int
    bits_per_slice: int
    indices: Callable[[int], list[int]]

    def may_contain(self, fingerprint: int) -> bool:
        """One bit of each slice."""
        for number, index in enumerate(self.indices(fingerprint)):
            byte, bit = divmod(number * self.bits_per_slice + index, 8)
            if not self.file.read(self.begin + byte, self.begin + byte + 1)[0] >> bit & 1:
                return False
        return True


@dataclass(frozen=True, slots=True)
class FilterInfo:
    """What a portable filter says of itself.

    `as_of` is the moment, ISO 8601 in UTC, up to which additions and removals are in it, None where nobody knows; `layout` is
    split-block or pybloom; `false_positive_rate` that of one look-up; `sha256` is over the contents of all parts.
    """

    index: IndexInfo
    as_of: str | None
    layout: str
    parts: int
    n_keys: int
    false_positive_rate: float
    sha256: str
    bytes: int


@dataclass(frozen=True)
class PortableFilter:
    """An opened filter file; threads may share it."""

    file: PageFile
    info: FilterInfo
    parts: tuple[Part, ...]

    @classmethod
    def open(cls, path: Path) -> PortableFilter:
        """Maps a filter. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(parts)"""
        file = PageFile.open(path)
        try:
            info = _info(file.header)
            parts = tuple(_parts(file, info))
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise IndexCorrupt(f"{path}: its header is not that of a filter ({error!r}); fetch the file again") from error
        if info.index.spec != standalone.SPEC_NAME:
            raise SpecMismatch(
                f"{path}: fingerprints of spec {info.index.spec}, this version compares {standalone.SPEC_NAME}; "
                "fetch or export a filter that fits, or install the version that made this one"
            )
        return cls(file, info, parts)

    def __enter__(self) -> PortableFilter:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def may_contain(self, fingerprint: int) -> bool:
        """Whether the corpus may hold a fingerprint; False is certain."""
        return any(part.may_contain(fingerprint) for part in self.parts)

    def membership(self, text: str | bytes, *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None) -> Membership:
        """Whether the text is in the corpus, as `Index.membership` answers. Raises InputError, IndexCorrupt. O(characters)"""
        least = GUARANTEE_TOKENS_MEMBERSHIP if min_tokens is None else min_tokens
        if offset_unit not in OFFSET_UNITS:
            raise InputError(f"offset_unit is {offset_unit!r}; it takes {', '.join(OFFSET_UNITS)}")
        if least < 1:
            raise InputError(f"min_tokens is {least}; it must be at least 1")
        characters = standalone.as_text(text) if isinstance(text, bytes) else text
        tokens, found = standalone.tokens(characters), standalone.fingerprints(characters)
        values, positions, windows = [one[0] for one in found], [one[1] for one in found], [one[2] for one in found]
        held = {value: self.may_contain(value) for value in values}
        all_runs = runs([held[value] for value in values], positions, windows, len(tokens), SPEC.exact)
        long_enough = [run for run in all_runs if run.reach >= least]
        edges = [(tokens[run.begin][0], tokens[run.end - 1][1]) for run in long_enough]
        covered = sum(run.end - run.begin for run in long_enough)
        return Membership(
            status="found" if long_enough else "too_short" if len(tokens) < GUARANTEE_TOKENS_MEMBERSHIP else "none",
            tokens=len(tokens),
            guarantee_tokens=GUARANTEE_TOKENS_MEMBERSHIP,
            member=bool(long_enough),
            longest_run=max((run.reach for run in all_runs), default=0),
            coverage=round(covered / max(1, len(tokens)), 4),
            spans=tuple(extents(characters, edges, offset_unit)),
            false_positive_rate=answer_rate(values, windows, len(tokens), SPEC.exact, least, self.info.false_positive_rate),
            offset_unit=offset_unit,
            index=self.info.index,
        )

    def verify(self, progress: Callable[[int], None] | None = None) -> list[str]:
        """Reads every byte; a line for each page that fails its checksum, and one if the whole is not what was exported."""
        problems = [f"{self.file.path}: bytes {page * PAGE}..{(page + 1) * PAGE} fail their checksum" for page in self.file.damaged_pages()]
        if not problems and (digest := digest_of(self.file, progress)) != self.info.sha256:
            problems.append(f"{self.file.path}: SHA-256 {digest}, its header says {self.info.sha256}")
        return problems


def key_of(fingerprint: int) -> int:
    """The 64 bits that address a split-block filter: the finaliser of MurmurHash3."""
    x = (fingerprint ^ fingerprint >> 33) * 0xFF51AFD7ED558CCD & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & 0xFFFFFFFFFFFFFFFF
    return x ^ x >> 33


def part_records(file: PageFile) -> list[tuple[int, int, int, float]]:
    """(first byte, bytes, keys, rate) of each part, all inside the file."""
    begin, end = file.section("parts")
    records = list(PART.iter_unpack(file.read(begin, end)))
    for first, length, *_ in records:
        if first < PAGE or first + length > file.header["checksums"]:
            raise IndexCorrupt(f"{file.path}: a part at bytes {first}..{first + length} lies outside the file; fetch the file again")
    return records


def digest_of(file: PageFile, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256, in hex, of the table of parts and of the parts' bytes, in that order."""
    import hashlib  # noqa: PLC0415 - a small question is answered sooner without it

    digest = hashlib.sha256(file.read(*file.section("parts")))
    for first, length, *_ in part_records(file):
        for at in range(first, first + length, _CHUNK):
            digest.update(file.read(at, min(at + _CHUNK, first + length)))
            if progress:
                progress(min(_CHUNK, first + length - at))
    return digest.hexdigest()


def age_in_days(info: FilterInfo, now: datetime) -> float | None:
    """How long ago the filter stated the index, None where it does not say when."""
    if info.as_of is None:
        return None
    stated = datetime.fromisoformat(info.as_of)
    return (now - (stated if stated.tzinfo else stated.replace(tzinfo=UTC))).total_seconds() / 86400


def _info(header: dict[str, Any]) -> FilterInfo:
    info = FilterInfo(
        IndexInfo(**header["index"]),
        header["as_of"],
        header["layout"],
        header["n_parts"],
        header["n_keys"],
        header["false_positive_rate"],
        header["sha256"],
        header["size"],
    )
    if info.as_of is not None:
        datetime.fromisoformat(info.as_of)
    if info.layout not in (SPLIT_BLOCK, PYBLOOM) or not 0 <= info.false_positive_rate <= 1:
        raise ValueError(f"layout {info.layout}, false-positive rate {info.false_positive_rate}")
    return info


def _parts(file: PageFile, info: FilterInfo) -> Iterator[Part]:
    for first, length, n_keys, _ in part_records(file):
        if info.layout == SPLIT_BLOCK:
            if length % _BLOCK_BYTES or not length:
                raise ValueError(f"a part of {length} bytes, wanted whole blocks of {_BLOCK_BYTES}")
            if n_keys:
                yield SplitBlocks(file, first, length // _BLOCK_BYTES)
            continue
        from indexer.bloom import pybloom  # noqa: PLC0415 - brings hashlib, which the other layout can do without

        shape = pybloom.Slices.parse(file.read(first, first + pybloom.HEADER.size), length)
        if shape is None:
            raise ValueError("a part is no filter of pybloom-live")
        yield PybloomSlices(file, first + pybloom.HEADER.size, shape.bits_per_slice, pybloom.indexer(shape))


def extents(text: str, edges: list[tuple[int, int]], unit: OffsetUnit) -> Iterator[Extent]:
    """Ranges of characters as ranges in a unit; the edges ascend and do not overlap."""
    if unit == "utf-32" or text.isascii():
        yield from (Extent(begin, end) for begin, end in edges)
        return
    encoding, width = ("utf-8", 1) if unit == "utf-8" else ("utf-16-le", 2)
    at = offset = 0
    for begin, end in edges:
        start = offset + len(text[at:begin].encode(encoding, "surrogatepass")) // width
        offset = start + len(text[begin:end].encode(encoding, "surrogatepass")) // width
        at = end
        yield Extent(start, offset)
