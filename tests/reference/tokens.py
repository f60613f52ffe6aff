"""Which tokens does a text have? The token rule and the renamed stream of FORMAT.md, one character at a time.

Works on characters where the engine works on bytes, and keeps tokens as strings where the engine keeps hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

MASK = (1 << 64) - 1
ASCII_SPACE = " \t\n\v\f\r"
OTHER_SPACE = {
    0x0085, 0x00A0, 0x1680, 0x180E, *range(0x2000, 0x200E), 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF,
}  # fmt: skip
LONGEST_LITERAL = 1024  # bytes, both quotes included


@dataclass(frozen=True)
class Token:
    """Characters [start, end) of a text."""

    start: int
    end: int
    text: str


def is_space(character: str) -> bool:
    return character in ASCII_SPACE or ord(character) in OTHER_SPACE


def is_word(character: str) -> bool:
    if ord(character) >= 128:
        return not is_space(character)
    return character.isalnum() or character == "_"


def tokens(text: str) -> list[Token]:
    """'x =y(1)' -> x = y ( 1 )"""
    found = []
    i = 0
    while i < len(text):
        if is_space(text[i]):
            i += 1
            continue
        end = i + 1
        while is_word(text[i]) and end < len(text) and is_word(text[end]):
            end += 1
        found.append(Token(i, end, text[i:end]))
        i = end
    return found


def mix64(x: int) -> int:
    """The finaliser of splitmix64."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def token_hash(token: str) -> int:
    """FNV-1a over the token's UTF-8 bytes, mixed."""
    value = 0xCBF29CE484222325
    for byte in utf8(token):
        value = (value ^ byte) * 0x100000001B3 & MASK
    return mix64(value)


def hashes(text: str) -> list[int]:
    return [token_hash(token.text) for token in tokens(text)]


@dataclass(frozen=True)
class Renamed:
    """One element of the renamed stream: `code` as in FORMAT.md, `token` the exact token it begins at, `name` for identifiers."""

    code: int
    token: int
    name: str | None


NUMBER = 0x9AE16A3B2F90404F & ~1
STRING = 0xC3A5C85C97CB3127 & ~1


def literal_end(text: str, i: int) -> int | None:
    """The character that closes the quote at character i, on the same line and within LONGEST_LITERAL bytes."""
    escaped = False
    n_bytes = 1
    for j in range(i + 1, len(text)):
        n_bytes += len(utf8(text[j]))
        if n_bytes > LONGEST_LITERAL or text[j] in "\n\r":
            return None
        if escaped:
            escaped = False
        elif text[j] == text[i]:
            return j
        elif text[j] == "\\":
            escaped = True
    return None


def renamed(text: str, keywords: frozenset[str]) -> list[Renamed]:
    """Keywords and punctuation stay; numbers and one-line literals become one code; other words are identifiers."""
    out = []
    close = -1
    for number, token in enumerate(tokens(text)):
        if token.start <= close:
            continue  # inside the literal
        first = token.text[0]
        code, name = token_hash(token.text) & ~1, None
        if first in "\"'`" and (end := literal_end(text, token.start)) is not None:
            code, close = STRING, end
        elif first in "0123456789":
            code = NUMBER
        elif is_word(first) and token.text not in keywords:
            code, name = token_hash(token.text) | 1, token.text
        out.append(Renamed(code, number, name))
    return out
