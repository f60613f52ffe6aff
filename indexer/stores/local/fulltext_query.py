"""What does a query tree look like to tantivy?

A word counts most where it stands as a whole, less where all of its parts are found in other identifiers, more where the path
holds it. Words that were typed beside each other count more where a text has them in this order, or as one name. Fields limit and do
not rank. A quoted literal or an expression is asked for by its words: the hits hold every document that has it and maybe
more, so the caller compares them with the text (`indexer.query.match.matches_literals`).

Not here: the tree (`indexer.query.tree`), the fields' indexing (`indexer.stores.local.fulltext`).
"""

from __future__ import annotations

import re

import tantivy
from tantivy import Occur, Query

from indexer.errors import InputError
from indexer.query.tree import And, Field, Node, Not, Or, Phrase, Regex, Word, has_literals, pattern_problem, words_in_a_row
from indexer.text.words import WORD, indexed_form, lower, searchable_parts

WHOLE_WORD_BOOST = 3.0
PATH_BOOST = 1.0  # of a word that the path holds
NAME_BOOST = 3.0  # of the name that words in a row may be the parts of
ROW_SLOP = 1  # words between two of a row
MOST_IN_A_ROW = 16
_EXTRA_FIELDS = {"path": "path_words"}  # fields that are also found by words in a row


def to_query(tree: Node, schema: tantivy.Schema) -> Query:
    """The tantivy query of a tree. Finds every document that the tree does, and more only where it holds literals.

    Raises InputError for a field's pattern that is too long.
    """
    return _Translation(schema).query(tree, certain=False)


class _Translation:
    """Holds the schema that every tantivy query is made with.

    `certain` asks for fewer documents instead of more where a store cannot tell, as it must be below an exclusion.
    """

    def __init__(self, schema: tantivy.Schema) -> None:
        self.schema = schema

    def query(self, node: Node, certain: bool) -> Query:
        match node:
            case Field():
                return Query.const_score_query(self.field(node), 0.0)
            case Or(nodes):
                return _any([self.query(inner, certain) for inner in nodes])
            case Not() | And():
                return self.all_of(node.nodes if isinstance(node, And) else (node,), certain)
            case _:
                return Query.empty_query() if certain and has_literals(node) else self.leaf(node, certain)

    def leaf(self, node: Word | Phrase | Regex, certain: bool) -> Query:
        match node:
            case Word():
                return self.prefix(node.text) if node.prefix else self.word(node.text)
            case Phrase():
                return self.phrase("words", node.words)
            case Regex():
                return self.query(node.words, certain)

    def all_of(self, nodes: tuple[Node, ...], certain: bool) -> Query:
        clauses = []
        for node in nodes:
            if isinstance(node, Not):
                clauses.append((Occur.MustNot, self.query(node.node, not certain)))
            else:
                clauses.append((Occur.Must, self.query(node, certain)))
        if all(occur == Occur.MustNot for occur, _ in clauses):
            clauses.append((Occur.Must, Query.const_score_query(Query.all_query(), 0.0)))
        for row in words_in_a_row(nodes):
            clauses += [(Occur.Should, better) for better in self.in_a_row(row)]
        return Query.boolean_query(clauses)

    def in_a_row(self, words: tuple[str, ...]) -> list[Query]:
        """What ranks higher among the texts that hold all of these words, and finds none by itself."""
        if len(words) > MOST_IN_A_ROW:
            return []
        names = [Query.term_query(self.schema, "words", name, "freq") for name in names_of(words)]
        forms = [indexed_form(word) for word in words]
        return [*(Query.boost_query(name, NAME_BOOST) for name in names), Query.phrase_query(self.schema, "words", list(forms), ROW_SLOP)]

    def word(self, text: str) -> Query:
        found = self.word_in("words", "parts", text, WHOLE_WORD_BOOST)
        in_path = Query.boost_query(self.word_in("path_words", "path_words", text, 1.0), PATH_BOOST)
        return Query.boolean_query([(Occur.Must, found), (Occur.Should, in_path)])

    def word_in(self, words: str, parts: str, text: str, boost: float) -> Query:
        """A word as it stands in one field, or by all of its parts in another."""
        whole = Query.boost_query(Query.term_query(self.schema, words, indexed_form(text), "freq"), boost)
        each = [Query.term_query(self.schema, parts, part, "freq") for part in searchable_parts(text)]
        return _any([whole, Query.boolean_query([(Occur.Must, part) for part in each])]) if each else whole

    def prefix(self, text: str) -> Query:
        pattern = _escape(indexed_form(text)) + ".*"
        return _any([Query.regex_query(self.schema, name, pattern) for name in ("words", "parts")])

    def phrase(self, name: str, words: tuple[str, ...]) -> Query:
        forms = [indexed_form(word) for word in words]
        if len(forms) == 1:
            return Query.term_query(self.schema, name, forms[0], "freq")
        return Query.phrase_query(self.schema, name, list(forms))

    def field(self, field: Field) -> Query:
        value = lower(field.value.encode("utf-8", "replace").decode("utf-8"))
        words, extra = tuple(WORD.findall(value)), _EXTRA_FIELDS.get(field.name)
        if "*" not in value:
            exact = Query.term_query(self.schema, field.name, value, "basic")
            return _any([exact, self.phrase(extra, words)]) if extra and words else exact
        if problem := pattern_problem(value):
            raise InputError(f"{field.name}: {problem}, got {len(value)} characters")
        whole = Query.regex_query(self.schema, field.name, "(?s:.*)".join(map(_escape, value.split("*"))))
        if extra and len(words) == 1 and value == words[0] + "*":
            return _any([whole, Query.regex_query(self.schema, extra, _escape(indexed_form(words[0])) + ".*")])
        return whole


def names_of(words: tuple[str, ...]) -> list[str]:
    """What words are as one name. ("get", "file", "name") -> ["getfilename", "get_file_name"]"""
    return [indexed_form(between.join(words)) for between in ("", "_")]


def _any(queries: list[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _escape(text: str) -> str:
    """The text for a regular expression of tantivy's; other characters may get a meaning by a backslash, as < and > do."""
    return re.sub(r"[\\.+*?()|\[\]{}^$#&~-]", r"\\\g<0>", text)
