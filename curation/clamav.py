"""What does a ClamAV daemon say of some bytes? Its session protocol over a socket: `clamd` answers each in turn, on one connection.

    with Daemon("unix:/run/clamav/clamd.ctl") as daemon:      or "tcp:127.0.0.1:3310"
        daemon.version                                        "ClamAV 1.4.6/27500/Mon Nov 20 09:00:00 2026"
        daemon.scan(b"...")                                   None, or the name of the signature that matched

Not here: what becomes of files that match, or that could not be scanned (`curation.malicious`).
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from indexer.errors import BackendUnavailable, InputError

_CHUNK = 1 << 16
_LONGEST_REPLY = 4096
_REPLY = re.compile(r"(?:\d+: )?stream: (?:(?P<name>.+) FOUND|(?P<clean>OK))")


@dataclass(slots=True)
class Daemon:
    """A session with one daemon. One thread; a failure of any kind ends it, and `scan` then opens another for the next bytes."""

    address: str
    seconds: float = 60.0
    _socket: socket.socket | None = field(default=None, repr=False)

    @property
    def version(self) -> str:
        """The daemon's version and, where it has the official signatures, their number and date. Raises BackendUnavailable."""
        return self._ask(b"zVERSION\0").partition(": ")[2]

    def scan(self, data: bytes) -> str | None:
        """The name of the first signature that matches, None for none.

        Raises BackendUnavailable where there is no answer, or none that says clean or found: then nothing is known of the bytes.
        """
        chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
        body = b"".join(part for chunk in chunks for part in (struct.pack("!L", len(chunk)), chunk))
        reply = self._ask(b"zINSTREAM\0" + body + struct.pack("!L", 0))
        found = _REPLY.fullmatch(reply)
        if found is None:
            self.close()  # after an error the daemon hangs up
            raise BackendUnavailable(f"{self.address}: clamd answered {reply[:200]!r}; want OK or FOUND; see its log")
        return found["name"]

    def close(self) -> None:
        """Ends the session."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _ask(self, request: bytes) -> str:
        try:
            if self._socket is None:
                self._socket = _connected(self.address, self.seconds)
                self._socket.sendall(b"zIDSESSION\0")
            self._socket.sendall(request)
            return _reply(self._socket)
        except OSError as error:
            self.close()
            raise BackendUnavailable(f"{self.address}: clamd does not answer ({error}); start it, or leave the scan out") from error


def _reply(connection: socket.socket) -> str:
    """Up to the NUL; a connection that ends before it is no answer."""
    read = b""
    while not read.endswith(b"\0"):
        part = connection.recv(_LONGEST_REPLY)
        if not part or len(read) > _LONGEST_REPLY:
            raise ConnectionResetError("the connection ended before the answer")
        read += part
    return read.rstrip(b"\0").decode("utf-8", "replace").strip()


def _connected(address: str, seconds: float) -> socket.socket:
    kind, _, place = address.partition(":")
    if kind == "unix" and place:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        try:
            connection.connect(place)
        except OSError:
            connection.close()
            raise
        return connection
    host, colon, port = place.rpartition(":")
    if kind == "tcp" and colon and host and port.isdecimal() and int(port) < 1 << 16:
        return socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)
    raise InputError(f"clamd: got the address {address!r}; want unix:PATH or tcp:HOST:PORT")
