"""Can one tenant's scope reach another's rows? Every table, both roles: inside, outside and after a scope."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Connection, Date, Engine, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import Boolean, Integer, Text, Uuid

from store import tenants
from store.scope import Role, batch_scope, learner_scope, tenant_scope
from store.tables import Base

TABLES = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.columns or table.name == "tenants"]
VIEWS = ["conversion_patterns", "conversion_pattern_history"]
LEARNER_ONLY = ["runs", "slices", "population_priors"]
NOW = datetime(2026, 11, 15, tzinfo=UTC)

Mine = UUID
Theirs = UUID


@pytest.fixture(scope="module")
def two(engine: Engine) -> tuple[Mine, Theirs]:
    """Two tenants with one row each in every table; the pool holds one connection, so that it is always reused."""
    ids = tuple(tenants.create(engine, name).id for name in ("mine", "theirs"))
    with batch_scope(engine) as batch:
        for tenant in ids:
            with batch.tenant(tenant) as connection:
                for table in TABLES:
                    if table.name != "tenants":
                        insert(connection, table, tenant)
    return ids[0], ids[1]


def tenant_column(table: Table) -> str:
    return "id" if table.name == "tenants" else "tenant_id"


def sample(table: Table, tenant: UUID) -> dict[str, object]:
    """A value for each column that needs one."""
    values: dict[str, object] = {}
    for column in table.columns:
        if column.name == tenant_column(table):
            values[column.name] = tenant
        elif column.name == "version" and table.name == "pattern_heads":
            values[column.name] = 1  # the pattern that was inserted before
        elif not column.nullable and column.server_default is None and column.identity is None:
            values[column.name] = plain(column.type)
    return values


def plain(kind: object) -> object:
    match kind:
        case Uuid():
            return uuid4()
        case Text():
            return "who"
        case TIMESTAMP():
            return NOW
        case Date():
            return NOW.date()
        case JSONB():
            return {"components": ["timing"], "weights": [1.0]}
        case ARRAY():
            return [1.0]
        case Boolean():
            return False
        case Integer():
            return 1
        case _:
            return 0.5


def insert(connection: Connection, table: Table, tenant: UUID) -> None:
    connection.execute(table.insert().values(sample(table, tenant)))


def rows(connection: Connection, table: str, column: str = "tenant_id") -> set[UUID]:
    return set(connection.scalars(text(f"SELECT {column} FROM learnback.{table}")))


def refused(connection: Connection, statement: str, **values: object) -> bool:
    """Whether the database refuses outright, or lets the statement touch no row."""
    savepoint = connection.begin_nested()
    try:
        return connection.execute(text(statement), values).rowcount == 0
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege | psycopg.errors.RestrictViolation):
            raise
        return True
    finally:
        savepoint.rollback()


def forge(connection: Connection, table: Table, tenant: UUID) -> bool:
    """Whether a row could be written for a tenant."""
    savepoint = connection.begin_nested()
    try:
        insert(connection, table, tenant)
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        return False
    finally:
        savepoint.rollback()
    return True


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("role", [Role.APP, Role.LEARNER])
def test_a_scope_never_writes_another_tenants_rows(
    engine: Engine, two: tuple[Mine, Theirs], role: Role, table: Table
) -> None:
    mine, theirs = two
    name, column = f"learnback.{table.name}", tenant_column(table)
    with tenant_scope(engine, mine, role) as connection:
        assert not forge(connection, table, theirs if table.name != "tenants" else uuid4())
        assert refused(connection, f"UPDATE {name} SET {column} = {column} WHERE {column} = :theirs", theirs=theirs)
        assert refused(connection, f"DELETE FROM {name} WHERE {column} = :theirs", theirs=theirs)
        assert refused(connection, f"UPDATE {name} SET {column} = :theirs", theirs=theirs)  # giving a row away


@pytest.mark.parametrize("role", [Role.APP, Role.LEARNER])
def test_a_scope_does_write_its_own_rows(engine: Engine, two: tuple[Mine, Theirs], role: Role) -> None:
    """Without this, the walk above could pass because nothing can be written at all."""
    with tenant_scope(engine, two[0], role) as connection:
        for table in (table for table in TABLES if table.name in ("leads", "activities", "decisions", "audit_log")):
            assert forge(connection, table, two[0])
        assert not refused(connection, "UPDATE learnback.leads SET status = 'lost'")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_app_reads_its_tenant_and_nobody_else(engine: Engine, two: tuple[Mine, Theirs], table: Table) -> None:
    for tenant in two:
        with tenant_scope(engine, tenant) as connection:
            assert rows(connection, table.name, tenant_column(table)) == {tenant}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_learner_reads_all_and_outside_a_tenant_writes_none(
    engine: Engine, two: tuple[Mine, Theirs], table: Table
) -> None:
    with learner_scope(engine) as connection:
        assert rows(connection, table.name, tenant_column(table)) == set(two)
        assert not forge(connection, table, two[0] if table.name != "tenants" else uuid4())
        column = tenant_column(table)
        assert refused(connection, f"UPDATE learnback.{table.name} SET {column} = {column}")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("before", ["nothing", "a scope", "a failed scope", "a learner"])
def test_outside_a_scope_a_reused_connection_shows_nothing(
    engine: Engine, two: tuple[Mine, Theirs], table: Table, before: str
) -> None:
    """The setting is '' after a transaction that set it, null before: neither may show a row, or fail."""
    {"nothing": skip, "a scope": pass_through, "a failed scope": fail_in, "a learner": learn_in}[before](engine, two[0])
    with engine.connect() as connection:
        assert rows(connection, table.name, tenant_column(table)) == set()
        assert not forge(connection, table, two[0] if table.name != "tenants" else uuid4())
        assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
        assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]


def skip(engine: Engine, tenant: UUID) -> None:
    engine.dispose()  # a connection that never had a tenant


def pass_through(engine: Engine, tenant: UUID) -> None:
    with tenant_scope(engine, tenant) as connection:
        assert rows(connection, "leads") == {tenant}


def fail_in(engine: Engine, tenant: UUID) -> None:
    with pytest.raises(RuntimeError), tenant_scope(engine, tenant):
        raise RuntimeError


def learn_in(engine: Engine, tenant: UUID) -> None:
    with batch_scope(engine) as batch, batch.tenant(tenant):
        pass


@pytest.mark.parametrize("view", VIEWS)
def test_the_specifications_views_show_what_their_reader_may_see(
    engine: Engine, two: tuple[Mine, Theirs], view: str
) -> None:
    """Also on PostgreSQL 14, where a view runs as its owner."""
    with tenant_scope(engine, two[0]) as connection:
        assert rows(connection, view, "client_id") == {two[0]}
    with learner_scope(engine) as connection:
        assert rows(connection, view, "client_id") == set(two)
    with engine.connect() as connection:
        assert rows(connection, view, "client_id") == set()


@pytest.mark.parametrize("table", LEARNER_ONLY)
def test_what_speaks_of_all_tenants_is_closed_to_the_app(engine: Engine, two: tuple[Mine, Theirs], table: str) -> None:
    with tenant_scope(engine, two[0]) as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text(f"SELECT FROM learnback.{table}"))


def test_the_catalogue_agrees(engine: Engine) -> None:
    """Forced everywhere, owned by a role that is no superuser and may not bypass."""
    with engine.connect() as connection:
        found = connection.execute(
            text("""
                SELECT relname, relrowsecurity AND relforcerowsecurity, rolsuper OR rolbypassrls OR rolcanlogin
                FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
                WHERE relnamespace = 'learnback'::regnamespace AND relkind IN ('r', 'v')
            """)
        ).all()
    assert {name for name, forced, _ in found if forced} == {table.name for table in TABLES}
    assert not any(powerful for *_, powerful in found)


def test_a_batch_undoes_one_tenant_and_keeps_the_others(engine: Engine, two: tuple[Mine, Theirs]) -> None:
    mine, theirs = two
    rename = text("UPDATE tenants SET time_zone = :zone")
    with batch_scope(engine) as batch:
        with batch.tenant(mine) as connection:
            connection.execute(rename, {"zone": "Europe/Vienna"})
        with pytest.raises(DBAPIError), batch.tenant(theirs) as connection:  # noqa: PT012 - the second one fails
            connection.execute(rename, {"zone": "Asia/Tokyo"})
            connection.execute(text("SELECT 1 / 0"))
        assert refused(batch.connection, "UPDATE tenants SET time_zone = 'between two tenants'")
    assert {tenant.name: tenant.time_zone for tenant in tenants.all_tenants(engine)} == {
        "mine": "Europe/Vienna",
        "theirs": None,
    }


def test_each_tenant_is_all_or_nothing(engine: Engine, two: tuple[Mine, Theirs]) -> None:
    statement = "UPDATE tenants SET horizon_days = %(days)s RETURNING id, horizon_days"
    with batch_scope(engine) as batch:
        assert batch.each_tenant(statement, [(two[0], {"days": 60}), (two[1], {"days": 90})]) == [
            (two[0], 60),
            (two[1], 90),
        ]
        with pytest.raises(psycopg.errors.NotNullViolation):
            batch.each_tenant(statement, [(two[0], {"days": 10}), (two[1], {"days": None})])
        assert refused(batch.connection, "UPDATE tenants SET horizon_days = 1")
    assert [tenant.horizon_days for tenant in tenants.all_tenants(engine)] == [60, 90]
