import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.origin import Reading
from indexer.corpus import FILES_SCHEMA, content_id
from indexer.errors import InputError

Rows = list[dict[str, Any]]
LEAST = {"content": ["x = 1\n", "y = 2\n"], "repository": ["o/a", "o/b"], "path": ["a.py", "b.py"]}


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_three_columns_are_enough(tmp_path: Path, read: Callable[..., Rows]) -> None:
    row = read(f"parquet:{write(tmp_path / 'a.parquet', LEAST)}")[0]
    assert row == dict.fromkeys(FILES_SCHEMA.names) | {
        "content_id": content_id(b"x = 1\n"),
        "content": "x = 1\n",
        "size": 6,
        "encoding": "UTF-8",
        "language": "Python",
        "repository": "o/a",
        "path": "a.py",
        "licenses": [],
        "license_type": "none",
        "is_vendored": False,
        "is_generated": False,
        "is_test": False,
        "source": "parquet",
    }


def test_what_the_columns_state_is_kept(tmp_path: Path, read: Callable[..., Rows]) -> None:
    stated = {
        "content": "é = 1",
        "content_id": "0123456789abcdef0123456789abcdef01234567",
        "size": 5,
        "encoding": "ISO-8859-1",
        "language": "Hy",
        "repository": "o/a",
        "owner": "someone",
        "path": "vendor/test_a.py",
        "commit": "c0ffee",
        "licenses": ["MIT", "ISC"],
        "license_expression": "MIT OR ISC",
        "license_evidence": "header",
        "license_type": "permissive",
        "purl": "pkg:generic/a",
        "url": "https://example.org/a",
        "project_url": "https://example.org",
        "stars": 3,
        "forks": 2,
        "is_fork": True,
        "is_vendored": False,
        "is_generated": True,
        "is_test": False,
        "cluster_id": "c",
        "first_seen": datetime(2020, 1, 2, tzinfo=UTC),
        "source": "elsewhere",
        "original_content_id": "fedcba9876543210fedcba9876543210fedcba98",
    }
    pq.write_table(pa.Table.from_pylist([stated], schema=FILES_SCHEMA), tmp_path / "a.parquet")
    assert read(f"parquet:{tmp_path / 'a.parquet'}") == [stated]


def test_content_may_be_bytes_of_any_encoding(tmp_path: Path, read: Callable[..., Rows]) -> None:
    contents = ["# größe".encode("latin-1"), "größe".encode("utf-16"), b"\0\1", b"", b"plain"]
    columns = {"content": pa.array(contents, pa.binary()), "repository": ["o/a"] * 5, "path": [f"{i}.py" for i in range(5)]}
    reading = Reading()
    rows = read(f"parquet:{write(tmp_path / 'a.parquet', columns)}", reading)
    assert [(row["content"], row["encoding"]) for row in rows] == [
        ("# größe", "ISO-8859-1"),
        ("größe", "UTF-16LE"),
        ("plain", "UTF-8"),
    ]
    assert rows[0]["content_id"] == content_id(contents[0])
    assert reading.skipped == {"binary": 1, "empty": 1}


def test_text_that_is_no_utf_8_is_still_read(tmp_path: Path, read: Callable[..., Rows]) -> None:
    bad = pa.array([b"# gr\xf6\xdfe"], pa.binary()).view(pa.string())
    columns = {"content": bad, "repository": ["o/a"], "path": ["a.py"]}
    assert [row["content"] for row in read(f"parquet:{write(tmp_path / 'a.parquet', columns)}")] == ["# größe"]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.large_binary(), pa.dictionary(pa.int32(), pa.binary())]
)
def test_columns_may_have_any_type_of_text(kind: pa.DataType, tmp_path: Path, read: Callable[..., Rows]) -> None:
    columns = LEAST | {"content": pa.array(LEAST["content"]).cast(pa.binary() if "binary" in str(kind) else pa.string()).cast(kind)}
    assert [row["content"] for row in read(f"parquet:{write(tmp_path / 'a.parquet', columns)}")] == LEAST["content"]


