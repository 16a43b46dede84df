"""Behind `learnback up`, `down` and `status`: database, server, worker and deployments, together and in order."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from cli.standing import Operations, in_words, operations
from settings import Settings

log = logging.getLogger("learnback.up")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as a person looks at it. url: its page in the UI. Times are UTC; None: not yet, or not known."""

    name: str
    schedule: str
    next_run: datetime | None
    last_run: datetime | None
    last_state: str
    url: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands now. ui_url: of a server that answers, else empty. worker: pid of ours, None where none runs.

    database: the embedded PostgreSQL is 'running' or 'stopped', or it is the user's 'own'.
    """

    ui_url: str
    server: str  # running, starting, stopped, own, or unreachable (own, and it does not answer)
    worker: int | None
    workers_online: int
    database: str
    deployments: tuple[Deployment, ...]
    operations: Operations


def up(settings: Settings) -> Standing:
    """Start what is not running, register every deployment, and say what stands. Safe to repeat.

    Raises ServerError or DatabaseError with one sentence where something cannot start.
    """
    from adapters import prefect_server, prefect_worker

    log.info("Starting the Prefect server …")
    prefect_server.start(settings)
    _ready_database(settings)  # while the server imports what it needs
    register(settings)
    prefect_worker.start_worker(settings)
    _watch_over(settings)
    return standing(settings)


def _watch_over(settings: Settings) -> None:
    """Bring the automation of notices to the server, and close the runs that lost their process."""
    from adapters import prefect_alerts, prefect_zombies

    prefect_alerts.register(settings)
    for name in prefect_zombies.close(settings):
        log.info("Run %s had no process any more, and is closed as crashed", name)


def register(settings: Settings) -> None:
    """Bring every deployment of prefect.yaml to the server, and say what changed."""
    from adapters import prefect_deployments

    log.info("Registering the deployments, once the Prefect server answers …")
    for deployment in prefect_deployments.register(settings):
        log.info("%s %s", deployment.name, deployment.change)


def down(settings: Settings) -> tuple[str, ...]:
    """Stop worker, server and embedded PostgreSQL; returns which of them ran. Learned patterns and history stay."""
    from adapters import prefect_server, prefect_worker
    from store import embedded

    log.info("Stopping …")
    ran = {
        "worker": prefect_worker.stop_worker(settings),
        "server": prefect_server.stop(settings),
        "database": embedded.stop(settings),
    }
    return tuple(name for name, did in ran.items() if did)


def standing(settings: Settings) -> Standing:
    """What stands now, without starting anything."""
    from adapters import prefect_server, prefect_status, prefect_worker

    server = prefect_server.status(settings)
    worker = prefect_worker.find_worker(settings)
    api_url = server.handle.api_url if server.handle and server.ready else ""
    return Standing(
        ui_url=server.handle.ui_url if server.handle and server.ready else "",
        server=_state(server),
        worker=worker.pid if worker else None,
        workers_online=prefect_status.workers_online(api_url) if api_url else 0,
        database=_database(settings),
        deployments=_deployments(api_url) if api_url else (),
        operations=operations(settings),
    )


def show(now: Standing, *, as_json: bool) -> None:
    """The standing as a table for people, or as one JSON document for a script."""
    from cli.terminal import console, print_json

    if as_json:
        print_json(now)
        return
    from rich.box import SIMPLE
    from rich.table import Column, Table

    facts = Table.grid(padding=(0, 2))
    facts.add_row("server", f"{now.server}  {now.ui_url}")
    facts.add_row("worker", f"running (pid {now.worker})" if now.worker else f"{now.workers_online or 'none'} online")
    facts.add_row("database", now.database)
    for what, how in in_words(now.operations):
        facts.add_row(what, how)
    console.print(facts)
    if not now.deployments:
        console.print("No deployment is registered: `learnback up` registers all of them.")
        return
    table = Table(Column("deployment", no_wrap=True), "schedule", "next run (UTC)", "last run (UTC)", box=SIMPLE)
    for row in now.deployments:
        last = f"{_clock(row.last_run)} {row.last_state}".strip()
        table.add_row(row.name, row.schedule or "paused", _clock(row.next_run), last)
    console.print(table)


def _ready_database(settings: Settings) -> None:
    """Start and migrate the embedded PostgreSQL; a database of the user's own is migrated when they say so."""
    if settings.database_url is not None:
        return
    from store import migrate

    log.info("Starting PostgreSQL …")
    migrate.upgrade(settings)


def _database(settings: Settings) -> str:
    if settings.database_url is not None:
        return "own"
    from store import embedded

    return "running" if embedded.running(settings) else "stopped"


def _state(server: object) -> str:
    from adapters.prefect_server import ServerStatus

    assert isinstance(server, ServerStatus)
    if server.handle is None:
        return "stopped"
    if server.handle.is_local:
        return "running" if server.ready else "starting"
    return "own" if server.ready else "unreachable"


def _deployments(api_url: str) -> tuple[Deployment, ...]:
    from adapters import prefect_status

    base = api_url.removesuffix("/api")
    return tuple(
        Deployment(
            name=row.name,
            schedule=row.schedule,
            next_run=row.next_run,
            last_run=row.last_run,
            last_state=row.last_state,
            url=f"{base}/deployments/deployment/{row.id}",
        )
        for row in prefect_status.deployments(api_url)
    )


def _clock(moment: datetime | None) -> str:
    return f"{moment:%a %d %b %H:%M}" if moment else "–"
