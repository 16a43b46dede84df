"""From a file and a recipe to randomised message tests in the shape of their table, with the marks of their texts.

Rows of one test with one text are one variant: their counts are added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid5

import duckdb
import polars as pl

from algorithms.content import headline_features
from contracts.outcomes import HEADLINE_FEATURES
from tasks.importing.evaluate import Wanted, evaluate, quoted
from tasks.importing.expressions import check_expressions, refuse_unknown, vocabulary
from tasks.importing.faults import refuse_where
from tasks.importing.files import Progress, column_names, no_progress, open_rows
from tasks.importing.leads import TIME, utc
from tasks.importing.recipe import ROW_NUMBER, TESTS_PART, TestsRecipe


def read_message_tests(path: Path, recipe: TestsRecipe, progress: Progress = no_progress) -> pl.DataFrame:
    """Read, map and validate the whole file. Raises MappingError with the first fault, in one sentence.

    Returns one row a variant, in order of first appearance: tenant (its name), test, text, shown, converted, tested_at
    and HEADLINE_FEATURES.
    """
    with open_rows(path, recipe.source, progress) as connection:
        wanted = _mapping(recipe)
        _check(connection, recipe, wanted)
        progress("mapping", 0.0)
        rows = evaluate(connection, "file", wanted)
    _refuse_values(rows, recipe)
    progress("reading texts", 0.0)
    variants = _variants(rows, recipe)
    progress("reading texts", 1.0)
    return variants


def identified(variants: pl.DataFrame, tenants: Mapping[str, UUID]) -> pl.DataFrame:
    """Rows of the table message_tests. tenants: id by name.

    A variant's id comes from tenant, test and text alone, so that a second import finds the rows of the first.
    """
    ids = [
        uuid5(tenants[tenant], f"test/{test}/{text}").bytes
        for tenant, test, text in variants.select("tenant", "test", "text").iter_rows()
    ]
    of_tenant = variants["tenant"].replace_strict(
        {name: one.bytes for name, one in tenants.items()}, return_dtype=pl.Binary
    )
    return (
        variants.drop("tenant")
        .insert_column(0, of_tenant.alias("tenant_id"))
        .insert_column(1, pl.Series("id", ids, dtype=pl.Binary))
    )


def _mapping(recipe: TestsRecipe) -> dict[str, Wanted]:
    kinds = {"test": "VARCHAR", "text": "VARCHAR", "shown": "DOUBLE", "converted": "DOUBLE"}
    wanted = {
        _place(name): Wanted(text, kinds.get(name))  # type: ignore[arg-type]
        for name, text in recipe.message_test.expressions.items()
    }
    if recipe.tenant.column:
        wanted["[tenant] column"] = Wanted(quoted(recipe.tenant.column), "VARCHAR")
    return wanted


def _place(name: str) -> str:
    return f"[{TESTS_PART}] {name}"


def _check(connection: duckdb.DuckDBPyConnection, recipe: TestsRecipe, wanted: dict[str, Wanted]) -> None:
    """Hold everything that the recipe asks against the file's header, before anything is computed."""
    words = vocabulary(connection, column_names(connection), (ROW_NUMBER,), recipe.excluded)
    named = dict.fromkeys(recipe.excluded, "[excluded]") | dict.fromkeys(recipe.source.types, "[source] types")
    unknown = {name: place for name, place in named.items() if name not in words.columns}
    unknown |= check_expressions(connection, {place: want.expression for place, want in wanted.items()}, words)
    refuse_unknown(unknown, words)


def _refuse_values(rows: pl.DataFrame, recipe: TestsRecipe) -> None:
    for place in (_place("test"), _place("text"), *(["[tenant] column"] if recipe.tenant.column else [])):
        refuse_where(rows, pl.col(place).is_null() | (pl.col(place).str.strip_chars() == ""), f"{place} is empty")
    shown, converted = pl.col(_place("shown")), pl.col(_place("converted"))
    for name, count, least in (("shown", shown, 1), ("converted", converted, 0)):
        place = _place(name)
        refuse_where(rows, count.is_null(), f"{place} is empty")
        odd = ~count.is_finite() | (count != count.floor()) | (count < least)
        refuse_where(rows, odd, f"{place} is no whole number of {least} or more", value=place)
    refuse_where(
        rows, converted > shown, f"{_place('converted')} is above {_place('shown')}", value=_place("converted")
    )


def _variants(rows: pl.DataFrame, recipe: TestsRecipe) -> pl.DataFrame:
    """One row a test and text, with the latest date of its rows and the marks of its text."""
    tenant = pl.col("[tenant] column") if recipe.tenant.column else pl.lit(recipe.tenant.name)
    at = utc(rows, _place("tested_at"), recipe.time.zone) if recipe.message_test.tested_at else None
    found = (
        rows.with_columns(at.alias("at") if at is not None else pl.lit(None, TIME).alias("at"))
        .group_by(tenant.alias("tenant"), test=pl.col(_place("test")), text=pl.col(_place("text")))
        .agg(
            shown=pl.col(_place("shown")).sum().cast(pl.Int64),
            converted=pl.col(_place("converted")).sum().cast(pl.Int64),
            tested_at=pl.col("at").max(),
            first=pl.col(ROW_NUMBER).min(),
        )
        .sort("first")
        .drop("first")
    )
    flags = [tuple(headline_features(text).values()) for text in found["text"]]
    marks = pl.DataFrame(flags, schema=dict.fromkeys(HEADLINE_FEATURES, pl.Boolean()), orient="row")
    return pl.concat([found, marks], how="horizontal")
