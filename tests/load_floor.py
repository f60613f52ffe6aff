"""What does FastAPI itself cost? A server with the body and the answer of /v1/membership and nothing behind: the floor under ours."""

from __future__ import annotations

import json
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import Response

ANSWER: dict[str, Any] = {
    "status": "found", "tokens": 300, "guarantee_tokens": 33, "member": True, "longest_run": 300, "coverage": 1.0,
    "spans": [{"start": 0, "end": 1500}], "false_positive_rate": 1e-9, "offset_unit": "utf-16",
    "index": {"name": "n", "version": "1", "date": "2026-11-01", "generation": 1, "spec": "s", "documents": 1},
}  # fmt: skip


class Question(BaseModel):
    """The body."""

    text: str
    offset_unit: str = "utf-32"
    min_tokens: int | None = None


app = FastAPI()


@app.post("/v1/membership")
async def membership(question: Question) -> Response:
    """Always the same."""
    return Response(json.dumps(ANSWER), media_type="application/json")


if __name__ == "__main__":
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[bound])
