"""Runs that Prefect believes to be running and whose process is gone: a kill leaves them so for ever.

Each run of ours leaves a record (pid, time of birth) in the home folder while it is at work. A run is closed only where
its record is there and no process answers to it; one without a record may be at work elsewhere, and is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from adapters import prefect_process, prefect_server
from adapters.prefect_process import Record
from adapters.prefect_status import ask
from settings import Settings

MOST = 200
"""Runs asked for at a time: Prefect's own limit."""

NOBODY = "The process of this run has ended without a word: it was killed, or the machine went down."


def folder(settings: Settings) -> Path:
    """Where runs at work leave their records."""
    return settings.root / "runs"


@contextmanager
def at_work(settings: Settings, flow_run_id: str | None) -> Iterator[None]:
    """While the block runs, this process is known to work on that run of Prefect's; None: there is no such run."""
    if flow_run_id is None:
        yield
        return
    path = folder(settings) / f"{flow_run_id}.json"
    this = psutil.Process(os.getpid())
    prefect_process.write(path, Record(this.pid, this.create_time(), role=""))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def close(settings: Settings) -> tuple[str, ...]:
    """Close the runs whose process is gone, as crashed; returns their names. Nothing where no server answers.

    Raises ServerError where the server stops answering meanwhile.
    """
    gone = {path.stem: path for path in folder(settings).glob("*.json") if _ended(path)}
    status = prefect_server.status(settings)
    if not gone or status.handle is None or not status.ready:
        return ()
    api_url = status.handle.api_url
    closed = []
    for run in _running(api_url):
        if run["id"] in gone and _crash(api_url, run["id"]):
            closed.append(str(run["name"]))
    for path in gone.values():
        path.unlink(missing_ok=True)
    return tuple(sorted(closed))


def _ended(path: Path) -> bool:
    """Whether a record is whole and its process no longer runs."""
    record = prefect_process.read(path)
    return record is not None and not prefect_process.is_alive(record)


def _running(api_url: str) -> Iterator[dict[str, Any]]:
    question = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "CANCELLING"]}}}, "sort": "ID_DESC", "limit": MOST}
    offset = 0
    while rows := ask(api_url, "/flow_runs/filter", {**question, "offset": offset}):
        yield from rows
        offset += MOST


def _crash(api_url: str, run: str) -> bool:
    """Move one run to Crashed; False where the server says that it has ended by itself meanwhile."""
    now = ask(api_url, f"/flow_runs/{run}", None, method="GET")
    if now["state_type"] not in ("RUNNING", "CANCELLING"):
        return False
    wanted = {"state": {"type": "CRASHED", "name": "Crashed", "message": NOBODY}, "force": True}
    return bool(ask(api_url, f"/flow_runs/{run}/set_state", wanted)["status"] == "ACCEPT")
