"""One row that cannot be imported, named so that a person finds it."""

from __future__ import annotations

import polars as pl

from contracts.errors import MappingError
from tasks.importing.recipe import ROW_NUMBER


def refuse_where(rows: pl.DataFrame, fault: pl.Expr, got: str, *, value: str | None = None, wanted: str = "") -> None:
    """Raise MappingError for the first row of the file where `fault` holds. value: column to quote."""
    faults = rows.filter(fault).sort(ROW_NUMBER)
    if faults.is_empty():
        return
    first, more = faults.row(0, named=True), faults.height - 1
    quote = f": {_shown(first[value])}" if value else ""
    others = f" (and on {more:,} more)" if more else ""
    raise MappingError(f"{got} on row {first[ROW_NUMBER]:,}{quote}{others}", wanted=wanted)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:g}" if isinstance(value, float) else f"'{value}'"
