"""What has to be compiled before the tests begin? What servers, clients and browsers ask for: they wait for an answer, not a compiler.

`python -m tests.compiling` asks a small index everything once; half a minute where nothing is compiled yet. `compiled` runs it where
numba's cache is not this tree's. Each process that runs tests has a cache of its own, begun as a copy: numba's is not made for two
processes that compile the same function for different arrays at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.index import Index

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".pytest_cache" / "kernels"
_MARK = "compiled"


def compiled(environment: MutableMapping[str, str]) -> None:
    """Names numba's cache of this process, and of those that it starts, in the environment."""
    worker = environment.get("PYTEST_XDIST_WORKER")
    mine = CACHE.with_name(f"kernels-{worker}") if worker else CACHE
    environment["NUMBA_CACHE_DIR"] = str(mine)
    if not _is_current(mine):
        shutil.rmtree(mine, ignore_errors=True)
        if worker and _is_current(CACHE):
            shutil.copytree(CACHE, mine)
        else:
            print("compiling the kernels for the tests: half a minute, once", file=sys.stderr)
            python_path = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
            subprocess.run([sys.executable, "-m", "tests.compiling"], env={**environment, "PYTHONPATH": python_path}, check=True)
            (mine / _MARK).write_text(_state(), "ascii")


def _is_current(cache: Path) -> bool:
    return (cache / _MARK).is_file() and (cache / _MARK).read_text("ascii") == _state()


def _state() -> str:
    """What decides whether compiled kernels are those of this tree."""
    digest = hashlib.sha256(f"{sys.version} {version('numba')}".encode())
    for file in sorted(ROOT.glob("*/**/*kernels.py")):
        digest.update(f"{file} {file.stat().st_mtime_ns}".encode())  # numba goes by the time too
    return digest.hexdigest()


def main() -> None:
    """Builds an index, asks it, changes it."""
    from indexer.add import add_documents
    from indexer.build import build_index
    from indexer.index import Index
    from indexer.merge import merge
    from indexer.stores.local.removal import remove
    from tests.indexer.conftest import batches_of, package_rows

    rows, named = list(package_rows("h11")), {"version": "1", "date": "2024-06-07"}
    text = "\n".join(row["content"][:1500] for row in rows[::5])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "small.index")
        build_index(place, batches_of(rows[5:]), name="small", **named)
        add_documents(place, batches_of(rows), **named)
        with Index.open(place) as index:
            _ask(index, text)
            index.export_filter(Path(folder, "filter"), "2024-06-07T00:00:00+00:00")
            remove(place, repositories=["pypi/none"], documents=[index.attribute(text).sources[0].document_id])
            index.refresh()
            _ask(index, text)
        merge(place)


def _ask(index: Index, text: str) -> None:
    for asked in (text, text.replace("self", "this").replace("state", "stage")):
        index.membership(asked)
        index.attribute(asked, offset_unit="utf-16")
    index.membership_many([text] * 3)
    index.attribute_many([text] * 3)
    index.search("connection state")
    index.search('"self._state" pars*')
    index.repositories()
    index.candidates([1, 2])
    assert index.verify().problems == ()


if __name__ == "__main__":
    main()
