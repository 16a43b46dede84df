"""Presence: a run says that this process works on it, and closes those whose process has gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import runtime

from adapters import prefect_zombies
from contracts.errors import ServerError
from settings import Settings
from store import ledger
from tasks.connections import store
from tasks.run import FLOW, Run
from tasks.stages import log


@contextmanager
def present(settings: Settings) -> Iterator[None]:
    """While the block runs, a later look knows that this run of Prefect's has a process."""
    with prefect_zombies.at_work(settings, runtime.flow_run.id):
        yield


def close_zombies(run: Run) -> tuple[str, ...]:
    """Names of the runs that were closed as crashed, since nobody works on them any more: in our ledger, in Prefect."""
    for dead in ledger.close_abandoned(store(run.settings), FLOW):  # they hold a claim, wherever they are at work
        log.warning("The run of %s UTC (%s) was cut off; it is closed", f"{dead.opened_at:%d %b %H:%M}", dead.flow)
    try:
        closed = prefect_zombies.close(run.settings)
    except ServerError as error:
        log.warning("Runs without a process stay open: %s", error)
        return ()
    for name in closed:
        log.warning("Run %s had no process any more, and is closed as crashed", name)
    return closed
