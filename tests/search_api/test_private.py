"""A text is traced without being sent: only fingerprints that the filter may contain leave, and every span is compared here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.answers import Candidates, Document, IndexInfo, to_json
from indexer.bloom import standalone
from indexer.bloom.portable import PortableFilter
from indexer.errors import IndexCorrupt
from indexer.index import Index
from search_api.client import Client
from search_api.private import attribute_privately
from search_api.token_runs import TokenText, shared_runs
from tests.limits import HANG_SECONDS


@pytest.fixture(scope="module")
def portable(index: Index, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("filter") / "packages.filter"
    index.export_filter(path, "2026-11-02T00:00:00+00:00")
    with PortableFilter.open(path) as opened:
        yield opened


class Recording:
    """A server that is asked through, and what it was told."""

    def __init__(self, index: Index | Client) -> None:
        self._index = index
        self.hashes: list[list[int]] = []
        self.fetched: list[str] = []

    @property
    def info(self) -> IndexInfo:
        return self._index.info

    def candidates(self, fingerprints: Sequence[int], *, limit: int = 20) -> Candidates:
        self.hashes.append(list(fingerprints))
        return self._index.candidates(fingerprints, limit=limit)

    def document(self, document_id: str) -> Document:
        self.fetched.append(document_id)
        return self._index.document(document_id)


@pytest.mark.parametrize("unit", ["utf-8", "utf-16", "utf-32"])
def test_spans_are_those_of_the_server_that_sees_the_text(client: Client, portable, function_text: str, fresh_text: str, unit: str) -> None:
    text = f"s = '\U0001f600\u00e9'\r\n{fresh_text}{function_text}\u00e9 = 1\n{fresh_text}"
    private = attribute_privately(client, portable, text, offset_unit=unit)
    seen = client.attribute(text, offset_unit=unit, kinds=["exact"])
    assert private.status == seen.status == "found"
    spans = {(span.start, span.end, span.start_line, span.end_line, span.tokens) for span in seen.spans if span.tokens >= 33}
    assert spans and spans <= {(span.start, span.end, span.start_line, span.end_line, span.tokens) for span in private.spans}
    best = private.sources[private.spans[0].sources[0]]
    assert (best.file.repository, best.file.path, best.file.licenses) == ("pypi/click", "click/parser.py", ("BSD-3-Clause",))
    lines = client.document(best.file.document_id).content.splitlines()[best.matches[0].start_line - 1 : best.matches[0].end_line]
    assert lines[0] == function_text.splitlines()[0] and lines[-1] == function_text.splitlines()[-1]


def test_nothing_is_sent_of_a_text_that_the_filter_does_not_know(index: Index, portable, fresh_text: str) -> None:
    server = Recording(index)
    answer = attribute_privately(server, portable, fresh_text + "import os\nimport sys\n")
    assert (answer.status, answer.hashes_sent, server.hashes, server.fetched) == ("none", 0, [], [])


def test_only_hits_of_long_runs_are_sent_once_each_and_sorted(index: Index, portable, function_text: str, fresh_text: str) -> None:
    server = Recording(index)
    answer = attribute_privately(server, portable, fresh_text + function_text + fresh_text)
    inside = {value for value, _, _ in standalone.fingerprints(function_text)}
    private = {value for value, _, _ in standalone.fingerprints(fresh_text)}
    (sent,) = server.hashes
    assert sent == sorted(set(sent)) and len(sent) == answer.hashes_sent > 10
    assert not private & set(sent) and len(inside & set(sent)) >= len(sent) - 2, "at the edges a k-gram may lie across"
    assert answer.documents_fetched == len(server.fetched) <= 3


def test_short_text_is_too_short_and_an_old_filter_makes_the_answer_partial(index: Index, portable, function_text: str) -> None:
    assert attribute_privately(index, portable, "a b c").status == "too_short"

    class Later(Recording):
        @property
        def info(self) -> IndexInfo:
            return IndexInfo(**(to_json(index.info) | {"generation": 2}))

    answer = attribute_privately(Later(index), portable, function_text)
    assert answer.status == "partial" and answer.partial and answer.partial.reasons == ("filter",) and answer.spans


def test_a_server_that_lies_makes_up_no_span(index: Index, portable, function_text: str, corpus) -> None:
    class Liar(Recording):
        def document(self, document_id: str) -> Document:
            return self._index.document(corpus.document_id("pypi/rich", "rich/text.py"))

    answer = attribute_privately(Liar(index), portable, function_text)
    assert answer.spans == () and answer.documents_fetched > 0


def test_candidates_hold_every_fingerprint_that_the_corpus_holds(
    http: httpx.Client, index: Index, function_text: str, fresh_text: str
) -> None:
    values = [value for text in (function_text, fresh_text) for value, _, _ in standalone.fingerprints(text)] + [12345, 12345]
    answer = http.post("/v1/attribution/fingerprints", json={"fingerprints": values, "spec": index.info.spec}).raise_for_status().json()
    assert answer == to_json(index.candidates(values))
    held = {position for position, count in enumerate(answer["counts"]) if count}
    assert held and held == {position for each in answer["candidates"] for position in each["fingerprints"]}
    assert answer["candidates"][0]["file"]["path"] == "click/parser.py"
    few = index.candidates(values, limit=1)
    assert len(few.candidates) == 1 and (few.partial is None) == (set(few.candidates[0].fingerprints) == held)


@pytest.mark.parametrize("values", [[], [1 << 48], [-1], [1.5], ["1"], None])
def test_what_are_no_fingerprints_is_422(http: httpx.Client, values: object) -> None:
    assert http.post("/v1/attribution/fingerprints", json={"fingerprints": values}).status_code == 422


def test_fingerprints_of_another_spec_are_refused(http: httpx.Client) -> None:
    refused = http.post("/v1/attribution/fingerprints", json={"fingerprints": [1], "spec": "other"})
    assert refused.status_code == 422 and "spec" in refused.json()["detail"]


@given(st.lists(st.sampled_from("abcd"), max_size=60), st.lists(st.sampled_from("abcd"), max_size=60), st.integers(8, 12))
def test_shared_runs_are_maximal_equal_and_miss_nothing(mine: list[str], theirs: list[str], least: int) -> None:
    starts = list(range(max(0, len(mine) - 7)))
    found = shared_runs(mine, theirs, starts, least)
    assert all(a.end <= b.begin for a, b in pairwise(found))
    for run in found:
        other_end = run.other + run.end - run.begin
        assert mine[run.begin : run.end] == theirs[run.other : other_end] and run.end - run.begin >= least
        assert run.end == len(mine) or other_end == len(theirs) or mine[run.end] != theirs[other_end]
        assert not (run.begin and run.other) or mine[run.begin - 1] != theirs[run.other - 1]
    longest = max((n for i in range(len(mine)) for j in range(len(theirs)) for n in [_equal(mine[i:], theirs[j:])]), default=0)
    assert max((run.end - run.begin for run in found), default=0) == (longest if longest >= least else 0)


def _equal(a: list[str], b: list[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def test_lines_end_as_answers_count_them() -> None:
    text = TokenText.of("a\r\nb\rc\nd")
    assert [text.lines(i, i + 1)[0] for i in range(4)] == [1, 2, 3, 4]


@pytest.fixture
def command(url: str, tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "wherefrom", *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)

    return run


def test_the_commands_fetch_a_filter_and_trace_with_it(command, url: str, index: Index, function_text: str, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(function_text)
    fetched = command("filter", "fetch", url, "-o", "corpus.filter", "--json")
    assert fetched.returncode == 0, fetched.stderr
    assert json.loads(fetched.stdout)["fetched"] is True
    assert json.loads(command("filter", "fetch", url, "-o", "corpus.filter", "--json").stdout)["fetched"] is False
    assert command("check", "snippet.py", "--filter", "corpus.filter").returncode == 1
    traced = command("trace", "snippet.py", "--filter", "corpus.filter", "--index", url, "--json")
    assert traced.returncode == 1 and json.loads(traced.stdout)["sources"][0]["file"]["path"] == "click/parser.py"
    shown = command("trace", "snippet.py", "--filter", "corpus.filter", "--index", url)
    assert "click/parser.py" in shown.stdout and "fingerprints" in shown.stdout


def test_a_broken_off_download_goes_on_and_a_changed_file_begins_anew(client: Client, url: str, index: Index, tmp_path: Path) -> None:
    whole = httpx.get(f"{url}/v1/filter", timeout=HANG_SECONDS)
    out, part = tmp_path / "c.filter", tmp_path / "c.filter.part"
    part.write_bytes(whole.content[:5000])
    (tmp_path / "c.filter.part.etag").write_text(whole.headers["etag"])
    progress: list[tuple[int, int]] = []
    assert client.fetch_filter(out, lambda done, of: progress.append((done, of)))
    assert out.read_bytes() == whole.content and progress[0][0] > 5000 and progress[-1] == (len(whole.content), len(whole.content))
    assert not client.fetch_filter(out)
    part.write_bytes(b"of another file")
    (tmp_path / "c.filter.part.etag").write_text('"another"')
    out.unlink()
    assert client.fetch_filter(out) and out.read_bytes() == whole.content
    part.write_bytes(whole.content)
    (tmp_path / "c.filter.part.etag").write_text(whole.headers["etag"])
    out.unlink()
    assert client.fetch_filter(out), "all of it had come, only the end was left"
    assert {path.name for path in tmp_path.iterdir()} == {"c.filter", "c.filter.etag"}


def test_a_download_that_is_damaged_is_refused(client: Client, url: str, tmp_path: Path) -> None:
    whole = httpx.get(f"{url}/v1/filter", timeout=HANG_SECONDS)
    (tmp_path / "c.filter.part").write_bytes(b"\0" * 5000)
    (tmp_path / "c.filter.part.etag").write_text(whole.headers["etag"])
    with pytest.raises(IndexCorrupt):
        client.fetch_filter(tmp_path / "c.filter")
    assert not (tmp_path / "c.filter").exists() and client.fetch_filter(tmp_path / "c.filter")
