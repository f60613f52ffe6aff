"""filter export, filter import, filter info, check --filter: what they print, where, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import wherefrom
from indexer.answers import to_json
from indexer.index import Index
from search_api import cli, filter_cli

EPOCH = "1577880000"  # 2020-01-01T12:00:00Z, which every clock has passed
AS_OF = "2020-01-01T12:00:00+00:00"


def run(*arguments: str, text: str | bytes = b"") -> Result:
    """The command in this process."""
    app = filter_cli.app if arguments[0] == "filter" else cli.app
    return CliRunner().invoke(app, list(arguments), input=text, catch_exceptions=False)


def start(*arguments: str, text: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    command = [sys.executable, wherefrom.__file__, *arguments]
    result = subprocess.run(command, input=text, capture_output=True, env={**os.environ, **environment}, check=False)
    return subprocess.CompletedProcess(command, result.returncode, result.stdout.decode(), result.stderr.decode())


@pytest.fixture(scope="session")
def exported(location: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filter") / "corpus.filter"
    result = start("filter", "export", "--index", location, "-o", str(path), SOURCE_DATE_EPOCH=EPOCH)
    assert (result.returncode, result.stderr) == (0, "")
    return path


@pytest.fixture(scope="session")
def pybloom_file(location: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filter") / "corpus.bloom"
    result = start("filter", "export", "--index", location, "--format", "pybloom", "-o", str(path), SOURCE_DATE_EPOCH=EPOCH)
    assert (result.returncode, result.stderr) == (0, "")
    return path


def test_info_says_which_index_and_when(exported: Path, index: Index) -> None:
    shown = json.loads(run("filter", "info", str(exported), "--verify", "--json").stdout)
    assert to_json(index.info).items() <= shown.items()
    assert (shown["as_of"], shown["layout"], shown["verified"]) == (AS_OF, "split-block", True)
    assert AS_OF in run("filter", "info", str(exported)).stdout


def test_check_with_a_filter_is_check_with_the_index(exported: Path, index: Index, function_text: str, fresh_text: str) -> None:
    for text, code in ((function_text, 1), (fresh_text, 0), ("import os\n", 4)):
        result = run("check", "-", "--filter", str(exported), "--json", text=text)
        assert (result.exit_code, json.loads(result.stdout)) == (code, to_json(index.membership(text.encode())))
    few = run("check", "-", "--filter", str(exported), "--min-tokens", "5000", text=function_text)
    assert few.exit_code == 0 and few.stdout.startswith("not in the corpus")


def test_an_old_filter_ends_with_4_and_says_so(exported: Path, function_text: str) -> None:
    old = run("check", "-", "--filter", str(exported), "--max-age-days", "0.5", text=function_text)
    assert old.exit_code == 4 and old.stdout.startswith("in the corpus")
    assert AS_OF in old.stderr and "0.5 days were allowed" in old.stderr
    assert run("check", "-", "--filter", str(exported), "--max-age-days", "1e6", text=function_text).exit_code == 1


def test_export_for_pybloom_and_back(pybloom_file: Path, index: Index, function_text: str, fresh_text: str, tmp_path: Path) -> None:
    out = tmp_path / "back.filter"
    shown = json.loads(run("filter", "import", str(pybloom_file), "-o", str(out), "--json").stdout)
    assert to_json(index.info).items() <= shown.items() and (shown["as_of"], shown["layout"]) == (AS_OF, "pybloom")
    for text, code in ((function_text, 1), (fresh_text, 0)):
        assert run("check", "-", "--filter", str(out), text=text).exit_code == code


def test_an_import_of_unknown_age_is_too_old_for_any_limit(pybloom_file: Path, function_text: str, tmp_path: Path) -> None:
    bare, out = tmp_path / "bare.bloom", tmp_path / "bare.filter"
    bare.write_bytes(pybloom_file.read_bytes())
    shown = json.loads(run("filter", "import", str(bare), "-o", str(out), "--json").stdout)
    assert (shown["name"], shown["as_of"]) == ("bare", None)
    result = run("check", "-", "--filter", str(out), "--max-age-days", "1e6", text=function_text)
    assert result.exit_code == 4 and "does not say" in result.stderr
    run("filter", "import", str(bare), str(pybloom_file), "-o", str(out), "--name", "both", "--version", "2", "--as-of", "2026-10-01")
    shown = json.loads(run("filter", "info", str(out), "--json").stdout)
    assert (shown["name"], shown["version"], shown["as_of"], shown["parts"]) == ("both", "2", "2026-10-01T00:00:00", 2)
    assert run("check", "-", "--filter", str(out), "--max-age-days", "1e6", text=function_text).exit_code == 1


def test_check_with_a_filter_imports_nothing_heavy(exported: Path, function_text: str) -> None:
    program = (
        "import sys, wherefrom\n"
        "try: wherefrom.main(['check', '-', '--filter', sys.argv[1]])\n"
        "except SystemExit as exit: print(exit.code, *sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program, str(exported)], input=function_text, capture_output=True, text=True, check=True)
    code, *loaded = result.stderr.split()
    assert code == "1"
    assert not {name.partition(".")[0] for name in loaded} & {"numpy", "numba", "pyarrow", "tantivy", "httpx", "fastapi", "gradio"}


def test_a_damaged_filter_ends_with_3(exported: Path, function_text: str, tmp_path: Path) -> None:
    data = bytearray(exported.read_bytes())
    for at in range(8192, len(data) - 4096, 4096):
        data[at] ^= 1
    (tmp_path / "bad.filter").write_bytes(data)
    for arguments in (("check", "-", "--filter"), ("filter", "info", "--verify")):
        result = start(*arguments, str(tmp_path / "bad.filter"), text=function_text.encode())
        assert (result.returncode, result.stdout) == (3, "")
        assert "fail their checksum" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check", "-", "--filter", "none.filter"), 3, "none.filter"),
        (("check", "-", "--max-age-days", "3"), 2, "--filter"),
        (("check", "-", "--filter", "a", "--index", "b"), 2, "give one of them"),
        (("check", "none.py", "--filter", "a"), 2, "none.py"),
        (("filter", "info", "none.filter"), 3, "none.filter"),
        (("filter", "import", "none.bloom", "-o", "out"), 2, "none.bloom"),
        (("filter", "export", "--index", "no-such.index", "-o", "out"), 3, "no-such.index"),
        (("filter", "export", "--index", "http://127.0.0.1:9", "-o", "out"), 2, "folder"),
        (("filter", "export", "--format", "zip", "-o", "out"), 2, "format"),
        (("filter", "export"), 2, "output"),
    ],
)
def test_failure_is_said_on_standard_error_with_an_exit_code(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    result = start(*arguments, XDG_STATE_HOME=str(tmp_path))
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr and "Traceback" not in result.stderr


def test_a_bad_date_is_named(pybloom_file: Path, tmp_path: Path) -> None:
    result = start("filter", "import", str(pybloom_file), "-o", str(tmp_path / "out"), "--as-of", "last week")
    assert result.returncode == 2 and "last week" in result.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["export", "import", "info"])
def test_help_has_an_example(command: str) -> None:
    result = run("filter", command, "--help")
    assert result.exit_code == 0 and f"Example: wherefrom filter {command}" in " ".join(result.stdout.split())
