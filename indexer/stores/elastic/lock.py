"""Who writes to an index in a cluster now? A document says so, and is renewed while that goes on; a second writer is refused.

`wherefrom.locks` has a document for each name that is built and each generation that is added to, removed from or merged: a build does
not touch the generation that stands, so documents may be removed from that meanwhile. Each change of a document is on the condition that
nobody else changed it, so two can never both have it. A writer whose process is gone is taken over at once where that can be seen, on the
same machine; elsewhere once it has not been renewed while somebody waited for a minute, so that no two clocks have to agree.

Not here: the lock of a folder, which is the kernel's (`indexer.stores.local.manifest`).
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, ConflictError, Elasticsearch, NotFoundError

from indexer.errors import IndexLocked
from indexer.stores.elastic.cluster import errors_of
from indexer.stores.elastic.index import current
from indexer.stores.elastic.questions import Generation
from indexer.stores.elastic.settings import Place

LOCKS = "wherefrom.locks"  # which no location can name
_RENEWED, _SILENT = 10.0, 60.0  # seconds: how often a writer says that it is there, and how long it may be silent
_LOOK = 1.0  # seconds between looks at a writer that may be gone
_MAPPING = {"dynamic": "strict", "properties": {"holder": {"type": "object", "enabled": False}}}


@dataclass(frozen=True, slots=True)
class _Holder:
    """A writer: a word of its own, what it does, its machine and process, and times in seconds since 1970.

    `space` is where the process's number has a meaning, on this start of that machine; empty where the system does not say.
    """

    owner: str
    doing: str
    host: str
    space: str
    process: int
    begun: str
    since: float
    renewed: float

    @classmethod
    def new(cls, doing: str) -> _Holder:
        """This process, now."""
        now = time.time()
        return cls(secrets.token_hex(8), doing, socket.gethostname(), _space(), os.getpid(), _begun(os.getpid()), now, now)

    def is_gone(self) -> bool | None:
        """Whether it cannot be writing any more; None where that cannot be seen from here."""
        if not self.space or self.space != _space():
            return None
        if self.process == os.getpid() and self.begun == _begun(os.getpid()):
            return not any(thread.name == _thread_name(self.owner) for thread in threading.enumerate())
        return _begun(self.process) != self.begun


class Lock:
    """A lock that is held, renewed by a thread until it is released."""

    def __init__(self, client: Elasticsearch, place: Place, of: str, holder: _Holder) -> None:
        self._client, self._place, self._of, self._holder = client, place, of, holder
        self._seq_no = self._term = 0
        self._ended = threading.Event()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._renew_on_and_on, name=_thread_name(holder.owner), daemon=True)

    def take(self) -> None:
        """Raises IndexLocked where somebody else has it."""
        if not self._client.indices.exists(index=LOCKS):
            _make(self._client)
        try:
            self._put(op_type="create")
        except ConflictError:
            self._take_over()
        self._thread.start()

    def _take_over(self) -> None:
        found, holder = self._read()
        if holder is not None and holder.owner == self._holder.owner:  # it was put although no answer came
            self._seq_no, self._term = found["_seq_no"], found["_primary_term"]
            return
        is_gone = holder.is_gone() if holder is not None else False
        until = time.monotonic() + _SILENT
        while is_gone is None and time.monotonic() < until:
            time.sleep(_LOOK)
            is_gone = False if self._read()[0].get("_seq_no") != found["_seq_no"] else None
        if is_gone is False:
            raise self._locked(holder) from None
        try:
            self._put(if_seq_no=found["_seq_no"], if_primary_term=found["_primary_term"])
        except ConflictError:
            raise self._locked(self._read()[1]) from None

    def check(self) -> None:
        """Raises IndexLocked where somebody has taken it over: this process was silent for too long."""
        with errors_of(self._place), self._changing:
            self._holder = replace(self._holder, renewed=time.time())
            try:
                self._put(if_seq_no=self._seq_no, if_primary_term=self._term)
            except (ConflictError, NotFoundError):
                found, holder = self._read()
                if holder is None or holder.owner != self._holder.owner:
                    self._ended.set()
                    raise self._locked(holder) from None
                self._seq_no, self._term = found["_seq_no"], found["_primary_term"]

    def release(self) -> None:
        """Lets the next one in. Where the cluster is away, it sees that this process holds it no more, or waits."""
        self._ended.set()
        self._thread.join()
        with suppress(ApiError, TransportError):
            self._client.delete(index=LOCKS, id=self._of, if_seq_no=self._seq_no, if_primary_term=self._term)

    def _renew_on_and_on(self) -> None:
        while not self._ended.wait(_RENEWED):
            with suppress(Exception):  # whoever goes on writing asks again, and is told
                self.check()

    def _put(self, **condition: Any) -> None:
        answer = self._client.index(index=LOCKS, id=self._of, document={"holder": asdict(self._holder)}, **condition)
        self._seq_no, self._term = answer["_seq_no"], answer["_primary_term"]

    def _read(self) -> tuple[dict[str, Any], _Holder | None]:
        found = dict(self._client.options(ignore_status=404).get(index=LOCKS, id=self._of))
        try:
            return found, _Holder(**found["_source"]["holder"])
        except (KeyError, TypeError):
            return found, None

    def _locked(self, holder: _Holder | None) -> IndexLocked:
        where = f"{self._place.location}: {self._of}"
        if holder is None:
            return IndexLocked(f"{where}: another process has just written to it; run the same command again")
        since, renewed = (datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S") for moment in (holder.since, holder.renewed))
        return IndexLocked(
            f"{where}: process {holder.process} of {holder.host} is {holder.doing} since {since} UTC, last heard of at {renewed}; "
            "wait for it, or end it and run the same command again"
        )


@contextmanager
def write_lock(client: Elasticsearch, place: Place, of: str, doing: str) -> Iterator[Lock]:
    """Keeps other writers from a name or an index while it is open. Raises IndexLocked."""
    lock = Lock(client, place, of, _Holder.new(doing))
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def changing(client: Elasticsearch, place: Place, doing: str) -> Iterator[tuple[Generation, Lock]]:
    """The generation that a name stands for, kept from other writers while it is open. Raises UnusableIndex, IndexLocked."""
    index = current(place, client).index
    with write_lock(client, place, index, doing) as lock:
        generation = current(place, client)
        if generation.index != index:
            raise IndexLocked(f"{place.location}: {generation.index} took the place of {index} just now; run the same command again")
        yield generation, lock


def _make(client: Elasticsearch) -> None:
    try:
        client.indices.create(index=LOCKS, mappings=_MAPPING, settings={"number_of_shards": 1, "auto_expand_replicas": "0-1"})
    except BadRequestError as error:
        if "resource_already_exists" not in str(error):  # another writer made it
            raise


def _thread_name(owner: str) -> str:
    return f"wherefrom-lock-{owner}"


def _space() -> str:
    """Which start of which machine this is, and which numbering of processes there; empty where the system does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip() + str(Path("/proc/self/ns/pid").readlink())
    return ""


def _begun(process: int) -> str:
    """When a process began, as the system counts; empty where there is none, or where it has ended."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""
