"""Which licence is this text, and whom does it name as copyright holder?

A first, honest detector: an SPDX tag, else phrases that only one licence's text has. A file that holds several licences
names them all (AND). Comparison with every SPDX text comes with the full pipeline.

Not here: what packages state in their metadata (`curation.package_licences`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from curation.decoding import decode
from indexer.licences.categories import license_ids, normalize

_LICENCE_NAME = re.compile(
    r"^(licen[sc]es?|copying(\.lesser|\.lib)?|unlicense|copyright)([-_.].*)?$|[-_.]licen[sc]e(\.(txt|md|rst))?$", re.IGNORECASE
)
_NOTICE_NAME = re.compile(r"^(notices?|third[-_]?party[-_]?(notices?|licen[sc]es?)|authors)([-_.].*)?$", re.IGNORECASE)
_CODE_NAME = re.compile(r"\.(py|pyi|js|ts|c|h|cc|cpp|go|rs|java|rb|php|json|ya?ml|toml|html|css)$", re.IGNORECASE)

_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+() -]+)")
_SNIPPET = re.compile(r"SPDX-SnippetBegin.*?(?:SPDX-SnippetEnd|\Z)", re.DOTALL)
_TAG_LINES = 10
_TAG_CHARACTERS = 2000
_MAX_NAMES = 100

_MIT = "permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files"
_MIT_CONDITION = "permission notice shall be included in all copies or substantial portions"
_BSD = re.compile(r"redistributions? (?:and use )?in source and binary forms with or without modification are permitted(?: provided that)?")
_ISC = re.compile(
    r"permission to use copy modify (?:and )?(?:and or )?distribute this software for any purpose with or without fee is hereby granted"
)
_ISC_CONDITION = "provided that the above copyright notice and this permission notice appear in all copies"

# normalised phrase -> SPDX id. A licence's text alone does not say "or later": it counts as "only", the stricter reading.
_PHRASES = (
    ("apache license version 2 0 january 2004", "Apache-2.0"),
    ("licensed under the apache license version 2 0", "Apache-2.0"),
    ("mozilla public license version 2 0", "MPL-2.0"),
    ("mozilla public license v 2 0", "MPL-2.0"),
    ("python software foundation license version 2", "PSF-2.0"),
    ("gnu general public license version 2 june 1991", "GPL-2.0-only"),
    ("gnu general public license version 3 29 june 2007", "GPL-3.0-only"),
    ("gnu library general public license version 2 june 1991", "LGPL-2.0-only"),
    ("gnu lesser general public license version 2 1 february 1999", "LGPL-2.1-only"),
    ("gnu lesser general public license version 3 29 june 2007", "LGPL-3.0-only"),
    ("gnu affero general public license version 3 19 november 2007", "AGPL-3.0-only"),
    ("this is free and unencumbered software released into the public domain", "Unlicense"),
    ("cc0 1 0 universal", "CC0-1.0"),
    ("boost software license version 1 0 august 17th 2003", "BSL-1.0"),
    ("this software is provided as is without any express or implied warranty in no event will the authors be held liable", "Zlib"),
)

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


def licence_of_text(text: str) -> str | None:
    """The SPDX expression of a licence file; several licences in one file are joined by AND. None where none is recognised."""
    if tagged := tagged_licence(text):
        return tagged
    words = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    found = [spdx_id for phrase, spdx_id in _PHRASES if phrase in words]
    if _MIT in words:
        found.append("MIT" if _MIT_CONDITION in words else "MIT-0")
    if _ISC.search(words):
        found.append("ISC" if _ISC_CONDITION in words else "0BSD")
    if _BSD.search(words):
        found.append(_bsd(words))
    return " AND ".join(sorted(set(found))) or None


def licence_of_texts(texts: Iterable[str]) -> str | None:
    """The expression of several licence files: all of them hold. ("MIT text", "Apache text") -> "Apache-2.0 AND MIT"

    Files that offer a choice cannot be told from files that all apply; AND is the stricter reading.
    """
    found = {expression for text in texts if (expression := licence_of_text(text))}
    if len(found) == 1:
        return found.pop()
    return " AND ".join(sorted(f"({expression})" if " OR " in expression else expression for expression in _atoms(found))) or None


def copyright_lines(texts: Iterable[str]) -> list[str]:
    """Lines that name a holder, each once, in order. "  Copyright (c) 2020 A. Person" -> "Copyright (c) 2020 A. Person" """
    lines: dict[str, None] = {}
    for text in texts:
        for found in _COPYRIGHT.finditer(text):
            line = " ".join(found[1].split())
            if _IS_NOTICE.search(line) and not _NO_NOTICE.search(line):
                lines[line] = None
    return list(lines)[:_MAX_NAMES]


def _atoms(expressions: set[str]) -> set[str]:
    """Sums taken apart, so that "MIT AND ISC" beside "MIT" does not name MIT twice."""
    return {part for expression in expressions for part in ([expression] if " OR " in expression else expression.split(" AND "))}


def _bsd(words: str) -> str:
    if "all advertising materials mentioning features" in words:
        return "BSD-4-Clause"
    return "BSD-3-Clause" if re.search(r"neither the names? |the names? of .{1,200}? may not be used to endorse", words) else "BSD-2-Clause"


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    name = PurePosixPath(path).name
    return pattern.search(name) is not None and not _CODE_NAME.search(name)


def _matches_folder(path: str) -> bool:
    """REUSE's layout: LICENSES/MIT.txt."""
    parent = PurePosixPath(path).parent.name
    return parent == "LICENSES" and license_ids(PurePosixPath(path).stem) != ()
