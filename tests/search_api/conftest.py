"""A real index of installed packages, a real server over it, and a client that speaks to it."""

from __future__ import annotations

import importlib.metadata
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
import uvicorn
from fastapi import FastAPI

from indexer.build import build_index
from indexer.corpus import REPOSITORIES_SCHEMA, conform, content_id, document_id
from indexer.index import Index
from search_api.app import create_app
from search_api.client import Client
from search_api.server import server
from search_api.settings import Settings
from tests.limits import HANG_SECONDS

PACKAGES = {"httpx": "BSD-3-Clause", "click": "BSD-3-Clause", "rich": "MIT"}
HOSTILE_REPOSITORY = "evil/<b>repo</b>"
HOSTILE_PATH = 'src/"><script>alert(1)</script>.js'
HOSTILE_CONTENT = (
    "first = 'a\0b'; // </code></div><script>alert(2)</script>\r\n"
    'second = "\u202e\u2066 reversed"; <!-- ]]> -->\r'
    "third = '\U0001f600' + `${not_evaluated}` + {{ 7 * 7 }};\n"
    "\n" + "".join(f"function hostile_{number}(argument) {{ return argument * {number} + offset_{number}; }}\n" for number in range(30))
)


@dataclass(frozen=True)
class Corpus:
    """What went into the index: contents by (repository, path)."""

    contents: dict[tuple[str, str], str]

    def document_id(self, repository: str, path: str) -> str:
        return document_id(repository, path, content_id(self.contents[repository, path].encode()))


def _rows() -> Iterator[dict[str, object]]:
    for package, license_id in PACKAGES.items():
        distribution = importlib.metadata.distribution(package)
        for file in distribution.files or ():
            if file.suffix != ".py":
                continue
            yield {
                "content": Path(str(distribution.locate_file(file))).read_text("utf-8"),
                "repository": f"pypi/{package}",
                "owner": package,
                "path": str(file),
                "commit": distribution.version,
                "language": "Python",
                "licenses": [license_id],
                "license_expression": license_id,
                "license_type": "permissive",
                "project_url": f"https://example.org/{package}",
            }
    yield {
        "content": HOSTILE_CONTENT,
        "repository": HOSTILE_REPOSITORY,
        "owner": "evil",
        "path": HOSTILE_PATH,
        "commit": "0" * 40,
        "language": "JavaScript",
        "licenses": ["GPL-3.0-only"],
        "license_expression": "GPL-3.0-only",
        "license_type": "copyleft",
        "project_url": "javascript:alert(3)",
    }


def _repositories(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """The table that a release has beside its files."""
    first = {str(row["repository"]): row for row in reversed(rows)}
    texts = {"license_texts": [{"path": "LICENSE.txt", "text": "Redistribution and use in source and binary forms\n"}]}
    counted = [row | texts | {"files": sum(other["repository"] == name for other in rows)} for name, row in first.items()]
    return pa.RecordBatch.from_pylist([{name: row.get(name) for name in REPOSITORIES_SCHEMA.names} for row in counted], REPOSITORIES_SCHEMA)


@pytest.fixture(scope="session")
def rows() -> list[dict[str, object]]:
    return list(_rows())


@pytest.fixture(scope="session")
def corpus(rows: list[dict[str, object]]) -> Corpus:
    return Corpus({(str(row["repository"]), str(row["path"])): str(row["content"]) for row in rows})


@pytest.fixture(scope="session")
def location(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("search-api") / "packages.index"
    batch = conform(pa.RecordBatch.from_pylist(rows))
    build_index(folder, [batch], repositories=[_repositories(rows)], name="packages", version="1.0", date="2026-11-01")
    return str(folder)


@pytest.fixture(scope="session")
def index(location: str) -> Iterator[Index]:
    with Index.open(location) as opened:
        yield opened


@contextmanager
def _running(app: FastAPI, settings: Settings | None = None) -> Iterator[str]:
    """The app behind a real uvicorn on a free loopback port."""
    running: uvicorn.Server = server(app, settings or Settings(port=0), log_config=None)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + HANG_SECONDS
    while not running.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        port = running.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(HANG_SECONDS)


@pytest.fixture(scope="session")
def serve() -> Callable[[FastAPI], AbstractContextManager[str]]:
    return _running


@pytest.fixture(scope="session")
def url(index: Index) -> Iterator[str]:
    with _running(create_app(index, Settings())) as address:
        yield address


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=HANG_SECONDS) as client:
        yield client


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client.open(url) as opened:
        yield opened


@pytest.fixture(scope="session")
def function_text(corpus: Corpus) -> str:
    """A function of click as a person would paste it: from a `def` on, 30 lines."""
    (content,) = (text for (_, path), text in corpus.contents.items() if path == "click/parser.py")
    lines = content.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("class _Option"))
    return "\n".join(lines[first : first + 30]) + "\n"


@pytest.fixture(scope="session")
def fresh_text() -> str:
    """Code that no package holds."""
    return "".join(f"zebra_{number} = quokka({number}, wombat={number * 7}) ^ marmot[{number}:{number + 3}]\n" for number in range(20))
