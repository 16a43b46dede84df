"""Which touches were at risk of an outcome, what came before each, and what came of it? One pass for every learner.

An exposure is a touch of a lead that had not converted before it. Its outcome is the lead's conversion, or the early
outcome that its tenant declares, before the next touch or within seven days, whichever is first. This is the
discrete-time hazard set-up (Singer and Willett 1993): the chance of an outcome at each touch, given none before.

Touches count once their seven days have passed, and paths once their lead's horizon has, also where an outcome came
earlier: counting outcomes at once, and their absence later, would fill the newest days with outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl

from algorithms.local_time import hour_of_week
from contracts.how import NO_CHANNEL
from contracts.learning import Derived, LearningContext
from contracts.outcomes import CHANNELS

NAME = "exposures"

BLOCK_DAYS = 56
"""Width of a block of time: eight whole weeks, so that every weekday is in it equally often."""

BLOCKS = 8
"""Newest blocks that are learned from; the last of them is still filling."""

RESPONSE_DAYS = 7
"""Days within which a touch may bring an outcome, if no other touch follows before."""

FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Blocks are counted from here, so that a touch stays in its block whenever it is looked at."""

UNKNOWN = -1
"""Stratum of a touch without a logged score, and hour of one whose lead's zone is not known."""

TIME = pl.Datetime("us", "UTC")
EXPOSURES = pl.Schema(
    {
        "tenant_id": pl.Binary(),
        "lead": pl.UInt32(),  # number of the lead within the slice: rows of one lead lie together
        "step": pl.Int16(),  # 1 for a lead's first touch
        "channel": pl.Enum(CHANNELS),
        "previous": pl.Enum((*CHANNELS, NO_CHANNEL)),
        "gap_days": pl.Float32(),  # since the touch before; null at a first touch
        "outcome": pl.Boolean(),
        "closed": pl.Boolean(),  # last row of a lead whose horizon has passed and that began within the blocks
        "block": pl.Int16(),
        "stratum": pl.Int8(),  # decile of the score as logged at the touch
        "policy": pl.Categorical(),  # "" where none was logged
        "propensity": pl.Float64(),
        "hour_of_week": pl.Int16(),  # on the lead's clock, 0 is Monday midnight
        "synthetic": pl.Boolean(),  # times are ordinal stand-ins
        "template_id": pl.Categorical(),  # what it says is in the derived frame `templates`
    }
)

_LEAD = {"time_zone": pl.String(), "synthetic_time": pl.Boolean()}
_TOUCH = {
    "touch_number": pl.Int64(),
    "outcome_at": TIME,
    "score_stratum": pl.Int64(),
    "policy_version": pl.String(),
    "propensity": pl.Float64(),
    "template_id": pl.String(),
}


def block_of(moment: datetime) -> int:
    """The block that a moment lies in."""
    return (moment - FIRST_MONDAY) // timedelta(days=BLOCK_DAYS)


