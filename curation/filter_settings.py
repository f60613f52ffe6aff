"""Which thresholds do the filters have, for all files and for the files of one language?

    FilterSettings.from_mapping({"max_line_length": 500, "languages": {"SQL": {"max_line_length": None}}})

Not here: the rules that read them (`curation.filters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from types import NoneType
from typing import Any

from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of the rules; None, or false, switches a rule off. Characters are Unicode's, shares are of all characters."""

    nul: bool = True  # files with NUL characters are dropped
    max_bytes: int | None = 5_000_000
    generated: bool = True  # so are files that say they are generated, or are named as such files are
    min_characters: int | None = None
    max_characters: int | None = None
    max_lines: int | None = 100_000
    xml: bool = True  # and files that begin with an XML declaration
    max_encoded_run: int | None = 1024  # bytes in one run of base64 or of hexadecimal or Unicode escapes
    max_encoded_share: float | None = 0.5  # of the file's bytes in all such runs
    max_line_length: int | None = 1000
    max_mean_line: float | None = 100.0
    min_alphanumeric: float | None = 0.25
    min_alphabetic: float | None = None
    min_visible_characters: int | None = None  # outside of tags, scripts and styles
    min_visible_share: float | None = None


_Exceptions = Mapping[str, Any]
_NO_LINES: _Exceptions = {"max_line_length": None, "max_mean_line": None}
_DATA: _Exceptions = {**_NO_LINES, "min_characters": 50, "max_characters": 5000, "min_alphabetic": 0.5}
_MARKUP = (
    "AsciiDoc|BibTeX|CSV|Jupyter Notebook|MDX|Markdown|MediaWiki|Org|RDoc|RMarkdown|Roff|Roff Manpage|SMT|SVG|TSV|TeX|Text|Textile|XML"
)

# language -> what differs for it
_LANGUAGES: Mapping[str, _Exceptions] = {
    **dict.fromkeys(_MARKUP.split("|"), _NO_LINES),
    "reStructuredText": _NO_LINES,
    "HTML": {**_NO_LINES, "min_visible_characters": 100, "min_visible_share": 0.2},
    "JSON": _DATA,
    "YAML": _DATA,
    "Motorola 68K Assembly": {"min_alphanumeric": None},  # mostly punctuation and white space, as StarCoder 2 found
    "WebAssembly": {"min_alphanumeric": None},
}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int | None": (int, NoneType),
    "float | None": (float, int, NoneType),
}
_SHARES = frozenset({"max_encoded_share", "min_alphanumeric", "min_alphabetic", "min_visible_share"})


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """The thresholds for all files, and what differs for some languages, as (language, ((name, value), ...)) in order."""

    everywhere: Limits = Limits()
    languages: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = field(
        default_factory=lambda: tuple((name, tuple(sorted(exceptions.items()))) for name, exceptions in sorted(_LANGUAGES.items()))
    )

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], where: str = "filters") -> FilterSettings:
        """The defaults with what a settings file says instead; `where` begins the messages. "off" stands for None, which TOML lacks.

        Raises InputError for a name that is unknown and a value that no threshold takes.
        """
        everywhere = _checked({name: value for name, value in given.items() if name != "languages"}, where, also=("languages",))
        of_languages = given.get("languages", {})
        if not isinstance(of_languages, Mapping):
            raise InputError(f'{where}.languages: got {of_languages!r}; want a table for each language, such as [{where}.languages."C++"]')
        merged = {name: dict(exceptions) for name, exceptions in _LANGUAGES.items()}
        for language, exceptions in of_languages.items():
            if not isinstance(exceptions, Mapping):
                raise InputError(f"{where}.languages.{language}: got {exceptions!r}; want a table of thresholds")
            merged.setdefault(language, {}).update(_checked(exceptions, f"{where}.languages.{language}"))
        return cls(replace(Limits(), **everywhere), tuple((name, tuple(sorted(merged[name].items()))) for name in sorted(merged)))

    def as_mapping(self) -> dict[str, Any]:
        """What `from_mapping` takes, complete: for manifests."""
        plain = {each.name: getattr(self.everywhere, each.name) for each in fields(Limits)}
        return {**plain, "languages": {name: dict(exceptions) for name, exceptions in self.languages}}

    def limits(self, language: str | None) -> Limits:
        """The thresholds for the files of a language; None: unknown."""
        return _limits(self, language)


@lru_cache(1 << 12)
def _limits(settings: FilterSettings, language: str | None) -> Limits:
    return replace(settings.everywhere, **dict(dict(settings.languages).get(language or "", ())))


def _checked(given: Mapping[str, Any], where: str, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Names and values as `Limits` takes them."""
    known = {each.name: str(each.type) for each in fields(Limits)}
    if unknown := [name for name in given if name not in known]:
        raise InputError(f"{where}: {', '.join(map(repr, unknown))} is no setting; there are {', '.join((*known, *also))}")
    return {name: _value(f"{where}.{name}", name, value, known[name]) for name, value in given.items()}


def _value(where: str, name: str, value: Any, kind: str) -> Any:
    value = None if value == "off" and kind != "bool" else value
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
        wanted = "true or false" if kind == "bool" else "a whole number, or 'off'" if kind.startswith("int") else "a number, or 'off'"
        raise InputError(f"{where}: got {value!r}; want {wanted}")
    if isinstance(value, int | float) and (not value >= 0 or (name in _SHARES and value > 1)):
        raise InputError(f"{where}: got {value!r}; want {'a share between 0 and 1' if name in _SHARES else 'no negative number'}")
    return value
