"""The document page shows a file as it is, whatever is in it, and asks nothing of anybody."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import httpx
import pytest

HOSTILE = ("evil/<b>repo</b>", 'src/"><script>alert(1)</script>.js')


class Page(HTMLParser):
    """What a browser would see: tags, links, the lines of code, inline style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.lines: list[str] = []
        self.inline: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        self._inside = tag
        if tag == "code":
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "code":
            self.lines[-1] += data
        elif self._inside in ("style", "script"):
            self.inline[self._inside] = self.inline.get(self._inside, "") + data


def page_of(http: httpx.Client, corpus, key: tuple[str, str]) -> tuple[httpx.Response, Page]:
    response = http.get(f"/documents/{corpus.document_id(*key)}").raise_for_status()
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response, Page(response.text)


def test_lines_are_the_files_lines(http: httpx.Client, corpus) -> None:
    key = ("pypi/click", "click/parser.py")
    response, page = page_of(http, corpus, key)
    assert page.lines == corpus.contents[key].split("\n")[:-1]
    ids = [value for name, value in page.attributes if name == "id"]
    assert ids == [f"L{number}" for number in range(1, len(page.lines) + 1)]
    assert "BSD-3-Clause" in response.text and "https://example.org/click" in response.text


def test_hostile_file_is_shown_and_nothing_in_it_runs(http: httpx.Client, corpus) -> None:
    _, page = page_of(http, corpus, HOSTILE)
    expected = re.split(r"\r\n|\n|\r", corpus.contents[HOSTILE].replace("\0", "\u2400"))[:-1]
    assert page.lines == expected
    assert page.tags.count("script") == 1 and "b" not in page.tags
    assert not [value for _, value in page.attributes if value and "javascript:" in value.lower()]
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("key", [HOSTILE, ("pypi/click", "click/parser.py")])
def test_policy_allows_exactly_the_inline_style_and_script(http: httpx.Client, corpus, key: tuple[str, str]) -> None:
    response, page = page_of(http, corpus, key)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.inline[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "src" not in dict(page.attributes) and "url(" not in page.inline["style"] and "@import" not in page.inline["style"]
