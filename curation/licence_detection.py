"""Which licences does a text hold, by which method, and how much of it was recognised?

    detect("MIT License ... Permission is hereby granted ...")      -> Detection("MIT", "text", 1.0)
    detect_header("# Licensed under the Apache License 2.0 ...")    -> Detection("Apache-2.0", "name", 0.5)

In the order of trust: an SPDX tag; `licenseclassifier`, which holds the matching templates of the SPDX list and the notices that licences
give for source files, and says nothing where the wording differs; phrases that only one licence has, for what it leaves. A text that
holds several licences names them all (AND), or a choice where it says "alternatively".

Not here: which files are licence files, and tags (`curation.licence_texts`), what holds for a repository (`curation.licences`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from licenseclassifier import identify_license

from curation.licence_texts import tagged_licence
from indexer.licences.categories import normalize

Method = Literal["tag", "text", "phrase", "name"]

_HEADER_CHARACTERS = 6000
_LONGEST_TEXT = 500_000  # characters; what is longer is no licence, and its beginning says enough
_UNSURE = 0.5  # the score of a phrase or a name: the rest of the wording was not compared

_SPEAKS = re.compile(r"licen[sc]|redistribut|permission|public domain|warrant", re.IGNORECASE)
_CHOICE = re.compile(r"\balternatively\b", re.IGNORECASE)
_CHOICE_CHARACTERS = 400

_GNU_VERSION = re.compile(r"(A?GPL|LGPL)-\d\.\d((?:-only|-or-later)?)")
_APPENDIX = re.compile(r"how[ \t]+to[ \t]+apply[ \t]+these[ \t]+terms", re.IGNORECASE)
_APPENDIX_CHARACTERS = 3000
_STATED_VERSION = re.compile(r"\bversion[\s#*/;%]+(\d(?:\.\d)?)\b(?!\.\d)", re.IGNORECASE)

# ids of the detector that are no licence of the SPDX list by themselves
_EXPRESSIONS = {"GPL-2.0-or-3.0": "GPL-2.0-only OR GPL-3.0-only"}

_MIT = "permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files"
_MIT_CONDITION = "permission notice shall be included in all copies or substantial portions"
_BSD = re.compile(r"redistributions? (?:and use )?in source and binary forms with or without modification are permitted(?: provided that)?")
_NO_BSD = re.compile(r"may not be called|trademark")  # Apache-1.1 and what is made after it
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

# "# License: MIT", " * Licensed under the Apache License 2.0 (the ..." in a comment
_NAMED = re.compile(
    r"^[ \t]*(?:[#*/;%!.-]+|<!--)[^\n]{0,80}?\b(?:licen[sc]ed?[ \t]*(?:under(?:[ \t]+the)?|[:=])?[ \t]*)+"
    r"([A-Za-z][\w.+ -]{1,40}?)(?=[ \t]+licen[sc]e\b(?![ \t,]+v?\d|[ \t,]+version)|[ \t]*[(,;*\n\"']|\.[ \t\n]|\.?\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_NAME_CHARACTERS = 2000
_WORD_MARKS = re.compile(r"^[ \t]*(?:dnl|rem)\b", re.IGNORECASE | re.MULTILINE)  # comments of M4 and Batch, whose marks are words


@dataclass(frozen=True, slots=True, order=True)
class Detection:
    """A licence recognised: the SPDX expression, the method, and the share of the text that was recognised."""

    expression: str
    method: Method
    score: float


@dataclass(frozen=True, slots=True)
class _Found:
    """One licence at its place in a text."""

    expression: str
    start: int
    end: int
    is_url: bool


def detect(text: str) -> Detection | None:
    """The licences of a licence file's text; None where none is recognised. Pure; about 3 ms, 30 ms more for the first."""
    if tag := tagged_licence(text):
        return Detection(tag, "tag", 1.0)
    text = text[:_LONGEST_TEXT]
    found = _outside_appendix(text, _found(text))
    found = [each for each in found if not each.is_url] or found
    rest = _without(text, found)
    phrases = _phrases(rest)
    if not found:
        return Detection(all_of(phrases), "phrase", _UNSURE) if phrases else None
    return Detection(all_of([_joined(text, found), *phrases]), "text", _share(text, rest))


def detect_header(text: str) -> Detection | None:
    """The licences of the notice near the top of a source file; None where none is recognised. Pure; about 3 ms where it speaks of one."""
    if tag := tagged_licence(text):
        return Detection(tag, "tag", 1.0)
    head = _WORD_MARKS.sub("#", text[:_HEADER_CHARACTERS])
    if not _SPEAKS.search(head):
        return None
    found = _found(head)
    found = [each for each in found if not each.is_url] or [each for each in found if _is_stated(head, each)]
    if found:
        return Detection(_joined(head, found), "text", 1.0)
    if phrases := _phrases(head):
        return Detection(all_of(phrases), "phrase", _UNSURE)
    named = [name for each in _NAMED.finditer(head[:_NAME_CHARACTERS]) if (name := _name(each[1]))]
    return Detection(all_of(named), "name", _UNSURE) if named else None


