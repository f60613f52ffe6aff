"""Does every module import only what its place allows? ui -> search_api -> curation -> indexer, and one name has one import path."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# area -> the sibling areas it may import
ALLOWED = {
    "indexer": set(),
    "curation": {"indexer"},
    "search_api": {"indexer", "curation"},
    "ui": {"indexer", "curation", "search_api"},
    "train": {"indexer", "curation"},
}
AREAS = [area for area in ALLOWED if (ROOT / area).is_dir()]
MODULES = [path for area in AREAS for path in sorted((ROOT / area).rglob("*.py"))]
LIGHT = ("answers", "errors", "location")
NUMBERS = {"numba", "numpy", "pyarrow", "tantivy", "zstandard"}
HEAVY = NUMBERS | {"fastapi", "gradio", "license_expression", "mcp", "pydantic", "pygls", "uvicorn"}


def name_of(path: Path) -> str:
    """The import name. indexer/bloom/filter.py -> "indexer.bloom.filter" """
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """The module's syntax tree."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, list[str], int]]:
    """(module, names taken from it, line) of every import statement, relative ones resolved."""
    package = name_of(path).split(".") if path.name == "__init__.py" else name_of(path).split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, [], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*prefix, *([node.module] if node.module else [])])
            yield module, [alias.name for alias in node.names], node.lineno


def tops(path: Path) -> Iterator[tuple[str, int]]:
    """The top-level package and line of every import in a module."""
    return ((module.partition(".")[0], line) for module, _, line in imports(tree_of(path), path))


def where(path: Path, line: int) -> str:
    """How a failure names a place."""
    return f"{path.relative_to(ROOT)}:{line}"


def test_areas_are_found() -> None:
    assert {"indexer", "curation", "search_api", "ui"} <= set(AREAS)
    assert MODULES


@pytest.mark.parametrize("area", AREAS)
def test_an_area_imports_only_the_areas_below_it(area: str) -> None:
    forbidden = set(ALLOWED) - ALLOWED[area] - {area}
    wrong = [
        f"{where(path, line)} imports {top}"
        for path in MODULES
        if name_of(path).partition(".")[0] == area
        for top, line in tops(path)
        if top in forbidden
    ]
    assert wrong == []


def test_only_commands_and_the_page_import_the_front_door() -> None:
    """Its version number anyone may have."""
    inside = [path for path in MODULES if not path.name.endswith("cli.py") and path.relative_to(ROOT).parts[0] != "ui"]
    wrong = [
        where(path, line)
        for path in inside
        for module, names, line in imports(tree_of(path), path)
        if module == "wherefrom" and names != ["__version__"]
    ]
    assert wrong == []


def test_nothing_imports_the_tests() -> None:
    assert [where(path, line) for path in [*MODULES, ROOT / "wherefrom.py"] for top, line in tops(path) if top == "tests"] == []


def test_kernels_import_numpy_and_numba_only() -> None:
    kernels = [path for path in MODULES if path.name == "kernels.py"]
    assert kernels
    assert [
        f"{where(path, line)} imports {top}" for path in kernels for top, line in tops(path) if top not in ("numpy", "numba", "__future__")
    ] == []


@pytest.mark.parametrize("module", LIGHT)
def test_what_a_client_needs_imports_the_standard_library_only(module: str) -> None:
    path = ROOT / "indexer" / f"{module}.py"
    ours = {f"indexer.{light}" for light in LIGHT}
    wrong = [
        f"{where(path, line)} imports {name}"
        for name, _, line in imports(tree_of(path), path)
        if name.partition(".")[0] not in sys.stdlib_module_names and name not in ours
    ]
    assert wrong == []


def test_the_front_door_imports_the_standard_library_only_until_it_is_used() -> None:
    path = ROOT / "wherefrom.py"
    at_import = [node for node in tree_of(path).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [name for node in at_import for name, _, _ in imports(node, path)]
    assert names
    assert [name for name in names if name.partition(".")[0] not in sys.stdlib_module_names] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=name_of)
def test_init_holds_a_docstring_and_nothing_else(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def defined(path: Path) -> set[str]:
    """Names that a module makes itself: functions, classes, constants."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def test_one_name_has_one_import_path() -> None:
    by_name = {name_of(path): path for path in MODULES}
    wrong = []
    for path in [*MODULES, ROOT / "wherefrom.py"]:
        for module, names, line in imports(tree_of(path), path):
            if module in by_name:
                own = defined(by_name[module])
                wrong += [
                    f"{where(path, line)}: {name} is not defined in {module}"
                    for name in names
                    if name not in own and f"{module}.{name}" not in by_name
                ]
    assert wrong == []


def test_nothing_is_imported_by_star_or_listed_for_it() -> None:
    stars = [where(path, line) for path in MODULES for _, names, line in imports(tree_of(path), path) if "*" in names]
    lists = [where(path, 1) for path in MODULES if "__all__" in defined(path)]
    assert stars + lists == []


def runtime_imports(nodes: list[ast.stmt], path: Path) -> Iterator[tuple[str, int]]:
    """Imports that run when the module is imported: not inside functions, not for type checking only."""
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((module, line) for module, _, line in imports(node, path))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from runtime_imports([*node.body, *node.orelse], path)


def test_commands_load_nothing_heavy_before_they_run() -> None:
    """Through every module of ours that a cli.py pulls in."""
    by_name = {name_of(path): path for path in MODULES}
    commands = [path for path in MODULES if path.name.endswith("cli.py")]
    wrong: list[str] = []
    seen, waiting = set(commands), list(commands)
    while waiting:
        path = waiting.pop()
        for module, line in runtime_imports(tree_of(path).body, path):
            if module.partition(".")[0] in HEAVY:
                wrong.append(f"{where(path, line)} imports {module}")
            if module in by_name and by_name[module] not in seen:
                seen.add(by_name[module])
                waiting.append(by_name[module])
    assert wrong == []
