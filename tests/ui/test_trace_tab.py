"""Does the page show where pasted code comes from, in a real browser?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from indexer.text.keywords import KEYWORDS


def reindented(text: str) -> str:
    """With tabs for indentation and without empty lines, as it comes out of another editor."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "".join("\t\t" + "\t" * ((len(line) - len(line.lstrip())) // 4) + line.lstrip() + "\n" for line in lines)


def first_source(page: Any) -> str:
    return str(page.inner_text(".wf-source >> nth=0"))


def test_copied_function_is_highlighted_and_its_source_is_first(page: Any, trace: Callable[..., str], function: Any) -> None:
    assert trace(page, reindented(function.text)) == "Found"
    marked = "".join(page.locator("a.wf-span.wf-exact").all_text_contents())
    assert re.sub(r"\s", "", marked) == re.sub(r"\s", "", function.text)
    source = first_source(page)
    assert function.repository in source
    assert f"{function.path}, lines {function.first_line} to {function.last_line}" in source
    assert "Apache-2.0 OR BSD-2-Clause permissive" in source


def test_status_names_index_version_date_and_time_taken(page: Any, trace: Callable[..., str], function: Any) -> None:
    trace(page, function.text)
    assert re.search(r"Index page-test 7 of 2026-11-01, \d+ files · [\d.]+ ms", page.inner_text("#wf-result .wf-status small"))


def test_link_of_a_source_leads_to_its_lines(page: Any, trace: Callable[..., str], function: Any) -> None:
    trace(page, function.text)
    with page.context.expect_page() as opening:
        page.click(".wf-source >> nth=0 >> .wf-facts a >> nth=0")
    document = opening.value
    document.wait_for_selector("div.hit")
    lines = document.locator("div.hit code").all_text_contents()
    assert lines == function.text.splitlines()
    assert document.url.endswith(f"#L{function.first_line}-L{function.last_line}")


def test_source_lines_stand_beside_the_pasted_ones(page: Any, trace: Callable[..., str], function: Any) -> None:
    trace(page, function.text)
    yours, theirs = page.locator(".wf-yours").bounding_box(), page.locator(".wf-source .wf-code").bounding_box()
    assert theirs["x"] >= yours["x"] + yours["width"]
    matched = page.locator(".wf-source .wf-line.wf-exact code").all_text_contents()
    assert matched == function.text.splitlines()
    numbers = page.locator(".wf-source .wf-line.wf-exact .wf-number").evaluate_all("all => all.map(each => +each.dataset.line)")
    assert numbers == list(range(function.first_line, function.last_line + 1))


def test_renamed_function_is_found_and_the_names_are_told(page: Any, trace: Callable[..., str], function: Any) -> None:
    text = re.sub(r"\b[A-Za-z_]\w*", lambda word: word[0] if word[0] in KEYWORDS else word[0] + "_renamed", function.text)
    assert trace(page, text) == "Found"
    assert page.locator("a.wf-span.wf-renamed").count() == 1
    source = first_source(page)
    assert function.path in source
    assert "names changed" in source
    assert "cpu_arch → cpu_arch_renamed" in source


def test_unknown_code_is_none_and_shows_no_source(page: Any, trace: Callable[..., str], fresh_text: str) -> None:
    assert trace(page, fresh_text) == "Not in this index"
    assert page.locator("a.wf-span, .wf-source, .wf-notice").count() == 0


def test_few_tokens_are_too_short(page: Any, trace: Callable[..., str]) -> None:
    assert trace(page, "a = b + c * d + 1") == "Too short to be sure"
    assert "9 tokens; only from 20 tokens on" in page.inner_text("#wf-result .wf-status")


def test_nothing_pasted_says_so(page: Any) -> None:
    page.click("#wf-trace")
    page.wait_for_selector("#wf-result .wf-status")
    assert page.inner_text("#wf-result .wf-status strong") == "Nothing to trace yet"


def test_an_answer_replaces_the_one_before(page: Any, trace: Callable[..., str], function: Any, fresh_text: str) -> None:
    trace(page, function.text)
    page.click("a.wf-span >> nth=0")
    trace(page, fresh_text)
    assert page.locator("a.wf-span, .wf-source").count() == 0
    trace(page, function.text)
    assert page.get_attribute("a.wf-span >> nth=0", "aria-pressed") == "false"
    assert page.locator(".wf-about:visible").count() == 0


def test_clicking_a_span_shows_its_sources_only(page: Any, trace: Callable[..., str], function: Any, copied_function: Any) -> None:
    trace(page, function.text + "\n\n" + copied_function.text)
    spans = page.locator("a.wf-span")
    assert spans.count() == 2
    assert page.locator(".wf-source:visible").count() == 2
    spans.nth(1).click()
    visible = page.locator(".wf-source:visible")
    assert visible.count() == 1
    assert "utils.py" in visible.inner_text()
    assert "Span 2 of 2" in page.inner_text(".wf-about:visible")
    assert "in 2 files of 2 repositories" in page.inner_text(".wf-about:visible")
    page.click(".wf-about:visible button")
    assert page.locator(".wf-source:visible").count() == 2


