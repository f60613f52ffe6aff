"""What went into each step of a run and what came out, why files were dropped, and what did it cost?

Counts are part of the release (`lineage.json`), the same in every run over the same input; times and memory are not and stand
beside it.

Not here: what the steps are (`curation.steps`).
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Account:
    """One step's account, of a shard or of the whole run. Bytes are of text; `seconds` adds up over processes."""

    rows_in: int = 0
    bytes_in: int = 0
    rows_out: int = 0
    bytes_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak_bytes: int = 0

    def takes(self, rows: int, n_bytes: int) -> None:
        """Counts what goes in."""
        self.rows_in += rows
        self.bytes_in += n_bytes

    def gives(self, rows: int, n_bytes: int) -> None:
        """Counts what comes out."""
        self.rows_out += rows
        self.bytes_out += n_bytes

    def add(self, other: Account) -> None:
        """Takes another account of the same step in."""
        self.takes(other.rows_in, other.bytes_in)
        self.gives(other.rows_out, other.bytes_out)
        self.dropped.update(other.dropped)
        self.seconds += other.seconds
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)

    def as_json(self) -> dict[str, Any]:
        """Everything, to be read by `account_of`."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"dropped": dict(self.dropped)}

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Adds the time that the block takes, and the most memory that this process had meanwhile."""
        _forget_peak()
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - begun
            self.peak_bytes = max(self.peak_bytes, peak_bytes())


@dataclass(slots=True)
class Lineage:
    """The accounts of a run's steps, in their order."""

    steps: dict[str, Account] = field(default_factory=dict)

    def of(self, name: str) -> Account:
        """The account of a step, begun where there is none yet."""
        return self.steps.setdefault(name, Account())

    def add(self, other: Lineage) -> None:
        """Takes the accounts of a part of the run in."""
        for name, account in other.steps.items():
            self.of(name).add(account)

    def as_json(self) -> dict[str, Any]:
        """Everything, to be read by `lineage_of`."""
        return {name: account.as_json() for name, account in self.steps.items()}

    def counts(self) -> list[dict[str, Any]]:
        """What is the same in every run: rows and bytes in and out, dropped by reason."""
        return [
            {"step": name, **{key: getattr(account, key) for key in ("rows_in", "bytes_in", "rows_out", "bytes_out")}}
            | {"dropped": dict(sorted(account.dropped.items()))}
            for name, account in self.steps.items()
        ]

    def costs(self) -> list[dict[str, Any]]:
        """What differs from run to run: seconds of all processes together, MB of text a second of one, peak of the largest process."""
        return [
            {
                "step": name,
                "seconds": round(account.seconds, 3),
                "mb_per_second": round(account.bytes_in / 1e6 / max(account.seconds, 1e-6), 1),
                "peak_mb": round(account.peak_bytes / 1e6),
            }
            for name, account in self.steps.items()
        ]


def lineage_of(value: Mapping[str, Mapping[str, Any]]) -> Lineage:
    """The lineage that `as_json` wrote."""
    return Lineage({name: account_of(account) for name, account in value.items()})


def account_of(value: Mapping[str, Any]) -> Account:
    """The account that `as_json` wrote."""
    return Account(**{**value, "dropped": Counter(value["dropped"])})


def peak_bytes() -> int:
    """The most memory this process had resident since `measured` began; where the system cannot tell, since the process did."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _forget_peak() -> None:
    """Linux: writing 5 sets the high-water mark back to what is resident now."""
    try:
        descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY)
        try:
            os.write(descriptor, b"5")
        finally:
            os.close(descriptor)
    except OSError:
        return
