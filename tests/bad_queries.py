"""Which queries would hurt a careless search? Made from a seed: of every kind some, the rest mixtures.

Not here: what a search must make of them (`tests/indexer/stores/test_bad_queries.py`, `tests.search_cases`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_WORDS = ("import", "self", "return", "header", "x", "a", "parseHeader", "get_file_name", "é", "日本", "0x1F")
_PIECES = (
    *_WORDS, "(", ")", '"', "*", "-", " ", " OR ", " AND ", "OR", "/", "\\", "lang:", "path:", "repo:", "license:", "owner:", "::", ":",
    "\n", "\t", "\x00", "\x1b", "\x7f", "\ufeff", "\u202e", "\ud800", "\udfff", "\U0010ffff", '\\"', "[", "{", "}", "?",
    "~", "^", "&&", "||", "<", "..",
)  # fmt: skip
_REGEXES = (
    r"\bimport (a+)+$", r"\bimport (a|aa)+b", r"\bimport(.*)*x", r"\bself(\w+\s?)+!", r"\bimport .{1000}", r"\bself((a{100}){100}){100}",
    r"\bself\w{0,1000}\w{0,1000}z", r"\bself(?=x)", r"\bself(a)\1", r"\bself\p{Greek}", r"\bself[", r"\bself(", r"\bself[[:alpha:]]+",
    r"\bself(?P<n>x)", r"\bself\Q.\E", r"\bself{,5}", r"\bself(?i)x", r"\bself\x{110000}", r"\bself(?#x)", r".*", r"\w+", r"(|import)",
    r"\bimport|", r"\b\b\b",
)  # fmt: skip
_QUOTED = 'parse "x = (1)" OR lang:"Python" -"a b" /\\bself\\./ (path:"src/*" get*)'


def bad_queries(seed: int, n: int) -> Iterator[str]:
    """So many queries, the same for the same seed."""
    chance = random.Random(seed)
    kinds: tuple[Callable[[random.Random], str], ...] = (
        _deep, _many, _wild, _prefix, _quote_moved, _regex, _huge_regex, _huge, _many_parts, _odd_characters, _mixture, _mixture, _mixture,
    )  # fmt: skip
    for i in range(n):
        yield kinds[i % len(kinds)](chance)


def _deep(chance: random.Random) -> str:
    n, word = chance.choice((1, 19, 20, 21, 500, 3000)), chance.choice(_WORDS)
    opened = chance.choice(("(", "-", "-(", "(a OR ", "(-"))
    return opened * n + word + (")" * (n - chance.choice((0, 0, 1, -1)))) * ("(" in opened)


def _many(chance: random.Random) -> str:
    between = chance.choice((" OR ", " ", " -", " AND ", ".", " OR -", "* ", " lang:", ' "a b" '))
    return between.join(f"{chance.choice(_WORDS)}{i}" for i in range(chance.choice((2, 50, 199, 201, 10_000))))


def _wild(chance: random.Random) -> str:
    name, n = chance.choice(("path", "lang", "repo", "owner", "license")), chance.choice((1, 7, 8, 9, 1000))
    return (
        f"{name}:"
        + "".join(chance.choice(("*", "*a", "*ab", "a*", "?*", "\\*", "[*", "**")) for _ in range(n))
        + chance.choice(("", " x", "'"))
    )


def _prefix(chance: random.Random) -> str:
    words = (
        chance.choice(("a", "_", "é", "ab", "se", "0", "日", "", "a" * 5000)) + "*" * chance.choice((1, 1, 2, 300))
        for _ in range(chance.choice((1, 3, 150)))
    )
    return chance.choice((" ", " OR ", " -")).join(words)


def _quote_moved(chance: random.Random) -> str:
    at, new = chance.randrange(len(_QUOTED)), chance.choice(('"', "", "/", "(", ")", '\\"'))
    return _QUOTED[:at] + new + _QUOTED[at + chance.choice((0, 1)) :]


def _regex(chance: random.Random) -> str:
    return " ".join(f"{chance.choice(('', '-'))}/{chance.choice(_REGEXES)}/" for _ in range(chance.choice((1, 1, 2, 20))))


def _huge_regex(chance: random.Random) -> str:
    piece = chance.choice(("(a|b)", "(", "[^x]", "a{1000}", "(?:x+)*", "\\w+", "|self", "\\bself"))
    return "/\\bself" + piece * chance.choice((5, 30, 1000)) + "/"


def _huge(chance: random.Random) -> str:
    return chance.choice(("a", "a ", '"', "(", "日", "\x00", "a.b ", "\ud800")) * chance.choice((9_999, 10_001, 1_000_000))


def _many_parts(chance: random.Random) -> str:
    name = chance.choice(("aB", "getFile", "get_file_", "Ab1Cd")) * chance.choice((3, 20, 48))
    return chance.choice((" ", " OR ", ".")).join(f"{name}{i}" for i in range(chance.choice((1, 60, 199))))[:9_999]


def _odd_characters(chance: random.Random) -> str:
    return "".join(
        chr(chance.choice((chance.randrange(32), chance.randrange(0xD800, 0xE000), chance.randrange(0x110000))))
        for _ in range(chance.randrange(1, 60))
    )


def _mixture(chance: random.Random) -> str:
    return "".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 40)))
