"""Behind `learnback sql`: a read-only DuckDB over what the latest run extracted."""

from __future__ import annotations

from rich.table import Table

import settings as settings_module
from cli.terminal import console, print_json
from store import lake_sql

COLUMNS = "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"

SHOWN = 1_000
"""Rows that a terminal shows; `--json` gives all."""


def ask(query: str | None, *, as_json: bool) -> None:
    """Run one query; without one, list the tables and their columns."""
    connection = lake_sql.connect(settings_module.load())
    names, rows = lake_sql.fetch(connection, COLUMNS if query is None else query)
    if as_json:
        print_json([dict(zip(names, map(_plain, row), strict=True)) for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows[:SHOWN]:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"… {len(rows) - SHOWN:,} rows more; `--json` gives all.", highlight=False)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
