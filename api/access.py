"""Who asks, and what their token opens. Checked before anything else is looked at.

A token for one tenant learns nothing of others, not even whether they exist: whatever else it names is refused alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problems import ProblemError
from api.service import Asked, Service
from store import tenants, tokens
from store.tokens import Token, TokenRole

bearer = HTTPBearer(
    scheme_name="token",
    bearerFormat="learnback_<id>_<secret>",
    description="`learnback tokens create` makes one, for one tenant or for all, and shows it once.",
    auto_error=False,
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def _needs(role: TokenRole) -> Callable[[Request, Asked, Credentials], Awaitable[Token]]:
    async def check(request: Request, service: Asked, credentials: Credentials) -> Token:
        token = await _recognised(service, credentials)
        request.scope["token_id"] = token.id
        if not token.role.includes(role):
            raise ProblemError(
                HTTPStatus.FORBIDDEN, f"this needs the role {role}, and this token has the role {token.role}"
            )
        return token

    return check


Reader = Annotated[Token, Depends(_needs(TokenRole.READER))]
Operator = Annotated[Token, Depends(_needs(TokenRole.OPERATOR))]
Admin = Annotated[Token, Depends(_needs(TokenRole.ADMIN))]


async def tenant_of(service: Service, token: Token, asked: str) -> UUID:
    """The id of the tenant that a path or body names, by id or name, as far as the token opens it.

    Of a token for all tenants, an id is returned as it is: whether it exists, the scope that it opens will show.
    Raises ProblemError (403) where the token opens another tenant, UnknownTenantError where there is none of that name.
    """
    if token.tenant_id is not None:
        if _same(asked, token):
            return token.tenant_id
        raise ProblemError(
            HTTPStatus.FORBIDDEN, f"this token opens {token.tenant} only, and something else was asked for"
        )
    if (identity := tenants.as_id(asked)) is not None:
        return identity
    if (known := service.names.get(asked)) is not None:
        return known
    found = (await service.ask(tenants.resolve, service.engine, asked)).id
    service.names.keep(asked, found)
    return found


async def _recognised(service: Service, credentials: HTTPAuthorizationCredentials | None) -> Token:
    if credentials is None:
        raise _unauthorised("this needs a token, sent as `Authorization: Bearer learnback_…`")
    key = hashlib.sha256(credentials.credentials.encode()).digest()
    token = service.tokens.get(key)
    if token is None:
        token = await service.ask(tokens.recognise, service.engine, credentials.credentials)
        if token is None:
            raise _unauthorised("this token is not one of ours; `learnback tokens create` makes one")
        service.tokens.keep(key, token)
    if token.revoked_at is not None:
        raise _unauthorised(f"this token was revoked on {token.revoked_at:%Y-%m-%d}")
    if token.expires_at <= datetime.now(UTC):
        raise _unauthorised(f"this token expired on {token.expires_at:%Y-%m-%d}")
    return token


def _unauthorised(sentence: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, sentence, {"WWW-Authenticate": "Bearer"})


def _same(asked: str, token: Token) -> bool:
    wanted = asked.strip()
    return tenants.as_id(wanted) == token.tenant_id or wanted.lower() == (token.tenant or "").lower()