def make(extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """EXPOSURES of the slice's `touches`, `leads` and `tenants`, as known at `context.as_of`, by tenant, lead, step.

    Touches of leads or tenants that are not in the slice are left out, and so are those older than BLOCKS blocks.
    """
    return dated(extracts, context).drop("occurred_at")


def dated(extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """EXPOSURES with `occurred_at`, for those who look at days and not at blocks."""
    leads = _leads(extracts["leads"], extracts["tenants"], context.as_of).collect()
    ordered = _in_order(_known(extracts["touches"], context.as_of), leads)
    answered = ordered.lazy().with_columns(**_neighbours()).with_columns(**_answers())
    rows = answered.select(*_columns(), *_kept(context.as_of)).filter("kept").collect()
    hours = hour_of_week(rows["occurred_at"], leads["time_zone"].gather(rows["lead"]))
    whole = rows.lazy().with_columns(hour_of_week=hours, closed=pl.col("closed") & _last())
    return whole.select(*_typed(), "occurred_at").collect()


def _leads(leads: pl.LazyFrame, tenants: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """One row a lead, numbered by tenant and id. path_known: its horizon has passed, and it began within the blocks."""
    resolved = pl.col("created_at") + pl.duration(days=pl.col("horizon_days")) <= as_of
    return (
        _with_optional(leads, _LEAD)
        .join(tenants.select("tenant_id", "horizon_days", _declared(tenants)), on="tenant_id", how="inner")
        .sort("tenant_id", "lead_id")
        .select(
            "tenant_id",
            "lead_id",
            "converted_at",
            pl.col("time_zone").cast(pl.Categorical),  # as codes: a tenth of the time to read clocks by
            "early",
            synthetic=pl.col("synthetic_time").fill_null(value=False),
            path_known=resolved & (_block("created_at") > block_of(as_of) - BLOCKS),
        )
        .with_row_index("lead")
    )


def _declared(tenants: pl.LazyFrame) -> pl.Expr:
    """Whether the tenant declares an early outcome."""
    named = "early_outcome" in tenants.collect_schema().names()
    return (pl.col("early_outcome").is_not_null() if named else pl.lit(value=False)).alias("early")


def _known(touches: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    return _with_optional(touches, _TOUCH).filter(pl.col("occurred_at") <= as_of)


def _coded() -> tuple[pl.Expr | str, ...]:
    """What is read of touches besides keys, with words as codes: what follows moves rows, and words are heavy."""
    return (
        "occurred_at",
        "outcome_at",
        "touch_number",
        "propensity",
        pl.col("score_stratum").fill_null(UNKNOWN).clip(UNKNOWN, 9).cast(pl.Int8).alias("stratum"),
        pl.col("channel").cast(EXPOSURES["channel"], strict=False),
        pl.col("policy_version").fill_null("").cast(pl.Categorical).alias("policy"),
        pl.col("template_id").cast(pl.Categorical),
    )


def _in_order(touches: pl.LazyFrame, leads: pl.DataFrame) -> pl.DataFrame:
    """Touches by lead and time, ties by id, with what matters of their leads.

    Keys are joined and sorted alone, and forgotten before the other columns are read: ids are most of the memory.
    """
    found = _places(touches, leads)
    moved = touches.select(*_coded()).collect()[found["row"]]
    of_lead = leads.select("tenant_id", "converted_at", "early", "synthetic", "path_known")[found["lead"]]
    return pl.concat([found.select("lead"), moved, of_lead], how="horizontal")


def _places(touches: pl.LazyFrame, leads: pl.DataFrame) -> pl.DataFrame:
    """`row` of each touch as it is read, and `lead`, by lead and time."""
    keys = touches.select("tenant_id", "lead_id", "occurred_at", "touch_id").with_row_index("row")
    numbers = leads.lazy().select("tenant_id", "lead_id", "lead")
    joined = keys.join(numbers, on=("tenant_id", "lead_id"), how="inner").drop("tenant_id", "lead_id")
    return _by_lead_and_time(joined.collect())


def _by_lead_and_time(keys: pl.DataFrame) -> pl.DataFrame:
    """`row` and `lead`, by lead, time and touch id.

    Lead and time in one integer sort three times as fast as three columns; ids are asked only where times tie.
    """
    if keys.is_empty():
        return keys.select("row", "lead")
    moment = pl.col("occurred_at").to_physical()
    low, high = keys.select(moment.min().alias("low"), moment.max().alias("high")).row(0)
    span = high - low + 1
    if keys["lead"].max() * span < 2**62:
        place = pl.col("lead").cast(pl.Int64) * span + (moment - low)
        quick = keys.select("row", "lead", place.alias("place")).sort("place")
        if not quick.select((pl.col("place") == pl.col("place").shift(1)).any()).item():
            return quick.drop("place")
    return keys.sort("lead", "occurred_at", "touch_id").select("row", "lead")


def _neighbours() -> dict[str, pl.Expr]:
    """What the rows above and below say, where they are of the same lead. Rows are ordered by lead and time."""
    first = (pl.col("lead") != pl.col("lead").shift(1)).fill_null(value=True)
    position = pl.int_range(pl.len()) - pl.when(first).then(pl.int_range(pl.len())).forward_fill()
    return {
        "before": pl.when(~first).then(pl.col("occurred_at").shift(1)),
        "after": pl.when(~_last()).then(pl.col("occurred_at").shift(-1)),
        "previous": pl.when(~first).then(pl.col("channel").shift(1).cast(EXPOSURES["previous"])).fill_null(NO_CHANNEL),
        "step": pl.coalesce("touch_number", position + 1).clip(1, 32_767),
    }


def _last() -> pl.Expr:
    """The row is the last of its lead."""
    return (pl.col("lead") != pl.col("lead").shift(-1)).fill_null(value=True)


def _answers() -> dict[str, pl.Expr]:
    """Whether conversion, or the early outcome of a tenant that declares one, came in time."""
    begun = pl.col("occurred_at")
    until = pl.min_horizontal("after", begun + pl.duration(days=RESPONSE_DAYS))
    converted = (pl.col("converted_at") > begun) & (pl.col("converted_at") <= until)
    answered = pl.col("early") & (pl.col("outcome_at") > begun) & (pl.col("outcome_at") <= until)
    return {"outcome": converted.fill_null(value=False) | answered.fill_null(value=False)}


def _kept(as_of: datetime) -> tuple[pl.Expr, ...]:
    """`kept`: the touch was at risk, its days have passed, it lies in the blocks, and its channel is known."""
    waited = pl.col("occurred_at") + pl.duration(days=RESPONSE_DAYS) <= as_of
    at_risk = (pl.col("converted_at") > pl.col("occurred_at")).fill_null(value=True)
    recent = _block("occurred_at") > block_of(as_of) - BLOCKS
    return ((at_risk & waited & recent & pl.col("channel").is_not_null()).alias("kept"),)


def _columns() -> tuple[pl.Expr, ...]:
    days = (pl.col("occurred_at") - pl.col("before")).dt.total_seconds() / 86_400
    same = ("tenant_id", "lead", "step", "channel", "previous", "outcome", "stratum", "policy", "propensity")
    return (
        *(pl.col(name) for name in (*same, "synthetic", "template_id", "occurred_at")),
        days.alias("gap_days"),
        pl.col("path_known").alias("closed"),
        _block("occurred_at").alias("block"),
    )


def _typed() -> tuple[pl.Expr, ...]:
    """Every column of EXPOSURES; hours of stand-in times are not known."""
    hours = pl.when("synthetic").then(UNKNOWN).otherwise("hour_of_week").alias("hour_of_week")
    return tuple((hours if name == "hour_of_week" else pl.col(name)).cast(kind) for name, kind in EXPOSURES.items())


def _block(column: str) -> pl.Expr:
    return ((pl.col(column) - FIRST_MONDAY).dt.total_days() // BLOCK_DAYS).cast(pl.Int16)


def _with_optional(frame: pl.LazyFrame, columns: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """The frame with optional columns that its source does not bring, as nulls."""
    present = frame.collect_schema().names()
    return frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in columns.items() if name not in present)


EXPOSED = Derived(NAME, reads=("touches", "leads"), make=make)
