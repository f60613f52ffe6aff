"""Who may ask, and how often? API keys, and limits a minute for each key and each address without one.

A limit is a bucket: it holds a sixth of a minute's requests and fills steadily. A batch is admitted like one request and then costs
what its lines cost; the debt is paid before the next request is.

Not here: the keys' file (`search_api.keys`), how many questions may run at once (`search_api.workers`).
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from fastapi import Request

from indexer.errors import InputError
from search_api.keys import Key, KeyFile, find
from search_api.problems import INDEX_UNAVAILABLE, TOO_MANY_REQUESTS, UNAUTHORIZED, Problem
from search_api.settings import Settings

_MOST_BUCKETS = 100_000
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="wherefrom"'}


class Admission:
    """The door of one app. Any thread."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = KeyFile(Path(settings.keys_file)) if settings.keys_file else None
        self._require_key = settings.require_key
        self._key_limit = settings.requests_per_minute_key
        self._address_limit = settings.requests_per_minute_address
        self._buckets = _Buckets(clock)

    def admit(self, request: Request) -> None:
        """Raises Problem 401 without a key that is needed or with a wrong one, 429 with Retry-After for who asked too often."""
        key = self._key_of(request)
        if key is None and self._require_key:
            raise Problem(UNAUTHORIZED, "this server answers those who send a key: Authorization: Bearer KEY", headers=_CHALLENGE)
        request.state.bucket = name, limit = self._bucket_of(request, key)
        wait_s = self._buckets.take(name, limit) if limit else 0.0
        if wait_s > 0:
            who = f"key {key.name}" if key else "your address"
            headers = {"Retry-After": str(math.ceil(wait_s))}
            raise Problem(TOO_MANY_REQUESTS, f"{who} may send {limit} requests a minute", headers=headers)

    def charge(self, request: Request, requests: int) -> None:
        """Counts an admitted request as so many more."""
        name, limit = request.state.bucket
        if limit:
            self._buckets.charge(name, limit, requests)

    def _key_of(self, request: Request) -> Key | None:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if not text or scheme.lower() != "bearer":
            return None
        if self._file is None:
            raise Problem(UNAUTHORIZED, "this server knows no keys; send none", headers=_CHALLENGE)
        try:
            key = find(self._file.keys(), text.strip())
        except InputError:  # its message names a file of this machine
            raise Problem(INDEX_UNAVAILABLE, "the server cannot read its keys", headers={"Retry-After": "30"}) from None
        if key is None:
            raise Problem(UNAUTHORIZED, "this key is not, or no longer, one of this server's", headers=_CHALLENGE)
        return key

    def _bucket_of(self, request: Request, key: Key | None) -> tuple[str, int]:
        if key is None:
            return f"address {_network(request.client.host if request.client else '')}", self._address_limit
        return f"key {key.id}", self._key_limit if key.requests_per_minute is None else key.requests_per_minute


def _network(address: str) -> str:
    """The address, of IPv6 its first 64 bits: one customer has all that follow."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


class _Buckets:
    """What each name has left. The least recently used are forgotten, which gives them a full bucket."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_minute: int) -> float:
        """Takes one request; 0, or the seconds after which there is one to take."""
        with self._lock:
            left, now = self._now(name, per_minute)
            self._keep(name, left - 1 if left >= 1 else left, now)
            return 0.0 if left >= 1 else (1 - left) * 60 / per_minute

    def charge(self, name: str, per_minute: int, requests: int) -> None:
        """Takes more, into debt."""
        with self._lock:
            left, now = self._now(name, per_minute)
            self._keep(name, left - requests, now)

    def _now(self, name: str, per_minute: int) -> tuple[float, float]:
        now, most = self._clock(), max(1.0, per_minute / 6)
        left, then = self._left.get(name, (most, now))
        return min(most, left + (now - then) * per_minute / 60), now

    def _keep(self, name: str, left: float, now: float) -> None:
        self._left[name] = left, now
        self._left.move_to_end(name)
        if len(self._left) > _MOST_BUCKETS:
            self._left.popitem(last=False)