def licence_of_text(text: str) -> str | None:
    """The SPDX expression of a licence file; several licences in one file are joined by AND. None where none is recognised."""
    detection = detect(text)
    return detection.expression if detection else None


def licence_of_texts(texts: Iterable[str]) -> str | None:
    """The expression of several licence files: all of them hold. ("MIT text", "Apache text") -> "Apache-2.0 AND MIT"

    Files that offer a choice cannot be told from files that all apply; AND is the stricter reading.
    """
    return all_of([expression for text in texts if (expression := licence_of_text(text))]) or None


def all_of(expressions: Iterable[str]) -> str:
    """All of some expressions, each licence once, sorted. ["MIT AND ISC", "MIT", "MIT OR 0BSD"] -> "(MIT OR 0BSD) AND ISC AND MIT" """
    parts = {part for expression in expressions for part in ([expression] if " OR " in expression else expression.split(" AND "))}
    # a licence's text does not say "or later", a notice beside it may
    parts -= {part.removesuffix("-or-later") + "-only" for part in parts if part.endswith("-or-later")}
    if len(parts) == 1:
        return parts.pop()
    return " AND ".join(sorted(f"({part})" if " OR " in part else part for part in parts))


def _found(text: str) -> list[_Found]:
    return [
        _Found(
            _expression(_versioned(each.id, text[each.start : each.end + 20])),
            each.start,
            each.end,
            text[each.start : each.end].lstrip().lower().startswith("http"),
        )
        for each in identify_license(text, 0)
    ]


def _outside_appendix(text: str, found: list[_Found]) -> list[_Found]:
    """Without the notices that a GNU licence's appendix gives as a pattern: they say "or later" of nobody's program."""
    appendix = _APPENDIX.search(text)
    if appendix is None:
        return found
    start, end = appendix.end(), appendix.end() + _APPENDIX_CHARACTERS
    return [each for each in found if not (start <= each.start <= end and each.expression.endswith("-or-later"))] or found


def _versioned(licence_id: str, notice: str) -> str:
    """The version that a GNU notice itself says: the detector takes "version 2.1 exclusively" for 2.0."""
    found = _GNU_VERSION.fullmatch(licence_id)
    stated = set(_STATED_VERSION.findall(notice)) if found and len(notice) <= _HEADER_CHARACTERS else set()
    if found is None or len(stated) != 1:
        return licence_id
    major, _, minor = stated.pop().partition(".")
    return f"{found[1]}-{major}.{minor or 0}{found[2]}"


def _expression(licence_id: str) -> str:
    """The detector's id as SPDX writes it today; a reference where our database does not know it."""
    known = normalize(_EXPRESSIONS.get(licence_id, licence_id))
    return known or "LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", licence_id)


def _is_stated(text: str, found: _Found) -> bool:
    """Whether an address is given as that of the licence."""
    return re.search(r"licen[sc]ed?\b", text[max(0, found.start - 100) : found.start], re.IGNORECASE) is not None


def _joined(text: str, found: list[_Found]) -> str:
    """In the order of the text; two that "alternatively" stands between are a choice."""
    choices = [[found[0].expression]]
    for before, after in pairwise(found):
        gap = text[before.end : after.start]
        if len(gap) <= _CHOICE_CHARACTERS and _CHOICE.search(gap):
            choices[-1].append(after.expression)
        else:
            choices.append([after.expression])
    return all_of([" OR ".join(dict.fromkeys(choice)) for choice in choices])


def _without(text: str, found: list[_Found]) -> str:
    pieces, last = [], 0
    for each in found:
        pieces.append(text[last : each.start])
        last = max(last, each.end)
    return "\n".join((*pieces, text[last:]))


def _share(text: str, rest: str) -> float:
    return round(1 - len("".join(rest.split())) / max(1, len("".join(text.split()))), 2)


def _phrases(text: str) -> list[str]:
    words = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    found = [spdx_id for phrase, spdx_id in _PHRASES if phrase in words]
    if _MIT in words:
        found.append("MIT" if _MIT_CONDITION in words else "MIT-0")
    if _ISC.search(words):
        found.append("ISC" if _ISC_CONDITION in words else "0BSD")
    if _BSD.search(words) and not _NO_BSD.search(words):
        found.append(_bsd(words))
    return found


def _bsd(words: str) -> str:
    if "all advertising materials mentioning features" in words:
        return "BSD-4-Clause"
    return "BSD-3-Clause" if re.search(r"neither the names? |the names? of .{1,200}? may not be used to endorse", words) else "BSD-2-Clause"


def _name(written: str) -> str | None:
    """The licence that a comment names, where the name says which one it is."""
    known = normalize(written.strip(" .-"))
    if known is None or "LicenseRef-" in known or known in ("NONE", "NOASSERTION", "GPL-1.0-or-later", "LGPL-2.0-or-later"):
        return None
    return known
