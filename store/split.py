"""How an extract's rows divide between streams: ranges of physical blocks, or of an ordered column."""

from __future__ import annotations

import psycopg
from psycopg import sql

from contracts.errors import ContractError
from store.source import Query, Split, explained

TABLES = ("r", "m")  # pg_class.relkind with blocks of their own: tables and materialised views
NEWEST_BLOCKS = 64  # half a megabyte: some thousand rows
SAMPLED = 16  # one key in so many decides where ranges of a column begin


def ranges(connection: psycopg.Connection, query: Query, streams: int) -> tuple[str, ...]:
    """SQL conditions, one per stream, that hold for each row exactly once; one condition where nothing divides.

    Block counts are taken inside the connection's snapshot, and the last range is open: no row can lie beyond it.
    """
    if query.split is None:
        return ("true",)
    kind = _kind(connection, query, query.split)
    if query.split.key:
        return _by_key(connection, query, query.split, streams)
    if kind not in TABLES:
        raise ContractError(
            f"{query.path} divides {query.split.relation} by physical blocks, and it is no plain table",
            do=f"Name a unique column: `-- split: {query.split.relation} as {query.split.alias} by <column>`",
        )
    return _by_blocks(connection, query.split, streams)


def newest(connection: psycopg.Connection, query: Query) -> str:
    """A condition that holds for the rows that were written last, where the query reads a plain table; else for all."""
    if query.split is None or query.split.key or _kind(connection, query, query.split) not in TABLES:
        return "true"
    row = connection.execute(
        "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::int", [query.split.relation]
    ).fetchone()
    assert row is not None
    return f"{query.split.alias}.ctid >= '({max(0, row[0] - NEWEST_BLOCKS)},0)'::tid"


def _kind(connection: psycopg.Connection, query: Query, split: Split) -> str:
    with explained(query):
        row = connection.execute(
            "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)", [split.relation]
        ).fetchone()
    if row is None:
        raise ContractError(
            f"{query.path} divides {split.relation}, which the source does not have",
            do="Correct its `-- split:` header",
        )
    return str(row[0])


def _by_blocks(connection: psycopg.Connection, split: Split, streams: int) -> tuple[str, ...]:
    row = connection.execute(
        "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::int", [split.relation]
    ).fetchone()
    assert row is not None
    edges = [f"'({row[0] * stream // streams},0)'::tid" for stream in range(1, streams)]
    return _conditions(f"{split.alias}.ctid", edges)


def _by_key(connection: psycopg.Connection, query: Query, split: Split, streams: int) -> tuple[str, ...]:
    """Edges at equal shares of a fixed sample of the keys; rows without a key belong to the first range."""
    assert split.key is not None
    key = sql.Identifier(split.alias, split.key)
    shares = [stream / streams for stream in range(1, streams)]
    statement = sql.SQL(
        "SELECT percentile_disc({shares}::float8[]) WITHIN GROUP (ORDER BY {key})::text[], pg_typeof(min({key}))::text"
        " FROM {relation} AS {alias} WHERE hashtext({key}::text) % {sampled} = 0"
    ).format(
        shares=sql.Literal(shares),
        key=key,
        relation=sql.SQL(split.relation),  # as the file's author wrote it
        alias=sql.Identifier(split.alias),
        sampled=sql.Literal(SAMPLED),
    )
    with explained(query):
        row = connection.execute(statement).fetchone()
    assert row is not None
    found, kind = row
    quoted = [sql.Literal(edge).as_string(connection) for edge in dict.fromkeys(found or ())]
    column = f'{split.alias}."{split.key}"'
    first, *others = _conditions(column, [f"{edge}::{kind}" for edge in quoted])
    return (f"({first}) OR {column} IS NULL", *others) if others else ("true",)


def _conditions(column: str, edges: list[str]) -> tuple[str, ...]:
    """Half-open ranges between the edges, open at both ends."""
    lows: list[str | None] = [None, *edges]
    highs: list[str | None] = [*edges, None]
    return tuple(
        " AND ".join([f"{column} >= {low}"] * (low is not None) + [f"{column} < {high}"] * (high is not None)) or "true"
        for low, high in zip(lows, highs, strict=True)
    )
