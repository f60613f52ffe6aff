"""Does the file that anybody may copy give the engine's fingerprints, and does it need nothing but Python?"""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.answers import GUARANTEE_TOKENS_MEMBERSHIP
from indexer.attribution.query import as_utf8
from indexer.bloom import membership, standalone
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import fingerprint_exact
from indexer.text.tokens import encode, tokenize

FILE = Path(standalone.__file__)
pieces = st.sampled_from(
    ["a", "b1", "_", "foo", "=", "(", '"', "\\", "\n", "\r\n", " ", "\u00a0", "\u200b", "\ufeff", "é", "\U0001f600", "\ud800", "0x1F"]
)
texts = st.lists(pieces, max_size=300).map("".join) | st.text(st.characters(), max_size=200)


@settings(max_examples=300)
@given(texts)
def test_tokens_and_fingerprints_equal_the_kernels(text: str) -> None:
    found = tokenize(np.frombuffer(encode(text), np.uint8))
    prints = fingerprint_exact(found, SPEC.exact, capped=False)
    columns = (prints.values.tolist(), prints.positions.tolist(), prints.windows.tolist())
    assert standalone.fingerprints(text) == list(zip(*columns, strict=True))
    spans = [(len(encode(text[:begin])), len(encode(text[:end]))) for begin, end in standalone.tokens(text)]
    assert spans == list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))


def test_every_character_is_read_as_the_kernels_read_it() -> None:
    for first in range(0, 0x110000, 0x1000):
        text = "x".join(map(chr, range(first, first + 0x1000)))
        assert len(standalone.tokens(text)) == len(tokenize(np.frombuffer(encode(text), np.uint8)))


@settings(max_examples=200)
@given(st.binary(max_size=60) | texts.map(encode) | texts.map(lambda text: text.encode("utf-16", "surrogatepass")))
def test_bytes_of_any_encoding_are_read_as_the_engine_reads_them(data: bytes) -> None:
    assert standalone.as_text(data).encode("utf-8", "surrogatepass") == as_utf8(data)


def test_its_numbers_are_the_specs() -> None:
    assert (SPEC.name, SPEC.exact.k, SPEC.exact.window) == (standalone.SPEC_NAME, standalone.K, standalone.WINDOW)
    assert standalone.MIN_TOKENS == SPEC.exact.guarantee_two == GUARANTEE_TOKENS_MEMBERSHIP


@settings(max_examples=200)
@given(texts, st.lists(st.booleans(), max_size=300))
def test_its_longest_run_is_that_of_membership(text: str, outcomes: list[bool]) -> None:
    found, n_tokens = standalone.fingerprints(text), len(standalone.tokens(text))
    hits = [number < len(outcomes) and outcomes[number] for number in range(len(found))]
    runs = membership.runs(hits, [at for _, at, _ in found], [window for _, _, window in found], n_tokens, SPEC.exact)
    assert standalone.longest_run(hits, found, n_tokens) == max((run.reach for run in runs), default=0)


def test_a_shared_run_of_33_tokens_is_a_member_by_itself_and_amid_other_code() -> None:
    chance = random.Random(7)
    for _ in range(400):
        words = [f"w{chance.randrange(9)}" for _ in range(400)]
        corpus = {value for value, _, _ in standalone.fingerprints(" ".join(words))}
        begin = chance.randrange(400 - standalone.MIN_TOKENS)
        cut = words[begin : begin + standalone.MIN_TOKENS]
        amid = [f"x{i}" for i in range(chance.randrange(40))] + cut + ["y"] * chance.randrange(40)
        for text in (cut, amid):
            found = standalone.fingerprints(" ".join(text))
            assert standalone.longest_run([value in corpus for value, _, _ in found], found, len(text)) >= standalone.MIN_TOKENS


def test_it_is_one_file_that_needs_the_standard_library_alone(tmp_path: Path) -> None:
    names = {alias.name for node in ast.walk(ast.parse(FILE.read_text("utf-8"))) if isinstance(node, ast.Import) for alias in node.names}
    froms = {node.module for node in ast.walk(ast.parse(FILE.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)}
    assert (names | froms) <= {*sys.stdlib_module_names, "__future__", "collections.abc"}
    shutil.copy(FILE, tmp_path / "copied.py")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import copied; print(copied.fingerprints('a b c d e f g h')[0][0])"
    alone = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert int(alone.stdout) == standalone.fingerprints("a b c d e f g h")[0][0]


@pytest.mark.parametrize("text", ["x" * 3_000_000, "0, " * 200_000, "\n" * 1_000_000])
def test_texts_that_hurt_have_few_fingerprints_or_are_quick(text: str) -> None:
    found = standalone.fingerprints(text)
    assert len(found) <= len(standalone.tokens(text)) / 6 + 1
