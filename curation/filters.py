"""Which files are no code worth keeping, and by which rule?

    drop_reasons(batch, FilterSettings()) -> [None, "long_line", "generated", None, ...]      one a row, the first rule that drops it

The rules and their thresholds follow those of The Stack and of StarCoder's data. Every threshold is a setting, None switches its rule
off. A language may have thresholds of its own: so markup is exempt from limits on lines, and data formats get theirs.

Not here: the thresholds and how they are read (`curation.filter_settings`), what was removed (`curation.filter_report`),
licences (`curation.licences`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from curation.filter_settings import FilterSettings, Limits
from curation.path_rules import is_generated

_ALPHABETIC = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALPHANUMERIC = _ALPHABETIC + b"0123456789"
_ASCII = bytes(range(128))

_XML_CHARACTERS = 100
_TAGS = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^>]*(?:>|\Z)", re.DOTALL | re.IGNORECASE)

# what can stand in base64 becomes "a", so that one search finds whether there is a run of 64 at all
_BASE64_MAP = bytes(97 if chr(byte) in _ALPHANUMERIC.decode() + "+/" else byte if byte in b"=\r\n" else 32 for byte in range(256))
_SHORTEST_BASE64 = b"a" * 64
_BASE64 = re.compile(rb"a{64,}(?:\r?\na{64,})*(?:\r?\na{1,63})?=*")  # lines of at least 64, and a last shorter one
_HEX = re.compile(rb"(?:(?:0x|\\x)[0-9a-fA-F]{1,2}[uU]?[\s,;\"'\\]{0,24}?){8,}")
_UNICODE = re.compile(rb"(?:\\u[0-9a-fA-F]{4}[\s,\"']{0,8}?){8,}")
_ESCAPES = ((_HEX, (b"0x", b"\\x"), 29), (_UNICODE, (b"\\u",), 14))  # what to find, what announces each, the bytes that one spans at most


@dataclass(frozen=True)
class _File:
    """A row as the rules see it; what only some rules need is worked out when they ask."""

    data: bytes
    size: int
    path: str
    is_generated: bool | None

    @cached_property
    def text(self) -> str:
        """The content as characters."""
        return self.data.decode()

    @cached_property
    def is_ascii(self) -> bool:
        """Whether bytes are characters."""
        return self.data.isascii()

    @cached_property
    def beyond_ascii(self) -> str:
        """The characters that are not ASCII."""
        return "" if self.is_ascii else self.data.translate(None, _ASCII).decode()

    @cached_property
    def characters(self) -> int:
        """How many characters there are."""
        return len(self.data) if self.is_ascii else len(self.text)

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines, which end at LF, CRLF or CR; nothing follows the last line's end."""
        data = self.data
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data.removesuffix(b"\n").split(b"\n")

    def share(self, wanted: bytes, is_wanted: Callable[[str], bool]) -> float:
        """How large a share of the characters is among those wanted; beyond ASCII a predicate decides."""
        found = len(self.data) - len(self.data.translate(None, wanted)) + sum(map(is_wanted, self.beyond_ascii))
        return found / max(1, self.characters)


def drop_reasons(batch: pa.RecordBatch, settings: FilterSettings) -> list[str | None]:
    """Why each row is left out, None where it is kept; by the columns content, size, path, language and is_generated, nulls allowed.

    A row without content is `no_content`. Pure; about 60 MB a second a core on source code.
    """
    names = ("size", "path", "language", "is_generated")
    columns = [batch.column(name).to_pylist() if name in batch.schema.names else [None] * batch.num_rows for name in names]
    contents: Iterable[bytes | None] = batch.column("content").cast(pa.binary()).to_pylist()
    reasons: list[str | None] = []
    for data, size, path, language, generated in zip(contents, *columns, strict=True):
        if not data:
            reasons.append("no_content")
        else:
            file = _File(data, max(size or 0, len(data)), path or "", generated)
            reasons.append(next((reason for reason, drops in _RULES if drops(file, settings.limits(language))), None))
    return reasons


