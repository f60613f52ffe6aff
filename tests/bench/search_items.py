"""Which queries have one right answer? Made from a corpus's own files, as somebody who remembers a file would type them.

An item is distinctive by the texts alone, whatever an engine makes of it:

    function     the name of a function that one file defines; others may use it
    identifiers  three names of one function; in no other file do they stand within as many lines
    camel        a camelCase name of three parts or more that one file holds, typed as words
    line         a line with punctuation that one file holds, white space and letter case aside, in quotes
    comment      five to seven words in a row of a comment, which one file holds, without quotes

Not here: who is asked (`search_quality`).
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.bench.corpus import Row
from tests.bench.languages import IDENTIFIER, KEYWORDS, lexemes

N_EACH = 60
FUNCTION_LINES = 20  # names this near count as those of one function
MOST_TRIES = 200  # files looked at for each item wanted
LEAST_NAME, LEAST_LINE, MOST_LINE = 6, 30, 120

_DEFINITION = re.compile(
    r"^[ \t]*(?:(?:export|async|pub|static|public|private)\s+)*(?:def|func|function|fn|proc)\s+([A-Za-z_]\w+)\s*\(", re.M
)
_CAMEL = re.compile(r"\b[a-z]+(?:[A-Z][a-z]+){2,}\b")
_SENTENCE = re.compile(r"(?<!\S)(?:[A-Za-z]{2,} ){4,6}[A-Za-z]{2,}(?!\S)")
_PART = re.compile(r"[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class Item:
    """What is typed, and the repository and path of the file that is meant."""

    kind: str
    query: str
    place: tuple[str, str]


def make_items(rows: Sequence[Row], seed: int, n_each: int = N_EACH) -> list[Item]:
    """So many items of each kind, the same for the same files and seed; fewer where the files hold no more."""
    texts = _Texts(rows)
    makers: dict[str, Callable[[_Texts, Row, random.Random], str | None]] = {
        "function": _function,
        "identifiers": _identifiers,
        "camel": _camel,
        "line": _line,
        "comment": _comment,
    }
    return [item for kind, make in makers.items() for item in _of_kind(texts, kind, make, random.Random(f"{seed} {kind}"), n_each)]


@dataclass(frozen=True)
class _Texts:
    """The files, and what tells whether another one holds the same."""

    rows: Sequence[Row]

    @cached_property
    def squeezed(self) -> list[str]:
        """Each text in lower case with white space of any length as one space."""
        return [" ".join(row.content.lower().split()) for row in self.rows]

    @cached_property
    def holders(self) -> dict[str, list[int]]:
        """The files that hold each word, in their order."""
        found: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(self.rows):
            for name in set(IDENTIFIER.findall(row.content)):
                found[name].append(number)
        return found

    @cached_property
    def definers(self) -> dict[str, set[int]]:
        """The files that define each function."""
        found: dict[str, set[int]] = defaultdict(set)
        for number, row in enumerate(self.rows):
            for name in _DEFINITION.findall(row.content):
                found[name].add(number)
        return found

    def is_held_once(self, squeezed: str) -> bool:
        """Whether one file alone holds this text."""
        return sum(squeezed in text for text in self.squeezed) == 1


def _of_kind(
    texts: _Texts, kind: str, make: Callable[[_Texts, Row, random.Random], str | None], chance: random.Random, n: int
) -> Iterator[Item]:
    seen: set[str] = set()
    for _ in range(n * MOST_TRIES):
        if len(seen) == n:
            return
        row = chance.choice(texts.rows)
        query = make(texts, row, chance)
        if query is not None and query not in seen:
            seen.add(query)
            yield Item(kind, query, (row.repo, row.path))


def _function(texts: _Texts, row: Row, chance: random.Random) -> str | None:
    names = [name for name in _DEFINITION.findall(row.content) if len(name) >= LEAST_NAME and len(texts.definers[name]) == 1]
    return chance.choice(names) if names else None


def _identifiers(texts: _Texts, row: Row, chance: random.Random) -> str | None:
    found = list(_DEFINITION.finditer(row.content))
    if not found:
        return None
    body = "\n".join(row.content[chance.choice(found).start() :].splitlines()[:FUNCTION_LINES])
    names = sorted({name for name in IDENTIFIER.findall(body) if len(name) >= LEAST_NAME and name not in KEYWORDS})
    if len(names) < 3:
        return None
    chosen = chance.sample(names, 3)
    others = set.intersection(*(set(texts.holders[name]) for name in chosen))
    near = [number for number in others if _stand_near(texts.rows[number].content, chosen)]
    return " ".join(chosen) if len(near) == 1 else None


def _stand_near(content: str, names: Sequence[str]) -> bool:
    """Whether all names stand within the lines of one function somewhere."""
    last: dict[str, int] = {}
    for number, line in enumerate(content.splitlines()):
        for name in set(IDENTIFIER.findall(line)) & set(names):
            last[name] = number
        if len(last) == len(names) and number - min(last.values()) < FUNCTION_LINES:
            return True
    return False


def _camel(texts: _Texts, row: Row, chance: random.Random) -> str | None:
    names = sorted({name for name in _CAMEL.findall(row.content) if len(texts.holders[name]) == 1})
    return " ".join(_PART.findall(chance.choice(names))).lower() if names else None


def _line(texts: _Texts, row: Row, chance: random.Random) -> str | None:
    lines = [line for line in map(str.strip, row.content.splitlines()) if LEAST_LINE <= len(line) <= MOST_LINE and _is_telling(line)]
    if not lines:
        return None
    line = chance.choice(lines)
    return '"' + line.replace('"', '\\"') + '"' if texts.is_held_once(" ".join(line.lower().split())) else None


def _is_telling(line: str) -> bool:
    return len(IDENTIFIER.findall(line)) >= 3 and len(re.findall(r"[^\w\s]", line)) >= 3 and "\\" not in line


def _comment(texts: _Texts, row: Row, chance: random.Random) -> str | None:
    comments = [found["comment"] for found in lexemes(row.lang).finditer(row.content) if found["comment"]]
    phrases = [phrase for comment in comments for phrase in _SENTENCE.findall(comment) if " OR " not in phrase and " AND " not in phrase]
    if not phrases:
        return None
    phrase = chance.choice(phrases)
    return phrase if texts.is_held_once(phrase.lower()) else None
