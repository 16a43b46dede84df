"""Which database, is it usable, and what to say where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError

from contracts.errors import DatabaseError
from settings import MINIMUM_POSTGRES, Settings
from store import embedded
from store.scope import Role
from store.tables import REVISION, SCHEMA

SETTING = "LEARNBACK_DATABASE_URL"
CONNECT_SECONDS = 10


def store_url(settings: Settings) -> str:
    """libpq URL of the store; starts the embedded PostgreSQL where settings name no database."""
    if settings.database_url is None:
        return embedded.start(settings)
    return settings.database_url.get_secret_value().replace("postgresql+psycopg://", "postgresql://", 1)


def open_store(settings: Settings) -> Engine:
    """A pool of connections to a migrated store. They see no tenant until `store.scope` lets them.

    Raises DatabaseError where the server is unreachable, refuses us, is too old, or its tables are not current.
    """
    url = store_url(settings)
    with connect(url, SETTING) as connection:
        check_version(connection.info.server_version, SETTING)
        check_revision(connection)
    return pool(url, role=Role.APP)


def connect(url: str, setting: str) -> psycopg.Connection[Any]:
    """One plain connection, without role or scope; `setting` is what the user would have to change."""
    try:
        return psycopg.connect(url, application_name="learnback", connect_timeout=CONNECT_SECONDS)
    except psycopg.Error as error:
        raise explain(error, setting) from None


def pool(url: str, role: Role | None = None) -> Engine:
    """A SQLAlchemy engine on a libpq URL, whose connections start in our schema, in UTC and, where given, in a role."""

    def connection() -> psycopg.Connection[Any]:
        opened = connect(url, SETTING)
        opened.execute(f"SET search_path = {SCHEMA}, public; SET timezone = 'UTC'")
        if role:
            opened.execute(f"SET ROLE {role.value}")
        opened.commit()
        return opened

    # hide_parameters: an error may not carry a lead's e-mail address into a log.
    return create_engine("postgresql+psycopg://", creator=connection, pool_pre_ping=True, hide_parameters=True)


def check_version(server_version: int, setting: str) -> None:
    """Raise DatabaseError below MINIMUM_POSTGRES. server_version: libpq's number, 140011 for 14.11."""
    major, minor = divmod(server_version, 10_000)
    if major < MINIMUM_POSTGRES:
        raise DatabaseError(
            f"`{setting}` points at PostgreSQL {major}.{minor if major >= 10 else minor // 100}",
            wanted=f"{MINIMUM_POSTGRES} or newer is needed",
            do=f"Upgrade that server{_otherwise(setting)}",
        )


def check_revision(connection: psycopg.Connection[Any]) -> None:
    """Raise DatabaseError unless the tables are those that this code declares."""
    try:
        known = connection.execute("SELECT to_regclass('learnback.alembic_version') IS NOT NULL").fetchone()
        if known is None or not known[0]:
            raise DatabaseError("the database has no Learnback tables yet", do="Run `learnback migrate`")
        connection.execute(f"SET ROLE {Role.APP.value}")
        found = connection.execute("SELECT version_num FROM learnback.alembic_version").fetchone()
    except psycopg.Error as error:
        raise explain(error, SETTING) from None
    if found is None or found[0] != REVISION:
        raise DatabaseError(
            f"the database is at migration {found[0] if found else 'none'}",
            wanted=f"this Learnback needs {REVISION}",
            do="Run `learnback migrate`",
        )


@contextmanager
def loss_explained(setting: str = SETTING) -> Iterator[None]:
    """Turn the loss of a connection, a full disk and the like into one sentence; our own faults stay as they are."""
    try:
        yield
    except (psycopg.OperationalError, DBAPIError) as error:
        if not is_loss(error):
            raise
        raise explain(error, setting) from error


def is_loss(error: BaseException) -> bool:
    """Whether an error of psycopg, SQLAlchemy or ADBC says that the server went away, or has no room left."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return any(re.search(pattern, str(cause), re.IGNORECASE) for pattern, _, _ in _LOSSES)


def explain(error: BaseException, name_of_setting: str) -> DatabaseError:
    """One clear sentence for an error of psycopg, SQLAlchemy or ADBC; never with a password or a parameter in it.

    name_of_setting: the variable that named the database, such as LEARNBACK_SOURCE_URL.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    said = str(cause)
    where = _WHERE.search(said)
    place = f"{where['host']}{':' + where['port'] if where['port'] else ''}" if where else "a server"
    for pattern, got, do in (*_LOSSES, *_FAULTS):
        if found := re.search(pattern, said, re.IGNORECASE):
            named = found.groupdict()
            return DatabaseError(
                got.format(setting=f"`{name_of_setting}`", place=place, **named),
                do=do.format(setting=f"`{name_of_setting}`", otherwise=_otherwise(name_of_setting), **named),
            )
    state = getattr(cause, "sqlstate", None)
    return DatabaseError(
        f"the database that `{name_of_setting}` names refused ({state or type(cause).__name__})",
        do="Its own log says why; `learnback doctor` repeats the attempt step by step",
    )


