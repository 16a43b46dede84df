"""Bring frames of tenants, leads, touches and tests into the store: all of a frame or nothing of it, in tenant scope.

COPY is refused under row-level security, so that rows are copied into a temporary table and inserted from there,
tenant by tenant. Loading is idempotent by id: rows that are there unchanged are left alone, changed ones are updated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import polars as pl
import psycopg
from psycopg import sql
from sqlalchemy import Engine, Table, func, select

from contracts.errors import UnknownTenantError, UserError
from contracts.outcomes import COMPONENTS
from store.scope import Batch, batch_scope
from store.tables import Leads, MessageTests, Tenants, Touches

COPY_ROWS = 50_000
"""Rows that are written as CSV at a time: some 20 MB where touches carry their content."""

INDEXED_TENANTS = 8
"""From this many tenants on an index on the temporary table is cheaper than scanning it once a tenant."""


def load_tenants(engine: Engine, frame: pl.DataFrame) -> int:
    """frame: `outcomes.TENANTS` and any other column of the table. Returns the rows that were added or changed."""
    return _load(engine, table_of(Tenants), frame.rename({"tenant_id": "id"}), tenant="id")


def load_leads(engine: Engine, frame: pl.DataFrame) -> int:
    """frame: `outcomes.LEADS` and any other column of the table. Returns the rows that were added or changed.

    The five components become `als_components`. `scored_at` dates them, as in the extract, unless the frame has a
    `components_at` of its own. A lead that turns out to have converted marks its converting touch where there is one.
    """
    renamed = {"lead_id": "id"}
    if "components_at" not in frame.columns:
        renamed["scored_at"] = "components_at"
    return _load(engine, table_of(Leads), frame.rename(renamed, strict=False))


def load_touches(engine: Engine, frame: pl.DataFrame) -> int:
    """frame: `outcomes.TOUCHES` and any other column of the table. Returns the rows that were added or changed.

    A frame without `led_to_booking` leaves it to us: the converting touches of its tenants are marked afterwards.
    """
    written = _load(engine, table_of(Touches), frame.rename({"touch_id": "id"}))
    if "led_to_booking" not in frame.columns:
        mark_conversions(engine, [UUID(bytes=tenant) for tenant in frame["tenant_id"].unique()])
    return written


def load_message_tests(engine: Engine, frame: pl.DataFrame) -> int:
    """frame: columns of the table. Returns the rows that were added or changed."""
    return _load(engine, table_of(MessageTests), frame)


def mark_conversions(engine: Engine, tenant_ids: Iterable[UUID]) -> None:
    """Mark the converting touch of every converted lead that has none: for leads that came in converted."""
    with batch_scope(engine) as batch:
        batch.each_tenant(
            "SELECT learnback.mark_converting_touches(%(tenant)s, NULL)",
            ((tenant, {}) for tenant in tenant_ids),
        )


def _load(engine: Engine, table: Table, frame: pl.DataFrame, tenant: str = "tenant_id") -> int:
    _refuse_unknown(table, frame)
    key = [column.name for column in table.primary_key]
    repeated = int(frame.select(key).is_duplicated().sum())
    if repeated:
        raise UserError(f"{repeated:,} rows for {table.name} share their id with another", wanted="ids must differ")
    tenants = [UUID(bytes=value) for value in frame[tenant].unique().sort()]
    try:
        with batch_scope(engine) as batch:
            _one_loader(batch, table, tenants)
            copied(batch, table, frame)
            if len(tenants) >= INDEXED_TENANTS:
                batch.connection.exec_driver_sql(f"CREATE INDEX ON incoming ({tenant}); ANALYZE incoming")
            return sum(
                written
                for statement in _statements(table, frame.columns, tenant)
                for (written,) in batch.each_tenant(statement, ((each, {}) for each in tenants))
            )
    except psycopg.errors.UniqueViolation as error:
        raise UserError(
            f"rows for {table.name} would give two of them one name or id ({error.diag.constraint_name})",
            do="Names of tenants must differ: rename one of them where it comes from",
        ) from error
    except psycopg.errors.NotNullViolation as error:
        column = error.diag.column_name
        raise UserError(f"rows for {table.name} have no {column}", wanted=f"each needs its {column}") from error


def _one_loader(batch: Batch, table: Table, tenants: Sequence[UUID]) -> None:
    """One load of a table at a time, and only of tenants that the store holds."""
    batch.connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"learnback.loading.{table.name}"))))
    if table.name != Tenants.__tablename__:
        held = set(batch.connection.scalars(select(Tenants.id).where(Tenants.id.in_(tenants))))
        if missing := [tenant for tenant in tenants if tenant not in held]:
            raise UnknownTenantError(
                f"rows for {table.name} name tenants that the store does not hold ({missing[0]}"
                f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''})",
                do="Load the tenants first",
            )


def copied(batch: Batch, table: Table, frame: pl.DataFrame) -> None:
    """Copy a frame into the temporary table `incoming`, typed as the table's columns of the same names."""
    names = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    target = sql.Identifier(table.schema or "", table.name)
    driver = batch.connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                names, target
            )
        )
        with cursor.copy(sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT csv)").format(names)) as out:
            for rows in frame.with_columns(pl.col(pl.Binary).bin.encode("hex")).iter_slices(COPY_ROWS):
                out.write(
                    rows.write_csv(
                        include_header=False,
                        quote_style="necessary",  # quotes an empty text and leaves a null bare, as COPY reads them
                        datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ",
                    )
                )


