"""One tenant scope: every statement on tenant data runs in one of these transactions, or sees nothing.

    with tenant_scope(engine, tenant) as connection: ...      the app reads and writes one tenant
    with learner_scope(engine) as connection: ...             the learner reads all tenants and writes none
    with batch_scope(engine) as batch:
        with batch.tenant(tenant) as connection: ...          the learner writes one tenant after the other

Row-level security compares each row with the transaction's tenant, so that a forgotten WHERE shows nothing foreign.
Both the role and the tenant end with the transaction: a pooled connection carries neither to its next user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.sql import Composed
from sqlalchemy import Connection, Engine


class Role(StrEnum):
    """Database roles; a connection from the pool is APP in no tenant until a scope says otherwise."""

    OWNER = "learnback_owner"  # owns tables; migrations only
    LEARNER = "learnback_learner"  # reads all tenants; writes in a tenant's scope
    APP = "learnback_app"  # reads and writes in a tenant's scope only


@contextmanager
def tenant_scope(engine: Engine, tenant_id: UUID, role: Role = Role.APP) -> Iterator[Connection]:
    """One transaction in one tenant: commits at the end of the block, rolls back when it raises."""
    with _transaction(engine, role) as connection:
        _enter(connection, tenant_id)
        yield connection


def select_in_scope(
    engine: Engine, tenant_id: UUID, statement: LiteralString, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of one statement in one tenant, as the app: begin, enter, ask and commit travel in one round trip.

    statement: with psycopg's placeholders. Raises psycopg's errors, or what the pool raises where it has no connection.
    """
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.pipeline():
            driver.execute(f"SET LOCAL ROLE {Role.APP.value}")
            driver.execute(_ENTER, (str(tenant_id),))
            cursor = driver.execute(statement, parameters)
            driver.commit()
        return cursor.fetchall()


@contextmanager
def learner_scope(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads all tenants; of the tables with tenants it can write none."""
    with _transaction(engine, Role.LEARNER) as connection:
        yield connection


@contextmanager
def batch_scope(engine: Engine) -> Iterator[Batch]:
    """One transaction of the learner that enters tenants one after the other; all commit together."""
    with _transaction(engine, Role.LEARNER) as connection:
        yield Batch(connection)


@dataclass(frozen=True, slots=True)
class Batch:
    """The transaction of `batch_scope`; between two tenants it can read all and write none."""

    connection: Connection

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Iterator[Connection]:
        """A savepoint in one tenant: what raises inside is undone, and the transaction can go on without it."""
        with self.connection.begin_nested():
            _enter(self.connection, tenant_id)
            yield self.connection
            _enter(self.connection, None)

    def each_tenant(
        self, statement: LiteralString | Composed, parameters: Iterable[tuple[UUID, Mapping[str, Any]]]
    ) -> list[tuple[Any, ...]]:
        """Run one statement in the scope of each tenant in turn, without waiting for answers in between.

        statement: with psycopg's placeholders, `%(tenant)s` among them. Returns all rows that it returned, in order.
        Runs in a savepoint: all succeed, or psycopg's error leaves and none has happened.
        """
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        cursors = []
        with self.connection.begin_nested():
            with driver.pipeline():
                for tenant_id, values in parameters:
                    driver.execute(_ENTER, (str(tenant_id),))
                    cursors.append(driver.execute(statement, {"tenant": tenant_id, **values}))
                driver.execute(_ENTER, ("",))
            return [row for cursor in cursors if cursor.description for row in cursor]


@contextmanager
def _transaction(engine: Engine, role: Role) -> Iterator[Connection]:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {role.value}")
        yield connection


def _enter(connection: Connection, tenant_id: UUID | None) -> None:
    connection.exec_driver_sql(_ENTER, (str(tenant_id) if tenant_id else "",))


_ENTER: LiteralString = "SELECT set_config('app.tenant_id', %s, true)"
