"""Which API keys are there? A file of their hashes; the keys themselves are shown once, when they are made.

A key is `wf_ID_SECRET` with 256 random bits of secret, so one round of SHA-256 hides it as well as a slow hash would: there is
nothing to guess. `{"keys": [{"id", "name", "sha256", "created", "requests_per_minute"}]}` is the file.

Not here: how often a key may ask (`search_api.admission`), the commands (`search_api.keys_cli`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.errors import InputError

_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. `requests_per_minute` is None where the server's setting counts."""

    id: str
    name: str
    sha256: str
    created: str
    requests_per_minute: int | None = None


def new_key(name: str, created: str, requests_per_minute: int | None) -> tuple[str, Key]:
    """A new key, and what is kept of it."""
    key_id = secrets.token_hex(4)
    text = f"wf_{key_id}_{secrets.token_urlsafe(32)}"
    return text, Key(key_id, name, _hash(text), created, requests_per_minute)


def find(keys: Iterable[Key], text: str) -> Key | None:
    """The key with this text. The time tells nothing about secrets: one hash and one comparison, whether the id is known or not."""
    key_id = text.removeprefix("wf_").partition("_")[0]
    known = next((key for key in keys if key.id == key_id), None)
    is_it = hmac.compare_digest(_hash(text), known.sha256 if known else _NOBODY)
    return known if is_it else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def read(path: Path) -> tuple[Key, ...]:
    """The keys of a file. Raises InputError; a file that is not there is one too."""
    try:
        return tuple(Key(**each) for each in json.loads(path.read_bytes())["keys"])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); make a key with: wherefrom keys create NAME --file {path}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a file of keys ({type(error).__name__}); wherefrom keys create writes one") from None


def write(path: Path, keys: Iterable[Key]) -> None:
    """Writes the file, whole or not at all, readable by its owner alone. Raises InputError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump({"keys": [asdict(key) for key in keys]}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); give a file in a folder that is there") from None
    finally:
        part.unlink(missing_ok=True)


class KeyFile:
    """The keys of a file that may change: looked at anew whenever it has been written, so that a revoked key ends at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    def keys(self) -> tuple[Key, ...]:
        """The keys now. Raises InputError. One look at the file's date; any thread."""
        with self._lock:
            try:
                status = self._path.stat()
                stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            except OSError:
                stamp = None
            if stamp is None or stamp != self._stamp:
                self._keys = read(self._path)
                self._stamp = stamp
            return self._keys
