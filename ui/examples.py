"""What can anyone try at once? Three snippets made from files of the index itself: as it is, with names changed, with two lines edited.

The choice is deterministic: the same index gives the same examples. Each is checked by asking the engine before it is offered.

Not here: the buttons (`ui.page`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.answers import Attribution, Document
from indexer.errors import WherefromError
from indexer.text.keywords import KEYWORDS

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

_QUERIES = ("parse header", "retry timeout", "format table", "cache key", "encode bytes", "iterate children", "read config", "return value")
_HITS_A_QUERY = 8
_MOST_TRIES = 60
_LARGEST_FILE = 100_000  # bytes
_LINES = range(14, 29)  # of a snippet
_LEAST_WORDS = 60
_LONGEST_LINE = 100
_NEW_NAMES = "entry payload bucket cursor handle segment marker outcome batch origin amount holder lookup target stage record".split()
_TOKEN = re.compile(r"""(?P<skip>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*|//[^\n]*|\d\w*)|(?P<name>[A-Za-z_]\w*)""")
_DECISION = re.compile(r"\b(?:if|for|while)\b")  # code that does something, rather than a table of names
_KEPT = frozenset((*KEYWORDS, "self", "cls"))


@dataclass(frozen=True, slots=True)
class Example:
    """A snippet and what was done to it, in words."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    make: Callable[[str], str]
    holds: Callable[[Attribution], bool]


def examples(index: StoredIndex) -> tuple[Example, ...]:
    """Up to three snippets, of three documents; fewer where the index is too small, or cannot be searched."""
    wanted = list(_KINDS)
    made: list[tuple[_Kind, Example]] = []
    taken: set[str] = set()
    try:
        for tries, (document, block) in enumerate(_blocks_of(index)):
            if not wanted or tries >= _MOST_TRIES:
                break
            kind = None if document.repository in taken else _fitting(index, document, block, wanted)
            if kind:
                wanted.remove(kind)
                taken.add(document.repository)
                made.append((kind, Example(f"{kind.label}: {_short(document)}", kind.make(block))))
    except WherefromError:  # an index without full text has no examples, and is none the worse for it
        pass
    return tuple(example for _, example in sorted(made, key=lambda each: _KINDS.index(each[0])))


def renamed(text: str) -> str:
    """The text with its repeated names replaced one to one; strings, comments, keywords stay. "f(a, a)" -> "f(entry, entry)" """
    words = Counter(match["name"] for match in _TOKEN.finditer(text) if match["name"] and match["name"] not in _KEPT)
    old = sorted((word for word, n in words.items() if n > 1), key=lambda word: (-words[word], word))
    new = [name for name in _NEW_NAMES if name not in words]
    changed = dict(zip(old, new, strict=False))
    return _TOKEN.sub(lambda match: changed.get(match["name"] or "", match[0]), text)


def edited(text: str) -> str:
    """The text with the two lines in its middle replaced by others."""
    lines = text.split("\n")
    written = [number for number, line in enumerate(lines) if line.strip()]
    first, second = written[len(written) // 2 - 1 : len(written) // 2 + 1]
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    lines[first], lines[second] = f"{indent}checked = inspect_result(entry, limit)", f"{indent}report(checked)"
    return "\n".join(lines)


def _fitting(index: StoredIndex, document: Document, block: str, wanted: list[_Kind]) -> _Kind | None:
    for kind in wanted:
        answer = index.attribute(kind.make(block), limit=3)
        is_first = bool(answer.sources) and answer.sources[0].document_id == document.document_id
        if is_first and answer.status == "found" and any(span.significant for span in answer.spans) and kind.holds(answer):
            return kind
    return None


def _blocks_of(index: StoredIndex) -> Iterator[tuple[Document, str]]:
    seen: set[str] = set()
    for query in _QUERIES:
        for hit in index.search(query, limit=_HITS_A_QUERY).hits:
            if hit.document_id not in seen and hit.size <= _LARGEST_FILE:
                seen.add(hit.document_id)
                document = index.document(hit.document_id)
                block = next(_blocks(document.content), None)
                if block:
                    yield document, block


def _blocks(content: str) -> Iterator[str]:
    """Stretches that begin in the first column after an empty line, as functions and classes do, of a size to paste."""
    for block in re.split(r"\n(?:[ \t]*\n)+(?=[A-Za-z@])", content.replace("\r\n", "\n")):
        lines = block.rstrip().split("\n")
        fits = len(lines) in _LINES and max(map(len, lines)) <= _LONGEST_LINE
        is_body = sum(line.startswith((" ", "\t")) for line in lines) > len(lines) // 2
        is_prose = '"""' in block or "/*" in block
        if fits and is_body and not is_prose and _DECISION.search(block) and len(re.findall(r"\w+", block)) >= _LEAST_WORDS:
            yield "\n".join(lines) + "\n"


def _short(document: Document) -> str:
    return f"{document.path.rsplit('/', 1)[-1]} of {document.repository.rsplit('/', 1)[-1]}"


def _is_exact(answer: Attribution) -> bool:
    return answer.coverage > 0.95 and all(span.kind == "exact" for span in answer.spans)


def _is_renamed(answer: Attribution) -> bool:
    return answer.coverage > 0.8 and any(span.kind == "renamed" for span in answer.spans)


def _is_edited(answer: Attribution) -> bool:
    return answer.sources[0].kind == "edited" and len(answer.sources[0].matches) == 2


_KINDS = (
    _Kind("As it is", str, _is_exact),
    _Kind("Names changed", renamed, _is_renamed),
    _Kind("Two lines edited", edited, _is_edited),
)
