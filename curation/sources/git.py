"""Which files does a git commit hold?

    git:checkout/project                  HEAD of a local repository
    git:https://github.com/OWNER/NAME     a blobless clone of its newest commit, thrown away at the end

Only plumbing reads (`ls-tree`, `cat-file --batch`): no checkout, so no hook, filter or line-end conversion of the
repository runs, and the bytes are those that were committed. A repository that is gone, too large or too slow to clone is
counted as just that.

Not here: files of a folder as they stand (`curation.sources.folder`), cloning (`curation.sources.git_clone`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from curation.languages import is_binary_name
from curation.licence_texts import LegalTexts, is_legal_name, legal_texts
from curation.metadata import github_repository
from curation.origin import MAX_FILE_BYTES, Origin, Reading, Source, SourceFile
from curation.package_licences import files_licence
from curation.sources.git_clone import CloneTooLarge, RepositoryGone, blobless_clone, fetch_blobs
from curation.sources.git_plumbing import Blobs, run_git
from indexer.errors import InputError, TimedOut

_URL = re.compile(r"^([a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)")
_OWNED = re.compile(r"(?:(?:https?|ssh)://[^/]+/|[\w.-]+@[\w.-]+:)~?([^/:]+)/[^/:]+$")  # OWNER/NAME of a host
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_READ_BYTES = 1 << 20
_LINK, _SUBMODULE = b"120000", b"160000"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of `git ls-tree -r`."""

    mode: bytes
    blob: str
    path: str


def git(location: str) -> Source:
    """The source for HEAD of a repository. Raises InputError where there is no such folder."""
    if not is_url(location) and not Path(location).is_dir():
        raise InputError(f"git:{location}: no such folder; name a local repository or a URL to clone")

    def files(reading: Reading) -> Iterator[SourceFile]:
        with tempfile.TemporaryDirectory(prefix="wherefrom-git-") as scratch:
            if not is_url(location):
                yield from _commit_files(location, Path(location), reading)
            elif repository := clone_to_read(location, Path(scratch), reading, readable_blobs):
                yield from _commit_files(location, repository, reading, url=location)

    return files


def clone_to_read(
    url: str, scratch: Path, reading: Reading, blobs_of: Callable[[Path], Iterable[str]], depth: int | None = 1
) -> Path | None:
    """A blobless clone with those contents that `blobs_of` names; None, and counted, where it is gone, too large, slow or not wanted."""
    name, owner = _named(url)
    reason = reading.removals.reason(name, owner, None) or ("removed_owner" if reading.removals.owns(url) else None)
    if reason:
        reading.skip(reason)
        return None
    try:
        repository = blobless_clone(url, scratch, reading.clone, depth)
        fetch_blobs(url, repository, blobs_of(repository), reading.clone)
    except RepositoryGone as error:
        reading.bad(error, "vanished_repository")
    except CloneTooLarge as error:
        reading.bad(error, "clone_too_large")
    except TimedOut as error:
        reading.bad(error, "clone_timed_out")
    else:
        return repository
    return None


def readable_blobs(repository: Path) -> list[str]:
    """The ids of HEAD's files that no name shows to be binary."""
    with _tree(repository, "HEAD") as tree:
        return [entry.blob for entry in _entries(tree) if _reason_to_skip(entry) is None]


def legal_blobs(repository: Path) -> list[str]:
    """The ids of HEAD's licence and notice files."""
    with _tree(repository, "HEAD") as tree:
        return [entry.blob for entry in _entries(tree) if _is_legal(entry)]


def is_url(location: str) -> bool:
    """Whether a location is to be cloned. "git@host:o/n" -> True"""
    return _URL.match(location) is not None


def repository_origin(location: str, repository: Path, blobs: Blobs, url: str | None = None) -> Origin:
    """What is known of a repository at its HEAD."""
    with _tree(repository, "HEAD") as tree:
        texts = legal_texts(_legal_files(tree, blobs))
    return _origin(location, url or _remote(repository), run_git(repository, "rev-parse", "--verify", "HEAD^{commit}"), texts)


