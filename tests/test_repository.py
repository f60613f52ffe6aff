"""Is every file of the repository fit for any machine and any reader? No paths of one machine, no hosts of registries, docstrings."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

import wherefrom

ROOT = Path(__file__).parents[1]
PACKAGES = ("indexer", "curation", "search_api", "ui")

# Written in pieces, so that this file passes its own test.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~/}])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+)/",
    "the host of a registry or mirror": r"(?i)py"
    + r"pi\.org/simple|files\.python"
    + r"hosted|registry\.npm"
    + r"js|deb\.deb"
    + r"ian\.org|\bindex-u"
    + r"rl\b",
    "the number of an issue": r"(?i)\bissue #?" + r"\d+\b",
}


@pytest.fixture(scope="module")
def texts(missing: Callable[[str, str], NoReturn]) -> dict[str, str]:
    """Every file that is or will be committed and holds text, by its path."""
    try:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        missing("git", "apt-get install git")
    files = {name: ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    return {name: text for name, path in files.items() if (text := _text(path)) is not None}


def _text(path: Path) -> str | None:
    data = path.read_bytes()
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names_what_only_one_place_knows(what: str, texts: dict[str, str]) -> None:
    assert "pyproject.toml" in texts
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []


def test_the_patterns_find_what_they_forbid() -> None:
    examples = {
        "a path of one machine": 'open("/' + 'work/main/x.py")',
        "the host of a registry or mirror": "https://registry.npm" + "js.org/vue",
        "the number of an issue": "as issue " + "#12 says",
    }
    assert [what for what, line in examples.items() if not re.search(FORBIDDEN[what], line)] == []


def test_pins_cover_what_the_extras_name_and_hold_no_address() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    pinned = {_normal(line.partition("==")[0]) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(need for needs in project["optional-dependencies"].values() for need in needs)]
    names = {_normal(re.split(r"[\[<>=!~; ]", need, maxsplit=1)[0]) for need in wanted}
    assert names - {"wherefrom"} - pinned == set()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    "path", [ROOT / "wherefrom.py", *(path for area in PACKAGES for path in sorted((ROOT / area).rglob("*.py")))], ids=str
)
def test_modules_classes_and_public_functions_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), f"{path}: a module opens with the question it answers"
    assert [f"{path.name}:{node.lineno} {node.name}" for node in _public(tree.body) if not ast.get_docstring(node)] == []


def _public(body: list[ast.stmt]) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    found: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found += _public(node.body)
    return found


def test_commands_of_the_front_door_are_the_commands_of_the_areas() -> None:
    """Each area's `app` has exactly the commands that the front door says it has."""
    from importlib import import_module

    import typer

    for module in {module for module, _ in wherefrom.COMMANDS.values()}:
        group = typer.main.get_command(import_module(module).app)
        assert set(group.commands) == {name for name, (area, _) in wherefrom.COMMANDS.items() if area == module}  # type: ignore[attr-defined]
