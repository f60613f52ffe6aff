"""What is a search? The nodes of a parsed query, which each store translates and the highlighter reads.

    parse_header "a + b" lang:Python -path:tests  ->  And(Word, Phrase, Field, Not(Field))

Not here: how text becomes a tree (`indexer.query.parse`), how a tree is asked of a store (`indexer.stores`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from indexer.text.words import WORD, searchable_parts

MAX_STARS = 8  # of one pattern: stores compile it to an automaton of bounded size
MAX_PATTERN = 200
MIN_PREFIX = 2  # characters of a prefix

FieldName = Literal["language", "license", "repository", "owner", "path"]
FIELDS: tuple[FieldName, ...] = ("language", "license", "repository", "owner", "path")


@dataclass(frozen=True, slots=True)
class Word:
    """One word as typed; found as a whole word or by all of its parts. `prefix`: any word or part that begins with it."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other. Quoted text with punctuation is a literal: a store finds its words, then the text decides."""

    text: str
    literal: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the phrase, as typed."""
        return tuple(WORD.findall(self.text))


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, RE2's. A store finds what `words` asks for, which every match holds; then the text decides."""

    pattern: str
    words: Node


@dataclass(frozen=True, slots=True)
class Field:
    """A field's value, letter case aside; `*` stands for any characters. A path also matches by the words it holds in a row."""

    name: FieldName
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    """Documents that `node` does not find."""

    node: Node


@dataclass(frozen=True, slots=True)
class And:
    """Documents that all nodes find."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Documents that at least one node finds."""

    nodes: tuple[Node, ...]


Node: TypeAlias = Word | Phrase | Regex | Field | Not | And | Or


def pattern_problem(value: str) -> str | None:
    """Why a field's value with `*` is no pattern that stores take; None for a good one."""
    if "*" in value and (value.count("*") > MAX_STARS or len(value) > MAX_PATTERN):
        return f"a pattern takes at most {MAX_STARS} * and {MAX_PATTERN} characters"
    return None


def restrict(tree: Node, filters: Mapping[FieldName, Sequence[str]]) -> Node:
    """The tree, and in each field given one of its values. {"language": ["C", "C++"]} -> tree AND (C OR C++)"""
    limits: list[Node] = []
    for name, values in filters.items():
        nodes = tuple(Field(name, value) for value in values)
        limits += [nodes[0] if len(nodes) == 1 else Or(nodes)] if nodes else []
    return And((tree, *limits)) if limits else tree


def words_in_a_row(nodes: Sequence[Node]) -> Iterator[tuple[str, ...]]:
    """Words that were typed beside each other, two or more: maybe one name in parts, maybe words in this order.

    get source "x = 1" file name  ->  ("get", "source"), ("file", "name")
    """
    row: list[str] = []
    for node in (*nodes, None):
        if isinstance(node, Word) and not node.prefix:
            row.append(node.text)
            continue
        if len(row) > 1:
            yield tuple(row)
        row = []


def look_ups(leaf: Node) -> int:
    """How many words and parts a store looks up for a leaf of a query, at most."""
    match leaf:
        case Word():
            return 3 * (1 + len(searchable_parts(leaf.text)))  # in the text, in the path, in a row with its neighbours
        case Phrase():
            return len(leaf.words)
        case Regex():
            return look_ups(leaf.words)
        case And(nodes) | Or(nodes):
            return sum(map(look_ups, nodes))
        case Field():
            return 2 + len(WORD.findall(leaf.value))
        case Not(node):
            return look_ups(node)


def found_leaves(tree: Node) -> Iterator[Word | Phrase | Regex]:
    """Words, phrases and regular expressions that a found document may hold: those not excluded, left to right."""
    match tree:
        case Word() | Phrase() | Regex():
            yield tree
        case And(nodes) | Or(nodes):
            for node in nodes:
                yield from found_leaves(node)


def has_literals(tree: Node) -> bool:
    """Whether a store's hits still have to be compared with their text (`indexer.query.match.matches_literals`)."""
    match tree:
        case Phrase():
            return tree.literal
        case Regex():
            return True
        case Not(node):
            return has_literals(node)
        case And(nodes) | Or(nodes):
            return any(map(has_literals, nodes))
        case _:
            return False
