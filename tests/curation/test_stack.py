import gzip
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.origin import Reading
from curation.sources.blob_store import blob_store
from indexer.corpus import content_id
from indexer.errors import InputError

Rows = list[dict[str, Any]]
SHA = "0123456789abcdef0123456789abcdef01234567"
HEAD = "89abcdef0123456789abcdef0123456789abcdef"
STRING, INT, WHEN = pa.string(), pa.int64(), pa.timestamp("ns")
STRINGS = pa.list_(STRING)


def event_columns(kind: str) -> list[tuple[str, pa.DataType]]:
    prefix = f"max_{kind}"
    return [
        (f"{prefix}_repo_path", STRING),
        (f"{prefix}_repo_name", STRING),
        (f"{prefix}_repo_head_hexsha", STRING),
        (f"{prefix}_repo_licenses", STRINGS),
        (f"{prefix}_count", INT),
        (f"{prefix}_repo_{kind}_event_min_datetime", STRING),
        (f"{prefix}_repo_{kind}_event_max_datetime", STRING),
    ]


V1 = pa.schema(
    [
        ("hexsha", STRING),
        ("size", INT),
        ("ext", STRING),
        ("lang", STRING),
        *event_columns("stars"),
        *event_columns("issues"),
        *event_columns("forks"),
        ("content", STRING),
        ("avg_line_length", pa.float64()),
        ("max_line_length", INT),
        ("alphanum_fraction", pa.float64()),
    ]
)
V2 = pa.schema(
    [
        *((name, STRING) for name in ("blob_id", "directory_id", "path", "content_id")),
        ("detected_licenses", STRINGS),
        *((name, STRING) for name in ("license_type", "repo_name", "snapshot_id", "revision_id", "branch_name")),
        *((name, WHEN) for name in ("visit_date", "revision_date", "committer_date")),
        *((name, INT) for name in ("github_id", "star_events_count", "fork_events_count")),
        ("gha_license_id", STRING),
        ("gha_event_created_at", WHEN),
        ("gha_created_at", WHEN),
        *((name, STRING) for name in ("gha_language", "src_encoding", "language")),
        ("is_vendor", pa.bool_()),
        ("is_generated", pa.bool_()),
        ("length_bytes", INT),
        ("extension", STRING),
    ]
)
V3_FILE = pa.struct(
    [
        ("content_id", STRING),
        ("content", STRING),
        ("size_bytes", INT),
        ("file_path", STRING),
        ("file_timestamp", WHEN),
        ("language", STRING),
        ("is_vendor", pa.bool_()),
        ("license_type", STRING),
        ("detected_licenses", STRINGS),
    ]
)
GITHUB = pa.struct(
    [
        *(("branch", STRING), ("commit_count", INT), ("repo_created_at", WHEN), ("is_fork", pa.bool_()), ("is_org_owned", pa.bool_())),
        *(("forked_from", STRING), ("stars", INT), ("forks", INT), ("issues", INT), ("pull_requests", INT)),
    ]
)
V3 = pa.schema(
    [
        *(("repo_path", STRING), ("repo_id", INT), ("commit_id", STRING), ("github_metadata", GITHUB), ("num_files", INT)),
        ("files", pa.list_(V3_FILE)),
    ]
)

V1_ROW = {
    "hexsha": SHA,
    "size": 7,
    "lang": "Python",
    "content": "é = 1\n",
    "max_stars_repo_path": "src/a b.py",
    "max_stars_repo_name": "octo/demo",
    "max_stars_repo_head_hexsha": HEAD,
    "max_stars_repo_licenses": ["MIT"],
    "max_stars_count": 5,
    "max_stars_repo_stars_event_min_datetime": "2019-05-07T08:16:07.000Z",
    "max_issues_repo_path": "src/a b.py",
    "max_issues_repo_name": "octo/demo",
    "max_issues_repo_issues_event_min_datetime": "2018-01-01T00:00:00.000Z",
    "max_forks_repo_path": "src/a b.py",
    "max_forks_repo_name": "other/fork",
    "max_forks_count": 9,
    "max_forks_repo_forks_event_min_datetime": "2015-01-01T00:00:00.000Z",
}
V2_ROW = {
    "blob_id": "f" * 40,
    "content_id": SHA,
    "path": "/src/a.py",
    "detected_licenses": ["MIT", "Apache-2.0"],
    "license_type": "permissive",
    "repo_name": "octo/demo",
    "revision_id": HEAD,
    "revision_date": datetime(2020, 3, 4, 5, 6, 7),
    "star_events_count": 4,
    "fork_events_count": 1,
    "src_encoding": "ISO-8859-1",
    "language": "Python",
    "is_vendor": False,
    "is_generated": True,
    "length_bytes": 6,
    "content": "é = 1\n",
}


