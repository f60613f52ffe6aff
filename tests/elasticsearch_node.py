"""How do real Elasticsearch nodes of one's own start? From the distribution that Maven brings; `make elasticsearch` runs this.

A node listens on free ports of the loopback interface and keeps its data in a temporary folder; it ends with the block that it was
started for. A single one chooses its ports itself, so that nobody else can have taken them meanwhile. Several nodes, which have to know
each other's, make a cluster, of which each can be killed and started again with its data. Users and a certificate are given
where wanted. Elasticsearch refuses to run as root; then it runs as the user `nobody`.

Not here: what is kept in it (`indexer.stores.elastic`).
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.limits import HANG_SECONDS

VERSION = "8.19.7"  # unless WHEREFROM_TEST_ELASTICSEARCH_VERSION names another one
LEAST_JAVA = {8: 17, 9: 21}
_HEAP = "512m"


class CannotStart(RuntimeError):
    """What is missing, and the command that brings it, in two arguments."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Elasticsearch's zip, and the home of a Java that runs it."""

    archive: Path
    java: Path


@dataclass(frozen=True, slots=True)
class User:
    """Somebody whom a node lets in, with roles of Elasticsearch's own or of `roles`."""

    name: str
    password: str
    role: str


@dataclass(frozen=True, slots=True)
class Guard:
    """Who is let in, and by which certificate a node shows itself: without one it speaks plain HTTP. `roles` is YAML."""

    users: Sequence[User]
    roles: str = ""
    certificate: Path | None = None
    key: Path | None = None


def distribution() -> Distribution:
    """That of the wanted version, as `make elasticsearch-zip` fetched it. Raises CannotStart."""
    version = os.environ.get("WHEREFROM_TEST_ELASTICSEARCH_VERSION", VERSION)
    least = LEAST_JAVA[int(version.partition(".")[0])]
    archive = Path(__file__).parents[1] / ".venv" / "elasticsearch" / f"elasticsearch-{version}.zip"
    java = _java(least)
    if java is None:
        raise CannotStart(f"Java {least} or later", f"apt-get install openjdk-{least}-jre-headless maven, then make elasticsearch-zip")
    if not archive.is_file():
        raise CannotStart("Elasticsearch", f"make elasticsearch-zip ELASTICSEARCH={version} (it needs Maven: apt-get install maven)")
    return Distribution(archive, java)


def _java(least: int) -> Path | None:
    """The home of the oldest Java installed that is recent enough: that of JAVA_HOME or the PATH, or beside them."""
    on_path = shutil.which("java")
    homes = [Path(given) for given in (os.environ.get("JAVA_HOME"), on_path and str(Path(on_path).resolve().parents[1])) if given]
    beside = [each for home in homes for each in sorted(home.resolve().parent.iterdir())] if homes else []
    versions = {home: _java_version(home) for home in (*homes, *beside) if (home / "bin" / "java").is_file()}
    return min((home for home, version in versions.items() if version >= least), key=versions.__getitem__, default=None)


def _java_version(home: Path) -> int:
    try:
        found = re.search(r'JAVA_VERSION="([0-9]+)', (home / "release").read_text("utf-8"))
    except OSError:
        return 0
    return int(found[1]) if found else 0


@dataclass(slots=True)
class Node:
    """One node: its folder with configuration and data, and its process while it runs."""

    folder: Path
    home: Path
    java: Path
    port: int
    transport: int
    settings: dict[str, str]
    guard: Guard | None = None
    heap: str = _HEAP
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http{'s' if self.guard and self.guard.certificate else ''}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begins to run; `wait` for it."""
        options = [f"-E{name}={value}" for name, value in self.settings.items()]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.home / "bin" / "elasticsearch"), *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                start_new_session=True,
                **_user(),  # type: ignore[call-overload]
            )

    def environment(self) -> dict[str, str]:
        """That of its process and of the distribution's tools."""
        mine = {"ES_JAVA_HOME": str(self.java), "ES_PATH_CONF": str(self.folder / "config"), "HOME": str(self.folder)}
        return os.environ | mine | {"ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}"}

    def wait(self, nodes: int = 1) -> None:
        """Returns once it answers and sees so many nodes. Raises CannotStart with the end of its log."""
        until = time.monotonic() + HANG_SECONDS
        asked = f"/_cluster/health?wait_for_status=yellow&wait_for_nodes={nodes}&timeout=5s"
        while self.process is not None and self.process.poll() is None and time.monotonic() < until:
            try:
                self.port = self.port or _port_in(self.folder / "logs" / "http.ports")
                if not self.ask(self.url + asked)["timed_out"]:
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        said = (self.folder / "log").read_text("utf-8", "replace")[-1500:]
        raise CannotStart(f"a node that starts (it said: {said})", "see its log")

    def ask(self, url: str) -> dict[str, object]:
        """The answer to a GET by the first user, whatever certificate there is."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request(url)
        if self.guard:
            user = self.guard.users[0]
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{user.name}:{user.password}".encode()).decode())
        with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:
            found: dict[str, object] = json.load(answer)
        return found

    def kill(self) -> None:
        """kill -9, with all its children; its data stays."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def server(find: Callable[[], Distribution] = distribution, *, heap: str = _HEAP) -> Iterator[str]:
    """The URL of the server that WHEREFROM_TEST_ELASTICSEARCH names, else of a node of one's own with so much `heap`."""
    if given := os.environ.get("WHEREFROM_TEST_ELASTICSEARCH"):
        yield given.rstrip("/")
        return
    with node(find(), heap=heap) as url:
        yield url


