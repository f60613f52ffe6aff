import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.text import words_kernels
from indexer.text.tokens import Tokens, tokenize
from indexer.text.words import WORD, analyze, indexed_form, lower, part_spans, searchable_parts

SPACES = "\u0085\u00a0\u1680\u180e\u2028\u2029\u202f\u205f\u2060\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200E)))


def is_word_character(char: str) -> bool:
    return (char.isascii() and (char.isalnum() or char == "_")) or (not char.isascii() and char not in SPACES)


def character_class(char: str) -> str:
    return "_" if char == "_" else "digit" if char in "0123456789" else "upper" if char.isascii() and char.isupper() else "lower"


def naive_words(text: str) -> list[str]:
    """Words as written, one character after the other."""
    spread = "".join(char if is_word_character(char) else " " for char in text)
    return [word for word in spread.split(" ") if word]


def naive_parts(word: str) -> list[str]:
    """Parts of a word as written: a border stands wherever the class changes, but a capital belongs to the small letters behind it."""
    if word[0] in "0123456789" or len(word.encode()) > 100:
        return []
    parts, part = [], ""
    for i, char in enumerate(word):
        before = character_class(part[-1]) if part else None
        now = character_class(char)
        behind = character_class(word[i + 1]) if i + 1 < len(word) else None
        joins = before == now or (before == "upper" and now == "lower" and len(part) == 1)
        if part and (not joins or (before == now == "upper" and behind == "lower")):
            parts.append(part)
            part = ""
        if char != "_":
            part += char
    parts.append(part)
    return [part for part in parts if len(part.encode()) >= 2 and part != word]


def lowered_ascii(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def naive_streams(text: str) -> tuple[str, str]:
    """Words and parts of a document, A-Z lower-cased."""
    words = naive_words(text)
    cut = [word.encode()[:100].decode("utf-8", "ignore") for word in words]
    parts = [part for word in dict.fromkeys(words) for part in naive_parts(word)]
    return "".join(lowered_ascii(word) + " " for word in cut), "".join(lowered_ascii(part) + " " for part in parts)


def tokens_of(documents: list[str]) -> Tokens:
    encoded = [document.encode() for document in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return tokenize(np.frombuffer(b"".join(encoded), np.uint8), offsets)


PIECES = ["parse", "HTTP", "Server", "X", "9", "42", "_", "é", "Ü", "数", " ", "\n", "(", ".", "\u00a0", "\ufeff", "🙂", "aB", "a" * 60]
DOCUMENTS = st.lists(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=12).map("".join), max_size=5)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(DOCUMENTS)
@example(["HTTPServer.parse_header(utf8)", "", "HTTPServer"])
@example(["a" * 99 + "é" + "b" * 9, "Ab" * 51])
def test_the_kernel_equals_its_naive_twin(documents: list[str]) -> None:
    streams = analyze(tokens_of(documents))
    words, parts = streams.words.tobytes(), streams.parts.tobytes()
    found = [
        (words[a:b].decode(), parts[c:d].decode())
        for a, b, c, d in zip(streams.word_offsets, streams.word_offsets[1:], streams.part_offsets, streams.part_offsets[1:], strict=False)
    ]
    assert found == [naive_streams(document) for document in documents]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(DOCUMENTS)
def test_the_compiled_kernel_equals_its_python_function(documents: list[str]) -> None:
    tokens = tokens_of(documents)
    compiled = analyze(tokens)
    most = int(np.diff(tokens.token_offsets).max(initial=0))
    slots = 1 << (2 * most + 1).bit_length()
    n = len(tokens.data)
    seen, seen_in = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    words, parts = np.empty(2 * n + 1, np.uint8), np.empty(2 * n + 1, np.uint8)
    word_offsets, part_offsets = np.empty(len(documents) + 1, np.int64), np.empty(len(documents) + 1, np.int64)
    texts = (tokens.data, tokens.starts, tokens.ends, tokens.hashes, tokens.token_offsets)
    w, p = words_kernels.analyze.py_func(*texts, seen, seen_in, words, word_offsets, parts, part_offsets)
    assert words[:w].tobytes() == compiled.words.tobytes()
    assert parts[:p].tobytes() == compiled.parts.tobytes()
    assert word_offsets.tolist() == compiled.word_offsets.tolist()
    assert part_offsets.tolist() == compiled.part_offsets.tolist()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(DOCUMENTS)
def test_query_side_and_index_side_see_the_same_words_and_parts(documents: list[str]) -> None:
    for document, (words, parts) in zip(documents, analyze(tokens_of(documents)).texts(), strict=True):
        written = WORD.findall(document)
        assert words.split(" ")[:-1] == [indexed_form(word) for word in written]
        assert parts.split(" ")[:-1] == [lower(word[a:b]) for word in dict.fromkeys(written) for a, b in part_spans(word)]


def test_words_and_parts_of_identifiers() -> None:
    [(words, parts)] = analyze(tokens_of(["HTTPServer.parse_header(utf8) Über_x 0x1F"])).texts()
    assert words == "httpserver parse_header utf8 über_x 0x1f "
    assert parts == "http server parse header utf über "


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("parseHeader", ["parse", "header"]),
        ("header", ["header"]),
        ("_name", ["name"]),
        ("sha1", []),
        ("x", []),
        ("0xFFaa", []),
        ("__", []),
        ("", []),
    ],
)
def test_searchable_parts(word: str, parts: list[str]) -> None:
    assert searchable_parts(word) == parts


def test_lower_casing_does_not_depend_on_the_neighbours() -> None:
    assert lower("ΟΔΟΣ ΟΔΟΣ.") == "οδοσ οδοσ."


def test_one_table_serves_documents_after_each_other() -> None:
    streams = analyze(tokens_of(["getName getName", "getName", "a b c d e f g h getName"]))
    assert [parts for _, parts in streams.texts()] == ["get name ", "get name ", "get name "]
