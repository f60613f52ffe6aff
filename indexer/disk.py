"""How does a file appear whole or not at all, and what does a full disk say, whichever library meets it?

Needs the standard library alone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from indexer.errors import OutOfSpace, WherefromError

PART = r"\.\d+\.part"  # how the name of an unfinished file ends, as a regular expression
_FULL = ("No space left", "os error 28", "disk is full")  # as tantivy, Parquet and SQLite put it
_TOO_LARGE = ("File too large", "os error 27")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a full disk, or a file beyond the limit of the system or the user, into OutOfSpace, naming the file or folder."""
    try:
        yield
    except WherefromError:
        raise
    except Exception as error:  # tantivy and pyarrow say it in words, by classes of their own; what is something else goes on
        said = "" if isinstance(error, OSError) and error.errno else str(error)
        code = error.errno if isinstance(error, OSError) else None
        if code in (errno.ENOSPC, errno.EDQUOT) or any(words in said for words in _FULL):
            raise OutOfSpace(f"{path}: no space left on the disk; free some and run again (what was begun is removed)") from error
        if code == errno.EFBIG or any(words in said for words in _TOO_LARGE):
            raise OutOfSpace(f"{path}: a file is larger than the file size limit; raise it (ulimit -f) and run again") from error
        raise


def part_of(path: Path) -> Path:
    """The name of a file of this process while it is being written."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def appear(file: BinaryIO, path: Path) -> None:
    """Makes an open `part_of(path)` durable and gives it its name."""
    file.flush()
    os.fsync(file.fileno())
    part_of(path).replace(path)
    sync(path.absolute().parent)


def write_whole(path: Path, *pieces: bytes) -> None:
    """Writes a file of these pieces, whole or not at all. Raises OutOfSpace."""
    try:
        with disk_errors(path), open(part_of(path), "wb") as file:
            file.writelines(pieces)
            appear(file, path)
    finally:
        part_of(path).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Makes what was written to a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
