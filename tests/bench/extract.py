"""Which files of a package belong to the corpus? Real source code: UTF-8 text of a known language, neither minified nor huge.

Not here: how packages are fetched (`download`), how duplicates between packages go (`corpus`).
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.download import Fetched
from tests.bench.languages import LANGUAGE_OF

MAX_FILE_BYTES = 1_000_000
MAX_MEAN_LINE = 300
PACKAGE_CAP_BYTES = 5_000_000  # so that no project dominates the corpus

_COMPONENT = re.compile(r"\.orig-([^.]+)\.tar")
_METADATA_LICENCES = (
    r"^License-Expression: (.+)",
    r"^Classifier: License :: (?:OSI Approved :: )?(.+)",
    r"^License: (.{1,80})",
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of one package; `sha1` is that of the text, not of a git blob."""

    repository: str
    path: str
    language: str
    licence: str
    sha1: str
    content: str


def source_files(fetched: Fetched, cap_bytes: int | None) -> list[SourceFile]:
    """The package's source files; with a cap, the first in the order of their sha1 that fit under it."""
    texts: list[tuple[str, str, str]] = []
    about: dict[str, bytes] = {}
    for archive in fetched.archives:
        if archive.name.endswith((".dsc", ".diff.gz")):
            continue
        for path, data in members(archive):
            if ".debian.tar" in archive.name:
                about[path if path.startswith("debian/") else f"debian/{path}"] = data
                continue
            if path == "package.json" or path.endswith("dist-info/METADATA"):
                about[path] = data
            if text := _source_text(path, data):
                texts.append((_prefix(archive) + path, *text))
    licence = _licence(fetched.package.kind, about)
    repository = fetched.package.repository
    files = [SourceFile(repository, path, language, licence, _sha1(text), text) for path, language, text in texts]
    return files if cap_bytes is None else _capped(files, cap_bytes)


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _capped(files: list[SourceFile], cap_bytes: int) -> list[SourceFile]:
    used, kept = 0, []
    for file in sorted(files, key=lambda file: (file.sha1, file.path)):
        size = len(file.content.encode())
        if used + size <= cap_bytes:
            used += size
            kept.append(file)
    return kept


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Regular files of bounded size; a tarball's first folder is dropped from the paths."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if not entry.is_dir() and entry.file_size <= MAX_FILE_BYTES:
                    yield entry.filename, packed.read(entry)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.size <= MAX_FILE_BYTES and (stream := tar.extractfile(member)):
                yield member.name.split("/", 1)[-1], stream.read()


def _prefix(archive: Path) -> str:
    """A Debian source of several upstream tarballs keeps each under its own name. "x.orig-docs.tar.gz" -> "docs/" """
    component = _COMPONENT.search(archive.name)
    return f"{component.group(1)}/" if component else ""


def _source_text(path: str, data: bytes) -> tuple[str, str] | None:
    """(language, text) of a file that is source code, else None."""
    extension = path.rsplit(".", 1)[-1].lower() if "." in path else ""
    if extension not in LANGUAGE_OF or path.endswith(".min.js") or not data or b"\0" in data:
        return None
    if len(data) / (data.count(b"\n") + 1) > MAX_MEAN_LINE:
        return None
    try:
        return LANGUAGE_OF[extension], data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _licence(kind: str, about: dict[str, bytes]) -> str:
    """What the package says of its licence in its own words; "unknown" where it says nothing that can be read."""
    if kind == "npm":
        return _npm_licence(about.get("package.json", b"{}"))
    if kind == "py":
        metadata = next((data for path, data in about.items() if path.endswith(".dist-info/METADATA")), b"")
        return _first(_METADATA_LICENCES, metadata.decode("utf-8", "replace").split("\n\n", 1)[0], re.MULTILINE)
    copyright_file = about.get("debian/copyright", b"").decode("utf-8", "replace")
    general = re.search(r"^Files:\s*\*.*?^License:\s*(.+?)$", copyright_file, re.MULTILINE | re.DOTALL)
    return general.group(1).strip()[:80] if general else _first((r"^License:\s*(.+)$",), copyright_file, re.MULTILINE)[:80]


def _first(patterns: tuple[str, ...], text: str, flags: re.RegexFlag) -> str:
    found = next((match for pattern in patterns if (match := re.search(pattern, text, flags))), None)
    return found.group(1).strip() if found else "unknown"


def _npm_licence(package_json: bytes) -> str:
    try:
        licence = json.loads(package_json).get("license", "unknown")
    except ValueError:
        return "unknown"
    return licence if isinstance(licence, str) else str(licence.get("type", "unknown")) if isinstance(licence, dict) else "unknown"
