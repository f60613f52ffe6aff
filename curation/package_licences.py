"""Under which licence is a Python or npm package, by what its metadata and licence files say?

The order of trust: License-Expression, one clear classifier, the License field, several classifiers (all hold), the
licence files, at last a family without a version such as "BSD". NONE means that nothing is there, NOASSERTION that
something is there and not understood.

Not here: names and categories of licences (`indexer.licences`), recognising texts (`curation.licence_detection`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curation.licence_detection import licence_of_text, licence_of_texts
from curation.licence_texts import LegalTexts
from curation.origin import Licence, licence
from indexer.licences.categories import normalize

_TROVE = "License :: "
# classifiers that mean more or less than their words say; None: a family with no version, or nothing
_TROVE_NAMES = {
    "Academic Free License (AFL)": None,
    "Apache Software License": "Apache-2.0",
    "Apple Public Source License": None,
    "CMU License (MIT-CMU)": "MIT-CMU",
    "Eiffel Forum License (EFL)": None,
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "Python Software Foundation License": "PSF-2.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
}
_PARENTHESIS = re.compile(r"\(([^()]+)\)$")
_NO_LICENCE = frozenset({"License :: OSI Approved", "License :: DFSG approved"})
_EMPTY = frozenset({"", "unknown", "none", "see license", "see license file", "dual license", "other"})
# file name -> the table of it that has the key `license`
_MANIFESTS = {"package.json": (), "pyproject.toml": ("project",), "cargo.toml": ("package",)}
_LONGEST_NAME = 200  # characters; a longer License field is the licence's text


def python_licence(expression: str | None, classifiers: Sequence[str], field: str | None, texts: LegalTexts) -> Licence:
    """The licence of a Python distribution from core metadata and licence files."""
    trove = [name for name in classifiers if name.startswith(_TROVE) and name not in _NO_LICENCE]
    known = list(dict.fromkeys(name for entry in trove if (name := _trove_name(entry))))
    stated = _field_name(field)
    for candidate in (
        normalize(expression),
        known[0] if len(known) == 1 and len(trove) == 1 and _is_exact(known[0]) else None,
        stated if _is_exact(stated) else None,
        " AND ".join(known) if known and all(map(_is_exact, known)) else None,
    ):
        if candidate:
            return licence(candidate, "package")
    if from_files := licence_of_texts(text for _, text in texts.licences):
        return licence(from_files, "license_file")
    if family := stated or " AND ".join(known):
        return licence(family, "package")
    is_stated = bool(expression or trove or (field or "").strip().lower() not in _EMPTY or texts.licences)
    return licence("NOASSERTION", "package" if not texts.licences else "license_file") if is_stated else licence("NONE", None)


def npm_licence(package: Mapping[str, Any], texts: LegalTexts) -> Licence:
    """The licence of an npm package: `license`, the old `licenses` (a choice), then its licence files."""
    names = list(_npm_names(package))
    found = [normalize(name) for name in names]
    if found and all(found):
        return licence(" OR ".join(_grouped(found)), "package")
    if from_files := licence_of_texts(text for _, text in texts.licences):
        return licence(from_files, "license_file")
    return licence("NOASSERTION", "package") if names else licence("NONE" if not texts.licences else "NOASSERTION", None)


def is_manifest(path: str) -> bool:
    """Whether a file of this name describes a package and may state its licence. "web/package.json" -> True"""
    return path.rpartition("/")[2].lower() in _MANIFESTS


def manifest_licence(path: str, text: str) -> str | None:
    """The SPDX expression that a package's description in a source tree states; None where it states none that is known."""
    name = path.rpartition("/")[2].lower()
    try:
        value = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    for key in (*_MANIFESTS[name], "license"):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):  # pyproject.toml of old: {text = "MIT"}; npm of old: {"type": "MIT"}
        value = value.get("text") or value.get("type")
    found = normalize(value.replace("/", " OR ")) if isinstance(value, str) and len(value) <= _LONGEST_NAME else None
    return None if found in (None, "NONE", "NOASSERTION") or not _is_exact(found) else found


def files_licence(texts: LegalTexts) -> Licence:
    """The licence of a folder or repository by its licence files alone."""
    if not texts.licences:
        return licence("NONE", None)
    return licence(licence_of_texts(text for _, text in texts.licences) or "NOASSERTION", "license_file")


def _trove_name(classifier: str) -> str | None:
    name = classifier.rpartition(" :: ")[2]
    if name in _TROVE_NAMES:
        return _TROVE_NAMES[name]
    short = _PARENTHESIS.search(name)
    return normalize(name) or (normalize(short[1]) if short else None)


def _field_name(field: str | None) -> str | None:
    text = (field or "").strip()
    if text.lower() in _EMPTY:
        return None
    return normalize(text) if len(text) <= _LONGEST_NAME and "\n" not in text else licence_of_text(text)


def _is_exact(expression: str | None) -> bool:
    """Whether the expression names licences, not just families of them."""
    return expression is not None and "LicenseRef-" not in expression


def _npm_names(package: Mapping[str, Any]) -> Iterable[str]:
    stated = package.get("license") or package.get("licenses")
    for entry in stated if isinstance(stated, list) else [stated]:
        name = entry.get("type") if isinstance(entry, dict) else entry
        if isinstance(name, str) and name.strip():
            yield name


def _grouped(expressions: Iterable[str | None]) -> list[str]:
    unique = list(dict.fromkeys(expression for expression in expressions if expression))
    return [f"({expression})" if " " in expression and len(unique) > 1 else expression for expression in unique]
