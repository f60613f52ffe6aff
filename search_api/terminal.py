"""How does an answer look in a terminal? Lines of rich text for check, trace, search, inspect.

Whatever comes from a corpus is shown without control characters: a path or a line of code must not steer the terminal.

Not here: the commands (`search_api.cli`), the JSON (`indexer.answers.to_json`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from indexer.answers import (
    Attribution,
    Document,
    File,
    Hit,
    IndexInfo,
    Membership,
    Partial,
    SearchPage,
    Snippet,
    Source,
    Span,
    Verification,
)

if TYPE_CHECKING:
    from search_api.private import PrivateAttribution

_STATUS_STYLE = {"found": "bold red", "none": "bold green", "too_short": "bold yellow", "partial": "bold yellow"}
_LICENSE_STYLE = {"permissive": "green", "weak_copyleft": "yellow", "copyleft": "red"}


def safe(text: str) -> str:
    """The text with everything unprintable replaced: control, bidi and zero-width characters, surrogates; tabs become spaces."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text.expandtabs(4))


def membership(answer: Membership) -> Iterator[Text]:
    """What `check` prints."""
    verdict = "in the corpus" if answer.member else "not in the corpus" if answer.status == "none" else answer.status.replace("_", " ")
    style = "bold red" if answer.member else _STATUS_STYLE[answer.status]
    yield Text.assemble((verdict, style), f"  longest run {answer.longest_run} of {answer.tokens} tokens, coverage {answer.coverage:.0%}")
    if answer.status == "too_short":
        yield _soft(f"fewer than {answer.guarantee_tokens} tokens: too short to be sure")
    yield _soft(f"false-positive rate of this answer {answer.false_positive_rate:.1e}; {index_line(answer.index)}")


def attribution(answer: Attribution, server: str | None) -> Iterator[Text]:
    """What `trace` prints; `server` is the URL that relative links belong to."""
    summary = f"  {answer.tokens} tokens, {_count(len(answer.spans), 'span')}, coverage {answer.coverage:.0%}, score {answer.score:.1f}"
    yield Text.assemble((answer.status.replace("_", " "), _STATUS_STYLE[answer.status]), summary)
    if answer.status == "too_short":
        yield _soft(f"fewer than {answer.guarantee_tokens} tokens: too short to be sure")
    yield from partial(answer.partial)
    yield _soft(index_line(answer.index))
    if answer.spans:
        yield from _heading("Spans")
        yield from _columns([_span(span) for span in answer.spans])
    if answer.sources:
        yield from _heading("Sources")
    for position, source in enumerate(answer.sources, 1):
        yield from _source(position, source, server)
    if answer.obligations:
        yield from _heading("Obligations")
        yield from (Text(f"  - {safe(sentence)}") for sentence in answer.obligations)
    if answer.notice:
        yield from _heading("Notice")
        yield from (Text(f"  {safe(line)}") for line in answer.notice.splitlines())


def private(answer: PrivateAttribution) -> Iterator[Text]:
    """What `trace --filter` prints."""
    told = f"  {answer.tokens} tokens, {_count(len(answer.spans), 'span')}, coverage {answer.coverage:.0%}"
    yield Text.assemble((answer.status.replace("_", " "), _STATUS_STYLE[answer.status]), told)
    yield from partial(answer.partial)
    yield _soft(
        f"the server was sent {_count(answer.hashes_sent, 'fingerprint')} and asked for {_count(answer.documents_fetched, 'document')}"
    )
    yield _soft(index_line(answer.index))
    for position, source in enumerate(answer.sources, 1):
        yield from _heading(f"[{position}] {place(source.file)}")
        yield Text.assemble("  ", _license(source.file))
        for match in source.matches:
            span = answer.spans[match.span]
            theirs = f"lines {match.start_line}-{match.end_line} there"
            yield Text(f"  lines {span.start_line}-{span.end_line} here, {theirs}, {_count(span.tokens, 'token')}")


def search(page: SearchPage, server: str | None) -> Iterator[Text]:
    """What `search` prints; `server` is the URL that relative links belong to."""
    if page.attribution:
        yield Text(safe(page.hint or ""), style="yellow")
        yield from attribution(page.attribution, server)
        return
    total = f"over {page.total}" if page.total_capped else str(page.total)
    yield Text.assemble((f"{total} found", "bold"), f"  {safe(page.query)}")
    yield from partial(page.partial)
    for group in page.groups:
        yield Text()
        yield Text(safe(group.repository), style="bold")
        for position in group.hits:
            yield from _hit(page.hits[position])
    if page.cursor:
        yield Text()
        yield _soft(f"more: --cursor {page.cursor}")


def inspection(description: Mapping[str, Any], indent: int = 0) -> Iterator[Text]:
    """What `inspect` prints: names and values, nested ones indented."""
    width = max((len(str(name)) for name in description), default=0)
    for name, value in description.items():
        label = Text(" " * indent + str(name).ljust(width), style="cyan")
        if isinstance(value, Mapping):
            yield label
            yield from inspection(value, indent + 2)
        else:
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if isinstance(value, float) else safe(str(value))
            yield Text.assemble(label, "  ", shown)


