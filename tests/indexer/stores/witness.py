"""A process that says what an index answers, in a fork of its own each time: damaged bytes may end a process outright.

Reads the path of an index folder a line, answers with a line of JSON: {"verify": ..., "attribute": ..., ...}. Each value is a digest of the
sound answer, `refused` for an error of a documented kind, `found` where `verify` lists problems, or what else went wrong, in words. The
first index asked about must be sound.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from indexer.answers import to_json
from indexer.errors import UnusableIndex
from indexer.index import Index
from tests.indexer.conftest import package_rows
from tests.limits import HANG_SECONDS

SOURCES = ("h11", "pluggy")
Question = Callable[[Index], Any]


@cache
def texts() -> list[str]:
    """Pieces of some of the files that the index holds."""
    contents = [row["content"] for name in SOURCES for row in package_rows(name)]
    return [content[len(content) // 3 :][:3000] for content in contents if len(content) > 300][::4]


def questions() -> dict[str, Question]:
    """What a user may ask, over every part of the index."""
    asked = texts()
    queries = ("hook", "event state", '"def register"', "conn*", "repository:h11 data")
    return {
        "info": lambda index: index.info,
        "attribute": lambda index: [index.attribute(text) for text in asked],
        "membership": lambda index: [index.membership(text) for text in asked],
        "document": lambda index: [index.document(source.document_id) for source in index.attribute(asked[0]).sources],
        "search": lambda index: [index.search(query) for query in queries],
        "repositories": lambda index: index.repositories(),
    }


def said(work: Callable[[], Any]) -> str:
    """The digest of an answer, or which error it was."""
    try:
        answer = work()
    except UnusableIndex:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return hashlib.sha1(json.dumps(to_json(answer), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def testimony(folder: Path) -> dict[str, str]:
    """What an index says to everything."""
    out = {"verify": said(lambda: Index.open(folder).verify().problems == () or _problems_found())}
    try:
        index = Index.open(folder)
    except UnusableIndex:
        return out
    except Exception as error:
        return out | {"open": f"{type(error).__name__}: {error}"}
    return out | {name: said(lambda question=question: question(index)) for name, question in questions().items()}  # type: ignore[misc]


def _problems_found() -> str:
    raise UnusableIndex("verify lists problems")


def _fork(folder: Path) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)  # a question that is never answered is a fault, not a wait
        with contextlib.suppress(BaseException):
            os.write(writing, json.dumps(testimony(folder)).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return answer or json.dumps({"process": f"ended with {os.waitstatus_to_exitcode(status)}"})


if __name__ == "__main__":
    texts()  # read once, before any fork
    if sys.argv[1:]:
        testimony(Path(sys.argv[1]))
        sys.exit(0)
    first = sys.stdin.readline().strip()
    # A process of its own compiles what is not compiled yet: a fork is no place for that.
    subprocess.run([sys.executable, "-m", "tests.indexer.stores.witness", first], check=False, stdout=subprocess.DEVNULL)
    loaded = Index.open(Path(first))  # what is compiled is loaded once, for all forks; searching is left to them, since it has threads
    loaded.membership(texts()[0])
    loaded.attribute(texts()[0])
    for line in itertools.chain([first], sys.stdin):
        print(_fork(Path(line.strip())), flush=True)
