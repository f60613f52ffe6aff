"""The commands about API keys: keys create, keys list, keys revoke. A running server follows the file at once.

Not here: what a key is (`search_api.keys`), what a server does with it (`search_api.admission`).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from indexer.errors import InputError
from search_api import keys

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
commands = typer.Typer(no_args_is_help=True)
app.add_typer(commands, name="keys")

FileOption = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The keys file. Default: WHEREFROM_KEYS_FILE.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON document and nothing else.")]


@commands.callback()
def about() -> None:
    """API keys of a server: it keeps their hashes alone, in the file that WHEREFROM_KEYS_FILE names.

    Example: wherefrom keys create ci --file keys.json, then: WHEREFROM_KEYS_FILE=keys.json wherefrom serve
    """


@commands.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for you to recognise it by.")],
    *,
    file: FileOption = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="How often it may ask; 0: no limit. Default: the server's setting.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, this once.

    Example: wherefrom keys create ci --file keys.json --requests-per-minute 600
    """
    path = _file(file)
    known = keys.read(path) if path.exists() else ()
    text, key = keys.new_key(name, datetime.now(UTC).isoformat(timespec="seconds"), requests_per_minute)
    keys.write(path, [*known, key])
    print(json.dumps({"key": text, **_shown(key)}, indent=2) if as_json else text)


@commands.command("list")
def list_(*, file: FileOption = None, as_json: JsonOption = False) -> None:
    """The keys of a file; not what they are, which nobody knows any more.

    Example: wherefrom keys list --file keys.json
    """
    known = keys.read(_file(file))
    if as_json:
        print(json.dumps([_shown(key) for key in known], indent=2))
        return
    from search_api.terminal import safe

    for key in known:
        limit = "" if key.requests_per_minute is None else f"  {key.requests_per_minute} a minute"
        print(f"{key.id}  {key.created}  {safe(key.name)}{limit}")


@commands.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")],
    *,
    file: FileOption = None,
) -> None:
    """End a key.

    Example: wherefrom keys revoke 1f2e3d4c --file keys.json
    """
    path = _file(file)
    known = keys.read(path)
    left = [key for key in known if key.id != key_id]
    if len(left) == len(known):
        raise InputError(f"{path}: no key {key_id!r}; `wherefrom keys list` shows the ids")
    keys.write(path, left)


def _file(given: Path | None) -> Path:
    named = given or os.environ.get("WHEREFROM_KEYS_FILE")
    if not named:
        raise InputError("no keys file is named: give --file FILE or set WHEREFROM_KEYS_FILE")
    return Path(named)


def _shown(key: keys.Key) -> dict[str, object]:
    return {name: value for name, value in asdict(key).items() if name != "sha256"}
