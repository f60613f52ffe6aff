"""Which texts hurt an engine? One line of megabytes, one token again and again, noise, minified code, depth, all of Unicode, size.

Made from fixed seeds and from the packages installed here, so tests and benchmark have the same ones on one machine.
"""

from __future__ import annotations

import importlib.metadata
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

MB = 1_000_000
LINE_BYTES = 5 * MB
SOURCE_BYTES = 10 * MB
DEPTH = 100_000
BLOCKS = 20_000
REPEATS = 200_000
SEED = 20261109
PLANES = 17
_MARKS = ("(", ")", " = ", "; ", ".", ", ", " + ", "[", "]", ' "text" ', " 17 ")


def hurtful_text(name: str) -> str | bytes:
    """The text of this name in HURTFUL; bytes where it is no UTF-8. The same on every call."""
    return HURTFUL[name](random.Random(SEED))


def as_document(text: str | bytes) -> str:
    """The text as a release can hold it: each byte a character, what UTF-8 has no form for replaced."""
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else text.decode("latin-1")


def one_line(chance: random.Random, size: int) -> str:
    """So many bytes of words and marks that look like code, without a line end."""
    names = [f"name_{number}" for number in range(20_000)]
    parts = []
    while size > 0:
        part = chance.choice(names) + chance.choice(_MARKS)
        parts.append(part)
        size -= len(part)
    return "".join(parts)


def every_plane() -> str:
    """Every seventh character of each plane, surrogates too, some to a word."""
    marks = (chr(code) for code in range(1, PLANES << 16, 7))
    words = iter(lambda: "".join(islice(marks, 9)), "")
    return " ".join(words)


def minified() -> str:
    """The largest JavaScript file that gradio serves: real code, minified."""
    return max(_files("gradio", ".js"), key=lambda path: path.stat().st_size).read_text("utf-8")


def source(size: int) -> str:
    """So many bytes of real Python source, file after file."""
    texts = (
        path.read_text("utf-8")
        for name in ("pandas", "sympy", "numpy", "numba", "playwright", "pip", "gradio", "mypy")
        for path in _files(name, ".py")
    )
    parts: list[str] = []
    while size > 0 and (text := next(texts, None)) is not None:
        parts.append(text)
        size -= len(text)
    return "\n".join(parts)


def _files(name: str, suffix: str) -> Iterator[Path]:
    """The files of an installed package with this suffix, in a fixed order; none where it is not installed."""
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return
    for file in sorted(package.files or [], key=str):
        path = Path(str(package.locate_file(file)))
        if file.suffix == suffix and path.is_file():
            yield path


# What to ask about, and how it is made; about 30 MB in all.
HURTFUL: dict[str, Callable[[random.Random], str | bytes]] = {
    "5 MB on one line": lambda chance: one_line(chance, LINE_BYTES),
    "one word of 5 MB": lambda _: "a" * LINE_BYTES,
    "the same token 200,000 times": lambda _: "token " * REPEATS,
    "5 MB of random bytes": lambda chance: chance.randbytes(LINE_BYTES),
    "a minified bundle": lambda _: minified(),
    "brackets nested 100,000 deep": lambda _: "(" * DEPTH + "x" + ")" * DEPTH,
    "blocks nested 20,000 deep": lambda _: "if(a){b(" * BLOCKS + "0" + ")}" * BLOCKS,
    "an open quote before 1 MB": lambda chance: '"' + one_line(chance, MB),
    "every Unicode plane": lambda _: every_plane(),
    "10 MB of source": lambda _: source(SOURCE_BYTES),
}
