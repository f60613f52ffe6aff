"""What kind of licence is this expression, and which licences does it name?

Categories come from ScanCode's LicenseDB, which `license-expression` carries. The first call reads it (1 MB of JSON,
about 25 ms, and 30 ms to import the parser); answers are cached. Importing this module is cheap.

Not here: names of licences in prose (`indexer.licences.names`), notice texts (`indexer.licences.notice`).
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import islice, product
from typing import Any

from indexer.answers import LicenseType
from indexer.licences.names import find_licence, fold_later

# most permissive first: a choice (OR) takes the first, a sum (AND) the last
_RANK: tuple[LicenseType, ...] = ("permissive", "weak_copyleft", "copyleft", "other", "none")
_CACHED = 1 << 16
_MOST_CHOICES = 256
_LONGEST = 1000  # characters; what is longer is a licence's text, not an expression
# SPDX ids of old that are two things today
_OLD_COMPOUNDS = {
    "gpl-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "gpl-2.0-with-bison-exception": "GPL-2.0-only WITH Bison-exception-2.2",
    "gpl-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "gpl-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "gpl-2.0-with-gcc-exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "gpl-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "gpl-3.0-with-gcc-exception": "GPL-3.0-only WITH GCC-exception-3.1",
}


@lru_cache(_CACHED)
def license_type(expression: str | None) -> LicenseType:
    """The category of an expression. "MIT OR GPL-2.0-only" -> permissive, "MIT AND GPL-2.0-only" -> copyleft.

    None, "" and NONE are `none`; NOASSERTION, unknown ids and what does not parse are `other`.
    `L WITH E` is as free as an exception makes it: copyleft with a known exception is weak_copyleft where the database
    rates the exception so or freer; an exception that the database rates as restricting counts in full.
    """
    text = (expression or "").strip()
    if not text or text.upper() == "NONE":
        return "none"
    tree = _parse(text)
    return "other" if tree is None else _type_of(tree)


@lru_cache(_CACHED)
def license_ids(expression: str | None) -> tuple[str, ...]:
    """SPDX ids of the licences named, in order of appearance, each once; exceptions and unknown ids are left out.

    "(mit OR GPL-2.0 WITH Classpath-exception-2.0) AND MIT" -> ("MIT", "GPL-2.0-only")
    """
    tree = _parse((expression or "").strip())
    if tree is None:
        return ()
    found = (_id_of(leaf.license_symbol if hasattr(leaf, "license_symbol") else leaf) for leaf in _leaves(tree))
    return tuple(dict.fromkeys(spdx_id for spdx_id in found if spdx_id))


@lru_cache(_CACHED)
def normalize(expression: str | None) -> str | None:
    """The canonical SPDX expression; None where it does not parse or names a licence that is unknown or ambiguous.

    "apache 2.0 or mit license" -> "Apache-2.0 OR MIT". LicenseRef-* stay as written; families such as "BSD" become
    references of ours (LicenseRef-BSD). NONE and NOASSERTION stay.
    """
    text = (expression or "").strip()
    if text.upper() in ("NONE", "NOASSERTION"):
        return text.upper()
    tree = _parse(text)
    return None if tree is None else _render(tree)


@lru_cache(_CACHED)
def alternatives(expression: str | None) -> tuple[tuple[str, ...], ...]:
    """The choices an expression offers, each the licences (with exceptions) that then all hold; () where it does not parse.

    "MIT AND (ISC OR GPL-2.0-only)" -> (("MIT", "ISC"), ("MIT", "GPL-2.0-only")). An unknown licence is NOASSERTION.
    """
    tree = _parse((expression or "").strip())
    return () if tree is None else tuple(tuple(dict.fromkeys(choice)) for choice in _choices(tree))


@cache
def _licensing() -> Any:
    from license_expression import Licensing  # noqa: PLC0415 - 30 ms that a program without licences saves

    return Licensing()


def _parse(text: str) -> Any:
    """The expression's tree, None where it has none. A text that is one licence's name is not split at its `and` or `or`."""
    from license_expression import ExpressionError, ExpressionParseError, LicenseSymbol  # noqa: PLC0415 - as above

    if not text or len(text) > _LONGEST:
        return None
    text = _OLD_COMPOUNDS.get(text.lower(), text)
    if licence := find_licence(text):
        return LicenseSymbol(licence.spdx_id)
    for spelling in (text, fold_later(text).replace(",", " "), text.replace("/", " OR ")):
        try:
            tree = _licensing().parse(spelling)
        except (ExpressionError, ExpressionParseError):
            continue
        if tree is not None and (spelling == text or _render(tree) is not None):
            return tree
    return None


def _leaves(tree: Any) -> list[Any]:
    """The licences (with their exceptions) of an expression, left to right."""
    if not getattr(tree, "args", ()):
        return [tree]
    return [leaf for argument in tree.args for leaf in _leaves(argument)]


def _choices(tree: Any) -> list[tuple[str, ...]]:
    arguments = getattr(tree, "args", ())
    if not arguments:
        return [(_render_leaf(tree) or "NOASSERTION",)]
    parts = [_choices(argument) for argument in arguments]
    if type(tree).__name__ == "OR":
        return [choice for part in parts for choice in part]
    return [tuple(name for choice in sums for name in choice) for sums in islice(product(*parts), _MOST_CHOICES)]


def _id_of(symbol: Any) -> str | None:
    key = str(symbol.key)
    if licence := find_licence(key):
        return None if licence.is_exception else licence.spdx_id
    return key if key.lower().startswith(("licenseref-", "documentref-")) else None


def _type_of(tree: Any) -> LicenseType:
    arguments = getattr(tree, "args", ())
    if not arguments:
        return _type_of_leaf(tree)
    ranks = [_RANK.index(_type_of(argument)) for argument in arguments]
    return _RANK[min(ranks) if type(tree).__name__ == "OR" else max(ranks)]


def _type_of_leaf(leaf: Any) -> LicenseType:
    if not hasattr(leaf, "exception_symbol"):
        licence = find_licence(str(leaf.key))
        return licence.license_type if licence and not licence.is_exception else "other"
    licence = find_licence(str(leaf.license_symbol.key))
    exception = find_licence(str(leaf.exception_symbol.key))
    if licence is None or exception is None or "other" in (licence.license_type, exception.license_type):
        return "other"
    if licence.license_type == "copyleft":  # an exception frees what is linked, never the licensed files themselves
        return "copyleft" if exception.license_type == "copyleft" else "weak_copyleft"
    return licence.license_type


def _render(tree: Any) -> str | None:
    """The tree in canonical ids, None where one is unknown."""
    arguments = getattr(tree, "args", ())
    if not arguments:
        return _render_leaf(tree)
    parts = [_render(argument) for argument in arguments]
    if any(part is None for part in parts):
        return None
    nested = [f"({part})" if getattr(argument, "args", ()) else part for argument, part in zip(arguments, parts, strict=True)]
    return f" {type(tree).__name__} ".join(str(part) for part in nested)


def _render_leaf(leaf: Any) -> str | None:
    if not hasattr(leaf, "exception_symbol"):
        return _id_of(leaf)
    licence_id = _id_of(leaf.license_symbol)
    exception = find_licence(str(leaf.exception_symbol.key))
    if licence_id is None or exception is None or not exception.is_exception:
        return None
    return f"{licence_id} WITH {exception.spdx_id}"
