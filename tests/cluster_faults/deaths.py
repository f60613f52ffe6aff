"""Three real nodes, every shard twice: one is killed while an index is loaded and asked, again and again; then two at once.

`make test-cluster-faults` runs this. With `-s` it prints what it measured; WHEREFROM_TEST_FAULTS_REPORT=FILE has it written there, as
tests/bench/results/faults.md has it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pyarrow as pa
import pytest

import wherefrom
from indexer.answers import to_json
from indexer.corpus import conform
from indexer.errors import BackendUnavailable, WherefromError
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.kept import KEPT, kept_of
from indexer.stores.elastic.settings import PREFIX, place_of
from indexer.stores.elastic.writer import build_cluster_index
from tests.bench.parts import commit
from tests.bench.report import circumstances
from tests.elasticsearch_node import VERSION, CannotStart, Node, cluster, distribution

DEATHS = int(os.environ.get("WHEREFROM_TEST_FAULTS_DEATHS", "10"))  # of one node
DOCUMENTS, MOST_PAUSE = 3000, 30.0
REPORT: list[str] = []
_SERVER = os.environ.get("WHEREFROM_TEST_ELASTICSEARCH_VERSION", VERSION)
_SETTING = f"- Elasticsearch {_SERVER}: three nodes of 512 MB heap, 3 shards, 1 replica\n"


@pytest.fixture(scope="module")
def nodes(missing: Callable[[str, str], NoReturn]) -> Iterator[list[Node]]:
    try:
        found = distribution()
    except CannotStart as error:
        missing(*error.args)
    with cluster(found, 3) as three:
        yield three
        if REPORT and os.environ.get("WHEREFROM_TEST_FAULTS_REPORT"):
            Path(os.environ["WHEREFROM_TEST_FAULTS_REPORT"]).write_text(
                "\n".join(["# Nodes of a cluster that die\n", *circumstances(commit()), _SETTING, *REPORT]) + "\n", "utf-8"
            )


@pytest.fixture(autouse=True)
def settings(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client knows the three of them."""
    monkeypatch.setenv(f"{PREFIX}HOSTS", ",".join(f"127.0.0.1:{one.port}" for one in nodes[1:]))
    monkeypatch.setenv(f"{PREFIX}SHARDS", "3")
    monkeypatch.setenv(f"{PREFIX}REPLICAS", "1")
    monkeypatch.setenv(f"{PREFIX}FILTER_MB", "0")  # membership asks the nodes, too


def _note(line: str) -> None:
    REPORT.append(f"- {line}")
    print(line, file=sys.stderr)


def _rows(seed: int, n: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        {
            "content": "\n".join(f"value_{seed}_{doc}_{i} = make({i} * {doc}, other={chance.randrange(99)})" for i in range(20)),
            "repository": f"o{doc % 7}/r{doc % 40}",
            "path": f"f{doc}.py",
        }
        for doc in range(n)
    ]


def _batches(rows: list[dict[str, Any]]) -> list[pa.RecordBatch]:
    return [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches(max_chunksize=256)]


def _build(location: str, batches: Any) -> ClusterIndex:
    build_cluster_index(location, batches, name="d", version="1", date="2024-06-07")
    return ClusterIndex.open(location)


