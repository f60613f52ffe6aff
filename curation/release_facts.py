"""What decides what is in a release, what does it say of itself, and under which name is the work on it kept?

Not here: doing the work (`curation.curate`), writing the manifest (`curation.release_folder`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.cards import CardSettings
from curation.layout import Layout
from curation.lineage import Lineage
from curation.release_folder import MANIFEST, REPOSITORIES, sha256
from curation.settings import Settings
from curation.terms import DEFAULT_TERMS
from indexer.corpus import Release
from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class Described:
    """What a release says of itself."""

    name: str
    version: str
    date: str
    previous: Release | None = None
    terms: str = DEFAULT_TERMS
    card: CardSettings = field(default_factory=CardSettings)


@dataclass(frozen=True, slots=True)
class Choices:
    """What decides, beside the input, what is in a release: the settings, what was asked to be left out, benchmarks to keep out."""

    settings: Settings = field(default_factory=Settings)
    removals: Path | None = None
    benchmarks: tuple[Path, ...] = ()


def description(described: Described) -> dict[str, Any]:
    """Name, version and date of a release, and which one it follows."""
    previous = described.previous
    return {
        "kind": "release",
        "name": described.name,
        "version": described.version,
        "date": described.date,
        "previous_version": previous.manifest.get("version") if previous else None,
        "previous_manifest_sha256": sha256(previous.path / MANIFEST) if previous else None,
    }


def counts_of(lineage: Lineage, layout: Layout, release: Path) -> dict[str, Any]:
    """What was read, dropped and left, in both editions."""
    steps = {
        name: account for name, account in lineage.steps.items() if name != "near_duplicates"
    }  # which leaves an edition, not the release
    dropped = {name: account.dropped.total() for name, account in steps.items() if account.dropped.total()}
    return {
        "read": lineage.of("read").rows_in,
        "dropped": dropped,
        "documents": sum(part.documents for part in layout.parts),
        "text_bytes": sum(part.text_bytes for part in layout.parts),
        "deduplicated_documents": lineage.of("near_duplicates").rows_out,
        "deduplicated_text_bytes": lineage.of("near_duplicates").bytes_out,
        "repositories": pq.read_metadata(release / REPOSITORIES).num_rows,
        "languages": layout.languages(),
    }


def stated(choices: Choices) -> dict[str, Any]:
    """What the manifest says of the choices: files by name and hash."""
    given = {"removals": [choices.removals] if choices.removals else [], "benchmarks": choices.benchmarks}
    return choices.settings.as_json() | {name: {path.name: _digest(path) for path in paths} for name, paths in given.items()}


def work_key(input_hashes: Sequence[str], choices: Choices, previous: Release | None) -> str:
    """A name for everything that decides what the stages leave: input and choices by their hashes, the release before, the program."""
    before = sha256(previous.path / MANIFEST) if previous else None
    text = json.dumps([input_hashes, stated(choices), before, _program()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a file") from error


@lru_cache(1)
def _program() -> str:
    """A digest of what makes bytes here: our own modules, and the version of the library that writes them."""
    digest = hashlib.sha256(pa.__version__.encode())
    for folder in (Path(__file__).parent, Path(__file__).parents[1] / "indexer"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
