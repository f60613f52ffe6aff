"""Is this stretch only a licence header? Such text stands in thousands of files and is nobody's code, however rare it is in an index."""

from __future__ import annotations

import re

_MARKS = re.compile(
    r"licen[sc]ed (?:under|to)|permission (?:is|to)\b|redistribution and use|this (?:file|program|software|library) is"
    r"|(?:without|no|disclaims?|disclaimed) (?:any )?(?:express |implied )?warrant|warrant(?:y|ies) or conditions|spdx-|all rights reserved"
    r"|general public licen[sc]e|under the licen[sc]e|the licen[sc]e\b|copyright\b|liab(?:le|ility)"
)
_WORD = re.compile(r"[a-z]{2,}")
_CODE = re.compile(r"[\[\](){}=_;<>|&+]")
_MOST_CODE = 0.05  # of the characters that are no white space; a licence has some brackets too
_WORDS_A_MARK = 40


def is_licence_header(text: str) -> bool:
    """Whether a text is prose about a licence, a warranty or a copyright. O(characters)"""
    plain = " ".join(re.sub(r"[\s#*/;%\"'.,()<>:!-]+", " ", text.lower()).split())
    words = _WORD.findall(plain)
    if not words or len(_CODE.findall(text)) > _MOST_CODE * sum(map(len, text.split())):
        return False
    return len(_MARKS.findall(plain)) * _WORDS_A_MARK >= len(words)
