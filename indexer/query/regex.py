"""Which words does every match of a regular expression hold? RE2 matches it; Python's parser of patterns is read for the words.

    \\bdef \\w+_header\\(self   ->  And(Word("def"), Word("self", prefix=True))
    \\w+Error                   ->  None: no word's beginning is certain

A word is certain where characters that belong to no word, `\\b` or a line's end stand around it; one whose end is open is a prefix.

Not here: how stores find the words (`indexer.query.tree`), where a text matches (`indexer.query.match`).
"""

from __future__ import annotations

import re
import re._constants as op  # type: ignore[import-not-found, unused-ignore]
import re._parser as reader  # type: ignore[import-not-found, unused-ignore]
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2

from indexer.query.tree import MIN_PREFIX, And, Node, Or, Word
from indexer.text.words import NO_WORD, WORD

MOST_MEMORY = 8 << 20  # bytes of RE2's program and automata for one expression
# what RE2 reads in another way than Python's parser: Unicode and POSIX classes, \z, \Q...\E, \C, \x{...}, {,n}
_OTHERWISE = re.compile(r"\\[pPzQECxX]|\[\[:|\{,")
_LINES = "(?m)"
_NO_WORD = re.compile(f"[{NO_WORD}]")


class Unreadable(ValueError):
    """An expression that is none, or that RE2 does not take; says why."""


@lru_cache(256)
def compiled(pattern: str) -> Any:
    """The expression as RE2 matches it: `^` and `$` at the ends of lines, letter case as written. Raises Unreadable."""
    options = re2.Options()
    options.max_mem, options.log_errors = MOST_MEMORY, False
    try:
        return re2.compile(_LINES + pattern, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise Unreadable(said.replace(_LINES, "")) from None


def required_words(pattern: str) -> Node | None:
    """What every match holds, as a query that a store can ask: words, prefixes, and either-or; None where nothing is certain.

    Raises Unreadable for what RE2 does not compile or its parser and Python's would read differently.
    """
    compiled(pattern)
    if otherwise := _OTHERWISE.search(pattern):
        raise Unreadable(f"{otherwise[0]} is not taken here")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sets that may be read otherwise one day
            tree = reader.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    scan = _Scan()
    scan.read(tree)
    scan.flush(is_bounded=False)
    return _all(scan.found)


@dataclass(slots=True)
class _Scan:
    """Reads a pattern from left to right. `run` are literal characters that stand in a row, `is_bounded`: no word runs into them."""

    found: list[Node] = field(default_factory=list)
    run: str = ""
    is_bounded: bool = False

    def read(self, items: Iterable[tuple[Any, Any]]) -> None:
        for kind, value in items:
            if kind is op.LITERAL:
                self.run += chr(value)
            elif kind is op.SUBPATTERN:
                self.read(value[3])
            elif kind is op.AT:
                self.flush(is_bounded=value in (op.AT_BEGINNING, op.AT_BEGINNING_STRING, op.AT_BOUNDARY, op.AT_END, op.AT_END_STRING))
            else:
                self.flush(is_bounded=_is_no_word(kind, value))
                inner = _required(kind, value)
                self.found += [inner] if inner is not None else []

    def flush(self, *, is_bounded: bool) -> None:
        """Ends the run; `is_bounded`: what follows belongs to no word."""
        for word in WORD.finditer(self.run):
            begins, ends = word.start() > 0 or self.is_bounded, word.end() < len(self.run) or is_bounded
            if begins and ends:
                self.found.append(Word(word[0]))
            elif begins and len(word[0]) >= MIN_PREFIX:
                self.found.append(Word(word[0], prefix=True))
        self.run, self.is_bounded = "", is_bounded


def _required(kind: Any, value: Any) -> Node | None:
    """What an alternative or a repetition requires by itself."""
    if kind is op.BRANCH:
        parts = [_alone(branch) for branch in value[1]]
        return Or(tuple(part for part in parts if part is not None)) if all(part is not None for part in parts) else None
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT) and value[0] >= 1:
        return _alone(value[2])
    return None


def _alone(items: Iterable[tuple[Any, Any]]) -> Node | None:
    scan = _Scan()
    scan.read(items)
    scan.flush(is_bounded=False)
    return _all(scan.found)


def _is_no_word(kind: Any, value: Any) -> bool:
    """Whether an item takes one or more characters, all of which belong to no word."""
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        return value[0] >= 1 and len(value[2]) == 1 and _is_no_word(*value[2][0])
    if kind is op.LITERAL:
        return _NO_WORD.fullmatch(chr(value)) is not None
    if kind is op.CATEGORY:
        return value is op.CATEGORY_SPACE
    return kind is op.IN and all(_is_no_word(*member) for member in value)


def _all(nodes: list[Node]) -> Node | None:
    distinct = tuple(dict.fromkeys(nodes))
    return None if not distinct else distinct[0] if len(distinct) == 1 else And(distinct)
