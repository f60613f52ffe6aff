import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import release_folder
from curation.batches import BATCH_ROWS, batches, merged
from curation.collect import collect
from curation.curate import curate
from curation.origin import Origin, Reading, SourceFile, licence
from curation.pipeline import index_sources
from curation.release_facts import Choices, Described
from curation.release_folder import check_hashes, text_bytes
from indexer.corpus import REPOSITORIES_SCHEMA, Release
from indexer.errors import IndexCorrupt, IndexLocked, InputError

ORIGIN = Origin("o/a", "test", licence("MIT", "package"))


def run(names: list[str], target: Path, **options: Any) -> dict[str, Any]:
    return collect(names, target, date="2026-01-02", reading=options.pop("reading", Reading()), **options)


@pytest.fixture
def code(tmp_path: Path, mit_text: str) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "LICENSE").write_text(mit_text)
    (folder / "NOTICE").write_text("Thanks to everybody.")
    for i in range(20):
        (folder / f"m{i:02}.py").write_text(f"value = {i}\n" * 50)
    (folder / "logo.png").write_bytes(b"\x89PNG")
    return folder


def test_a_raw_folder_holds_files_repositories_and_a_manifest(code: Path, tmp_path: Path) -> None:
    manifest = run([f"dir:{code}"], tmp_path / "raw")
    release = Release.open(tmp_path / "raw")
    assert release.manifest == manifest == json.loads((tmp_path / "raw" / "manifest.json").read_text())
    assert (manifest["format"], manifest["kind"], manifest["date"]) == (1, "raw", "2026-01-02")
    assert manifest["counts"] == {"documents": 22, "text_bytes": sum(f.stat().st_size for f in code.iterdir()) - 4, "repositories": 1}
    assert manifest["skipped"] == {"binary": 1}
    rows = [row for batch in release.batches() for row in batch.to_pylist()]
    assert [row["path"] for row in rows] == sorted(file.name for file in code.iterdir() if file.suffix != ".png")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["access.jsonl", "files", "manifest.json", "repositories.parquet"]
    check_hashes(release)