@pytest.mark.parametrize(
    "dates",
    [
        pa.array(["2020-05-07T08:16:07.000Z", None]),
        pa.array([datetime(2020, 5, 7, 8, 16, 7), None], pa.timestamp("us")),
        pa.array([1588839367_000000001, None], pa.timestamp("ns", tz="UTC")),
    ],
)
def test_dates_may_have_any_type(dates: pa.Array, tmp_path: Path, read: Callable[..., Rows]) -> None:
    rows = read(f"parquet:{write(tmp_path / 'a.parquet', LEAST | {'first_seen': dates})}")
    assert [row["first_seen"] for row in rows] == [datetime(2020, 5, 7, 8, 16, 7, tzinfo=UTC), None]


def test_a_licence_may_be_one_name_or_a_list(tmp_path: Path, read: Callable[..., Rows]) -> None:
    one = read(f"parquet:{write(tmp_path / 'a.parquet', LEAST | {'licenses': ['MIT', None]})}")
    many = read(f"parquet:{write(tmp_path / 'b.parquet', LEAST | {'licenses': [['MIT', 'GPL-3.0-only'], []]})}")
    assert [(row["licenses"], row["license_expression"], row["license_type"]) for row in one + many] == [
        (["MIT"], "MIT", "permissive"),
        ([], None, "none"),
        (["MIT", "GPL-3.0-only"], "MIT AND GPL-3.0-only", "copyleft"),
        ([], None, "none"),
    ]


def test_rows_without_content_repository_or_path_are_counted(tmp_path: Path, read: Callable[..., Rows]) -> None:
    reading = Reading()
    columns = {"content": ["a", None, "c", "d"], "repository": ["o/a", "o/a", None, "o/a"], "path": ["a", "b", "c", None]}
    assert [row["path"] for row in read(f"parquet:{write(tmp_path / 'a.parquet', columns)}", reading)] == ["a"]
    assert reading.skipped == {"incomplete_row": 3}


def test_a_pattern_a_folder_and_a_name_with_brackets_can_be_given(tmp_path: Path, read: Callable[..., Rows]) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "a[1].parquet", {name: values[:1] for name, values in LEAST.items()})
    write(tmp_path / "b.parquet", {name: values[1:] for name, values in LEAST.items()})
    paths = {name: [row["path"] for row in read(f"parquet:{tmp_path}/{name}")] for name in ("**/*.parquet", "deep/a[1].parquet", "")}
    assert paths == {"**/*.parquet": ["b.py", "a.py"], "deep/a[1].parquet": ["a.py"], "": ["b.py", "a.py"]}


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match="no parquet file matches"):
        read(f"parquet:{tmp_path}/*.parquet")


def test_a_table_without_the_columns_is_named_with_what_it_has(tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match=r"a\.parquet: column repository, path is missing \(it has content, text\)"):
        read(f"parquet:{write(tmp_path / 'a.parquet', {'content': ['x'], 'text': ['y']})}")


def test_a_column_of_a_type_that_cannot_be_used_is_named(tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match=r"a\.parquet: column stars is string, which cannot be read as int64"):
        read(f"parquet:{write(tmp_path / 'a.parquet', LEAST | {'stars': ['many', 'few']})}")


def spoiled(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "truncated":
        del content[len(content) // 2 :]
    elif how == "emptied":
        content.clear()
    elif how == "overwritten":
        content[4 : len(content) // 3] = random.Random(5).randbytes(len(content) // 3 - 4)
    else:
        content[100] ^= 0x10  # within the page that holds the contents
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "emptied", "overwritten", "one bit"])
def test_a_damaged_file_among_good_ones_is_named_and_skipped_only_when_asked(how: str, tmp_path: Path, read: Callable[..., Rows]) -> None:
    for name in ("a", "b", "c"):
        columns = LEAST | {"repository": [f"{name}/1", f"{name}/2"], "content": [f"x{name} = {i} " * 200 for i in range(2)]}
        write(tmp_path / f"{name}.parquet", columns, write_page_checksum=True)
    spoiled(tmp_path / "b.parquet", how)
    with pytest.raises(InputError, match=r"b\.parquet: .*--skip-bad goes on without it"):
        read(f"parquet:{tmp_path}")
    warned: list[str] = []
    reading = Reading(skip_bad=True, warn=warned.append)
    assert [row["repository"] for row in read(f"parquet:{tmp_path}", reading)] == ["a/1", "a/2", "c/1", "c/2"]
    assert reading.skipped == {"unreadable": 1}
    assert [message for message in warned if "b.parquet" in message] == warned
    assert len(warned) == 1
