"""Which members does a package archive hold, read one after the other and never extracted?

Zip and tar (plain, gzip, bzip2, xz) look alike here. What is refused, with the archive's and the member's name: a path or
link that would leave the folder it is unpacked in, and an archive that unpacks to more than its limits (a bomb).

Not here: what kind of package it is (`curation.sources.package_archive`).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from curation.languages import is_binary_name
from curation.origin import MAX_FILE_BYTES, Reading
from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold before it counts as a bomb. Binary members of a zip cost nothing, as they are not read."""

    member_bytes: int = MAX_FILE_BYTES
    total_bytes: int = 4_000_000_000  # unpacked
    members: int = 200_000
    ratio: int = 200  # unpacked over packed; source code reaches about 10
    ratio_from_bytes: int = 20_000_000  # small archives may have any ratio
    header_bytes: int = 16_000_000  # one read of tar's own headers


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in an archive. `size` is what its header says; `read` holds it to that and to the limits."""

    path: str
    size: int
    read: Callable[[], bytes]


DEFAULT_LIMITS = Limits()
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # an encrypted member
    ValueError,
)
_WANTED = "wanted zip, tar, tar.gz, tar.bz2 or tar.xz"
_DRIVE = re.compile(r"[A-Za-z]:")
_CHUNK = 1 << 20


def members(archive: Path, reading: Reading, limits: Limits = DEFAULT_LIMITS) -> Iterator[Member]:
    """The regular files of an archive in its order; each must be read before the next is asked for. O(largest member) memory.

    Raises InputError for a damaged or truncated archive, an escape, or a limit exceeded.
    """
    with _damage_named(archive), open(archive, "rb") as file:
        unpack = _zip_members if zipfile.is_zipfile(file) else _tar_members
        file.seek(0)
        for count, member in enumerate(unpack(archive, file, reading, limits), start=1):
            if count > limits.members:
                raise _refused(archive, member.path, f"is beyond the limit of {limits.members} members")
            yield member


def reason_to_skip(member: Member, is_taken: bool) -> str | None:
    """Why a file of an archive is not read, as it is counted; None for one that is. `is_taken`: its path came before."""
    if is_binary_name(member.path):
        return "binary"
    if member.size > MAX_FILE_BYTES:
        return "too_large"
    return "duplicate_path" if is_taken else None


def _zip_members(archive: Path, file: IO[bytes], reading: Reading, limits: Limits) -> Iterator[Member]:
    total = 0
    with zipfile.ZipFile(file) as unpacked:
        for info in unpacked.infolist():
            path = _inside(archive, info.filename)
            if stat.S_ISLNK(info.external_attr >> 16):
                _check_link(archive, path, _read_zip(archive, unpacked, info, limits).decode("utf-8", "replace"))
                reading.skip("link")
            elif not info.is_dir():
                total += info.file_size
                if total > limits.total_bytes:
                    raise _refused(archive, path, f"is beyond the limit of {limits.total_bytes} unpacked bytes")
                yield Member(path, info.file_size, lambda info=info: _read_zip(archive, unpacked, info, limits))  # type: ignore[misc]


def _read_zip(archive: Path, unpacked: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> bytes:
    if info.file_size > max(limits.ratio * info.compress_size, limits.ratio_from_bytes // 10):
        raise _refused(archive, info.filename, f"unpacks {info.compress_size} bytes to {info.file_size}")
    with _damage_named(archive), unpacked.open(info) as stream:
        return _bounded(archive, info.filename, stream, limits)


def _tar_members(archive: Path, file: IO[bytes], reading: Reading, limits: Limits) -> Iterator[Member]:
    guard = _Guard(archive, _decompressed(file), archive.stat().st_size, limits)
    with tarfile.open(fileobj=guard, mode="r:") as unpacked:  # type: ignore[call-overload]  # read, seek and tell are all it uses
        for info in unpacked:
            path = guard.member = _inside(archive, info.name)
            if info.issym() or info.islnk():
                _check_link(archive, path if info.issym() else "", info.linkname)
                reading.skip("link")
            elif info.isreg():
                yield Member(path, info.size, lambda info=info: _read_tar(archive, unpacked, info, limits))  # type: ignore[misc]
            elif not info.isdir():
                reading.skip("special_file")
            unpacked.members.clear()  # tarfile keeps every header otherwise
        if guard.last_read.strip(b"\0"):  # tarfile takes a damaged header for the end
            raise tarfile.ReadError("a damaged header")


def _read_tar(archive: Path, unpacked: tarfile.TarFile, info: tarfile.TarInfo, limits: Limits) -> bytes:
    stream = unpacked.extractfile(info)
    assert stream is not None
    with _damage_named(archive), stream:
        content = _bounded(archive, info.name, stream, limits)
        if len(content) < info.size:
            raise EOFError(f"{info.name} is cut off")
        return content


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    """The tar inside, by the magic bytes and not the name."""
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]  # it reads and seeks
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if magic == b"\xfd7zXZ\0" else file


class _Guard:
    """A readable stream that raises InputError as soon as more came out of it than the limits allow."""

    def __init__(self, archive: Path, stream: IO[bytes], packed_bytes: int, limits: Limits) -> None:
        self._archive, self._stream, self._limits = archive, stream, limits
        self._allowed = min(limits.total_bytes, max(limits.ratio * packed_bytes, limits.ratio_from_bytes))
        self.member = "(first)"
        self.last_read = b""

    def read(self, n_bytes: int) -> bytes:
        """As of a file. A header that asks for more than `header_bytes` at once is refused: tarfile would take it into memory."""
        if n_bytes > max(self._limits.header_bytes, self._limits.member_bytes + 1):
            raise _refused(self._archive, self.member, f"is followed by a header of {n_bytes} bytes")
        self.last_read = self._stream.read(n_bytes)
        self._check()
        return self.last_read

    def seek(self, position: int) -> int:
        """Goes forward by reading, so that the limits hold on the way."""
        while (behind := position - self._stream.tell()) > 0 and self._stream.read(min(behind, _CHUNK)):
            self._check()
        return self._stream.tell() if behind >= 0 else self._stream.seek(position)

    def tell(self) -> int:
        """As of a file."""
        return self._stream.tell()

    def _check(self) -> None:
        if self._stream.tell() > self._allowed:
            raise _refused(self._archive, self.member, f"is beyond the limit of {self._allowed} unpacked bytes")


def _bounded(archive: Path, member: str, stream: Any, limits: Limits) -> bytes:
    content: bytes = stream.read(limits.member_bytes + 1)
    if len(content) > limits.member_bytes:
        raise _refused(archive, member, f"is larger than the limit of {limits.member_bytes} bytes")
    return content


def _inside(archive: Path, name: str) -> str:
    """The member's path with `/`; refused where it leads out of the folder."""
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path) or ".." in path.split("/") or "\0" in path:
        raise _refused(archive, name, "would be unpacked outside its folder")
    return posixpath.normpath(path).encode("utf-8", "replace").decode() if path else path


def _check_link(archive: Path, path: str, target: str) -> None:
    leads_to = posixpath.normpath(posixpath.join(posixpath.dirname(path), target.replace("\\", "/")))
    if leads_to.startswith(("/", "../")) or leads_to == ".." or _DRIVE.match(target):
        raise _refused(archive, path or target, f"is a link out of the archive, to {target!r}")


def _refused(archive: Path, member: str, why: str) -> InputError:
    return InputError(f"{archive}: member {member!r} {why}; nothing of this archive is used; get it from a source you trust")


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    """Errors of the format's own readers, as InputError."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGED as error:
        what = str(error) or type(error).__name__
        raise InputError(f"{archive}: damaged, truncated or no archive ({what}); {_WANTED}; fetch it again") from error
