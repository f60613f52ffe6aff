"""What would one paste into a NOTICE file for these sources?

    This software contains or is derived from the following third-party code.

    pypi/attrs 25.4.0
      Licence: MIT
      Project: https://www.attrs.org/
      Files:
        attr/_make.py, lines 120-131
          https://example.org/documents/0b1c...#L120-L131

Not here: what a licence obliges to beyond the notice, which sources are found (`indexer.attribution`).
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.answers import Source

_HEAD = "This software contains or is derived from the following third-party code."


def notice(sources: Sequence[Source]) -> str:
    """A paste-ready notice in rank order, one paragraph a repository and commit; "" for no sources. Copies are not repeated."""
    if not sources:
        return ""
    grouped: dict[tuple[str, str | None], list[Source]] = {}
    for source in sources:
        grouped.setdefault((source.repository, source.commit), []).append(source)
    paragraphs = [_paragraph(repository, commit, group) for (repository, commit), group in grouped.items()]
    return "\n\n".join([_HEAD, *paragraphs]) + "\n"


def _paragraph(repository: str, commit: str | None, group: list[Source]) -> str:
    lines = [_one_line(f"{repository} {commit or ''}")]
    lines.append(f"  Licence: {_licence(group)}")
    for label, values in (("Project", [s.project_url for s in group]), ("Package", [s.purl for s in group])):
        lines += [f"  {label}: {_one_line(value)}" for value in dict.fromkeys(values) if value]
    lines.append("  Files:")
    places = dict.fromkeys((source.path, source.start_line, source.end_line, source.url) for source in group)
    for path, start_line, end_line, url in sorted(places):
        lines.append(f"    {_one_line(path)}, {_lines(start_line, end_line)}")
        lines.append(f"      {_one_line(url)}")
    return "\n".join(lines)


def _licence(group: list[Source]) -> str:
    """The expressions of a group's files: normally one, each named where files differ."""
    expressions = dict.fromkeys(source.license_expression or " AND ".join(source.licenses) or "NONE" for source in group)
    named = [_UNKNOWN.get(expression, expression) for expression in expressions]
    return _one_line("; ".join(named))


_UNKNOWN = {"NONE": "none stated", "NOASSERTION": "not determined"}


def _lines(start_line: int, end_line: int) -> str:
    return f"line {start_line}" if start_line == end_line else f"lines {start_line}-{end_line}"


def _one_line(text: str) -> str:
    """The text without line ends: a file name must not be able to forge lines of a legal notice."""
    return " ".join(text.split())
