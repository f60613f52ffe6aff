"""How is a finding told in an editor? One line for a diagnostic, a little Markdown for a hover.

What comes from a corpus is shown without control characters and without meaning to Markdown: a path must not forge a link.

Not here: where it is shown (`search_api.lsp`).
"""

from __future__ import annotations

import re

from indexer.answers import Attribution, Source, Span
from search_api.terminal import place, safe

WARNING, INFORMATION, HINT = 2, 3, 4  # of the Language Server Protocol
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~&])")


def severity(span: Span, source: Source | None) -> int:
    """A hint for idiom, information for permissive licences, a warning for the others and for what has none."""
    if not span.significant:
        return HINT
    return INFORMATION if source is not None and source.license_type == "permissive" else WARNING


def message(span: Span, source: Source | None) -> str:
    """One line. "exact, 57 tokens, in 3 files of 2 repositories; most likely from pypi/click@8.1:core.py lines 10-20 (BSD-3-Clause)" """
    if source is None:
        return f"{_what(span)}; its sources are not among those listed"
    lines = f"lines {source.start_line}-{source.end_line}"
    return f"{_what(span)}; most likely from {place(source)} {lines} ({licence(source)})"


def credit_title(source: Source) -> str:
    """What an action that credits a source is called."""
    return f"Credit {place(source)} ({licence(source)})"


def licence(source: Source) -> str:
    """Its expression, or that it has none."""
    return safe(source.license_expression or " AND ".join(source.licenses) or "no licence known")


def address(source: Source, web: str | None) -> str | None:
    """Where a person can see the source: pinned lines, on the server's own page where nothing else is pinned."""
    url = source.url if not source.url.startswith("/") else f"{web}{source.url}" if web else source.project_url
    return url if url and url.startswith(("https://", "http://")) else None


def hover(answer: Attribution, span: Span, web: str | None) -> str:
    """The sources of a span with their licences, best first, and what the licences ask for."""
    parts = [f"**Wherefrom**: {_what(span)}"]
    parts += [_source(answer.sources[position], web) for position in span.sources[:5]]
    if len(span.sources) > 5:
        parts.append(f"and {len(span.sources) - 5} more")
    parts += [f"- {_plain(sentence)}" for sentence in answer.obligations]
    parts.append(f"*index {_plain(answer.index.name)} {_plain(answer.index.version)} of {_plain(answer.index.date)}*")
    return "\n\n".join(parts)


def _source(source: Source, web: str | None) -> str:
    shown = f"{_plain(place(source))}, lines {source.start_line}\\-{source.end_line}"
    url = address(source, web)
    linked = f"[{shown}](<{url.replace('>', '%3E').replace('<', '%3C')}>)" if url and url.isprintable() else shown
    copies = f", {source.copies_total} {'copy' if source.copies_total == 1 else 'copies'}" if source.copies_total else ""
    return f"{linked}  \n{_plain(licence(source))} ({source.license_type.replace('_', ' ')}), {source.kind}{copies}"


def _what(span: Span) -> str:
    files = f"over {span.files}" if span.capped else str(span.files)
    repositories = f"{span.repositories} {'repository' if span.repositories == 1 else 'repositories'}"
    return f"{span.kind}, {span.tokens} tokens, in {files} {'file' if files == '1' else 'files'} of {repositories}"


def _plain(text: str) -> str:
    """The text as Markdown shows it letter by letter."""
    return _MARKDOWN.sub(r"\\\1", safe(text))
