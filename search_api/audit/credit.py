"""How is a stretch of a file credited? SPDX snippet tags around it, in the file's own comment syntax, written and read back.

    # SPDX-SnippetBegin
    # SPDX-License-Identifier: BSD-3-Clause
    # SPDX-SnippetCopyrightText: 2014 Pallets
    # SPDX-SnippetComment: from pypi/click@8.1.7:click/parser.py#L10-L40 https://example.org/click
    def parse(...): ...
    # SPDX-SnippetEnd

A tag is never put into a string or a block comment: there the stretch is widened, line by line, until its ends are free.

Not here: NOTICE files (`search_api.audit.credited`), which stretches need credit (`search_api.audit.judge`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from indexer.errors import InputError
from search_api.audit.text import Text

_BEGIN, _END = "SPDX-Snippet" + "Begin", "SPDX-Snippet" + "End"  # apart, so that no reader takes this file for credited
_TAG = re.compile(
    r"SPDX-(?:(?P<begin>SnippetBegin)|(?P<end>SnippetEnd)"
    r"|(?P<name>License-Identifier|SnippetCopyrightText|SnippetComment):[ \t]*(?P<value>[^\r\n]*))"
)
_MOST_WIDENED = 200  # lines
_CLOSERS = ("*/", "-->", "*)")
_DELIMITERS = (*_CLOSERS, "/*", "<!--", "(*")  # some languages nest their comments

# comment opener and closer -> file name endings, or whole names
_SYNTAX = {
    ("#", ""): "py pyi pyx pxd rb sh bash zsh fish pl pm r jl toml yaml yml cfg conf ini mk make cmake tcl awk sed ex exs nim tf hcl ps1 gd"
    " coffee cr nix bzl star dockerfile makefile gnumakefile cmakelists.txt gemfile rakefile vagrantfile jenkinsfile properties",
    ("//", ""): "c h cc cpp cxx hpp hh hxx ino m mm cs java js mjs cjs ts mts cts go rs swift kt kts scala dart groovy gradle cu cuh"
    " glsl vert frag hlsl v sv proto thrift sol zig vala d scss less php fs fsx pas jsonc json5 hx",
    ("--", ""): "sql hs elm adb ads vhd vhdl lua applescript",
    (";", ""): "lisp el scm rkt clj cljs cljc edn asm s",
    ("%", ""): "tex sty cls bib erl hrl pro matlab",
    ("!", ""): "f90 f95 f03 f08",
    ('"', ""): "vim",
    ("'", ""): "vb vbs bas",
    ("/*", "*/"): "css pcss",
    ("<!--", "-->"): "html htm xhtml xml svg md markdown xsl xslt",
    ("(*", "*)"): "ml mli",
}
_BY_ENDING = {ending: syntax for syntax, endings in _SYNTAX.items() for ending in endings.split()}


@dataclass(frozen=True, slots=True)
class Credit:
    """What the tags say: an SPDX expression, copyright lines without the word, and a sentence that names the source."""

    license_expression: str
    copyrights: tuple[str, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that tags stand around, 1-based and inclusive, the lines of the tags too."""

    start_line: int
    end_line: int
    licenses: tuple[str, ...]
    copyrights: tuple[str, ...]
    comments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """Whole lines to insert before line `begin` and after line `end` of a text, line ends and all."""

    begin: int
    end: int
    before: str
    after: str


def blocks(text: str) -> list[Block]:
    """The stretches that a text credits, in the order of their ends; an open one reaches to the last line. O(characters)"""
    if _BEGIN not in text:
        return []
    lines = Text.of(text)
    open_blocks: list[tuple[int, list[tuple[str, str]]]] = []
    found = []
    for tag in _TAG.finditer(text):
        line = lines.line(tag.start())
        if tag["begin"]:
            open_blocks.append((line, []))
        elif tag["end"] and open_blocks:
            found.append(_block(*open_blocks.pop(), line))
        elif tag["name"] and open_blocks:
            open_blocks[-1][1].append((tag["name"], _value(tag["value"])))
    return found + [_block(line, tags, len(lines.line_starts)) for line, tags in open_blocks]


