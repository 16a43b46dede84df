"""One Prefect server, and one worker, for all tests of a session. Named in tests/conftest.py's `pytest_plugins`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters import prefect_server as server
from adapters import prefect_worker as worker
from adapters.prefect_environment import environment
from settings import Settings, load

ROOT = Path(__file__).parent.parent
LOOKUPS = Path(__file__).parent / "adapters" / "lookups"
"""Holds a sitecustomize.py that writes down every host name which a process of the session asks for."""


@dataclass(frozen=True, slots=True)
class Prefect:
    """The session's server. settings: of its home folder. api_url: where it answers."""

    settings: Settings
    api_url: str

    @property
    def looked_up(self) -> list[str]:
        """Every host name that server, worker and runs have asked for so far."""
        file = self.settings.root / "lookups.txt"
        return file.read_text().split() if file.exists() else []


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[Prefect]:
    """A server that answers, a test process that reports to it, and no process left behind.

    Its home is no folder of pytest's: those may be closed to the user that an embedded PostgreSQL runs as.
    """
    with TemporaryDirectory(prefix="learnback-") as folder, pytest.MonkeyPatch.context() as patch:
        home = Path(folder)
        home.chmod(0o755)
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        patch.setenv("PYTHONPATH", f"{LOOKUPS}:{ROOT}")
        patch.setenv("LOOKUPS_FILE", str(home / "lookups.txt"))
        settings = load(home=home)
        handle = server.start(settings)
        try:
            for name, value in environment(settings).items():
                patch.setenv(name, value)
            with _reporting_to(handle.api_url, settings):
                yield Prefect(settings, server.wait_ready(handle))
        finally:
            worker.stop_worker(settings)
            server.stop(settings)


@contextmanager
def _reporting_to(api_url: str, settings: Settings) -> Iterator[None]:
    """Prefect reads its environment while it is imported, and a test module may have imported it long before."""
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with temporary_settings({PREFECT_API_URL: api_url, PREFECT_HOME: settings.prefect_home}):
        yield
        APILogWorker.drain_all(timeout=10)  # what still waits would find no server at the session's end, and say so


@pytest.fixture(scope="session")
def prefect_worker(prefect_server: Prefect) -> Prefect:
    """The same with a worker that polls; the end of the session stops both."""
    worker.start_worker(prefect_server.settings)
    return prefect_server
