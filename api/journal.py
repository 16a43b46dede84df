"""One line of log a request, and an id that joins it with the answer. Headers and queries are never logged."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("learnback.api.access")

HEADER = "X-Request-Id"
GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""An id that a caller may choose; anything else could break a line of the log, and is replaced."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Middleware around everything, so that failures have an id and a line too."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        identity = scope["request_id"] = given if GIVEN.fullmatch(given) else uuid4().hex
        began, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = identity
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except BaseException:
            status = status or 500  # which is what is answered further out
            raise
        finally:
            log.info(
                "%s %s %s %.1f ms token=%s request=%s",
                scope["method"],
                scope.get("raw_path", b"").decode("latin-1"),  # still percent-encoded: no line breaks
                status,
                1e3 * (time.perf_counter() - began),
                scope.get("token_id", "-"),
                identity,
            )
