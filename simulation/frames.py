"""From arrays of one tenant each to the frames of a world, with words in place of codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.outcomes import CHANNELS, CONTENT_FEATURES
from simulation.config import WorldConfig
from simulation.content import FIRST_NAMES, library, snapshots
from simulation.ids import binary_series
from simulation.people import people_frame
from simulation.truth import TenantTruth, Truth

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

NEVER = -1
"""Stands for a time that has not come; all real ones are after 1970."""

SCORE_VERSION = "default"
TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class TenantLeads:
    """One entry per lead, by created.

    quality: log-odds of booking that are the lead's own. felt: what sellers see of it, in SDs. leaves: opts out if it
    has not booked by the end.
    """

    truth: TenantTruth
    lead_id: NDArray[np.uint8]  # (leads, 16)
    created: Index
    components: Floats  # (leads, 5)
    people: dict[str, NDArray[Any]]
    score: Floats
    stratum: Index
    quality: Floats
    felt: Floats
    leaves: NDArray[np.bool_]


@dataclass(frozen=True)
class TenantTouches:
    """One entry per touch that was sent, by lead and step. lead: row of TenantLeads. template: index into library()."""

    truth: TenantTruth
    touch_id: NDArray[np.uint8]  # (touches, 16)
    lead: Index
    step: Index
    at: Index
    scheduled: Index
    channel: Index
    template: Index
    propensity: Floats | None
    booked_by: NDArray[np.bool_]
    booked_at: Index  # meaningful where booked_by
    replied_at: Index


def tenants_frame(truth: Truth, leads: Sequence[TenantLeads]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "tenant_id": [tenant.tenant_id.bytes for tenant in truth.tenants],
            "name": [tenant.name for tenant in truth.tenants],
            "horizon_days": [truth.config.horizon_days] * len(truth.tenants),
            "shares_priors": [True] * len(truth.tenants),
            "simulated": [True] * len(truth.tenants),
            "early_outcome": pl.Series([tenant.early_outcome for tenant in truth.tenants], dtype=pl.String),
            "created_at": pl.Series([int(rows.created[0]) for rows in leads]).cast(TIME),
        }
    )


def leads_frame(
    leads: Sequence[TenantLeads], touches: Sequence[TenantTouches], config: WorldConfig, now: int
) -> pl.DataFrame:
    """All tenants' leads, in the order of tenants and of created_at."""
    components = np.concatenate([rows.components for rows in leads])
    people = {name: np.concatenate([rows.people[name] for rows in leads]) for name in leads[0].people}
    created = _times("created_at", np.concatenate([rows.created for rows in leads]))
    frame = pl.DataFrame(
        [
            _tenant_ids(leads, [len(rows.created) for rows in leads]),
            binary_series("lead_id", np.concatenate([rows.lead_id for rows in leads])),
            created,
            _times("converted_at", np.concatenate([_converted(*pair) for pair in zip(leads, touches, strict=True)])),
            created.alias("scored_at"),
            created.alias("components_at"),
            pl.Series("als_score", np.concatenate([rows.score for rows in leads])),
            _constant("score_version", SCORE_VERSION, len(created)),
            pl.Series("leaves", np.concatenate([rows.leaves for rows in leads])),
            pl.Series("touched", np.concatenate([_reached(*pair) for pair in zip(leads, touches, strict=True)])),
            pl.Series("replied", np.concatenate([_replied(*pair) for pair in zip(leads, touches, strict=True)])),
        ]
    ).hstack(people_frame(people, components))
    over = pl.col("created_at").cast(pl.Int64) + config.horizon_days * 86_400_000_000 < now
    booked = pl.col("converted_at").is_not_null()
    opted_out = over & ~booked & ~pl.col("replied") & pl.col("leaves")
    status = (
        pl.when(booked).then(pl.lit("converted"))
        .when(opted_out).then(pl.lit("opted_out"))
        .when(over).then(pl.lit("lost"))
        .when("replied").then(pl.lit("replied"))
        .when("touched").then(pl.lit("contacted"))
        .otherwise(pl.lit("new"))
    )  # fmt: skip
    return frame.with_columns(status=status, opted_out=opted_out, synthetic_time=pl.lit(False)).drop(
        "leaves", "touched", "replied"
    )


