"""A git hub on loopback for the tests: git's own `http-backend` behind HTTP, and the batch interface of Git LFS.

Whoever reads needs no account; whoever writes gives one, `ada` with a password made for the run, and may write where `is_writable`.

Not here: repositories as files (`file://` needs no server).
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

USER = "ada"
_LFS_TYPE = "application/vnd.git-lfs+json"


@dataclass
class Hub:
    """A running hub with one repository, demo.git. `sent` lists the large files that arrived, in order."""

    folder: Path
    port: int = 0
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    is_writable: bool = True
    sent: list[str] = field(default_factory=list)
    stalls_after: int | None = None  # that many large files arrive, the next one's request is never answered
    stalled: threading.Event = field(default_factory=threading.Event)
    receiving: threading.Lock = field(default_factory=threading.Lock)  # clients send several files at once

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/demo.git"

    @property
    def repository(self) -> Path:
        return self.folder / "demo.git"

    def credentials(self) -> dict[str, str]:
        """An environment in which git knows the account, from a credential helper."""
        helper = f"!f() {{ echo username={USER}; echo password={self.password}; }}; f"
        return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": helper}

    def branch(self) -> str:
        """The commit that the branch is at, "" in an empty repository."""
        done = subprocess.run(
            ["git", "-C", str(self.repository), "for-each-ref", "--format=%(objectname)", "refs/heads"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """A hub with an empty repository, on a free port."""
    hub = Hub(folder)
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(hub.repository)], check=True)
    subprocess.run(["git", "-C", str(hub.repository), "config", "http.receivepack", "true"], check=True)

    class Handler(_Handler):
        pass

    Handler.hub = hub
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        hub.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/large/"):
            return self._answer(200, (self._store() / self.path.rpartition("/")[2]).read_bytes(), "application/octet-stream")
        self._git()

    def do_POST(self) -> None:
        if self.path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(self._body()))
        self._git()

    def do_PUT(self) -> None:
        content = self._body()
        digest = self.path.rpartition("/")[2]
        if hashlib.sha256(content).hexdigest() != digest:
            return self._answer(422, b"{}")
        with self.hub.receiving:
            is_taken = self.hub.stalls_after is None or len(self.hub.sent) < self.hub.stalls_after
            if is_taken:
                (self._store() / digest).write_bytes(content)
                self.hub.sent.append(digest)
        if is_taken:
            return self._answer(200, b"{}")
        self.hub.stalled.set()
        self.connection.recv(1)  # until whoever sends is gone

    def _store(self) -> Path:
        folder = self.hub.folder / "large"
        folder.mkdir(exist_ok=True)
        return folder

    def _batch(self, wanted: dict[str, object]) -> None:
        """https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md: what is here already gets no action to upload it."""
        is_upload = wanted["operation"] == "upload"
        if is_upload and not self._may_write():
            return
        objects = wanted["objects"]
        assert isinstance(objects, list)
        action = {"href": f"http://127.0.0.1:{self.hub.port}/large/"}
        answers = []
        for each in objects:
            has = (self._store() / each["oid"]).exists()
            actions = {} if has == is_upload else {wanted["operation"]: {"href": action["href"] + each["oid"]}}
            answers.append({"oid": each["oid"], "size": each["size"], "actions": actions})
        self._answer(200, json.dumps({"transfer": "basic", "objects": answers}).encode())

    def _may_write(self) -> bool:
        told = self.headers.get("Authorization", "")
        if told != "Basic " + base64.b64encode(f"{USER}:{self.hub.password}".encode()).decode():
            self._answer(401, b'{"message": "who are you?"}')
        elif not self.hub.is_writable:
            self._answer(403, b'{"message": "you may only read here"}')
        else:
            return True
        return False

    def _git(self) -> None:
        path, _, query = self.path.partition("?")
        body = self._body()
        if "git-receive-pack" in self.path and not self._may_write():
            return
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.hub.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": USER,
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._answer(int(fields.pop("Status", "200").split()[0]), content, fields.get("Content-Type", "text/plain"))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, content: bytes, kind: str = _LFS_TYPE) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="hub"')
            self.send_header("LFS-Authenticate", 'Basic realm="hub"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
