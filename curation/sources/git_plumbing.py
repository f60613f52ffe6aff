"""How is git asked for objects without running anything that a repository brings along?

Hooks, file system monitors, replacement objects and transports are off; a local repository is looked at where it was
named and not in a parent folder; everything has a time limit.

Not here: what is made of the objects (`curation.sources.git`), what a clone brings (`curation.sources.git_clone`).
"""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from curation.origin import without_secrets
from indexer.errors import InputError

_TIMEOUT_S = 120.0  # for a local command, or one object
QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
_OFFLINE = (*QUIET, "-c", "protocol.allow=never")  # no lazy fetch: a repository's own settings could run a command there
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE")
_READ_BYTES = 1 << 20


def run_git(repository: Path, *arguments: str, output: IO[bytes] | None = None, source: IO[bytes] | None = None) -> str:
    """What a command prints about a local repository; with `output` it goes there, `source` is what it reads.

    Raises InputError with git's own words.
    """
    command = ["git", *_OFFLINE, "-C", str(repository), *arguments]
    return _run(command, git_environment(repository), _TIMEOUT_S, str(repository), output, source)


class Blobs:
    """A running `git cat-file --batch`: contents by object id. For one thread; a context manager."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()

    def read(self, blob: str, max_bytes: int) -> bytes | None:
        """The bytes of an object, None where they are more than `max_bytes`; those are passed over, not kept.

        Raises InputError where it is missing or damaged, or git does not answer.
        """
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(blob.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed(f"git stopped before object {blob}") from None
        while b"\n" not in self._buffer:
            self._fill(blob)
        header = bytes(self._take(self._buffer.index(b"\n") + 1)).split()
        if len(header) != 3:
            raise self._failed(f"object {blob} is missing")
        size = int(header[2])
        if size > max_bytes:
            self._pass_over(blob, size + 1)
            return None
        while len(self._buffer) <= size:
            self._fill(blob)
        return bytes(self._take(size + 1)[:-1])

    def _pass_over(self, blob: str, n_bytes: int) -> None:
        while n_bytes > len(self._buffer):
            n_bytes -= len(self._buffer)
            self._buffer.clear()
            self._fill(blob)
        self._take(n_bytes)

    def _take(self, n_bytes: int) -> bytearray:
        taken = self._buffer[:n_bytes]
        del self._buffer[:n_bytes]
        return taken

    def _fill(self, blob: str) -> None:
        assert self._process is not None and self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], _TIMEOUT_S)[0]:
            raise self._failed(f"git gave no answer for object {blob} within {_TIMEOUT_S:.0f} s")
        if not (data := os.read(pipe, _READ_BYTES)):
            raise self._failed(f"git stopped at object {blob}")
        self._buffer += data

    def _failed(self, what: str) -> InputError:
        return InputError(f"{self._repository}: {what}; check the repository with `git fsck`")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - as below
            ["git", *_OFFLINE, "-C", str(self._repository), "cat-file", "--batch"],  # noqa: S607 - the user's git, from the path
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=git_environment(self._repository),
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()


def _run(
    command: list[str], environment: dict[str, str], timeout_s: float, what: str, output: IO[bytes] | None, source: IO[bytes] | None
) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell; what could be an option stands behind `--` or is an object id
            command,
            env=environment,
            timeout=timeout_s,
            check=False,
            stdin=source or subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise InputError("git is not installed; install it to read git sources") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{what}: git took longer than {timeout_s:.0f} s; try again, or clone it yourself and name the folder") from None
    if done.returncode:
        words = without_secrets(" ".join(done.stderr.decode("utf-8", "replace").split()))
        raise InputError(f"{what}: git says: {words or f'exit {done.returncode}'}; name a repository that has a commit")
    return (done.stdout or b"").decode("utf-8", "replace").strip()


def git_environment(repository: Path) -> dict[str, str]:
    """The environment git runs in: nothing of the caller's points it to another repository, and it asks no questions."""
    inherited = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return inherited | {
        "GIT_CEILING_DIRECTORIES": str(repository.resolve().parent),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }
