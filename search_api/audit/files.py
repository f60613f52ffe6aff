"""Which files does an audit look at? Files, folders and archives given, without what .gitignore or the settings leave out.

Links are never followed, so a loop of links is no loop, and nothing outside the folder is read. A file that is not read is named
with its reason.

Not here: git revisions (`search_api.audit.changes`), what is text (`search_api.audit.scan`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from curation.origin import Reading
from curation.sources.archive import members
from indexer.errors import InputError

_ARCHIVES = (".zip", ".whl", ".jar", ".crate", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_VERSION_CONTROL = {".git", ".hg", ".svn", ".jj"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to look at. `read` gives its bytes, or raises OSError or InputError; `file` is where it lies, if on disk as it is.

    `lines` are those that count, 1-based; None: all of them.
    """

    path: str
    size: int
    read: Callable[[], bytes]
    file: Path | None = None
    lines: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not looked at, and why."""

    path: str
    size: int
    reason: str


@dataclass(slots=True)
class Ignored:
    """How many files and folders the ignore rules left out."""

    count: int = 0


def entries(paths: Sequence[Path], exclude: Sequence[str], ignored: Ignored) -> Iterator[Entry | Skipped]:
    """The files of some paths, in the order of their names. Raises InputError where a path is not there."""
    excluded = GitIgnoreSpec.from_lines(exclude)
    for path in paths:
        if not os.path.lexists(path):
            raise InputError(f"{path}: no such file or folder; wanted files, folders or archives to audit")
        if path.is_dir():
            folder = path.resolve()
            yield from _folder(folder, shown(path), _Rules.above(folder), excluded, ignored)
        elif is_archive(path):
            yield from _archive(path, excluded, ignored)
        else:
            yield from _file(path, shown(path))


def without_excluded(found: Iterable[Entry | Skipped], exclude: Sequence[str], ignored: Ignored) -> Iterator[Entry | Skipped]:
    """What the settings do not leave out, of files that somebody else has listed."""
    excluded = GitIgnoreSpec.from_lines(exclude)
    for entry in found:
        if excluded.match_file(entry.path):
            ignored.count += 1
        else:
            yield entry


def shown(path: Path) -> str:
    """How reports name a path: relative to the working folder where it lies inside, else to itself. Folder "." -> "" """
    here = Path.cwd().resolve()
    full = path.parent.resolve() / path.name if path.name not in ("", "..") else path.resolve()
    if full.is_relative_to(here):
        relative = full.relative_to(here).as_posix()
        return "" if relative == "." else relative
    return "" if path.is_dir() else full.name


def is_archive(path: Path) -> bool:
    """Whether a file of this name is opened and its members audited."""
    return path.name.lower().endswith(_ARCHIVES)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The .gitignore files that hold in a folder, the outermost first."""

    specs: tuple[tuple[Path, GitIgnoreSpec], ...]

    @classmethod
    def above(cls, folder: Path) -> _Rules:
        """Those of the repository's folders above, and its private exclude file."""
        top = _repository_of(folder)
        if top is None:
            return cls(())
        rules = cls(()).with_file(top, top / ".git" / "info" / "exclude")
        inside = folder.relative_to(top).parts
        for depth in range(len(inside)):
            parent = top.joinpath(*inside[:depth])
            rules = rules.with_file(parent, parent / ".gitignore")
        return rules

    def with_file(self, folder: Path, file: Path) -> _Rules:
        """These and those of one more file, if it is there."""
        try:
            lines = file.read_text("utf-8", "replace").splitlines()
        except OSError:
            return self
        return _Rules((*self.specs, (folder, GitIgnoreSpec.from_lines(lines))))

    def leave_out(self, path: Path, is_folder: bool) -> bool:
        """Whether the innermost rule that speaks of a path ignores it."""
        for folder, spec in reversed(self.specs):
            verdict = spec.check_file(path.relative_to(folder).as_posix() + ("/" if is_folder else "")).include
            if verdict is not None:
                return verdict
        return False


def _repository_of(folder: Path) -> Path | None:
    """The top of the git repository that a folder lies in."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def _folder(folder: Path, name: str, rules: _Rules, excluded: GitIgnoreSpec, ignored: Ignored) -> Iterator[Entry | Skipped]:
    rules = rules.with_file(folder, folder / ".gitignore")
    try:
        children = sorted(os.scandir(folder), key=lambda child: child.name)
    except OSError as error:
        yield Skipped(name or ".", 0, f"unreadable: {error.strerror}")
        return
    for child in children:
        path, its_name = Path(child.path), f"{name}/{child.name}" if name else child.name
        is_folder = child.is_dir(follow_symlinks=False)
        if is_folder and child.name in _VERSION_CONTROL:
            continue
        if rules.leave_out(path, is_folder) or excluded.match_file(its_name + ("/" if is_folder else "")):
            ignored.count += 1
        elif is_folder:
            yield from _folder(path, its_name, rules, excluded, ignored)
        else:
            yield from _file(path, its_name)


def _file(path: Path, name: str) -> Iterator[Entry | Skipped]:
    try:
        status = path.lstat()
    except OSError as error:
        yield Skipped(name, 0, f"unreadable: {error.strerror}")
        return
    if stat.S_ISLNK(status.st_mode):
        yield Skipped(name, 0, "link")
    elif not stat.S_ISREG(status.st_mode):
        yield Skipped(name, 0, "special file")
    elif is_archive(path):
        yield Skipped(name, status.st_size, "archive: name it as a PATH to audit its members")
    else:
        yield Entry(name, status.st_size, path.read_bytes, path)


def _archive(path: Path, excluded: GitIgnoreSpec, ignored: Ignored) -> Iterator[Entry | Skipped]:
    """The members, each read while the archive is. Raises InputError for a damaged archive and for a bomb."""
    reading = Reading()
    for member in members(path, reading):
        name = f"{shown(path)}/{member.path}"
        if excluded.match_file(name):
            ignored.count += 1
            continue
        yield Entry(name, member.size, member.read)
    for reason, count in sorted(reading.skipped.items()):
        yield from (Skipped(shown(path), 0, reason.replace("_", " ")) for _ in range(count))
