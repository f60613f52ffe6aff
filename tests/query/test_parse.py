import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import QueryError
from indexer.query.parse import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse
from indexer.query.tree import And, Field, Node, Not, Or, Phrase, Regex, Word, found_leaves, has_literals, restrict, words_in_a_row

A, B, C = Word("a"), Word("b"), Word("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("parse", Word("parse")),
        ("parse header", And((Word("parse"), Word("header")))),
        ("pars*", Word("pars", prefix=True)),
        ('"parse header"', Phrase("parse header")),
        ('"parse(header)"', Phrase("parse(header)", literal=True)),
        (r'"say \"hi\""', Phrase('say "hi"', literal=True)),
        ("std::vector", Phrase("std::vector")),
        ("f(x)", Phrase("f(x)")),
        ("(f(x) a)", And((Phrase("f(x)"), A))),
        ("x = y", And((Word("x"), Word("y")))),
        ("p -> x", And((Word("p"), Word("x")))),
        ("a - b", And((A, B))),
        ("lang:Python", Field("language", "Python")),
        ("LANG:c++", Field("language", "c++")),
        ('language:"Jupyter Notebook"', Field("language", "Jupyter Notebook")),
        ("license:GPL* licence:MIT", And((Field("license", "GPL*"), Field("license", "MIT")))),
        ("repo:pypi/attrs repository:x owner:y", And((Field("repository", "pypi/attrs"), Field("repository", "x"), Field("owner", "y")))),
        ("path:src/*.py", Field("path", "src/*.py")),
        ("path::x", Phrase("path::x")),
        ("http://a.b", Phrase("http://a.b")),
        ("a -b", And((A, Not(B)))),
        ("-path:tests", Not(Field("path", "tests"))),
        ("-(a OR b)", Not(Or((A, B)))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("a AND b", And((A, B))),
        ("or and", And((Word("or"), Word("and")))),
        ("ORDER", Word("ORDER")),
        ("((a))", A),
        ("() a", A),
        ("日本* 🙂", And((Word("日本", prefix=True), Word("🙂")))),
        ("a\ud800", Word("a\ufffd")),
        (r"/\bparse_\w+\(/", Regex(r"\bparse_\w+\(", Word("parse_", prefix=True))),
        (r"/^def (a|b)\(self\)/", Regex(r"^def (a|b)\(self\)", And((Word("def"), Word("self"))))),
        (r"/\s+return x;?$/", Regex(r"\s+return x;?$", Word("return"))),
        (r"/(\ba b | \bc b )/", Regex(r"(\ba b | \bc b )", Or((And((A, B)), And((C, B)))))),
        (r"/\ba\/b\b/", Regex(r"\ba/b\b", And((A, B)))),
        (r"/(?i)\ba\b/ -/\bb\b/", And((Regex(r"(?i)\ba\b", A), Not(Regex(r"\bb\b", B))))),
        ("/usr/bin", Phrase("/usr/bin")),
        ("a / b / c", And((A, B, C))),
        ("// a */", A),
    ],
)
def test_queries_and_their_trees(text: str, tree: Node) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "nothing to search for"),
        ("  => ()", 1, "nothing to search for"),
        ("- -", 1, "nothing to search for"),
        ('parse head "abc', 12, "unclosed quote at column 12"),
        ('🙂 "x', 3, "unclosed quote at column 3"),
        ("a /(b/", 3, "the regular expression at column 3 is not understood: missing )"),
        (r"/\w+Error/", 1, "needs a whole word, or the beginning of one, that every match holds"),
        (r"/( a |)/", 1, "needs a whole word"),
        (r"/\ba?b/", 1, "needs a whole word"),
        ("/[[:alpha:]] a /", 1, "is not understood: [[: is not taken here"),
        (r"/(?=a) b /", 1, "is not understood"),
        ("/a " + "a" * 210 + " /", 1, "200 at most"),
        ('a "=>"', 3, "nothing searchable in the quotes at column 3"),
        ('""', 1, "nothing searchable"),
        ("a lang: b", 3, "lang: at column 3 needs a value"),
        ('path:" "', 1, "path: at column 1 needs a value"),
        ("a path:" + "x*" * 9, 3, "path: at column 3: a pattern takes at most 8 *"),
        ("a OR", 3, "OR at column 3"),
        ("OR a", 1, "OR at column 1"),
        ("a OR OR b", 3, "OR at column 3"),
        ("a)", 2, "')' without '(' at column 2"),
        ("a (b", 3, "unclosed '(' at column 3"),
        ("a p*", 3, "needs at least 2"),
        ("a.b*", 1, "one word"),
        ("a " * (MAX_TERMS + 1), 2 * MAX_TERMS + 1, f"more than {MAX_TERMS} terms"),
        ("(" * (MAX_DEPTH + 1) + "a", MAX_DEPTH + 1, "nested deeper"),
        ("-" * 5000 + "a", MAX_DEPTH + 1, "nested deeper"),
        ("a " + "aB" * 40 + ' "' + "b " * 1000 + '"', 84, "too many words and parts"),
        ("a" * (MAX_LENGTH + 1), MAX_LENGTH + 1, "characters"),
    ],
)
def test_errors_say_what_and_where(text: str, column: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.column == column


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["a", '"', "(", ")", "-", "OR", " ", "lang:", "*", "\\", "é", "=", "AND"]), max_size=15).map("".join)
    | st.text(max_size=20)
)
def test_any_text_is_a_tree_or_an_error_within_it(text: str) -> None:
    try:
        tree = parse(text)
    except QueryError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        assert isinstance(tree, Word | Phrase | Field | Not | And | Or)


def test_filters_are_one_of_their_values_in_each_field() -> None:
    tree = restrict(A, {"language": ["C", "C++"], "license": ["MIT"], "owner": []})
    assert tree == And((A, Or((Field("language", "C"), Field("language", "C++"))), Field("license", "MIT")))
    assert restrict(A, {}) == A


def test_what_may_be_highlighted_is_what_is_not_excluded() -> None:
    assert list(found_leaves(parse('a -b (c OR "d e") lang:x -(-f)'))) == [A, C, Phrase("d e")]


def test_literals_are_told_from_phrases() -> None:
    assert has_literals(parse('a (b OR -"c.d")'))
    assert not has_literals(parse('a "b c" d.e lang:"f.g"'))


def test_words_typed_beside_each_other_are_a_row() -> None:
    tree = parse('a b "x = 1" c par* d e lang:x')
    assert isinstance(tree, And) and list(words_in_a_row(tree.nodes)) == [("a", "b"), ("d", "e")]
