"""What does a query tree look like to Elasticsearch? The same meaning as to the local full text.

Not here: the tree (`indexer.query.tree`), the fields (`mapping`), the local translation (`indexer.stores.local.fulltext_query`).
"""

from __future__ import annotations

import re
from typing import Any

from indexer.errors import InputError
from indexer.query.tree import And, Field, Node, Not, Or, Phrase, Regex, Word, pattern_problem, words_in_a_row
from indexer.stores.local.fulltext_query import MOST_IN_A_ROW, NAME_BOOST, PATH_BOOST, ROW_SLOP, WHOLE_WORD_BOOST, names_of
from indexer.text.words import WORD, indexed_form, lower, searchable_parts

_NOTHING: dict[str, Any] = {"match_none": {}}
Json = dict[str, Any]


def to_query(tree: Node) -> Json:
    """The query of a tree. Finds every document that the tree does, and more only where it holds literals.

    Raises InputError for a field's pattern that is too long.
    """
    return _query(tree, certain=False)


def _query(node: Node, certain: bool) -> Json:
    """`certain` asks for fewer documents instead of more where words cannot tell, as it must be below an exclusion."""
    match node:
        case Word():
            return _prefix(node.text) if node.prefix else _word(node.text)
        case Phrase():
            return _NOTHING if certain and node.literal else _phrase("words", node.words)
        case Regex():
            return _NOTHING if certain else _query(node.words, certain)
        case Field():
            return {"bool": {"filter": [_field(node)]}}
        case Not() | And():
            return _all_of(node.nodes if isinstance(node, And) else (node,), certain)
        case Or(nodes):
            return _any([_query(inner, certain) for inner in nodes])


def _all_of(nodes: tuple[Node, ...], certain: bool) -> Json:
    must = [_query(node, certain) for node in nodes if not isinstance(node, Not)]
    must_not = [_query(node.node, not certain) for node in nodes if isinstance(node, Not)]
    if not must:
        return {"bool": {"filter": [{"match_all": {}}], "must_not": must_not}}
    should = [better for row in words_in_a_row(nodes) for better in _in_a_row(row)]
    return {"bool": {"must": must, "must_not": must_not, "should": should}}


def _in_a_row(words: tuple[str, ...]) -> list[Json]:
    """What ranks higher among the texts that hold all of these words, and finds none by itself."""
    if len(words) > MOST_IN_A_ROW:
        return []
    names = [{"term": {"words": {"value": name, "boost": NAME_BOOST}}} for name in names_of(words)]
    row = " ".join(map(indexed_form, words))
    return [*names, {"match_phrase": {"words": {"query": row, "slop": ROW_SLOP}}}]


def _word(text: str) -> Json:
    in_path = _word_in("path_words", "path_words", text, PATH_BOOST)
    return {"bool": {"must": [_word_in("words", "parts", text, WHOLE_WORD_BOOST)], "should": [in_path]}}


def _word_in(words: str, parts: str, text: str, boost: float) -> Json:
    """A word as it stands in one field, or by all of its parts in another."""
    whole = {"term": {words: {"value": indexed_form(text), "boost": boost}}}
    each = [{"term": {parts: part}} for part in searchable_parts(text)]
    return _any([whole, {"bool": {"must": each}}]) if each else whole


def _prefix(text: str) -> Json:
    return _any([{"prefix": {name: indexed_form(text)}} for name in ("words", "parts")])


def _phrase(name: str, words: tuple[str, ...]) -> Json:
    return {"match_phrase": {name: " ".join(indexed_form(word) for word in words)}}


def _field(field: Field) -> Json:
    value = lower(field.value.encode("utf-8", "replace").decode("utf-8"))
    words = tuple(WORD.findall(value)) if field.name == "path" else ()  # a path is also found by words in a row
    if "*" not in value:
        exact = {"term": {field.name: value}}
        return _any([exact, _phrase("path_words", words)]) if words else exact
    if problem := pattern_problem(value):
        raise InputError(f"{field.name}: {problem}, got {len(value)} characters")
    whole = {"wildcard": {field.name: re.sub(r"([\\?])", r"\\\1", value)}}
    if len(words) == 1 and value == words[0] + "*":
        return _any([whole, {"prefix": {"path_words": indexed_form(words[0])}}])
    return whole


def _any(queries: list[Json]) -> Json:
    return {"bool": {"should": queries, "minimum_should_match": 1}}