def verification(result: Verification, location: str) -> Iterator[Text]:
    """What `verify` prints."""
    read = f"{_count(result.files, 'file')}, {result.bytes:,} bytes, {_count(result.documents, 'document')} read"
    if not result.problems:
        yield Text.assemble(("sound", "bold green"), f"  {safe(location)}: {read}")
        return
    yield Text.assemble(("damaged", "bold red"), f"  {safe(location)}: {read}, {_count(len(result.problems), 'problem')}")
    yield from (Text(f"  {safe(problem)}") for problem in result.problems)


def partial(reached: Partial | None) -> Iterator[Text]:
    """The limits that were reached, where any was."""
    if reached:
        yield Text(f"incomplete: {', '.join(map(safe, reached.reasons))}", style="yellow")


def index_line(info: IndexInfo) -> str:
    """Which index answered, in one line."""
    return f"index {safe(info.name)} {safe(info.version)} of {safe(info.date)}, {_count(info.documents, 'document')}"


def _span(span: Span) -> list[Text]:
    held = f"over {span.files:,}" if span.capped else f"{span.files:,}"
    rarity = f"{held} file{'' if span.files == 1 and not span.capped else 's'} in {_count(span.repositories, 'repository')}"
    return [
        Text(f"lines {span.start_line}-{span.end_line}"),
        Text(span.kind, style="red" if span.kind == "exact" else "magenta"),
        Text(_count(span.tokens, "token")),
        Text(f"{_rarity(span)}, {rarity}", style="bold" if span.significant else "dim"),
        Text("".join(f"[{position + 1}]" for position in span.sources[:5]) + (" ..." if len(span.sources) > 5 else ""), style="cyan"),
    ]


def _rarity(span: Span) -> str:
    """Frequency as a word: the first thing to look at when many spans are found."""
    if not span.capped and span.files <= 10:
        return "unique" if span.files <= 1 else "rare"
    return "common" if span.capped or span.files > 100 else "uncommon"


def _source(position: int, source: Source, server: str | None) -> Iterator[Text]:
    lines = f"#L{source.start_line}-L{source.end_line}"
    yield Text.assemble((f"  [{position}] ", "cyan"), (place(source) + lines, "bold"))
    copies = f", {_count(source.copies_total, 'copy')}" if source.copies_total else ""
    yield Text.assemble("      ", _license(source), f"  {source.kind}, {source.similarity:.0%} similar{copies}")
    address = source.url if not source.url.startswith("/") else f"{server}{source.url}" if server else source.project_url
    if address:
        yield Text(f"      {safe(address)}", style="blue")


def place(found: Source | Hit | Document | File) -> str:
    """repository@commit:path"""
    commit = f"@{found.commit}" if found.commit else ""
    return safe(f"{found.repository}{commit}:{found.path}")


def _license(found: Source | Hit | File) -> Text:
    name = found.license_expression or ", ".join(found.licenses) or "licence unknown"
    return Text(f"{safe(name)} ({found.license_type.replace('_', ' ')})", style=_LICENSE_STYLE.get(found.license_type, "yellow"))


def _hit(hit: Hit) -> Iterator[Text]:
    """Below its repository, with the files that are the same."""
    language = f"  {safe(hit.language)}" if hit.language else ""
    yield Text.assemble("  ", (place(hit), "bold"), "  ", _license(hit), language)
    for snippet in hit.snippets:
        yield from _snippet(snippet)
    if hit.copies:
        others = ", ".join(safe(f"{copy.repository}:{copy.path}") for copy in hit.copies)
        more = f" and {hit.copies_total - len(hit.copies)} more" if hit.copies_total > len(hit.copies) else ""
        yield _soft(f"    the same content: {others}{more}")


def _snippet(snippet: Snippet) -> Iterator[Text]:
    """The lines with their numbers; control characters are replaced one for one, so highlights stay in place."""
    shown = Text("".join(char if char.isprintable() or char == "\n" else " " for char in snippet.text))
    for extent in snippet.highlights:
        shown.stylize("bold yellow", extent.start, extent.end)
    for number, line in enumerate(shown.split("\n", allow_blank=False), snippet.start_line):
        yield Text.assemble((f"{number:>7} ", "dim"), line)


def _columns(rows: list[list[Text]]) -> Iterator[Text]:
    """Rows with aligned columns, never cut or wrapped: a pipe gets whole lines."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = Text("  ")
        for cell, width in zip(row, widths, strict=True):
            line.append_text(cell).append(" " * (width - len(cell) + 2))
        line.rstrip()
        yield line


def _heading(title: str) -> Iterator[Text]:
    yield Text()
    yield Text(title, style="bold underline")


def _soft(text: str) -> Text:
    return Text(text, style="dim")


def _count(number: int, noun: str) -> str:
    """1 copy, 2 copies."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
