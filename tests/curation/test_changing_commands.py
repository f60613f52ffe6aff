"""Do `index --add`, `remove` and `merge` change an index as they say, and refuse what they cannot do?"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import wherefrom as front_door


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`index` remembers the location it made last, in the user's home; the front door changes the path that modules come from."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", list(sys.path))


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def wherefrom(*arguments: str) -> Done:
    """Runs a command to its end, in this process: starting one costs more than the work, and is tested elsewhere."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.raises(SystemExit) as ended,
    ):
        front_door.main(list(arguments))
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def answer(*arguments: str) -> dict[str, Any]:
    """What a command with --json prints, and nothing else."""
    done = wherefrom(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two folders of code as sources, by name."""
    sources = {}
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp(name) / name
        folder.mkdir()
        for n in range(3):
            lines = [f"{name}_{n}_{i} = compute_{name}_{n}_{i}({i}, other_{n}={i})" for i in range(12)]
            (folder / f"module{n}.py").write_text("\n".join(lines), "utf-8")
        sources[name] = f"dir:{folder}"
    return sources


def test_an_index_grows_shrinks_and_is_merged(code: dict[str, str], tmp_path: Path) -> None:
    location, snippet = str(tmp_path / "demo.index"), code["second"].removeprefix("dir:") + "/module1.py"
    assert answer("index", code["first"], "-o", location)["documents"] == 3
    added = answer("index", code["first"], code["second"], "-o", location, "--add")
    assert (added["documents"], added["known"], added["generation"]) == (3, 3, 2)
    assert wherefrom("check", snippet, "--index", location).returncode == 1
    traced = json.loads(wherefrom("trace", snippet, "--index", location, "--json").stdout)
    document = traced["sources"][0]["document_id"]
    removed = answer("remove", location, "--document", document, "--repository", "no/such")
    assert (removed["documents"], removed["documents_left"], removed["not_found"]) == (1, 5, ["no/such"])
    assert wherefrom("check", snippet, "--index", location).returncode == 0
    merged = answer("merge", location)
    assert (merged["merged_segments"], merged["purged_documents"], merged["documents"]) == (2, 1, 5)
    assert wherefrom("check", snippet, "--index", location).returncode == 0
    assert wherefrom("verify", location).returncode == 0


def test_an_index_in_a_cluster_grows_and_shrinks(code: dict[str, str], elasticsearch: str) -> None:
    location = f"es+{elasticsearch}/shrinking"
    assert answer("index", code["first"], "-o", location, "--force")["documents"] == 3
    added = answer("index", *code.values(), "-o", location, "--add")
    assert (added["documents"], added["known"], added["generation"]) == (3, 3, 2)
    removed = answer("remove", location, "--owner", "second", "--repository", "no/such")
    assert (removed["documents"], removed["documents_left"], removed["not_found"]) == (3, 3, ["no/such"])
    assert answer("inspect", location)["removed_documents"] == 3


def test_the_lines_for_people_say_what_was_done(code: dict[str, str], tmp_path: Path) -> None:
    location = str(tmp_path / "demo.index")
    wherefrom("index", code["first"], "-o", location)
    assert "3 files added" in wherefrom("index", code["second"], "-o", location, "--add", "--no-merge").stdout
    assert (
        "0 files added" in (said := wherefrom("index", code["second"], "-o", location, "--add").stdout) and "3 were there already" in said
    )
    done = wherefrom("remove", location, "--owner", "second", "--owner", "nobody")
    assert done.returncode == 0 and "holds no document of nobody" in done.stderr
    assert "2 segments merged" in wherefrom("merge", location).stdout
    assert "nothing to do" in wherefrom("merge", location).stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["index", "dir:.", "-o", "{}", "--add"], 3, "no index here"),
        (["remove", "{}", "--owner", "x"], 3, "no index here"),
        (["merge", "{}"], 3, "no index here"),
        (["remove", "{}"], 2, "name a repository, an owner or a document"),
        (["merge", "https://host"], 2, "name a folder"),
        (["remove", "es+http://127.0.0.1:1/name", "--owner", "x"], 3, "no answer from the cluster"),
        (["index", "dir:.", "-o", "{}", "--add", "--force"], 2, "--add with --force"),
        (["index", "dir:.", "-o", "{}", "--add", "--name", "x"], 2, "--add with --name"),
        (["index", "dir:.", "-o", "{}", "--no-merge"], 2, "--no-merge without --add"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], exit_code: int, said: str, tmp_path: Path) -> None:
    place = tmp_path / "none.index"
    done = wherefrom(*(argument.format(place) for argument in arguments))
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert said in done.stderr and "Traceback" not in done.stderr
    assert not place.exists()
