"""The local Prefect server that stays: found where it runs, started where it does not, stopped without a trace.

A flow without a server costs 12 to 19 s and loses half of its history, so every command shares one server. It listens
on the loopback interface only, keeps its SQLite file under the home folder, and keeps its port from start to start.
A user with a server of their own names it in PREFECT_API_URL; then nothing is started or stopped here.
"""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters import prefect_database, prefect_process
from adapters.prefect_environment import HOST, environment, external_url, given_by_user
from adapters.prefect_process import Record
from contracts.errors import ServerError
from settings import Settings

ROLE = "prefect server start"
STARTUP_SECONDS = 90.0  # 5 s on an idle machine; ten times that was seen while other jobs had both cores
PATIENCE_SECONDS = 10.0  # from Ctrl-C to the end of a server that is writing; 1.3 s when idle


@dataclass(frozen=True, slots=True)
class ServerHandle:
    """Where the server is. process, log: None where it is the user's own.

    api_url: what PREFECT_API_URL says. ui_url: what a person opens. started_here: this very call started it.
    """

    api_url: str
    process: Record | None = None
    log: Path | None = None
    started_here: bool = False

    @property
    def ui_url(self) -> str:
        return self.api_url.removesuffix("/").removesuffix("/api")

    @property
    def is_local(self) -> bool:
        return self.process is not None


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What `learnback status` says of the server. ready: it answers. handle: None where none runs."""

    ready: bool
    handle: ServerHandle | None


def start(settings: Settings) -> ServerHandle:
    """Find the server, or start one and return at once: `wait_ready` waits until it answers.

    Of two commands that call this at the same moment, one starts the server and the other finds it. Raises
    ServerError where the port that the user demands is taken, or where the home folder cannot be written.
    """
    if (url := external_url()) is not None:
        return ServerHandle(url)
    try:
        with prefect_process.lock(settings):
            return find(settings) or _spawn(settings)
    except OSError as error:
        raise ServerError(
            f"the local Prefect server cannot be started under {settings.root} ({error.strerror or error})",
            do="Make that folder writable, or set LEARNBACK_HOME to another one",
        ) from None


def find(settings: Settings) -> ServerHandle | None:
    """The server that runs for these settings, ready or not; None where none does."""
    if (url := external_url()) is not None:
        return ServerHandle(url)
    record = prefect_process.read(prefect_process.server_file(settings))
    if record is None or record.port is None or not prefect_process.is_alive(record):
        return None
    log = prefect_process.log_file(settings, "server")
    return ServerHandle(f"http://{HOST}:{record.port}/api", record, log)


def wait_ready(
    handle: ServerHandle,
    timeout: float = STARTUP_SECONDS,
    on_progress: Callable[[str], None] | None = None,
) -> str:
    """Wait until the server answers, and return its API address.

    on_progress: called about once a second with a few words. Raises ServerError where the server ends or stays silent.
    """
    begun = time.monotonic()
    announced = 0
    while not answers(handle.api_url):
        waited = time.monotonic() - begun
        if handle.process is None:
            raise ServerError(
                f"no Prefect server answers at {handle.api_url}, which PREFECT_API_URL names",
                do="Start that server, or unset PREFECT_API_URL to use a local one",
            )
        if not prefect_process.is_alive(handle.process):
            raise ServerError(
                "the local Prefect server ended while it was starting",
                do=f"{handle.log} says why; `learnback doctor` checks what it needs",
            )
        if waited > timeout:
            raise ServerError(
                f"the local Prefect server has not answered for {waited:.0f} s",
                do=f"{handle.log} says what it is doing; `learnback down` ends it",
            )
        if on_progress and waited >= announced + 1:
            announced = int(waited)
            on_progress(f"the Prefect server is starting ({announced} s) …")
        time.sleep(0.1)
    return handle.api_url


def stop(settings: Settings) -> bool:
    """Stop the local server and free its pid; its port is kept for the next start. False where none ran."""
    path = prefect_process.server_file(settings)
    if not path.exists():
        return False
    with prefect_process.lock(settings):
        record = prefect_process.read(path)
        if record is None:
            return False
        ended = prefect_process.end(record, ask=signal.SIGINT, patience=PATIENCE_SECONDS)
        prefect_process.write(path, Record(0, 0.0, ROLE, record.port))
        return ended


def status(settings: Settings) -> ServerStatus:
    """Whether a server runs and answers, without starting one."""
    handle = find(settings)
    return ServerStatus(bool(handle and answers(handle.api_url)), handle)


def answers(api_url: str) -> bool:
    """Whether a Prefect API answers its health check there within a second."""
    try:
        with urllib.request.urlopen(f"{api_url.rstrip('/')}/health", timeout=1.0) as reply:  # noqa: S310
            return bool(reply.read().strip() == b"true")
    except (urllib.error.URLError, OSError, ValueError):
        return False


def demanded_port(settings: Settings) -> tuple[int, str] | None:
    """The port that the user insists on and the variable that says so; None where any free one will do."""
    if settings.server_port is not None:
        return settings.server_port, "LEARNBACK_SERVER_PORT"
    if given_by_user("PREFECT_SERVER_API_PORT"):
        port = os.environ["PREFECT_SERVER_API_PORT"]
        if not port.isdigit():
            raise ServerError(f"PREFECT_SERVER_API_PORT is {port!r}", wanted="a port from 1 to 65535 is needed")
        return int(port), "PREFECT_SERVER_API_PORT"
    return None


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _choose_port(settings: Settings) -> int:
    if (demanded := demanded_port(settings)) is not None:
        port, variable = demanded
        if not is_free(port):
            raise ServerError(
                f"{variable} asks for port {port}, which another program has taken",
                wanted="the local Prefect server needs it",
                do=f"Stop that program, choose another port, or unset {variable} to use any free one",
            )
        return port
    kept = prefect_process.read(prefect_process.server_file(settings))
    if kept and kept.port and is_free(kept.port):
        return kept.port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _spawn(settings: Settings) -> ServerHandle:
    port = _choose_port(settings)
    prefect_database.prepare(settings)
    log = prefect_process.log_file(settings, "server")
    record = prefect_process.spawn(
        [*ROLE.split(), "--host", HOST, "--port", str(port)],
        role=ROLE,
        port=port,
        environ={**os.environ, **environment(settings, port=port)},
        log=log,
    )
    prefect_process.write(prefect_process.server_file(settings), record)
    return ServerHandle(f"http://{HOST}:{port}/api", record, log, started_here=True)
