"""A small agency with one week behind it, and its home as it stood then: every trial begins from the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql

from adapters import prefect_server, prefect_worker
from settings import Settings, load
from simulation.world import simulate
from store import database, embedded, loading, migrate
from tests.flows.conftest import EASY

ROOT = Path(__file__).parent.parent.parent
AS_OF = datetime(2026, 3, 1, 2, tzinfo=UTC)
BEFORE = AS_OF - timedelta(days=28)
KEPT = "kept"
"""The database as it was before the trials, and the folder that keeps the rest of the home."""

FOLDERS = ("lake", "reports")
PATIENCE = 300.0  # seconds for one command on a machine that is shared


@dataclass(frozen=True, slots=True)
class House:
    """A home with an embedded PostgreSQL, a Prefect server and a loaded agency."""

    settings: Settings

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith(("LEARNBACK_", "PREFECT_"))}
        return {
            **kept,
            "LEARNBACK_HOME": str(self.settings.root),
            "LEARNBACK_GROUPS": str(self.settings.groups),
            "PYTHONPATH": str(ROOT),
        }

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `learnback …` in a process of its own; what it says goes to `said`."""
        with self.said.open("w") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "cli.main", *arguments],
                cwd=self.settings.root,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                text=True,
            )

    @property
    def said(self) -> Path:
        return self.settings.root / "said.txt"

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0, 3)) -> str:
        """Run a command to its end; what it said. It must end well (3: somebody is quarantined)."""
        code = self.command(*arguments).wait(PATIENCE)
        said = self.said.read_text()
        if code not in allowed:
            raise AssertionError(f"learnback {' '.join(arguments)} ended with {code}:\n{said[-3000:]}")
        return said

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement as the superuser, who sees every tenant; starts PostgreSQL where it is down."""
        embedded.start(self.settings)
        with psycopg.connect(self._superuser(embedded.DATABASE), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def keep(self) -> None:
        """Remember how everything stands now."""
        self._replace(KEPT, embedded.DATABASE)
        for name in FOLDERS:
            shutil.copytree(self.settings.root / name, self.settings.root / KEPT / name)

    def restore(self) -> None:
        """Everything stands as it did when it was kept; servers run on."""
        self._replace(embedded.DATABASE, KEPT)
        for name in FOLDERS:
            shutil.rmtree(self.settings.root / name, ignore_errors=True)
            shutil.copytree(self.settings.root / KEPT / name, self.settings.root / name)

    def _replace(self, name: str, by: str) -> None:
        """In one connection: `embedded.start` would make the database anew as soon as it is gone."""
        embedded.start(self.settings)
        with psycopg.connect(self._superuser("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY (%s)", ([name, by],)
            )
            known, template = sql.Identifier(name), sql.Identifier(by)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(known))
            owner = sql.Identifier(embedded.LOGIN)
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(known, template, owner))

    def _superuser(self, name: str) -> str:
        return embedded.superuser_url(self.settings).replace(f"/{embedded.DATABASE}?", f"/{name}?")

    def stop(self) -> None:
        prefect_worker.stop_worker(self.settings)
        prefect_server.stop(self.settings)
        lock = self.settings.postgres_home / "postmaster.pid"
        if embedded.running(self.settings):  # at once: what is thrown away needs no checkpoint
            os.kill(int(lock.read_text().split()[0]), signal.SIGQUIT)
            while embedded.running(self.settings):
                time.sleep(0.05)


@contextmanager
def house(leads: int = EASY.leads) -> Iterator[House]:
    """A house in a temporary folder; nothing of it runs on afterwards."""
    with TemporaryDirectory(prefix="learnback-faults-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        made = House(load(home=home, database_url=None, groups=2))
        try:
            _load(made, leads)
            made.run("learn", "--as-of", f"{BEFORE:%Y-%m-%dT%H:%M}")
            _poison(made)
            made.keep()
            yield made
        finally:
            made.stop()


def _load(made: House, leads: int) -> None:
    """Four tenants and a newcomer, as the flows' tests have them."""
    world = simulate(replace(EASY, leads=leads), seed=2, as_of=AS_OF)
    migrate.upgrade(made.settings)
    engine = database.open_store(made.settings)
    loading.load_tenants(engine, world.tenants)
    loading.load_leads(engine, world.leads)
    loading.load_touches(engine, world.touches)
    engine.dispose()


def _poison(made: House) -> None:
    """The newest tenant's statuses become unreadable after the first week, so that the next run opens quarantine."""
    smallest = made.ask("SELECT tenant_id FROM learnback.leads GROUP BY tenant_id ORDER BY count(*) LIMIT 1")
    made.ask(f"UPDATE learnback.leads SET status = '???' WHERE tenant_id = '{smallest[0][0]}'")
