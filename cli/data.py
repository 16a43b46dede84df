"""`learnback import`, `check` and `sql`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, semicolon-separated CSV, .gz of either, or Parquet.")],
    recipe: Annotated[
        str | None,
        typer.Option("--map", help="Recipe: a TOML file, or the name of a built-in one (x_education, bank)."),
    ] = None,
    tests: Annotated[
        bool,
        typer.Option("--tests", help="Randomised message tests in columns test, text, shown, converted: no recipe."),
    ] = False,
    tenant: Annotated[str | None, typer.Option(help="Name of the tenant, where the recipe leaves it open.")] = None,
    json: JsonOption = False,
) -> None:
    """Bring a file of leads and outcomes, or of message tests, into the store, as its recipe says.

    docs/how-to/import.md teaches recipes. Importing the same file again changes nothing. Nothing is written unless the
    whole file is good.
    """
    from cli import importing

    if (recipe is None) != tests:
        raise typer.BadParameter("wanted --map RECIPE, or --tests for a file of message tests", param_hint="--map")
    importing.import_file(file, recipe or importing.PLAIN_TESTS, tenant=tenant, as_json=json)


def check(
    docs: Annotated[bool, typer.Option("--docs", help="Open Great Expectations' pages of this check.")] = False,
    json: JsonOption = False,
) -> None:
    """Check the source: columns against the contract, then every tenant's data against the 25 catalogued defects.

    Names every missing or mistyped column and what the SQL must return. Learns and publishes nothing.
    Ends with 3 when a tenant would be quarantined.
    """
    from cli import checking

    checking.check(docs=docs, as_json=json)


def sql(
    query: Annotated[str | None, typer.Argument(help="A query; without one: the tables and their columns.")] = None,
    json: JsonOption = False,
) -> None:
    """Ask the lake with DuckDB: tenants, leads and touches as the latest run extracted them."""
    from cli import lake

    lake.ask(query, as_json=json)
