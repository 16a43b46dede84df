"""`GET /healthz` and `GET /readyz`, for whatever watches over the process. Neither takes a token."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response

from api.problems import ProblemError, declared
from api.service import Asked
from api.shapes import Health
from store import reading

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz(response: Response) -> Health:
    """The process is alive. A failure means: start it again."""
    response.headers["Cache-Control"] = "no-store"
    return Health(status="ok")


@router.get("/readyz", responses=declared(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(service: Asked, response: Response) -> Health:
    """The database answers and has the tables that this version needs. 503 means: send requests elsewhere for now."""
    response.headers["Cache-Control"] = "no-store"
    reason = await service.ask(reading.why_not, service.engine)
    if reason is not None:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, reason)
    return Health(status="ready")
