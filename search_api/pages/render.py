"""How does a page look? Templates filled with escaped values; one response holds markup, style and script.

The Content-Security-Policy allows that style and that script by their hashes and nothing else, so that even a fault in the
escaping could neither run code nor fetch anything.

Not here: which address shows which page (`search_api.routes.pages`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from indexer.answers import Document
from search_api.problems import ProblemType

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "style.css").read_text("utf-8")
_SCRIPT = (_FOLDER / "document.js").read_text("utf-8")
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
_LINE_END = re.compile(r"\r\n|\n|\r")
_MARKS = ("is_fork", "is_vendored", "is_generated", "is_test")


def _source_hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_source_hash(_STYLE)}; script-src {_source_hash(_SCRIPT)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}


def document_page(document: Document) -> str:
    """The file with numbered lines, its provenance and licence. Seconds for files of many megabytes: call it in a thread."""
    return _fill(
        "document.html",
        document=document,
        lines=lines_of(document.content),
        links=_links(document),
        marks=[mark.removeprefix("is_") for mark in _MARKS if getattr(document, mark)],
        script=Markup(_SCRIPT),  # noqa: S704 - our own file
    )


def lines_of(content: str) -> list[str]:
    """The lines without their ends (LF, CRLF, CR), as answers count them; NUL, which HTML drops, is shown as its picture."""
    lines = _LINE_END.split(content.replace("\0", "\u2400"))
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def docs_page(api: dict[str, Any]) -> str:
    """Every route of an OpenAPI document, with fields and an example to paste."""
    schemas = api["components"]["schemas"]
    return _fill("docs.html", api=api, fields_of=lambda route: _fields(route, schemas), example_of=_Examples(schemas))


def problems_page(types: Sequence[ProblemType]) -> str:
    """What each problem type means."""
    return _fill("problems.html", types=types)


def _fill(template: str, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(style=Markup(_STYLE), **values)  # noqa: S704 - our own file


def _links(document: Document) -> list[tuple[str, str]]:
    """Addresses a person may follow: http(s) alone, since a dataset may say `javascript:` as well."""
    pairs = (("Original, pinned", document.url), ("Project", document.project_url))
    return [(label, address) for label, address in pairs if address and address.startswith(("https://", "http://"))]


def _fields(route: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Name, description, default and whether required, of the parameters and of the body's fields."""
    parameters = route.get("parameters", ())
    found = [_field(each["name"], each.get("description", ""), each["required"], each["schema"]) for each in parameters]
    body = _body_schema(route, schemas)
    required = body.get("required", ())
    found += [_field(name, field.get("description", ""), name in required, field) for name, field in body.get("properties", {}).items()]
    return found


def _field(name: str, description: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "required": required, "default": schema.get("default")}


def _body_schema(route: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "requestBody" not in route:
        return {}
    (content,) = route["requestBody"]["content"].values()
    reference = content["schema"].get("x-line-schema", content["schema"])["$ref"]  # of a batch: the schema of one line
    schema: dict[str, Any] = schemas[reference.rpartition("/")[2]]
    return schema


class _Examples:
    """Commands to paste, made from the examples in the schemas."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def __call__(self, path: str, method: str, route: dict[str, Any]) -> str:
        body = _body_schema(route, self._schemas)
        if body:
            data = json.dumps(body["examples"][0]).replace("'", "'\\''")
            (media_type,) = route["requestBody"]["content"]
            return f"curl \"$SERVER{path}\" -H 'Content-Type: {media_type}' -d '{data}'"
        query = {}
        for parameter in route.get("parameters", ()):
            example = (parameter["schema"].get("examples") or [""])[0]
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", example)
            elif example:
                query[parameter["name"]] = example
        return f'curl "$SERVER{path}{"?" + urlencode(query) if query else ""}"'
