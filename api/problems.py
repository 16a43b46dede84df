"""What went wrong, as RFC 9457 problems: a status, a sentence for a person, and the request's id. Never a traceback.

{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no tenant `Acme`.", "request_id": …}
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.journal import HEADER
from contracts.errors import ServerError, UnknownTenantError, UserError
from store.reading import UNREACHABLE

log = logging.getLogger("learnback.api")

MEDIA_TYPE = "application/problem+json"
BLANK = "about:blank"

RETRY_SECONDS = 5
"""When to ask again after a 503: a database or a server that is being restarted is usually back by then."""


class Problem(BaseModel):
    """An RFC 9457 problem."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(examples=[BLANK], description="Always about:blank: the status says what kind of problem it is")
    title: str = Field(description="The status in words", examples=["Not Found"])
    status: int = Field(ge=400, le=599, examples=[404])
    detail: str = Field(description="What was got, what was wanted, what to do: a sentence for a person")
    request_id: str = Field(description="As in the header X-Request-Id and in the server's log")


class ProblemError(Exception):
    """Ends a request with this status and sentence."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def declared(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may end in these problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        int(status): {"description": _MEANING[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Let every failure of a request leave as a problem."""
    app.add_exception_handler(ProblemError, _told)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UserError, _user_error)
    for unreachable in UNREACHABLE:
        app.add_exception_handler(unreachable, _unreachable)
    app.add_exception_handler(Exception, _bug)


def respond(request: Request, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response; it is never kept by a cache."""
    shape = Problem(
        type=BLANK,
        title=status.phrase,
        status=status,
        detail=_sentence(detail),
        request_id=request.scope.get("request_id", ""),
    )
    content = json.dumps(shape.model_dump(), ensure_ascii=True)  # what a client sent need not be valid Unicode
    kept = {"Cache-Control": "no-store", **(headers or {})}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        kept.setdefault("Retry-After", str(RETRY_SECONDS))
    return Response(content, status, kept, MEDIA_TYPE)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return respond(request, error.status, error.detail, error.headers)


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: no such address, no such method, a body that is no text."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return respond(request, status, _REFUSED.get(status, error.detail), error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = "; ".join(_fault(fault["loc"], fault["msg"]) for fault in error.errors())
    return respond(request, HTTPStatus.UNPROCESSABLE_ENTITY, faults)


async def _user_error(request: Request, error: Exception) -> Response:
    if isinstance(error, UnknownTenantError):
        return respond(request, HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, ServerError):
        return respond(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    return respond(request, HTTPStatus.CONFLICT, str(error))


async def _unreachable(request: Request, error: Exception) -> Response:
    """Which host and user the database has is for the log, not for whoever asks."""
    log.error("the database cannot be used: %s", error)
    return respond(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the database cannot be used now. The server's log says why; GET /readyz says when it can",
    )


async def _bug(request: Request, error: Exception) -> Response:
    """Starlette raises the error again after this answer, so that its traceback is in the server's log."""
    sentence = "this is a fault of ours; the server's log has it under the request id"
    own = {HEADER: request.scope.get("request_id", "")}  # the journal's middleware lies further in
    return respond(request, HTTPStatus.INTERNAL_SERVER_ERROR, sentence, own)


def _fault(place: Sequence[str | int], said: str) -> str:
    """`tenants.0: …`, without what was sent: it may be long, secret or unreadable."""
    named = ".".join(str(part) for part in place if part not in {"body", "path", "header"})
    return f"{named or 'the body'}: {said}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


_REFUSED = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address; /docs lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take that method; /docs lists which it takes",
    HTTPStatus.BAD_REQUEST: "the body cannot be read as JSON in UTF-8",
}

_MEANING = {
    HTTPStatus.BAD_REQUEST: "The body is no UTF-8 text",
    HTTPStatus.UNAUTHORIZED: "No token, or one that is unknown, expired or revoked",
    HTTPStatus.FORBIDDEN: "The token opens another tenant, or its role does not include this",
    HTTPStatus.NOT_FOUND: "No such tenant, or nothing of this kind is published for it",
    HTTPStatus.CONFLICT: "The Idempotency-Key was used for another request before",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request does not fit its description",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database, or the Prefect server, does not answer; the detail says what to do",
}
