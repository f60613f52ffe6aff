"""How does a release reach a git repository with Git LFS, such as a dataset of the Hugging Face hub?

    git+https://HOST/datasets/OWNER/NAME     git+ssh://git@HOST/PATH     git+file:///srv/demo.git

    root of the branch     the version pushed last, what `load_dataset` reads; releases.json and .gitattributes beside it
    tag VERSION            each version, at the commit that brought it

Large files go first; then one commit moves the branch. So a push that is cut off shows nothing, and the next sends what is missing.
Nothing is checked out: the commit is made of blobs, and the store of large files links to those of the release. Credentials are
git's own business (its credential helper, ssh's agent); a location that holds some is refused, so none get into a log.

Not here: folders as places (`curation.distribution`), what is in releases.json (`curation.release_list`), git itself (`curation.hub_git`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.hub_git import Clone, clone_of
from curation.release_folder import MANIFEST, files_of, sha256
from curation.release_list import LISTING, Listed, as_bytes, find, marked, newest_usable, parsed
from curation.terms import TERMS
from indexer.corpus import WITHDRAWN, Release
from indexer.errors import IndexNotFound, InputError

Progress = Callable[[int, int, str], None]
_PREFIX = "git+"
_ATTRIBUTES = ".gitattributes"
_FRESH = frozenset({_ATTRIBUTES, ".gitignore", "README.md", "LICENSE"})  # what hubs put into a new repository
_LARGE_SUFFIXES = (".parquet", ".png")
_LARGE_BYTES = 1_000_000  # the Hugging Face hub takes no more than 10 MB in git itself
_LFS = "filter=lfs diff=lfs merge=lfs -text"


@dataclass(frozen=True, slots=True)
class _Large:
    """A file that goes through Git LFS."""

    path: Path
    sha256: str
    n_bytes: int

    def pointer(self) -> bytes:
        """What git keeps in its place."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.n_bytes}\n".encode()


def is_hub(place: str) -> bool:
    """Whether a place of distribution is a git repository. "git+https://host/o/n" -> True"""
    return place.startswith(_PREFIX)


def push_to_hub(release: Release, listed: Listed, place: str, terms: str, progress: Progress | None = None) -> None:
    """Makes a release, whose bytes were checked, the newest of a repository. The same version twice is one.

    Raises InputError without git or git-lfs, for a location with credentials, a repository of something else, another release of
    this version, a newer one there; AccessRefused; IndexNotFound; IndexLocked where somebody else pushed meanwhile;
    BackendUnavailable.
    """
    with clone_of(place.removeprefix(_PREFIX)) as clone:
        clone.check_lfs()
        releases = _releases(clone, f"{release.path}: {place}")
        if known := find(releases, listed.name, listed.version):
            return _push_again(clone, listed, known, releases)
        _check_fits(clone, listed, releases)
        files, large = _sorted(release)
        contents = {
            TERMS: terms.encode(),
            LISTING: as_bytes([*releases, listed]),
            _ATTRIBUTES: _attributes(large),
            **{name: each.pointer() for name, each in large.items()},
        }
        commit = clone.commit(files, contents, None, f"{listed.name} {listed.version}", listed.date)
        clone.may_push(commit, clone.branch)
        if progress:
            progress(len(large), sum(each.n_bytes for each in large.values()), "sending large files")
        clone.push_large({each.sha256: each.path for each in large.values()})
        clone.push(commit, clone.branch)
        clone.push(commit, _tag(listed))


def releases_in_hub(place: str) -> list[Listed]:
    """Every version that was ever pushed to a repository. Raises IndexNotFound where that is none, AccessRefused, BackendUnavailable."""
    with clone_of(place.removeprefix(_PREFIX)) as clone:
        return _read(clone)


