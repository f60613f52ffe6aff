"""Does the quick look for a word in a text find what looking at every word finds?"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.query.match import spans
from indexer.query.tree import Word
from indexer.text.words import WORD, indexed_form, lower, part_spans, searchable_parts

TEXT = st.text(alphabet="aAbBzZ09_ .éÉſ", max_size=40)
QUERY = st.text(alphabet="aAbBzZ09_éÉ", min_size=1, max_size=6)


def naive_spans(content: str, word: Word) -> list[tuple[int, int, bool]]:
    """Every word of the text, one after another."""
    form, parts, found = indexed_form(word.text), set(searchable_parts(word.text)), []
    for place in WORD.finditer(content):
        start, text = place.start(), place.group()
        spelled = indexed_form(text)
        if spelled == form or (word.prefix and spelled.startswith(form)):
            found.append((start, place.end(), True))
            continue
        for first, last in part_spans(text):
            part = lower(text[first:last])
            if part.startswith(form) if word.prefix else part in parts:
                found.append((start + first, start + last, False))
    return found


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TEXT, QUERY, st.booleans())
def test_words_and_parts_are_found_as_by_looking_at_every_word(content: str, text: str, prefix: bool) -> None:
    word = Word(text, prefix)
    assert list(spans(content, word)) == naive_spans(content, word)


def test_a_word_cut_by_the_index_is_found_in_a_longer_one() -> None:
    content = "x" * 200
    assert list(spans(content, Word("x" * 150, False))) == [(0, 200, True)]
