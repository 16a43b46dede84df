"""The decisions of a plan as a frame, each with its reason in the words of `allocator.next_touch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.outcomes import CHANNELS
from contracts.refusal import Reason
from contracts.when import GAP_BINS
from engines import when
from engines.allocator import Planning, no_room_in_words, refusal_in_words, zone_in_words
from engines.allocator_cohort import BITS, NONE, PREVIOUS, SETS, Channels, Choices, Leads
from engines.allocator_hours import Grid

TIME = pl.Datetime("us", "UTC")
DECIDED = pl.Schema(
    {
        "turn": pl.UInt32(),  # 1 for the lead that chose first
        "touch_number": pl.Int64(),
        "refused": pl.String(),  # Reason, null where a touch was planned
        "because": pl.String(),
        "channel": pl.String(),
        "scheduled_at": TIME,
        "hour_of_week": pl.Int16(),  # on the lead's clock
        "day": pl.Date(),  # the tenant's, whose cap it took from
        "channel_propensity": pl.Float64(),
        "gap": pl.String(),  # of GAP_BINS; null where nothing was claimed about gaps
        "gap_propensity": pl.Float64(),
        "hour_propensity": pl.Float64(),
        "propensity": pl.Float64(),  # the product of the three
        "explored": pl.Boolean(),  # tried to learn, rather than for being perhaps the best
        "how_fallback": pl.String(),
        "when_fallback": pl.String(),
        "zone": pl.String(),  # by which clock; this and the next three say what was feasible
        "reach": pl.Int8(),  # bits in the order of CHANNELS
        "earliest": TIME,
        "closings": pl.UInt32(),  # how many of Plan.closings had happened
    }
)
"""Columns that a plan adds to its leads; those of the touch are null where none was planned."""

OF_THE_TOUCH = (
    "channel", "scheduled_at", "hour_of_week", "day", "channel_propensity", "gap", "gap_propensity", "hour_propensity",
    "propensity", "explored", "how_fallback", "when_fallback",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Zones:
    """By which clock hours are read. names: of the grid's rows. own: (rows,) whether it is the lead's own zone."""

    names: tuple[str, ...]
    own: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a plan knows when all turns are over; arrays are (rows,) in the order of turns."""

    turns: pl.DataFrame
    leads: Leads
    zones: Zones
    choices: Choices
    closings: NDArray[np.int64]
    grid: Grid
    answers: Channels
    planning: Planning

    @property
    def touched(self) -> NDArray[np.bool_]:
        """(rows,) whether a touch was planned."""
        touched: NDArray[np.bool_] = self.choices.channel != NONE
        return touched


def described(made: Decided) -> pl.DataFrame:
    """The leads in their turns with the columns of DECIDED."""
    columns = {"refused": _refused(made), **_touch(made), **_feasible(made)}
    touch_only = (pl.when(pl.Series(made.touched)).then(name).alias(name) for name in OF_THE_TOUCH)
    frame = made.turns.with_columns(pl.Series(name, values).cast(DECIDED[name]) for name, values in columns.items())
    worded = frame.with_columns(touch_only).with_columns(because=_because(made))
    return worded.select(*made.turns.columns, *DECIDED)


def _touch(made: Decided) -> dict[str, Any]:
    choices, zone = made.choices, made.leads.zone
    hour = np.maximum(choices.hour, 0)
    days = pl.Series(made.grid.days or [None], dtype=pl.Date)
    return {
        "turn": np.arange(1, len(hour) + 1),
        "touch_number": made.turns["touches"] + 1,
        "channel": _named(CHANNELS, choices.channel),
        "scheduled_at": made.grid.at[zone, hour],
        "hour_of_week": made.grid.hour[zone, hour],
        "day": days.gather(made.grid.day[zone, hour]),
        "channel_propensity": choices.channel_propensity,
        "gap": _named(GAP_BINS, choices.gap),
        "gap_propensity": choices.gap_propensity,
        "hour_propensity": choices.hour_propensity,
        "propensity": choices.channel_propensity * choices.gap_propensity * choices.hour_propensity,
        "explored": choices.channel_explored | choices.time_explored,
        "how_fallback": _how_fallback(made),
        "when_fallback": _named((made.planning.when.fallback or Reason.NOT_CLAIMED,), np.where(choices.known, NONE, 0)),
    }


