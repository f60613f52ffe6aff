import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import wherefrom as front_door
from curation.pipeline import index_sources
from curation.shared_cli import today
from indexer.corpus import Release
from indexer.errors import InputError

Run = Callable[..., subprocess.CompletedProcess[str]]
FUNCTION = """\
def area(width, height):
    if width < 0 or height < 0:
        raise ValueError("negative side")
    return width * height
"""


@pytest.fixture
def code(tmp_path: Path, mit_text: str) -> Path:
    folder = tmp_path / "shapes"
    folder.mkdir()
    (folder / "LICENSE").write_text(mit_text)
    (folder / "area.py").write_text(FUNCTION)
    (folder / "copy.py").write_text(FUNCTION)
    return folder


def test_collect_curate_and_index_lead_from_a_folder_to_an_index(code: Path, tmp_path: Path, wherefrom: Run) -> None:
    steps = [
        wherefrom("collect", f"dir:{code}", "-o", "raw"),
        wherefrom("curate", "raw", "-o", "release", "--version", "7"),
        wherefrom("index", "release", "-o", "shapes.index"),
    ]
    assert [(step.returncode, step.stderr) for step in steps] == [(0, "")] * 3
    assert steps[0].stdout == f"raw: 3 files, {_mb(tmp_path / 'raw')}, 1 repositories\n"
    assert "; 1 dropped by exact duplicates" in steps[1].stdout
    assert steps[2].stdout.startswith("shapes.index: 2 files")
    with front_door.open(tmp_path / "shapes.index") as index:
        assert (index.info.name, index.info.version, index.info.documents) == ("release", "7", 2)
        source = index.attribute(FUNCTION).sources[0]
        assert (source.repository, source.path, source.license_expression) == ("shapes", "area.py", "MIT")


def _mb(folder: Path) -> str:
    return f"{Release.open(folder).manifest['counts']['text_bytes'] / 1e6:,.1f} MB"


def test_json_is_one_document_and_nothing_else(code: Path, tmp_path: Path, wherefrom: Run) -> None:
    collected = json.loads(wherefrom("collect", f"dir:{code}", "-o", "raw", "--json").stdout)
    curated = json.loads(wherefrom("curate", "raw", "-o", "release", "--version", "1", "--name", "shapes", "--json").stdout)
    indexed = json.loads(wherefrom("index", "release", "-o", "x.index", "--json").stdout)
    assert collected == {"location": "raw", **Release.open(tmp_path / "raw").manifest}
    assert (curated["name"], curated["counts"]["documents"]) == ("shapes", 2)
    assert (indexed["location"], indexed["name"], indexed["version"], indexed["documents"]) == ("x.index", "shapes", "1", 2)
    assert indexed["index_bytes"] > 0


def test_the_date_is_that_of_source_date_epoch_and_the_bytes_are_the_same(code: Path, tmp_path: Path, wherefrom: Run) -> None:
    for name in ("one", "two"):
        assert wherefrom("collect", f"dir:{code}", "-o", f"{name}/raw", SOURCE_DATE_EPOCH="1767225600").returncode == 0
    manifests = [(tmp_path / name / "raw" / "manifest.json").read_bytes() for name in ("one", "two")]
    assert manifests[0] == manifests[1]
    assert json.loads(manifests[0])["date"] == "2026-01-01"


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH='tomorrow'"):
        today({"SOURCE_DATE_EPOCH": "tomorrow"})


def test_the_new_index_becomes_the_default(code: Path, tmp_path: Path, wherefrom: Run) -> None:
    wherefrom("index", f"dir:{code}", "-o", "mine.index")
    remembered = tmp_path / "home" / ".local" / "state" / "wherefrom" / "default-index"
    assert remembered.read_text() == str(tmp_path / "mine.index")


def test_releases_and_sources_make_one_index(code: Path, tmp_path: Path, wherefrom: Run) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.py").write_text("y = [number * number for number in range(100)]\n")
    wherefrom("collect", f"dir:{code}", "-o", "raw")
    done = wherefrom("index", "raw", f"dir:{other}", "-o", "both.index", "--name", "both", "--json")
    assert json.loads(done.stdout)["documents"] == 4
    with front_door.open(tmp_path / "both.index") as index:
        page = index.repositories()
        assert [(row.repository, row.files, row.license_expression) for row in page.repositories] == [
            ("other", 1, "NONE"),
            ("shapes", 3, "MIT"),
        ]


