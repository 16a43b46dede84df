"""One tenant scope: every statement on tenant data runs in one of these transactions, or sees nothing.

    with tenant_scope(engine, tenant) as connection: ...      the app reads and writes one tenant
    with learner_scope(engine) as connection: ...             the learner reads all tenants and writes none
    with batch_scope(engine) as batch:
        with batch.tenant(tenant) as connection: ...          the learner writes one tenant after the other

Row-level security compares each row with the transaction's tenant, so that a forgotten WHERE shows nothing foreign.
Both the role and the tenant end with the transaction: a pooled connection carries neither to its next user.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, Engine, text


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


@contextmanager
def _transaction(engine: Engine, role: Role) -> Iterator[Connection]:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {role.value}")
        yield connection


def _enter(connection: Connection, tenant_id: UUID | None) -> None:
    connection.execute(_SET_TENANT, {"tenant": str(tenant_id) if tenant_id else ""})


_SET_TENANT = text("SELECT set_config('app.tenant_id', :tenant, true)")