def withdraw_in_hub(place: str, name: str, version: str, mark: dict[str, str]) -> None:
    """Says in a repository's list that a version was withdrawn, and at its root where that is the version. Raises as `push_to_hub`."""
    with clone_of(place.removeprefix(_PREFIX)) as clone:
        releases = _read(clone)
        listed = find(releases, name, version)
        if listed is None:
            raise InputError(f"{place}: lists no {name} {version}; name the repository that it was pushed to")
        contents = {LISTING: as_bytes(marked(releases, name, version, mark))}
        if releases[-1] == listed:
            contents[WITHDRAWN] = (json.dumps(mark, indent=2, ensure_ascii=False) + "\n").encode()
        clone.push(clone.commit({}, contents, clone.tip, f"{name} {version} withdrawn", mark["date"]), clone.branch)


def _read(clone: Clone) -> list[Listed]:
    if LISTING not in clone.names():
        raise IndexNotFound(f"{clone.place}: no releases were pushed here (no {LISTING}); name a repository that has one")
    return parsed(clone.read(LISTING), clone.place)


def _releases(clone: Clone, where: str) -> list[Listed]:
    """What the repository lists; nothing where it is new."""
    names = clone.names()
    if LISTING in names:
        return parsed(clone.read(LISTING), clone.place)
    if foreign := sorted(names - _FRESH):
        raise InputError(f"{where}: holds {foreign[0]} and no {LISTING}; a release takes the whole of a repository, so name a new one")
    return []


def _check_fits(clone: Clone, listed: Listed, releases: Sequence[Listed]) -> None:
    if releases and releases[-1].name != listed.name:
        raise InputError(f"{clone.place}: holds releases of {releases[-1].name}; {listed.name} needs a repository of its own")
    newest = newest_usable(releases)
    if newest and newest.date > listed.date:
        raise InputError(
            f"{clone.place}: holds {newest.version} of {newest.date}, {listed.version} is of {listed.date};"
            " the newest version stands at a repository's root, so push in order, or withdraw the newer one"
        )
    clone.check_name(_tag(listed))
    if clone.has(_tag(listed)):
        raise InputError(f"{clone.place}: has a tag {listed.version} already, which is no release of its list; choose another version")


def _push_again(clone: Clone, listed: Listed, known: Listed, releases: Sequence[Listed]) -> None:
    """Nothing is left to do, but for the tag where a push ended right before it."""
    if known.manifest_sha256 != listed.manifest_sha256:
        raise InputError(f"{clone.place}: another {listed.name} {listed.version} stands there already; choose another version")
    if known.withdrawn:
        raise InputError(f"{clone.place}: {listed.version} was withdrawn there on {known.withdrawn['date']}; push a newer version")
    if clone.tip and releases[-1] == known and not clone.has(_tag(listed)):
        clone.push(clone.tip, _tag(listed))


def _tag(listed: Listed) -> str:
    return f"refs/tags/{listed.version}"


def _sorted(release: Release) -> tuple[dict[str, Path], dict[str, _Large]]:
    """The files of a release by path: those that git keeps itself, and the large ones."""
    files: dict[str, Path] = {}
    large: dict[str, _Large] = {}
    for path in files_of(release.path):
        name, n_bytes = path.relative_to(release.path).as_posix(), path.stat().st_size
        if path.suffix in _LARGE_SUFFIXES or (n_bytes > _LARGE_BYTES and name != MANIFEST):
            large[name] = _Large(path, release.manifest.get("hashes", {}).get(name) or sha256(path), n_bytes)
        else:
            files[name] = path
    return files, large


def _attributes(large: dict[str, _Large]) -> bytes:
    """Which files go through Git LFS; no byte of the others is changed at a check-out either."""
    named = (name for name in sorted(large) if not name.endswith(_LARGE_SUFFIXES))
    lines = ["* -text", *(f"*{suffix} {_LFS}" for suffix in _LARGE_SUFFIXES), *(f"{json.dumps('/' + name)} {_LFS}" for name in named)]
    return ("\n".join(lines) + "\n").encode()