def _is_nul(file: _File, limits: Limits) -> bool:
    return limits.nul and b"\0" in file.data


def _is_too_large(file: _File, limits: Limits) -> bool:
    return limits.max_bytes is not None and file.size > limits.max_bytes


def _is_generated(file: _File, limits: Limits) -> bool:
    if not limits.generated:
        return False
    if file.is_generated is None:
        return is_generated(file.path, file.data[:4000].decode("utf-8", "ignore"))
    return file.is_generated


def _is_of_wrong_size(file: _File, limits: Limits) -> bool:
    if limits.min_characters is None and limits.max_characters is None:
        return False
    return not (limits.min_characters or 0) <= file.characters <= (limits.max_characters or file.characters)


def _has_too_many_lines(file: _File, limits: Limits) -> bool:
    # counted before anything is split: at most one line's end a byte
    return limits.max_lines is not None and len(file.data) > limits.max_lines and len(file.lines) > limits.max_lines


def _has_long_line(file: _File, limits: Limits) -> bool:
    limit = limits.max_line_length
    if limit is None:
        return False
    if max(map(len, file.lines)) <= limit:
        return False
    return file.is_ascii or any(len(line.decode()) > limit for line in file.lines if len(line) > limit)


def _has_long_mean_line(file: _File, limits: Limits) -> bool:
    return limits.max_mean_line is not None and file.characters > limits.max_mean_line * len(file.lines)


def _is_xml(file: _File, limits: Limits) -> bool:
    return limits.xml and b"<?xml version=" in file.data[: 4 * _XML_CHARACTERS] and "<?xml version=" in file.text[:_XML_CHARACTERS]


def _is_html_without_text(file: _File, limits: Limits) -> bool:
    if limits.min_visible_characters is None and limits.min_visible_share is None:
        return False
    visible = len(" ".join(_TAGS.sub(" ", file.text).split()))
    return visible < (limits.min_visible_characters or 0) or visible < (limits.min_visible_share or 0.0) * file.characters


def _has_few_alphanumeric(file: _File, limits: Limits) -> bool:
    return limits.min_alphanumeric is not None and file.share(_ALPHANUMERIC, str.isalnum) < limits.min_alphanumeric


def _has_few_alphabetic(file: _File, limits: Limits) -> bool:
    return limits.min_alphabetic is not None and file.share(_ALPHABETIC, str.isalpha) < limits.min_alphabetic


def _is_encoded(file: _File, limits: Limits) -> bool:
    longest = len(file.data) + 1 if limits.max_encoded_run is None else limits.max_encoded_run
    most = len(file.data) if limits.max_encoded_share is None else limits.max_encoded_share * len(file.data)
    return any(
        (end := max(lengths, default=0)) > longest or (bool(end) and sum(lengths) > most)
        for lengths in _encoded_runs(file, min(longest, most))
    )


def _encoded_runs(file: _File, least: float) -> Iterable[list[int]]:
    """The lengths of the runs of each encoding, in bytes; an encoding that cannot reach `least` is not searched for."""
    mapped = file.data.translate(_BASE64_MAP)
    if _SHORTEST_BASE64 in mapped:
        yield [len(found[0]) for found in _BASE64.finditer(mapped)]
    for pattern, marks, span in _ESCAPES:
        if sum(map(file.data.count, marks)) * span > least:
            yield [len(found[0]) for found in pattern.finditer(file.data)]


# the cheap ones and those that say most come first
_RULES: tuple[tuple[str, Callable[[_File, Limits], bool]], ...] = (
    ("nul", _is_nul),
    ("too_large", _is_too_large),
    ("generated", _is_generated),
    ("data_size", _is_of_wrong_size),
    ("too_many_lines", _has_too_many_lines),
    ("xml", _is_xml),
    ("encoded_blob", _is_encoded),
    ("long_line", _has_long_line),
    ("mean_line", _has_long_mean_line),
    ("alphanumeric", _has_few_alphanumeric),
    ("alphabetic", _has_few_alphabetic),
    ("html_text", _is_html_without_text),
)
REASONS = ("no_content", *(reason for reason, _ in _RULES))
