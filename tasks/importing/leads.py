"""From mapped rows to the lead contract: ids, times, status, and the refusal of values that cannot be meant.

Ids come from the tenant's name and the lead's key alone, so that a second import finds the rows of the first.
"""

from __future__ import annotations

from uuid import UUID, uuid5

import polars as pl

from contracts.errors import MappingError
from contracts.outcomes import LEADS, STATUSES, TENANTS, Kind
from tasks.importing.faults import refuse_where
from tasks.importing.recipe import ROW_NUMBER, Recipe

NAMESPACE = UUID("6f1c1c0e-52f5-5b0e-9d5c-0f6f7f6f2a11")
"""Root of the ids of imported tenants and leads; changing it would import everything a second time."""

PSEUDO_START = 946_684_800_000_000  # 2000-01-01, microseconds
PSEUDO_STEP = 1_000_000  # one second a row, so that a hundred million rows still end in 2003

TIME = pl.Datetime("us", "UTC")
DTYPES: dict[Kind, pl.DataType] = {
    "uuid": pl.Binary(),
    "text": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "time": TIME,
}


def tenant_uuid(name: str) -> UUID:
    return uuid5(NAMESPACE, f"tenant/{name}")


def shape_leads(rows: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """rows: row_number, tenant, key, position, and `[lead] …`, `[components] …` as the recipe gives them.

    Returns LEADS and `tenant`, in the order of rows. Raises MappingError for the first value that
    cannot be meant: an outcome that is not 0 or 1, a component outside [0, 1], an unknown status, a key seen twice.
    """
    _refuse_values(rows, recipe)
    times = _pseudo_times(rows) if recipe.synthetic_time else _real_times(rows, recipe)
    given = {name: pl.col(f"[lead] {name}") for name in recipe.lead.expressions if name in LEADS.names}
    given |= {name: pl.col(f"[components] {name}") for name in recipe.components}
    absent = {name: pl.lit(None, DTYPES[LEADS[name].kind]) for name in LEADS.names if name not in given}
    shaped = rows.with_columns(**absent).with_columns(**given).with_columns(**times)
    booked = pl.when(pl.col("converted_at").is_not_null()).then(pl.lit("converted"))
    known = pl.col("components_at") if recipe.components else pl.lit(None, TIME)
    return shaped.with_columns(
        tenant_id=_tenant_ids(rows["tenant"]),
        lead_id=_lead_ids(rows["tenant"], rows["key"]),
        status=booked.otherwise(pl.coalesce("status", pl.lit("lost" if recipe.synthetic_time else "contacted"))),
        opted_out=pl.col("opted_out").fill_null(False),
        synthetic_time=pl.lit(recipe.synthetic_time),
        employee_count=pl.col("employee_count").cast(pl.Int64),
        scored_at=known,
    ).select("tenant", *LEADS.names)


def shape_tenants(leads: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """TENANTS: one row per tenant of these leads, by name."""
    tenants = leads.group_by("tenant_id", name="tenant").agg(created_at=pl.col("created_at").min()).sort("name")
    return tenants.with_columns(
        horizon_days=pl.lit(recipe.tenant.horizon_days, pl.Int64),
        shares_priors=pl.lit(recipe.tenant.shares_priors),
        early_outcome=pl.lit(None, pl.String),
    ).select(TENANTS.names)


def _refuse_values(rows: pl.DataFrame, recipe: Recipe) -> None:
    if recipe.synthetic_time:
        outcome = pl.col("[lead] converted")
        refuse_where(
            rows,
            outcome.is_null() | ~outcome.is_in([0.0, 1.0]),
            "[lead] converted is neither 0 nor 1",
            value="[lead] converted",
        )
    for name in recipe.components:
        component = f"[components] {name}"
        outside = pl.col(component).is_nan() | ~pl.col(component).is_between(0.0, 1.0)
        refuse_where(rows, outside, f"{component} is outside 0 to 1", value=component)
    if recipe.lead.status:
        unknown = ~pl.col("[lead] status").is_in(STATUSES)
        refuse_where(rows, unknown, "[lead] status is unknown", value="[lead] status", wanted=_one_of(STATUSES))
    twice = ~pl.struct("tenant", "key").is_first_distinct()
    in_file = rows.sort(ROW_NUMBER)
    refuse_where(
        in_file, twice, f"[lead] key {' + '.join(recipe.lead.key)} repeats that of an earlier row", value="key"
    )


def _one_of(words: tuple[str, ...]) -> str:
    return f"one of {', '.join(words)} is wanted"


def _pseudo_times(rows: pl.DataFrame) -> dict[str, pl.Expr]:
    """Ordinal stand-ins: a second between rows, and conversion at once, so that every outcome counts as resolved."""
    created = (PSEUDO_START + pl.col("position").cast(pl.Int64) * PSEUDO_STEP).cast(TIME)
    converted = pl.when(pl.col("[lead] converted") == 1.0).then(created)
    return {"created_at": created, "converted_at": converted, "components_at": created}


def _real_times(rows: pl.DataFrame, recipe: Recipe) -> dict[str, pl.Series]:
    zone = recipe.time.zone
    times = {name: utc(rows, f"[lead] {name}", zone) for name in ("created_at", "converted_at")}
    known = utc(rows, "[lead] components_at", zone) if recipe.lead.components_at else times["created_at"]
    return {**times, "components_at": known}


def utc(rows: pl.DataFrame, place: str, zone: str) -> pl.Series:
    """A column of timestamps or dates as UTC microseconds; those without a zone are read on the clock of `zone`."""
    column = rows[place]
    if column.dtype == pl.Null:
        return column.cast(TIME)
    if not column.dtype.is_temporal() or column.dtype == pl.Time:
        example = column.drop_nulls().first()
        raise MappingError(
            f"{place} gives {example!r}, which is no timestamp",
            do="Say how to read it, for example strptime(\"Created\", '%d/%m/%Y %H:%M')",
        )
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        return column.cast(pl.Datetime("us", column.dtype.time_zone)).dt.convert_time_zone("UTC")
    moments = column.cast(pl.Datetime("us")).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    skipped = rows.with_columns(moments.alias("moment"))
    refuse_where(
        skipped,
        pl.col("moment").is_null() & pl.col(place).is_not_null(),
        f"{place} does not exist on the clocks of {zone}",
        value=place,
    )
    return moments.dt.convert_time_zone("UTC")


def _tenant_ids(names: pl.Series) -> pl.Series:
    return names.replace_strict({name: tenant_uuid(name).bytes for name in names.unique()}, return_dtype=pl.Binary)


def _lead_ids(tenants: pl.Series, keys: pl.Series) -> pl.Series:
    spaces = {name: tenant_uuid(name) for name in tenants.unique()}
    pairs = zip(tenants, keys, strict=True)
    return pl.Series([uuid5(spaces[tenant], f"lead/{key}").bytes for tenant, key in pairs], dtype=pl.Binary)
