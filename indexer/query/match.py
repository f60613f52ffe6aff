"""Where in a text is what a query asks for? The same rules as the index, applied to one document.

Not here: choosing what to show (`indexer.query.highlight`), asking a store (`indexer.stores`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from indexer.query.regex import compiled
from indexer.query.tree import And, Field, Node, Not, Or, Phrase, Regex, Word
from indexer.text.words import NO_WORD, WORD, indexed_form, lower, part_spans, searchable_parts

_WORD_CHARACTER = f"[^{NO_WORD}]"
_GAP = f"[{NO_WORD}]+"
_CACHED = 256
_CACHED_WORDS = 8192  # texts repeat their words
_SHORT = 2  # characters of a word that stands inside many others; a single one is in most words
# Words and their parts begin and end here only: a small letter goes on with what the letter before it began.
_NO_LETTER_RUN = "(?-i:(?<![A-Za-z])|(?![a-z]))"


def spans(content: str, leaf: Word | Phrase | Regex) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whole) of each place that a leaf of a query matches, in order, in code points; `whole` is False for parts."""
    if not isinstance(leaf, Word):
        for found in _pattern(leaf).finditer(content):
            yield *found.span(), True
    else:
        yield from _word_spans(content, leaf)


def matches_literals(content: str, tree: Node) -> bool:
    """False where the text shows that the query does not hold: a quoted literal is not there as it was written, or no match of an
    expression.

    In literals white space of any length counts as one space, letter case does not count. Fields cannot be judged from a text and
    count as the store found them. Linear in the content for each word, phrase and literal of the query.
    """
    return _holds(content, tree) is not False


def _holds(content: str, tree: Node) -> bool | None:
    """Whether the text satisfies the tree; None where only the store knows."""
    match tree:
        case Field():
            return None
        case Phrase() | Regex():
            return _pattern(tree).search(content) is not None
        case Word():
            return _has_word(content, tree)
        case Not(node):
            held = _holds(content, node)
            return None if held is None else not held
        case And(nodes):
            return _all([_holds(content, node) for node in nodes])
        case Or(nodes):
            none_holds = _all([None if held is None else not held for held in (_holds(content, node) for node in nodes)])
            return None if none_holds is None else not none_holds


def _all(held: list[bool | None]) -> bool | None:
    """Kleene's and: False wins, then unknown."""
    return False if False in held else None if None in held else True


def _has_word(content: str, word: Word) -> bool:
    wanted = set(searchable_parts(word.text))
    found = set()
    for start, end, whole in _word_spans(content, word):
        if whole or word.prefix:
            return True
        found.add(lower(content[start:end]))
    return bool(wanted) and wanted <= found


def _word_spans(content: str, word: Word) -> Iterator[tuple[int, int, bool]]:
    form, parts = _sought(word)
    is_open = word.prefix or form != lower(word.text)  # the index cuts long words: more may follow in the text
    for start, end in _words_holding(content, tuple(sorted({word.text, *parts})), is_open):
        for first, last, whole in _spans_within(content[start:end], word):
            yield start + first, start + last, whole


@lru_cache(_CACHED)
def _sought(word: Word) -> tuple[str, frozenset[str]]:
    """How the index spells a word of a query, and the parts it is found by."""
    form = indexed_form(word.text)
    return form, frozenset([form] if word.prefix else searchable_parts(word.text))


@lru_cache(_CACHED_WORDS)
def _spans_within(text: str, word: Word) -> tuple[tuple[int, int, bool], ...]:
    """What of a word of a text a word of a query matches: all of it, or some of its parts."""
    form, parts = _sought(word)
    spelled = indexed_form(text)
    if spelled == form or (word.prefix and spelled.startswith(form)):
        return ((0, len(text), True),)
    named = [(first, last, lower(text[first:last])) for first, last in part_spans(text)]
    return tuple((first, last, False) for first, last, part in named if part in parts or (word.prefix and part.startswith(form)))


def _words_holding(content: str, needles: tuple[str, ...], is_open: bool) -> Iterator[tuple[int, int]]:
    """The ranges of words that hold one of the needles where a part may end, but for `is_open`, and short ones where it may begin.

    Looks for needles first: most text is passed over quickly, also where a short one stands inside every other word.
    """
    done = 0
    for found in _needle_starts(content, needles, is_open):
        if found < done:
            continue
        start = found
        while start > done and _is_word_character(content[start - 1]):
            start -= 1
        word = WORD.match(content, start)
        if word is not None:
            done = word.end()
            yield word.span()


def _needle_starts(content: str, needles: tuple[str, ...], is_open: bool) -> Iterable[int]:
    """Where the needles stand, ascending: found at the speed of memory, but for single letters, and in a text whose small letters are
    not as many."""
    lowered = lower(content)
    if min(map(len, needles)) < _SHORT or len(lowered) != len(content):
        return (found.start() for found in _needle_pattern(needles, is_open).finditer(content))
    return sorted(start for needle in set(map(lower, needles)) for start in _all_starts(content, lowered, needle, is_open))


def _all_starts(content: str, lowered: str, needle: str, is_open: bool) -> Iterator[int]:
    start, is_short = lowered.find(needle), len(needle) <= _SHORT
    while start >= 0:
        if (is_open or _parts_at(content, start + len(needle))) and not (is_short and not _parts_at(content, start)):
            yield start
        start = lowered.find(needle, start + 1)


def _parts_at(content: str, place: int) -> bool:
    """Whether a part of a word may begin or end there, as _NO_LETTER_RUN says."""
    before, behind = content[place - 1 : place], content[place : place + 1]
    return not ("a" <= behind <= "z" and ("a" <= before <= "z" or "A" <= before <= "Z"))


@lru_cache(_CACHED_WORDS)
def _is_word_character(char: str) -> bool:
    return WORD.match(char) is not None


@lru_cache(_CACHED)
def _needle_pattern(needles: tuple[str, ...], is_open: bool) -> re.Pattern[str]:
    any_needle = f"(?:{'|'.join(map(re.escape, needles))})"
    before = _NO_LETTER_RUN if min(map(len, needles)) <= _SHORT else ""  # long ones are rare, and found faster by their letters alone
    return re.compile(before + any_needle + ("" if is_open else _NO_LETTER_RUN), re.IGNORECASE)


def _pattern(leaf: Phrase | Regex) -> Any:
    return compiled(leaf.pattern) if isinstance(leaf, Regex) else _phrase_pattern(leaf)


@lru_cache(_CACHED)
def _phrase_pattern(phrase: Phrase) -> re.Pattern[str]:
    """A literal: its text, white space of any length as one. Else its words with anything that is no word between them."""
    if phrase.literal:
        pattern = r"\s+".join(map(re.escape, phrase.text.split()))
        first, last = phrase.text.split()[0][0], phrase.text.split()[-1][-1]
    else:
        pattern = _GAP.join(map(re.escape, phrase.words))
        first = last = "w"
    before = f"(?<!{_WORD_CHARACTER})" if _is_word_character(first) else ""
    behind = f"(?!{_WORD_CHARACTER})" if _is_word_character(last) else ""
    return re.compile(before + pattern + behind, re.IGNORECASE)
