"""Which real licence texts and file headers have a licence that somebody else wrote down?

    a package that states one SPDX licence (License-Expression, package.json) and carries one licence file: that file's text;
    of the workload's packages and of the Python packages installed here
    a stanza of a machine-readable debian/copyright whose name the format itself defines: the stanza's text; of the workload's packages
    and of the Debian packages installed here
    a source file that a `Files:` stanza of such a debian/copyright gives by its full path, so that somebody looked at this very file,
    and that disclaims a warranty near its top, as a licence notice does and a pointer to the LICENSE file does not

Not here: what detectors make of them (`licences`), fetching packages (`download`).
"""

from __future__ import annotations

import email
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from indexer.licences.categories import normalize
from tests.bench.download import Fetched
from tests.bench.extract import members
from tests.bench.languages import LANGUAGE_OF

_LICENCE_FILE = re.compile(r"(licen[sc]e|copying)([-._].*)?", re.IGNORECASE)
_SHORTEST = 20  # words
HEADER_BYTES = 6000
_REFERENCE = "/usr/share/common-licenses"

# The names that the format defines for itself (DEP-5), as SPDX calls them; other names are each packager's own
_DEP5 = {
    "expat": "MIT",
    "isc": "ISC",
    "zlib": "Zlib",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "apache-1.0": "Apache-1.0",
    "apache-1.1": "Apache-1.1",
    "apache-2.0": "Apache-2.0",
    "artistic-1.0": "Artistic-1.0",
    "artistic-2.0": "Artistic-2.0",
    "cc0-1.0": "CC0-1.0",
    "cc0": "CC0-1.0",
    "cpl-1.0": "CPL-1.0",
    "mpl-1.0": "MPL-1.0",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "w3c": "W3C",
    "zope-2.1": "ZPL-2.1",
    "lppl-1.3c": "LPPL-1.3c",
}
# Words that a text under the licence cannot be without, and words that it cannot hold: where they say otherwise, the label is wrong
_NEEDED = {
    "MIT": r"permission is hereby granted, free of charge",
    "ISC": r"permission to use, copy, modify",
    "Zlib": r"misrepresented",
    "BSD-2-Clause": r"redistribution and use",
    "BSD-3-Clause": r"redistribution and use.*endorse",
    "BSD-4-Clause": r"redistribution and use.*advertising materials",
    "Apache-2.0": r"apache license",
    "CC0-1.0": r"cc0|publicdomain/zero",
}
_FORBIDDEN = {"BSD-2-Clause": r"endorse", "BSD-3-Clause": r"advertising materials"}
_GNU_NAMES = {"GPL": "gnu general public", "LGPL": "gnu (lesser|library)( or lesser)? general public", "AGPL": "gnu affero general public"}
_GNU = re.compile(r"(a?gpl|lgpl)-(\d)(?:\.(\d))?(\+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Truth:
    """A text, the licence it is known to be under, who says so, and where it stands."""

    text: str
    licence: str
    by: str
    where: str


@dataclass(frozen=True, slots=True)
class _Stanza:
    """One paragraph of debian/copyright: the patterns of `Files:`, the licence's name, its text."""

    patterns: tuple[str, ...]
    name: str
    text: str


def licence_texts(fetched: Fetched) -> Iterator[Truth]:
    """The licence texts of one package whose licence is known."""
    if fetched.package.kind == "deb":
        for stanza in _copyright_of(fetched):
            yield from _of_stanza(stanza, fetched.package.repository)
    else:
        yield from _of_package(*_stated(fetched), fetched.package.repository)


def python_texts() -> Iterator[Truth]:
    """The licence texts of the Python packages installed here whose licence is known."""
    for package in sorted(distributions(), key=lambda each: each.metadata["Name"]):
        files = [each for each in package.files or () if ".dist-info/" in str(each) and _LICENCE_FILE.fullmatch(each.name)]
        texts = {str(each): Path(str(each.locate())).read_text("utf-8", "replace") for each in files}
        yield from _of_package((package.metadata.get_all("License-Expression") or [""])[0], texts, f"installed {package.metadata['Name']}")


def debian_texts() -> Iterator[Truth]:
    """The licence texts of the Debian packages installed here whose licence is known; none on other systems."""
    for path in sorted(Path("/usr/share/doc").glob("*/copyright")):
        for stanza in _stanzas(path.read_text("utf-8", "replace")):
            yield from _of_stanza(stanza, f"installed {path.parent.name}")


def _of_stanza(stanza: _Stanza, where: str) -> Iterator[Truth]:
    licence = spdx_of(stanza.name)
    if licence and _REFERENCE not in stanza.text and not _GNU.match(stanza.name) and _is_text(stanza.text):
        yield Truth(stanza.text, licence, "debian/copyright", f"{where} {stanza.name}")


def _of_package(stated: str, texts: dict[str, str], where: str) -> Iterator[Truth]:
    licence = normalize(stated)
    if licence and licence not in ("NONE", "NOASSERTION") and " " not in licence and "LicenseRef" not in licence and len(texts) == 1:
        ((path, text),) = texts.items()
        if _is_text(text):
            yield Truth(text, licence, "package metadata", f"{where} {path}")


def spdx_of(name: str) -> str | None:
    """The SPDX id of a name that DEP-5 defines; None for every other. "GPL-2+" -> "GPL-2.0-or-later" """
    if found := _GNU.fullmatch(name):
        family, major, minor, later = found.groups()
        return normalize(f"{family}-{major}.{minor or 0}-{'or-later' if later else 'only'}")
    return _DEP5.get(name.lower())


def file_headers(fetched: Fetched) -> Iterator[Truth]:
    """The source files with a licence notice that debian/copyright gives one by one."""
    licences = {path: spdx_of(stanza.name) for stanza in _copyright_of(fetched) for path in stanza.patterns if not set(path) & set("*?")}
    if not any(licences.values()):
        return
    for archive in (each for each in fetched.archives if ".orig" in each.name and ".tar" in each.name):
        for path, data in members(archive):
            extension = path.rpartition(".")[2].lower()
            text = data[:HEADER_BYTES].decode("utf-8", "replace")
            if extension in LANGUAGE_OF and (licence := licences.get(path)) and re.search(r"warrant(y|ies)", text, re.IGNORECASE):
                yield Truth(text, licence, "debian/copyright", f"{fetched.package.repository} {path}")


def is_plausible(text: str, licence: str) -> bool:
    """Whether a text holds the words that its label's licence cannot be without."""
    words = re.sub(r"[\s#*/;%]+", " ", text.lower())
    if gnu := re.fullmatch(r"(A?GPL|LGPL)-(\d)\.(\d)-(only|or-later)", licence):
        family, major, minor, later = gnu.groups()
        version = rf"version {major}(\.{minor})?(?!\.?\d)" if minor == "0" else rf"version {major}\.{minor}"
        is_later = re.search(r"(any|or) later", words) is not None
        return bool(re.search(_GNU_NAMES[family], words) and re.search(version, words)) and is_later == (later == "or-later")
    forbidden = _FORBIDDEN.get(licence)
    return re.search(_NEEDED.get(licence, ""), words) is not None and not (forbidden and re.search(forbidden, words))


def _is_text(text: str) -> bool:
    return len(text.split()) >= _SHORTEST


def _stated(fetched: Fetched) -> tuple[str, dict[str, str]]:
    """What a wheel or npm package states, and its licence files."""
    stated, texts = "", {}
    for archive in fetched.archives:
        for path, data in members(archive):
            name = path.rpartition("/")[2]
            if path == "package.json":
                licence = json.loads(data).get("license")
                stated = licence if isinstance(licence, str) else ""
            elif path.endswith(".dist-info/METADATA"):
                stated = email.message_from_bytes(data).get("License-Expression") or ""
            elif _LICENCE_FILE.fullmatch(name) and ("/" not in path or ".dist-info/" in path):
                texts[path] = data.decode("utf-8", "replace")
    return stated, texts


def _copyright_of(fetched: Fetched) -> list[_Stanza]:
    for archive in fetched.archives:
        if ".debian.tar" in archive.name:
            for path, data in members(archive):
                if path in ("copyright", "debian/copyright"):
                    return _stanzas(data.decode("utf-8", "replace"))
    return []


def _stanzas(text: str) -> list[_Stanza]:
    if not re.match(r"Format(-Specification)?:", text.lstrip()):
        return []
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = dict(re.findall(r"(?m)^([A-Z][\w-]*):[ \t]*(.*(?:\n[ \t]+.*)*)", paragraph))
        if "License" in fields:
            name, _, body = fields["License"].partition("\n")
            lines = [line.strip() for line in body.splitlines()]
            found.append(
                _Stanza(tuple(fields.get("Files", "").split()), name.strip(), "\n".join("" if line == "." else line for line in lines))
            )
    return found
