"""Logs and metrics say how requests fared, and nothing of what was in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import httpx
import pytest

from tests.limits import HANG_SECONDS

SERVE = """
import sys, threading, time
from search_api.app import create_app
from search_api.server import server
from search_api.settings import Settings
settings = Settings(port=0, timeout_ms=20000)
running = server(create_app(settings.index, settings), settings)
def announce():
    while not running.started:
        time.sleep(0.01)
    print("port", running.servers[0].sockets[0].getsockname()[1], flush=True)
    sys.stdin.read()
    running.should_exit = True
threading.Thread(target=announce, daemon=True).start()
running.run()
"""


def test_nothing_that_was_asked_appears_in_the_output_of_a_server(location: str, function_text: str) -> None:
    environment = {**os.environ, "WHEREFROM_INDEX": location}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdin and process.stdout
    port = process.stdout.readline().split()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=HANG_SECONDS) as http:
        text = f"secret_marker = 1\n{function_text}"
        assert http.post("/v1/attribution", json={"text": text}).json()["status"] == "found"
        http.post("/overlap", json={"document": text})
        http.get("/v1/search", params={"q": "secret_marker"})
        http.get("/v1/search", params={"q": '"secret_marker', "secret_marker": "x"})
        http.get("/secret_marker/secret_marker")
        http.get("/v1/documents/secret_marker")
        http.post("/v1/membership", content=b'{"text": "secret_marker')
        http.request("SECRET_MARKER", "/healthz")
        metrics = http.get("/metrics").text
    output, errors = process.communicate(input="", timeout=HANG_SECONDS)
    assert process.returncode == 0
    for said in (output, errors, metrics):
        assert "secret_marker" not in said.lower()
        assert "class _Option" not in said
    assert re.search(r"POST /v1/attribution 200 \d+\.\d ms", errors)
    assert re.search(r"GET /v1/documents/\{document_id\} 404 ", errors)
    assert re.search(r"GET unmatched 404 ", errors)


def test_metrics_count_by_route_template(http: httpx.Client) -> None:
    def count(metrics: str) -> float:
        pattern = r'wherefrom_http_requests_total\{method="POST",route="/overlap",status="200"\} (\d+\.\d)'
        return sum(map(float, re.findall(pattern, metrics)))

    before = count(http.get("/metrics").raise_for_status().text)
    http.post("/overlap", json={"document": ""}).raise_for_status()
    after = http.get("/metrics").text
    assert count(after) == before + 1
    assert 'wherefrom_http_request_seconds_bucket{le="0.001",method="POST",route="/overlap"}' in after


def test_head_is_answered_like_get_without_a_body(http: httpx.Client) -> None:
    for path in ("/healthz", "/v1/index", "/docs"):
        response = http.head(path)
        assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("path", ["/v1/index", "/docs", "/nope"])
def test_every_response_forbids_sniffing_and_referrers(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
