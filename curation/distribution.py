"""How does a release reach those who use it, and how do they learn that there is a newer one, or that theirs was withdrawn?

A place of distribution is a folder, which any web server may show to the world, or a git repository (`curation.hub`):

    releases.json              every version ever pushed, oldest first, and which are withdrawn
    NAME/VERSION/              in a folder: a release, TERMS.md in it

A copy appears whole or not at all, after its bytes were compared with the manifest. A withdrawn release keeps its manifest and has
WITHDRAWN.json beside it.

Not here: making releases (`curation.curate`), the text of the terms (`curation.terms`), what a list says (`curation.release_list`).
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from curation.hub import Progress, is_hub, push_to_hub, releases_in_hub, withdraw_in_hub
from curation.release_folder import MANIFEST, check_hashes, files_of, make_folder, new_folder, sha256
from curation.release_list import LISTING, Listed, Status, as_bytes, described, find, marked, parsed, status_of
from curation.terms import DEFAULT_TERMS, TERMS
from indexer.corpus import WITHDRAWN, Release
from indexer.disk import write_whole
from indexer.errors import BackendUnavailable, IndexNotFound, InputError

_SECONDS = 30.0


def push(release: Release, place: str, *, accept_terms: bool, progress: Progress | None = None) -> str:
    """Copies a release to a place of distribution and lists it there; returns where it stands. The same version twice is one.

    Raises InputError where the terms are not accepted, the release is withdrawn or none, or another of its name and version stands
    there; IndexCorrupt where it is damaged; IndexLocked; OutOfSpace; of a git repository also what `curation.hub` says.
    """
    release.refuse_withdrawn()
    listed = described(release)
    terms = release.path / TERMS
    text = terms.read_text("utf-8") if terms.is_file() else DEFAULT_TERMS
    if not accept_terms:
        raise InputError(f"{release.path}: whoever passes it on accepts its terms of use first, with --accept-terms:\n\n{text}")
    if is_hub(place):
        check_hashes(release)
        push_to_hub(release, listed, place, text, progress)
        return place
    if "://" in place:
        raise InputError("push goes to a folder, or with git+ before its URL to a git repository: git+https://HOST/PATH")
    return str(_push_to_folder(release, listed, Path(place)))


def _push_to_folder(release: Release, listed: Listed, place: Path) -> Path:
    make_folder(place)
    target = place / listed.name / listed.version
    with _listing(place) as releases:
        if (target / MANIFEST).is_file() and sha256(target / MANIFEST) == listed.manifest_sha256:
            check_hashes(Release.open(target))
        else:
            with new_folder(target, force=False) as folder:
                _copy(release.path, folder)
                check_hashes(Release.open(folder))
        if not find(releases, listed.name, listed.version):
            releases.append(listed)
    return target


def status(release: Release, against: str) -> Status:
    """What a place of distribution, a folder, its URL or a git repository, says about a release that somebody holds.

    Raises InputError where it has no release of this name, BackendUnavailable where it does not answer.
    """
    return status_of(release, _read(against), against)


def withdraw(release: Release, reason: str, date: str, place: str | None = None) -> bool:
    """Marks a release as withdrawn, and says so in the place of distribution that it stands in, or in the git repository that is
    named; returns whether a list says so now. From then on it is neither indexed nor curated nor pushed.

    Raises InputError without a reason, or where the repository lists no such version; of a git repository what `curation.hub` says.
    """
    if not reason.strip():
        raise InputError("--reason: empty; say why, for those who hold a copy")
    if place is not None and not is_hub(place):
        raise InputError("--place takes git+URL, a git repository; in a folder, withdraw the copy that stands there: FOLDER/NAME/VERSION")
    mark = {"date": date, "reason": reason}
    name, version = str(release.manifest.get("name")), str(release.manifest.get("version"))
    if place is not None:
        withdraw_in_hub(place, name, version, mark)
    write_whole(release.path / WITHDRAWN, (json.dumps(mark, indent=2, ensure_ascii=False) + "\n").encode())
    folder = release.path.resolve().parents[1]
    if not (folder / LISTING).is_file():
        return place is not None
    with _listing(folder) as releases:
        is_listed = find(releases, name, version) is not None
        releases[:] = marked(releases, name, version, mark)
    return is_listed or place is not None


def _copy(source: Path, target: Path) -> None:
    for path in files_of(source):
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
        releases = parsed(file.read_bytes(), str(file)) if file.exists() else []
        yield releases
        write_whole(file, as_bytes(releases))


def _read(against: str) -> list[Listed]:
    if is_hub(against):
        return releases_in_hub(against)
    if against.startswith(("http://", "https://")):
        return parsed(_downloaded(against.rstrip("/") + f"/{LISTING}"), against)
    file = Path(against) / LISTING
    if not file.is_file():
        raise IndexNotFound(f"{against}: no releases were pushed here (no {LISTING}); name a folder or URL that has one")
    return parsed(file.read_bytes(), str(file))


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
