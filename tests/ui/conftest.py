"""The real command over a real index, driven by a real browser that counts every request to another host."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.limits import HANG_SECONDS

ROOT = Path(__file__).parents[2]
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run".split()
HOSTILE_PATH = 'src/"><img src=x onerror=window.hacked=1>.js'
_HOSTILE_LINE = (
    "const hostile_%d = '<script>window.hacked=1</script>' + `${window.hacked=1}` + \"{{constructor}}<img src=x onerror=hacked=1>\";\n"
)
HOSTILE_CONTENT = "".join(_HOSTILE_LINE % number for number in range(12))


@dataclass(frozen=True)
class Function:
    """A function of the index and where it stands."""

    text: str
    path: str
    repository: str
    first_line: int
    last_line: int


@dataclass(frozen=True)
class Served:
    """A running `wherefrom serve`."""

    url: str
    output: Path
    temporary: Path


@pytest.fixture(scope="session")
def page_rows(small_corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The shared corpus, one of its files once more under another licence, and a file that would like to be markup."""
    original = row_at(small_corpus, "packaging/utils.py")
    copy = (
        original | {"repository": "somebody/copies", "path": "vendored/utils.py", "commit": "a" * 40} | _license("GPL-3.0-only", "copyleft")
    )
    hostile = {"content": HOSTILE_CONTENT, "repository": "evil/<b>repository</b>", "path": HOSTILE_PATH, "language": "JavaScript"}
    licensed = [row | _license(row["license_expression"], "permissive") if row["license_expression"] else row for row in small_corpus]
    return [*licensed, copy, hostile]


def _license(expression: str, kind: str) -> dict[str, Any]:
    return {"licenses": [expression], "license_expression": expression, "license_type": kind}


def row_at(rows: list[dict[str, Any]], path: str) -> dict[str, Any]:
    (row,) = (row for row in rows if row["path"] == path)
    return row


@pytest.fixture(scope="session")
def page_index(page_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    import pyarrow as pa

    from indexer.build import build_index
    from indexer.corpus import conform

    location = str(tmp_path_factory.mktemp("page") / "page.index")
    names = sorted({name for row in page_rows for name in row})
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in page_rows])
    batches = [conform(batch) for batch in table.to_batches(max_chunksize=64)]
    build_index(location, batches, name="page-test", version="7", date="2026-11-01", full_text=True)
    return location


def _function(rows: list[dict[str, Any]], path: str, name: str) -> Function:
    row = row_at(rows, path)
    nodes = ast.walk(ast.parse(row["content"]))
    (node,) = (each for each in nodes if isinstance(each, ast.FunctionDef) and each.name == name)
    assert node.end_lineno is not None
    lines = row["content"].splitlines()[node.lineno - 1 : node.end_lineno]
    return Function("\n".join(lines) + "\n", path, row["repository"], node.lineno, node.end_lineno)


@pytest.fixture(scope="session")
def function(page_rows: list[dict[str, Any]]) -> Function:
    """A function that stands in one file only."""
    return _function(page_rows, "packaging/tags.py", "_mac_binary_formats")


@pytest.fixture(scope="session")
def copied_function(page_rows: list[dict[str, Any]]) -> Function:
    """A function that stands in two repositories, under licences that do not agree."""
    return _function(page_rows, "packaging/utils.py", "is_normalized_name")


@pytest.fixture(scope="session")
def fresh_text() -> str:
    """Code that no package holds."""
    return "".join(f"zebra_{number} = quokka({number}, wombat={number * 7}) ^ marmot[{number}:{number + 3}]\n" for number in range(20))


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.Popen[str]]:
    """Starts `wherefrom ...` as a user does; both outputs go to files, so that nothing waits for a reader."""

    def start(*arguments: str, output: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        with output.open("w") as out, output.with_suffix(".err").open("w") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "wherefrom", *arguments],
                cwd=ROOT,
                env=os.environ | (environment or {}),
                stdout=out,
                stderr=err,
                text=True,
            )

    return start


@pytest.fixture(scope="session")
def address_of() -> Callable[[subprocess.Popen[str], Path], str]:
    return _address_of


def _address_of(process: subprocess.Popen[str], output: Path) -> str:
    """The address a starting server prints; fails with what it said instead."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if "\n" in (line := output.read_text()):
            return line.strip()
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"no address; standard error: {output.with_suffix('.err').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def served(page_index: str, command: Callable[..., subprocess.Popen[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    temporary = folder / "tmp"
    temporary.mkdir()
    output = folder / "out"
    environment = {"TMPDIR": str(temporary), "GRADIO_TEMP_DIR": str(temporary / "gradio"), "WHEREFROM_MAX_BODY_BYTES": str(1 << 18)}
    process = command("serve", "--index", page_index, "--port", "0", output=output, environment=environment)
    yield Served(_address_of(process, output), output, temporary)
    process.terminate()
    assert process.wait(HANG_SECONDS) == 0, output.with_suffix(".err").read_text()[-2000:]


@pytest.fixture(scope="module")  # while it runs, this thread has an event loop, and no other test can begin one
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=HANG_SECONDS * 1000)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """Opens the page in a fresh profile. At the end of each test: no request went elsewhere, nothing failed in the page."""
    contexts, foreign, faults = [], [], []

    def watch(page: Any) -> None:
        page.on("request", lambda request: None if _is_ours(request.url, served.url) else foreign.append(request.url))
        page.on("websocket", lambda socket: None if _is_ours(socket.url, served.url) else foreign.append(socket.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" and "413" not in said.text else None)

    def opened(**options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(HANG_SECONDS * 1000)
        contexts.append(context)
        context.on("page", watch)
        page = context.new_page()
        page.goto(served.url)
        page.wait_for_selector("#wf-trace")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert foreign == []
    assert faults == []


def _is_ours(address: str, url: str) -> bool:
    return address.startswith((url + "/", url.replace("http:", "ws:") + "/", "data:", "blob:")) or address == url


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    return open_page()


@pytest.fixture(scope="session")
def trace() -> Callable[[Any, str], str]:
    """Pastes a text, presses the button, and gives the status once the answer is this text's."""

    def run(page: Any, text: str) -> str:
        page.fill("#wf-code textarea", text)
        with page.expect_response("**/gradio_api/run/predict"):
            page.click("#wf-trace")
        shown = "text => document.querySelector('#wf-result .wf-yours .wf-text')?.textContent === text"
        page.wait_for_function(shown, arg=text)
        return str(page.inner_text("#wf-result .wf-status strong"))

    return run
