"""SPDX snippet tags: put around lines without changing the program, read back, and what then counts as credited."""

from __future__ import annotations

import ast
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError
from search_api.audit import credit
from search_api.audit.audit import Outcome
from search_api.audit.credit import Credit
from search_api.audit.fix import fix
from search_api.audit.reports import notice
from search_api.audit.settings import Own, Policy, Settings

Audit = Callable[..., Outcome]
ONE = Credit("MIT", ("Copyright (c) 2020 A. Person",), "from a/b@1:c.py#L1-L2 https://example.org")


def credited(text: str, path: str, first: int, last: int, *stated: Credit) -> str:
    return credit.put(text, [credit.place(text, path, first, last, stated or (ONE,))])


def test_tags_stand_around_the_lines_in_the_files_own_comments() -> None:
    assert credited("a = 1\n    b = 2\n    c = 3\nd = 4\n", "x.py", 2, 3) == (
        "a = 1\n"
        "    # SPDX-SnippetBegin\n"
        "    # SPDX-License-Identifier: MIT\n"
        "    # SPDX-SnippetCopyrightText: Copyright (c) 2020 A. Person\n"
        "    # SPDX-SnippetComment: from a/b@1:c.py#L1-L2 https://example.org\n"
        "    b = 2\n"
        "    c = 3\n"
        "    # SPDX-SnippetEnd\n"
        "d = 4\n"
    )


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.c", "// SPDX-SnippetBegin"),
        ("a.css", "/* SPDX-SnippetBegin */"),
        ("a.html", "<!-- SPDX-SnippetBegin -->"),
        ("a.sql", "-- SPDX-SnippetBegin"),
        ("a.ml", "(* SPDX-SnippetBegin *)"),
        ("Makefile", "# SPDX-SnippetBegin"),
        ("a.tex", "% SPDX-SnippetBegin"),
    ],
)
def test_each_language_has_its_own_comments_and_they_are_read_back(path: str, line: str) -> None:
    text = credited("one\ntwo\nthree\n", path, 2, 2)
    assert text.splitlines()[1] == line
    (block,) = credit.blocks(text)
    assert (block.start_line, block.licenses, block.comments) == (2, ("MIT",), (ONE.comment,))
    assert text.splitlines()[block.end_line - 1].split()[1] == "SPDX-SnippetEnd"


@pytest.mark.parametrize("path", ["a.json", "a.unknown", "a.ipynb", "a.tsx"])
def test_files_without_known_comments_are_refused(path: str) -> None:
    assert not credit.can_comment(path)
    with pytest.raises(InputError, match="NOTICE"):
        credited("{}\n", path, 1, 1)


def test_tags_never_go_into_strings_or_continued_lines() -> None:
    text = 'a = """\none\ntwo\n"""\nb = 1 + \\\n    2\nc = 3\n'
    changed = credited(text, "x.py", 3, 5)
    assert ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text))
    (block,) = credit.blocks(changed)
    assert block.start_line == 1 and changed.splitlines()[block.end_line - 1 :] == ["# SPDX-SnippetEnd", "c = 3"]
    inside = "int a;\n/* one\n   two */\nint b;\n"
    assert credited(inside, "x.c", 3, 3).splitlines()[:2] == ["int a;", "// SPDX-SnippetBegin"]
    template = "let a = `one\ntwo`;\nlet b;\n"
    assert credited(template, "x.js", 2, 2).startswith("// SPDX-SnippetBegin")
    with pytest.raises(InputError, match="inside a long string"):
        credited('a = """\n' + "x\n" * 1000 + '"""\n', "x.py", 500, 501)


@pytest.mark.parametrize("path", ["rich/text.py", "click/core.py", "packaging/version.py"])
def test_tags_anywhere_in_a_real_program_leave_it_the_same(content: Callable[[str], str], path: str) -> None:
    text = content(path)
    lines, choose = len(text.splitlines()), random.Random(5)
    before = ast.dump(ast.parse(text))
    for _ in range(8):
        first = choose.randrange(1, lines)
        changed = credited(text, path, first, choose.randrange(first, min(first + 60, lines)))
        assert ast.dump(ast.parse(changed)) == before


def test_a_name_from_the_corpus_cannot_end_the_comment_or_add_lines() -> None:
    hostile = Credit("MIT", ("*/ system('x'); /*\nimport os",), "--> <script>")
    text = credited("a{}\n", "x.css", 1, 1, hostile)
    assert text.count("*/") == text.count("/*") == len(text.splitlines()) - 1
    assert len(credit.blocks(text)) == 1


