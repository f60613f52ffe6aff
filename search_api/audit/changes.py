"""Which lines of which files are new? What git says of a revision, of the working files, of the index.

    --diff REV   the working files against REV; files that git does not know yet are new as a whole
    --staged     what would be committed, as it would be committed, against HEAD

Not here: whole folders (`search_api.audit.files`).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from indexer.errors import InputError
from search_api.audit.files import Entry, Skipped, shown

_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_NO_COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's empty tree: what the first commit is compared with


def changed(paths: Sequence[Path], revision: str) -> Iterator[Entry | Skipped]:
    """The files that differ from a revision, with the lines that do. Raises InputError where there is no such revision."""
    if revision.startswith("-"):
        raise InputError(f"--diff {revision}: not a revision; wanted a branch, a tag or a commit")
    for top, inside in _by_repository(paths):
        _git(
            top,
            "rev-parse",
            "--verify",
            "--quiet",
            f"{revision}^{{commit}}",
            why=f"{revision}: no such revision in {top}; fetch it, or name another",
        )
        for name, lines in _changed_lines(top, [revision], inside):
            yield _working_file(top, name, lines)
        for name in _names(_git(top, "ls-files", "-o", "--exclude-standard", "-z", "--full-name", "--", *inside)):
            yield _working_file(top, name, None)


def staged(paths: Sequence[Path]) -> Iterator[Entry | Skipped]:
    """The files that the next commit changes, their contents as git would commit them."""
    for top, inside in _by_repository(paths):
        head = "HEAD" if _runs(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") else _NO_COMMIT
        for name, lines in _changed_lines(top, ["--cached", head], inside):
            size = int(_git(top, "cat-file", "-s", f":{name}") or 0)
            yield Entry(shown(top / name), size, partial(_git, top, "cat-file", "blob", f":{name}"), top / name, lines)


def _working_file(top: Path, name: str, lines: frozenset[int] | None) -> Entry | Skipped:
    file = top / name
    if file.is_symlink() or not file.is_file():
        return Skipped(shown(file), 0, "link" if file.is_symlink() else "special file")
    return Entry(shown(file), file.stat().st_size, file.read_bytes, file, lines)


def _by_repository(paths: Sequence[Path]) -> Iterator[tuple[Path, list[str]]]:
    """The top of each path's repository, and the path as git takes it."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; wanted a path inside a git repository")
        folder = path if path.is_dir() else path.parent
        top = Path(
            _git(folder, "rev-parse", "--show-toplevel", why=f"{path}: not in a git repository; --diff and --staged need one")
            .decode()
            .rstrip("\n")
        )
        inside = path.resolve().relative_to(top.resolve()).as_posix()
        yield top, [f":(top,literal){'' if inside == '.' else inside}"]


def _changed_lines(top: Path, against: list[str], inside: list[str]) -> Iterator[tuple[str, frozenset[int]]]:
    """Each changed file's name and its new lines: `-U0` hunks say them, and one patch section a name comes in the names' order."""
    options = ["--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--diff-filter=ACMRT", *against, "--", *inside]
    names = _names(_git(top, "diff", "--name-only", "-z", *options))
    sections = re.split(rb"^diff --git ", _git(top, "diff", "--unified=0", *options), flags=re.MULTILINE)[1:]
    if len(names) != len(sections):
        raise InputError(f"{top}: the working files changed while git compared them; run the audit again")
    for name, section in zip(names, sections, strict=True):
        lines: set[int] = set()
        for found in _HUNK.finditer(section):
            first, count = int(found[1]), int(found[2]) if found[2] is not None else 1
            lines.update(range(first, first + count))
        if lines:
            yield name, frozenset(lines)


def _names(listed: bytes) -> list[str]:
    return [name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name]


def _runs(folder: Path, *arguments: str) -> bool:
    try:
        _git(folder, *arguments)
    except InputError:
        return False
    return True


def _git(folder: Path, *arguments: str, why: str | None = None) -> bytes:
    """git's answer. Raises InputError in git's own words, or in `why`."""
    command = ["git", "-C", str(folder), "-c", "core.quotepath=off", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell; a revision cannot be an option
    except FileNotFoundError:
        raise InputError("git is not installed; --diff and --staged need it") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(why or f"git {arguments[0]} in {folder}: {said[-1] if said else done.returncode}")
    return done.stdout
