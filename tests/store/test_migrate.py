"""Migrated = declared; and migrating twice, at once, as no superuser, without rights, beside a user's own tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.dialects.postgresql.base import ischema_names

from contracts.errors import DatabaseError
from settings import Settings
from store import database, migrate
from store.tables import REVISION, SCHEMA, Base
from store.tables.base import FullTransactionId
from tests.servers import Server


def ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "schema" or name == SCHEMA


def test_the_migrated_schema_is_the_declared_one(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared from outside: a default schema is one that Alembic does not name."""
    monkeypatch.setitem(ischema_names, "xid8", FullTransactionId)
    options = {
        "version_table_schema": SCHEMA,
        "include_schemas": True,
        "include_name": ours,
        "compare_server_default": True,
    }
    url = server.url(settings.home.name)
    outside = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, options="-c search_path=public"),
        poolclass=NullPool,
    )
    with outside.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_generated_columns_are_the_declared_ones(engine: Engine) -> None:
    """Alembic compares everything but what a generated column is made of."""
    generated = text(
        "SELECT column_name, generation_expression FROM information_schema.columns"
        " WHERE table_schema = 'learnback' AND is_generated = 'ALWAYS'"
    )
    with engine.connect() as connection:
        found = {row[0]: row[1] for row in connection.execute(generated)}
    declared = {
        column.name: str(column.computed.sqltext)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.computed is not None
    }
    assert found == declared
    assert len(found) == 5


def test_the_code_knows_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_upgrading_again_changes_nothing(settings: Settings, engine: Engine) -> None:
    assert migrate.upgrade(settings) == REVISION
    assert migrate.current(engine) == REVISION


def test_upgrades_at_once_wait_for_each_other(server: Server) -> None:
    settings = server.settings(server.empty_database())
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(migrate.upgrade, [settings] * 3)) == [REVISION] * 3


def test_an_unmigrated_database_says_which_command_to_run(server: Server) -> None:
    with pytest.raises(DatabaseError, match=r"has no Learnback tables yet\. Run `learnback migrate`\.$"):
        database.open_store(server.settings(server.empty_database()))


def test_an_older_schema_says_which_command_to_run(server: Server) -> None:
    settings = server.migrated_settings()
    name = settings.home.name
    server.run(sql.SQL("UPDATE learnback.alembic_version SET version_num = 'older'"), name)
    with pytest.raises(DatabaseError, match=r"at migration older, and this Learnback needs .* `learnback migrate`"):
        database.open_store(settings)


def test_a_user_without_rights_reads_what_an_administrator_must_run(server: Server) -> None:
    """And running exactly that makes the migration pass."""
    name, user = server.empty_database(owner="postgres"), sql.Identifier("plain user")
    server.run(sql.SQL("CREATE ROLE {} LOGIN").format(user))
    server.run(sql.SQL("DROP SCHEMA IF EXISTS learnback"), name)
    settings = server.settings(name, "plain%20user")
    with pytest.raises(DatabaseError) as refused:
        migrate.upgrade(settings)
    sentence = str(refused.value)
    assert '"plain user" may not create roles and schemas' in sentence
    statements = sentence.partition("Let an administrator run there: ")[2].partition("; and repeat")[0]
    for statement in statements.split("; "):
        if not statement.startswith("CREATE ROLE"):  # they are there: roles belong to the whole server
            server.run(sql.SQL(statement), name)
    assert migrate.upgrade(settings) == REVISION
    database.open_store(settings).dispose()


def test_a_user_whose_roles_were_not_granted_is_told_so(server: Server, settings: Settings) -> None:
    server.run(sql.SQL("CREATE ROLE stranger LOGIN"))
    server.run(sql.SQL("GRANT USAGE ON SCHEMA learnback TO stranger"), settings.home.name)
    with pytest.raises(DatabaseError, match="may not act as learnback_app"):
        database.open_store(server.settings(settings.home.name, "stranger"))


def test_a_users_own_tables_are_left_alone(server: Server) -> None:
    name = server.empty_database()
    server.run(sql.SQL("CREATE TABLE leads (mine text); INSERT INTO leads VALUES ('kept')"), name)
    migrate.upgrade(server.settings(name))
    engine = database.open_store(server.settings(name))
    with engine.connect() as connection:
        connection.exec_driver_sql("RESET ROLE")
        assert connection.scalar(text("SELECT count(*) FROM leads")) == 0  # ours comes first on the path
    engine.dispose()
    with database.connect(server.url(name, "postgres"), "TEST") as connection:
        assert connection.execute("SELECT mine FROM public.leads").fetchall() == [("kept",)]
