"""How is a commit made and sent to a git repository elsewhere, large files first, without a check-out?

A bare clone of the newest commit alone, in a folder that is thrown away; blobs go into it as they are, large files as links in its
store of Git LFS. Git's words about a failure become our errors.

Not here: what goes into the commit (`curation.hub`), cloning sources to read them (`curation.sources.git_clone`).
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from curation.origin import without_secrets
from curation.sources.git_plumbing import QUIET, git_environment
from indexer.errors import AccessRefused, BackendUnavailable, IndexLocked, IndexNotFound, InputError, TimedOut, WherefromError

_SCHEMES = ("https", "http", "ssh", "file")
_SETTINGS = (
    *QUIET,
    *("-c", "protocol.allow=never", "-c", "gc.auto=0"),
    *("-c", "lfs.locksverify=false"),  # few hubs have locks, and a release needs none
    *(part for scheme in _SCHEMES for part in ("-c", f"protocol.{scheme}.allow=always")),
)
_SECONDS = 600.0  # for anything but large files, whose client gives up by itself when nothing moves
_LARGE_AT_ONCE = 1_000
_ROLES = ("AUTHOR", "COMMITTER")
_SIGNATURE = {f"GIT_{role}_NAME": "wherefrom" for role in _ROLES} | {f"GIT_{role}_EMAIL": "noreply@wherefrom.invalid" for role in _ROLES}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_REFUSED = re.compile(
    r"could not read (username|password)|terminal prompts disabled|authentication (failed|required)|permission denied|access denied"
    r"|not authorized|authorization error|unable to access .*(401|403)|\b40[13]\b|insufficient permission|unable to write"
    r"|hook declined|protected branch|remote rejected",
    re.IGNORECASE,
)
_NO_REPOSITORY = re.compile(r"not found|not exist|no such (file|device|repo)|not appear to be a git repository|\b404\b", re.IGNORECASE)
_OVERTAKEN = re.compile(r"non-fast-forward|fetch first|stale info|cannot lock ref|incorrect old value", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Clone:
    """A bare clone: the repository's URL, the folder, the branch, the newest commit there (None in an empty repository)."""

    place: str
    folder: Path
    branch: str
    tip: str | None

    def check_lfs(self) -> None:
        """Raises InputError where Git LFS is not installed."""
        try:
            self._git("lfs", "version")
        except WherefromError:
            raise InputError(
                "git-lfs is not installed, and large files go through it; install it (Debian: apt-get install git-lfs)"
            ) from None

    def names(self) -> frozenset[str]:
        """What stands at the root of the newest commit."""
        return frozenset(self._git("ls-tree", "-z", "--name-only", self.tip).split("\0")) - {""} if self.tip else frozenset()

    def read(self, name: str) -> bytes:
        """A file of the newest commit."""
        return self._git("cat-file", "blob", f"{self.tip}:{name}").encode()

    def has(self, ref: str) -> bool:
        """Whether the repository has a branch or tag, asked there."""
        return bool(self._git("ls-remote", "origin", ref).strip())

    def check_name(self, ref: str) -> None:
        """Raises InputError for what git does not take as the name of a branch or tag."""
        try:
            self._git("check-ref-format", ref)
        except WherefromError:
            raise InputError(f"{ref.rpartition('/')[2]}: git takes no such name for a tag; choose another version") from None

    def commit(self, files: Mapping[str, Path], contents: Mapping[str, bytes], base: str | None, message: str, date: str) -> str:
        """A commit after the newest: `files` and `contents`, which wins, put into the tree of `base` or an empty one; returns its id.

        The same tree, message, date and commit before give the same id.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            paths = dict(files)
            for number, (name, content) in enumerate(contents.items()):
                paths[name] = Path(scratch, str(number))
                paths[name].write_bytes(content)
            listed = "".join(f"{path.resolve()}\n" for path in paths.values())
            blobs = self._git("hash-object", "-w", "--no-filters", "--stdin-paths", source=listed).split()
        self._git("read-tree", base or "--empty")
        entries = "".join(f"100644 {blob}\t{name}\0" for name, blob in zip(paths, blobs, strict=True))
        self._git("update-index", "-z", "--index-info", source=entries)
        parents = ["-p", self.tip] if self.tip else []
        return self._git("commit-tree", *parents, "-m", message, self._git("write-tree").strip(), date=date).strip()

    def push_large(self, files: Mapping[str, Path]) -> None:
        """Sends files by SHA-256 to the repository's store of large files, those that it lacks. Takes as long as it takes."""
        for digest, path in files.items():
            link = self.folder / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
        digests = sorted(files)
        for start in range(0, len(digests), _LARGE_AT_ONCE):
            self._git("lfs", "push", "--object-id", "origin", *digests[start : start + _LARGE_AT_ONCE], seconds=None)

    def may_push(self, commit: str, ref: str) -> None:
        """Raises what `push` would, for rights and for what others pushed, and changes nothing."""
        self._git("push", "--quiet", "--dry-run", "origin", f"{commit}:{ref}")

    def push(self, commit: str, ref: str) -> None:
        """Moves a branch forward to a commit, or makes a tag. Raises AccessRefused, IndexLocked where the branch has moved."""
        self._git("push", "--quiet", "origin", f"{commit}:{ref}")

    def _git(self, *arguments: str, source: str = "", seconds: float | None = _SECONDS, date: str = "") -> str:
        return _git(self.place, self.folder, ["-C", str(self.folder), *arguments], source, seconds, date)


