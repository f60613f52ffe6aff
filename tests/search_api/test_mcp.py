"""Coding agents get the API's answers as structured content, over standard input and output and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ListRootsResult, Root

from indexer.answers import to_json
from indexer.index import Index
from search_api import keys
from search_api.mcp import make_server
from tests.limits import HANG_SECONDS

TOOLS = ["check_membership", "trace_code", "search_code", "get_document", "audit_files"]


def call(server: Any, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The results of some calls over one connection, the list of tools before them."""

    async def ask() -> list[Any]:
        async with Client(server) as client:
            return [(await client.list_tools()).tools, *[await client.call_tool(name, arguments) for name, arguments in calls]]

    return asyncio.run(ask())


def test_tools_answer_what_the_index_answers_as_their_schemas_say(index: Index, function_text: str, corpus) -> None:
    document_id = corpus.document_id("pypi/rich", "rich/text.py")
    tools, member, traced, found, document = call(
        make_server(index),
        ("check_membership", {"text": function_text, "min_tokens": 40}),
        ("trace_code", {"text": function_text, "limit": 2, "kinds": ["exact"]}),
        ("search_code", {"query": "parser lang:Python", "limit": 2}),
        ("get_document", {"document_id": document_id}),
    )
    assert [tool.name for tool in tools] == TOOLS
    assert all(tool.description and tool.annotations.read_only_hint for tool in tools)
    expected = [
        index.membership(function_text, min_tokens=40),
        index.attribute(function_text, limit=2, kinds=["exact"], timeout_ms=30_000),
        index.search("parser lang:Python", limit=2),
        index.document(document_id),
    ]
    for tool, result, answer in zip(tools[:4], (member, traced, found, document), expected, strict=True):
        assert not result.is_error and result.structured_content == to_json(answer)
        assert json.loads(result.content[0].text) == to_json(answer)
        jsonschema.validate(result.structured_content, tool.output_schema)


def test_contents_are_audited_and_stay_nowhere(index: Index, function_text: str, fresh_text: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = [{"path": "src/a.py", "content": function_text}, {"path": "b.py", "content": fresh_text}]
    tools, result = call(make_server(index), ("audit_files", {"files": files, "use": "distributed", "project_license": "MIT"}))
    audit = result.structured_content
    assert not result.is_error and audit["counts"]["files"] == 2
    assert [(finding["path"], finding["license_expression"]) for finding in audit["findings"]] == [("src/a.py", "BSD-3-Clause")]
    assert audit["findings"][0]["obligations"] and audit["components"][0]["repository"] == "pypi/click"
    jsonschema.validate(audit, tools[-1].output_schema)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../a.py", "/etc/a.py", "", "a\0b", "x/../../y"])
def test_contents_with_a_path_outside_are_refused(index: Index, path: str) -> None:
    _, result = call(make_server(index), ("audit_files", {"files": [{"path": path, "content": "x"}]}))
    assert result.is_error and "relative path" in result.content[0].text


def test_paths_are_read_inside_the_clients_roots_alone(location: str, function_text: str, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.py").write_text(function_text)
    (inside / "link").symlink_to(outside)
    command = StdioServerParameters(command=sys.executable, args=["-m", "wherefrom", "mcp", "--index", location], env=environment())

    async def roots(_: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=inside.as_uri())])

    async def ask() -> list[Any]:
        async with Client(stdio_client(command), mode="legacy", list_roots_callback=roots) as client:
            return [await client.call_tool("audit_files", {"paths": [path]}) for path in ("a.py", str(outside), "../outside", "link")]

    found, *refused = asyncio.run(ask())
    assert [finding["path"] for finding in found.structured_content["findings"]] == ["a.py"]
    assert all(result.is_error and "outside the client's roots" in result.content[0].text for result in refused)
    _, unnamed = call(stdio_client(command), ("audit_files", {"paths": [str(inside)]}))
    assert unnamed.is_error and "names no folder" in unnamed.content[0].text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search_code", {"query": 'good "never closed'}, "column 6"),
        ("get_document", {"document_id": "nope"}, "no document"),
        ("trace_code", {"text": "a", "limit": 0}, "limit"),
        ("check_membership", {}, "text"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence_for_the_agent(index: Index, name: str, arguments: dict, said: str) -> None:
    _, result = call(make_server(index), (name, arguments))
    assert result.is_error and result.structured_content is None and said in result.content[0].text


def test_a_fault_tells_and_logs_the_place_and_nothing_of_the_text(index: Index, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        location = "broken.index"

        def membership(self, text: str, **_: object) -> None:
            raise ValueError(f"secret {text}")

    _, result = call(make_server(Broken()), ("check_membership", {"text": "secret_marker"}))  # type: ignore[arg-type]
    assert result.is_error and "ValueError" in result.content[0].text
    assert "secret" not in result.content[0].text + caplog.text and "search_api" in caplog.text


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **more}


def test_the_command_speaks_over_standard_input_and_output(location: str, function_text: str) -> None:
    arguments = ["-m", "wherefrom", "mcp", "--index", location]
    command = StdioServerParameters(command=sys.executable, args=arguments, env=environment())
    tools, result = call(stdio_client(command), ("trace_code", {"text": function_text}))
    assert [tool.name for tool in tools] == TOOLS
    assert result.structured_content["sources"][0]["path"] == "click/parser.py"


@contextmanager
def served(location: str, **settings: str) -> Iterator[str]:
    """`wherefrom mcp --http` on a free port; its address."""
    arguments = [sys.executable, "-m", "wherefrom", "mcp", "--index", location, "--http", "--port", "0"]
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**settings)
    )
    assert process.stdout and process.stderr
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        _, log = process.communicate(timeout=HANG_SECONDS)
    assert "class _Option" not in log


def test_the_command_speaks_over_http_behind_keys_and_limits(location: str, function_text: str, tmp_path: Path) -> None:
    text, key = keys.new_key("agent", "2026-11-01", None)
    keys.write(tmp_path / "keys.json", [key])
    settings = {"WHEREFROM_KEYS_FILE": str(tmp_path / "keys.json"), "WHEREFROM_REQUIRE_KEY": "true", "WHEREFROM_MAX_BODY_BYTES": "65536"}

    async def ask(url: str) -> Any:
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client

        http = create_mcp_http_client(headers={"Authorization": f"Bearer {text}"})
        async with http, Client(streamable_http_client(url, http_client=http)) as client:
            return await client.call_tool("trace_code", {"text": function_text})

    with served(location, **settings) as url:
        assert url.endswith("/mcp")
        result = asyncio.run(ask(url))
        assert result.structured_content["sources"][0]["path"] == "click/parser.py"
        assert httpx.post(url, json={}, timeout=HANG_SECONDS).status_code == 401
        headers = {"Authorization": f"Bearer {text}"}
        assert httpx.post(url, content=b"x" * 70_000, headers=headers, timeout=HANG_SECONDS).status_code == 413
        assert httpx.post(url, json={}, headers={**headers, "Host": "evil.example"}, timeout=HANG_SECONDS).status_code == 421
