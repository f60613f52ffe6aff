import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.cards import CardSettings, write_card
from curation.collect import collect
from curation.curate import curate
from curation.decontamination import DecontaminationSettings
from curation.filter_settings import FilterSettings
from curation.layout import folder_of
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.origin import Reading
from curation.release_facts import Choices, Described
from curation.release_folder import check_hashes
from curation.settings import ShardSettings, read_settings, settings_of
from indexer.corpus import FILES_SCHEMA, Release, content_id
from indexer.errors import IndexCorrupt, IndexNotFound, InputError, WherefromError


def raw(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A RAW folder of these rows; a row needs content, repository and path."""
    table = pa.Table.from_pylist([dict.fromkeys(FILES_SCHEMA.names) | row for row in rows], schema=FILES_SCHEMA)
    pq.write_table(table, folder.with_suffix(".parquet"))
    collect([f"parquet:{folder.with_suffix('.parquet')}"], folder, date="2026-01-02", reading=Reading())
    return folder


def released(raws: list[Path], target: Path, tables: dict[str, Any] | None = None, **options: Any) -> tuple[dict[str, Any], list[Any]]:
    """The manifest and the rows of a release made with these settings."""
    options = {"jobs": 1} | options
    made = curate(raws, target, Described("demo", "1.0", "2026-01-03"), Choices(settings_of(tables or {})), **options)
    return made.manifest, [row for batch in Release.open(target).batches() for row in batch.to_pylist()]


def at(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


PERMISSIVE = {"licenses": {"policy": "permissive"}}
SAME = {"content": "x = 1\n", "license_expression": "MIT"}


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"license_expression": "GPL-3.0-only", "stars": 9}, {"license_expression": "MIT"}),
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
    assert manifest["counts"]["dropped"] == {"exact_duplicates": 1}


def test_each_content_stands_once_across_raw_folders_with_itself_as_cluster(tmp_path: Path) -> None:
    raws = []
    for first in (0, 100):
        names = [(f"o/{first}", f"{i}.py", f"x = {i}\n" * 9) for i in range(first, first + 600)]
        rows = [SAME | {"repository": repository, "path": path, "content": content} for repository, path, content in names]
        raws.append(raw(tmp_path / f"raw{first}", rows))
    manifest, rows = released(raws, tmp_path / "release")
    assert {row["content"] for row in rows} == {f"x = {i}\n" * 9 for i in range(700)}
    assert all(row["cluster_id"] == row["content_id"] == content_id(row["content"].encode()) for row in rows)
    assert [row["repository"] for row in rows] == ["o/0"] * 600 + ["o/100"] * 100
    size = sum(len(row["content"]) for row in rows)
    assert manifest["counts"] == {
        "read": 1200,
        "dropped": {"exact_duplicates": 500},
        "documents": 700,
        "text_bytes": size,
        "repositories": 2,
        "deduplicated_documents": 700,
        "deduplicated_text_bytes": size,
        "languages": {"python": {"documents": 700, "text_bytes": size}},
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
        "settings": {
            "shards": {"mb": 32.0},
            "licenses": {"policy": "any", "unlicensed": False},
            "malicious": {"address": None, "content_ids": []},
            "filters": FilterSettings().as_mapping(),
            "decontamination": asdict(DecontaminationSettings()),
            "redaction": {"function": ""},
            "near_duplicates": asdict(NearDuplicateSettings()),
            "removals": {},
            "benchmarks": {},
            "write": {"part_mb": 128.0, "group_mb": 8.0},
        },
        "files": ["data/python/part-00000.parquet"],
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
    released([tmp_path / "raw"], tmp_path / "release")
    rows = Release.open(tmp_path / "release").repositories().to_pylist()
    assert [(row["repository"], row["files"], row["license_expression"]) for row in rows] == [("first", 3, "MIT"), ("second", 1, "MIT")]
    assert rows[1]["license_texts"] == [{"path": "LICENSE", "text": mit_text}]


def test_only_permissive_files_are_admitted_when_asked(tmp_path: Path) -> None:
    licences = {"permissive": "MIT", "weak_copyleft": "MPL-2.0", "copyleft": "GPL-3.0-only", "other": "CC-BY-NC-4.0", "none": None}
    rows = [{"content": f"{t}\n", "repository": f"o/{t}", "path": "a.py", "license_expression": e} for t, e in licences.items()]
    manifest, kept = released([raw(tmp_path / "raw", rows)], tmp_path / "release", PERMISSIVE)
    assert [row["repository"] for row in kept] == ["o/permissive"]
    assert manifest["counts"]["dropped"] == {"licenses": 4}
    assert manifest["settings"]["licenses"] == {"policy": "permissive", "unlicensed": False}
    assert Release.open(tmp_path / "release").repositories().column("repository").to_pylist() == ["o/permissive"]


def test_a_copy_under_an_excluded_licence_does_not_hide_an_admitted_one(tmp_path: Path) -> None:
    rows = [
        SAME | {"repository": "o/copyleft", "path": "a.py", "license_expression": "GPL-3.0-only", "stars": 100},
        SAME | {"repository": "o/free", "path": "a.py"},
    ]
    _, kept = released([raw(tmp_path / "raw", rows)], tmp_path / "release", PERMISSIVE)
    assert [row["repository"] for row in kept] == ["o/free"]


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    rows = [SAME | {"repository": "o/a", "path": "a.py", "license_expression": "GPL-3.0-only"}]
    with pytest.raises(InputError, match=r"no file is left of 1 read \(dropped: 1 by licenses \(copyleft\)\)"):
        released([raw(tmp_path / "raw", rows)], tmp_path / "release", PERMISSIVE)
    assert not (tmp_path / "release").exists()


def many(folder: Path) -> list[Path]:
    """Two RAW folders of files in several languages, with copies within and between them, in no order."""
    names = ("py", "c", "js", "rs", "unheard-of")
    raws = []
    for first in (0, 700):
        rows = [
            SAME | {"repository": f"o/{i * 7 % 50}", "path": f"{i}.{names[i % 5]}", "content": f"x = {i % 900}\n" * 20}
            for i in range(first, first + 1000)
        ]
        raws.append(raw(folder / f"raw{first}", rows))
    return raws


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


SMALL = {"shards": {"mb": 0.02}, "write": {"part_mb": 0.01, "group_mb": 0.003}}


def test_equal_input_gives_equal_bytes_however_many_work(tmp_path: Path) -> None:
    raws = many(tmp_path)
    for name, jobs in (("one", 1), ("again", 1), ("two", 2)):
        released(raws, tmp_path / name, SMALL, jobs=jobs)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "again") == contents(tmp_path / "two")
    assert not (tmp_path / "one.part").exists()
    assert {name for name in one if not name.startswith(("data", "card/", "preview/"))} == {
        "README.md",
        "manifest.json",
        "lineage.json",
        "repositories.parquet",
        "TERMS.md",
        "near_duplicates.parquet",
    }
    assert {"data/unknown/part-00000.parquet", "data/python/part-00001.parquet"} <= set(one)


def test_parts_hold_one_language_each_sorted_and_in_bounds(tmp_path: Path) -> None:
    manifest, rows = released(many(tmp_path), tmp_path / "release", SMALL)
    assert sorted(row["content"] for row in rows) == sorted(f"x = {i}\n" * 20 for i in range(900))
    assert manifest["files"] == sorted(manifest["files"])
    places = []
    for name in manifest["files"]:
        with pq.ParquetFile(tmp_path / "release" / name) as file:
            groups = [file.read_row_group(group) for group in range(file.num_row_groups)]
        assert all(sum(map(len, group.column("content").to_pylist())) <= 3_000 for group in groups)
        table = pa.concat_tables(groups)
        assert sum(map(len, table.column("content").to_pylist())) <= 10_000
        assert table.column("content_id").to_pylist() == table.column("cluster_id").to_pylist()
        (language,) = set(table.column("language").to_pylist())
        assert name.split("/")[1] == {"Python": "python", "C": "c", "JavaScript": "javascript", "Rust": "rust", None: "unknown"}[language]
        places += [(name.split("/")[1], row["repository"], row["path"]) for row in table.select(["repository", "path"]).to_pylist()]
    assert places == sorted(places)
    counted = manifest["counts"]["languages"]
    assert {name: counts["documents"] for name, counts in counted.items()} == {
        name: sum(place[0] == name for place in places) for name in counted
    }


def test_the_lineage_says_what_each_step_took_gave_and_dropped(tmp_path: Path) -> None:
    rows = [SAME | {"repository": "o/a", "path": f"{i}.py", "content": f"x = {i % 7}\n"} for i in range(10)]
    rows.append({"repository": "o/b", "path": "b.py", "content": "y = 1\n", "license_expression": "GPL-3.0-only"})
    released([raw(tmp_path / "raw", rows)], tmp_path / "release", PERMISSIVE)
    steps = {step.pop("step"): step for step in json.loads((tmp_path / "release" / "lineage.json").read_text())["steps"]}
    whole, admitted, kept = ({"rows_in": rows, "bytes_in": 6 * rows, "rows_out": rows, "bytes_out": 6 * rows} for rows in (11, 10, 7))
    assert steps == {
        "survey": {"rows_in": 11, "bytes_in": 66, "rows_out": 0, "bytes_out": 0, "dropped": {}},
        **{name: {**whole, "dropped": {}} for name in ("read", "complete", "removals")},
        "licenses": {"rows_in": 11, "bytes_in": 66, "rows_out": 10, "bytes_out": 60, "dropped": {"copyleft": 1}},
        **{name: {**admitted, "dropped": {}} for name in ("malicious", "filters", "decontamination", "redaction", "sign")},
        "exact_duplicates": {"rows_in": 10, "bytes_in": 60, "rows_out": 7, "bytes_out": 42, "dropped": {"same content": 3}},
        **{name: {**kept, "dropped": {}} for name in ("near_duplicates", "sort", "write")},
    }
    costs = {step.pop("step"): step for step in json.loads((tmp_path / "release.costs.json").read_text())}
    assert list(costs) == list(steps)
    assert sum(cost["seconds"] for cost in costs.values()) > 0
    assert all(10 < costs[name]["peak_mb"] < 4000 for name in ("survey", "read", "sign", "near_duplicates", "write"))


def test_what_each_step_removed_is_reported_with_samples_and_its_thresholds_are_settings(tmp_path: Path) -> None:
    rows = [SAME | {"repository": "o/a", "path": f"{name}.py", "content": content} for name, content in (("a", "x = 1\n"), ("b", "y" * 60))]
    rows.append({"repository": "o/b", "path": "c.c", "content": "int z;\n", "license_expression": "GPL-3.0-only"})
    raws = [raw(tmp_path / "raw", rows)]
    _, kept = released(raws, tmp_path / "release", PERMISSIVE | {"filters": {"max_line_length": 50}})
    assert [row["path"] for row in kept] == ["a.py"]
    removed = json.loads((tmp_path / "release" / "lineage.json").read_text())["removed"]
    place = {"repository": "o/a", "path": "b.py", "content_id": content_id(b"y" * 60)}
    assert removed["filters"] == {"long_line": {"files": 1, "bytes": 60, "languages": {"Python": 1}, "samples": [place]}}
    assert removed["licenses"]["copyleft"]["languages"] == {"C": 1}
    _, kept = released(raws, tmp_path / "again", PERMISSIVE | {"filters": {"languages": {"Python": {"max_line_length": 100}}}})
    assert [row["path"] for row in kept] == ["a.py", "b.py"]


FUNCTION = "".join(f"def part_{i}(value_{i}):\n    return value_{i} * {i} + offset_{i}\n\n" for i in range(30))


def test_the_second_edition_holds_one_of_each_cluster_and_the_first_names_it(tmp_path: Path) -> None:
    contents = {"a.py": FUNCTION, "b.py": FUNCTION + "last = 1\n", "c.py": "import os\n" * 3, "d.c": "int unlike;\n"}
    rows = [SAME | {"repository": "o/a", "path": path, "content": content, "stars": len(content)} for path, content in contents.items()]
    manifest, kept = released([raw(tmp_path / "raw", rows)], tmp_path / "release")
    clusters = {row["path"]: row["cluster_id"] for row in kept}
    assert clusters["a.py"] == clusters["b.py"] in {content_id(contents[name].encode()) for name in ("a.py", "b.py")}
    assert len(set(clusters.values())) == 3
    fewer = [pq.read_table(tmp_path / "release" / name) for name in manifest["deduplicated_files"]]
    assert sorted(path for table in fewer for path in table.column("path").to_pylist()) == ["b.py", "c.py", "d.c"]
    assert {tuple(table.column_names) for table in fewer} == {tuple(FILES_SCHEMA.names)}
    assert manifest["counts"]["deduplicated_documents"] == 3
    assert manifest["files"] == ["data/c/part-00000.parquet", "data/python/part-00000.parquet"]
    check_hashes(Release.open(tmp_path / "release"))


def test_a_cluster_keeps_its_name_in_the_next_version(tmp_path: Path) -> None:
    _, first = released([raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py", "content": FUNCTION}])], tmp_path / "one")
    rows = [SAME | {"repository": "o/b", "path": f"{i}.py", "content": FUNCTION + f"last = {i}\n"} for i in range(20)]
    previous = Release.open(tmp_path / "one")
    curate([raw(tmp_path / "more", rows)], tmp_path / "two", Described("demo", "2", "2026-01-04", previous), Choices(), jobs=1)
    second = [row for batch in Release.open(tmp_path / "two").batches() for row in batch.to_pylist()]
    assert {row["cluster_id"] for row in second} == {first[0]["cluster_id"]}


def test_licence_files_of_the_whole_input_say_what_a_file_is_under(tmp_path: Path, mit_text: str) -> None:
    rows = [{"repository": "o/a", "path": path, "content": content} for path, content in (("z/LICENSE", mit_text), ("z/m.py", "x = 1\n"))]
    rows.append({"repository": "o/a", "path": "free.py", "content": "y = 1\n"})
    released([raw(tmp_path / "raw", rows)], tmp_path / "release", PERMISSIVE | {"shards": {"mb": 0.000001}})
    found = [row for batch in Release.open(tmp_path / "release").batches() for row in batch.to_pylist()]
    assert {(row["path"], row["license_expression"], row["license_evidence"], row["license_type"]) for row in found} == {
        ("z/LICENSE", "MIT", "license_file", "permissive"),
        ("z/m.py", "MIT", "license_file", "permissive"),
    }
    report = json.loads((tmp_path / "release" / "lineage.json").read_text())
    assert report["licenses"]["licenses"] == {"MIT": 2, "NONE": 1}


def test_removals_benchmarks_and_lists_drop_files_and_stand_in_the_manifest(tmp_path: Path) -> None:
    solution = "def fold(values):\n    total = 0\n    for index, value in enumerate(values):\n        total ^= (value << index) % 8191\n"
    contents = {"o/gone": "a = 1\n", "o/held": solution + "    return total\n", "o/bad": "b = 2\n", "o/good": "c = 3\n"}
    rows = [SAME | {"repository": repository, "path": "m.py", "content": content} for repository, content in contents.items()]
    removals, benchmark = tmp_path / "removals.jsonl", tmp_path / "made_up.jsonl"
    removals.write_text('{"repository": "o/gone"}\n')
    problem = {"task_id": "made/0", "prompt": solution, "canonical_solution": "    return total\n", "entry_point": "fold"}
    benchmark.write_text(json.dumps(problem) + "\n")
    settings = settings_of({"malicious": {"content_ids": [content_id(b"b = 2\n")]}})
    made = curate(
        [raw(tmp_path / "raw", rows)], tmp_path / "release", Described("demo", "1", "2026-01-03"), Choices(settings, removals, (benchmark,))
    )
    assert [row["repository"] for batch in Release.open(tmp_path / "release").batches() for row in batch.to_pylist()] == ["o/good"]
    assert made.manifest["counts"]["dropped"] == {"removals": 1, "malicious": 1, "decontamination": 1}
    assert list(made.manifest["settings"]["removals"]) == ["removals.jsonl"]
    report = json.loads((tmp_path / "release" / "lineage.json").read_text())
    assert [(row["repository"], row["task_id"]) for row in report["decontamination"]] == [("o/held", "made/0")]
    assert report["malicious"]["status"] == "not scanned"
    assert report["removed"]["removals"]["removed_repository"]["files"] == 1
    written = b"".join(path.read_bytes() for path in (tmp_path / "release").rglob("*.*") if path.suffix != ".parquet")
    assert b"o/gone" not in written and "o/gone" not in str(list(Release.open(tmp_path / "release").batches()))


def test_a_removals_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    raws = [raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])]
    with pytest.raises(InputError, match=r"nowhere\.jsonl: cannot be read"):
        curate(raws, tmp_path / "release", Described("demo", "1", "2026-01-03"), Choices(removals=tmp_path / "nowhere.jsonl"))


def test_the_version_before_is_named(tmp_path: Path) -> None:
    raws = [raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])]
    released(raws, tmp_path / "one")
    previous = Release.open(tmp_path / "one")
    made = curate(raws, tmp_path / "two", Described("demo", "1.1", "2026-01-04", previous), Choices())
    digest = hashlib.sha256((tmp_path / "one" / "manifest.json").read_bytes()).hexdigest()
    assert (made.manifest["previous_version"], made.manifest["previous_manifest_sha256"]) == ("1.0", digest)


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


def with_files(folder: Path, change: Callable[[Path], None]) -> Path:
    """A RAW folder of one sound file whose bytes were changed, with a manifest that agrees."""
    part = raw(folder, [SAME | {"repository": "o/bad", "path": "bad.py"}]) / "files" / "part-00000.parquet"
    change(part)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["hashes"]["files/part-00000.parquet"] = hashlib.sha256(part.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part.write_bytes(part.read_bytes()[:-100]), "not a readable parquet file"),
        (lambda part: part.write_bytes(b""), "not a readable parquet file"),
        (lambda part: pq.write_table(pq.read_table(part).drop_columns(["path"]), part), "column path is missing"),
    ],
    ids=["truncated", "empty", "column-missing"],
)
def test_a_file_that_cannot_be_read_is_named_and_left_out_where_asked(change: Any, message: str, tmp_path: Path) -> None:
    raws = [with_files(tmp_path / "bad", change), raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])]
    with pytest.raises(WherefromError, match=rf"part-00000\.parquet: {message}.*--skip-bad"):
        released(raws, tmp_path / "release")
    said: list[str] = []
    manifest, rows = released(raws, tmp_path / "release", reading=Reading(skip_bad=True, warn=said.append))
    assert [row["path"] for row in rows] == ["a.py"]
    assert manifest["skipped"] == {"unreadable_files": 1}
    assert [message in line for line in said] == [True]


def test_rows_that_lack_what_they_need_are_counted_by_what_they_lack(tmp_path: Path) -> None:
    def without(part: Path) -> None:
        rows = pq.read_table(part).to_pylist()
        pq.write_table(pa.Table.from_pylist([rows[0] | gap for gap in ({}, {"content": None}, {"path": None})], FILES_SCHEMA), part)

    released([with_files(tmp_path / "raw", without)], tmp_path / "release")
    steps = {step["step"]: step["dropped"] for step in json.loads((tmp_path / "release" / "lineage.json").read_text())["steps"]}
    assert steps["complete"] == {"no content": 1, "no path": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[filter]\nx = 1\n",
            "filter: no table of this name; known: shards, licenses, malicious, filters, decontamination, redaction, near_duplicates,"
            " write",
        ),
        ("[write]\nparts_mb = 1\n", "write.parts_mb: no key of this name; known: write.part_mb, write.group_mb"),
        ("[write]\npart_mb = 'much'\n", "write.part_mb: 'much'; wanted a value like 128.0"),
        ("[write]\npart_mb = 0\n", "write.part_mb: 0.0; wanted a number of MB above 0"),
        ("[licenses]\npolicy = 'mine'\n", "licenses.policy: 'mine'; wanted one of any, permissive, no-attribution-clause"),
        ("[filters]\nmax_lines = 'few'\n", "filters.max_lines: got 'few'; want a whole number"),
        ("write = 3\n", "write: 3; wanted a table"),
        ("[write\n", "not TOML"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=f"settings.toml: {re.escape(message)}"):
        read_settings(file)


def test_what_a_settings_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[write]\npart_mb = 5\n[licenses]\npolicy = 'permissive'\n")
    settings = read_settings(tmp_path / "settings.toml")
    assert settings == settings_of(PERMISSIVE | {"write": {"part_mb": 5.0}})
    assert (settings.write.group_mb, settings.shards) == (8.0, ShardSettings())


@pytest.mark.parametrize(
    ("language", "folder"),
    [
        ("Python", "python"),
        ("C#", "c-sharp"),
        ("C++", "c++"),
        ("Jupyter Notebook", "jupyter-notebook"),
        ("../../etc/passwd", "etc-passwd"),
        ("\t\x00*", "star"),
        ("日本", "unknown"),
        (None, "unknown"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_language_becomes_a_folder_that_every_file_system_takes(language: str | None, folder: str) -> None:
    assert folder_of(language) == folder


def test_a_release_comes_with_its_card_which_may_be_written_anew(tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", [SAME | {"repository": "o/a", "path": "a.py"}])
    described = Described("demo", "1.0", "2026-01-03", card=CardSettings(opt_out="us@example.org"))
    made = curate([source], tmp_path / "release", described, Choices(settings_of({})), jobs=1)
    text = (tmp_path / "release" / "README.md").read_text()
    assert text.startswith('---\npretty_name: "demo 1.0"\n')
    assert "Ask us@example.org." in text
    assert (tmp_path / "release" / "preview" / "index.html").is_file()
    assert "README.md" not in made.manifest["hashes"]
    write_card(Release.open(tmp_path / "release"), tmp_path / "release", CardSettings(opt_out="them@example.org"))
    assert (tmp_path / "release" / "README.md").read_text() == text.replace("us@example.org", "them@example.org")
    check_hashes(Release.open(tmp_path / "release"))
