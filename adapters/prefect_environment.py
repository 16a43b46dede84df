"""Which variables make Prefect ours: local, quiet, off the network, on the classic UI.

Prefect reads its environment while it is imported, so `apply` comes first and `import prefect` after it. A variable
that the user has set always wins; in particular PREFECT_API_URL names the user's own server, and then nothing here
starts one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from adapters import prefect_process
from contracts.errors import ServerError
from settings import Settings

HOST = "127.0.0.1"
"""The only interface that the server listens on; a name here would be looked up."""

POOL = "learnback"
"""The work pool that every deployment names and our worker polls."""

APPLIED = "LEARNBACK_APPLIED"
"""Names of the variables that `environment` gave, so that a child process tells them from those that the user set."""

SERVER_KEEPS = "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"

CONSTANT = MappingProxyType(
    {
        # Nothing leaves the machine: server heartbeat, SDK events, Great Expectations' events, the UI's promotions.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The newer UI calls an analytics host from the browser, whatever is said above; the classic one calls nobody.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        # Silence on the console, where our own sentences stand; what the server gets, and the UI shows, is not touched.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        # The stages that we announce stand in the run's log too; what is announced outside a run goes to nobody.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "learnback",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # Seconds between two polls of the worker: what a person waits after pressing Run, besides the run's imports.
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        # Imports on a busy machine take longer than the default of 20 s, where a flow runs without a server after all.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
        "PREFECT_CLI_PROMPT": "false",
        # The server deletes finished runs by itself, with their logs and artifacts, but only where it is asked to.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    }
)


def given_by_user(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a variable was set by the user, not by an earlier `apply` in this process or in a parent of it."""
    environ = os.environ if environ is None else environ
    return name in environ and name not in environ.get(APPLIED, "").split(",")


def external_url(environ: Mapping[str, str] | None = None) -> str | None:
    """The API address of the user's own Prefect server; None where a local one is to be used."""
    environ = os.environ if environ is None else environ
    return environ["PREFECT_API_URL"] if given_by_user("PREFECT_API_URL", environ) else None


def environment(settings: Settings, *, port: int | None = None) -> dict[str, str]:
    """Every variable that a process of ours needs beyond the user's own.

    port: of the local server; None takes that of the running one, and leaves the address out where none runs.
    """
    kept = str(settings.keep_server_days * 86_400)  # seconds
    wanted = {"PREFECT_HOME": str(settings.prefect_home), **CONSTANT, SERVER_KEEPS: kept}
    if external_url() is None:
        port = port or running_port(settings)
        wanted |= addresses(port) if port else {}
    ours = {name: value for name, value in wanted.items() if not given_by_user(name)}
    return ours | {APPLIED: ",".join(sorted(ours))}


def addresses(port: int) -> dict[str, str]:
    """All that names the server's address. With one of the first three missing, the UI asks the wrong port."""
    return {
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        # Without it, any page in the user's browser may read the API of a server on the same machine.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
    }


def running_port(settings: Settings) -> int | None:
    """Port of the local server that runs for these settings; None where none does."""
    record = prefect_process.read(prefect_process.server_file(settings))
    return record.port if record and prefect_process.is_alive(record) else None


def apply(settings: Settings) -> None:
    """Set this process up for `import prefect`; must come before it, and after `prefect_server.start`.

    Raises ServerError where Prefect's folder cannot be made: Prefect itself would only warn, and fail later.
    """
    try:
        settings.prefect_home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError(
            f"Prefect cannot use {settings.prefect_home} ({error.strerror or error})",
            do="Make that folder writable, or set LEARNBACK_HOME to another one",
        ) from None
    for name in os.environ.get(APPLIED, "").split(","):
        os.environ.pop(name, None)
    os.environ.update(environment(settings))
