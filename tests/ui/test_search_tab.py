"""Does the search tab find files, show where, and say what is wrong with a query?"""

from __future__ import annotations

from typing import Any


def search(page: Any, query: str) -> None:
    if not page.is_visible("#wf-query"):
        page.get_by_role("tab", name="Search").click()
    page.fill("#wf-query input, #wf-query textarea", query)
    with page.expect_response("**/gradio_api/run/predict"):
        page.click("#wf-find")
    page.wait_for_selector("#wf-hits .wf-status")


def test_hits_have_highlights_licence_and_a_link_to_the_line(page: Any) -> None:
    search(page, "_mac_binary_formats")
    hit = page.locator(".wf-hit").filter(has_text="packaging/tags.py").first
    hit.wait_for()
    assert "Apache-2.0 OR BSD-2-Clause permissive" in hit.inner_text()
    assert "_mac_binary_formats" in hit.locator("mark").all_text_contents()
    with page.context.expect_page() as opening:
        hit.locator("h4 a").click()
    opening.value.wait_for_selector("div.hit")
    assert "/documents/" in opening.value.url


def test_language_narrows_the_search(page: Any) -> None:
    search(page, "hostile_3")
    page.wait_for_selector(".wf-hit")
    assert page.locator(".wf-hit").count() == 1
    search(page, "hostile_3 lang:Python")
    page.wait_for_function("document.querySelectorAll('.wf-hit').length === 0")
    assert "0 files" in page.inner_text("#wf-hits .wf-status")


def test_language_is_chosen_from_a_list(page: Any) -> None:
    search(page, "hostile_3")
    page.wait_for_selector(".wf-hit")
    page.click("#wf-language input")
    page.get_by_role("option", name="Python").click()
    page.click("#wf-find")
    page.wait_for_function("document.querySelectorAll('.wf-hit').length === 0")


def test_pages_follow_each_other_by_repository(page: Any) -> None:
    search(page, "import")
    groups, first = page.locator(".wf-group > h3"), page.locator(".wf-hit h4").all_inner_texts()
    assert len(set(groups.all_inner_texts())) == groups.count() > 1
    page.click("#wf-more button, button#wf-more")
    page.wait_for_function("first => ![undefined, first].includes(document.querySelector('.wf-hit h4')?.innerText)", arg=first[0])
    assert page.locator(".wf-hit").count() > 0 and page.locator(".wf-hit h4").all_inner_texts() != first
    search(page, "hostile_3")
    page.wait_for_function("document.querySelectorAll('.wf-hit').length === 1")
    page.wait_for_selector("#wf-more", state="hidden")


def test_a_wrong_query_is_explained(page: Any) -> None:
    search(page, '"never closed')
    page.wait_for_selector("text=Invalid query")


def test_hostile_files_are_shown_as_text(page: Any) -> None:
    search(page, "hostile_3")
    page.wait_for_selector(".wf-hit")
    assert "<script>window.hacked=1</script>" in page.inner_text(".wf-hit")
    assert "onerror=window.hacked=1" in page.inner_text(".wf-hit h4")
    assert page.evaluate("window.hacked") is None


def test_syntax_and_api_documentation_are_offered(page: Any) -> None:
    page.get_by_role("tab", name="Search").click()
    assert '"literal text"' in page.inner_text("body")
    page.click("text=API")
    page.wait_for_url("**/docs")
    assert "/v1/attribution" in page.inner_text("body")