def _feasible(made: Decided) -> dict[str, Any]:
    return {
        "zone": _named(made.zones.names, made.leads.zone),
        "reach": made.leads.reach @ BITS,
        "earliest": made.leads.earliest,
        "closings": made.closings,
    }


def refused_beforehand(turns: pl.DataFrame, planning: Planning) -> pl.Series:
    """(rows,) Reason where nothing may be planned whatever is free, else null; in the order of `allocator.refusal`."""
    reason = (
        pl.when(pl.lit(planning.rules.paused)).then(pl.lit(Reason.PAUSED.value))
        .when("opted_out").then(pl.lit(Reason.OPTED_OUT.value))
        .when(pl.col("touches") >= planning.rules.max_touches).then(pl.lit(Reason.MAX_TOUCHES.value))
    )  # fmt: skip
    return turns.select(reason.alias("refused")).to_series()


def _refused(made: Decided) -> pl.Series:
    beforehand = refused_beforehand(made.turns, made.planning)
    return beforehand.fill_null(_named((Reason.NO_FEASIBLE,), np.where(made.touched, NONE, 0)))


def _how_fallback(made: Decided) -> pl.Series:
    codes = np.arange(len(PREVIOUS) * SETS)
    names = [made.answers.fallback.get(divmod(int(code), SETS)) for code in codes]
    return _named(names, made.leads.previous.astype(np.int64) * SETS + made.choices.feasible)


def _because(made: Decided) -> pl.Series:
    words = {
        "how": _how_in_words(made),
        "when": _when_in_words(made),
        "zone": _zone_in_words(made),
        "room": _no_room_in_words(made),
        "refusal": _refusal_in_words(made),
    }
    chosen = pl.concat_str("how", pl.lit("; "), "when", pl.lit("; "), "zone")
    because = pl.when(pl.Series(made.touched)).then(chosen).otherwise(pl.coalesce("refusal", "room"))
    return pl.DataFrame(words).select(because.alias("because")).to_series()


def _how_in_words(made: Decided) -> pl.Series:
    shape = (len(PREVIOUS), SETS, len(CHANNELS))
    said = [made.answers.because.get((before, bits, arm)) for before, bits, arm in np.ndindex(shape)]
    asked = (made.leads.previous, made.choices.feasible, np.maximum(made.choices.channel, 0))
    return _named(said, np.ravel_multi_index(asked, shape))


def _when_in_words(made: Decided) -> pl.Series:
    shape = (when.HOURS_OF_WEEK, 2, 2)
    said = [
        when.in_words(made.planning.when, hour, known=bool(known), explored=bool(explored))
        for hour, known, explored in np.ndindex(shape)
    ]
    hour = made.grid.hour[made.leads.zone, np.maximum(made.choices.hour, 0)]
    return _named(said, np.ravel_multi_index((hour, made.choices.known, made.choices.time_explored), shape))


def _zone_in_words(made: Decided) -> pl.Series:
    said = [zone_in_words(zone, own=own) for zone in made.zones.names for own in (False, True)]
    return _named(said, 2 * made.leads.zone + made.zones.own)


def _no_room_in_words(made: Decided) -> pl.Series:
    reachable = made.leads.reach.any(axis=1)
    rested = made.grid.last.max(axis=1)[made.leads.zone] >= made.leads.earliest
    rules = made.planning.rules
    said = [no_room_in_words(rules, reachable=one, rested=other) for one in (False, True) for other in (False, True)]
    return _named(said, 2 * reachable + rested)


def _refusal_in_words(made: Decided) -> pl.Series:
    """Null where nothing was refused beforehand."""
    rules = made.planning.rules
    asked = pl.DataFrame({"reason": refused_beforehand(made.turns, made.planning), "touches": made.turns["touches"]})
    pairs = asked.drop_nulls("reason").unique()
    said = [refusal_in_words(Reason(reason), touches, rules) for reason, touches in pairs.iter_rows()]
    worded = pairs.with_columns(because=pl.Series(said, dtype=pl.String))
    return asked.join(worded, on=("reason", "touches"), how="left", maintain_order="left")["because"]


def _named(names: Sequence[str | None], codes: NDArray[Any]) -> pl.Series:
    """(rows,) names by their places; null for NONE."""
    places = np.where(codes < 0, len(names), codes)
    return pl.Series([*names, None], dtype=pl.String).gather(places)
