import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.collect import collect
from curation.curate import curate
from curation.origin import Reading
from curation.release_folder import check_hashes
from indexer.corpus import FILES_SCHEMA, Release, content_id
from indexer.errors import IndexCorrupt, IndexNotFound, InputError


def raw(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A RAW folder of these rows; a row needs content, repository and path."""
    table = pa.Table.from_pylist([dict.fromkeys(FILES_SCHEMA.names) | row for row in rows], schema=FILES_SCHEMA)
    pq.write_table(table, folder.with_suffix(".parquet"))
    collect([f"parquet:{folder.with_suffix('.parquet')}"], folder, date="2026-01-02", reading=Reading())
    return folder


def released(raws: list[Path], target: Path, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest = curate(raws, target, name="demo", version="1.0", date="2026-01-03", **options)
    return manifest, [row for batch in Release.open(target).batches() for row in batch.to_pylist()]


def at(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


SAME = {"content": "x = 1\n", "license_expression": "MIT", "license_type": "permissive"}


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"license_type": "copyleft", "stars": 9}, {"license_type": "permissive"}),
        ({"stars": 3, "forks": 9}, {"stars": 4}),
        ({"stars": None}, {"stars": 0}),
        ({"stars": 1, "forks": 1, "first_seen": at(2001)}, {"stars": 1, "forks": 2, "first_seen": at(2002)}),
        ({"first_seen": at(2005)}, {"first_seen": at(2004)}),
        ({"first_seen": None}, {"first_seen": at(2024)}),
        ({"first_seen": None}, {"first_seen": at(1960)}),
        ({"repository": "o/b"}, {"repository": "o/a"}),
        ({"repository": "o/a", "path": "b.py"}, {"repository": "o/a", "path": "a.py"}),
    ],
)
@pytest.mark.parametrize("better_comes_first", [True, False])
def test_the_better_copy_is_kept(worse: dict[str, Any], better: dict[str, Any], better_comes_first: bool, tmp_path: Path) -> None:
    worst, best = ({"repository": f"o/{name}", "path": "m.py"} | SAME | row for name, row in (("worse", worse), ("better", better)))
    if "repository" in better:
        worst["path"], best["path"] = worse.get("path", "m.py"), better.get("path", "m.py")
    rows = [best, worst] if better_comes_first else [worst, best]
    manifest, kept = released([raw(tmp_path / "raw", rows)], tmp_path / "release")
    assert [(row["repository"], row["path"]) for row in kept] == [(best["repository"], best["path"])]
    assert manifest["counts"]["duplicates_folded"] == 1


def test_each_content_stands_once_across_raw_folders_with_itself_as_cluster(tmp_path: Path) -> None:
    raws = []
    for first in (0, 100):
        names = [(f"o/{first}", f"{i}.py", f"x = {i}\n" * 9) for i in range(first, first + 600)]
        rows = [SAME | {"repository": repository, "path": path, "content": content} for repository, path, content in names]
        raws.append(raw(tmp_path / f"raw{first}", rows))
    manifest, rows = released(raws, tmp_path / "release")
    assert [row["content"] for row in rows] == [f"x = {i}\n" * 9 for i in range(700)]
    assert all(row["cluster_id"] == row["content_id"] == content_id(row["content"].encode()) for row in rows)
    assert {row["repository"] for row in rows[:600]} == {"o/0"}
    assert manifest["counts"] == {
        "read": 1200,
        "left_out_by_license": 0,
        "duplicates_folded": 500,
        "documents": 700,
        "text_bytes": sum(len(row["content"]) for row in rows),
        "repositories": 2,
    }


def test_the_manifest_says_what_was_made_of_what(tmp_path: Path) -> None:
    manifest, _ = released([raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])], tmp_path / "release")
    assert manifest == json.loads((tmp_path / "release" / "manifest.json").read_text())
    stated = {name: manifest[name] for name in ("format", "kind", "name", "version", "date", "previous_version", "settings", "files")}
    assert stated == {
        "format": 1,
        "kind": "release",
        "name": "demo",
        "version": "1.0",
        "date": "2026-01-03",
        "previous_version": None,
        "settings": {"licenses": "any", "duplicates": "exact"},
        "files": ["files/part-00000.parquet"],
    }
    check_hashes(Release.open(tmp_path / "release"))


def test_repositories_are_those_of_the_kept_files_with_their_texts(tmp_path: Path, mit_text: str) -> None:
    for name, extra in (("first", "x = 1\n"), ("second", "y = 2\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "LICENSE").write_text(mit_text)
        (tmp_path / name / "same.py").write_text("same = True\n")
        (tmp_path / name / "own.py").write_text(extra)
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "same.py").write_text("same = True\n")
    collect([f"dir:{tmp_path / name}" for name in ("third", "second", "first")], tmp_path / "raw", date="2026-01-02", reading=Reading())
    curate([tmp_path / "raw"], tmp_path / "release", name="demo", version="1", date="2026-01-03")
    rows = Release.open(tmp_path / "release").repositories().to_pylist()
    assert [(row["repository"], row["files"], row["license_expression"]) for row in rows] == [("first", 3, "MIT"), ("second", 1, "MIT")]
    assert rows[1]["license_texts"] == [{"path": "LICENSE", "text": mit_text}]


def test_only_permissive_files_are_admitted_when_asked(tmp_path: Path) -> None:
    types = ("permissive", "weak_copyleft", "copyleft", "other", "none")
    rows = [{"content": f"{t}\n", "repository": f"o/{t}", "path": "a.py", "license_type": t} for t in types]
    manifest, kept = released([raw(tmp_path / "raw", rows)], tmp_path / "release", licenses="permissive")
    assert [row["repository"] for row in kept] == ["o/permissive"]
    assert (manifest["counts"]["left_out_by_license"], manifest["settings"]["licenses"]) == (4, "permissive")
    assert Release.open(tmp_path / "release").repositories().column("repository").to_pylist() == ["o/permissive"]


def test_a_copy_under_an_excluded_licence_does_not_hide_an_admitted_one(tmp_path: Path) -> None:
    rows = [
        SAME | {"repository": "o/copyleft", "path": "a.py", "license_type": "copyleft", "stars": 100},
        SAME | {"repository": "o/free", "path": "a.py"},
    ]
    _, kept = released([raw(tmp_path / "raw", rows)], tmp_path / "release", licenses="permissive")
    assert [row["repository"] for row in kept] == ["o/free"]


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    rows = [SAME | {"repository": "o/a", "path": "a.py", "license_type": "copyleft"}]
    with pytest.raises(InputError, match="no file is left of 1 read"):
        released([raw(tmp_path / "raw", rows)], tmp_path / "release", licenses="permissive")
    assert not (tmp_path / "release").exists()


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    rows = [SAME | {"repository": f"o/{i % 50}", "path": f"{i}.py", "content": f"x = {i % 700}\n"} for i in range(1500)]
    raws = [raw(tmp_path / "raw", rows)]
    for name in ("one", "two"):
        released(raws, tmp_path / name)
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / name).rglob("*.*")} for name in ("one", "two"))
    assert one == two
    assert sorted(one) == ["manifest.json", "part-00000.parquet", "repositories.parquet"]


def test_a_release_is_raw_material_too(tmp_path: Path) -> None:
    raws = [raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])]
    _, first = released(raws, tmp_path / "one")
    _, second = released([tmp_path / "one"], tmp_path / "two")
    assert first == second


def test_a_damaged_or_missing_raw_folder_is_named(tmp_path: Path) -> None:
    good = raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])
    with pytest.raises(IndexNotFound, match="nowhere"):
        released([good, tmp_path / "nowhere"], tmp_path / "release")
    part = good / "files" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(IndexCorrupt, match=r"part-00000\.parquet: SHA-256"):
        released([good], tmp_path / "release")
    assert not (tmp_path / "release").exists()
