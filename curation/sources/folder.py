"""Which files stand in a folder?

    dir:src/project       repository: the git remote's OWNER/NAME, else the folder's name

Links are not followed, version control's own folders are passed over. The commit is left open, since what stands in a
working folder need not be what was committed: `git:` reads commits.

Not here: reading a commit (`curation.sources.git`).
"""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from curation.languages import is_binary_name
from curation.licence_texts import is_legal_name, legal_texts
from curation.metadata import github_repository
from curation.origin import MAX_FILE_BYTES, Origin, Reading, Source, SourceFile
from curation.package_licences import files_licence
from indexer.errors import InputError

_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", "CVS", "_darcs", ".jj"})


def folder(location: str) -> Source:
    """The source for every file under a folder. Raises InputError where there is none."""
    root = Path(location)
    if not root.is_dir():
        raise InputError(f"dir:{location}: no such folder")

    def files(reading: Reading) -> Iterator[SourceFile]:
        origin = _origin(root, reading)
        for path in _walk(root, reading):
            if is_binary_name(path):
                reading.skip("binary")
            elif (content := read_file(root / path, reading)) is not None:
                yield SourceFile(origin, printable(path), content)

    return files


def read_file(place: Path, reading: Reading) -> bytes | None:
    """The bytes of a regular file of at most MAX_FILE_BYTES; None, and counted, for anything else."""
    try:
        status = place.lstat()
        if stat.S_ISLNK(status.st_mode):
            reading.skip("link")
        elif not stat.S_ISREG(status.st_mode):
            reading.skip("special_file")
        elif status.st_size > MAX_FILE_BYTES:
            reading.skip("too_large")
        else:
            return place.read_bytes()
    except FileNotFoundError:
        reading.skip("missing")
    except OSError as error:
        reading.bad(InputError(f"{place}: cannot be read ({error.strerror}); make it readable"))
    return None


def printable(path: str) -> str:
    """A file name that is not UTF-8, with its odd bytes replaced: no table can hold them."""
    return os.fsencode(path).decode("utf-8", "replace")


def _walk(root: Path, reading: Reading) -> Iterator[str]:
    """Paths relative to the root, with `/`, in a fixed order."""

    def unreadable(error: OSError) -> None:
        reading.bad(InputError(f"{error.filename}: cannot be listed ({error.strerror}); make it readable"))

    for parent, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name not in _VERSION_CONTROL)
        for name in sorted(names):
            yield Path(parent, name).relative_to(root).as_posix()


def _origin(root: Path, reading: Reading) -> Origin:
    url = _remote(root)
    github = github_repository(url) if url else None
    texts = legal_texts(_legal_files(root, reading))
    return Origin(
        repository="/".join(github) if github else printable(root.resolve().name) or "root",
        source="dir",
        licence=files_licence(texts),
        owner=github[0] if github else None,
        project_url="https://github.com/" + "/".join(github) if github else None,
        texts=texts,
    )


def _legal_files(root: Path, reading: Reading) -> Iterator[tuple[str, bytes]]:
    for place in sorted([*root.iterdir(), *root.glob("LICENSES/*")]):
        path = place.relative_to(root).as_posix()
        if is_legal_name(path) and place.is_file():
            content = read_file(place, Reading(reading.skip_bad))  # counted when the walk meets it
            if content is not None:
                yield printable(path), content


def _remote(root: Path) -> str | None:
    """The URL of `origin` in .git/config, read as a file: a foreign folder's git settings must not run anything."""
    settings = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        settings.read_string((root / ".git" / "config").read_text("utf-8", "replace"))
    except (OSError, configparser.Error):
        return None
    return settings.get('remote "origin"', "url", fallback=None)
