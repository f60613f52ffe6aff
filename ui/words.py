"""How does the page put an answer into words? Status, rarity, licences and counts as short sentences.

Not here: markup (`ui.render`), the terminal's wording (`search_api.terminal`).
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from indexer.answers import Attribution, Hit, IndexInfo, LicenseType, Source, SourceKind, Span

Rarity = Literal["rare", "uncommon", "common"]
RARE_FILES = 10  # in so few files a span points to its origin
COMMON_FILES = 100  # in more files than this it is idiom, boilerplate or copied everywhere

LICENSE_WORDS: dict[LicenseType, str] = {
    "permissive": "permissive",
    "weak_copyleft": "weak copyleft",
    "copyleft": "copyleft",
    "other": "other terms",
    "none": "no licence found",
}
KIND_WORDS: dict[SourceKind, str] = {"exact": "copied exactly", "renamed": "names changed", "edited": "edited in between"}
_REASONS = {"timeout_ms": "the time limit", "candidates": "the limit on candidates"}


def count(number: int, noun: str, *, at_least: bool = False) -> str:
    """(2, "repository") -> "2 repositories"; with `at_least`, "over 2 repositories"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{'over ' if at_least else ''}{number:,} {noun if number == 1 and not at_least else plural}"


def lines(start: int, end: int) -> str:
    """(3, 3) -> "line 3"; (3, 9) -> "lines 3 to 9"."""
    return f"line {start:,}" if start == end else f"lines {start:,} to {end:,}"


def rarity(span: Span) -> Rarity:
    """How much a span says about its origin: the fewer files hold it, the more."""
    if span.capped or span.files > COMMON_FILES:
        return "common"
    return "rare" if span.files <= RARE_FILES else "uncommon"


def held_by(span: Span) -> str:
    """Who has the span: "in 2 files of 1 repository by 1 owner"."""
    files, repositories = count(span.files, "file", at_least=span.capped), count(span.repositories, "repository", at_least=span.capped)
    owners = f" by {count(span.owners, 'owner', at_least=span.capped)}" if span.owners else ""
    return f"in {files} of {repositories}{owners}"


def span_summary(position: int, span: Span, total: int) -> str:
    """One sentence about one span of an answer."""
    common = "" if span.significant else " Too common or too short to point to an origin."
    how = "exact" if span.kind == "exact" else "exact but for names"
    return (
        f"Span {position + 1} of {total}: your {lines(span.start_line, span.end_line)}, {how}, {count(span.tokens, 'token')}. "
        f"{rarity(span).capitalize()}: {held_by(span)}.{common}"
    )


def license_name(found: Source | Hit) -> str:
    """The SPDX expression, or the ids, or that there is none."""
    return found.license_expression or ", ".join(found.licenses) or "NOASSERTION"


def license_conflict(source: Source) -> str | None:
    """A sentence where copies of the same code come with other licences, else None."""
    places = Counter((license_name(each), each.license_type) for each in (source, *source.copies))
    if len(places) < 2:
        return None
    said = "; ".join(f"{name} ({LICENSE_WORDS[kind]}) in {count(number, 'place')}" for (name, kind), number in places.items())
    return f"The copies do not agree on the licence: {said}. Find out which one is the original before you rely on one of them."


def headline(answer: Attribution) -> str:
    """The answer's status in a few words."""
    if answer.tokens == 0:
        return "Nothing to trace yet"
    if answer.status == "found":
        strong = any(span.significant for span in answer.spans)
        return "Found" if strong else "Found, but only code that is common"
    return {"none": "Not in this index", "too_short": "Too short to be sure", "partial": "Incomplete"}[answer.status]


def explanation(answer: Attribution) -> str:
    """What the status means for this text, in one or two sentences."""
    if answer.tokens == 0:
        return "Paste some code, or try an example."
    spans, tokens, sources = count(len(answer.spans), "span"), count(answer.tokens, "token"), count(len(answer.sources), "source")
    amounts = f"{spans}, {answer.coverage:.0%} of {tokens}, {sources}."
    if answer.status == "found":
        return amounts
    if answer.status == "none":
        return (
            f"None of its runs of {answer.guarantee_tokens} or more tokens (of {answer.tokens:,}) stands in the indexed files. "
            "That says nothing about code that is not indexed."
        )
    if answer.status == "too_short":
        so_far = f" Found so far: {amounts}" if answer.spans else ""
        return f"{count(answer.tokens, 'token')}; only from {answer.guarantee_tokens} tokens on is every match found.{so_far}"
    return f"Stopped at {reasons(answer)}, so something may be missing. Found so far: {amounts}"


def reasons(answer: Attribution) -> str:
    """The limits that were reached."""
    names = answer.partial.reasons if answer.partial else ()
    return " and ".join(_REASONS.get(name, f"a limit ({name.replace('_', ' ')})") for name in names) or "a limit"


def index_line(info: IndexInfo) -> str:
    """Which index answered."""
    version = "" if info.version == info.date else f" {info.version}"
    return f"Index {info.name}{version} of {info.date}, {count(info.documents, 'file')}"
