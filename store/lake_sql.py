"""SQL over the lake, for `learnback sql`: DuckDB with one view per extract of the newest run, and nothing to change."""

from __future__ import annotations

from typing import Any

import duckdb

from contracts.errors import LakeError, UserError
from contracts.outcomes import EXTRACTS, Column
from settings import Settings
from store import lake
from store.lake import Manifest

READING = {
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.RELATION,
}
"""Statements that leave everything as it is; SHOW, DESCRIBE and SUMMARIZE are SELECT to DuckDB."""


def connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Views tenants, leads and touches over the newest run; raises LakeError where that is empty or damaged.

    The views show ids as uuid, and times in UTC without a zone: DuckDB's functions on zoned times are an extension that
    it would have to download. DuckDB may open the lake's files and nothing else on this machine or network.
    """
    if "://" in settings.lake_url:
        raise LakeError(
            f"`learnback sql` was asked about the lake {settings.lake_url}",
            wanted="it reads lakes that are folders: DuckDB would have to download an extension",
            do="Copy the newest run's files into a folder and set LEARNBACK_LAKE to it, or query them where they lie",
        )
    manifest = lake.latest(lake.open(settings))
    lake.verify(manifest.root, manifest.files)
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    connection.execute(f"SET allowed_directories = [{_text(manifest.root + '/')}]")
    for name in EXTRACTS:
        try:
            connection.execute(_view(manifest, name))
        except duckdb.Error as error:
            raise LakeError(
                f"{name} of the newest run in the lake {manifest.root} cannot be read: {_first_line(error)}",
                do="`learnback check` extracts them anew",
            ) from None
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and all rows of one reading statement.

    Raises UserError for a statement that writes, for what DuckDB does not understand, and for a file that it cannot
    read.
    """
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            raise UserError(f"`learnback sql` got {len(statements)} statements", wanted="it takes one")
        if statements[0].type not in READING:
            raise UserError(
                "`learnback sql` got a statement that writes", wanted="it only reads", do="Begin with SELECT"
            )
        result = connection.sql(sql)
        return result.columns, result.fetchall()
    except duckdb.Error as error:
        raise UserError(
            f"DuckDB cannot run this: {_first_line(error)}",
            do="`learnback sql` without a query lists the tables and their columns",
        ) from None


def _view(manifest: Manifest, extract: str) -> str:
    files = manifest.of(extract)
    columns = EXTRACTS[extract].columns
    if not files:
        empty = ", ".join(f"NULL::{_TYPES[column.kind]} AS {column.name}" for column in columns)
        return f"CREATE VIEW {extract} AS SELECT {empty} WHERE false"
    paths = ", ".join(_text(f"{manifest.root}/{file.path}") for file in files)
    shown = ", ".join(_shown(column) for column in columns)
    return f"CREATE VIEW {extract} AS SELECT {shown} FROM read_parquet([{paths}], hive_partitioning = false)"  # noqa: S608


_TYPES = {
    "uuid": "uuid",
    "text": "varchar",
    "int": "bigint",
    "float": "double",
    "bool": "boolean",
    "time": "timestamp",
    "json": "varchar",
}


def _shown(column: Column) -> str:
    if column.kind == "uuid":
        return f"hex({column.name})::uuid AS {column.name}"
    return f"{column.name}::timestamp AS {column.name}" if column.kind == "time" else column.name


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
