"""A real index with licences and legal texts, a project that copies from it, and the audit of that project."""

from __future__ import annotations

import builtins
import colorsys
import datetime
import io
import keyword
import os
import random
import re
import subprocess
import textwrap
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build_index
from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.index import Index
from search_api.audit.audit import Outcome, Request, run
from search_api.audit.settings import Settings

GPL = "example/wrapping"  # Python's own textwrap, under a licence that it does not have: only its label matters here
NOW = datetime.datetime(2024, 7, 1, tzinfo=datetime.UTC)


def rows(small_corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The packages, a licence given to those whose metadata has none, and one module that the index says is under the GPL."""
    packages = [
        row
        | {
            "license_expression": row["license_expression"] or "MIT",
            "licenses": row["licenses"] or ["MIT"],
            "license_type": "permissive",
            "purl": f"pkg:{row['repository']}@{row['commit']}",
            "project_url": f"https://example.org/{row['repository']}",
        }
        for row in small_corpus
    ]
    copyleft = {
        "content": Path(textwrap.__file__).read_text("utf-8"),
        "repository": GPL,
        "owner": "example",
        "path": "src/wrapping.py",
        "commit": "a" * 40,
        "language": "Python",
        "licenses": ["GPL-3.0-or-later"],
        "license_expression": "GPL-3.0-or-later",
        "license_type": "copyleft",
        "url": "https://github.com/example/wrapping/blob/main/src/wrapping.py",
        "first_seen": datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC),
    }
    return [*packages, copyleft]


def build(location: Path, given: list[dict[str, Any]], date: str = "2024-06-07") -> str:
    """An index of these rows, with the table of repositories that a release has."""
    import pyarrow as pa

    batches = [conform(batch) for batch in pa.Table.from_pylist(given).to_batches(max_chunksize=64)]
    first = {str(row["repository"]): row for row in reversed(given)}
    texts = {
        "copyright_lines": ["Copyright (c) 2001 A. Holder"],
        "license_texts": [{"path": "LICENSE", "text": "You may use this.\n"}],
        "notice_texts": [],
    }
    counted = [row | texts | {"files": sum(other["repository"] == name for other in given)} for name, row in first.items()]
    table = pa.RecordBatch.from_pylist(
        [{name: row.get(name) for name in REPOSITORIES_SCHEMA.names} for row in counted], REPOSITORIES_SCHEMA
    )
    build_index(location, batches, repositories=[table], name="packages", version="1", date=date, full_text=False)
    return str(location)


@pytest.fixture(scope="session")
def corpus_rows(small_corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows(small_corpus)


@pytest.fixture(scope="session")
def corpus_location(corpus_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("audit") / "packages.index", corpus_rows)


@pytest.fixture(scope="session")
def rebuilt_location(corpus_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same code in another order, with other packages' code beside it: what a refreshed index is."""
    shuffled = list(corpus_rows)
    random.Random(3).shuffle(shuffled)
    more = {**shuffled[0], "repository": "pypi/other", "path": "other/made_up.py", "content": Path(colorsys.__file__).read_text("utf-8")}
    return build(tmp_path_factory.mktemp("audit") / "rebuilt.index", [more, *shuffled], "2024-06-20")


@pytest.fixture(scope="session")
def corpus(corpus_location: str) -> Iterator[Index]:
    with Index.open(corpus_location) as opened:
        yield opened


@pytest.fixture(scope="session")
def content(corpus_rows: list[dict[str, Any]]) -> Callable[[str], str]:
    """The content of the first row whose path ends so."""
    return lambda ending: next(str(row["content"]) for row in corpus_rows if str(row["path"]).endswith(ending))


def _made_up(lines: int, seed: int = 0) -> str:
    words = random.Random(seed)
    names = [f"{a}{b}" for a in ("grault", "plugh", "xyzzy", "corge", "waldo") for b in ("", "_ish", "_er", "ness", "ly")]
    return "".join(
        f"{words.choice(names)}_{n} = {words.choice(names)}({words.randrange(10**6)}, {words.choice(names)!r})\n" for n in range(lines)
    )


@pytest.fixture(scope="session")
def made_up() -> Callable[..., str]:
    """Code that nobody has."""
    return _made_up


def _renamed(source: str) -> str:
    """The same program with every name of its own changed, and indented otherwise."""
    own = set(re.findall(r"(?:def|class)\s+(\w+)", source)) | set(re.findall(r"(\w+)\s*=[^=]", source))
    own -= {*keyword.kwlist, *dir(builtins), "self"}
    names: dict[str, str] = {}
    lines = source.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type == tokenize.NAME and token.string in own:
            (row, begin), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:begin] + names.setdefault(token.string, f"thing_{len(names)}") + lines[row - 1][end:]
    changed = "".join(" " * ((len(line) - len(line.lstrip(" "))) // 2) + line.lstrip(" ") for line in lines)
    compile(changed, "renamed", "exec")
    return changed


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, content: Callable[[str], str], corpus_rows: list[dict[str, Any]]) -> Path:
    """Own code, a file copied whole, a stretch copied, a GPL file renamed and reformatted, a vendored package. Nobody writes to it."""
    folder = tmp_path_factory.mktemp("project")
    write(folder / "src/own.py", _made_up(60, seed=1))
    write(folder / "src/parsing.py", content("click/parser.py"))
    lines = content("httpx/_decoders.py").splitlines(keepends=True)
    write(folder / "src/reading.py", _made_up(30, seed=2) + "".join(lines[40:120]) + _made_up(30, seed=3))
    write(folder / "src/filling.py", _renamed(content("src/wrapping.py")))
    for row in corpus_rows:
        if row["repository"] == "pypi/rich" and 400 < len(str(row["content"])) < 9000:
            write(folder / "vendor" / str(row["path"]), str(row["content"]))
    write(folder / "pyproject.toml", '[project]\nname = "thing"\nlicense = "Apache-2.0"\n')
    return folder


def write(file: Path, text: str) -> None:
    """A file with the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


@pytest.fixture
def put() -> Callable[[Path, str], None]:
    return write


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that all tests share, as projects do."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def audit(corpus: Index, kept: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """audit(folder, settings, **what else a Request takes), with the folder as working folder."""

    def audited(
        folder: Path, settings: Settings | None = None, *, index: Any = None, paths: tuple[str, ...] = (".",), **more: Any
    ) -> Outcome:
        monkeypatch.chdir(folder)
        request = Request(tuple(map(Path, paths)), settings or Settings(), **{"now": NOW, "cache_folder": kept, **more})
        return run(index or corpus, request)

    return audited


@pytest.fixture(scope="session")
def outcome(project: Path, corpus: Index, kept: Path) -> Outcome:
    """The audit of the project, made once."""
    before = Path.cwd()
    os.chdir(project)
    try:
        return run(corpus, Request((Path(),), now=NOW, cache_folder=kept))
    finally:
        os.chdir(before)


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """git("commit", ...) in a repository of its own; the first call makes it."""

    def call(*arguments: str, folder: Path = tmp_path) -> str:
        if not (folder / ".git").exists():
            subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
        return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout

    return call
