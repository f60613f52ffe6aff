"""What must schemathesis know of this API? How lines travel, and that a batch is made of them. Named by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """A string as it is: the schema of a batch is one."""
    return str(value).encode("utf-8", "replace")


@schemathesis.hook
def map_body(_: schemathesis.HookContext, body: Any) -> Any:
    """A batch of whatever was made up: once inside a good line, once as a line of its own."""
    return json.dumps({"id": 1, "text": body}) + "\n" + body if isinstance(body, str) else body