@pytest.mark.parametrize(
    ("arguments", "code_expected", "message"),
    [
        (("collect", "dir:nowhere", "-o", "out"), 2, "dir:nowhere: no such folder"),
        (("collect", "shapes", "-o", "out"), 2, "not a source; wanted one of"),
        (("collect", "parquet:bad.parquet", "-o", "out"), 2, "bad.parquet: damaged or no parquet file"),
        (("collect", "wheel:bad.parquet", "-o", "out"), 2, "bad.parquet: damaged, truncated or no archive"),
        (("collect", "dir:shapes"), 2, "--output"),
        (("curate", "shapes", "-o", "out", "--version", "1"), 3, "no release here"),
        (("curate", "shapes", "-o", "out", "--version", "1", "--licenses", "all"), 2, "--licenses"),
        (("index", "shapes", "-o", "out"), 2, "a folder of code is dir:shapes"),
        (("index", "dir:shapes", "-o", "shapes"), 2, "holds something other than an index"),
        (("index", "parquet:bad.parquet", "-o", "out"), 2, "bad.parquet: damaged"),
        (("collect", "dir:shapes", "-o", "bad.parquet/raw"), 2, "bad.parquet/raw.part: cannot be made"),
        (("index", "dir:shapes", "-o", "bad.parquet/x"), 2, "bad.parquet/x: cannot be made"),
        (("index", "dir:shapes", "-o", "es+http://localhost:1/x"), 3, "no answer from the cluster"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    arguments: tuple[str, ...], code_expected: int, message: str, code: Path, tmp_path: Path, wherefrom: Run
) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = wherefrom(*arguments)
    assert (done.returncode, done.stdout) == (code_expected, "")
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == before


def test_a_corrupt_file_among_good_ones_is_skipped_only_when_asked(code: Path, tmp_path: Path, wherefrom: Run) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    inputs = ("parquet:bad.parquet", f"dir:{code}")
    assert wherefrom("collect", *inputs, "-o", "raw").returncode == 2
    for command in (("collect", *inputs, "-o", "raw"), ("index", *inputs, "-o", "x.index")):
        done = wherefrom(*command, "--skip-bad", "--json")
        assert done.returncode == 0
        assert "skipped: bad.parquet: damaged" in done.stderr
        assert json.loads(done.stdout)["skipped"] == {"unreadable": 1}


def test_an_index_is_replaced_only_with_force(code: Path, wherefrom: Run) -> None:
    assert wherefrom("index", f"dir:{code}", "-o", "x.index").returncode == 0
    refused = wherefrom("index", f"dir:{code}", "-o", "x.index")
    assert (refused.returncode, "--force" in refused.stderr) == (2, True)
    (code / "more.py").write_text("z = 3\n")
    assert json.loads(wherefrom("index", f"dir:{code}", "-o", "x.index", "--force", "--json").stdout)["documents"] == 4


def test_a_release_is_not_overwritten_by_an_index(code: Path, wherefrom: Run) -> None:
    wherefrom("collect", f"dir:{code}", "-o", "raw")
    refused = wherefrom("index", f"dir:{code}", "-o", "raw", "--force")
    assert (refused.returncode, "something other than an index" in refused.stderr) == (2, True)


def test_an_index_that_fails_leaves_the_one_before(code: Path, tmp_path: Path) -> None:
    index_sources([f"dir:{code}"], tmp_path / "x.index", date="2026-01-01")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match=r"bad\.parquet"):
        index_sources([f"dir:{code}", f"parquet:{tmp_path}/bad.parquet"], tmp_path / "x.index", date="2026-01-02", force=True)
    with front_door.open(tmp_path / "x.index") as index:
        assert (index.info.documents, index.info.date) == (3, "2026-01-01")


@pytest.mark.parametrize("command", ["collect", "curate", "index"])
def test_help_has_an_example(command: str, wherefrom: Run) -> None:
    done = wherefrom(command, "--help")
    assert done.returncode == 0
    assert f"Example: wherefrom {command} " in done.stdout