def _otherwise(setting: str) -> str:
    """The way out that only the store's own database has."""
    return ", or unset the variable to use the embedded one" if setting == SETTING else ""


_WHERE = re.compile(r'connection to server (?:at|on socket) "(?P<host>[^"]+)"(?: \([^)]*\))?(?:, port (?P<port>\d+))?')

_AGAIN = "Run the same command again: what was published stays, and the rest is made up for"

_LOSSES = (
    (
        r"(?s)\A(?!connection (?:failed|to server)).*(?:terminating connection|"
        r"server closed the connection unexpectedly|connection is closed|connection is lost|"
        r"consuming input failed|no connection to the server|SSL SYSCALL error|connection has been closed)",
        "PostgreSQL ended the connection in the middle of the work",
        f"{_AGAIN}. That server's log says why it ended",
    ),
    (
        r"no space left on device|could not extend file|disk full",
        "the disk of PostgreSQL is full",
        f"Free space there, or let `learnback prune` do so. {_AGAIN}",
    ),
    (
        r"the database system is (?:starting up|shutting down|in recovery mode|not yet accepting)",
        "PostgreSQL is starting or stopping",
        f"Wait until it is ready. {_AGAIN}",
    ),
)
"""What can happen to a connection that worked."""

_ADDRESS = "Correct the address or start that server{otherwise}"

_FAULTS = (
    (
        r"invalid connection option|in connection info string|invalid URI|invalid port number|invalid integer value|"
        r"servname not supported",
        "{setting} is not a PostgreSQL address",
        "Write it as postgresql://user:password@host:5432/database, special characters percent-encoded",
    ),
    (
        r'password authentication failed for user "(?P<user>[^"]*)"',
        "{setting} points at {place}, and the password for user {user} is wrong there",
        "Correct user or password in {setting}; a password's special characters must be percent-encoded",
    ),
    (
        r"no password supplied",
        "{setting} points at {place}, which asks for a password, and none is given",
        "Write it into {setting} as postgresql://user:password@host/database",
    ),
    (
        r'no pg_hba\.conf entry for host .*user "(?P<user>[^"]*)"',
        "{setting} points at {place}, which admits no user {user} from this machine",
        "Let that server's administrator admit this address (pg_hba.conf, or the provider's network rules)",
    ),
    (
        r'FATAL: +database "(?P<database>[^"]*)" does not exist',
        "{setting} points at {place}, which has no database {database}",
        "Create it there (`CREATE DATABASE {database}`), or correct the name",
    ),
    (
        r'FATAL: +role "(?P<user>[^"]*)" does not exist',
        "{setting} points at {place}, which has no user {user}",
        "Create that user there, or correct the name",
    ),
    (
        r"failed to resolve host|could not translate host name|name or service not known|nodename nor servname",
        "{setting} names a host that does not exist or cannot be looked up from here",
        _ADDRESS,
    ),
    (
        r"connection refused|no such file or directory|timeout expired|timed out|no route to host|"
        r"network is unreachable|connection reset|server closed the connection",
        "{setting} points at {place}, and no PostgreSQL answers there",
        _ADDRESS,
    ),
    (
        r"too many clients|remaining connection slots",
        "{setting} points at {place}, which has no connection left",
        "Close others' connections, or raise max_connections there",
    ),
    (
        r'role "(?P<role>learnback_\w+)" does not exist',
        "the database that {setting} names has Learnback tables and no role {role}",
        "Run `learnback migrate`",
    ),
    (
        r'permission denied to set role "(?P<role>learnback_\w+)"',
        "the user in {setting} may not act as {role}",
        "Let an administrator run: GRANT learnback_owner, learnback_learner, learnback_app TO that user",
    ),
    (
        r"permission denied (?:for|to) (?P<what>[\w ]+)",
        "the user in {setting} has no permission for {what}",
        "Let an administrator grant it, or name another user in {setting}",
    ),
    (
        r'relation "(?P<relation>[^"]*)" does not exist',
        "the database that {setting} names has no table {relation}",
        "Run `learnback migrate` where it should be ours; otherwise correct the query that names it",
    ),
)
