"""How does the API come together? Routes, limits, errors and metrics around one index.

Not here: the routes (`search_api.routes`), starting a server (`search_api.server`), the page (`ui`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from starlette.responses import Response

from search_api import problems
from search_api.admission import Admission
from search_api.bodies import GuardedRoute
from search_api.filter_file import ServedFilter
from search_api.limits import BodyLimit
from search_api.observe import HeadAsGet, Metrics, Observe
from search_api.problems import METHOD_NOT_ALLOWED, NOT_FOUND, Problem
from search_api.published import BESIDE_ROUTES
from search_api.routes import batches, corpus, filter_file, operations, pages, portraits, v1
from search_api.served import ServedIndex
from search_api.settings import Settings
from search_api.workers import Workers
from wherefrom import __version__

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_DESCRIPTION = "Where does this code come from? Membership, attribution and search over a corpus of licensed code."


def create_app(index: StoredIndex | str | PathLike[str], settings: Settings | None = None) -> FastAPI:
    """The API over an open index, which stays the caller's, or over a location, opened with the first request.

    A location without an index is no error here: requests get 503 until there is one. O(1).
    """
    settings = settings or Settings()
    served = ServedIndex(fspath(index) if isinstance(index, (str, PathLike)) else index, settings.refresh_seconds)
    workers = Workers(served, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()
        app.state.filter.close()

    app = FastAPI(
        title="Wherefrom",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.workers = workers
    app.state.admission = Admission(settings)
    app.state.filter = ServedFilter(settings.filter_folder)
    app.state.metrics = Metrics(lambda: workers.pending)
    problems.install(app)
    _add_routes(app)
    _add_middleware(app, settings)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one added is the outermost: what it sees is what the client gets."""
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    if settings.cors_origins:
        origins = list(settings.cors_origins)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "if-none-match", "if-range", "range"],
            expose_headers=["accept-ranges", "content-range", "etag", "retry-after"],
        )
    app.add_middleware(Observe, metrics=app.state.metrics)
    app.add_middleware(HeadAsGet)


def _add_routes(app: FastAPI) -> None:
    routers = (v1.router, batches.router, corpus.router, filter_file.router, portraits.router, pages.router, operations.router)
    for router in routers:
        app.include_router(router)
    _close_paths(app, routers)
    _describe(app)


def _close_paths(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Answers wrong methods and unknown paths of ours here, before an app mounted at / would."""
    methods_of: dict[str, set[str]] = {}
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            methods_of.setdefault(route.path, set()).update(route.methods or ())
    for path, methods in methods_of.items():
        others = [method for method in _METHODS if method not in methods]
        app.add_route(path, _refuse_method(sorted(methods)), methods=others, include_in_schema=False)
    app.add_route("/v1/{rest:path}", _refuse_path, methods=list(_METHODS), include_in_schema=False)


def _refuse_method(allowed: list[str]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def refuse(_: Request) -> Response:
        listed = ", ".join(allowed)
        raise Problem(METHOD_NOT_ALLOWED, f"this path takes {listed}", headers={"Allow": listed})

    return refuse


async def _refuse_path(_: Request) -> Response:
    raise Problem(NOT_FOUND, NOT_FOUND.meaning)


def _describe(app: FastAPI) -> None:
    """OpenAPI with what FastAPI does not see: the schemas of problems and lines, keys; and ours instead of its own for 422."""
    generate = app.openapi
    guarded = {route.path_format for route in app.routes if isinstance(route, GuardedRoute)}

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        for model in BESIDE_ROUTES:
            described = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(described.pop("$defs", {}))
            schemas[model.__name__] = described
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}}
        for path, methods in document["paths"].items():
            for operation in methods.values():
                if "application/json" in operation["responses"].get("422", {}).get("content", ()):
                    del operation["responses"]["422"]  # FastAPI adds it to every route with a parameter; these cannot be wrong
                if path in guarded:
                    operation["security"] = [{}, {"key": []}]  # a server decides whether it needs one
        return document

    app.openapi = openapi  # type: ignore[method-assign]
