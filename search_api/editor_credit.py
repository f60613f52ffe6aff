"""What does an editor insert to credit a source? SPDX snippet tags around the lines of a span, in the file's own comment syntax.

Not here: the tags and where they may stand (`search_api.audit.credit`), when they are offered (`search_api.lsp`).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from curation.licence_texts import copyright_lines
from indexer.answers import Source, Span
from indexer.errors import InputError
from indexer.licences.categories import normalize
from search_api.audit.credit import Credit, blocks, can_comment, place
from search_api.editor_words import address

_HEAD = 4000  # characters of a file in which its copyright lines stand
_MOST_LINES = 5


def name_of(uri: str) -> str:
    """The path in a file's URI."""
    return unquote(urlsplit(uri).path)


def may_credit(text: str, uri: str, span: Span, source: Source) -> bool:
    """Whether tags can be offered: the file has comments, the source a licence, and no tags stand around the span yet."""
    around = any(block.start_line <= span.start_line and span.end_line <= block.end_line for block in blocks(text))
    return can_comment(name_of(uri)) and _licence(source) is not None and not around


def credit_of(source: Source, content: str, web: str | None) -> Credit:
    """What the tags say of a source, `content` being its text. Raises InputError where nobody knows its licence."""
    expression = _licence(source)
    if expression is None:
        raise InputError(f"the licence of {source.repository} is not known; a person has to find it out")
    version = f"@{source.commit}" if source.commit else ""
    at = f"{source.repository}{version}:{source.path}#L{source.start_line}-L{source.end_line}"
    link = address(source, web)
    return Credit(expression, tuple(copyright_lines([content[:_HEAD]])[:_MOST_LINES]), f"from {at}{f' {link}' if link else ''}")


def insertions(text: str, uri: str, span: Span, credit: Credit) -> Iterator[tuple[int, str]]:
    """(line before which, from 0; whole lines to insert). Raises InputError where tags find no free place."""
    placed = place(text, name_of(uri), span.start_line, span.end_line, [credit])
    yield placed.begin - 1, placed.before
    yield placed.end, placed.after


def _licence(source: Source) -> str | None:
    expression = normalize(source.license_expression or " AND ".join(source.licenses))
    return None if expression in (None, "NONE", "NOASSERTION") else expression