def test_copies_are_folded_and_a_licence_conflict_is_said(page: Any, trace: Callable[..., str], copied_function: Any) -> None:
    trace(page, copied_function.text)
    assert page.locator(".wf-source").count() == 1
    warning = page.inner_text(".wf-warn")
    assert "do not agree" in warning
    assert "GPL-3.0-only (copyleft)" in warning
    assert "Apache-2.0 OR BSD-2-Clause (permissive)" in warning
    copies = page.locator(".wf-copies li")
    assert not copies.first.is_visible()
    page.click(".wf-copies summary")
    assert copies.count() == 1
    assert copies.first.is_visible()


def test_spans_are_reached_and_opened_by_keyboard(page: Any, trace: Callable[..., str], function: Any) -> None:
    trace(page, function.text)
    page.focus("#wf-trace")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('a.wf-span')"):
            break
    span = page.locator("a.wf-span").first
    assert page.evaluate("document.activeElement.matches('a.wf-span')")
    assert span.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    page.keyboard.press("Space")
    assert span.get_attribute("aria-pressed") == "true"
    assert page.locator(".wf-about:visible").count() == 1
    page.keyboard.press("Enter")
    assert span.get_attribute("aria-pressed") == "false"


def test_control_enter_traces(page: Any, function: Any) -> None:
    page.fill("#wf-code textarea", function.text)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("a.wf-span")
    assert page.input_value("#wf-code textarea") == function.text


def test_notice_is_copied(open_page: Callable[..., Any], trace: Callable[..., str], function: Any) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    trace(page, function.text)
    page.click("text=Copy notice")
    page.wait_for_selector("text=Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#wf-notice-text").text_content()
    assert function.repository in copied
    assert "Apache-2.0" in copied


def test_markup_in_code_is_shown_and_never_runs(page: Any, trace: Callable[..., str], page_rows: list[dict[str, Any]]) -> None:
    hostile = page_rows[-1]
    text = (
        hostile["content"]
        + "<script>window.hacked=1</script>\n<img src=x onerror='window.hacked=1'>\n${window.hacked=1} {{constructor}} {{{value}}}\n"
    )
    assert trace(page, text) == "Found"
    source = first_source(page)
    assert hostile["path"] in source
    assert hostile["repository"] in source
    assert page.locator("#wf-result img, #wf-result script, #wf-result b b").count() == 0
    assert page.evaluate("window.hacked") is None


def test_unseen_characters_are_made_visible(page: Any, trace: Callable[..., str], function: Any) -> None:
    page.fill("#wf-code textarea", "# \u202e\u2066 reversed \u200b\n" + function.text)
    page.click("#wf-trace")
    page.wait_for_selector("a.wf-span")
    assert page.locator(".wf-yours .wf-text").text_content().startswith("# \ufffd\ufffd reversed \ufffd\n")


def test_without_an_answer_the_one_before_is_gone(page: Any, trace: Callable[..., str], function: Any) -> None:
    trace(page, function.text)
    page.fill("#wf-code textarea", ("x = 1; " * 200 + "\n") * 200)
    page.click("#wf-trace")
    page.wait_for_selector("text=No answer")
    assert page.locator("a.wf-span, .wf-source").count() == 0
    assert "0.3 MB" in page.inner_text("#wf-result .wf-status")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_colour_scheme_and_stays_readable(
    open_page: Callable[..., Any], trace: Callable[..., str], function: Any, scheme: str
) -> None:
    page = open_page(color_scheme=scheme)
    trace(page, function.text)
    assert (luminance(page, "body", "backgroundColor") < 0.1) == (scheme == "dark")
    for shown in (".wf-tag", ".wf-status small", ".wf-license", ".wf-path", "a.wf-span", ".wf-about button", ".wf-source summary"):
        text, back = luminance(page, shown, "color"), luminance(page, "body", "backgroundColor")
        assert (max(text, back) + 0.05) / (min(text, back) + 0.05) >= 4.5, shown


def luminance(page: Any, selector: str, style: str) -> float:
    """Relative luminance of a colour, as the contrast formula of WCAG takes it."""
    colour = page.locator(selector).first.evaluate(f"each => getComputedStyle(each).{style}")
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_phone_width_needs_no_sideways_scrolling(open_page: Callable[..., Any], trace: Callable[..., str], copied_function: Any) -> None:
    page = open_page(viewport={"width": 360, "height": 780})
    trace(page, copied_function.text.replace("\n", " # " + "a_long_comment " * 12 + "\n", 1))
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    yours = page.locator(".wf-yours")
    assert yours.evaluate("each => each.scrollWidth > each.clientWidth")
    source = page.locator(".wf-source .wf-code").first.bounding_box()
    assert source["y"] > yours.bounding_box()["y"] + yours.bounding_box()["height"]
    page.get_by_role("tab", name="Search").click()
    page.fill("#wf-query input, #wf-query textarea", "wrap text")
    page.keyboard.press("Enter")
    page.wait_for_selector(".wf-hit")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_choosing_a_span_on_a_phone_brings_its_source_into_view(
    open_page: Callable[..., Any], trace: Callable[..., str], function: Any, fresh_text: str
) -> None:
    page = open_page(viewport={"width": 360, "height": 780})
    trace(page, function.text + fresh_text)
    page.click("a.wf-span >> nth=0")
    page.wait_for_function("document.querySelector('#wf-sources').getBoundingClientRect().top < innerHeight * 0.8")