def place(text: str, path: str, start_line: int, end_line: int, stated: Sequence[Credit]) -> Placement:
    """Where tags go that credit some lines, 1-based and inclusive. Raises InputError where the file has no comments, or no free place."""
    lines = Text.of(text)
    free = _free_lines(text, path, lines)
    begin = next((line for line in range(start_line, max(0, start_line - _MOST_WIDENED), -1) if free(line)), None)
    last = len(lines.line_starts)
    after = next((line for line in range(end_line + 1, min(last + 1, end_line + _MOST_WIDENED) + 1) if line > last or free(line)), None)
    if begin is None or after is None:
        raise InputError(f"{path}: lines {start_line}-{end_line} stand inside a long string or comment; credit them in a NOTICE file")
    end = after - 1
    indent = re.match(r"[ \t]*", lines.lines(begin, begin)[0])
    opener, closer = _comment(path)
    ending = "\r\n" if "\r\n" in text else "\r" if "\r" in text and "\n" not in text else "\n"

    def comment(content: str) -> str:
        return f"{indent[0] if indent else ''}{opener} {content}{f' {closer}' if closer else ''}{ending}"

    before = "".join(map(comment, [_BEGIN, *_tags(stated)]))
    is_open = end == last and bool(lines.lines(end, end)[0])  # no line end to begin after
    return Placement(begin, end, before, (ending if is_open else "") + comment(_END))


def put(text: str, placements: Sequence[Placement]) -> str:
    """The text with all insertions; they must not cross."""
    lines = Text.of(text)
    starts = [*lines.line_starts, len(text)]
    inserts = [(starts[one.begin - 1], 1, one.before) for one in placements] + [(starts[one.end], 0, one.after) for one in placements]
    for offset, _, what in sorted(inserts, key=lambda insert: insert[:2], reverse=True):
        text = text[:offset] + what + text[offset:]
    return text


def can_comment(path: str) -> bool:
    """Whether files of this name have comments that are known here. "a.py" -> True, "a.json" -> False"""
    return _ending(path) in _BY_ENDING


def _tags(stated: Sequence[Credit]) -> list[str]:
    out: list[str] = []
    for credit in stated:
        out.append(f"SPDX-License-Identifier: {_one_line(credit.license_expression)}")
        out += [f"SPDX-SnippetCopyrightText: {_one_line(line)}" for line in credit.copyrights or ("NOASSERTION",)]
        out.append(f"SPDX-SnippetComment: {_one_line(credit.comment)}")
    return list(dict.fromkeys(out))


def _one_line(text: str) -> str:
    """Without line ends and what begins or ends a comment: a name in the corpus must not write code here."""
    while any(delimiter in text for delimiter in _DELIMITERS):
        for delimiter in _DELIMITERS:
            text = text.replace(delimiter, " ")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _value(raw: str) -> str:
    value = raw.strip()
    for closer in _CLOSERS:
        value = value.removesuffix(closer).rstrip()
    return value


def _block(begin: int, tags: list[tuple[str, str]], end: int) -> Block:
    def values(name: str) -> tuple[str, ...]:
        return tuple(value for tag, value in tags if tag == name)

    return Block(begin, end, values("License-Identifier"), values("SnippetCopyrightText"), values("SnippetComment"))


def _ending(path: str) -> str:
    name = PurePosixPath(path).name.lower()
    return name if name in _BY_ENDING else name.rpartition(".")[2]


def _comment(path: str) -> tuple[str, str]:
    syntax = _BY_ENDING.get(_ending(path))
    if syntax is None:
        raise InputError(f"{path}: files of this kind have no comments that are known here; credit the source in a NOTICE file")
    return syntax


def _free_lines(text: str, path: str, lines: Text) -> Callable[[int], bool]:
    """Whether a new line may be put before a line: not inside a string or a block comment, and no line is continued there."""
    taken = _taken(text, path)

    def free(line: int) -> bool:
        offset = lines.line_starts[line - 1]
        before = bisect_left(taken, (offset, 0)) - 1
        inside = before >= 0 and taken[before][0] < offset < taken[before][1]
        return not inside and not text[:offset].rstrip("\r\n").endswith("\\")

    return free


def _taken(text: str, path: str) -> list[tuple[int, int]]:
    """Where strings, block comments and plain text around a template's code stand, as Pygments reads the language; touching ones joined."""
    from pygments.lexers import get_lexer_for_filename  # noqa: PLC0415 - 30 ms, and only files that are credited need it
    from pygments.token import Comment, Literal, Name, Other, String  # noqa: PLC0415
    from pygments.util import ClassNotFound  # noqa: PLC0415

    try:
        lexer = get_lexer_for_filename(PurePosixPath(path).name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return []
    closed = [String, Comment.Multiline, Literal.Scalar, Other, *([Name.Constant] if lexer.name == "YAML" else [])]
    joined: list[tuple[int, int]] = []
    for begin, kind, value in lexer.get_tokens_unprocessed(text):
        if any(kind in one for one in closed):
            touches = joined and joined[-1][1] == begin
            joined[-1:] = [(joined[-1][0], begin + len(value))] if touches else [*joined[-1:], (begin, begin + len(value))]
    return joined
