"""Which cluster and index does a location name, and with which credentials? `es+https://host:9200/name`, and the environment.

Credentials are never part of a location, which is printed, logged and remembered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from indexer.errors import InputError
from indexer.location import refuse_credentials

PREFIX = "WHEREFROM_ELASTICSEARCH_"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
SETTINGS = {
    "user": "name to be let in by",
    "password": "password of that user",
    "api_key": "API key instead of both",
    "ca_file": "file of certificates (PEM) that sign the cluster's",
    "hosts": "further nodes of the same cluster, HOST:PORT separated by commas: they are asked as well, and go on when one is gone",
    "timeout_ms": "longest time for one question in milliseconds, all tries included, 100 to 3600000; by default 20000",
    "shards": "primary shards of a new index, 1 to 1024; by default 1",
    "replicas": "copies of each shard of a new index, 0 to 16; by default 0",
    "filter_mb": "MB that the membership filter may take for a process to fetch it, 0 to 1048576; by default 2048",
}
_NUMBERS = {"shards": (1, 1024, 1), "replicas": (0, 16, 0), "timeout_ms": (100, 3_600_000, 20_000), "filter_mb": (0, 1 << 20, 2048)}


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster's URL and the name of an index there, and how to be let in.

    `user` and `password`, or an `api_key` (untried: the distribution that tests run cannot make one); `ca_file` signs the cluster's
    certificate. `shards` and `replicas` are those of new indexes. `others` are the URLs of further nodes of the cluster, `timeout_ms` is
    the longest time for one question; a membership filter of at most `filter_mb` is fetched into the folder `filters`.
    """

    url: str
    name: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    shards: int = 1
    replicas: int = 0
    others: tuple[str, ...] = ()
    timeout_ms: int = 20_000
    filter_mb: int = 2048
    filters: Path = Path("filters")

    @property
    def location(self) -> str:
        """What users write."""
        return f"es+{self.url}/{self.name}"


def place_of(location: str, environment: Mapping[str, str] | None = None) -> Place:
    """Reads a location, and `WHEREFROM_ELASTICSEARCH_USER`, `_PASSWORD`, `_API_KEY`, `_CA_FILE` and the other SETTINGS.

    Raises InputError.
    """
    refuse_credentials(location)
    environment = environment or os.environ
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    try:
        parts = urlsplit(location.removeprefix("es+"))
        host, port = parts.hostname, parts.port or 9200
    except ValueError:
        parts, host, port = urlsplit(""), None, 0
    name = parts.path.strip("/")
    if not host or not _NAME.fullmatch(name) or parts.query or parts.fragment:
        raise InputError(
            f"{location}: wanted es+https://HOST:PORT/NAME or es+http://HOST:PORT/NAME, NAME of a-z, 0-9, _ and -, no sign first"
        )
    numbers = {name: _number(given, name, *bounds) for name, bounds in _NUMBERS.items()}
    access = {name: given.get(name) or None for name in SETTINGS if name not in (*_NUMBERS, "hosts")}
    others = tuple(_other(each.strip(), parts.scheme) for each in given.get("hosts", "").split(",") if each.strip())
    filters = _filters(environment)
    return Place(_url(parts.scheme, host, port), name, others=others, filters=filters, **access, **numbers)  # type: ignore[arg-type]


def _filters(environment: Mapping[str, str]) -> Path:
    """Where filters are kept for this user."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wherefrom" / "filters"


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _other(text: str, scheme: str) -> str:
    """The URL of a further node. ("b:9201", "https") -> "https://b:9201" """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or 9200
    except ValueError:
        parts, host, port = urlsplit(""), None, 0
    if not host or parts.netloc != text or "@" in text:
        raise InputError(f"{PREFIX}HOSTS: wanted HOST:PORT separated by commas, without credentials or scheme, which are the location's")
    return _url(scheme, host, port)


def _number(given: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InputError(f"{PREFIX}{name.upper()}={text!r}: wanted a whole number from {least} to {most}")
    return int(text)
