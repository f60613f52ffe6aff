"""check, trace, search, inspect, verify: what they print, where, and their exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import wherefrom
from indexer.answers import to_json
from indexer.index import Index
from search_api.cli import app

COMMANDS = ["check", "trace", "search", "inspect", "verify"]


def run(*arguments: str, text: str | bytes = b"") -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, list(arguments), input=text, catch_exceptions=False)


def start(*arguments: str, text: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    command = [sys.executable, wherefrom.__file__, *arguments]
    result = subprocess.run(command, input=text, capture_output=True, env={**os.environ, **environment}, check=False)
    return subprocess.CompletedProcess(command, result.returncode, result.stdout.decode(), result.stderr.decode())


@pytest.fixture
def where(request: pytest.FixtureRequest, location: str, url: str) -> str:
    return {"folder": location, "server": url}[request.param]


both = pytest.mark.parametrize("where", ["folder", "server"], indirect=True)


@both
def test_check_of_known_code_ends_with_1(where: str, function_text: str, tmp_path: Path) -> None:
    file = tmp_path / "snippet.py"
    file.write_text(function_text)
    result = run("check", str(file), "--index", where)
    assert result.exit_code == 1
    assert result.stdout.startswith("in the corpus") and "false-positive rate" in result.stdout


@both
def test_check_and_trace_of_fresh_code_end_with_0(where: str, fresh_text: str) -> None:
    assert run("check", "-", "--index", where, text=fresh_text).exit_code == 0
    result = run("trace", "-", "--index", where, text=fresh_text)
    assert result.exit_code == 0 and result.stdout.startswith("none")


@both
@pytest.mark.parametrize("command", ["check", "trace"])
def test_short_text_ends_with_4(where: str, command: str) -> None:
    result = run(command, "-", "--index", where, text="import os\n")
    assert result.exit_code == 4 and "too short" in result.stdout


@both
def test_trace_prints_spans_sources_and_notice(where: str, function_text: str) -> None:
    result = run("trace", "-", "--index", where, text=function_text)
    assert result.exit_code == 1
    for said in ("Spans", "exact", "Sources", "pypi/click@", "click/parser.py#L", "BSD-3-Clause (permissive)", "Notice"):
        assert said in result.stdout
    assert "\x1b" not in result.stdout, "no colours in a pipe"
    link = f"{where}/documents/" if where.startswith("http") else "https://example.org/click"
    assert link in result.stdout


@both
def test_json_is_the_answer_and_nothing_else(where: str, index: Index, function_text: str) -> None:
    raw = function_text.encode()
    traced = run("trace", "-", "--index", where, "--json", "--limit", "2", text=raw)
    assert json.loads(traced.stdout) == to_json(index.attribute(raw, limit=2))
    found = run("check", "-", "--index", where, "--json", "--min-tokens", "50", text=raw)
    assert json.loads(found.stdout) == to_json(index.membership(raw, min_tokens=50))
    page = run("search", "parser", "--repository", "pypi/click", "--limit", "2", "--index", where, "--json")
    assert json.loads(page.stdout) == to_json(index.search("parser", repository="pypi/click", limit=2))


@both
def test_files_of_any_encoding_are_answered(where: str, function_text: str, tmp_path: Path) -> None:
    file = tmp_path / "latin1.py"
    file.write_bytes(b"# caf\xe9 \x00\xff\n" + function_text.encode())
    assert run("trace", str(file), "--index", where).exit_code == 1


@both
def test_search_prints_hits_with_lines(where: str) -> None:
    result = run("search", '"class _OptionParser"', "--index", where)
    assert result.exit_code == 0
    assert "pypi/click@" in result.stdout and "class _OptionParser" in result.stdout


@both
def test_search_finds_what_matches_a_regular_expression(where: str) -> None:
    result = run("search", r"/^class _Option\w+:$/", "--index", where)
    assert result.exit_code == 0 and "class _OptionParser" in result.stdout


@both
def test_search_for_lines_of_code_says_where_they_come_from(where: str, corpus) -> None:
    lines = corpus.contents["pypi/click", "click/parser.py"].splitlines()[60:100]
    result = run("search", "\n".join(lines), "--index", where)
    assert result.exit_code == 0 and "click/parser.py" in result.stdout and "no query" in result.stdout


def test_search_pages_with_the_cursor_it_prints(location: str) -> None:
    first = run("search", "parser", "--limit", "1", "--index", location)
    cursor = first.stdout.rpartition("--cursor ")[2].strip()
    second = run("search", "parser", "--limit", "1", "--index", location, "--cursor", cursor)
    assert second.exit_code == 0 and second.stdout.splitlines()[2] != first.stdout.splitlines()[2]


@both
def test_inspect_says_what_the_index_holds(where: str, index: Index) -> None:
    assert "packages" in run("inspect", where).stdout
    described = json.loads(run("inspect", where, "--json").stdout)
    assert index.info.spec in json.dumps(described)


def test_verify_of_a_sound_index_ends_with_0(location: str) -> None:
    result = run("verify", location)
    assert result.exit_code == 0 and result.stdout.startswith("sound")


def test_verify_lists_the_problems_of_a_damaged_one_and_ends_with_3(location: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.index"
    shutil.copytree(location, damaged)
    largest = max((file for file in damaged.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    result = run("verify", str(damaged), "--json")
    assert result.exit_code == 3
    assert largest.name in " ".join(json.loads(result.stdout)["problems"])
    assert run("verify", str(damaged)).stdout.startswith("damaged")


def test_hostile_names_do_not_steer_the_terminal(location: str) -> None:
    text = "".join(f"function hostile_{number}(argument) {{ return argument * {number} + offset_{number}; }}\n" for number in range(30))
    result = run("trace", "-", "--index", location, text=text)
    assert "evil/<b>repo</b>" in result.stdout and "\x1b" not in result.stdout and "\u202e" not in result.stdout


def test_default_location_comes_from_the_environment(url: str, function_text: str, tmp_path: Path) -> None:
    result = start("trace", "-", text=function_text.encode(), WHEREFROM_INDEX=url)
    assert result.returncode == 1 and "pypi/click" in result.stdout
    missing = start("trace", "-", HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path), WHEREFROM_INDEX="")
    assert missing.returncode == 3 and "wherefrom demo" in missing.stderr and not missing.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("trace", "no-such-file.py", "--index", "http://127.0.0.1:9"), 2, "no-such-file.py"),
        (("check", "-", "--index", "http://127.0.0.1:9"), 3, "cannot be reached"),
        (("check", "-", "--index", "no-such.index"), 3, "no-such.index"),
        (("verify", "no-such.index"), 3, "no-such.index"),
        (("trace", "-", "--limit", "many"), 2, "limit"),
    ],
)
def test_failure_is_one_line_on_standard_error_and_an_exit_code(arguments: tuple[str, ...], code: int, said: str) -> None:
    result = start(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr and "Traceback" not in result.stderr


def test_unparsable_query_ends_with_2(location: str) -> None:
    result = start("search", 'good "never closed', "--index", location)
    assert result.returncode == 2 and not result.stdout


def test_asking_a_server_imports_nothing_heavy(url: str) -> None:
    program = (
        "import sys, wherefrom\n"
        "try: wherefrom.main(['trace', '-', '--index', sys.argv[1]])\n"
        "except SystemExit as exit: print(exit.code, *sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program, url], input="a b c", capture_output=True, text=True, check=True)
    code, *loaded = result.stderr.split()
    assert code == "4"
    assert not set(loaded) & {"numba", "fastapi", "starlette", "gradio", "pyarrow", "numpy", "tantivy", "uvicorn"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_describes_every_option(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0 and f"Example: wherefrom {command}" in result.stdout
