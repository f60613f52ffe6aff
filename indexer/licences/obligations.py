"""What does a licence ask of those who use its code in a certain way? A table in the tree: `obligations.json`.

    license -> conditions      from choosealicense's data, or read from the licence itself; each row says which
    condition -> what to do, and under which use (`internal`, `saas`, `distributed`) it is asked for

A licence that the table does not hold is answered with None: unknown, a person has to read it.

Not here: whether two licences go together (`indexer.licences.compatibility`), notice texts (`indexer.licences.notice`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from indexer.errors import InputError
from indexer.licences.categories import alternatives


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to do: the licence that asks for it, the condition's name, a sentence, and whose reading this is."""

    license: str
    condition: str
    text: str
    source: str


def duties(expression: str | None, use: str) -> tuple[Duty, ...] | None:
    """What an expression asks for under a use; None where one of its licences is not in the table.

    Of a choice (OR) the alternative that asks for least is taken. "MIT OR GPL-2.0-only" -> what MIT asks for. Raises InputError
    for an unknown use.
    """
    table = _table()
    if use not in table.uses:
        raise InputError(f"use is {use!r}; it takes {', '.join(table.uses)}")
    choices = [_of_all(licences, use) for licences in alternatives(expression)]
    known = [choice for choice in choices if choice is not None]
    return min(known, key=len) if known else None


def version() -> str:
    """The table's date."""
    return _table().version


def _of_all(licences: tuple[str, ...], use: str) -> tuple[Duty, ...] | None:
    """The duties of licences that all hold, each condition of each licence once. An exception (WITH) changes no condition here."""
    table = _table()
    asked: list[Duty] = []
    for name in licences:
        row = table.licences.get(name.partition(" WITH ")[0])
        if row is None:
            return None
        for condition in row["conditions"]:
            trigger = table.triggers[condition]
            if trigger[use]:
                asked.append(Duty(name, condition, trigger["text"], row["source"]))
    return tuple(dict.fromkeys(asked))


@dataclass(frozen=True, slots=True)
class _Table:
    version: str
    uses: dict[str, str]
    triggers: dict[str, dict[str, Any]]
    licences: dict[str, dict[str, Any]]


@cache
def _table() -> _Table:
    read = json.loads(files("indexer.licences").joinpath("obligations.json").read_text("utf-8"))
    return _Table(
        read["version"],
        read["uses"],
        {row["condition"]: row for row in read["triggers"]},
        {row["id"]: row for row in read["licences"]},
    )
