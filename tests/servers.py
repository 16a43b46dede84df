"""PostgreSQL servers for tests: the embedded one, and the operating system's where it has an `initdb`.

Each gives out databases that are migrated already: copies of one template, about 50 ms each.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from settings import Settings, load
from store import embedded, migrate

TEMPLATE = "migrated"
LOGIN = "learnback"
"""No superuser: whoever logs in to a managed server is none either."""


@dataclass(slots=True)
class Server:
    """A running server. data: its data folder; socket: its socket's folder; home: where settings may keep files."""

    name: str
    data: Path
    socket: Path
    home: Path
    migrated: bool = field(default=False)

    def url(self, database: str, user: str = LOGIN) -> str:
        return f"postgresql://{user}@/{database}?host={self.socket}&port=5432"

    def run(self, statement: sql.Composed | sql.SQL, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database, "postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def empty_database(self, owner: str = LOGIN, template: str = "template0") -> str:
        """Name of a new database that belongs to `owner`."""
        name = f"t{uuid4().hex}"
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        self.run(create.format(sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)))
        return name

    def ask_for_password(self, database: str, user: str, password: str) -> None:
        """From now on, logging in to this database takes a password."""
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"local {database} all scram-sha-256\n{rules.read_text()}")
        self.run(sql.SQL("SELECT pg_reload_conf()"))
        self.run(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(password)))

    def settings(self, database: str, user: str = LOGIN) -> Settings:
        """Settings with a home of their own that name a database of this server."""
        return load(home=self.home / database, database_url=self.url(database, user))

    def migrated_settings(self) -> Settings:
        """The same for a new database with Learnback's tables in it."""
        if not self.migrated:
            self.run(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(TEMPLATE), sql.Identifier(LOGIN)))
            migrate.upgrade(self.settings(TEMPLATE))
            self.migrated = True
        return self.settings(self.empty_database(template=TEMPLATE))


@contextmanager
def embedded_server() -> Iterator[Server]:
    """The wheel's server, without syncing to disk."""
    with _home() as home:
        settings = load(home=home, database_url=None)
        embedded.start(settings)
        try:
            server = Server("embedded", settings.postgres_home, settings.postgres_home, home)
            server.run(sql.SQL("ALTER SYSTEM SET fsync = off"))
            server.run(sql.SQL("SELECT pg_reload_conf()"))
            yield server
        finally:  # at once: a checkpoint of what is thrown away would take seconds
            lock = settings.postgres_home / "postmaster.pid"
            os.kill(int(lock.read_text().split()[0]), signal.SIGQUIT)
            for _ in range(100):
                if not lock.exists():
                    break
                time.sleep(0.05)


def system_programs() -> Path | None:
    """Folder of the operating system's PostgreSQL programs, None where it has none."""
    found = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    return Path(found).resolve().parent if found else None


@contextmanager
def system_server(programs: Path) -> Iterator[Server]:
    """The operating system's server in a temporary folder; as root it runs as `nobody`."""
    nobody = pwd.getpwnam("nobody")
    unprivileged: dict[str, Any] = {}
    if os.geteuid() == 0:
        unprivileged = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        with (home / "said").open("w") as said:  # a pipe would stay open in the server
            command = [str(programs / program), *arguments]
            subprocess.run(command, check=True, stdout=said, stderr=said, cwd=home, **unprivileged)

    with _home() as home:
        if unprivileged:
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
        data = home / "data"
        run("initdb", "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync")
        options = f"-p 5432 -k '{home}' -c listen_addresses='' -c fsync=off -c max_connections=60"
        run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(home / "log"), "-o", options)
        try:
            server = Server("system", data, home, home)
            server.run(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(LOGIN)))
            yield server
        finally:
            run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))


@contextmanager
def _home() -> Iterator[Path]:
    """A short path that every user may walk to: sockets take about a hundred bytes, servers may run as another user."""
    with tempfile.TemporaryDirectory(prefix="learnback-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
