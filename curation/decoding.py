"""Is this text, and in which encoding?

    b"caf\\xe9"         -> ("café", "windows-1252")
    b"\\xff\\xfea\\x00"  -> ("a", "UTF-16LE")        the byte order mark is not part of the text
    b"\\x7fELF\\x00"    -> None

Not here: which files are worth reading at all (`curation.languages.is_binary_name`).
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# UTF-32's mark begins with UTF-16's: it is tried first
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8-SIG"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32LE"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32BE"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16LE"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16BE"),
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_C1 = re.compile(rb"[\x80-\x9f]")
_MAX_CONTROLS = 0.003  # share of the bytes; compressed data without a NUL has about a tenth
_MAX_HIGH = 0.5


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without a byte order mark, and the name of the encoding that its bytes had."""

    text: str
    encoding: str


def decode(content: bytes, stated: str | None = None) -> Decoded | None:
    """The text of a file's bytes; None for what is binary. A `stated` encoding is believed where the bytes are not UTF-8. O(n)."""
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return _strictly(content[len(mark) :], codec, name)
    if b"\0" in content:
        return None
    if found := _strictly(content, "utf-8", "UTF-8"):
        return found
    if stated and (found := _strictly(content, stated, stated)):
        return found
    return _single_byte(content)


def _strictly(content: bytes, codec: str, name: str) -> Decoded | None:
    try:
        text = content.decode(codec)
        text.encode("utf-8")  # utf-7 and a few others decode to lone surrogates, which no parquet file can hold
    except (UnicodeError, LookupError):
        return None
    return None if "\0" in text else Decoded(text, name)


def _single_byte(content: bytes) -> Decoded | None:
    """windows-1252 where bytes 80..9F make it likely, else Latin-1; None where the bytes do not look like text.

    Other single- and multi-byte encodings come out as wrong letters in comments; the code itself is ASCII and right.
    """
    if len(_CONTROLS.findall(content)) > _MAX_CONTROLS * len(content) or len(_HIGH.findall(content)) > _MAX_HIGH * len(content):
        return None
    if _C1.search(content) and (found := _strictly(content, "cp1252", "windows-1252")):
        return found
    return Decoded(content.decode("latin-1"), "ISO-8859-1")
