"""Which measurements stand already? A run is made of parts, each kept in a file of its own, so that it goes on where it was cut off.

A part is used again only where it was made with the same code, packages, machine, corpus and questions.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.engines import ROOT


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured, as JSON holds it, and the commit at which that was."""

    commit: str
    result: Any


@dataclass(frozen=True, slots=True)
class Parts:
    """The measurements in a folder; with `fresh` none of those that stood there before."""

    folder: Path
    fresh: bool = False

    def get(self, name: str, made_with: Mapping[str, str], measure: Callable[[], Any], *, leaves: Path | None = None) -> Part:
        """The part of this name, measured now unless it stands there made with the same, and with it what measuring it `leaves`."""
        path = self.folder / f"{name}.json"
        stands = path.exists() and not self.fresh and (leaves is None or leaves.exists())
        kept = json.loads(path.read_text("utf-8")) if stands else None
        if kept is not None and kept["made_with"] == dict(made_with):
            return Part(kept["commit"], kept["result"])
        path.unlink(missing_ok=True)  # what it was measured on may be gone half-way through
        kept = {"made_with": dict(made_with), "commit": commit(), "result": measure()}
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = path.with_suffix(".part")
        waiting.write_text(json.dumps(kept), "utf-8")
        waiting.rename(path)
        return Part(kept["commit"], json.loads(json.dumps(kept["result"])))


def file_digest(path: Path) -> str:
    """A digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def commit() -> str:
    """The commit that stands here, whatever results were written since. "5ea38d9", "5ea38d9 with local changes" """

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False).stdout.strip()

    changed = " with local changes" if git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!tests/bench/results") else ""
    return f"{git('rev-parse', '--short', 'HEAD') or 'unknown'}{changed}"
