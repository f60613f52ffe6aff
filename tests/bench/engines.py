"""Which engines are measured, and what do their figures depend on? One entry each; a new peer needs no more than its line here.

Not here: what an engine must offer (`engine`).
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.bench.engine import Engine

ROOT = Path(__file__).parents[2]
_MEASURING = ("tests/bench/engine.py", "tests/bench/worker.py", "tests/bench/measure.py")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an engine is made; the files and folders whose code, and the packages whose version, its figures depend on."""

    module: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


_WHEREFROM = ("indexer", "tests/bench/wherefrom_engine.py")
_WHEREFROM_PACKAGES = ("numpy", "numba", "pyarrow", "tantivy")
_PORTRAITS = "tests/bench/peers/data_portraits.py"

# A peer's packages are imported in its own process only.
ENGINES = {
    "wherefrom": Entry(
        "tests.bench.wherefrom_engine", "Wherefrom", {"name": "Wherefrom", "full_text": False}, _WHEREFROM, _WHEREFROM_PACKAGES
    ),
    "wherefrom-full-text": Entry(
        "tests.bench.wherefrom_engine",
        "Wherefrom",
        {"name": "Wherefrom with full text", "full_text": True},
        _WHEREFROM,
        _WHEREFROM_PACKAGES,
    ),
    "data-portraits": Entry("tests.bench.peers.data_portraits", "DataPortraits", {}, (_PORTRAITS,), ("rbloom", "xxhash")),
    "pybloom-live": Entry(
        "tests.bench.peers.pybloom", "Pybloom", {}, (_PORTRAITS, "tests/bench/peers/pybloom.py"), ("pybloom-live", "bitarray", "xxhash")
    ),
    "tantivy": Entry("tests.bench.peers.full_text", "FullText", {}, ("tests/bench/peers/full_text.py",), ("tantivy",)),
    "infini-gram": Entry(
        "tests.bench.peers.infini_gram", "InfiniGram", {}, ("tests/bench/peers/infini_gram.py",), ("infini-gram", "numpy", "xxhash")
    ),
}


def load_engine(key: str) -> Engine:
    """The engine of this key, its packages imported."""
    entry = ENGINES[key]
    engine: Engine = getattr(import_module(entry.module), entry.name)(**entry.arguments)
    return engine


def made_with(key: str) -> dict[str, str]:
    """What the figures of an engine depend on, beside the corpus and the questions: code, versions, machine."""
    entry = ENGINES[key]
    return {
        "engine": key,
        "code": code_digest((*_MEASURING, *entry.code)),
        "packages": versions(entry.packages),
        "machine": f"{platform.machine()} {platform.node()}",
    }


def code_digest(places: tuple[str, ...]) -> str:
    """A digest of Python files, and of all that are in some folders."""
    digest = hashlib.sha256()
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def versions(packages: tuple[str, ...]) -> str:
    """Python and packages with their versions; what is not installed is left out."""
    found = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
