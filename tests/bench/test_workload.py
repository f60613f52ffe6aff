"""Does the workload do to snippets what its table says, and does it draw the same queries every time?"""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.bench.corpus import Row, read_rows, table_of
from tests.bench.download import Fetched
from tests.bench.extract import SourceFile, source_files
from tests.bench.growth_corpus import make_share
from tests.bench.packages import LIST, Package, packages
from tests.bench.queries import draw_queries
from tests.bench.snippets import every_fifth_line_edited, inside_other_code, reindent, renamed, without_comments, without_strings
from tests.bench.windows import WindowTable, solid_lines

CODE = '''def total(rows, start):  # sum of rows
    """Adds rows to start."""
    result = start

    for row in rows:
        result += row  # one row
    return result
'''


def test_reindenting_changes_white_space_only() -> None:
    text = reindent(CODE, random.Random(3))
    assert text != CODE
    assert solid_lines(text) == solid_lines(CODE)
    assert "\n\n" not in text


def test_comments_go_but_comment_signs_in_strings_stay() -> None:
    assert without_comments('x = "# no"  # yes', "Python") == 'x = "# no"   '
    assert without_comments("a // b\nc /* d\ne */ f", "C") == "a  \nc   f"


def test_strings_become_their_quotes() -> None:
    assert without_strings('f(\'a\', "b\\"c")', "Python") == "f('', \"\")"


def test_renaming_is_one_to_one_and_leaves_keywords_and_strings() -> None:
    text, n_names = renamed(CODE, "Python", random.Random(3))
    assert n_names == len({"total", "rows", "start", "result", "row"})
    assert "def " in text and "for " in text and " in " in text and "return " in text
    assert '"""Adds rows to start."""' in text
    assert "row" not in text.replace("Adds rows", "")


def test_only_every_fifth_line_is_edited() -> None:
    lines = [f"line {number}" for number in range(1, 21)]
    text = every_fifth_line_edited("\n".join(lines), random.Random(3), ["foreign"])
    kept = [line for number, line in enumerate(lines, start=1) if number % 5]
    assert [line for line in text.split("\n") if line in kept] == kept
    assert text != "\n".join(lines)


def test_a_snippet_inside_other_code_is_whole_and_a_quarter_of_it() -> None:
    text = inside_other_code(CODE.strip(), random.Random(3), lambda: "other\n" * 40)
    assert CODE.strip() in text
    assert len(text.split("\n")) == 4 * len(CODE.strip().split("\n"))


def rows(prefix: str, n_files: int) -> list[Row]:
    """Files whose lines differ from each other's."""
    return [
        Row(
            file,
            f"py/{prefix}{file}@1",
            "a.py",
            "Python",
            "\n".join(f"{prefix}_{file} = compute({line}, value, other, name)" for line in range(60)),
        )
        for file in range(n_files)
    ]


def test_the_same_seed_draws_the_same_queries_and_another_seed_does_not() -> None:
    corpus, others = rows("inside", 8), rows("outside", 4)
    first = draw_queries(corpus, others, 5, seed=1)
    assert first == draw_queries(corpus, others, 5, seed=1)
    assert first != draw_queries(corpus, others, 5, seed=2)
    assert {query.set for query in first} == {"P0", "P1", "P2", "P3", "P4", "P5", "P6", "N"}


def test_truth_names_every_file_that_holds_the_whole_snippet() -> None:
    corpus = rows("inside", 3)
    twin = Row(3, "py/twin@1", "b.py", "Python", corpus[0].content.replace("    ", "\t") + "\nmore = 1")
    expected: dict[str, list[list[int]]] = {
        "py/inside0@1": [[0, 3]],
        "py/inside1@1": [[1]],
        "py/inside2@1": [[2]],
        "py/twin@1": [[0, 3], [3]],
        "py/outside0@1": [[]],
    }
    for query in draw_queries([*corpus, twin], rows("outside", 1), 12, seed=1):
        assert query.truth in expected[query.repo]