def _green(nodes: list[Node], seconds: float = 180) -> None:
    """Waits until every shard has its two copies again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for one in nodes:
            try:
                health = one.ask(f"{one.url}/_cluster/health?wait_for_status=green&wait_for_nodes=3&timeout=5s")
                if not health["timed_out"]:
                    return
            except OSError:
                time.sleep(0.5)
    raise AssertionError("the cluster did not become green")


def _revive(nodes: list[Node], *dead: Node) -> None:
    for one in dead:
        one.start()
    for one in dead:
        one.wait(3)
    _green(nodes)


@dataclass(slots=True)
class Asker:
    """Asks one question after another, compares each answer with the expected one, and notes how long none came."""

    ask: Callable[[int], Any]
    expected: list[Any]
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    slowest: float = 0.0

    def run(self, stopping: threading.Event) -> None:
        i, last = 0, time.monotonic()
        while not stopping.is_set():
            begun = time.monotonic()
            try:
                answer = self.ask(i % len(self.expected))
            except WherefromError as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                time.sleep(0.05)
                continue
            now = time.monotonic()
            self.slowest = max(self.slowest, now - begun)
            self.pauses.append(now - last)
            last = now
            if answer == self.expected[i % len(self.expected)]:
                self.right += 1
            else:
                self.wrong.append(str(answer)[:300])
            i += 1


@contextmanager
def _asking(*askers: Asker) -> Iterator[None]:
    stopping = threading.Event()
    threads = [threading.Thread(target=one.run, args=(stopping,)) for one in askers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _where(nodes: list[Node], name: str) -> str:
    return f"es+{nodes[0].url}/{name}"


def test_a_node_that_dies_while_one_index_is_loaded_and_another_asked(nodes: list[Node]) -> None:
    rows = _rows(1, 1500)
    index = _build(_where(nodes, "asked"), _batches(rows))
    _green(nodes)
    texts = [row["content"] for row in random.Random(2).sample(rows, 20)]
    texts += ["".join(f"unheard_{number}_{i} = of({i}, {i * 7}, never)\n" for i in range(12)) for number in range(5)]
    questions: list[Callable[[int], Any]] = [lambda i: index.membership(texts[i]), lambda i: index.attribute(texts[i])]
    askers = [Asker(ask, [ask(i) for i in range(len(texts))]) for ask in questions]
    assert [answer.member for answer in askers[0].expected] == [True] * 20 + [False] * 5
    assert [answer.status for answer in askers[1].expected] == ["found"] * 20 + ["none"] * 5
    chance, took, reruns = random.Random(4), list[float](), 0
    with _asking(*askers):
        for death in range(DEATHS):
            seconds, more = _load_through_a_death(nodes, nodes[death % 3], f"loaded-{death}", chance)
            took.append(seconds)
            reruns += more
    for one, what in zip(askers, ("membership", "attribution"), strict=True):
        pauses = sorted(one.pauses)
        _note(
            f"{DEATHS} deaths, {what}: {one.right} answers, {len(one.wrong)} wrong, {len(one.errors)} errors, "
            f"longest pause {pauses[-1]:.1f} s, median {1000 * pauses[len(pauses) // 2]:.0f} ms"
        )
        for error, times in Counter(one.errors).most_common(5):
            _note(f"{what}, {times} times: {error}")
    _note(
        f"{DEATHS} loads of {DOCUMENTS} documents with a death each: every index complete, no document lost or doubled; {reruns} were "
        f"run again with the same command; {min(took):.0f} to {max(took):.0f} s each, until the node was back"
    )
    for one in askers:
        assert one.wrong == [] and one.right > 20 * DEATHS and max(one.pauses) < MOST_PAUSE
    assert index.verify().problems == ()


def _load_through_a_death(nodes: list[Node], dead: Node, name: str, chance: random.Random) -> tuple[float, int]:
    """Loads an index, kills a node half-way, starts it again some seconds later; how long it took, and how often it was run again."""
    rows, location = _rows(3, DOCUMENTS), _where(nodes, name)
    batches, begun, reruns = _batches(rows), time.monotonic(), 0
    at = chance.randrange(2, len(batches) - 1)
    back = threading.Timer(chance.uniform(0, 10), dead.start)
    try:
        index = _build(location, _interrupted(batches, at, dead, back))
    except BackendUnavailable as error:
        _note(f"{name} is run again: {error}")
        reruns = 1
        back.join()
        dead.wait(3)
        index = _build(location, batches)
    back.join()
    dead.wait(3)
    seconds = time.monotonic() - begun
    _green(nodes)
    assert index.info.documents == len(rows) and index.verify().problems == ()
    stored = _stored(location)
    assert len(stored) == len(rows) and {row["path"] for row in stored} == {row["path"] for row in rows}
    for row in chance.sample(rows, 3):
        assert row["path"] in [source.path for source in index.attribute(row["content"]).sources]
    for each in connect(place_of(location)).indices.get(index=f"{name}-*"):
        connect(place_of(location)).indices.delete(index=each)
    return seconds, reruns


def _interrupted(batches: list[pa.RecordBatch], at: int, dead: Node, back: threading.Timer) -> Iterator[pa.RecordBatch]:
    for number, batch in enumerate(batches):
        if number == at:
            dead.kill()
            back.start()
        yield batch


def _stored(location: str) -> list[dict[str, Any]]:
    place = place_of(location)
    answer = connect(place).search(index=place.name, size=10_000, docvalue_fields=[KEPT])
    return [kept_of(hit).row for hit in answer["hits"]["hits"]]


def test_two_nodes_gone_are_503_until_they_return(nodes: list[Node], tmp_path: Path) -> None:
    rows = _rows(5, 400)
    location = _where(nodes, "served")
    index = _build(location, _batches(rows))
    _green(nodes)
    text = {"text": rows[7]["content"]}
    command = [sys.executable, wherefrom.__file__, "serve", "--port", "0", "--index", location]
    with ExitStack() as closing:
        log = closing.enter_context(open(tmp_path / "log", "wb"))
        server = closing.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True))
        try:
            assert server.stdout
            http = closing.enter_context(httpx.Client(base_url=server.stdout.readline().strip(), timeout=90))
            expected = http.post("/v1/attribution", json=text).json()
            assert expected["sources"][0]["path"] == rows[7]["path"] == to_json(index.attribute(text["text"]))["sources"][0]["path"]
            for dead in (nodes[:2], nodes[1:]):
                for one in dead:
                    one.kill()
                begun = time.monotonic()
                for path in ("/v1/membership", "/v1/attribution"):
                    away = http.post(path, json=text)
                    assert (away.status_code, away.json()["type"]) == (503, "/problems/index-unavailable"), away.text
                    assert "Retry-After" in away.headers and away.json()["detail"]
                    _note(f"two nodes gone: {path} answers 503 after {time.monotonic() - begun:.1f} s: {_without_place(away, location)}")
                    begun = time.monotonic()
                assert http.get("/readyz").status_code == 503 and http.get("/healthz").status_code == 200
                for one in dead:
                    one.start()
                begun = time.monotonic()
                while (answer := http.post("/v1/attribution", json=text)).status_code == 503:
                    assert time.monotonic() - begun < 180
                    time.sleep(0.5)
                assert answer.status_code == 200 and answer.json()["sources"] == expected["sources"]
                _note(f"two nodes returned: answers again {time.monotonic() - begun:.1f} s after they were started, by itself")
                for one in dead:
                    one.wait(3)
                _green(nodes)
                assert http.get("/readyz").status_code == 200
        finally:
            server.terminate()


def _without_place(answer: httpx.Response, location: str) -> str:
    return json.dumps(answer.json()["detail"].replace(location, "LOCATION"))
