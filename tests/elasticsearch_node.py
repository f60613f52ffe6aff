"""How does a real Elasticsearch node of one's own start? From the distribution that Maven brings; `make elasticsearch` runs this.

A node listens on a free port of the loopback interface, keeps its data in a temporary folder, and ends with the block that it was
started for.
Elasticsearch refuses to run as root; then it runs as the user `nobody`.

Not here: what is kept in it (`indexer.stores.elastic`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "8.19.7"
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
MOST_SECONDS = 180  # to start; 15 to 30 on an idle machine
_HEAP = "512m"


class CannotStart(RuntimeError):
    """What is missing, and the command that brings it, in two arguments."""


def distribution() -> Path:
    """The distribution's zip, as `make elasticsearch-zip` fetched it. Raises CannotStart."""
    archive = Path(__file__).parents[1] / ".venv" / "elasticsearch" / f"elasticsearch-{VERSION}.zip"
    if shutil.which("java") is None:
        raise CannotStart("Java", "apt-get install openjdk-17-jre-headless maven, then make elasticsearch-zip")
    if not archive.is_file():
        raise CannotStart("Elasticsearch", "make elasticsearch-zip (it needs Maven: apt-get install maven)")
    return archive


@contextmanager
def node(archive: Path, heap: str = _HEAP) -> Iterator[str]:
    """The URL of a node that answers. Raises CannotStart with the end of its log."""
    with tempfile.TemporaryDirectory(prefix="elasticsearch-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        home = _unpacked(archive, folder)
        port, transport = _free_ports(2)
        user = {"user": "nobody"} if os.geteuid() == 0 else {}
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                [str(home / "bin" / "elasticsearch"), *_options(folder, port, transport)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | _environment(folder, heap),
                start_new_session=True,
                **user,  # type: ignore[call-overload]
            )
        try:
            _wait(process, f"http://127.0.0.1:{port}", folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its data goes too, so nothing has to be closed
            process.wait()


def _environment(folder: Path, heap: str) -> dict[str, str]:
    java = {"ES_JAVA_HOME": _java_home(), "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}"}
    return java | {"ES_PATH_CONF": str(folder / "config"), "HOME": str(folder)}


def _options(folder: Path, port: int, transport: int) -> list[str]:
    settings = {
        "path.data": folder / "data",
        "path.logs": folder / "logs",
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": transport,
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    return [f"-E{name}={value}" for name, value in settings.items()]


def _unpacked(archive: Path, folder: Path) -> Path:
    """The distribution's folder, with configuration, data and logs beside it that the node's user owns."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(folder)
    home = next(folder.glob("elasticsearch-*"))
    for script in (home / "bin").iterdir():
        script.chmod(0o755)
    shutil.copytree(home / "config", folder / "config")
    for name in ("data", "logs"):
        (folder / name).mkdir()
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")
    return home


def _java_home() -> str:
    return str(Path(str(shutil.which("java"))).resolve().parents[1])


def _free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    waited = threading.Event()
    for _ in range(4 * MOST_SECONDS):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s", timeout=10) as answer:
                if not json.load(answer)["timed_out"]:
                    return
        except (urllib.error.URLError, OSError):
            waited.wait(0.25)
    raise CannotStart(f"a node that starts (it said: {log.read_text('utf-8', 'replace')[-1500:]})", "see its log")


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
