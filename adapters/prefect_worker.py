"""The process worker: polls the work pool and gives every run a process of its own on this machine."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from adapters import prefect_process
from adapters.prefect_environment import POOL, environment, external_url, given_by_user, running_port
from contracts.errors import ServerError
from settings import Settings

ROLE = "prefect worker start"
NO_DOWNLOADS = ("--install-policy", "never")
PATIENCE_SECONDS = 15.0  # from SIGTERM to the end; a run in progress is stopped, and the next one starts afresh


@dataclass(frozen=True, slots=True)
class WorkerHandle:
    """A worker that runs; log: where it and its runs write. started_here: this very call started it."""

    pid: int
    log: Path
    started_here: bool = False


def start_worker(settings: Settings) -> WorkerHandle:
    """Find the worker, or start one and return at once; it creates the work pool where there is none.

    A worker that outlived its server, and asks at a port where nobody listens any more, is replaced. Raises
    ServerError where neither a local server runs nor PREFECT_API_URL names one.
    """
    with prefect_process.lock(settings):
        record = prefect_process.read(prefect_process.worker_file(settings))
        if record and record.port != running_port(settings):
            prefect_process.end(record, ask=signal.SIGTERM, patience=PATIENCE_SECONDS)
        return find_worker(settings) or _spawn(settings)


def find_worker(settings: Settings) -> WorkerHandle | None:
    """The worker that runs for these settings; None where none does."""
    record = prefect_process.read(prefect_process.worker_file(settings))
    if record is None or not prefect_process.is_alive(record):
        return None
    return WorkerHandle(record.pid, prefect_process.log_file(settings, "worker"))


def stop_worker(settings: Settings) -> bool:
    """Stop the worker and the runs that it started. False where none ran."""
    path = prefect_process.worker_file(settings)
    if not path.exists():
        return False
    with prefect_process.lock(settings):
        record = prefect_process.read(path)
        if record is None:
            return False
        # A worker that a script started in the background ignores Ctrl-C; SIGTERM always reaches it.
        ended = prefect_process.end(record, ask=signal.SIGTERM, patience=PATIENCE_SECONDS)
        path.unlink(missing_ok=True)
        return ended


def settings_environment(settings: Settings) -> dict[str, str]:
    """Every setting that was given, as variables: a run starts in another folder and reads no `.env` of ours.

    Folders are made absolute for the same reason. Secrets stay in the environment, never in a deployment.
    """
    given = settings.model_fields_set | {"home"}
    values = {name: getattr(settings, name) for name in sorted(given)}
    return {f"LEARNBACK_{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.resolve()) if isinstance(value, Path) else str(value)


def _spawn(settings: Settings) -> WorkerHandle:
    environ = {**os.environ, **environment(settings), **settings_environment(settings)}
    if external_url() is None and "PREFECT_API_URL" not in environment(settings):
        raise ServerError("no Prefect server runs", wanted="a worker needs one", do="`learnback up` starts both")
    if not given_by_user("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"):
        environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "INFO"  # here the console is the worker's log file
    log = prefect_process.log_file(settings, "worker")
    record = prefect_process.spawn(
        [*ROLE.split(), "--pool", POOL, "--type", "process", "--name", socket.gethostname(), *NO_DOWNLOADS],
        role=ROLE,
        port=running_port(settings),
        environ=environ,
        log=log,
    )
    prefect_process.write(prefect_process.worker_file(settings), record)
    return WorkerHandle(record.pid, log, started_here=True)
