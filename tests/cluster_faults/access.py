"""A cluster with users and certificates: who is let in, what is said to the others, and what a server over it answers them.

`make test-cluster-faults` runs this: nodes with other settings than those of `make test`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

import wherefrom
from indexer.corpus import conform
from indexer.errors import AccessRefused
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.removal import remove
from indexer.stores.elastic.settings import PREFIX
from indexer.stores.elastic.writer import build_cluster_index
from search_api.app import create_app
from search_api.settings import Settings
from tests.cluster_faults.certificates import Authority
from tests.elasticsearch_node import CannotStart, Distribution, Guard, User, distribution, node

TEXT = "".join(f"apple_{i} = make_apple({i}, other_apple={i * 3})\n" for i in range(12))
WRITER, READER = User("builder", "a-long-secret", "superuser"), User("reader", "another-secret", "asks")
ROLES = """\
asks:
  indices:
    - names: ["*"]
      privileges: ["read", "view_index_metadata", "monitor"]
"""


@pytest.fixture(scope="module")
def found(missing: Callable[[str, str], NoReturn]) -> Distribution:
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    try:
        return distribution()
    except CannotStart as error:
        missing(*error.args)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("certificates") / "authority")


@pytest.fixture(scope="module")
def url(found: Distribution, authority: Authority) -> Iterator[str]:
    """A node that speaks TLS and knows two users."""
    with node(found, Guard((WRITER, READER), ROLES, *authority.sign("good", "20200101000000Z", "20990101000000Z"))) as address:
        yield address


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> Callable[..., None]:
    """`environment(user, ca_file=...)` sets who asks, and which authority is trusted."""

    def become(user: User | None, password: str | None = None, ca_file: Path | None = None) -> None:
        for name, value in (
            ("USER", user and user.name),
            ("PASSWORD", password or (user and user.password)),
            ("CA_FILE", str(ca_file or authority.certificate)),
        ):
            monkeypatch.setenv(PREFIX + name, value) if value else monkeypatch.delenv(PREFIX + name, raising=False)

    become(WRITER)
    return become


def _build(location: str, contents: list[str] = [TEXT]) -> None:  # noqa: B006 - read only
    rows = [{"content": text, "repository": f"owner{i}/repo", "path": f"file{i}.py"} for i, text in enumerate(contents)]
    batches = [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches()]
    build_cluster_index(location, batches, name="t", version="1", date="2024-06-07")


@pytest.fixture
def location(url: str, environment: Callable[..., None]) -> str:
    """An index that the writer has built."""
    _build(f"es+{url}/guarded")
    return f"es+{url}/guarded"


def _refused(work: Callable[[], object], said: str) -> None:
    with pytest.raises(AccessRefused, match=said) as caught:
        work()
    assert not any(user.password in str(caught.value) for user in (WRITER, READER))


def test_a_reader_asks_everything_and_changes_nothing(location: str, environment: Callable[..., None]) -> None:
    environment(READER)
    with ClusterIndex.open(location) as index:
        before = index.info
        assert index.attribute(TEXT).status == "found" and index.membership(TEXT).member
        assert index.search("make_apple").total == 1 and index.verify().problems == ()
        assert index.repositories().total == 0 and index.describe()["documents"] == 1
        index.check()
        index.refresh()
        for change in (lambda: _build(location), lambda: remove(location, owners=["owner0"])):
            _refused(change, rf"does not let {READER.name} do that \(403 security_exception\).*{PREFIX}USER")
        index.refresh()
        assert index.info == before and index.attribute(TEXT).status == "found"


def test_wrong_and_no_credentials(location: str, environment: Callable[..., None]) -> None:
    for user, password in ((READER, "guessed"), (User("nobody-known", "x", ""), None), (None, None)):
        environment(user, password)
        _refused(lambda: ClusterIndex.open(location), rf"refuses these credentials \(401\); set {PREFIX}USER")
        _refused(lambda: _build(location), "refuses these credentials")
    environment(WRITER)
    assert ClusterIndex.open(location).attribute(TEXT).status == "found"


def test_an_authority_that_did_not_sign(location: str, environment: Callable[..., None], tmp_path: Path) -> None:
    environment(READER, ca_file=Authority.make(tmp_path / "other").certificate)
    _refused(lambda: ClusterIndex.open(location), rf"certificate is not accepted \(.*certificate.*\).*{PREFIX}CA_FILE=.*other/ca.crt")


def test_an_expired_certificate(found: Distribution, authority: Authority, environment: Callable[..., None]) -> None:
    with node(found, Guard((WRITER,), "", *authority.sign("old", "20200101000000Z", "20200102000000Z"))) as address:
        _refused(
            lambda: ClusterIndex.open(f"es+{address}/any"), r"certificate is not accepted \(certificate has expired\); have a valid one"
        )
        _refused(lambda: _build(f"es+{address}/any"), "certificate has expired")


def test_a_command_says_it_on_standard_error_and_nothing_shows_the_password(
    location: str, environment: Callable[..., None], tmp_path: Path
) -> None:
    environment(READER, "guessed-secret")
    (tmp_path / "file.py").write_text(TEXT)
    command = [sys.executable, wherefrom.__file__, "check", str(tmp_path / "file.py"), "--index", location]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stdout) == (2, "") and "refuses these credentials" in done.stderr
    assert "guessed-secret" not in done.stderr


def test_a_server_with_wrong_credentials_does_not_start_and_one_that_lost_them_answers_503(
    location: str, environment: Callable[..., None]
) -> None:
    environment(READER, "guessed-secret")
    command = [sys.executable, wherefrom.__file__, "serve", "--port", "0", "--index", location]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    assert (done.returncode, done.stdout) == (2, "") and "refuses these credentials" in done.stderr and "secret" not in done.stderr
    http = TestClient(create_app(location, Settings()))
    refused = http.post("/v1/membership", json={"text": TEXT})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/index-unavailable") and "Retry-After" in refused.headers
    assert not re.search("secret|reader|127.0.0.1", refused.text)  # its client has no business with them
    assert http.get("/readyz").status_code == 503
