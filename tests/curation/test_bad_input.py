"""A walk through collect and curate, as commands, with everything that real collections hold and nobody wants."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.corpus import Release

JAPANESE = "使用許諾\n\n本ソフトウェアは、著作権者の許諾を得た者に限り、使用、複製および再配布することができます。\n" * 5
LARGE = 1_000_000_000
# VmHWM and not ru_maxrss: the latter outlives exec, so a child would report what this process held when it forked
MEASURE = """
import runpy
from contextlib import suppress
from pathlib import Path
with suppress(SystemExit):
    runpy.run_module("wherefrom", run_name="__main__")
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
Path("peak").write_text(peak)
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    root = tmp_path / "odd"
    root.mkdir()
    (tmp_path / "secret.py").write_text("password = 'x'\n")
    with open(root / "large.py", "wb") as file:
        file.truncate(LARGE)
    (root / "out.py").symlink_to(tmp_path / "secret.py")
    (root / "bad\x1b[31m\nname.py").write_text("ok = 1\n")
    (root / "latin.py").write_bytes("größe = 1\n".encode("latin-1"))
    (root / "wide.py").write_bytes("größe = 2\n".encode("utf-16"))
    (root / "broken.py").write_bytes(b"s = '\xe2\x28\xa1'\n")
    (root / "noise.py").write_bytes(bytes(range(256)) * 4)
    (root / "LICENSE").write_text(JAPANESE)
    return root


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc; run it on Linux")
def test_odd_files_are_counted_and_named_and_the_rest_is_read_in_flat_memory(odd: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEASURE, "collect", f"dir:{odd}", "-o", "raw"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    line = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "5 files" in line
    assert "; skipped: 1 binary, 1 link, 1 too large" in line
    assert "; noted: 1 control characters in path, 2 read as ISO-8859-1, 1 read as UTF-16LE" in line
    assert int((tmp_path / "peak").read_text()) * 1024 < LARGE // 2
    rows = {row["path"]: row for batch in Release.open(tmp_path / "raw").batches() for row in batch.to_pylist()}
    assert (rows["latin.py"]["content"], rows["wide.py"]["content"]) == ("größe = 1\n", "größe = 2\n")
    assert rows["broken.py"]["encoding"] == "ISO-8859-1"
    assert "bad\x1b[31m\nname.py" in rows
    assert {row["license_expression"] for row in rows.values()} == {"NOASSERTION"}


def test_what_collect_took_of_them_curate_accounts_for(odd: Path, tmp_path: Path, wherefrom: Callable[..., Any]) -> None:
    (odd / "large.py").unlink()
    assert wherefrom("collect", "dir:odd", "-o", "raw").returncode == 0
    made = wherefrom("curate", "raw", "-o", "release", "--version", "1", "--licenses", "permissive", "--jobs", "1")
    assert made.returncode == 2  # nothing is left: a licence that nobody understood admits nothing
    assert "licenses (" in made.stderr
    made = wherefrom("curate", "raw", "-o", "release", "--version", "1", "--jobs", "1")
    assert made.returncode == 0, made.stderr
    report = json.loads((tmp_path / "release" / "lineage.json").read_text())
    (unknown,) = [each for each in report["licenses"]["evidence"] if each["method"] == "unrecognised"]
    assert (unknown["files"], {sample["said_by"] for sample in unknown["samples"]}) == (5, {"LICENSE"})
    assert "\x1b" not in (tmp_path / "release" / "README.md").read_text()


def test_damaged_input_is_named_counted_and_left_out_where_asked(tmp_path: Path, wherefrom: Callable[..., Any]) -> None:
    event = {"type": "WatchEvent", "repo": {"name": "o/r"}, "actor": {"login": "a"}, "created_at": "2020-05-01T10:00:00Z", "payload": {}}
    whole = gzip.compress("\n".join([json.dumps(event), "no json", *(json.dumps(event | {"id": n}) for n in range(3000))]).encode())
    (tmp_path / "h.json.gz").write_bytes(whole[: len(whole) // 2])
    listed = wherefrom("collect", "gharchive:h.json.gz", "--dataset", "repositories", "-o", "list", "--skip-bad")
    assert listed.stdout.strip() == "list: 1 repositories; skipped: 1 not json, 1 truncated file"
    assert re.search(r"h\.json\.gz:2: not JSON", listed.stderr)
    assert re.search(r"h\.json\.gz: truncated or damaged after line \d+", listed.stderr)
    pq.write_table(pa.table({"content": ["x = 1\n"]}), tmp_path / "a\x1b[31m.parquet")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x = 1\n")
    names = ["parquet:*.parquet", "git:file:///nowhere/to/be/found.git", "dir:code"]
    made = wherefrom("collect", *names, "-o", "raw", "--skip-bad")
    assert made.stdout.strip() == "raw: 1 files, 0.0 MB, 1 repositories; skipped: 1 unreadable, 1 vanished repository"
    assert "column repository, path is missing" in made.stderr.replace("\n", " ")
    assert "found.git" in made.stderr
    assert "\x1b" not in made.stderr
    assert wherefrom("collect", *names, "-o", "raw2").returncode == 2
