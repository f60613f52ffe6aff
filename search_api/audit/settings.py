"""What did the project decide? Settings of audits from `wherefrom.toml`, or `[tool.wherefrom]` of a pyproject.toml.

    [audit]                                   # in pyproject.toml: [tool.wherefrom.audit]
    use = "distributed"                       # internal, saas or distributed
    project_license = "Apache-2.0"
    exclude = ["tests/data/"]                 # as in .gitignore
    max_partial_files = 20                    # scanned in part: more make an audit incomplete; also: max_file_bytes, max_index_age_days
    [audit.own]
    repositories = ["acme/tool"]              # also: owners, paths, content_ids, infer = true
    [audit.policy]
    allow = ["permissive"]                    # SPDX ids or categories; also: flag, deny, unlisted, incompatible, uncredited, fail_on
    max_files = 100                           # what more files of the corpus hold is common; also: min_tokens, only_significant
    [[audit.suppress]]
    path = "src/legacy/**"                    # or: finding = "ID"
    reason = "rewritten in the next release"
    expires = 2027-01-31

Whatever is misspelt is refused: a policy with a typing error must not pass for one that allows everything.

Not here: what a policy decides (`search_api.audit.policy`), command-line options (`search_api.audit.cli`).
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from indexer.answers import LicenseType, Use
from indexer.errors import InputError
from indexer.licences.categories import normalize
from search_api.audit.model import USES

MAX_FILE_BYTES = 5_000_000
CATEGORIES: tuple[str, ...] = get_args(LicenseType)
_VERDICTS = ("allow", "flag", "deny")
_FAIL_ON = ("denied", "flagged")


@dataclass(frozen=True, slots=True)
class Own:
    """What counts as our own code wherever it is found; with `infer` also what git remotes and manifests say."""

    owners: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    content_ids: tuple[str, ...] = ()
    infer: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """Which licences are allowed, flagged, denied: SPDX ids or categories. `unlisted`: what none of them names."""

    allow: tuple[str, ...] = ()
    flag: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unlisted: str = "flag"
    incompatible: str = "deny"
    uncredited: str = "allow"
    fail_on: tuple[str, ...] = ("denied",)


@dataclass(frozen=True, slots=True)
class Suppress:
    """One rule that answers for findings: by id, or by path (as in .gitignore)."""

    finding: str | None
    path: str | None
    reason: str
    expires: datetime.date


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a project can set; `policy` is None where it has none. `file`: where they were read."""

    use: Use = "distributed"
    project_license: str | None = None
    exclude: tuple[str, ...] = ()
    baseline: str | None = None
    max_file_bytes: int = MAX_FILE_BYTES
    max_partial_files: int = 0
    max_index_age_days: int | None = 365
    min_tokens: int = 20
    max_files: int | None = None
    only_significant: bool = True
    own: Own = Own()
    policy: Policy | None = None
    suppress: tuple[Suppress, ...] = ()
    file: str | None = field(default=None, compare=False)


def find(folder: Path) -> Path | None:
    """The settings that hold in a folder: of it or the nearest one above that has any."""
    for each in (folder, *folder.parents):
        for name in ("wherefrom.toml", "pyproject.toml"):
            file = each / name
            if file.is_file() and _section(_parsed(file), file):
                return file
        if (each / ".git").exists():
            return None
    return None


def read(file: Path) -> Settings:
    """The settings of a file. Raises InputError where it is no TOML or says what nobody understands."""
    given = _section(_parsed(file), file)
    where = f"{file}: audit"
    policy, own = _table(given, "policy", where), _table(given, "own", where)
    numbers = dict.fromkeys(("max_file_bytes", "max_partial_files", "max_index_age_days"), int)
    texts = {"use": str, "project_license": str, "baseline": str}
    plain = _taken(given, where, {**texts, **numbers, "exclude": list, "policy": dict, "own": dict, "suppress": list})
    for name in ("policy", "own", "suppress"):
        plain.pop(name, None)
    kinds: dict[str, type] = {"min_tokens": int, "max_files": int, "only_significant": bool}
    limits = _taken({name: policy.pop(name) for name in kinds if name in policy}, f"{where}.policy", kinds)
    if plain.get("use", "internal") not in USES:
        raise InputError(f"{where}: use is {plain['use']!r}; it takes {', '.join(USES)}")
    if "project_license" in plain:
        plain["project_license"] = known_expression(plain["project_license"], f"{where}: project_license")
    return Settings(
        **plain | limits,
        own=Own(**_taken(own, f"{where}.own", {"owners": list, "repositories": list, "paths": list, "content_ids": list, "infer": bool})),
        policy=_policy(policy, f"{where}.policy") if "policy" in given else None,
        suppress=tuple(_suppress(one, f"{where}.suppress[{i}]") for i, one in enumerate(given.get("suppress", []))),
        file=str(file),
    )