def test_originals_are_their_steward_s_and_each_look_is_logged(code: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    collect([f"dir:{code}"], raw, date="2026-01-02", reading=Reading())
    curate([raw], tmp_path / "release", Described("demo", "1", "2026-01-03"), Choices(), jobs=1)
    index_sources([str(raw)], str(tmp_path / "x.index"), date="2026-01-03")
    looks = [json.loads(line) for line in (raw / "access.jsonl").read_text().splitlines()]
    assert [(look["action"], look["why"]) for look in looks] == [("written", "collect"), ("read", "curate demo 1"), ("read", "index")]
    assert (raw.stat().st_mode & 0o777, (raw / "access.jsonl").stat().st_mode & 0o777) == (0o700, 0o600)
    assert not list((tmp_path / "release").rglob("access*"))


def test_the_repositories_table_holds_licence_texts_and_holders(code: Path, tmp_path: Path, mit_text: str) -> None:
    run([f"dir:{code}"], tmp_path / "raw")
    table = Release.open(tmp_path / "raw").repositories()
    assert table.schema.equals(REPOSITORIES_SCHEMA)
    row = table.to_pylist()[0]
    assert (row["repository"], row["files"], row["license_expression"], row["license_type"]) == ("code", 22, "MIT", "permissive")
    assert row["license_texts"] == [{"path": "LICENSE", "text": mit_text}]
    assert row["notice_texts"] == [{"path": "NOTICE", "text": "Thanks to everybody."}]
    assert row["copyright_lines"] == ["Copyright (c) 2020 Ada Example"]


def test_batches_and_row_groups_are_bounded(tmp_path: Path) -> None:
    files = [SourceFile(ORIGIN, f"{i}.py", b"x = 1\n" if i < 1300 else b"y" * 4_000_000) for i in range(1305)]
    sizes = [(batch.num_rows, text_bytes(batch)) for batch in batches(files, Reading())]
    assert [rows for rows, _ in sizes] == [BATCH_ROWS, BATCH_ROWS, 278, 2, 1]
    assert max(size for _, size in sizes) <= 12_000_000


def test_many_small_batches_are_merged_in_order() -> None:
    files = [SourceFile(ORIGIN, f"{i}.py", b"x = %d\n" % i) for i in range(1000)]
    small = (whole.slice(start, 7) for whole in batches(files, Reading()) for start in range(0, whole.num_rows, 7))
    large = list(merged(small))
    assert [path for batch in large for path in batch.column("path").to_pylist()] == [f"{i}.py" for i in range(1000)]
    assert all(batch.num_rows <= BATCH_ROWS for batch in large)
    assert len(large) == 2


def test_parts_rotate(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_folder, "PART_BYTES", 1)
    manifest = run([f"dir:{code}", f"dir:{code}/."], tmp_path / "raw")
    assert manifest["files"] == ["files/part-00000.parquet"]  # one batch is not split
    other = tmp_path / "other"
    other.mkdir()
    for i in range(BATCH_ROWS + 1):
        (other / f"{i}.py").write_text(f"x = {i}\n")
    manifest = run([f"dir:{other}"], tmp_path / "raw2")
    assert manifest["files"] == ["files/part-00000.parquet", "files/part-00001.parquet"]
    assert sum(batch.num_rows for batch in Release.open(tmp_path / "raw2").batches()) == BATCH_ROWS + 1


def test_progress_counts_files_and_bytes(code: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    manifest = run([f"dir:{code}"], tmp_path / "raw", progress=lambda *state: seen.append(state))
    assert seen == [(manifest["counts"]["documents"], manifest["counts"]["text_bytes"], "reading")]


def test_an_existing_target_is_refused_and_replaced_only_with_force(code: Path, tmp_path: Path) -> None:
    run([f"dir:{code}"], tmp_path / "raw")
    (code / "new.py").write_text("z = 1\n")
    with pytest.raises(InputError, match=r"raw: exists already.*--force"):
        run([f"dir:{code}"], tmp_path / "raw")
    assert run([f"dir:{code}"], tmp_path / "raw", force=True)["counts"]["documents"] == 23
    assert Release.open(tmp_path / "raw").manifest["counts"]["documents"] == 23
    assert sorted(path.name for path in tmp_path.iterdir()) == ["code", "raw"]


def test_force_does_not_replace_what_is_not_ours(code: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not made by wherefrom"):
        run([f"dir:{code}"], code, force=True)
    assert (code / "m00.py").exists()
    assert not (tmp_path / "code.part").exists()


def test_an_empty_folder_is_no_obstacle(code: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    assert run([f"dir:{code}"], tmp_path / "raw")["counts"]["documents"] == 22


def test_a_failure_leaves_nothing_behind(code: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match=r"bad\.parquet"):
        run([f"dir:{code}", f"parquet:{tmp_path}/bad.parquet"], tmp_path / "raw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.parquet", "code"]


def test_sources_without_a_text_file_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"no text file found.*skipped: 1 binary"):
        run([f"dir:{tmp_path}/code"], tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_killed_run_shows_nothing_and_the_next_one_cleans_up(code: Path, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom curation.collect import collect\nfrom curation.origin import Reading\n"
        "def die(*state): os.kill(os.getpid(), signal.SIGKILL)\n"
        "collect([sys.argv[1]], Path(sys.argv[2]), date='2026-01-02', reading=Reading(), progress=die)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, f"dir:{code}", str(tmp_path / "raw")], check=False)
    assert killed.returncode == -9
    assert (tmp_path / "raw.part").is_dir()
    assert not (tmp_path / "raw").exists()
    run([f"dir:{code}"], tmp_path / "raw")
    assert not (tmp_path / "raw.part").exists()
    check_hashes(Release.open(tmp_path / "raw"))


def test_a_kill_between_the_two_renames_of_a_replacement_loses_nothing(code: Path, tmp_path: Path) -> None:
    run([f"dir:{code}"], tmp_path / "raw")
    (tmp_path / "raw").rename(tmp_path / "raw.old")
    with pytest.raises(InputError, match="exists already"):
        run([f"dir:{code}"], tmp_path / "raw")
    check_hashes(Release.open(tmp_path / "raw"))


def test_two_runs_to_one_place_do_not_mix(code: Path, tmp_path: Path) -> None:
    def second(*state: object) -> None:
        with pytest.raises(IndexLocked, match="another run is writing"):
            run([f"dir:{code}"], tmp_path / "raw")

    run([f"dir:{code}"], tmp_path / "raw", progress=second)
    check_hashes(Release.open(tmp_path / "raw"))


def test_a_full_disk_is_named_and_leaves_nothing(code: Path, tmp_path: Path) -> None:
    """A limit on the size of files makes the kernel refuse the write, as a full disk does."""
    script = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from curation.collect import collect\nfrom curation.origin import Reading\nfrom indexer.errors import OutOfSpace\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try:\n    collect([sys.argv[1]], Path(sys.argv[2]), date='2026-01-02', reading=Reading())\n"
        "except OutOfSpace as error:\n    print(error)\n"
    )
    for i in range(20):
        (code / f"r{i}.py").write_bytes(os.urandom(3000).hex().encode())
    done = subprocess.run([sys.executable, "-c", script, f"dir:{code}", str(tmp_path / "raw")], capture_output=True, text=True, check=False)
    assert "raw: a file is larger than the file size limit" in done.stdout, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["code"]


def test_a_changed_or_missing_part_is_noticed(code: Path, tmp_path: Path) -> None:
    run([f"dir:{code}"], tmp_path / "raw")
    part = tmp_path / "raw" / "files" / "part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="SHA-256"):
        check_hashes(Release.open(tmp_path / "raw"))
    part.unlink()
    with pytest.raises(IndexCorrupt, match="missing"):
        check_hashes(Release.open(tmp_path / "raw"))


# VmHWM and not ru_maxrss: the latter outlives exec, so a child would report what this process held when it forked
MEASURE = """
import sys
from pathlib import Path
from curation.collect import collect
from curation.curate import curate
from curation.origin import Reading
collect([sys.argv[1]], Path(sys.argv[2]), date="2026-01-02", reading=Reading())
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc; run it on Linux")
def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """One row group each, so that a reader which takes a row group whole is caught."""
    peaks = {}
    for megabytes in (16, 160):
        path = tmp_path / f"{megabytes}.parquet"
        n_rows = megabytes * 50
        line = "".join(f"name_{i % 613} = call_{i % 97}({i})\n" for i in range(800))[:20_000]
        columns = {
            "content": [f"{line}# {i}\n" for i in range(n_rows)],
            "repository": [f"o/r{i % 100}" for i in range(n_rows)],
            "path": [f"{i}.py" for i in range(n_rows)],
        }
        pq.write_table(pa.table(columns), path, row_group_size=n_rows, use_dictionary=False)
        command = [sys.executable, "-c", MEASURE, f"parquet:{path}", str(tmp_path / f"raw{megabytes}")]
        peaks[megabytes] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1000
    assert peaks[160] - peaks[16] < 70, peaks
