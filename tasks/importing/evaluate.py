"""Run checked expressions over the rows of a file; where one fails, say which one and on which row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb
import polars as pl

from contracts.errors import MappingError
from tasks.importing.recipe import ROW_NUMBER

SqlType = Literal["VARCHAR", "INTEGER", "DOUBLE", "BOOLEAN"]


@dataclass(frozen=True)
class Wanted:
    """An expression and the DuckDB type that its value must have; None keeps the type that it has."""

    expression: str
    type: SqlType | None = None

    @property
    def sql(self) -> str:
        value = f"(\n{self.expression}\n)"
        return value if self.type is None else f"CAST({value} AS {self.type})"


def quoted(name: str) -> str:
    """A column's name as an expression."""
    return '"' + name.replace('"', '""') + '"'


def evaluate(connection: duckdb.DuckDBPyConnection, rows: str, wanted: Mapping[str, Wanted]) -> pl.DataFrame:
    """row_number and one column per entry of `wanted`, by its place in the recipe. rows: table or view to read.

    Raises MappingError with the place, and where it can be told the row and the value, on which an expression fails.
    """
    columns = ", ".join(f"{want.sql} AS {quoted(place)}" for place, want in wanted.items())
    query = f"SELECT {ROW_NUMBER}, {columns} FROM {rows} ORDER BY {ROW_NUMBER}"  # noqa: S608 – checked expressions
    try:
        return pl.DataFrame(connection.sql(query).to_arrow_table())
    except duckdb.Error:
        for place, want in wanted.items():
            _blame(connection, rows, place, want)
        raise


def _blame(connection: duckdb.DuckDBPyConnection, rows: str, place: str, want: Wanted) -> None:
    """Raise where this expression fails by itself."""
    try:
        connection.execute(f"SELECT count({want.sql}) FROM {rows}").fetchall()  # noqa: S608
        return
    except duckdb.Error as error:
        complaint = str(error).splitlines()[0]
    try:
        faults = connection.execute(
            f"SELECT {ROW_NUMBER}, CAST(value AS VARCHAR) FROM "  # noqa: S608
            f"(SELECT {ROW_NUMBER}, ({want.expression}\n) AS value FROM {rows}) "
            f"WHERE value IS NOT NULL AND TRY_CAST(value AS {want.type}) IS NULL ORDER BY 1 LIMIT 1"
        ).fetchall()
    except duckdb.Error:
        faults = []  # the expression itself fails, before its value is cast
    for row, value in faults:
        noun = _NOUNS[want.type or "VARCHAR"]
        raise MappingError(f"{place} gives {value!r} on row {row:,}", wanted=f"{noun} is wanted")
    raise MappingError(f"{place} fails: {complaint}")


_NOUNS: dict[SqlType, str] = {
    "VARCHAR": "a text",
    "INTEGER": "a whole number",
    "DOUBLE": "a number",
    "BOOLEAN": "true or false",
}
