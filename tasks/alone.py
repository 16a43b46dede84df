"""One run of a flow at a time: a second one waits for its turn, and dead ones before it are closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from settings import Settings
from store import claims, lake, ledger
from store.claims import Claim
from tasks.connections import store

log = logging.getLogger("learnback")

_claims: dict[UUID, Claim] = {}
"""Run → its claim. A claim is a connection, and does not travel with the run to other processes."""


@contextmanager
def alone(settings: Settings, flow: str) -> Iterator[Claim]:
    """Have the flow to oneself while the block lasts; waits for another run of it. Raises BusyError after an hour."""
    with claims.claimed(settings, flow, tell=log.info) as claim:
        for dead in ledger.close_abandoned(store(settings), flow):
            log.warning("The run of %s UTC was cut off (%s); it is closed", f"{dead.opened_at:%d %b %H:%M}", dead.id)
            lake.discard_unfinished(lake.open(settings), dead.id)
        yield claim


@contextmanager
def working(claim: Claim, run_id: UUID) -> Iterator[None]:
    """While the block lasts, `still_alone` can ask whether this run may publish."""
    _claims[run_id] = claim
    try:
        yield
    finally:
        del _claims[run_id]


def still_alone(run_id: UUID) -> None:
    """Raise DatabaseError where the run has lost its claim; to be asked right before something is published."""
    _claims[run_id].require()
