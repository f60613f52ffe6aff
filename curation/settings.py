"""Which settings does a run of `wherefrom curate` have, and what does a settings file say?

A TOML file with one table a step; what it leaves out keeps its default, and a name that no step knows is refused.

    [licenses]
    policy = "permissive"

    [write]
    part_mb = 256

Not here: what the steps do with them (`curation.steps`, `curation.write_stage`).
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.decontamination import DecontaminationSettings
from curation.filter_settings import FilterSettings
from curation.licences import POLICIES, Policy
from curation.malicious import MalwareSettings
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.redaction import RedactionSettings
from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """How much is worked on at once: about `mb` MB of text are a shard, the unit that is checkpointed."""

    mb: float = 32.0


@dataclass(frozen=True, slots=True)
class LicenseSettings:
    """Which files the licences admit; `unlicensed` lets files stay for which no licence is stated, as The Stack v2 does."""

    policy: Policy = "any"
    unlicensed: bool = False


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """How the release is cut: a file has at most about `part_mb` MB of text, a row group `group_mb`."""

    part_mb: float = 128.0
    group_mb: float = 8.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what comes out, but for the input; a table of the settings file each."""

    shards: ShardSettings = field(default_factory=ShardSettings)
    licenses: LicenseSettings = field(default_factory=LicenseSettings)
    malicious: MalwareSettings = field(default_factory=MalwareSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    decontamination: DecontaminationSettings = field(default_factory=DecontaminationSettings)
    redaction: RedactionSettings = field(default_factory=RedactionSettings)
    near_duplicates: NearDuplicateSettings = field(default_factory=NearDuplicateSettings)
    write: WriteSettings = field(default_factory=WriteSettings)

    def __post_init__(self) -> None:
        if self.licenses.policy not in POLICIES:
            raise InputError(f"licenses.policy: {self.licenses.policy!r}; wanted one of {', '.join(POLICIES)}")
        for name, size in (("shards.mb", self.shards.mb), ("write.part_mb", self.write.part_mb), ("write.group_mb", self.write.group_mb)):
            if not 0 < size < float("inf"):
                raise InputError(f"{name}: {size}; wanted a number of MB above 0")

    def as_json(self) -> dict[str, Any]:
        """As the manifest states them."""
        return {each.name: _as_json(getattr(self, each.name)) for each in dataclasses.fields(self)}


def _as_json(table: Any) -> dict[str, Any]:
    if isinstance(table, FilterSettings | RedactionSettings):
        return table.as_mapping()
    if isinstance(table, MalwareSettings):
        return {"address": table.address, "content_ids": sorted(table.content_ids)}
    return dataclasses.asdict(table)


def read_settings(path: Path) -> Settings:
    """The settings of a file. Raises InputError, naming the file and the key, where it cannot be used as it is."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error}); correct it") from error
    try:
        return settings_of(tables)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def settings_of(tables: Mapping[str, Any]) -> Settings:
    """Settings of nested mappings. {"licenses": {"policy": "permissive"}} -> Settings(licenses=LicenseSettings("permissive"))"""
    defaults = Settings()
    _check_names(tables, [each.name for each in dataclasses.fields(defaults)], "table", "")
    return Settings(**{name: _table(name, table, getattr(defaults, name)) for name, table in tables.items()})


def _table(name: str, table: Any, defaults: Any) -> Any:
    if not isinstance(table, Mapping):
        raise InputError(f"{name}: {table!r}; wanted a table, [{name}] and its keys below")
    if isinstance(defaults, FilterSettings):
        return FilterSettings.from_mapping(table, name)
    if isinstance(defaults, MalwareSettings):
        return _malware_settings(name, table)
    _check_names(table, [each.name for each in dataclasses.fields(defaults)], "key", f"{name}.")
    values: dict[str, Any] = {}
    for key, value in table.items():
        default = getattr(defaults, key)
        if isinstance(value, bool) is not isinstance(default, bool) or not isinstance(value, _kinds(default)):
            raise InputError(f"{name}.{key}: {value!r}; wanted a value like {default!r}")
        values[key] = float(value) if isinstance(value, int) and isinstance(default, float) else value
    return dataclasses.replace(defaults, **values)


def _malware_settings(name: str, table: Mapping[str, Any]) -> MalwareSettings:
    """`address` of ClamAV's daemon, and `content_ids`, a list."""
    _check_names(table, ["address", "content_ids"], "key", f"{name}.")
    address, listed = table.get("address"), table.get("content_ids", [])
    if not isinstance(address, str | None) or not isinstance(listed, list):
        raise InputError(f"{name}: wanted address = 'unix:PATH' or 'tcp:HOST:PORT', and content_ids = [...]")
    return MalwareSettings.of(address, map(str, listed), f"{name}.content_ids")


def _kinds(default: Any) -> tuple[type, ...]:
    return (int, float) if isinstance(default, float) else (type(default),)


def _check_names(given: Mapping[str, Any], known: list[str], what: str, prefix: str) -> None:
    if unknown := [name for name in given if name not in known]:
        raise InputError(f"{prefix}{unknown[0]}: no {what} of this name; known: {', '.join(prefix + name for name in known)}")
