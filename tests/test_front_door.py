"""Does the command start fast, from any folder, and say in plain words what is missing?"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wherefrom
from tests.limits import HANG_SECONDS

COMMAND = Path(sys.executable).with_name("wherefrom")
STARTS = {"wherefrom": [str(COMMAND)], "python -m wherefrom": [sys.executable, "-m", "wherefrom"]}
MODULES = sorted({module for module, _ in wherefrom.COMMANDS.values()})


def run(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; no terminal, so that its width is the same everywhere."""
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG_SECONDS, check=False, env=environment)


def python(code: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs some lines in a fresh interpreter."""
    return run([sys.executable, "-c", code], folder)


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    """A folder whose own modules are called as some of ours."""
    for name in ("ui", "train", "indexer", "curation", "search_api"):
        (tmp_path / f"{name}.py").write_text(f'raise SystemExit("the user\'s own {name}.py was run")\n', "utf-8")
    return tmp_path


def test_help_takes_under_a_third_of_a_second() -> None:
    """Of a processor's time: a busy machine gives it later, and no more of it."""
    seconds = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run([str(COMMAND), "--help"]).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


def test_help_names_every_command() -> None:
    text = run([str(COMMAND), "--help"]).stdout
    assert [name for name, (_, what) in wherefrom.COMMANDS.items() if f"\n  {name} " not in text or what not in text] == []


def test_help_and_import_load_neither_the_engine_nor_the_page() -> None:
    code = (
        "import contextlib, io, json, sys, wherefrom\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): wherefrom.main(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = set(json.loads(python(code).stdout))
    assert "wherefrom" in loaded
    assert not loaded & {"numba", "numpy", "pyarrow", "gradio", "fastapi", "typer", "httpx", "rich", "indexer"}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("name", wherefrom.COMMANDS)
def test_each_command_explains_itself_from_a_folder_with_modules_of_the_same_names(name: str, start: list[str], users_folder: Path) -> None:
    done = run([*start, name, "--help"], users_folder)
    assert done.returncode == 0, done.stderr
    assert f"wherefrom {name}" in done.stdout  # the usage line or the example
    assert done.stderr == ""


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_command_works_from_a_folder_with_modules_of_the_same_names(start: list[str], users_folder: Path) -> None:
    (users_folder / "snippet.txt").write_text("x = 1\n", "utf-8")
    done = run([*start, "check", "snippet.txt", "--index", "nowhere.index"], users_folder)
    assert done.returncode == 3
    assert "nowhere.index" in done.stderr
    assert "the user's own" not in done.stderr and "Traceback" not in done.stderr


def test_import_beside_a_foreign_indexer_says_whose_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "indexer.py").write_text("mine = 1\n", "utf-8")
    done = python("import wherefrom; wherefrom.Index", tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: wherefrom needs its own package 'indexer'")
    assert str(tmp_path / "indexer.py") in last
    assert "rename that file" in last


def test_every_public_name_can_be_had() -> None:
    assert [name for name in wherefrom.NAMES if getattr(wherefrom, name).__name__ != name] == []


def test_unknown_command_is_a_usage_error() -> None:
    done = run([str(COMMAND), "attribute"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "no command 'attribute'" in done.stderr and "wherefrom --help" in done.stderr


def test_unknown_option_is_a_usage_error() -> None:
    done = run([str(COMMAND), "check", "--no-such-option"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "--no-such-option" in done.stderr


def test_version_is_printed() -> None:
    assert run([str(COMMAND), "--version"]).stdout == f"wherefrom {wherefrom.__version__}\n"


WITHOUT = """
import sys
class Hiding:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {blocked!r} else self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Hiding, sys.meta_path)
import wherefrom
wherefrom.main({arguments!r})
"""


def without(blocked: set[str], arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command where some packages are not installed, as far as Python can tell."""
    return python(WITHOUT.format(blocked=blocked, arguments=arguments), folder)


@pytest.mark.parametrize(
    ("blocked", "arguments", "extra"),
    [
        ({"numba"}, ["check", "snippet.txt", "--index", "some.index"], "engine"),
        ({"pyarrow"}, ["collect", "dir:.", "-o", "raw"], "engine"),
        ({"fastapi", "uvicorn", "gradio"}, ["serve", "--index", "some.index"], "server"),
    ],
)
def test_a_command_whose_extra_is_missing_says_which_to_install(
    blocked: set[str], arguments: list[str], extra: str, tmp_path: Path
) -> None:
    (tmp_path / "snippet.txt").write_text("x = 1\n", "utf-8")
    (tmp_path / "some.index").mkdir()
    done = without(blocked, arguments, tmp_path)
    assert done.returncode == 2, done.stderr
    assert f"pip install 'wherefrom[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_serving_without_the_page_extra_says_what_to_install(small_index: Any, tmp_path: Path) -> None:
    done = without({"gradio"}, ["serve", "--index", small_index.location, "--port", "0"], tmp_path)
    assert done.returncode == 2, done.stderr
    assert "pip install 'wherefrom[page]'" in done.stderr


@pytest.mark.parametrize("name", wherefrom.COMMANDS)
def test_each_command_explains_itself_without_any_extra(name: str, tmp_path: Path) -> None:
    heavy = {"numba", "numpy", "pyarrow", "tantivy", "fastapi", "uvicorn", "pydantic_settings", "gradio", "license_expression"}
    done = without(heavy, [name, "--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "example" in done.stdout.lower()
