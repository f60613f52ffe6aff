"""Which files are licence and notice files, what does an SPDX tag say, and whom does a text name as copyright holder?

Not here: recognising a licence by its text (`curation.licence_detection`), what packages state in their metadata
(`curation.package_licences`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from curation.decoding import decode
from curation.languages import language_of
from indexer.licences.categories import license_ids, normalize

_LICENCE_NAME = re.compile(
    r"^(licen[sc]es?|copying(\.lesser|\.lib)?|unlicense|copyright)([-_.].*)?$|[-_.]licen[sc]e(\.(txt|md|rst))?$", re.IGNORECASE
)
_OF_SOMETHING = re.compile(r"(.+?)[-_.]licen[sc]e(\.(txt|md|rst))?$", re.IGNORECASE)
_OF_OTHERS = re.compile(r"third[-_]?party|3rd[-_]?party|bundled|vendored|dependenc", re.IGNORECASE)
_NOTICE_NAME = re.compile(r"^(notices?|third[-_]?party[-_]?(notices?|licen[sc]es?)|authors)([-_.].*)?$", re.IGNORECASE)
_PROSE = (None, "Text", "Markdown", "reStructuredText", "Org")  # what a licence is written in; LICENSE.m and copyright.pl are code

_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+() -]+)")
_SNIPPET = re.compile(r"SPDX-SnippetBegin.*?(?:SPDX-SnippetEnd|\Z)", re.DOTALL)
_TAG_LINES = 10
_TAG_CHARACTERS = 2000
_MAX_NAMES = 100

_COPYRIGHT = re.compile(
    r"^[\s#*/;.-]*(?:(?:the )?mit license[ :]+)?((?:copyright\b|\(c\)\s*copyright|©).{2,200}?)\s*$", re.IGNORECASE | re.MULTILINE
)
_IS_NOTICE = re.compile(r"\d{4}|\(c\)|©|copyright\s+(?:by\s+)?[A-Z]")
# the licence's own copyright, its template, or a sentence that only begins with the word
_NO_NOTICE = re.compile(
    r"[\[<{](?:yyyy|year|name)|free software foundation"
    r"|copyright\s+(?:notice|holder|owner|license|law|statement|interest|and\b|or\b|in\b|to\b|\[)",
    re.IGNORECASE,
)


NamedText = tuple[str, str]  # path, text


@dataclass(frozen=True, slots=True)
class LegalTexts:
    """The licence files and the notice files of one place, as (path, text)."""

    licences: tuple[NamedText, ...] = ()
    notices: tuple[NamedText, ...] = ()


NO_TEXTS = LegalTexts()


def is_legal_name(path: str) -> bool:
    """Whether `legal_texts` would keep a file of this name, so that the others need not be read."""
    return is_licence_name(path) or is_notice_name(path)


def legal_texts(files: Iterable[tuple[str, bytes]]) -> LegalTexts:
    """The licence and notice files among some files, by their names, decoded."""
    licences: list[NamedText] = []
    notices: list[NamedText] = []
    for path, content in files:
        wanted = licences if is_licence_name(path) else notices if is_notice_name(path) else None
        if wanted is not None and (decoded := decode(content)) and decoded.text:
            wanted.append((path, decoded.text))
    return LegalTexts(tuple(licences), tuple(notices))


def is_licence_name(path: str) -> bool:
    """Whether a file of this name holds a licence. "LICENSE.txt", "COPYING", "licenses/LICENSE.mit" -> True, "license.py" -> False"""
    return _matches(_LICENCE_NAME, path) or _matches_folder(path)


def speaks_for_folder(path: str) -> bool:
    """Whether a licence file means its whole folder. "LICENSE", "MIT-LICENSE.txt" -> True; "icons.LICENSE", "LICENSE-3rdparty" -> False"""
    name = PurePosixPath(path).name
    of = _OF_SOMETHING.match(name)
    return not _OF_OTHERS.search(name) and (of is None or license_ids(of[1]) != ())


def is_notice_name(path: str) -> bool:
    """Whether a file of this name holds notices that must travel with the code. "NOTICE", "AUTHORS.rst" -> True"""
    return _matches(_NOTICE_NAME, path)


def tagged_licence(text: str) -> str | None:
    """The expression of an SPDX-License-Identifier tag in the first ten lines; None where there is none that parses.

    A tag between SPDX-SnippetBegin and SPDX-SnippetEnd is that of the snippet, not of the file.
    """
    head = text[:_TAG_CHARACTERS]
    if "SPDX-License-Identifier" not in head:
        return None
    found = _TAG.search(_SNIPPET.sub("", "\n".join(head.splitlines()[:_TAG_LINES])))
    return normalize(found[1].strip()) if found else None


def copyright_lines(texts: Iterable[str]) -> list[str]:
    """Lines that name a holder, each once, in order. "  Copyright (c) 2020 A. Person" -> "Copyright (c) 2020 A. Person" """
    lines: dict[str, None] = {}
    for text in texts:
        for found in _COPYRIGHT.finditer(text):
            line = " ".join(found[1].split())
            if _IS_NOTICE.search(line) and not _NO_NOTICE.search(line):
                lines[line] = None
    return list(lines)[:_MAX_NAMES]


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    name = PurePosixPath(path).name
    return pattern.search(name) is not None and language_of(name, "") in _PROSE


def _matches_folder(path: str) -> bool:
    """REUSE's layout: LICENSES/MIT.txt."""
    parent = PurePosixPath(path).parent.name
    return parent == "LICENSES" and license_ids(PurePosixPath(path).stem) != ()
