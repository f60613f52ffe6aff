"""Which packages make the corpus, and which stay outside of it? The lists of packages.json, versions pinned.

Not here: fetching them (`download`), choosing their files (`extract`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["deb", "py", "npm"]
Split = Literal["corpus", "heldout", "growth"]

LIST = Path(__file__).with_name("packages.json")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One package of a registry: `deb` a Debian source package, `py` a wheel, `npm` a tarball."""

    kind: Kind
    name: str
    version: str

    @property
    def key(self) -> str:
        """Kind and name, as in packages.json. Package("npm", "vue", "3.5") -> "npm/vue" """
        return f"{self.kind}/{self.name}"

    @property
    def repository(self) -> str:
        """What the workload calls this package in one version. Package("npm", "vue", "3.5") -> "npm/vue@3.5" """
        return f"{self.key}@{self.version}"


def packages(split: Split, *, quick: bool = False) -> list[Package]:
    """The packages of one split, sorted by kind and name; `quick` is about a tenth of the text. `growth` are large, beside `corpus`."""
    lists = json.loads(LIST.read_text("utf-8"))
    every = sorted(Package(kind, name, version) for kind, versions in lists[split].items() for name, version in versions.items())
    if not quick:
        return every
    chosen = set(lists["quick"][split])
    return [package for package in every if package.key in chosen]
