"""Is the server alive, ready, and how does it fare? For probes and scrapers.

Not here: what is counted (`search_api.observe`).
"""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from search_api import schemas
from search_api.bodies import ApiRoute
from search_api.problems import INDEX_UNAVAILABLE, Problem
from search_api.routes.engine import Engine, problems
from search_api.sending import Answer

router = APIRouter(route_class=ApiRoute, tags=["operations"])
_EXAMPLE = "# HELP wherefrom_http_requests_total Requests answered.\n# TYPE wherefrom_http_requests_total counter\n"


@router.get("/healthz", response_class=Answer, response_model=schemas.Health)
async def healthz() -> Answer:
    """The process lives and answers; says nothing about the index."""
    return Answer({"status": "ok"})


@router.get("/readyz", response_class=Answer, response_model=schemas.Health, responses=problems(503))
async def readyz(engine: Engine) -> Answer:
    """The index is open and questions are answered; 503 until then."""
    if not await to_thread.run_sync(engine.served.is_ready):
        raise Problem(INDEX_UNAVAILABLE, "the index cannot be opened", headers={"Retry-After": "5"})
    return Answer({"status": "ok"})


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"description": "Prometheus text format", "content": {"text/plain": {"example": _EXAMPLE}}}},
)
async def metrics(request: Request) -> Response:
    """Counters and latency histograms by route template, for Prometheus."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