def known_expression(text: str, where: str) -> str:
    """The canonical SPDX expression. Raises InputError where it names a licence that nobody knows."""
    known = normalize(text)
    if known is None or known in ("NONE", "NOASSERTION"):
        raise InputError(f"{where} is {text!r}, which is no SPDX licence or expression; see https://spdx.org/licenses for the names")
    return known


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not TOML ({error})") from None


def _section(parsed: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The `audit` table; in a pyproject.toml it stands under tool.wherefrom."""
    outer = parsed.get("tool", {}).get("wherefrom", {}) if file.name == "pyproject.toml" else parsed
    if file.name != "pyproject.toml" and (unknown := set(outer) - {"audit"}):
        raise InputError(f"{file}: {', '.join(sorted(unknown))} is nothing known; wanted [audit]")
    return _table(outer, "audit", str(file))


def _table(given: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise InputError(f"{where}: {name} is {value!r}; it takes a table, [{name}]")
    return dict(value)


def _taken(given: Mapping[str, Any], where: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The values, lists as tuples. Raises InputError for a name or a type that is not wanted."""
    for name, value in given.items():
        if name not in kinds:
            raise InputError(f"{where}: {name} is no setting; wanted one of {', '.join(kinds)}")
        wrong = not isinstance(value, kinds[name]) or (kinds[name] is int and (isinstance(value, bool) or value < 0))
        if wrong or (kinds[name] is list and name != "suppress" and not all(isinstance(item, str) for item in value)):
            raise InputError(f"{where}: {name} is {value!r}; it takes {_WANTED[kinds[name]]}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


_WANTED = {str: "a text", list: "a list of texts", int: "a number from 0 on", bool: "true or false", dict: "a table"}


def _policy(given: Mapping[str, Any], where: str) -> Policy:
    texts = dict.fromkeys(("unlisted", "incompatible", "uncredited"), str)
    taken = _taken(given, where, {"allow": list, "flag": list, "deny": list, "fail_on": list, **texts})
    for name in texts:
        if taken.get(name, "allow") not in _VERDICTS:
            raise InputError(f"{where}: {name} is {taken[name]!r}; it takes {', '.join(_VERDICTS)}")
    if unknown := set(taken.get("fail_on", ())) - set(_FAIL_ON):
        raise InputError(f"{where}: fail_on has {', '.join(sorted(unknown))}; it takes {', '.join(_FAIL_ON)}")
    for name in _VERDICTS:
        taken[name] = tuple(_licence(item, f"{where}: {name}") for item in taken.get(name, ()))
    return Policy(**taken)


def _licence(name: str, where: str) -> str:
    if name in CATEGORIES:
        return name
    known = known_expression(name, f"{where} has a licence that")
    if " AND " in known or " OR " in known:
        raise InputError(f"{where} has {name!r}; it takes single licences and the categories {', '.join(CATEGORIES)}")
    return known


def _suppress(given: Any, where: str) -> Suppress:
    if not isinstance(given, dict) or set(given) - {"finding", "path", "reason", "expires"} or ("finding" in given) == ("path" in given):
        raise InputError(f"{where}: got {given!r}; wanted finding or path, a reason and expires = YYYY-MM-DD")
    reason, expires = given.get("reason"), given.get("expires")
    if not isinstance(reason, str) or not reason.strip():
        raise InputError(f"{where}: a suppression needs a reason, a sentence that the next reader understands")
    if not isinstance(expires, datetime.date) or isinstance(expires, datetime.datetime):
        raise InputError(f"{where}: expires is {expires!r}; it takes a date, expires = YYYY-MM-DD, after which the finding counts again")
    return Suppress(given.get("finding"), given.get("path"), reason.strip(), expires)
