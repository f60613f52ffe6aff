import hashlib
import pickle
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pytest

from curation.clamav import Daemon
from curation.malicious import MalwareReport, MalwareSettings, Verdict, signatures, verdicts
from indexer.corpus import FILES_SCHEMA, content_id
from indexer.errors import BackendUnavailable, InputError
from tests.limits import HANG_SECONDS

# in two pieces, so that a scanner leaves this file alone
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*"
CODE = "int main(void) { return 0; }\n"
NAMED = "Tests.EICAR.UNOFFICIAL"


class Clamd:
    """A real daemon with one signature of the tests' own."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "clamd.sock"
        self.address = f"unix:{self.socket}"
        database = folder / "signatures"
        database.mkdir()
        digest = hashlib.md5(EICAR.encode(), usedforsecurity=False).hexdigest()
        (database / "tests.hdb").write_text(f"{digest}:{len(EICAR)}:Tests.EICAR\n")
        self.config = folder / "clamd.conf"
        self.config.write_text(f"Foreground yes\nLocalSocket {self.socket}\nDatabaseDirectory {database}\nStreamMaxLength 1M\n")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(["clamd", "--config-file", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + HANG_SECONDS
        while signatures(self.address) is None:
            assert self.process.poll() is None and time.monotonic() < until, "clamd did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def clamd(missing: Callable[[str, str], NoReturn]) -> Iterator[Clamd]:
    if shutil.which("clamd") is None:
        missing("ClamAV's daemon", "apt-get install clamav-daemon")
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        daemon = Clamd(Path(folder))
        yield daemon
        daemon.kill()


def batch(*texts: str | None) -> pa.RecordBatch:
    rows = [
        {"content": text, "content_id": content_id((text or "").encode()), "repository": "o/n", "path": f"{n}.c"}
        for n, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=FILES_SCHEMA)


def report_of(rows: pa.RecordBatch, settings: MalwareSettings) -> MalwareReport:
    report = MalwareReport()
    report.add(rows, verdicts(rows, settings), signatures(settings.address))
    return report


def test_a_real_daemon_finds_what_its_signatures_name(clamd: Clamd) -> None:
    settings = MalwareSettings(clamd.address)
    rows = batch(CODE, EICAR, "x" * 300_000, None, CODE + EICAR)
    found = verdicts(rows, settings)
    assert found == [Verdict("clean"), Verdict("malicious", NAMED), Verdict("clean"), Verdict("clean"), Verdict("clean")]
    assert [verdict.reason for verdict in found] == [None, "malicious", None, None, None]
    document = report_of(rows, settings).to_json()
    assert document["status"] == "scanned"
    assert document["signatures"][0].startswith("ClamAV ")
    assert [(each["path"], each["by"]) for each in document["found"]] == [("1.c", NAMED)]


def test_a_daemon_that_dies_on_the_way_leaves_files_not_scanned_and_never_clean(clamd: Clamd) -> None:
    settings = MalwareSettings(clamd.address)
    with Daemon(clamd.address) as daemon:
        assert daemon.scan(CODE.encode()) is None
        report = report_of(batch(CODE), settings)
        clamd.kill()
        with pytest.raises(BackendUnavailable, match="clamd does not answer"):
            daemon.scan(CODE.encode())  # in the middle of a session
        after = report_of(batch(CODE, EICAR, CODE, CODE, CODE), settings)
        assert after.counts == {"not_scanned": 5} and after.status == "not scanned"
        report.merge(pickle.loads(pickle.dumps(after)))
        assert (report.status, report.counts) == ("partly scanned", {"clean": 1, "not_scanned": 5})
        clamd.start()
        assert daemon.scan(EICAR.encode()) == NAMED


def test_a_file_that_the_daemon_refuses_is_not_scanned_and_the_next_one_is(clamd: Clamd) -> None:
    found = verdicts(batch("x" * 3_000_000, EICAR), MalwareSettings(clamd.address))
    assert [verdict.kind for verdict in found] == ["not_scanned", "malicious"]


def test_without_a_daemon_nothing_is_clean() -> None:
    rows = batch(CODE, EICAR)
    for settings in (MalwareSettings(), MalwareSettings("unix:/nowhere/clamd.sock"), MalwareSettings("tcp:127.0.0.1:1")):
        report = report_of(rows, settings)
        assert (report.status, report.counts, report.to_json()["signatures"]) == ("not scanned", {"not_scanned": 2}, [])


@pytest.mark.parametrize("answer", [b"", b"1: stream: O", b"1: INSTREAM size limit exceeded. ERROR\0", b"nonsense\0", b"x" * 100_000])
def test_an_answer_that_is_none_is_not_scanned(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with Daemon(f"tcp:127.0.0.1:{server.getsockname()[1]}", seconds=HANG_SECONDS) as daemon, pytest.raises(BackendUnavailable):
            daemon.scan(CODE.encode())
        thread.join()


def test_listed_contents_are_dropped_with_or_without_a_daemon() -> None:
    listed = content_id(CODE.encode())
    settings = MalwareSettings.of(None, ["# known", "", f"{listed.upper()}  # a miner"])
    assert settings.content_ids == {listed}
    assert [verdict.reason for verdict in verdicts(batch(CODE, EICAR), settings)] == ["listed", None]


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InputError, match=r"bad.txt:2: got 'c0ffee'; want a content id"):
        MalwareSettings.of(None, ["", "c0ffee"], "bad.txt")
    for address in ("clamd", "unix:", "tcp:host", "tcp:host:port", "tcp::3310", "tcp:h:99999"):
        with pytest.raises(InputError, match=r"want unix:PATH or tcp:HOST:PORT"):
            verdicts(batch(CODE), MalwareSettings(address))