def touches_frame(leads: Sequence[TenantLeads], touches: Sequence[TenantTouches], config: WorldConfig) -> pl.DataFrame:
    """All tenants' touches, in the order of tenants, leads and steps. Texts are shared, not copied, between rows."""
    template = np.concatenate([rows.template for rows in touches])
    pairs = list(zip(leads, touches, strict=True))
    first_name = np.concatenate([lead.people["first"][rows.lead] for lead, rows in pairs])
    logged = config.policy == "logged"
    propensity = [np.full(len(rows.at), np.nan) if rows.propensity is None else rows.propensity for rows in touches]
    return pl.DataFrame(
        [
            _tenant_ids(leads, [len(rows.at) for rows in touches]),
            binary_series("touch_id", np.concatenate([rows.touch_id for rows in touches])),
            binary_series("lead_id", np.concatenate([lead.lead_id[rows.lead] for lead, rows in pairs])),
            _words("channel", CHANNELS, np.concatenate([rows.channel for rows in touches])),
            _times("occurred_at", np.concatenate([rows.at for rows in touches])),
            _times("scheduled_at", np.concatenate([rows.scheduled for rows in touches])),
            _words("template_id", [book.template_id for book in library()], template),
            pl.Series("touch_number", np.concatenate([rows.step for rows in touches]) + 1),
            _times("outcome_at", np.concatenate([rows.replied_at for rows in touches])),
            pl.Series("score_at_touch", np.concatenate([lead.score[rows.lead] for lead, rows in pairs])),
            pl.Series("score_stratum", np.concatenate([lead.stratum[rows.lead] for lead, rows in pairs])),
            _constant("score_version", SCORE_VERSION, len(template)),
            _constant("policy_version", "score-decile" if logged else "habit", len(template)),
            pl.Series("propensity", np.concatenate(propensity)).fill_nan(None),
            pl.Series("led_to_booking", np.concatenate([rows.booked_by for rows in touches])),
            *(_words(name, [book.feature(name) for book in library()], template) for name in CONTENT_FEATURES),
            _words("content_snapshot", snapshots(), template * len(FIRST_NAMES) + first_name),
        ]
    )


def _tenant_ids(leads: Sequence[TenantLeads], counts: Sequence[int]) -> pl.Series:
    ids = pl.Series("tenant_id", [rows.truth.tenant_id.bytes for rows in leads])
    return ids.gather(np.repeat(np.arange(len(leads)), counts))


def _times(name: str, microseconds: Index) -> pl.Series:
    """UTC times; NEVER becomes null."""
    moments = pl.Series(name, microseconds)
    return moments.set(moments == NEVER, None).cast(TIME)


def _words(name: str, vocabulary: Sequence[Any], codes: NDArray[Any]) -> pl.Series:
    return pl.Series(name, vocabulary).gather(codes)


def _constant(name: str, word: str, count: int) -> pl.Series:
    return _words(name, [word], np.zeros(count, dtype=np.int64))


def _converted(leads: TenantLeads, touches: TenantTouches) -> Index:
    """(leads,) when each converted, as far as is known."""
    when = np.full(len(leads.created), NEVER, dtype=np.int64)
    when[touches.lead[touches.booked_by]] = touches.booked_at[touches.booked_by]
    return when


def _reached(leads: TenantLeads, touches: TenantTouches) -> NDArray[np.bool_]:
    return np.bincount(touches.lead, minlength=len(leads.created)) > 0


def _replied(leads: TenantLeads, touches: TenantTouches) -> NDArray[np.bool_]:
    return np.bincount(touches.lead[touches.replied_at != NEVER], minlength=len(leads.created)) > 0
