"""Which licence does a machine-readable debian/copyright give each file of a package?

    Files: *                    paragraphs with patterns, of which the last that matches a file counts;
    License: GPL-2+             names that may be joined: "GPL-2+ or Artistic, and BSD-3-clause"
     text                       the licence's text, here or in a paragraph of its own, by which names of nobody's are recognised

The format is Debian's "Machine-readable debian/copyright file", version 1.0 (DEP-5). A `*` matches `/` too.

Not here: getting and unpacking the package (`curation.sources.debian`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from curation.licence_detection import licence_of_text
from curation.origin import Licence, licence
from indexer.licences.categories import normalize

_FIELD = re.compile(r"^([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_IS_FORMAT = re.compile(r"\s*Format(?:-Specification)?:", re.IGNORECASE)
_JOINED = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_STAR = re.compile(r"(?<!\\)\*")  # a backslash before a backslash before a star is nobody's pattern
_APART = re.compile(r"\s*,\s*(?:(and|or)\s+)?", re.IGNORECASE)
# names that the format defines or packages use, and SPDX does not
_NAMES = {
    "artistic": "Artistic-1.0",
    "perl": "GPL-1.0-or-later OR Artistic-1.0-Perl",
    "psf-2": "PSF-2.0",
    "sil-1.1": "OFL-1.1",
    "zope-1.1": "ZPL-1.1",
    "zope-2.0": "ZPL-2.0",
    "zope-2.1": "ZPL-2.1",
    "gfdl-niv-1.2": "GFDL-1.2-no-invariants-only",
    "gfdl-niv-1.2+": "GFDL-1.2-no-invariants-or-later",
    "gfdl-niv-1.3": "GFDL-1.3-no-invariants-only",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
}
_UNKNOWN = licence("NOASSERTION", "package")


@dataclass(frozen=True, slots=True)
class Copyright:
    """What the file says: `whole` of the package, None for nothing, and pairs of patterns and licence, the last first."""

    whole: Licence | None
    stanzas: tuple[tuple[re.Pattern[str], Licence], ...]

    def of(self, path: str) -> Licence | None:
        """The licence of one file; None where no paragraph speaks of it."""
        return next((under for pattern, under in self.stanzas if pattern.fullmatch(path)), None)


def machine_readable(text: str) -> Copyright | None:
    """What a debian/copyright says; None for one that is prose."""
    if not _IS_FORMAT.match(text):
        return None
    paragraphs = [{name.lower(): value for name, value in _FIELD.findall(part)} for part in re.split(r"\n(?:[ \t]*\n)+", text)]
    texts = dict(filter(None, (_text_of(paragraph) for paragraph in paragraphs)))
    found = [
        (patterns, _licence(paragraph["license"], texts))
        for paragraph in paragraphs
        if "license" in paragraph and (patterns := paragraph.get("files", "").split())
    ]
    header = paragraphs[0].get("license")
    whole = _licence(header, texts) if header else next((under for patterns, under in found if "*" in patterns), None)
    return Copyright(whole, tuple((_pattern(tuple(patterns)), under) for patterns, under in reversed(found)))


def _text_of(paragraph: Mapping[str, str]) -> tuple[str, str] | None:
    """(name in lower case, text) where a paragraph has the text of its licence."""
    name, _, body = paragraph.get("license", "").partition("\n")
    lines = (line.strip() for line in body.split("\n"))
    return (name.strip().lower(), "\n".join("" if line == "." else line for line in lines)) if body.strip() else None


def _licence(field: str, texts: Mapping[str, str]) -> Licence:
    """The licence that a `License:` field names in its first line. "GPL-2+ or Artistic, and MIT" -> (GPL-2.0-or-later OR ...) AND MIT"""
    parts = _APART.split(field.partition("\n")[0].strip())
    joined = ""
    for word, part in zip([None, *parts[1::2]], parts[::2], strict=True):
        if (found := _without_commas(part, texts)) is None:
            return _UNKNOWN
        joined = f"{joined} {(word or 'and').upper()} ({found})" if joined else f"({found})"
    expression = normalize(joined)
    return licence(expression, "package") if expression else _UNKNOWN


def _without_commas(text: str, texts: Mapping[str, str]) -> str | None:
    """The expression of names joined by "and" and "or"; None where one of them is unknown."""
    words = _JOINED.split(text.strip())
    names = [_name(word, texts) for word in words[::2]]
    if None in names:
        return None
    return " ".join(f"({name})" if place % 2 == 0 else words[place].upper() for place, name in _spread(names))


def _spread(names: list[str | None]) -> Iterator[tuple[int, str | None]]:
    """Names at even places, with the joining words' places between them. [a, b] -> (0, a), (1, None), (2, b)"""
    for place in range(2 * len(names) - 1):
        yield place, names[place // 2] if place % 2 == 0 else None


def _name(name: str, texts: Mapping[str, str]) -> str | None:
    """The SPDX expression of one name, by itself or by its text. An exception that SPDX has no name for only permits more: left out."""
    key = name.strip().lower()
    found = _NAMES.get(key) or normalize(name) or (licence_of_text(texts[key]) if key in texts else None)
    if found in (None, "NONE", "NOASSERTION") and " with " in key:
        return _name(name.strip()[: key.index(" with ")], texts)
    return None if found in ("NONE", "NOASSERTION") else found


@lru_cache(1 << 10)
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Patterns as one: `*` and `?` match anything, a backslash takes their meaning away."""
    return re.compile("|".join(f"(?:{_glob(each)})" for each in patterns), re.DOTALL)


def _glob(pattern: str) -> str:
    """A pattern as an expression. Between two stars the first place that fits is taken for good: time does not grow with their number."""
    first, *others = _STAR.split(pattern)
    if not others:
        return _fixed(first)
    *middle, last = others
    return _fixed(first) + "".join(f"(?>.*?{_fixed(each)})" for each in middle if each) + ".*" + _fixed(last)


def _fixed(text: str) -> str:
    return re.sub(r"\\(.)|(\?)|([^?])", lambda m: "." if m[2] else re.escape(m[1] or m[3]), text, flags=re.DOTALL)
