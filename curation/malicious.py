"""Which files are malicious, by a list of content ids and by ClamAV's daemon?

    verdicts(batch, MalwareSettings(address="unix:/run/clamav/clamd.ctl", content_ids=frozenset({...})))

A file is `clean` only where the daemon said so. Without a daemon, or where it dies on the way, files are `not_scanned`: they are kept,
and the report says that they were not scanned. What is scanned is the text of the row, in UTF-8, not the bytes it was decoded from.

Not here: the daemon's protocol (`curation.clamav`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from curation.clamav import Daemon
from indexer.errors import BackendUnavailable, InputError

_SAMPLES = 100
_FAILURES = 3  # one after the other, then the rest of a batch is not asked about
_NO_DAEMON = "no daemon was named"


@dataclass(frozen=True, slots=True)
class MalwareSettings:
    """The daemon's address (`unix:PATH`, `tcp:HOST:PORT`; None: none), and content ids known to be malicious."""

    address: str | None = None
    content_ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, address: str | None, lines: Iterable[str], where: str = "malicious") -> MalwareSettings:
        """From a list of content ids, one a line; what follows a `#` is a comment. Raises InputError for a line that is none."""
        ids = set()
        for number, line in enumerate(lines, start=1):
            content_id = line.partition("#")[0].strip().lower()
            if content_id and (len(content_id) != 40 or set(content_id) - set("0123456789abcdef")):
                raise InputError(f"{where}:{number}: got {content_id[:60]!r}; want a content id, the 40 hex digits of a git blob's SHA-1")
            ids.add(content_id)
        return cls(address, frozenset(ids - {""}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one file: the signature, the list, or why it was not scanned, stands in `detail`."""

    kind: Literal["clean", "malicious", "listed", "not_scanned"]
    detail: str | None = None

    @property
    def reason(self) -> str | None:
        """The reason to drop the file, None to keep it."""
        return self.kind if self.kind in ("malicious", "listed") else None


def verdicts(batch: pa.RecordBatch, settings: MalwareSettings) -> list[Verdict]:
    """One verdict a row, by content_id and content. A daemon that does not answer makes `not_scanned`, never an error."""
    rows = zip(batch.column("content_id").to_pylist(), batch.column("content").cast(pa.binary()).to_pylist(), strict=True)
    if settings.address is None:
        return [_listed(content_id, settings) or Verdict("not_scanned", _NO_DAEMON) for content_id, _ in rows]
    found, failures, last = [], 0, ""
    with Daemon(settings.address) as daemon:
        for content_id, content in rows:
            verdict = _listed(content_id, settings)
            if verdict is None and failures >= _FAILURES:
                verdict = Verdict("not_scanned", last)
            elif verdict is None:
                verdict = _scanned(daemon, content or b"")
                failures = failures + 1 if verdict.kind == "not_scanned" else 0
                last = verdict.detail or ""
            found.append(verdict)
    return found


def signatures(address: str | None) -> str | None:
    """The daemon's version, with the number and date of its official signatures where it has them; None where it does not answer."""
    if address is None:
        return None
    with Daemon(address) as daemon:
        try:
            return daemon.version
        except BackendUnavailable:
            return None


def _listed(content_id: str | None, settings: MalwareSettings) -> Verdict | None:
    return Verdict("listed", "content id") if content_id in settings.content_ids else None


def _scanned(daemon: Daemon, content: bytes) -> Verdict:
    try:
        name = daemon.scan(content)
    except BackendUnavailable as error:
        return Verdict("not_scanned", str(error))
    return Verdict("malicious", name) if name else Verdict("clean")


@dataclass(slots=True)
class MalwareReport:
    """Files by verdict, why some were not scanned, and what was found. Parts add up in any order. Pickleable."""

    signatures: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    found: list[tuple[str, str, str, str]] = field(default_factory=list)  # content id, repository, path, detail

    def add(self, batch: pa.RecordBatch, given: Sequence[Verdict], version: str | None) -> None:
        """Counts one batch, what `verdicts` said of it, and what `signatures` said of the daemon."""
        columns = (batch.column(name).to_pylist() for name in ("content_id", "repository", "path"))
        self.signatures |= {version} if version else set()
        for content_id, repository, path, verdict in zip(*columns, given, strict=True):
            self.counts[verdict.kind] += 1
            if verdict.kind == "not_scanned":
                self.why[verdict.detail or ""] += 1
            elif verdict.reason:
                self.found.append((content_id or "", repository or "", path or "", verdict.detail or ""))
        self.found = sorted(self.found)[:_SAMPLES]

    def merge(self, other: MalwareReport) -> None:
        """Adds the report of another part."""
        self.signatures |= other.signatures
        self.counts.update(other.counts)
        self.why.update(other.why)
        self.found = sorted([*self.found, *other.found])[:_SAMPLES]

    @property
    def status(self) -> str:
        """`scanned`, `partly scanned` or `not scanned`: what may be said of the whole."""
        is_scanned, is_left = self.counts["clean"] + self.counts["malicious"], self.counts["not_scanned"]
        return "not scanned" if not is_scanned else "partly scanned" if is_left else "scanned"

    def to_json(self) -> dict[str, Any]:
        """For a lineage report. `signatures` holds their date where the daemon states one."""
        return {
            "status": self.status,
            "signatures": sorted(self.signatures),
            "files": dict(sorted(self.counts.items())),
            "not_scanned": dict(sorted(self.why.items())),
            "found": [
                {"content_id": content_id, "repository": repository, "path": path, "by": detail}
                for content_id, repository, path, detail in self.found
            ],
        }
