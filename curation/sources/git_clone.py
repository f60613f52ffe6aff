"""How is a repository cloned so that it costs little and runs nothing?

Blobless: first the newest commit of the default branch with its trees, then, in one request, the files that will be read.
What a name shows to be binary is never downloaded. A server that knows no filters sends all at once. Time and bytes on disk
are limited while git runs; no checkout, hook, filter, submodule or tag takes part, and only https, http, ssh, git and file
are spoken.

Not here: reading the objects (`curation.sources.git_plumbing`).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from curation.origin import CloneLimits, without_secrets
from curation.sources.git_plumbing import QUIET, git_environment, run_git
from indexer.errors import InputError, TimedOut

_PROTOCOLS = ("protocol.allow=never", *(f"protocol.{name}.allow=always" for name in ("https", "http", "ssh", "git", "file")))
_SETTINGS = (*QUIET, *(part for setting in _PROTOCOLS for part in ("-c", setting)), "-c", "gc.auto=0", "-c", "maintenance.auto=false")
_LOOK_EVERY_S = 0.1
_GONE = re.compile(r"not found|not exist|not exported|no such|not appear to be a git repository|could not read username", re.IGNORECASE)


class RepositoryGone(InputError):
    """There is no such repository any more, or it is not public."""


class CloneTooLarge(InputError):
    """A clone outgrew its limit and was given up."""


def blobless_clone(url: str, folder: Path, limits: CloneLimits, depth: int | None = 1) -> Path:
    """A bare clone of the default branch's newest commits (all with depth None) without any file's contents.

    Raises RepositoryGone, CloneTooLarge, TimedOut, InputError with git's own words.
    """
    target = folder / "clone.git"
    options = ["--quiet", "--bare", "--single-branch", "--no-tags", "--template=", "--filter=blob:none"]
    depth_option = [f"--depth={depth}"] if depth else []
    _run(["git", *_SETTINGS, "clone", *options, *depth_option, "--", url, str(target)], url, target, limits, None)
    return target


def fetch_blobs(url: str, repository: Path, blobs: Iterable[str], limits: CloneLimits) -> None:
    """Downloads those contents of a blobless clone that it lacks, in one request. Raises as `blobless_clone`."""
    with tempfile.TemporaryFile() as listing:
        wanted = set(blobs) & _missing(repository)
        if not wanted:
            return
        listing.write("".join(f"{blob}\n" for blob in sorted(wanted)).encode())
        listing.seek(0)
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin"]
        command = ["git", *_SETTINGS, "-c", "fetch.negotiationAlgorithm=noop", "-C", str(repository), "fetch", *options, "origin"]
        _run(command, url, repository, limits, listing)


def _missing(repository: Path) -> set[str]:
    with tempfile.TemporaryFile() as printed:
        run_git(repository, "rev-list", "--objects", "--missing=print", "--all", output=printed)
        printed.seek(0)
        return {line[1:].strip().decode() for line in printed if line.startswith(b"?")}


def _run(command: list[str], url: str, folder: Path, limits: CloneLimits, listing: IO[bytes] | None) -> None:
    name = without_secrets(url)
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(  # noqa: S603 - a list, no shell; the URL stands behind `--`
                command,
                env=git_environment(folder.parent),
                stdin=listing or subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                start_new_session=True,  # git's helpers end with it
            )
        except FileNotFoundError:
            raise InputError("git is not installed; install it to read git sources") from None
        try:
            _wait(process, name, folder, limits)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            words.seek(0)
            raise _failed(name, without_secrets(" ".join(words.read(10_000).decode("utf-8", "replace").split())))


def _wait(process: subprocess.Popen[bytes], name: str, folder: Path, limits: CloneLimits) -> None:
    ends = time.monotonic() + limits.seconds
    is_done = False
    while not is_done:
        try:
            process.wait(_LOOK_EVERY_S)
            is_done = True
        except subprocess.TimeoutExpired:
            if time.monotonic() > ends:
                raise TimedOut(
                    f"{name}: cloning took longer than {limits.seconds:g} s; raise --clone-seconds, or clone it yourself"
                ) from None
        if _size(folder) > limits.n_bytes:
            raise CloneTooLarge(
                f"{name}: the clone is larger than {limits.n_bytes / 1e6:g} MB; raise --clone-mb, or clone it yourself and name the folder"
            )


def _failed(name: str, words: str) -> InputError:
    if _GONE.search(words):
        return RepositoryGone(f"{name}: git says: {words}; the repository is gone or not public: take it from the list")
    return InputError(f"{name}: git says: {words or 'nothing'}; name a repository that has a commit")


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - a Path for each file of each look is slow
            except FileNotFoundError:
                continue  # a temporary file of git's
    return total
