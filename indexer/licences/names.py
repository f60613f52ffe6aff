"""Which SPDX id does a person mean by this licence name?

    "Apache License, Version 2.0" -> "Apache-2.0"      "GPLv2+" -> "GPL-2.0-or-later"      "Expat" -> "MIT"

A name that stands for a family, such as plain "BSD", is not one licence. It becomes a reference of ours
("LicenseRef-BSD"): a valid SPDX expression that claims no more than is known, in a category all the family shares.

Not here: expressions of several licences and their categories (`indexer.licences.categories`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from indexer.answers import LicenseType

# ScanCode LicenseDB category -> ours; every other category (proprietary, source-available, unstated, ...) is "other"
_TYPES: dict[str, LicenseType] = {
    "Permissive": "permissive",
    "Public Domain": "permissive",
    "Copyleft Limited": "weak_copyleft",
    "Copyleft": "copyleft",
}

# names that say a family and no version; the type is the one that all its members share
FAMILIES: dict[str, tuple[str, LicenseType]] = {
    "bsd": ("LicenseRef-BSD", "permissive"),
    "bsd style": ("LicenseRef-BSD", "permissive"),
    "apache": ("LicenseRef-Apache", "permissive"),
    "mpl": ("LicenseRef-MPL", "weak_copyleft"),
    "agpl": ("LicenseRef-AGPL", "copyleft"),
}

# names that are no variant of an SPDX id's spelling, in the form of `_key`
_ALIASES = {
    "gpl": "GPL-1.0-or-later",  # the licence itself says: without a version number, any version
    "lgpl": "LGPL-2.0-or-later",
    "expat": "MIT",
    "mit expat": "MIT",
    "mit x11": "MIT",
    "x11 mit": "MIT",
    "apache 2": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "asl 2": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "bsd new": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "bsd 3": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "three clause bsd": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "freebsd": "BSD-2-Clause",
    "2 clause bsd": "BSD-2-Clause",
    "bsd 2": "BSD-2-Clause",
    "bsd2": "BSD-2-Clause",
    "two clause bsd": "BSD-2-Clause",
    "zero clause bsd": "0BSD",
    "mit no attribution": "MIT-0",
    "iscl": "ISC",
    "psf": "PSF-2.0",
    "psfl": "PSF-2.0",
    "python foundation": "PSF-2.0",
    "mpl 2": "MPL-2.0",
    "mozilla public 2.0": "MPL-2.0",
    "mozilla public 1.1": "MPL-1.1",
    "mozilla public 1.0": "MPL-1.0",
    "eclipse public 1.0": "EPL-1.0",
    "eclipse public 2.0": "EPL-2.0",
    "cc0": "CC0-1.0",
    "cc0 1.0 universal": "CC0-1.0",
    "cc0 1.0 universal cc0 1.0 public domain dedication": "CC0-1.0",
    "creative commons zero 1.0 universal": "CC0-1.0",
    "boost 1.0": "BSL-1.0",
    "boost": "BSL-1.0",
    "zlib libpng": "Zlib",
    "historical permission notice and disclaimer": "HPND",
    "universal permissive": "UPL-1.0",
    "european union public 1.2": "EUPL-1.2",
    "artistic 2.0": "Artistic-2.0",
    "do what the fuck you want to public": "WTFPL",
    "public domain": "LicenseRef-scancode-public-domain",
}

_GNU_NAMES = (
    ("library or lesser general public", "lgpl"),
    ("lesser general public", "lgpl"),
    ("library general public", "lgpl"),
    ("affero general public", "agpl"),
    ("general public", "gpl"),
)
_GNU = re.compile(r"(agpl|lgpl|gpl) ?v?(\d)(?:\.(\d))?(?:\.0)? ?(\+|or later|only)?")
_LATER = re.compile(r"(?<!-)\s+or[\s-]+(?:any[\s-]+)?(?:later|newer|above)(?:[\s-]+versions?)?\b|(?<=\d)\s+\+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Licence:
    """One entry of the database: its SPDX id, our category, and whether it is an exception (`WITH ...`)."""

    spdx_id: str
    license_type: LicenseType
    is_exception: bool


def find_licence(name: str) -> Licence | None:
    """The licence or exception a name stands for; None where it is unknown or could be several. O(1) after the first call."""
    plain = name.strip()
    base = plain.removesuffix("+")
    by_id, by_key = _database()
    if found := by_id.get(plain.lower()):
        return found
    if base != plain and (found := by_id.get(base.lower())) and not found.is_exception:
        later = by_id.get(found.spdx_id.removesuffix("-only").lower() + "-or-later")
        return later or Licence(found.spdx_id + "+", found.license_type, False)
    if plain.lower().startswith(("licenseref-", "documentref-")):
        return None
    key = _key(plain)
    return by_key.get(key) or _gnu_licence(key, by_id)


def fold_later(text: str) -> str:
    """`or later` in words becomes `+`, so that its `or` is not read as a choice. "GPL 2.0 or later" -> "GPL 2.0+"."""
    return _LATER.sub("+", text)


def _gnu_licence(key: str, by_id: dict[str, Licence]) -> Licence | None:
    matched = _GNU.fullmatch(key)
    if matched is None:
        return None
    family, major, minor, later = matched.groups()
    suffix = "or-later" if later in ("+", "or later") else "only"
    return by_id.get(f"{family}-{major}.{minor or 0}-{suffix}")


def _key(name: str) -> str:
    """A name without case, punctuation and filling words. "The MIT License (MIT)" -> "mit"."""
    text = fold_later(re.sub(r"\s*\([^()]*\)\s*$", "", name)).lower()
    text = re.sub(r"[^a-z0-9.+]+", " ", text)
    for long, short in _GNU_NAMES:
        text = text.replace(long, short)
    text = re.sub(r"\b(?:the|gnu|license|licence|licensed|version|software|osi approved)\b", " ", text)
    text = re.sub(r"\bv\.? ?(?=\d)", " ", text)
    return " ".join(text.split()).strip(" .")


@cache
def _database() -> tuple[dict[str, Licence], dict[str, Licence]]:
    """Licences by lower-cased SPDX id, and by name. Reads 1 MB of JSON once: 25 ms."""
    entries = json.loads(files("license_expression").joinpath("data", "scancode-licensedb-index.json").read_text("utf-8"))
    by_id: dict[str, Licence] = {}
    for entry in entries:
        if spdx_id := entry["spdx_license_key"]:
            by_id.setdefault(spdx_id.lower(), Licence(spdx_id, _TYPES.get(entry["category"], "other"), entry["is_exception"]))
    for entry in entries:  # after all current ids: an old id of one licence can be the current one of another (X11, BSL-1.0)
        _add_old_ids(by_id, entry)
    for spdx_id, license_type in FAMILIES.values():
        by_id[spdx_id.lower()] = Licence(spdx_id, license_type, False)
    return by_id, _by_key(by_id)


def _add_old_ids(by_id: dict[str, Licence], entry: dict[str, object]) -> None:
    """Old SPDX ids lead to the current one; references of others (LicenseRef-Apache) mean what their document says."""
    current = by_id.get(str(entry["spdx_license_key"]).lower())
    old_ids: list[str] = entry["other_spdx_license_keys"]  # type: ignore[assignment]
    for old in old_ids:
        if old.lower().startswith("licenseref-") and not old.lower().startswith("licenseref-scancode-"):
            continue
        if current is None:
            by_id.setdefault(old.lower(), Licence(old, _TYPES.get(str(entry["category"]), "other"), bool(entry["is_exception"])))
        else:
            by_id.setdefault(old.lower(), current)


def _by_key(by_id: dict[str, Licence]) -> dict[str, Licence]:
    """Names that lead to exactly one licence: spellings of ids, then families and aliases, which win."""
    keys: dict[str, Licence | None] = {}
    for name, licence in by_id.items():
        if not name.startswith("licenseref-"):
            key = _key(name)
            keys[key] = licence if keys.get(key, licence) == licence else None
    keys.update({name: by_id[spdx_id.lower()] for name, (spdx_id, _) in FAMILIES.items()})
    keys.update({name: by_id[spdx_id.lower()] for name, spdx_id in _ALIASES.items()})
    return {key: licence for key, licence in keys.items() if licence is not None and key}
