import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.answers import FacetCount
from indexer.errors import IndexCorrupt, IndexTooNew, InputError
from indexer.query.match import matches_literals
from indexer.query.parse import parse
from indexer.stores.local.fulltext import MAX_TOTAL, Columns, FullText, FullTextWriter
from indexer.text.tokens import tokenize
from indexer.text.words import WordStreams, analyze

# document number -> language, licences, repository, owner, path, content
CORPUS = {
    10: ("Python", ["MIT"], "pypi/Attrs", "pypi", "src/attr/_make.py", "def parse_header(raw):\n    return raw.split()"),
    20: ("Python", ["MIT", "Apache-2.0"], "pypi/six", "pypi", "six.py", "class HTTPHeader: pass  # parse"),
    30: (None, [], "npm/x", None, "docs/ü (1).txt", "Ünïcode ÜBER header"),
    40: ("C++", None, "deb/y", "deb", "a b/vector_impl.cpp", "std::vector<int> items; run(items);"),
    50: ("C++", ["GPL-2.0-only"], "npm/x", "npm", "x\ny/test_foo.h", "run.items = 1; // the header\u00a0file"),
}


def streams_of(documents: list[str]) -> WordStreams:
    encoded = [document.encode() for document in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return analyze(tokenize(np.frombuffer(b"".join(encoded), np.uint8), offsets))


def build(folder: Path) -> None:
    writer = FullTextWriter.create(folder, heap_bytes=20_000_000)
    for batch in ([10, 20], [30, 40, 50]):
        language, license_ids, repository, owner, path, content = zip(*(CORPUS[number] for number in batch), strict=True)
        writer.add_batch(np.array(batch), streams_of(list(content)), Columns(language, license_ids, repository, owner, path))
    writer.finish()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segment") / "text"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> FullText:
    return FullText.open(folder)


def found(index: FullText, query: str) -> list[int]:
    return [number for number, _ in index.search(parse(query)).hits]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("parse_header", {10}),
        ("PARSE_HEADER", {10}),
        ("parseHeader", {10}),
        ("header", {10, 20, 30, 50}),
        ("httpheader", {20}),
        ("http", {20}),
        ("parse header", {10, 20}),
        ("über", {30}),
        ("ÜBER", {30}),
        ("eader", set()),
        ("pars*", {10, 20}),
        ("HTTPH*", {20}),
        ("std::vector", {40}),
        ('"return raw"', {10}),
        ('"raw return"', {10}),
        ('"header def"', set()),
        ('"header file"', {50}),
        ("header -lang:Python", {30, 50}),
        ("-header", {40}),
        ("vector OR six OR über", {30, 40}),
        ("header (raw OR file)", {10, 50}),
        ("lang:c++", {40, 50}),
        ("lang:py*", {10, 20}),
        ("license:mit", {10, 20}),
        ("license:APACHE*", {20}),
        ("owner:PyPI", {10, 20}),
        ("repo:pypi/attrs", {10}),
        ("repo:attrs", {10}),
        ("repo:pypi/*", {10, 20}),
        ("repo:pypi", set()),
        ("path:src/attr/_make.py", {10}),
        ("path:src/*", {10}),
        ("path:*.py", {10, 20}),
        ("path:attr/_make.py", {10}),
        ("path:vector", {40}),
        ("path:vec*", {40}),
        ("path:*(1)*", {30}),
        ('path:"a b/*"', {40}),
        ("path:x*foo.h", {50}),
        ("path:[", set()),
        ("path:*<[(^>*", set()),
        ("lang:*", {10, 20, 40, 50}),
    ],
)
def test_which_documents_a_query_finds(index: FullText, query: str, numbers: set[int]) -> None:
    assert set(found(index, query)) == numbers


def test_words_in_a_row_rank_by_their_name_their_order_and_the_path(tmp_path: Path) -> None:
    texts = {
        1: ("a.py", "name of a file that we get; file it by name"),
        2: ("b.py", "getFileName(); get, that = of(file); its(name)"),
        3: ("c.py", "how to get the file name; get = 1; file = 2; name = 3"),
        4: ("parse/header.py", "header = parse"),
        5: ("d.py", "header = parse"),
    }
    writer = FullTextWriter.create(tmp_path / "text", heap_bytes=20_000_000)
    n, paths, contents = len(texts), *zip(*texts.values(), strict=True)
    writer.add_batch(list(texts), streams_of(list(contents)), Columns([None] * n, [None] * n, ["r"] * n, [None] * n, paths))
    writer.finish()
    with_row = FullText.open(tmp_path / "text")
    assert found(with_row, "get file name") == [2, 3, 1]
    assert found(with_row, "header") == [4, 5]


