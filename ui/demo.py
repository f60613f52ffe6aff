"""Where does the demo's index stand, and is it still that of the packages installed here?

Not here: the command (`ui.cli`), how packages become an index (`curation.pipeline`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from curation.pipeline import Progress, index_sources
from indexer.errors import InputError, UnusableIndex
from indexer.fingerprint.spec import SPEC
from indexer.index import Index
from wherefrom import __version__


def default_folder(environment: Mapping[str, str]) -> Path:
    """`wherefrom/demo.index` in this user's data folder."""
    data = environment.get("XDG_DATA_HOME") or Path(environment.get("HOME") or Path.home(), ".local", "share")
    return Path(data, "wherefrom", "demo.index")


def is_current(folder: Path) -> bool:
    """Whether the index in the folder was built from exactly the packages installed now, by this version, and opens."""
    try:
        if json.loads(_stamp_file(folder).read_text("utf-8")) != _stamp():
            return False
        Index.open(folder).close()
    except (OSError, ValueError, UnusableIndex):
        return False
    return True


def build(folder: Path, date: str, *, force: bool, progress: Progress | None = None) -> str:
    """Builds the index of the packages installed here and says what it holds. What stands there answers until it is complete.

    Raises InputError where something else than the demo's index stands there (another index is replaced with `force`), IndexLocked,
    OutOfSpace.
    """
    stamp = _stamp_file(folder)
    is_taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if is_taken and not force and not stamp.exists():
        raise InputError(
            f"{folder}: holds something that `wherefrom demo` did not make; choose another --index-folder, or replace it with --rebuild"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text("{}", "utf-8")  # the folder is the demo's; its index is not current until it is complete
    report = index_sources(["python-env"], folder, name="installed-packages", date=date, force=True, progress=progress).report
    stamp.write_text(json.dumps(_stamp()), "utf-8")
    return f"{report.documents:,} files, {report.text_bytes / 1e6:,.0f} MB of text, in {report.seconds:.0f} s"


def _stamp() -> dict[str, object]:
    """What decides whether an index is current: every package with its version, and what builds the index."""
    packages = {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}
    return {"packages": dict(sorted(packages.items())), "spec": SPEC.name, "wherefrom": __version__}


def _stamp_file(folder: Path) -> Path:
    return folder.with_name(folder.name + ".packages.json")
