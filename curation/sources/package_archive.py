"""Which source files does a package in a file consist of?

    sdist:requests-2.32.tar.gz     Python, metadata from PKG-INFO
    wheel:rich-14.0-py3-none.whl   Python, metadata from METADATA
    npm:left-pad-1.3.0.tgz         npm, metadata from package.json

The archive is read twice: once in full for its metadata and licence, so that a damaged one gives no rows, then for its files.

Not here: reading archives safely (`curation.sources.archive`), what metadata means (`curation.metadata`).
"""

from __future__ import annotations

import email
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from curation.licence_texts import LegalTexts, is_legal_name, legal_texts
from curation.metadata import npm_origin, python_origin
from curation.origin import Origin, Reading, Source, SourceFile
from curation.sources.archive import members, reason_to_skip
from indexer.errors import InputError

Kind = Literal["sdist", "wheel", "npm"]
_METADATA = {"sdist": "PKG-INFO", "wheel": "METADATA", "npm": "package.json"}


@dataclass(frozen=True, slots=True)
class _Survey:
    """What the first reading found: the folder that all paths begin with ("" for none), the metadata, the legal texts."""

    root: str
    metadata: bytes
    texts: LegalTexts


def package_archive(kind: Kind, location: str) -> Source:
    """The source for one archive. Raises InputError where there is no such file."""
    archive = Path(location)
    if not archive.is_file():
        raise InputError(f"{kind}:{location}: no such file")

    def files(reading: Reading) -> Iterator[SourceFile]:
        survey = _survey(kind, archive)
        origin = _origin(kind, archive, survey)
        taken: set[str] = set()
        for member in members(archive, reading):
            path = member.path.removeprefix(survey.root)
            if _is_package_metadata(kind, path):
                continue
            if reason := reason_to_skip(member, path in taken):
                reading.skip(reason)
                continue
            taken.add(path)
            yield SourceFile(origin, path, member.read())

    return files


def _survey(kind: Kind, archive: Path) -> _Survey:
    """Reads everything that will be used, which checks it."""
    metadata: tuple[str, bytes] | None = None
    legal: list[tuple[str, bytes]] = []
    for member in members(archive, Reading()):
        if reason_to_skip(member, False):
            continue
        content = member.read()
        if _holds_metadata(kind, member.path) and metadata is None:
            metadata = (member.path, content)
        elif is_legal_name(member.path):
            legal.append((member.path, content))
    if metadata is None:
        wanted = _METADATA[kind]
        raise InputError(f"{archive}: no {wanted} where a package of kind {kind} has it; is it of another kind (sdist, wheel, npm)?")
    folder = metadata[0].rpartition("/")[0]
    root = "" if kind == "wheel" or not folder else folder + "/"
    legal_folder = folder + "/" if kind == "wheel" else root
    inner = [(path.removeprefix(legal_folder), content) for path, content in legal if path.startswith(legal_folder)]
    is_near = [(path, content) for path, content in inner if kind == "wheel" or path.count("/") == 0 or path.startswith("LICENSES/")]
    return _Survey(root, metadata[1], legal_texts(is_near))


def _origin(kind: Kind, archive: Path, survey: _Survey) -> Origin:
    text = survey.metadata.decode("utf-8", "replace")
    if kind == "npm":
        try:
            package = json.loads(text)
        except ValueError as error:
            raise InputError(f"{archive}: package.json is not JSON ({error}); fetch it again") from error
        if not (isinstance(package, dict) and package.get("name") and package.get("version")):
            raise InputError(f"{archive}: package.json names no name and version; is this a published package?")
        return npm_origin(package, survey.texts, kind)
    message = email.message_from_string(text)
    if not (message.get("Name") and message.get("Version")):
        raise InputError(f"{archive}: {_METADATA[kind]} names no Name and Version; is this a published package?")
    return python_origin(message, survey.texts, kind)


def _holds_metadata(kind: Kind, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name == _METADATA[kind] and "/" not in folder and (kind != "wheel" or folder.endswith(".dist-info"))


def _is_package_metadata(kind: Kind, path: str) -> bool:
    """Files that describe a Python package instead of being its source; npm's package.json is source as well."""
    if kind == "npm":
        return False
    folders = path.split("/")[:-1]
    return path == "PKG-INFO" or any(folder.endswith((".dist-info", ".egg-info")) for folder in folders)
