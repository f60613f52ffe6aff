"""What stands on the page? Gradio's tabs, fields and buttons; every answer is one piece of our own markup.

Events bypass Gradio's queue: one POST, one answer, nothing kept between them.

Not here: where the page is mounted and which of Gradio's routes exist (`ui.app`, `ui.gate`), the answers (`ui.asking`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

# Read by Gradio when it is imported, and by the Hugging Face libraries that it imports.
os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}

import gradio as gr

from search_api.workers import Workers
from ui import asking, render
from ui.examples import Example

if TYPE_CHECKING:
    from indexer.answers import IndexInfo

_ANY_LANGUAGE = "Any language"
_SYNTAX = (
    'Words or parts of identifiers, "literal text", /regular expression/, prefix*, -without, lang:Python, license:MIT, '
    "repo:pypi/rich, owner:encode, path:src"
)
_PLAIN: Any = {"spellcheck": False, "autocapitalize": "off", "autocorrect": "off", "autocomplete": "off"}
# No queue: one request, one answer. Private: not among the calls that Gradio documents.
_EVENT: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "minimal"}
_TO_THE_HITS = "() => document.getElementById('wf-hits').scrollIntoView({block: 'start'})"
_SANS = ["system-ui", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """Quiet colours and the system's own fonts: nothing is fetched."""
    quiet: gr.themes.Base = gr.themes.Default(primary_hue="blue", neutral_hue="zinc", font=_SANS, font_mono=_MONO, radius_size="sm")
    return quiet


def build_page(engine: Workers, info: IndexInfo, examples: Sequence[Example], languages: Sequence[str], max_body_bytes: int) -> gr.Blocks:
    """The page over an engine; `info` and `languages` are what its index is known to hold at the start."""
    failed = _without_server(max_body_bytes)
    blocks: gr.Blocks = gr.Blocks(title="Wherefrom", analytics_enabled=False, fill_width=True)
    with blocks:
        gr.HTML(render.header(info), apply_default_css=False, js_on_load=None)
        with gr.Tabs():
            with gr.Tab("Trace", id="trace"):
                _trace_tab(engine, examples, failed)
            with gr.Tab("Search", id="search"):
                _search_tab(engine, languages, failed)
    return blocks


def _without_server(max_body_bytes: int) -> str:
    """What a browser runs where no answer came: an older answer must not stand there as if it were this one's."""
    limit = f"{max_body_bytes / 1e6:.1f} MB" if max_body_bytes >= 1e5 else f"{max_body_bytes:,} bytes"
    detail = f"The server takes no more than {limit} at once, or it cannot be reached. Nothing was examined."
    return f"() => {json.dumps(render.failure('No answer', detail))}"


def _trace_tab(engine: Workers, examples: Sequence[Example], failed: str) -> None:
    async def trace(text: str | None) -> str:
        return await asking.trace(engine, text or "")

    plain = gr.InputHTMLAttributes(**_PLAIN)
    code = gr.Textbox(
        label="Code", placeholder="Paste code here", lines=8, max_lines=14, container=False, elem_id="wf-code", html_attributes=plain
    )
    with gr.Row(elem_id="wf-examples"):
        button = gr.Button("Trace", variant="primary", size="md", min_width=120, elem_id="wf-trace")
        if examples:
            gr.HTML(render.hint("Or try:"), apply_default_css=False, js_on_load=None, min_width=0, scale=0)
        choices = [gr.Button(example.label, size="sm", elem_classes="wf-example") for example in examples]
    result = gr.HTML("", elem_id="wf-result", apply_default_css=False, js_on_load=None)
    button.click(trace, code, result, **_EVENT).failure(None, None, result, js=failed, **_EVENT)
    for choice, example in zip(choices, examples, strict=True):
        choice.click(_shown(engine, example), None, [code, result], **_EVENT).failure(None, None, result, js=failed, **_EVENT)


def _shown(engine: Workers, example: Example) -> Callable[[], Awaitable[tuple[str, str]]]:
    async def show() -> tuple[str, str]:
        return example.text, await asking.trace(engine, example.text)

    return show


def _search_tab(engine: Workers, languages: Sequence[str], failed: str) -> None:
    async def search(query: str | None, language: str | None, cursor: str | None = None) -> tuple[str, str, Any]:
        narrowed = None if language in (None, "", _ANY_LANGUAGE) else language
        markup, following = await asking.search(engine, query or "", narrowed, cursor)
        return markup, json.dumps([query, language, following]) if following else "", gr.update(visible=bool(following))

    async def go_on(behind: str | None) -> tuple[str, str, Any]:
        return await search(*json.loads(behind or "[null, null]"))

    plain = gr.InputHTMLAttributes(**_PLAIN)
    with gr.Row(elem_id="wf-search"):
        query = gr.Textbox(label="Search the files of the index", scale=5, min_width=220, elem_id="wf-query", html_attributes=plain)
        language = gr.Dropdown(
            [_ANY_LANGUAGE, *languages],
            value=_ANY_LANGUAGE,
            label="Language",
            allow_custom_value=True,
            scale=1,
            min_width=150,
            elem_id="wf-language",
        )
        button = gr.Button("Search", variant="primary", size="md", min_width=120, scale=0, elem_id="wf-find")
    gr.HTML(render.hint(_SYNTAX), apply_default_css=False, js_on_load=None)
    result = gr.HTML("", elem_id="wf-hits", apply_default_css=False, js_on_load=None)
    behind = gr.Textbox(visible=False)  # the query, its language, the cursor of its next page
    more = gr.Button("Next page", size="sm", visible=False, elem_id="wf-more")
    shown = [result, behind, more]
    for event in (button.click, query.submit):
        event(search, [query, language], shown, **_EVENT).failure(None, None, result, js=failed, **_EVENT)
    following = more.click(go_on, behind, shown, **_EVENT)
    following.then(None, None, None, js=_TO_THE_HITS, **_EVENT).failure(None, None, result, js=failed, **_EVENT)
