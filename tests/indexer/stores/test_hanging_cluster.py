"""A cluster that takes connections and never answers: every question ends in time, and says what to do."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from indexer.answers import IndexInfo
from indexer.attribution.query import Query
from indexer.errors import BackendUnavailable
from indexer.fingerprint.spec import SPEC
from indexer.stores.elastic import cluster
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.questions import Generation
from indexer.stores.elastic.removal import remove
from indexer.stores.elastic.settings import PREFIX, place_of

TEXT = "".join(f"apple_{i} = make_apple({i}, other_apple={i * 3})\n" for i in range(12))
LIMIT_MS = 400
SLACK = 60.0  # seconds more than the limit, however busy the machine is: less than any other limit here, and than 200 texts one by one


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """HOST:PORT of a server that never says a word; its kernel takes every connection."""
    monkeypatch.setenv(f"{PREFIX}TIMEOUT_MS", str(LIMIT_MS))
    monkeypatch.setattr(cluster, "SECONDS", 120.0)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as door:
        yield f"127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def index(silent: str) -> ClusterIndex:
    """An index that was open before its cluster fell silent."""
    Query.of(TEXT)  # loads what is compiled
    place = place_of(f"es+http://{silent}/name")
    info = IndexInfo("t", "1", "2024-06-07", 1, SPEC.name, 2)
    client = connect(place)
    return ClusterIndex(place, client, Generation(client, place, "name-g000001", info, 2, 40))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    with pytest.raises(BackendUnavailable, match=f"in time.*{PREFIX}TIMEOUT_MS"):
        work()
    return time.monotonic() - begun


@pytest.mark.parametrize(
    "question",
    [
        lambda index: index.membership(TEXT),
        lambda index: index.attribute(TEXT),
        lambda index: index.search("apple"),
        lambda index: index.document("0" * 24),
        lambda index: index.repositories(),
        lambda index: index.files("a/b"),
        lambda index: index.legal("a/b"),
        lambda index: index.candidates([1, 2]),
        lambda index: index.describe(),
        lambda index: index.check(),
        lambda index: index.refresh(),
        lambda index: index.membership_many([TEXT] * 200),
        lambda index: index.attribute_many([TEXT] * 200),
    ],
)  # fmt: skip
def test_every_question_ends_in_time(index: ClusterIndex, question: Callable[[ClusterIndex], object]) -> None:
    assert LIMIT_MS / 1000 * 0.9 <= _seconds(lambda: question(index)) < LIMIT_MS / 1000 + SLACK


def test_a_questions_own_limit_is_kept(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    monkeypatch.setenv(f"{PREFIX}TIMEOUT_MS", "120000")
    place = place_of(f"es+http://{silent}/name")
    info = IndexInfo("t", "1", "2024-06-07", 1, SPEC.name, 2)
    generation = Generation(connect(place), place, "name-g000001", info, 2, 40)
    slow = ClusterIndex(place, generation.client, generation)
    assert _seconds(lambda: slow.attribute(TEXT, timeout_ms=200)) < 0.2 + SLACK


def test_opening_and_removing_end_in_time(silent: str) -> None:
    assert _seconds(lambda: ClusterIndex.open(f"es+http://{silent}/name")) < LIMIT_MS / 1000 + SLACK
    assert _seconds(lambda: remove(f"es+http://{silent}/name", owners=["a"])) < LIMIT_MS / 1000 + SLACK


def test_another_node_answers_for_one_that_hangs(silent: str, elasticsearch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}HOSTS", elasticsearch.removeprefix("http://"))
    client = connect(place_of(f"es+http://{silent}/name"))
    for _ in range(4):  # half of it is the silent node's, the other node has a quarter twice
        assert not client.options(request_timeout=12).indices.exists_alias(name="no-such-name")