@given(st.lists(st.sampled_from(["x = 1", "", "  y()", "z"]), min_size=1, max_size=12), st.data(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_is_put_is_read_back_and_the_lines_are_kept(lines: list[str], data: st.DataObject, ending: str) -> None:
    text = ending.join([*lines, "last"]) + data.draw(st.sampled_from(["", ending]))
    n = len(re.split("\r\n|\r|\n", text.removesuffix(ending)))
    first = data.draw(st.integers(1, n))
    last = data.draw(st.integers(first, n))
    changed = credited(text, "x.py", first, last)
    (block,) = credit.blocks(changed)
    kept = [line for line in re.split("\r\n|\r|\n", changed) if line and "SPDX" not in line]
    assert kept == [line for line in text.split(ending) if line]
    assert block.start_line == first and block.end_line >= last + 4 and block.licenses == ("MIT",)


def test_blocks_may_nest_and_an_open_one_reaches_to_the_end() -> None:
    text = "# SPDX-SnippetBegin\n# SPDX-License-Identifier: MIT\n# SPDX-SnippetBegin\nx\n# SPDX-SnippetEnd\ny\n"
    assert [(block.start_line, block.end_line, block.licenses) for block in credit.blocks(text)] == [(3, 5, ()), (1, 7, ("MIT",))]


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """The project, to be written to."""
    shutil.copytree(project, tmp_path / "copy", dirs_exist_ok=True)
    return tmp_path / "copy"


def credits_of(outcome: Outcome) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in outcome.audit.findings:
        found.setdefault(finding.path, set()).add(finding.credit)
    return found


def test_fix_makes_the_next_audit_say_credited(copy: Path, audit: Audit) -> None:
    programs = [copy / "src/parsing.py", copy / "src/filling.py"]
    before = {path: ast.dump(ast.parse(path.read_text())) for path in programs}
    said = list(fix(audit(copy, paths=("src",))))
    assert sum("credited lines" in line for line in said) == 3
    again = audit(copy, paths=("src",))
    assert credits_of(again) == {path: {"credited"} for path in ("src/parsing.py", "src/reading.py", "src/filling.py")}
    assert {path: ast.dump(ast.parse(path.read_text())) for path in before} == before
    assert list(fix(again)) == [], "and nothing is credited twice"
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in (copy / "src/filling.py").read_text()
    assert "SPDX-SnippetCopyrightText: Copyright (C) 1999-2001 Gregory P. Ward" in (copy / "src/filling.py").read_text()


def test_fix_keeps_encoding_and_line_ends(audit: Audit, tmp_path: Path, content: Any) -> None:
    text = "# caf\xe9\r\n" + "".join(content("click/parser.py").splitlines(keepends=True)[120:170]).replace("\n", "\r\n")
    file = tmp_path / "a.py"
    file.write_bytes(text.encode("latin-1"))
    file.chmod(0o755)
    list(fix(audit(tmp_path)))
    changed = file.read_bytes().decode("latin-1")
    assert "SPDX-SnippetBegin\r\n" in changed and changed.count("\n") == changed.count("\r\n")
    assert changed.startswith("# caf\xe9") or "# caf\xe9\r\n" in changed
    assert file.stat().st_mode & 0o777 == 0o755


def test_a_wrong_licence_is_credited_wrongly(copy: Path, audit: Audit) -> None:
    list(fix(audit(copy, paths=("src/filling.py",))))
    file = copy / "src/filling.py"
    file.write_text(file.read_text().replace("GPL-3.0-or-later", "MIT"))
    found = audit(copy, paths=("src/filling.py",)).audit.findings
    assert {finding.credit for finding in found} == {"credited_wrongly"}
    assert "MIT" in (found[0].credited_in or "")


@pytest.mark.parametrize(
    ("text", "credit_"),
    [
        ("This uses pypi/click 8.5.1\n  Licence: BSD-3-Clause\n", "credited"),
        ("See https://example.org/pypi/click for the parser.\n", "credited"),
        ("pypi/click\nLicense: GPL-3.0-only\n", "credited_wrongly"),
        ("pypi/clickhouse\n  Licence: BSD-3-Clause\n", "not_credited"),
        ("nothing of the kind\n", "not_credited"),
    ],
)
def test_a_notice_file_credits_what_it_names(copy: Path, audit: Audit, text: str, credit_: str) -> None:
    (copy / "NOTICE").write_text(text)
    assert credits_of(audit(copy, paths=("src/parsing.py",)))["src/parsing.py"] == {credit_}


def test_our_own_notice_credits_everything_with_a_known_licence(copy: Path, audit: Audit) -> None:
    (copy / "NOTICE").write_text(notice.render(audit(copy)))
    found = credits_of(audit(copy))
    assert found["src/parsing.py"] == found["src/filling.py"] == {"credited"}


def test_a_licence_file_in_a_vendored_folder_credits_it(copy: Path, audit: Audit, corpus_rows: list[dict[str, Any]]) -> None:
    shutil.rmtree(copy / "vendor")
    for row in corpus_rows:
        if row["repository"] == "pypi/click":
            file = copy / "vendor" / str(row["path"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(row["content"]))
    assert credits_of(audit(copy, paths=("vendor",)))["vendor/click"] == {"not_credited"}
    (copy / "vendor/click/LICENSE").write_text("SPDX-License-Identifier: BSD-3-Clause\n")
    assert credits_of(audit(copy, paths=("vendor",)))["vendor/click"] == {"credited"}


def test_uncredited_code_can_be_denied(copy: Path, audit: Audit) -> None:

    settings = Settings(
        policy=Policy(allow=("permissive",), unlisted="allow", incompatible="allow", uncredited="deny"), own=Own(infer=False)
    )
    assert audit(copy, settings, paths=("src/parsing.py",)).audit.exit_code == 1
    list(fix(audit(copy, settings, paths=("src/parsing.py",))))
    assert audit(copy, settings, paths=("src/parsing.py",)).audit.exit_code == 0


def test_tags_leave_a_shell_script_valid(tmp_path: Path) -> None:
    text = "#!/bin/sh\ncat <<EOF\none\ntwo\nEOF\nif true; then\n  echo yes\nfi\n"
    changed = credited(text, "a.sh", 4, 7)
    before = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True).stdout
    assert subprocess.run(["sh", "-c", changed], capture_output=True, text=True, check=True).stdout == before