def test_windows_see_through_white_space_and_blank_lines() -> None:
    table = WindowTable.build([(7, "a b\nc\nd\n\ne\nf\ng"), (9, "1\n2\n3\n4\n5")])
    assert table.files_with_all("a   b\n\n c\nd\ne\nf") == [7]
    assert not table.holds_any("c\nd\nX\ne\nf")
    assert table.holds_any("X\n1\n2\n3\n4\n5")


def test_source_files_are_utf8_text_of_known_languages(tmp_path: Path) -> None:
    wheel = tmp_path / "p-1-py3-none-any.whl"
    members = {
        "p/a.py": b"x = 1\r\ny = 2\r\n",
        "p/latin.py": b"# \xe9\n",
        "p/nul.c": b"int a;\0",
        "p/wide.js": b"x" * 400,
        "p/lib.min.js": b"x;\n",
        "p/data.txt": b"words\n",
        "p/huge.py": b"#\n" * 600_000,
        "p-1.dist-info/METADATA": b"Name: p\nLicense-Expression: MIT\n\nLong text\n",
    }
    with zipfile.ZipFile(wheel, "w") as packed:
        for path, data in members.items():
            packed.writestr(path, data)
    files = source_files(Fetched(Package("py", "p", "1"), (wheel,)), None)
    assert [(file.path, file.language, file.licence, file.content) for file in files] == [("p/a.py", "Python", "MIT", "x = 1\ny = 2\n")]


@pytest.mark.parametrize(("cap", "n_files"), [(None, 4), (25, 2), (5, 0)])
def test_the_cap_keeps_files_in_the_order_of_their_digest(tmp_path: Path, cap: int | None, n_files: int) -> None:
    archive = tmp_path / "p-1.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for number in range(4):
            entry = tarfile.TarInfo(f"package/{number}.js")
            entry.size = 10
            tar.addfile(entry, io.BytesIO(b"a = %05d\n" % number + b"\n"))
    files = source_files(Fetched(Package("npm", "p", "1"), (archive,)), cap)
    assert len(files) == n_files
    assert cap is None or [file.sha1 for file in files] == sorted(file.sha1 for file in files)


def test_corpus_and_heldout_share_no_package_and_quick_is_part_of_the_whole() -> None:
    assert LIST.exists()
    corpus, heldout = packages("corpus", quick=False), packages("heldout", quick=False)
    assert not {package.key for package in corpus} & {package.key for package in heldout}
    assert set(packages("corpus", quick=True)) < set(corpus)
    assert set(packages("heldout", quick=True)) < set(heldout)


def test_a_larger_share_holds_every_smaller_one_and_each_has_about_the_size_asked_for(tmp_path: Path) -> None:
    texts = [f"line {number}\n" * 100 for number in range(4000)]
    files = [SourceFile("r", f"{n}.py", "Python", "MIT", hashlib.sha1(text.encode()).hexdigest(), text) for n, text in enumerate(texts)]
    for name in ("whole", "heldout"):
        pq.write_table(table_of(files), tmp_path / f"{name}.parquet", row_group_size=900)
    whole = {"bytes": sum(map(len, texts))}
    small, large = (make_share(tmp_path, whole, size) for size in (1_000_000, 2_000_000))
    small_paths, large_paths = ({row.path for row in read_rows(share.files)} for share in (small, large))
    assert small_paths < large_paths
    assert [row.id for row in read_rows(large.files)] == list(range(len(large_paths)))
    assert small.stats["corpus"]["bytes"] == pytest.approx(1_000_000, rel=0.1)
    assert large.stats["corpus"]["bytes"] == pytest.approx(2_000_000, rel=0.1)


def test_a_share_of_more_than_there_is_is_all_of_it(tmp_path: Path) -> None:
    file = SourceFile("r", "a.py", "Python", "MIT", "f" * 40, "x = 1\n")
    for name in ("whole", "heldout"):
        pq.write_table(table_of([file]), tmp_path / f"{name}.parquet")
    assert len(read_rows(make_share(tmp_path, {"bytes": 6}, 9_000_000).files)) == 1