def _commit_files(location: str, repository: Path, reading: Reading, url: str | None = None) -> Iterator[SourceFile]:
    commit = run_git(repository, "rev-parse", "--verify", "HEAD^{commit}")
    with Blobs(repository) as blobs:
        origin = repository_origin(location, repository, blobs, url)
        with _tree(repository, commit) as tree:
            yield from _files(_entries(tree), blobs, origin, reading)


@contextmanager
def _tree(repository: Path, commit: str) -> Iterator[IO[bytes]]:
    """The listing of a commit, kept in a file: it is read twice, and may be long."""
    with tempfile.TemporaryFile() as listing:
        run_git(repository, "ls-tree", "-r", "-z", "--full-tree", commit, output=listing)
        yield listing


def _entries(tree: IO[bytes]) -> Iterator[_Entry]:
    tree.seek(0)
    rest = b""
    while data := tree.read(_READ_BYTES):
        *lines, rest = (rest + data).split(b"\0")
        for line in lines:
            fields, _, path = line.partition(b"\t")
            mode, _, blob = fields.split()
            yield _Entry(mode, blob.decode(), path.decode("utf-8", "replace"))


def _legal_files(tree: IO[bytes], blobs: Blobs) -> Iterator[tuple[str, bytes]]:
    """Licence and notice files at the top and in LICENSES/."""
    for entry in _entries(tree):
        if _is_legal(entry):
            content = blobs.read(entry.blob, MAX_FILE_BYTES)
            if content is not None:
                yield entry.path, content


def _is_legal(entry: _Entry) -> bool:
    is_top = "/" not in entry.path.removeprefix("LICENSES/")
    return is_top and is_legal_name(entry.path) and _reason_to_skip(entry) is None


def _files(entries: Iterator[_Entry], blobs: Blobs, origin: Origin, reading: Reading) -> Iterator[SourceFile]:
    for entry in entries:
        if reason := _reason_to_skip(entry):
            reading.skip(reason)
            continue
        content = blobs.read(entry.blob, MAX_FILE_BYTES)
        if content is None:
            reading.skip("too_large")
        elif content.startswith(_LFS_POINTER):
            reading.skip("lfs_pointer")
        else:
            # the object's own id where objects are SHA-1, which is what `content_id` means
            yield SourceFile(origin, entry.path, content, content_id=entry.blob)


def _reason_to_skip(entry: _Entry) -> str | None:
    if entry.mode in (_LINK, _SUBMODULE):
        return "link" if entry.mode == _LINK else "submodule"
    return "binary" if is_binary_name(entry.path) else None


def _origin(location: str, url: str | None, commit: str, texts: LegalTexts) -> Origin:
    github = github_repository(url) if url else None
    page = "https://github.com/" + "/".join(github) if github else None
    repository, owner = _named(url or str(Path(location).resolve()))
    return Origin(
        repository=repository,
        source="git",
        licence=files_licence(texts),
        owner=owner,
        commit=commit,
        purl=f"pkg:github/{'/'.join(github).lower()}@{commit}" if github else None,
        project_url=page,
        link=f"{page}/blob/{commit}/{{path}}" if page else None,
        url=f"{page}/tree/{commit}" if page else None,
        texts=texts,
    )


def _named(place: str) -> tuple[str, str | None]:
    """Repository and owner by URL or folder. "https://github.com/o/n.git" -> ("o/n", "o"), "https://gitlab.com/o/n" -> ("n", "o"),
    "/srv/n/.git" -> ("n", None). Of other hosts only paths of two parts tell an owner: longer ones mean a group here and a folder there."""
    if github := github_repository(place):
        return "/".join(github), github[0]
    name = place.rstrip("/").removesuffix("/.git")
    elsewhere = _OWNED.match(name)
    return re.split(r"[/:]", name)[-1].removesuffix(".git") or "repository", elsewhere[1] if elsewhere else None


def _remote(repository: Path) -> str | None:
    """The URL of `origin`, None where there is none."""
    try:
        return run_git(repository, "config", "--get", "remote.origin.url") or None
    except InputError:
        return None