def test_a_whole_word_ranks_before_a_part(index: FullText) -> None:
    assert set(found(index, "header")[:2]) == {30, 50}


def test_fields_limit_and_do_not_rank(index: FullText) -> None:
    plain = dict(index.search(parse("header")).hits)
    limited = dict(index.search(parse("header lang:Python")).hits)
    assert limited == {number: pytest.approx(plain[number]) for number in (10, 20)}


def test_literals_find_all_that_the_text_confirms(index: FullText) -> None:
    tree = parse('"run(items)"')
    candidates = [number for number, _ in index.search(tree).hits]
    assert set(candidates) == {40, 50}
    assert [number for number in candidates if matches_literals(CORPUS[number][5], tree)] == [40]


def test_an_excluded_literal_drops_nothing_before_the_text_is_seen(index: FullText) -> None:
    tree = parse('run -"run(items)"')
    assert {number for number, _ in index.search(tree).hits if matches_literals(CORPUS[number][5], tree)} == {50}


def test_facets_count_all_hits_in_the_spelling_that_was_stored(index: FullText) -> None:
    facets = index.search(parse("header"), limit=1, facets=("language", "license", "owner")).facets
    assert facets["license"] == (FacetCount("MIT", 2), FacetCount("Apache-2.0", 1), FacetCount("GPL-2.0-only", 1))
    assert facets["language"] == (FacetCount("Python", 2), FacetCount("C++", 1))
    assert facets["owner"] == (FacetCount("pypi", 2), FacetCount("npm", 1))
    assert index.search(parse("header")).facets == {}


def test_filters_and_removed_documents_limit_hits_total_and_facets(index: FullText) -> None:
    answer = index.search(parse("header"), filters={"language": ["python", "c++"]}, without=[20], facets=("language",))
    assert {number for number, _ in answer.hits} == {10, 50}
    assert answer.total == 2
    assert answer.facets["language"] == (FacetCount("C++", 1), FacetCount("Python", 1))


@pytest.mark.parametrize("value", ["*" * 9, "é" * 200 + "*"])
def test_a_filter_that_no_automaton_holds_is_refused(index: FullText, value: str) -> None:
    with pytest.raises(InputError, match="a pattern takes at most"):
        index.search(parse("header"), filters={"path": [value]})


def test_the_longest_pattern_is_answered(index: FullText) -> None:
    assert index.search(parse("header"), filters={"path": ["*🙂" * 8 + "🙂" * 184]}).total == 0


def test_pages_follow_each_other(index: FullText) -> None:
    everything = found(index, "header")
    pages = [index.search(parse("header"), limit=3, offset=offset) for offset in (0, 3, 6)]
    assert [number for page in pages for number, _ in page.hits] == everything
    assert {page.total for page in pages} == {4}
    assert index.search(parse("header"), limit=0).hits == ()
    assert len(index.search(parse("header"), limit=10**15).hits) == 4


def test_totals_are_exact_up_to_their_limit(tmp_path: Path) -> None:
    n = MAX_TOTAL + 1
    writer = FullTextWriter.create(tmp_path / "text")
    columns = Columns(["C"] * n, [["MIT"]] * n, ["a/b"] * n, ["a"] * n, [f"{i}.c" for i in range(n)])
    writer.add_batch(np.arange(n), streams_of(["common"] * (n - 1) + ["common rare"]), columns)
    writer.finish()
    index = FullText.open(tmp_path / "text")
    common, rest = index.search(parse("common")), index.search(parse("common -rare"))
    assert (common.total, common.total_capped) == (MAX_TOTAL, True)
    assert (rest.total, rest.total_capped) == (MAX_TOTAL, False)


PIECES = [
    "parse",
    "header",
    "parse_header",
    "HTTPHeader",
    "x1",
    "run(items)",
    "run.items",
    "run items",
    "über",
    "ÜBER",
    "getName",
    "name",
    "\n",
]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join), min_size=1, max_size=8)
TERMS = [
    *(piece for piece in PIECES if piece.strip()),
    "he*",
    "pars*",
    '"parse header"',
    '"run(items)"',
    "-header",
    "-getName",
    '-"run.items"',
    "nameGet",
    r"/\brun.*items/",
    r"/ ?(\bparse_header|\bname)\b/",
    r"/\bget[A-Z]\w+$/",
    r"-/^run\b/",
]
QUERIES = (
    st.lists(st.sampled_from([*TERMS, "OR"]), min_size=1, max_size=5)
    .map(" ".join)
    .filter(lambda q: not (f" {q} ".startswith(" OR ") or q.endswith("OR") or "OR OR" in q))
)


@settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(TEXTS, st.lists(QUERIES, min_size=1, max_size=10))
def test_index_and_text_agree_on_what_a_query_finds(tmp_path: Path, texts: list[str], queries: list[str]) -> None:
    folder = tmp_path / "text"
    shutil.rmtree(folder, ignore_errors=True)
    n = len(texts)
    writer = FullTextWriter.create(folder, heap_bytes=15_000_000)
    writer.add_batch(range(n), streams_of(texts), Columns([None] * n, [None] * n, ["a/b"] * n, [None] * n, ["p"] * n))
    writer.finish()
    index = FullText.open(folder)
    for query in queries:
        tree = parse(query)
        confirmed = {number for number, _ in index.search(tree, limit=n).hits if matches_literals(texts[number], tree)}
        assert confirmed == {number for number in range(n) if matches_literals(texts[number], tree)}, query


def test_nothing_of_the_text_is_stored(tmp_path: Path) -> None:
    words = [f"w{i:x}q" for i in np.random.default_rng(7).permutation(20_000)]
    build_one(tmp_path / "text", " ".join(words))
    joined = b"".join(file.read_bytes() for file in (tmp_path / "text").iterdir())
    assert " ".join(words[:3]).encode() not in joined
    assert (tmp_path / "text").exists()


def build_one(folder: Path, content: str) -> None:
    writer = FullTextWriter.create(folder)
    writer.add_batch([0], streams_of([content]), Columns([None], [None], ["a/b"], [None], ["p"]))
    writer.finish()


def test_a_machine_of_many_cores_can_build(tmp_path: Path) -> None:
    """tantivy refuses threads that have little memory each."""
    FullTextWriter.create(tmp_path / "text", cores=128).finish()
    assert len(FullText.open(tmp_path / "text")) == 0


def test_an_index_without_documents_opens_and_finds_nothing(tmp_path: Path) -> None:
    FullTextWriter.create(tmp_path / "text").finish()
    index = FullText.open(tmp_path / "text")
    assert len(index) == 0
    assert index.search(parse("a"), facets=("language",)).total == 0


def test_reopening_gives_the_same_answers(folder: Path, index: FullText) -> None:
    again = FullText.open(folder)
    assert again.search(parse("header")) == index.search(parse("header"))
    assert len(again) == len(CORPUS)
    assert again.verify() == []


def test_a_missing_folder_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(IndexCorrupt, match=r"files\.json: missing"):
        FullText.open(tmp_path / "text")


def test_every_truncated_or_missing_file_is_rejected(folder: Path, tmp_path: Path) -> None:
    names = [file.name for file in folder.iterdir() if not file.name.endswith(".lock")]
    assert len(names) >= 8
    for name in names:
        for size in (None, 0, (folder / name).stat().st_size - 1):
            damaged = tmp_path / "text"
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(folder, damaged)
            if size is None:
                (damaged / name).unlink()
            else:
                os.truncate(damaged / name, size)
            with pytest.raises(IndexCorrupt, match="text"):
                FullText.open(damaged)


def test_a_flipped_bit_is_reported_by_verify(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "text"
    shutil.copytree(folder, damaged)
    index = FullText.open(damaged)
    [file] = damaged.glob("*.pos")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    assert index.verify() == [f"{file}: its checksum is not the one written"]


def test_a_later_format_is_too_new(folder: Path, tmp_path: Path) -> None:
    later = tmp_path / "text"
    shutil.copytree(folder, later)
    listing = json.loads((later / "files.json").read_text())
    (later / "files.json").write_text(json.dumps({**listing, "format": 99}))
    with pytest.raises(IndexTooNew, match="format 99"):
        FullText.open(later)


def test_a_writer_that_did_not_finish_leaves_nothing_that_opens(tmp_path: Path) -> None:
    writer = FullTextWriter.create(tmp_path / "text")
    writer.add_batch([0], streams_of(["a"]), Columns([None], [None], ["a/b"], [None], ["p"]))
    del writer
    with pytest.raises(IndexCorrupt, match="never finished"):
        FullText.open(tmp_path / "text")


def test_finish_leaves_no_locks_and_files_that_others_may_read(tmp_path: Path) -> None:
    build(tmp_path / "text")
    files = list((tmp_path / "text").iterdir())
    assert not [file for file in files if file.name.endswith((".lock", ".part"))]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o644}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of this machine can enter, as those of tests are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_an_index_that_cannot_be_written_to_can_be_read(folder: Path, open_folder: Path) -> None:
    copy = Path(shutil.copytree(folder, open_folder / "text"))
    (copy / ".tantivy-meta.lock").unlink(missing_ok=True)
    copy.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(PermissionError):
            (copy / "probe").write_text("")
        assert found(FullText.open(copy), "vector") == [40]
    finally:
        os.seteuid(user)
        copy.chmod(0o755)