@contextmanager
def clone_of(url: str) -> Iterator[Clone]:
    """A clone of a repository's newest commit, gone when the block ends.

    Raises InputError for a URL with credentials or of another kind, and without git; IndexNotFound, AccessRefused, BackendUnavailable,
    TimedOut.
    """
    _check(url)
    with tempfile.TemporaryDirectory(prefix="wherefrom-hub-") as scratch:
        folder = Path(scratch, "clone.git")
        options = ["--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--template="]
        _git(url, folder, ["clone", *options, "--", url, str(folder)])
        branch = _git(url, folder, ["-C", str(folder), "symbolic-ref", "HEAD"]).strip()
        tip = _git(url, folder, ["-C", str(folder), "for-each-ref", "--format=%(objectname)", branch]).strip()
        yield Clone(url, folder, branch, tip or None)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_secret = parts.password is not None or (parts.scheme in ("http", "https") and parts.username is not None) or parts.query
    except ValueError as error:
        raise InputError(f"git+URL: no URL ({error}); wanted git+https://HOST/PATH") from None
    if parts.scheme not in _SCHEMES or not parts.path.strip("/"):
        raise InputError(f"git+{without_secrets(url)}: wanted git+ and a URL of a git repository, by {', '.join(_SCHEMES)}")
    if is_secret:
        raise InputError(
            f"git+{without_secrets(url).partition('?')[0]}: the location holds a user, password or query, which would be written down;"
            " leave them out and give them to git's credential helper (git help gitcredentials)"
        )


def _git(place: str, folder: Path, arguments: list[str], source: str = "", seconds: float | None = _SECONDS, date: str = "") -> str:
    environment = git_environment(folder.parent) | _SIGNATURE
    if date:
        environment |= {f"GIT_{role}_DATE": f"{date}T00:00:00+00:00" for role in _ROLES}
    try:
        command = ["git", *_SETTINGS, *arguments]
        done = subprocess.run(  # noqa: S603 - a list, no shell; the URL stands behind `--`
            command, env=environment, input=source.encode(), capture_output=True, timeout=seconds, check=False
        )
    except FileNotFoundError:
        raise InputError("git is not installed; install it to reach git repositories") from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"{place}: git did not end after {_SECONDS:g} s; run again, what has arrived is not sent again") from None
    if done.returncode:
        raise _failure(place, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "surrogateescape")


def _failure(place: str, said: str) -> WherefromError:
    words = without_secrets(_CONTROL.sub(" ", said).strip())[:600] or "nothing"
    if _OVERTAKEN.search(words):
        return IndexLocked(f"{place}: somebody else pushed to it meanwhile (git says: {words}); run again")
    if _REFUSED.search(words):
        return AccessRefused(f"{place}: git says: {words}; this needs the right to write there, and credentials that git itself finds")
    if _NO_REPOSITORY.search(words):
        return IndexNotFound(f"{place}: no git repository (git says: {words}); make it at the hub first, or correct the location")
    return BackendUnavailable(f"{place}: git says: {words}; run again later, what has arrived is not sent again")
