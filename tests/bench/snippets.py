"""How is a snippet changed before it is looked for? Each function gives the text that somebody might have ended up with.

Every draw from `rng` is part of the workload: another order of draws makes other queries.

Not here: which snippets are cut and how often (`queries`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from tests.bench.languages import IDENTIFIER, KEYWORDS, lexemes

_SYLLABLES = [consonant + vowel for consonant, vowel in zip("bcdfghjklmnprstvwxyz", "aeiou" * 4, strict=True)]
_INSERTED_WORDS = ["tmp", "+ 1", "x2", "not_used", "|| 0"]


def reindent(text: str, rng: random.Random) -> str:
    """Tabs or two spaces for each four columns, blank lines gone, blanks at the end of some lines."""
    unit = rng.choice(["\t", "  "])
    lines = []
    for line in text.split("\n"):
        if line.strip():
            code = line.lstrip(" \t")
            levels, columns = divmod(len(line[: len(line) - len(code)].expandtabs(4)), 4)
            rest = " " * (columns if unit == "\t" else (columns + 1) // 2)
            trailing = " " * rng.randint(1, 3) if rng.random() < 0.3 else ""
            lines.append(unit * levels + rest + code.rstrip() + trailing)
    return "\n".join(lines)


def without_comments(text: str, language: str) -> str:
    """Each comment becomes one blank."""
    return lexemes(language).sub(lambda found: " " if found["comment"] else found[0], text)


def without_strings(text: str, language: str) -> str:
    """Each string literal becomes its two quotes."""
    return lexemes(language).sub(lambda found: found[0][0] * 2 if found["string"] else found[0], text)


def renamed(text: str, language: str, rng: random.Random) -> tuple[str, int]:
    """Identifiers renamed one to one, in comments too where they are named there; and how many names that were."""
    pattern = lexemes(language)
    names: dict[str, str] = {}

    def new_name(name: str) -> str:
        if name not in names:
            syllables = [rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4))]
            names[name] = "".join(syllables) + str(len(names))
        return names[name]

    code = pattern.sub(lambda found: new_name(found[0]) if found["name"] and found[0] not in KEYWORDS else found[0], text)
    return pattern.sub(lambda found: _mentions_renamed(found[0], names) if found["comment"] else found[0], code), len(names)


def _mentions_renamed(comment: str, names: dict[str, str]) -> str:
    return IDENTIFIER.sub(lambda word: names.get(word[0], word[0]), comment)


def every_fifth_line_edited(text: str, rng: random.Random, foreign_lines: Sequence[str]) -> str:
    """Each fifth line is deleted, replaced by a line of other code, or gets a word more."""
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        edit = rng.randint(0, 2) if number % 5 == 0 else None
        if edit is None:
            lines.append(line)
        elif edit == 1:
            lines.append(rng.choice(foreign_lines))
        elif edit == 2:
            words = line.split(" ")
            words.insert(rng.randint(0, len(words)), rng.choice(_INSERTED_WORDS))
            lines.append(" ".join(words))
    return "\n".join(lines)


def inside_other_code(text: str, rng: random.Random, foreign_content: Callable[[], str]) -> str:
    """The snippet somewhere inside three times as many lines of other files; `foreign_content` draws one."""
    n_lines = text.count("\n") + 1
    n_before = rng.randint(0, 3 * n_lines)
    before = _foreign_lines(n_before, rng, foreign_content)
    after = _foreign_lines(3 * n_lines - n_before, rng, foreign_content)
    return "\n".join([*before, *text.split("\n"), *after])


def _foreign_lines(n_lines: int, rng: random.Random, foreign_content: Callable[[], str]) -> list[str]:
    lines: list[str] = []
    while len(lines) < n_lines:
        file = foreign_content().split("\n")
        start = rng.randint(0, max(0, len(file) - n_lines))
        lines += file[start : start + n_lines - len(lines)]
    return lines


def n_solid_characters(text: str) -> int:
    """Characters that are not white space."""
    return len(re.sub(r"\s+", "", text))
