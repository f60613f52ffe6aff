"""Which versions were ever pushed to a place of distribution, which of them are withdrawn, and what does that say to a holder?

    releases.json     {"format": 1, "releases": [{name, version, date, previous_version, manifest_sha256, withdrawn}]}, oldest first

Not here: where the list stands and how it changes (`curation.distribution` for folders, `curation.hub` for git repositories).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from curation.release_folder import MANIFEST, sha256
from indexer.corpus import Release
from indexer.errors import IndexCorrupt, InputError

LISTING = "releases.json"
_FORMAT = 1
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


def described(release: Release) -> Listed:
    """A release as a list has it. Raises InputError for what is no release, or has a name or version that cannot name a folder."""
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


def find(releases: Sequence[Listed], name: str, version: str) -> Listed | None:
    """The entry of a version, None where there is none."""
    return next((each for each in releases if (each.name, each.version) == (name, version)), None)


def newest_usable(releases: Sequence[Listed]) -> Listed | None:
    """The latest date wins; of one date, what was pushed last."""
    usable = [(each.date, number, each) for number, each in enumerate(releases) if each.withdrawn is None]
    return max(usable, default=("", 0, None))[2]


def status_of(release: Release, releases: Sequence[Listed], where: str) -> Status:
    """What a list says about a release that somebody holds. Raises InputError where it has none of this name."""
    name, version, date = (str(release.manifest.get(key, "")) for key in ("name", "version", "date"))
    of_name = [each for each in releases if each.name == name]
    if not of_name:
        raise InputError(f"{where}: lists no release of the name {name}; name the place that {release.path} comes from")
    position = next((number for number, each in enumerate(of_name) if each.version == version), -1)
    withdrawn = release.withdrawn() or (of_name[position].withdrawn if position >= 0 else None)
    newer = [each for number, each in enumerate(of_name) if each.version != version and (each.date, number) > (date, position)]
    newest = newest_usable(newer)
    state: State = "withdrawn" if withdrawn else "outdated" if newest else "current"
    return Status(name, version, state, withdrawn, newest)


def marked(releases: Sequence[Listed], name: str, version: str, mark: dict[str, str]) -> list[Listed]:
    """The list, with one version withdrawn."""
    return [replace(each, withdrawn=mark) if (each.name, each.version) == (name, version) else each for each in releases]


def as_bytes(releases: Sequence[Listed]) -> bytes:
    """The list as it is written."""
    text = json.dumps({"format": _FORMAT, "releases": [asdict(each) for each in releases]}, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


def parsed(text: bytes, where: str) -> list[Listed]:
    """The list as it was read. Raises InputError for a later format, IndexCorrupt for what is no list."""
    try:
        value: Any = json.loads(text)
        if value["format"] != _FORMAT:
            raise InputError(f"{where}: format {value['format']!r}, this reader takes {_FORMAT}; upgrade wherefrom")
        return [Listed(**each) for each in value["releases"]]
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(f"{where}: no list of releases ({type(error).__name__}: {error}); push a release to it anew") from error