@contextmanager
def node(found: Distribution, guard: Guard | None = None, *, heap: str = _HEAP) -> Iterator[str]:
    """The URL of a node that answers. `heap` as Java's -Xmx has it. Raises CannotStart with the end of its log."""
    with cluster(found, 1, guard, heap=heap) as (one,):
        yield one.url


@contextmanager
def cluster(found: Distribution, n: int, guard: Guard | None = None, *, heap: str = _HEAP) -> Iterator[list[Node]]:
    """So many nodes that see each other, each with 1.3 GB of memory beside its heap. With a `guard` there is one."""
    with tempfile.TemporaryDirectory(prefix="elasticsearch-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        nodes = _made(found, Path(scratch), n, guard)
        for one in nodes:
            one.heap = heap
        try:
            for one in nodes:
                one.start()
            for one in nodes:
                one.wait(n)
            yield nodes
        finally:
            for one in nodes:
                one.kill()  # their data goes too, so nothing has to be closed


def _made(found: Distribution, folder: Path, n: int, guard: Guard | None) -> list[Node]:
    """The distribution's folder once, and each node's own beside it, which the nodes' user owns."""
    with zipfile.ZipFile(found.archive) as zipped:
        zipped.extractall(folder)
    home = next(folder.glob("elasticsearch-*"))
    for script in (home / "bin").iterdir():
        script.chmod(0o755)
    ports = _free_ports(2 * n) if n > 1 else [0, 0]
    transports = [f"127.0.0.1:{port}" for port in ports[n:]]
    nodes = []
    for i in range(n):
        mine = folder / f"node{i}"
        shutil.copytree(home / "config", mine / "config")
        settings = _settings(mine, i, ports[i], transports, guard)
        nodes.append(Node(mine, home, found.java, ports[i], ports[n + i], settings, guard))
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")
    for one in nodes:
        _let_in(one)
    return nodes


def _settings(folder: Path, i: int, port: int, transports: Sequence[str], guard: Guard | None) -> dict[str, str]:
    for name in ("data", "logs"):
        (folder / name).mkdir()
    settings = {
        "node.name": f"node{i}",
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "logs"),
        "network.host": "127.0.0.1",
        "http.port": str(port),
        "transport.port": transports[i].rpartition(":")[2],
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "xpack.security.enabled": str(guard is not None).lower(),
    }
    if len(transports) == 1:
        settings |= {"discovery.type": "single-node", "node.portsfile": "true"}
    else:
        settings["discovery.seed_hosts"] = ",".join(transports)
        settings["cluster.initial_master_nodes"] = ",".join(f"node{each}" for each in range(len(transports)))
    if guard and guard.certificate and guard.key:
        for what, path in (("certificate", guard.certificate), ("key", guard.key)):
            shutil.copy(path, folder / "config" / f"http.{what}")
            settings[f"xpack.security.http.ssl.{what}"] = f"http.{what}"
        settings["xpack.security.http.ssl.enabled"] = "true"
    if guard and guard.roles:
        (folder / "config" / "roles.yml").write_text(guard.roles)
    return settings


def _let_in(one: Node) -> None:
    """Makes the users by the distribution's own tool."""
    for user in one.guard.users if one.guard else ():
        command = [str(one.home / "bin" / "elasticsearch-users"), "useradd", user.name, "-p", user.password, "-r", user.role]
        done = subprocess.run(command, env=one.environment(), capture_output=True, text=True, check=False, **_user())  # type: ignore[call-overload]
        if done.returncode:
            raise CannotStart(f"a user of the node (it said: {done.stdout}{done.stderr})", "see its log")


def _user() -> dict[str, str]:
    return {"user": "nobody"} if os.geteuid() == 0 else {}


def _port_in(file: Path) -> int:
    """Of the lines HOST:PORT that a node writes once it listens. Raises OSError before."""
    return int(file.read_text("ascii").split()[0].rpartition(":")[2])


def _free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def main() -> int:
    """Runs a node until it is interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with node(distribution()) as url:
            print(f"es+{url}/NAME is a location now, NAME being any name: wherefrom index dir:. -o es+{url}/mine", flush=True)
            print("Ctrl-C stops the node and removes what it holds", file=sys.stderr)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except CannotStart as error:
        print(f"{error.args[0]} is missing; enable with: {error.args[1]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