def shard(path: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def v3_file(path: str, **more: Any) -> dict[str, Any]:
    stated = {"content_id": SHA, "content": f"# {path}\n", "size_bytes": 9, "language": "Python", "is_vendor": False}
    return stated | {"file_path": path, "file_timestamp": datetime(2021, 1, 1), "detected_licenses": ["MIT"]} | more


def test_the_schemas_are_those_published() -> None:
    assert (len(V1), len(V2)) == (29, 26)


def test_version_1_is_read(tmp_path: Path, read: Callable[..., Rows]) -> None:
    row = read(f"stack:{shard(tmp_path / 'a.parquet', V1, [V1_ROW])}")[0]
    assert (row["repository"], row["owner"], row["path"], row["commit"]) == ("octo/demo", "octo", "src/a b.py", HEAD)
    assert row["url"] == f"https://github.com/octo/demo/blob/{HEAD}/src/a%20b.py"
    assert (row["content_id"], row["size"], row["language"], row["source"]) == (SHA, 7, "Python", "stack")
    assert (row["licenses"], row["license_expression"], row["license_type"]) == (["MIT"], "MIT", "permissive")
    assert (row["license_evidence"], row["stars"]) == ("repository", 5)


def test_version_1_counts_events_of_another_repository_for_that_one_only(tmp_path: Path, read: Callable[..., Rows]) -> None:
    row = read(f"stack:{shard(tmp_path / 'a.parquet', V1, [V1_ROW])}")[0]
    assert row["forks"] is None
    assert row["first_seen"] == datetime(2018, 1, 1, tzinfo=UTC)


def test_version_2_with_contents_is_read(tmp_path: Path, read: Callable[..., Rows]) -> None:
    row = read(f"stack:{shard(tmp_path / 'a.parquet', V2.append(pa.field('content', STRING)), [V2_ROW])}")[0]
    assert (row["repository"], row["path"], row["commit"]) == ("octo/demo", "src/a.py", HEAD)
    assert row["url"] == f"https://github.com/octo/demo/blob/{HEAD}/src/a.py"
    assert (row["content_id"], row["size"], row["encoding"], row["content"]) == (SHA, 6, "ISO-8859-1", "é = 1\n")
    assert (row["licenses"], row["license_expression"]) == (["MIT", "Apache-2.0"], "MIT AND Apache-2.0")
    assert (row["license_evidence"], row["stars"], row["forks"]) == ("license_file", 4, 1)
    assert (row["is_vendored"], row["is_generated"]) == (False, True)
    assert row["first_seen"] == datetime(2020, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_version_2_contents_may_be_the_original_bytes(tmp_path: Path, read: Callable[..., Rows]) -> None:
    schema = V2.append(pa.field("content", pa.binary()))
    row = read(f"stack:{shard(tmp_path / 'a.parquet', schema, [V2_ROW | {'content': 'é = 1'.encode('latin-1')}])}")[0]
    assert (row["content"], row["encoding"]) == ("é = 1", "ISO-8859-1")


def test_version_2_without_contents_is_refused_with_what_to_do(tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match=r"a\.parquet: column content is missing .*contents of v2 are not in its files.*Software Heritage"):
        read(f"stack:{shard(tmp_path / 'a.parquet', V2, [{'blob_id': SHA}])}")


def test_version_3_is_flattened(tmp_path: Path, read: Callable[..., Rows]) -> None:
    repositories = [
        {
            "repo_path": "octo/demo",
            "commit_id": HEAD,
            "github_metadata": {"stars": 7, "forks": 2, "is_fork": False},
            "files": [v3_file("a.py"), v3_file("lib/b.py", detected_licenses=[], is_vendor=True)],
        },
        {"repo_path": "octo/none", "commit_id": HEAD, "github_metadata": None, "files": None},
        {"repo_path": "octo/empty", "commit_id": HEAD, "github_metadata": None, "files": []},
        {"repo_path": "octo/last", "commit_id": None, "github_metadata": None, "files": [v3_file("c.py"), v3_file("d.py", content=None)]},
    ]
    reading = Reading()
    rows = read(f"stack:{shard(tmp_path / 'a.parquet', V3, repositories)}", reading)
    assert [(row["repository"], row["path"], row["stars"], row["is_fork"], row["license_type"]) for row in rows] == [
        ("octo/demo", "a.py", 7, False, "permissive"),
        ("octo/demo", "lib/b.py", 7, False, "none"),
        ("octo/last", "c.py", None, None, "permissive"),
    ]
    assert [row["url"] for row in rows] == [
        f"https://github.com/octo/demo/blob/{HEAD}/a.py",
        f"https://github.com/octo/demo/blob/{HEAD}/lib/b.py",
        None,
    ]
    assert (rows[1]["license_expression"], rows[1]["is_vendored"]) == ("NONE", True)
    assert (rows[0]["content_id"], rows[0]["size"], rows[0]["first_seen"]) == (SHA, 9, datetime(2021, 1, 1, tzinfo=UTC))
    assert reading.skipped == {"incomplete_row": 1}


def test_many_repositories_of_version_3_keep_their_files(tmp_path: Path, read: Callable[..., Rows]) -> None:
    """More than one batch is read, and each begins in the middle of the nested columns."""
    repositories = [
        {"repo_path": f"o/r{i}", "commit_id": HEAD, "files": [v3_file(f"{i}-{j}.py", content=f"{i} {j} " * 900) for j in range(i % 4)]}
        for i in range(900)
    ]
    rows = read(f"stack:{shard(tmp_path / 'a.parquet', V3, repositories)}")
    expected = [(f"o/r{i}", f"{i}-{j}.py", f"{i} {j} " * 900) for i in range(900) for j in range(i % 4)]
    assert [(row["repository"], row["path"], row["content"]) for row in rows] == expected


def test_a_table_that_is_no_shard_is_refused(tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match=r"not a shard of The Stack \(columns text\); other tables are read by parquet:"):
        read(f"stack:{shard(tmp_path / 'a.parquet', pa.schema([('text', STRING)]), [])}")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(params=["folder", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder of blobs and where it is looked up."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    if request.param == "folder":
        yield folder, str(folder)
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_version_2_s_contents_are_looked_up_and_those_missing_counted(
    store: tuple[Path, str], tmp_path: Path, read: Callable[..., Rows]
) -> None:
    texts = ["é = 1\n".encode("latin-1"), b"x = 1\n", b"y = 1\n", b"z = 1\n"]
    ids = [content_id(text) for text in texts]
    folder, location = store
    (folder / ids[0]).write_bytes(gzip.compress(texts[0]))
    (folder / ids[1]).write_bytes(texts[1])
    (folder / ids[2]).write_bytes(b"something else")
    rows = [V2_ROW | {"blob_id": blob, "content_id": None, "path": f"/{place}.py"} for place, blob in enumerate([*ids, "../../secret"])]
    rows.append(V2_ROW | {"blob_id": "a" * 40, "length_bytes": 6_000_000})
    reading = Reading(contents=blob_store(location))
    found = read(f"stack:{shard(tmp_path / 'a.parquet', V2, rows)}", reading)
    assert [(row["path"], row["content"], row["content_id"]) for row in found] == [("0.py", "é = 1\n", ids[0]), ("1.py", "x = 1\n", ids[1])]
    assert reading.skipped == {"missing_blob": 3, "too_large": 1}


def test_a_store_of_blobs_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; name a folder of blobs"):
        blob_store(str(tmp_path / "nothing"))
