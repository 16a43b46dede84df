"""The HTTP interface, put together: routes, problems, journal, description."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy import Engine
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from api import health, page, patterns, problems, runs
from api.journal import Journal
from api.service import Service
from settings import Settings

LONGEST_BODY = 1 << 20  # bytes; a thousand tenants of 200 characters take a fifth of it

ABOUT = """Read what was learned for a tenant, and start runs.

Every address but `/healthz` and `/readyz` takes a bearer token, which `learnback tokens create` makes. A token opens
one tenant, or all, and has a role: `reader` reads patterns, `operator` also starts learning, `admin` also backfills.
What goes wrong is an RFC 9457 problem with a sentence in `detail`."""


def create_app(settings: Settings, engine: Engine) -> FastAPI:
    """The application on an open store (store.database.open_store)."""
    app = FastAPI(
        title="Learnback",
        version="1",
        description=ABOUT,
        docs_url=None,  # api/page.py has one that loads nothing from elsewhere
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = Service(settings, engine)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=LONGEST_BODY)
    app.add_middleware(Journal)
    problems.install(app)
    for part in (patterns, runs, health, page):
        app.include_router(part.router)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """FastAPI's description, and in it the shape of problems, which no route returns and every route may end in."""
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        shape = problems.Problem.model_json_schema()
        described["components"]["schemas"]["Problem"] = shape
        app.openapi_schema = described
    return app.openapi_schema
