"""`POST /patterns/learn` and `POST /patterns/backfill/{tenant}`: start a run through Prefect, and say where it is.

Nothing is learned in this process. The answer is 202 with the run's id and address; what it found is read later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Response
from pydantic import StringConstraints

from adapters.prefect_runs import Started, start_run
from api.access import Admin, Operator, tenant_of
from api.patterns import TenantPath
from api.problems import ProblemError, declared
from api.service import Asked, Service
from api.shapes import LearnOrder, StartedRun
from contracts.errors import UnknownTenantError
from store import audit, reading
from store.scope import batch_scope
from store.tokens import Token

LEARN = "pattern-learning/weekly"
BACKFILL = "pattern-backfill/manual"
"""Deployments, as flow/deployment. A server that lacks one is told so by name."""

router = APIRouter(tags=["runs"])

Key = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")] | None,
    Header(
        alias="Idempotency-Key",
        description="Any text of your own. A request that is sent again with it starts no second run",
    ),
]

STARTED = {"Location": {"description": "The run's page in Prefect's UI", "schema": {"type": "string"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "The run was started, and waits for a worker", "headers": STARTED},
    413: {"description": "The body is longer than any order can be", "content": {"text/plain": {}}},
    **declared(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
}


@router.post(
    "/patterns/learn",
    status_code=HTTPStatus.ACCEPTED,
    response_model=StartedRun,
    responses={**ANSWERS, **declared(HTTPStatus.BAD_REQUEST)},
)
async def learn(
    service: Asked, token: Operator, response: Response, asked: LearnOrder | None = None, key: Key = None
) -> StartedRun:
    """Start a learning run: extract, check, learn, judge, publish. It waits for its turn. Role: operator."""
    order = asked or LearnOrder()
    if order.as_of and order.as_of > datetime.now(UTC):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"as_of: {order.as_of:%Y-%m-%d %H:%M} UTC lies in the future"
        )
    if token.tenant_id and not order.tenants:
        raise ProblemError(
            HTTPStatus.FORBIDDEN, f"this token opens {token.tenant} only: name it in `tenants`, since none means all"
        )
    named = list(
        dict.fromkeys([await _existing(service, token, name) for name in order.tenants])
    )  # once, however named
    request = order.model_dump(mode="json", exclude_unset=True) | {"tenants": [str(tenant) for tenant in named]}
    return await _start(service, token, response, LEARN, {"request": request}, named or None, key)


@router.post(
    "/patterns/backfill/{tenant}", status_code=HTTPStatus.ACCEPTED, response_model=StartedRun, responses=ANSWERS
)
async def backfill(service: Asked, token: Admin, response: Response, tenant: TenantPath, key: Key = None) -> StartedRun:
    """Start a backfill, which learns a tenant's history anew. 503 where there is no such deployment. Role: admin."""
    identity = await _existing(service, token, tenant)
    parameters = {"request": {"tenants": [str(identity)]}}
    return await _start(service, token, response, BACKFILL, parameters, [identity], key)


async def _existing(service: Service, token: Token, asked: str) -> UUID:
    identity = await tenant_of(service, token, asked)
    if await service.ask(reading.in_force, service.engine, identity) is None:
        raise UnknownTenantError(f"there is no tenant `{asked}`")
    return identity


async def _start(
    service: Service,
    token: Token,
    response: Response,
    deployment: str,
    parameters: dict[str, Any],
    concerned: Sequence[UUID] | None,
    key: str | None,
) -> StartedRun:
    run = await service.ask(_start_and_note, service, token, deployment, parameters, concerned, key)
    if {name: run.parameters.get(name) for name in parameters} != parameters:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"this Idempotency-Key has started another run, {run.url}: choose a new key for a new request",
        )
    response.headers["Location"] = run.url
    response.headers["Cache-Control"] = "no-store"
    return StartedRun(run_id=UUID(run.id), name=run.name, url=run.url, new=run.new)


def _start_and_note(
    service: Service,
    token: Token,
    deployment: str,
    parameters: dict[str, Any],
    concerned: Sequence[UUID] | None,
    key: str | None,
) -> Started:
    """Start a run, and say so in the audit log of every tenant that it concerns (None: all).

    The transaction is open before the run is started: where nothing can be noted, nothing is started.
    """
    own = key and hashlib.sha256(f"{token.id}/{key}".encode()).hexdigest()  # two tokens may choose the same key
    with batch_scope(service.engine) as batch:
        run = start_run(service.settings, deployment, parameters, key=own)
        if run.new:
            detail = {"deployment": deployment, "run_id": run.id, "parameters": parameters}
            audit.record_each(batch, concerned, actor=f"token {token.id}", action="start_run", detail=detail)
    return run
