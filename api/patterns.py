"""`GET /patterns/{tenant}` and `GET /patterns/{tenant}/{type}`: what engines act on now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from api.access import Reader, tenant_of
from api.problems import ProblemError, declared
from api.service import Asked
from api.shapes import Name, Owner, Pattern, PatternEvidence, PatternHead, Patterns
from contracts.errors import UnknownTenantError
from contracts.pattern_types import PatternType
from store import reading
from store.reading import Book, InForce

FRESH_SECONDS = 60
"""How long a reader may keep an answer unasked: a rollback reaches it after a minute at the latest."""

router = APIRouter(tags=["patterns"])

TenantPath = Annotated[Name, Path(description="Name or id of the tenant", examples=["Northwind Dental"])]
TypePath = Annotated[PatternType, Path(alias="type", description="Which question the pattern answers")]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="ETags that the reader holds; where one is current, 304 and no body comes back",
    ),
]

CACHED = {
    "ETag": {"description": "Changes with payload, version and validity", "schema": {"type": "string"}},
    "Cache-Control": {"description": "private, with a max-age up to a minute", "schema": {"type": "string"}},
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "What is in force", "headers": CACHED},
    304: {"description": "Nothing has changed since the ETag in If-None-Match", "headers": CACHED},
    **declared(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
}


@router.get("/patterns/{tenant}", response_model=Patterns, responses=ANSWERS)
async def read_all(service: Asked, token: Reader, tenant: TenantPath, if_none_match: IfNoneMatch = None) -> Response:
    """Every pattern in force for a tenant. 404 where nothing is published for it. Role: reader."""
    identity = await tenant_of(service, token, tenant)
    book = _known(await service.ask(reading.in_force, service.engine, identity), tenant)
    if not book.patterns:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"nothing is in force for {book.tenant}, so engines use the documented defaults"
        )
    now = datetime.now(UTC)
    owner = Owner(tenant_id=book.tenant_id, tenant=book.tenant).model_dump_json()
    listed = ",".join(_json(book, pattern, now) for pattern in book.patterns)
    return _fresh(f'{owner[:-1]},"patterns":[{listed}]}}', book, now, if_none_match)


@router.get("/patterns/{tenant}/{type}", response_model=Pattern, responses=ANSWERS)
async def read_one(
    service: Asked, token: Reader, tenant: TenantPath, pattern_type: TypePath, if_none_match: IfNoneMatch = None
) -> Response:
    """The pattern of one type that is in force for a tenant. 404 where none is published. Role: reader."""
    identity = await tenant_of(service, token, tenant)
    book = _known(await service.ask(reading.in_force, service.engine, identity, pattern_type.value), tenant)
    if not book.patterns:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            f"no pattern of type {pattern_type} is in force for {book.tenant}, so engines use the documented defaults",
        )
    now = datetime.now(UTC)
    return _fresh(_json(book, book.patterns[0], now), book, now, if_none_match)


def _known(book: Book | None, asked: str) -> Book:
    if book is None:
        raise UnknownTenantError(f"there is no tenant `{asked}`")
    return book


def _json(book: Book, pattern: InForce, now: datetime) -> str:
    """A `Pattern`, its payload spliced in as the text that the store holds: reading and writing it would cost most."""
    head = PatternHead(
        tenant_id=book.tenant_id,
        tenant=book.tenant,
        type=PatternType(pattern.pattern_type),
        version=pattern.version,
        confidence=pattern.confidence,
        evidence=PatternEvidence(
            sample_size=pattern.evidence.sample_size,
            outcomes=pattern.evidence.outcomes,
            randomised=pattern.evidence.randomised,
        ),
        valid_until=pattern.valid_until,
        expired=pattern.valid_until <= now,
        learned_as_of=pattern.learned_as_of,
        computed_at=pattern.computed_at,
        in_force_since=pattern.moved_at,
        payload_sha256=pattern.payload_sha256,
    )
    return f'{head.model_dump_json()[:-1]},"payload":{pattern.payload}}}'


def _fresh(content: str, book: Book, now: datetime, if_none_match: str | None) -> Response:
    """The answer with its ETag, or 304 where the reader holds it already."""
    tag = f'"{_digest(book, now)}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={_fresh_seconds(book, now)}", "Vary": "Authorization"}
    if if_none_match and _holds(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, HTTPStatus.OK, headers, "application/json")


def _digest(book: Book, now: datetime) -> str:
    """Of everything that can change in an answer; a payload is stood for by its own hash."""
    parts = [
        (one.pattern_type, one.version, one.payload_sha256, one.moved_at, one.valid_until, one.valid_until <= now)
        for one in book.patterns
    ]
    return hashlib.sha256(repr((book.tenant, parts)).encode()).hexdigest()[:32]


def _fresh_seconds(book: Book, now: datetime) -> int:
    """No answer is kept beyond the moment in which one of its patterns expires."""
    left: Iterable[float] = ((one.valid_until - now).total_seconds() for one in book.patterns if one.valid_until > now)
    return int(min([FRESH_SECONDS, *left]))


def _holds(if_none_match: str, tag: str) -> bool:
    held = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in held or "*" in held
