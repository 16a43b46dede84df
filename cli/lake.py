"""Behind `learnback sql`: a read-only DuckDB over what the latest run extracted."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

import settings as settings_module
from cli.terminal import console, print_json
from store import lake_sql

COLUMNS = "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"

SHOWN = 1_000
"""Rows that a terminal shows; `--json` gives all."""

WIDEST = 100_000
"""Columns that a row may take where a pipe or file reads it."""


def ask(query: str | None, *, as_json: bool) -> None:
    """Run one query; without one, list the tables and their columns."""
    connection = lake_sql.connect(settings_module.load())
    names, rows = lake_sql.fetch(connection, COLUMNS if query is None else query)
    if as_json:
        print_json([dict(zip(names, map(_plain, row), strict=True)) for row in rows])
        return
    _show(names, [["" if value is None else str(value) for value in row] for row in rows[:SHOWN]])
    if len(rows) > SHOWN:
        console.print(f"… {len(rows) - SHOWN:,} rows more; `--json` gives all.")


def _show(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A row on one line; where the terminal is too narrow for that, a value on one line, row after row."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    wanted = Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum
    if not console.is_terminal or wanted <= console.width:
        Console(width=wanted, markup=False, highlight=False).print(table)
        return
    longest = max(map(len, names))
    for number, row in enumerate(rows, start=1):
        console.print(f"row {number}", style="bold")
        for name, value in zip(names, row, strict=True):
            console.print(f"  {name:<{longest}}  {value}")


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
