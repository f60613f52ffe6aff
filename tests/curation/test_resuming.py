"""A run of `wherefrom curate` that is killed goes on where it was, and leaves nothing behind."""

import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.collect import collect
from curation.curate import curate
from curation.origin import Reading
from curation.release_facts import Choices, Described
from curation.running import Pool
from curation.settings import settings_of
from indexer.corpus import FILES_SCHEMA
from indexer.errors import WorkerLost
from tests.limits import HANG_SECONDS

KILLS = int(os.environ.get("TEST_KILLS", "3"))
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "[licenses]\nunlicensed = true\n[shards]\nmb = 0.04\n[write]\npart_mb = 0.1\n"


# Every process of a run stops, and tells so, before it finishes a file when so many are there: it cannot end before it is killed.
HELD = """
import os, sys, time
folder, at, told = os.environ["HELD_IN"] + os.sep, int(os.environ["HELD_AT"]), os.environ["HELD_TOLD"]

def n_finished():
    return sum(name.endswith((".parquet", ".json")) for _, _, names in os.walk(folder) for name in names)

def hold(event, arguments):
    if event == "os.rename" and str(arguments[1]).startswith(folder) and n_finished() >= at:
        open(told, "w").close()
        while True:
            time.sleep(3600)

sys.addaudithook(hold)
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RAW folder of about twenty shards, with copies among its files."""
    folder = tmp_path_factory.mktemp("resuming")
    files = [(f"o/{i * 7 % 30}", f"{i}.{('py', 'c', 'js')[i % 3]}", f"name_{i % 2500} = {i % 2500}\n" * 12) for i in range(3000)]
    rows = [dict.fromkeys(FILES_SCHEMA.names) | dict(zip(("repository", "path", "content"), file, strict=True)) for file in files]
    pq.write_table(pa.Table.from_pylist(rows, FILES_SCHEMA), folder / "rows.parquet", row_group_size=40)
    collect([f"parquet:{folder / 'rows.parquet'}"], folder / "whole", date="2026-01-02", reading=Reading())
    return small_groups(folder / "whole", folder / "raw")


def small_groups(folder: Path, target: Path) -> Path:
    """The same RAW folder with small row groups, so that it makes many shards."""
    import hashlib
    import json

    shutil.copytree(folder, target)
    part = target / "files" / "part-00000.parquet"
    pq.write_table(pq.read_table(part), part, row_group_size=75)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["hashes"]["files/part-00000.parquet"] = hashlib.sha256(part.read_bytes()).hexdigest()
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def begun(raw: Path, target: Path, engine: str = "processes", **more: str) -> subprocess.Popen[bytes]:
    file = target.with_name("settings.toml")
    file.write_text(SETTINGS)
    command = [sys.executable, "-m", "wherefrom", "curate", str(raw), "-o", str(target), "--version", "1", "--settings", str(file)]
    return subprocess.Popen(
        [*command, "--jobs", "2", "--name", "demo", "--engine", engine],
        cwd=ROOT,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600"} | more,
        stdout=subprocess.DEVNULL,
    )


def part_folder(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def finished_files(target: Path) -> set[Path]:
    """What a run has finished so far: checkpoints, and parts of the release."""
    return {path for path in part_folder(target).rglob("*") if path.suffix in (".parquet", ".json")}


def killed(raw: Path, target: Path, at: int) -> list[psutil.Process]:
    """Kills a run that has finished so many files; gives the processes it had."""
    hook = target.with_name("hook")
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(HELD)
    told = hook / f"held-{at}"
    held = {"HELD_IN": str(part_folder(target)), "HELD_AT": str(at), "HELD_TOLD": str(told), "PYTHONPATH": f"{hook}{os.pathsep}{ROOT}"}
    run = begun(raw, target, **held)
    while not told.exists():
        assert run.poll() is None, "the run ended before it had finished so many files"
        time.sleep(0.02)
    workers = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    return workers


def made_here(raw: Path, target: Path, settings: str) -> dict[str, bytes]:
    """What a release holds that is made in this process alone."""
    choices = Choices(settings_of(tomllib.loads(settings)))
    curate([raw], target, Described("demo", "1", "2026-01-01"), choices, jobs=1)
    return contents(target)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_run_leaves_no_worker_and_goes_on_to_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    expected = made_here(raw, tmp_path / "whole", SETTINGS)
    moments = sorted(random.Random(20261123).choices(range(45), k=KILLS))
    target, had_workers, kept = tmp_path / "release", 0, dict[Path, int]()
    for moment in moments:
        workers = killed(raw, target, moment)
        _, left = psutil.wait_procs(workers, timeout=HANG_SECONDS)
        assert left == []
        had_workers += len(workers) > 1
        found = {path: path.stat().st_ino for path in finished_files(target)}
        assert {path: found.get(path) for path in kept} == kept
        kept = found
    assert had_workers
    assert begun(raw, target).wait() == 0
    assert contents(target) == expected
    assert not target.with_name("release.part").exists()


def test_a_changed_setting_starts_clean(raw: Path, tmp_path: Path) -> None:
    target, settings = tmp_path / "release", SETTINGS.replace("0.04", "0.05")
    killed(raw, target, 30)
    assert len(finished_files(target)) >= 30
    assert made_here(raw, target, settings) == made_here(raw, tmp_path / "again", settings)
    assert not target.with_name("release.part").exists()


def test_ray_makes_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    assert begun(raw, tmp_path / "ray", engine="ray").wait() == 0
    assert contents(tmp_path / "ray") == made_here(raw, tmp_path / "here", SETTINGS)


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), 9)
    return number


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


def test_a_worker_that_dies_is_an_error_that_says_to_run_again() -> None:
    with pytest.raises(WorkerLost, match="run again"), Pool(2, 1) as pool:
        list(pool.run(die, range(6)))


def test_an_error_of_a_task_is_the_error_of_the_run() -> None:
    with pytest.raises(ValueError, match="no 0"), Pool(2, 1) as pool:
        list(pool.run(fail, [0, 0, 0]))


def test_memory_bounds_the_number_of_workers() -> None:
    here = {os.getpid()}
    with Pool(4, 1 << 60) as small, Pool(2, 1) as large:
        assert set(small.run(process_id, range(8))) == here
        assert not here & set(large.run(process_id, range(8)))


def process_id(_: int) -> int:
    return os.getpid()
