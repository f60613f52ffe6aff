r"""What does this query text ask for? The one parser of the search language.

    parse header              both words, anywhere in the file; a word is found inside parseHeader and parse_header too
    "parse header"            the words in a row; "parse(header)" with punctuation: exactly this text
    pars*                     words that begin so
    /\bparse_\w+\(/           what matches this regular expression (RE2; here letter case counts); it must hold a whole word or the
                              beginning of one
    language:Python license:MIT repository:pypi/attrs owner:pypi path:src/*.py      (short: lang: repo:); * for anything
    -test  -path:tests        not
    a b OR c                  (a and b) or c; parentheses group otherwise

Letter case matters in regular expressions alone. Punctuation that stands alone is passed over: only letters, digits and _ are indexed.

Not here: the nodes (`indexer.query.tree`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from indexer.errors import QueryError
from indexer.query.regex import Unreadable, required_words
from indexer.query.tree import (
    MAX_PATTERN,
    MIN_PREFIX,
    And,
    Field,
    FieldName,
    Node,
    Not,
    Or,
    Phrase,
    Regex,
    Word,
    look_ups,
    pattern_problem,
)
from indexer.text.words import WORD

MAX_LENGTH = 10_000
MAX_TERMS = 200
MAX_DEPTH = 20
MAX_LOOK_UPS = 900  # Elasticsearch takes 1,024 clauses, more with a larger heap

_SURROGATE = re.compile("[\ud800-\udfff]")  # no text in an index has one, and no store takes it
_REGEX = re.compile(r"/(?![\s/*])((?:[^/\\]|\\.)+)/(?=[\s)]|\Z)", re.DOTALL)
_FIELD_NAMES: dict[str, FieldName] = {
    "language": "language",
    "lang": "language",
    "license": "license",
    "licence": "license",
    "repository": "repository",
    "repo": "repository",
    "owner": "owner",
    "path": "path",
}


def parse(text: str) -> Node:
    """The tree of a query. Raises QueryError, which says what is wrong and at which column."""
    if len(text) > MAX_LENGTH:
        raise QueryError(
            f"the query has {len(text)} characters, {MAX_LENGTH} at most; to find where code comes from, trace it instead", MAX_LENGTH + 1
        )
    parser = _Parser(_SURROGATE.sub("\ufffd", text))
    tree = parser.choice(0)
    if parser.at < len(text):
        raise QueryError(f"')' without '(' at column {parser.column}; quote it to search for the text", parser.column)
    if tree is None:
        raise QueryError('nothing to search for: give a word, a "phrase" or a field such as lang:Python', 1)
    return tree


@dataclass(slots=True)
class _Parser:
    """Recursive descent; `at` is the next character to read. Methods return None for what holds nothing searchable."""

    text: str
    at: int = 0
    terms: int = 0
    look_ups: int = 0

    @property
    def column(self) -> int:
        return self.at + 1

    def choice(self, depth: int) -> Node | None:
        """all OR all OR ..."""
        first = self.all_of(depth)
        nodes = [first]
        while self.takes_operator("OR"):
            column = self.column - 2
            nodes.append(self.all_of(depth))
            if nodes[-1] is None or nodes[-2] is None:
                raise QueryError(f'OR at column {column} needs something on both sides; quote "OR" to search for the word', column)
        return first if len(nodes) == 1 else Or(tuple(node for node in nodes if node is not None))

    def all_of(self, depth: int) -> Node | None:
        """terms beside each other, all of which must match"""
        nodes: list[Node] = []
        while True:
            self.skip_space()
            if self.at >= len(self.text) or self.text[self.at] == ")" or self.sees_operator("OR"):
                break
            if self.takes_operator("AND"):
                continue
            if (node := self.term(depth)) is not None:
                nodes.append(node)
        return None if not nodes else nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def term(self, depth: int) -> Node | None:
        """-term, (group), "quoted", field:value or a bare word"""
        column, char = self.column, self.text[self.at]
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise QueryError(f"more than {MAX_TERMS} terms at column {column}; to find where code comes from, trace it instead", column)
        if char == "-":
            return self.exclusion(depth)
        if char == "(":
            return self.group(depth)
        node = self.quoted() if char == '"' else self.regex() or self.field() or self.bare()
        self.look_ups += 0 if node is None else look_ups(node)
        if self.look_ups > MAX_LOOK_UPS:
            raise QueryError(
                f"at column {column} the query has too many words and parts of words ({MAX_LOOK_UPS} look-ups at most); "
                f"leave some out, or trace it to find where code comes from",
                column,
            )
        return node

    def exclusion(self, depth: int) -> Node | None:
        column = self.column
        self.at += 1
        if depth >= MAX_DEPTH:
            raise QueryError(f"nested deeper than {MAX_DEPTH} at column {column}; write it flatter", column)
        if self.at >= len(self.text) or self.text[self.at].isspace() or self.text[self.at] == ")":
            return None  # a dash that stands alone, as in pasted code
        node = self.term(depth + 1)
        return None if node is None else Not(node)

    def group(self, depth: int) -> Node | None:
        column = self.column
        if depth >= MAX_DEPTH:
            raise QueryError(f"nested deeper than {MAX_DEPTH} at column {column}; write it flatter", column)
        self.at += 1
        node = self.choice(depth + 1)
        if self.at >= len(self.text):
            raise QueryError(f"unclosed '(' at column {column}; quote it to search for the text", column)
        self.at += 1
        return node

    def regex(self) -> Node | None:
        """/pattern/; None for a slash that begins none, as in /usr/bin and // comments."""
        column, found = self.column, _REGEX.match(self.text, self.at)
        if found is None:
            return None
        pattern = found[1].replace("\\/", "/")
        if len(pattern) > MAX_PATTERN:
            raise QueryError(f"the regular expression at column {column} has {len(pattern)} characters, {MAX_PATTERN} at most", column)
        try:
            words = required_words(pattern)
        except Unreadable as error:
            raise QueryError(
                f"the regular expression at column {column} is not understood: {error}; quote it to search for the text", column
            ) from None
        if words is None:
            raise QueryError(
                f"the regular expression at column {column} needs a whole word, or the beginning of one, that every match holds, "
                f"as \\bparse in /\\bparse_\\w+/: documents are found by words first",
                column,
            )
        self.at = found.end()
        return Regex(pattern, words)

    def quoted(self) -> Node:
        column = self.column
        value = self.quoted_text()
        if not WORD.search(value):
            raise QueryError(f"nothing searchable in the quotes at column {column}: only letters, digits and _ are indexed", column)
        return Phrase(value, literal=any(not char.isspace() for char in WORD.sub("", value)))

    def quoted_text(self) -> str:
        """The text up to the closing quote; \\" stands for a quote."""
        column = self.column
        end = self.at + 1
        while end < len(self.text) and self.text[end] != '"':
            end += 2 if self.text.startswith('\\"', end) else 1
        if end >= len(self.text):
            raise QueryError(f"unclosed quote at column {column}", column)
        value = self.text[self.at + 1 : end].replace('\\"', '"')
        self.at = end + 1
        return value

    def field(self) -> Node | None:
        column = self.column
        name, colon, _ = self.text[self.at : self.at + 12].partition(":")
        field = _FIELD_NAMES.get(name.lower())
        if not colon or field is None or self.text.startswith("::", self.at + len(name)):
            return None
        self.at += len(name) + 1
        value = self.quoted_text() if self.text.startswith('"', self.at) else self.run()
        if not value.strip():
            raise QueryError(f"{name}: at column {column} needs a value right behind it, as in {name}:{_EXAMPLES[field]}", column)
        if problem := pattern_problem(value):
            raise QueryError(f"{name}: at column {column}: {problem}", column)
        return Field(field, value)

    def bare(self) -> Node | None:
        """A word, a prefix*, or code without spaces: its words in a row."""
        column = self.column
        text = self.run()
        words = WORD.findall(text)
        if not words:
            return None
        if len(words) > 1:
            if text.endswith("*"):
                raise QueryError(f"{text!r} at column {column}: a prefix* is one word; put a space between the words", column)
            return Phrase(text)
        if not text.endswith(words[0] + "*"):
            return Word(words[0])
        if len(words[0]) < MIN_PREFIX:
            raise QueryError(f"the prefix {text!r} at column {column} needs at least {MIN_PREFIX} characters", column)
        return Word(words[0], prefix=True)

    def run(self) -> str:
        """What stands up to white space, a quote or the end of the group; parentheses inside belong to it, as in f(x)."""
        start, depth = self.at, 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char.isspace() or char == '"' or (char == ")" and depth == 0):
                break
            depth += (char == "(") - (char == ")")
            self.at += 1
        return self.text[start : self.at]

    def skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def sees_operator(self, operator: str) -> bool:
        end = self.at + len(operator)
        return self.text.startswith(operator, self.at) and (end >= len(self.text) or self.text[end].isspace() or self.text[end] in '()"')

    def takes_operator(self, operator: str) -> bool:
        if not self.sees_operator(operator):
            return False
        self.at += len(operator)
        return True


_EXAMPLES: dict[FieldName, str] = {"language": "Python", "license": "MIT", "repository": "pypi/attrs", "owner": "pypi", "path": "src/*"}
