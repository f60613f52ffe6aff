"""How does a release reach those who use it, and how do they learn that there is a newer one, or that theirs was withdrawn?

A place of distribution is a folder, which any web server may show to the world:

    releases.json              every version ever pushed, oldest first, and which are withdrawn
    NAME/VERSION/              a release, TERMS.md in it

A copy appears whole or not at all, after its bytes were compared with the manifest. A withdrawn release keeps its manifest and has
WITHDRAWN.json beside it.

Not here: making releases (`curation.curate`), the text of the terms (`curation.terms`).
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from curation.release_folder import MANIFEST, check_hashes, make_folder, new_folder, sha256
from curation.terms import DEFAULT_TERMS, TERMS
from indexer.corpus import WITHDRAWN, Release
from indexer.disk import write_whole
from indexer.errors import BackendUnavailable, IndexCorrupt, IndexNotFound, InputError

LISTING = "releases.json"
_FORMAT = 1
_SECONDS = 30.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")

State = Literal["current", "outdated", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A version in a place of distribution; `withdrawn` is null or {date, reason}."""

    name: str
    version: str
    date: str
    previous_version: str | None
    manifest_sha256: str
    withdrawn: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What the holder of a release should know: its state, why it was withdrawn, and the newest version that can be used."""

    name: str
    version: str
    state: State
    withdrawn: dict[str, str] | None
    newest: Listed | None


def push(release: Release, place: Path, *, accept_terms: bool) -> Path:
    """Copies a release into a place of distribution and lists it there; returns the copy's folder. The same version twice is one.

    Raises InputError where the terms are not accepted, the release is withdrawn or none, or another of its name and version stands
    there; IndexCorrupt where it is damaged; IndexLocked; OutOfSpace.
    """
    release.refuse_withdrawn()
    listed = _described(release)
    if not accept_terms:
        terms = release.path / TERMS
        text = terms.read_text("utf-8") if terms.is_file() else DEFAULT_TERMS
        raise InputError(f"{release.path}: whoever passes it on accepts its terms of use first, with --accept-terms:\n\n{text}")
    make_folder(place)
    target = place / listed.name / listed.version
    with _listing(place) as releases:
        if (target / MANIFEST).is_file() and sha256(target / MANIFEST) == listed.manifest_sha256:
            check_hashes(Release.open(target))
        else:
            with new_folder(target, force=False) as folder:
                _copy(release.path, folder)
                check_hashes(Release.open(folder))
        if not any((each.name, each.version) == (listed.name, listed.version) for each in releases):
            releases.append(listed)
    return target


def status(release: Release, against: str) -> Status:
    """What a place of distribution, a folder or a URL, says about a release that somebody holds.

    Raises InputError where it has no release of this name, BackendUnavailable where it does not answer.
    """
    name, version, date = (str(release.manifest.get(key, "")) for key in ("name", "version", "date"))
    releases = [each for each in _read(against) if each.name == name]
    if not releases:
        raise InputError(f"{against}: lists no release of the name {name}; name the place that {release.path} comes from")
    position = next((number for number, each in enumerate(releases) if each.version == version), -1)
    withdrawn = release.withdrawn() or (releases[position].withdrawn if position >= 0 else None)
    newer = [
        each
        for number, each in enumerate(releases)
        if each.withdrawn is None and each.version != version and (each.date, number) > (date, position)
    ]
    newest = max(newer, key=lambda each: (each.date, releases.index(each)), default=None)
    state: State = "withdrawn" if withdrawn else "outdated" if newest else "current"
    return Status(name, version, state, withdrawn, newest)


def withdraw(release: Release, reason: str, date: str) -> bool:
    """Marks a release as withdrawn, and says so in the place of distribution that it stands in; returns whether it stands in one.

    From then on it is neither indexed nor curated nor pushed.
    """
    if not reason.strip():
        raise InputError("--reason: empty; say why, for those who hold a copy")
    mark = {"date": date, "reason": reason}
    write_whole(release.path / WITHDRAWN, (json.dumps(mark, indent=2, ensure_ascii=False) + "\n").encode())
    name, version = release.manifest.get("name"), release.manifest.get("version")
    place = release.path.resolve().parents[1]
    if not (place / LISTING).is_file():
        return False
    with _listing(place) as releases:
        found = [number for number, each in enumerate(releases) if (each.name, each.version) == (name, version)]
        for number in found:
            releases[number] = Listed(**{**asdict(releases[number]), "withdrawn": mark})
    return bool(found)


def _described(release: Release) -> Listed:
    manifest = release.manifest
    if manifest.get("kind") != "release":
        raise InputError(f"{release.path}: {manifest.get('kind', 'no kind of release')}, not a release; make one with wherefrom curate")
    for key in ("name", "version"):
        if not _NAME.fullmatch(str(manifest.get(key, ""))):
            raise InputError(
                f"{release.path}: {key} {manifest.get(key)!r} cannot be a folder's name; use letters, digits and any of . _ + -"
            )
    return Listed(
        manifest["name"], manifest["version"], manifest["date"], manifest.get("previous_version"), sha256(release.path / MANIFEST)
    )


def _copy(source: Path, target: Path) -> None:
    """Regular files only: a link would lead out of the copy."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    if not (target / TERMS).is_file():
        (target / TERMS).write_text(DEFAULT_TERMS, "utf-8")


@contextmanager
def _listing(place: Path) -> Iterator[list[Listed]]:
    """The list of a folder, to be changed; it is written when the block ends well. One writer at a time, others wait."""
    with open(place / ".lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = place / LISTING
        releases = list(_parsed(file.read_bytes(), str(file))) if file.exists() else []
        yield releases
        text = json.dumps({"format": _FORMAT, "releases": [asdict(each) for each in releases]}, indent=2, ensure_ascii=False)
        write_whole(file, (text + "\n").encode())


def _read(against: str) -> Sequence[Listed]:
    if against.startswith(("http://", "https://")):
        return _parsed(_downloaded(against.rstrip("/") + f"/{LISTING}"), against)
    file = Path(against) / LISTING
    if not file.is_file():
        raise IndexNotFound(f"{against}: no releases were pushed here (no {LISTING}); name a folder or URL that has one")
    return _parsed(file.read_bytes(), str(file))


def _downloaded(url: str) -> bytes:
    try:
        answer = httpx.get(url, timeout=_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BackendUnavailable(f"{url}: does not answer ({type(error).__name__}: {error}); try again later") from error
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise IndexNotFound(f"{url}: not there; name the URL of a place that releases were pushed to")
    if answer.status_code != httpx.codes.OK:
        raise BackendUnavailable(f"{url}: answers {answer.status_code}; try again later")
    return answer.content


def _parsed(text: bytes, where: str) -> Sequence[Listed]:
    try:
        value: Any = json.loads(text)
        if value["format"] != _FORMAT:
            raise InputError(f"{where}: format {value['format']!r}, this reader takes {_FORMAT}; upgrade wherefrom")
        return [Listed(**each) for each in value["releases"]]
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(f"{where}: no list of releases ({type(error).__name__}: {error}); push a release to it anew") from error
