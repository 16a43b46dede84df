"""Claims: one run of a flow at a time, on whichever machine, and a sign of life that a crash cannot leave behind.

A claim is a pair of advisory locks on a connection of its own: one on the flow, one on the run. PostgreSQL gives both
back when the connection ends, however its process ended. A claim that was lost meanwhile, because PostgreSQL went down
and came back, is noticed before anything is published.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from contracts.errors import BusyError, DatabaseError
from settings import Settings
from store import database

PATIENCE_SECONDS = 3600.0
"""How long a run waits for another one of its flow; the longest measured run took minutes."""

POLL_SECONDS = 1.0

KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""Seconds, and tries: where a machine loses its power, the server gives its locks back within a minute, not hours."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A flow that is this process's own until `claimed` ends."""

    flow: str
    connection: psycopg.Connection[Any]

    def name(self, run_id: UUID) -> None:
        """Say which run works under this claim: from now on it counts as alive."""
        _try_lock(self.connection, _run_key(run_id))

    def require(self) -> None:
        """Raise DatabaseError where the claim was lost: then another run may be at work, and this one must stop."""
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error:
            raise DatabaseError(
                f"PostgreSQL ended the connection that kept {self.flow} to this run alone",
                wanted="nothing more is published without it",
                do="Run the same command again: what was published stays, and the rest is made up for",
            ) from None


@contextmanager
def claimed(
    settings: Settings, flow: str, *, tell: Callable[[str], None], patience: float = PATIENCE_SECONDS
) -> Iterator[Claim]:
    """Have a flow to oneself, once no other run of it is at work; tell hears once that it waits.

    patience: seconds. Raises BusyError where the other run is still at work after them.
    """
    deadline = time.monotonic() + patience
    with database.connect(database.store_url(settings), database.SETTING) as connection:
        connection.autocommit = True
        for name, value in KEEPALIVE.items():
            connection.execute(f"SET {name} = {value}")
        told = False
        while not _try_lock(connection, _flow_key(flow)):
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"another run of {flow} has been at work for {patience:.0f} s",
                    wanted="only one may publish at a time",
                    do="Wait for it, or end it: `learnback status` and the Prefect UI show it",
                )
            if not told:
                tell(f"Waiting for another run of {flow} to end …")
                told = True
            time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        yield Claim(flow, connection)


def holds(connection: Connection, run_id: UUID) -> bool:
    """Whether some process, wherever it lives, holds the claim of this run now."""
    free = connection.scalar(text("SELECT pg_try_advisory_xact_lock_shared(hashtextextended(:key, 0))"), _key(run_id))
    return not free


def _try_lock(connection: psycopg.Connection[Any], key: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    return bool(row and row[0])


def _key(run_id: UUID) -> dict[str, str]:
    return {"key": _run_key(run_id)}


def _flow_key(flow: str) -> str:
    return f"learnback.flow:{flow}"


def _run_key(run_id: UUID) -> str:
    return f"learnback.run:{run_id}"
