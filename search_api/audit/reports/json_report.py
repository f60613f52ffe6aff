"""An audit as one JSON document, and the schema that it keeps to.

Not here: the fields (`search_api.audit.model`).
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from indexer.answers import to_json
from search_api.audit.audit import Outcome
from search_api.audit.model import Audit

SCHEMA_ID = "https://wherefrom.example/schemas/audit-1.schema.json"


def render(outcome: Outcome) -> str:
    """The document, with its keys in the model's order."""
    return json.dumps({"$schema": SCHEMA_ID, **to_json(outcome.audit)}, indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the document."""
    definitions: dict[str, Any] = {}
    _describe(Audit, definitions)
    top = definitions.pop("Audit")
    top["properties"] = {"$schema": {"const": SCHEMA_ID}, **top["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "An audit by Wherefrom",
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _describe(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        return _object(kind, definitions)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_describe(each, definitions) for each in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _describe(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _describe(arguments[1], definitions)}
    if origin is Literal:
        return {"enum": list(arguments)}
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}[kind]}


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}
        hints = get_type_hints(kind)
        fields = [field.name for field in dataclasses.fields(kind)]
        definitions[name] = {
            "type": "object",
            "description": " ".join((kind.__doc__ or "").split()),
            "properties": {field: _describe(hints[field], definitions) for field in fields},
            "required": fields,
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}


if __name__ == "__main__":  # writes docs/audit.schema.json
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
