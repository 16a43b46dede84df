"""From a file and a recipe to tenants and leads in the shape of their contract. No database: same file, same frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from algorithms.ranks import past_rank
from contracts.errors import MappingError
from contracts.outcomes import LEADS, Kind
from tasks.importing.evaluate import SqlType, Wanted, evaluate, quoted
from tasks.importing.expressions import check_expressions, refuse_unknown, vocabulary
from tasks.importing.faults import refuse_where
from tasks.importing.files import Progress, column_names, no_progress, open_rows
from tasks.importing.leads import shape_leads, shape_tenants
from tasks.importing.recipe import ROW_NUMBER, Recipe

SQL_TYPES: dict[Kind, SqlType | None] = {
    "text": "VARCHAR", "int": "INTEGER", "float": "DOUBLE", "bool": "BOOLEAN", "time": None,
}  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """What an import holds, with the columns of contracts.outcomes. Leads are in order of time."""

    tenants: pl.DataFrame
    leads: pl.DataFrame

    @property
    def conversions(self) -> int:
        return len(self.leads) - self.leads["converted_at"].null_count()


def read_frames(path: Path, recipe: Recipe, progress: Progress = no_progress) -> Frames:
    """Read, map and validate the whole file. Raises MappingError with the first fault, in one sentence."""
    recipe.require_tenant()
    with open_rows(path, recipe.source, progress) as connection:
        _check(connection, recipe)
        progress("ranking", 0.0)
        placed = _place(connection, recipe)
        progress("mapping", 0.0)
        rows = _map(connection, recipe, placed)
    progress("identifying", 0.0)
    leads = shape_leads(rows, recipe)
    progress("identifying", 1.0)
    return Frames(shape_tenants(leads, recipe), leads.drop("tenant"))


def _check(connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> None:
    """Hold everything that the recipe asks against the file's header, before anything is computed."""
    words = vocabulary(connection, column_names(connection), (ROW_NUMBER,), recipe.excluded)
    ranked = replace(words, derived=(ROW_NUMBER, *recipe.past_rank))
    taken = {name.lower() for name in words.columns}
    for name in recipe.past_rank:
        if name.lower() in taken:
            raise MappingError(f"[past_rank] {name} has the name of a column of the file", do="Name it otherwise")
    named = dict.fromkeys(recipe.excluded, "[excluded]") | dict.fromkeys(recipe.source.types, "[source] types")
    unknown = {name: place for name, place in named.items() if name not in words.columns}
    unknown |= check_expressions(connection, _expressions(_placing(recipe)), words)
    unknown |= check_expressions(connection, _expressions(_mapping(recipe)), ranked)
    refuse_unknown(unknown, ranked)


def _expressions(wanted: dict[str, Wanted]) -> dict[str, str]:
    return {place: want.expression for place, want in wanted.items()}


def _placing(recipe: Recipe) -> dict[str, Wanted]:
    """What must be known of all rows before any can be ranked."""
    wanted = {f"[lead] key {name}": Wanted(quoted(name), "VARCHAR") for name in recipe.lead.key}
    if recipe.tenant.column:
        wanted["[tenant] column"] = Wanted(quoted(recipe.tenant.column), "VARCHAR")
    order = recipe.time.order_by or (recipe.lead.expressions["created_at"],)
    wanted |= {f"[time] order_by {text}": Wanted(text) for text in order}
    return wanted | {f"[past_rank] {name}": Wanted(rank.of, "DOUBLE") for name, rank in recipe.past_rank.items()}


def _mapping(recipe: Recipe) -> dict[str, Wanted]:
    """The lead's own columns, which may use ranks."""
    wanted = {
        f"[lead] {name}": Wanted(text, "DOUBLE" if name == "converted" else SQL_TYPES[_kind(name)])
        for name, text in recipe.lead.expressions.items()
    }
    return wanted | {f"[components] {name}": Wanted(text, "DOUBLE") for name, text in recipe.components.items()}


def _kind(name: str) -> Kind:
    return "time" if name == "components_at" else LEADS[name].kind


def _place(connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> pl.DataFrame:
    """row_number, tenant, key, position in time, and past ranks within the tenant; in order of time."""
    wanted = _placing(recipe)
    rows = evaluate(connection, "file", wanted)
    needed = [place for place in wanted if not place.startswith("[past_rank]")]
    for place in needed:
        refuse_where(rows, pl.col(place).is_null(), f"{place} is empty")
    order = [place for place in needed if place.startswith("[time]")]
    keys = [place for place in needed if place.startswith("[lead] key")]
    tenant = pl.col("[tenant] column") if recipe.tenant.column else pl.lit(recipe.tenant.name)
    rows = rows.sort(*order, *keys).with_columns(
        position=pl.int_range(pl.len()), tenant=tenant, key=pl.concat_str(keys, separator="\x1f")
    )
    ranks = []
    for name, rank in recipe.past_rank.items():
        value = pl.col(f"[past_rank] {name}")
        filled = (value if rank.null is None else value.fill_null(rank.null)).fill_null(np.nan)
        ranks.append(filled.map_batches(_ranks, return_dtype=pl.Float64).over("tenant").fill_nan(None).alias(name))
    return rows.select(ROW_NUMBER, "tenant", "key", "position", *ranks)


def _ranks(values: pl.Series) -> pl.Series:
    return pl.Series(past_rank(values.to_numpy()))


def _map(connection: duckdb.DuckDBPyConnection, recipe: Recipe, placed: pl.DataFrame) -> pl.DataFrame:
    """The recipe's columns beside `placed`, each by its place in the recipe; in order of time."""
    connection.register("ranks", placed.select(ROW_NUMBER, *recipe.past_rank).to_arrow())
    mapped = evaluate(connection, "(FROM file JOIN ranks USING (row_number))", _mapping(recipe))
    return placed.drop(*recipe.past_rank).join(mapped, on=ROW_NUMBER, maintain_order="left")
