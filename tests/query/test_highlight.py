import pytest

from indexer.answers import Extent, Snippet
from indexer.query.highlight import CUT, MAX_LINE, snippets
from indexer.query.match import matches_literals
from indexer.query.parse import parse


def marked(snippet: Snippet) -> list[str]:
    return [snippet.text[extent.start : extent.end] for extent in snippet.highlights]


def test_highlights_count_code_points_and_lines_end_at_crlf_cr_and_lf() -> None:
    content = "one\r\n# 🙂🙂 parse the header\rdef parse_header():\nfour\r\nfive\r\nsix\r\n"
    [snippet] = snippets(content, parse("header"), context_lines=1)
    assert snippet == Snippet("one\n# 🙂🙂 parse the header\ndef parse_header():", 1, 3, (Extent(19, 25), Extent(36, 42)))
    assert marked(snippet) == ["header", "header"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("parse_header", ["parse_header"]),
        ("parseHeader", ["parse", "header"]),
        ("HEADER", ["header"]),
        ("pars*", ["parse_header"]),
        ("head*", ["header"]),
        ('"def parse_header"', ["def parse_header"]),
        ('"parse_header(SELF"', ["parse_header(self"]),
        ("def -self", ["def"]),
        ("def lang:Python", ["def"]),
        ("arse", []),
        (r"/\bdef \w+/", ["def parse_header"]),
        (r"/\bDEF\b/", []),
        (r"/(?i)\bDEF\b/", ["def"]),
    ],
)
def test_what_is_highlighted(query: str, found: list[str]) -> None:
    [snippet] = snippets("def parse_header(self):", parse(query))
    assert marked(snippet) == found


def test_the_line_with_most_words_comes_before_lines_with_one() -> None:
    content = "\n".join(["alpha"] * 30 + ["beta alpha gamma"] + ["alpha"] * 30)
    [snippet] = snippets(content, parse("alpha beta gamma"), max_snippets=1, context_lines=0)
    assert (snippet.text, snippet.start_line, snippet.end_line) == ("beta alpha gamma", 31, 31)


def test_snippets_are_disjoint_and_in_text_order() -> None:
    content = "\n".join(f"line {i}" + (" needle" if i in (3, 5, 40) else "") for i in range(60))
    found = snippets(content, parse("needle"), max_snippets=3, context_lines=2)
    assert [(snippet.start_line, snippet.end_line) for snippet in found] == [(2, 6), (39, 43)]
    assert sum(len(snippet.highlights) for snippet in found) == 3


def test_a_minified_line_is_windowed_around_the_match() -> None:
    content = "a=1;" * 50_000 + "needle()" + ";b=2" * 50_000
    [snippet] = snippets(content, parse("needle"))
    assert len(snippet.text) == MAX_LINE + 2
    assert snippet.text.startswith(CUT)
    assert snippet.text.endswith(CUT)
    assert marked(snippet) == ["needle"]


def test_a_match_longer_than_the_window_is_cut() -> None:
    content = "x" * 10 + " begin " + " . " * 400 + " end"
    [snippet] = snippets(content, parse('"begin end"'))
    assert len(snippet.text) == MAX_LINE + 1
    assert marked(snippet)[0].startswith("begin")


def test_a_phrase_over_two_lines_is_highlighted_on_both() -> None:
    [snippet] = snippets("return (\n    value)\n", parse('"return value"'))
    assert snippet.text == "return (\n    value)"
    assert marked(snippet) == ["return (", "    value"]


def test_a_search_by_fields_shows_the_first_lines() -> None:
    [snippet] = snippets("\n\nfirst\nsecond\nthird\nfourth\nfifth\nsixth\nseventh", parse("lang:Python"))
    assert (snippet.text, snippet.start_line, snippet.highlights) == ("first\nsecond\nthird\nfourth\nfifth", 3, ())
    assert snippets("", parse("lang:Python")) == snippets(" \n\r\n", parse("a")) == ()


@pytest.mark.parametrize(
    ("query", "content", "holds"),
    [
        ('"f(x)"', "y = F(X)", True),
        ('"f(x)"', "y = f[x]", False),
        ('"f(x)"', "y = f( x)", False),
        ('"f( x)"', "y = f( \r\n\t x)", True),
        ('"a.b"', "xa.b", False),
        ('"a.b"', "(a.bc", False),
        ('".b"', "a.b", True),
        ('-"f(x)"', "f[x]", True),
        ('-"f(x)"', "f(x)", False),
        ('"f(x)" OR g', "f[x] g", True),
        ('"f(x)" OR g', "f[x] h", False),
        ('"f(x)" lang:C', "f(x)", True),
        ('"f(x)" OR lang:C', "f[x]", True),
        ('"f x"', "f.x", True),
        ('"f(x)" getName', "f(x) name_of get_x", True),
        ('"f(x)" getName', "f(x) name get", False),
        ('"f(x)" nam*', "f(x) getName", True),
    ],
)
def test_literals_are_compared_with_the_text(query: str, content: str, holds: bool) -> None:
    assert matches_literals(content, parse(query)) is holds
