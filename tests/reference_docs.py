"""What are all the commands, settings, routes and Python names? Prints REFERENCE.md from the program itself: `make reference`."""

from __future__ import annotations

import dataclasses
import inspect
import json
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

import wherefrom

TARGET = Path(__file__).parents[1] / "REFERENCE.md"

_HEAD = """\
# Reference

Every command, setting, route and Python name. This file is written by `make reference` from the program itself; a test compares.
What the fields of an answer mean stands in `indexer/answers.py`; the routes with all their fields and examples at `/docs` of a
running server.
"""


def reference() -> str:
    """The whole of REFERENCE.md."""
    return "\n".join(
        [_HEAD, *_commands(), *_settings(), *_cluster_settings(), *_curation_settings(), *_audit_settings(), *_routes(), *_names()]
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A markdown table; a bar inside a cell is escaped."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def command_options(name: str) -> list[tuple[str, str]]:
    """(option or argument as typed, what it does) of one command; `--help` aside."""
    return [(_typed(param), _what(param)) for command in _tree(name).values() for param in command.params if param.name != "help"]


def _tree(name: str) -> dict[str, Any]:
    """A command by its name, and the commands below it where it is a group. filter -> filter, filter export, filter import ..."""
    command = typer.main.get_command(import_module(wherefrom.COMMANDS[name][0]).app).commands[name]  # type: ignore[attr-defined]
    return {name: command} | {f"{name} {inner}": found for inner, found in getattr(command, "commands", {}).items()}


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for group, (_, what) in wherefrom.COMMANDS.items():
        for name, command in _tree(group).items():
            text = "\n\n".join(inspect.cleandoc(part) for part in (command.help, command.epilog) if part)
            yield f"### `wherefrom {name}`\n" + (f"\n{what[0].upper()}{what[1:]}.\n" if name == group else "") + f"\n```\n{text}\n```\n"
            if options := [(_typed(param), _what(param)) for param in command.params if param.name != "help"]:
                yield table(["option", "what it does"], [[f"`{typed}`", text] for typed, text in options])


def _typed(param: Any) -> str:
    """As it is typed. Option --limit of int -> "--limit N" """
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    names = ", ".join([*param.opts, *param.secondary_opts])
    return names if param.is_flag else f"{names} {param.metavar or 'VALUE'}"


def _what(param: Any) -> str:
    default = "" if param.default in (None, False, (), []) or callable(param.default) or param.required else f" Default: {param.default}."
    return f"{(param.help or '').strip()}{default}"


def _settings() -> Iterator[str]:
    from search_api.settings import Settings

    prefix = Settings.model_config["env_prefix"]
    rows = [[f"`{prefix}{name.upper()}`", f"`{field.default}`", field.description or ""] for name, field in Settings.model_fields.items()]
    yield "## Settings of a server\n\nRead from the environment.\n"
    yield table(["variable", "default", "what it sets"], rows)


def _cluster_settings() -> Iterator[str]:
    from indexer.stores.elastic.settings import PREFIX, SETTINGS

    yield "## Settings for an index in Elasticsearch\n\nRead from the environment wherever a location is `es+https://HOST:9200/NAME`.\n"
    yield table(["variable", "what it sets"], [[f"`{PREFIX}{name.upper()}`", told] for name, told in SETTINGS.items()])


def _curation_settings() -> Iterator[str]:
    from curation.settings import Settings

    defaults = Settings().as_json()
    languages = defaults["filters"].pop("languages")
    defaults["malicious"].pop("address")  # of ClamAV's daemon: there is none by default, and no word for that
    tables = [line for name, table in defaults.items() for line in (f"[{name}]", *(_toml(key, value) for key, value in table.items()), "")]
    exceptions = [_toml(f'"{name}"', different) for name, different in languages.items()]
    yield "## Settings of curation\n\nIn the TOML file that `wherefrom curate --settings FILE` names; here with every default."
    yield '`"off"` switches a threshold of `[filters]` off; `malicious.address` is that of ClamAV, `unix:PATH` or `tcp:HOST:PORT`.'
    yield "What each means stands in `curation/settings.py` and the modules it names.\n"
    yield "\n".join(["```toml", *tables, "[filters.languages]  # what differs for one language", *exceptions, "```\n"])


def _toml(name: str, value: Any) -> str:
    """A line of a settings file. ("max_lines", None) -> max_lines = "off" """
    if isinstance(value, dict):
        return f"{name} = {{ {', '.join(_toml(key, inner) for key, inner in value.items())} }}"
    written = '"off"' if value is None else json.dumps(value)
    return f"{name} = {written}"


def _audit_settings() -> Iterator[str]:
    from search_api.audit import settings

    told = inspect.getdoc(settings) or ""
    example = told[told.index("    [audit]") : told.index("Whatever is misspelt")]
    defaults = [
        [f"`{field.name}`", f"`{default}`"]
        for kind in (settings.Settings, settings.Own, settings.Policy)
        for field in dataclasses.fields(kind)
        if isinstance(default := field.default, str | int | bool | tuple | None) and field.name != "file"
    ]
    yield "## Settings of an audit\n\nIn `wherefrom.toml`, or `[tool.wherefrom.audit]` of pyproject.toml.\n"
    yield f"```toml\n{inspect.cleandoc(example)}\n```\n"
    yield table(["setting", "default"], defaults)


def openapi() -> dict[str, Any]:
    """The API's own description; no index is needed for it."""
    from search_api.app import create_app
    from search_api.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        return create_app(f"{folder}/none.index", Settings()).openapi()


def _routes() -> Iterator[str]:
    rows = [
        [f"`{method.upper()} {path}`", _first_line(operation.get("description"))]
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    yield "## Routes\n"
    yield table(["route", "answer"], rows)


def _names() -> Iterator[str]:
    rows = []
    for name, module in sorted(wherefrom.NAMES.items()):
        rows.append([f"`{name}`", f"`{module}`", _first_line(inspect.getdoc(getattr(wherefrom, name)))])
    yield "## Python: `import wherefrom`\n\n`wherefrom.open(location)` gives an `Index` or a `Client`, with the same methods.\n"
    yield table(["name", "defined in", "what it is"], rows)
    methods = [name for name in vars(wherefrom.Index) if not name.startswith("_")]
    yield "### What an index offers\n"
    yield table(
        ["`Index`", "what it gives"], [[f"`{name}`", _first_line(inspect.getdoc(getattr(wherefrom.Index, name)))] for name in methods]
    )


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


if __name__ == "__main__":
    print(reference(), end="")
