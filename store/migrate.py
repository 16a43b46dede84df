"""Bring the tables to the state that this code declares: `learnback migrate`, and every command that starts a store."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.errors import DatabaseError
from settings import Settings
from store.database import SETTING, check_version, connect, explain, pool, store_url
from store.scope import Role
from store.tables import SCHEMA

LOCK = 0x6C6561726E62  # "learnb": one migration at a time in a database

SCRIPTS = Path(__file__).parent.parent / "migrations"


def upgrade(settings: Settings) -> str:
    """Create or upgrade our schema, roles and tables in one transaction; the revision that they are at afterwards.

    Needs CREATEROLE and CREATE on the database, no superuser; raises DatabaseError with what to run where the user has
    less. Two upgrades at once wait for each other, and the second finds nothing to do.
    """
    url = store_url(settings)
    with connect(url, SETTING) as probe:
        check_version(probe.info.server_version, SETTING)
    engine = pool(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            _prepare(connection)
            connection.exec_driver_sql(f"SET LOCAL ROLE {Role.OWNER.value}")
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        revision = current(engine)
    except DBAPIError as error:
        if isinstance(error.orig, (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege)):
            raise explain(error, SETTING) from None
        raise
    finally:
        engine.dispose()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """The revision that the tables are at; None where there are none."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        return context.get_current_revision()


def _prepare(connection: Connection) -> None:
    """Roles and schema: what must be there before tables, and what a DBA can prepare instead."""
    try:
        with connection.begin_nested():
            for role in Role:
                connection.exec_driver_sql(_CREATE_ROLE.format(role=role.value))
                if not connection.scalar(text(_MAY_ACT_AS), {"role": role.value}):
                    connection.exec_driver_sql(f"GRANT {role.value} TO CURRENT_USER")
            if not connection.scalar(text("SELECT to_regnamespace(:schema) IS NOT NULL"), {"schema": SCHEMA}):
                connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {Role.OWNER.value}")
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        raise _missing_privileges(connection) from None


def _missing_privileges(connection: Connection) -> DatabaseError:
    user, database = connection.execute(text("SELECT quote_ident(current_user), quote_ident(current_database())")).one()
    roles = ", ".join(role.value for role in Role)
    statements = (
        *(f"CREATE ROLE {role.value} NOLOGIN" for role in Role),
        f"GRANT {roles} TO {user}",
        f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {Role.OWNER.value}",
    )
    return DatabaseError(
        f"user {user} may not create roles and schemas in database {database}",
        wanted="Learnback keeps its tables in a schema and under roles of its own",
        do=f"Let an administrator run there: {'; '.join(statements)}; and repeat `learnback migrate`",
    )


# Roles belong to the whole server: one may be there from another database, or appear between check and creation.
_CREATE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# From 16 on, whoever creates a role administers it and yet may not act as it before granting it to themselves.
_MAY_ACT_AS = """
SELECT pg_has_role(current_user, :role, CASE WHEN current_setting('server_version_num')::int >= 160000
                                             THEN 'SET' ELSE 'MEMBER' END)
"""
