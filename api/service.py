"""What every request needs: the store, the settings, and what was recognised a moment ago."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Generic, ParamSpec, TypeVar
from uuid import UUID

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from sqlalchemy import Engine

from settings import Settings
from store.tokens import Token

P = ParamSpec("P")
K = TypeVar("K")
V = TypeVar("V")

REMEMBERED_SECONDS = 5.0  # how long a revoked token may still open the door of a process that has just let it in
REMEMBERED_AT_MOST = 1024

AT_ONCE = 10
"""Requests that ask the store together; its pool has 15 connections, so that none ever waits in vain for one."""


class Remembered(Generic[K, V]):
    """A few values for a few seconds, so that most requests need not look up again who asks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        until, value = self._values.get(key, (0.0, None))
        return value if self._clock() < until else None

    def keep(self, key: K, value: V) -> None:
        self._values[key] = (self._clock() + REMEMBERED_SECONDS, value)
        self._values.move_to_end(key)
        if len(self._values) > REMEMBERED_AT_MOST:
            self._values.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Service:
    """One API process. tokens: by the hash of their text, never by the text. names: tenants by what a path called them.

    The store is asked in threads, since its driver waits; `ask` keeps them to AT_ONCE.
    """

    settings: Settings
    engine: Engine
    tokens: Remembered[bytes, Token] = field(default_factory=Remembered)
    names: Remembered[str, UUID] = field(default_factory=Remembered)
    limiter: CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(AT_ONCE))

    async def ask(self, function: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        """Call a function of the store or of an adapter without holding up other requests."""
        return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self.limiter)


async def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


Asked = Annotated[Service, Depends(_service)]
"""The service, as a parameter of a route."""