def _statements(table: Table, columns: Sequence[str], tenant: str) -> tuple[sql.Composed, sql.Composed]:
    """One tenant's rows from `incoming`, as an update and an insertion; both return how many rows they wrote.

    Two joins instead of ON CONFLICT, which would lock and log every row that is there unchanged.
    """
    taken = {name: _value(table.columns[name]) for name in columns if name not in COMPONENTS}
    if components := [name for name in COMPONENTS if name in columns]:
        taken["als_components"] = _components(components)
    key = [column.name for column in table.primary_key]
    changing = [name for name in taken if name not in key]
    parts = {
        "table": sql.Identifier(table.schema or "", table.name),
        "same": sql.SQL("({}) = ({})").format(_list(key, "held"), _list(key, "incoming")),
        "mine": sql.SQL("{} = %(tenant)s").format(sql.Identifier("incoming", tenant)),
        "held": _list(changing, "held"),
        "changed": sql.SQL(", ").join(taken[name] for name in changing),
        "assignments": sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), taken[n]) for n in changing),
        "names": _list(taken),
        "values": sql.SQL(", ").join(taken.values()),
    }
    update = """
        WITH written AS (
            UPDATE {table} AS held SET {assignments} FROM incoming
            WHERE {mine} AND {same} AND ({held}) IS DISTINCT FROM ({changed}) RETURNING 1
        ) SELECT count(*) FROM written
    """
    insert = """
        WITH written AS (
            INSERT INTO {table} ({names}) SELECT {values} FROM incoming
            WHERE {mine} AND NOT EXISTS (SELECT FROM {table} AS held WHERE {same}) RETURNING 1
        ) SELECT count(*) FROM written
    """
    return sql.SQL(update).format(**parts), sql.SQL(insert).format(**parts)


def _value(column: Any) -> sql.Composed:
    """The incoming value; where a null would break the column's rule, its default."""
    incoming = sql.Identifier("incoming", column.name)
    if column.nullable or column.server_default is None:
        return sql.SQL("{}").format(incoming)
    return sql.SQL("coalesce({}, {})").format(incoming, sql.SQL(str(column.server_default.arg)))


def _components(names: Sequence[str]) -> sql.Composed:
    """The typed components as one JSON object, null where all are missing."""
    pairs = sql.SQL(", ").join(sql.SQL("{}, {}").format(sql.Literal(n), sql.Identifier("incoming", n)) for n in names)
    return sql.SQL("nullif(jsonb_strip_nulls(jsonb_build_object({})), '{{}}')").format(pairs)


def _list(names: Iterable[str], alias: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in names)


def _refuse_unknown(table: Table, frame: pl.DataFrame) -> None:
    unknown = [name for name in frame.columns if name not in table.columns]
    if unknown:
        raise ValueError(f"{table.name} has no column {', '.join(unknown)}")


def table_of(mapped: type[Tenants] | type[Leads] | type[Touches] | type[MessageTests]) -> Table:
    """The table of a declared class, as SQLAlchemy's type checkers want it."""
    table = mapped.__table__
    assert isinstance(table, Table)
    return table
