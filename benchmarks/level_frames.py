"""Small worlds as the frames that learners read: every world a tenant, its touches already made into exposures."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.exposures import EXPOSURES, UNKNOWN
from algorithms.templates import TEMPLATES
from contracts.how import NO_CHANNEL
from contracts.outcomes import CHANNELS
from simulation.level_worlds import CHANNELS as CHANNELS_IN_USE
from simulation.level_worlds import HOUR, WEEKDAY, HowWorlds, LevelWorlds, WhatWorlds

AS_OF = datetime(2025, 6, 2, tzinfo=UTC)

FEATURE = "angle"
"""The content feature whose levels are the arms of a WHAT world."""

CHANNEL = pl.Series(CHANNELS[:CHANNELS_IN_USE], dtype=EXPOSURES["channel"])
PREVIOUS = pl.Series((*CHANNELS[:CHANNELS_IN_USE], NO_CHANNEL), dtype=EXPOSURES["previous"])

Extracts = dict[str, pl.LazyFrame]


@cache
def tenant_id(world: int) -> UUID:
    return UUID(int=world + 1)


def arm_key(arm: int) -> str:
    """`arm-a` for 0."""
    return f"arm-{chr(ord('a') + arm)}"


def what_extracts(worlds: WhatWorlds) -> Extracts:
    """One first touch by e-mail per row."""
    count = worlds.levels * worlds.per_arm
    return _extracts(worlds, {"template_id": _words([f"text-{i}" for i in range(count)], worlds.template)}) | {
        "templates": _templates(worlds.conditions.worlds, worlds.per_arm, worlds.levels).lazy()
    }


def when_extracts(worlds: LevelWorlds) -> Extracts:
    """One first touch by e-mail per row, at an hour on the lead's clock."""
    return _extracts(worlds, {"hour_of_week": pl.Series(24 * WEEKDAY + HOUR).gather(worlds.level)})


def how_extracts(worlds: HowWorlds) -> Extracts:
    """Leads with their touches; each begins and ends within the blocks."""
    last = (np.diff(worlds.lead) != 0) | (np.diff(worlds.world) != 0)
    return _extracts(
        worlds,
        {
            "lead": pl.Series(worlds.world * worlds.conditions.size + worlds.lead),
            "step": pl.Series(worlds.step + 1),
            "channel": CHANNEL.gather(worlds.channel),
            "previous": PREVIOUS.gather(worlds.previous),
            "gap_days": pl.Series(np.where(worlds.step > 0, 3.0, np.nan), dtype=pl.Float32).fill_nan(None),
            "closed": pl.Series(np.append(last, True)),
        },
    )


def _extracts(worlds: LevelWorlds, of_learner: dict[str, pl.Series]) -> Extracts:
    rows = len(worlds.world)
    ids = pl.Series([tenant_id(world).bytes for world in range(worlds.conditions.worlds)], dtype=pl.Binary)
    columns = {
        "tenant_id": ids.gather(worlds.world),
        "lead": pl.int_range(rows, eager=True),
        "step": pl.repeat(1, rows, eager=True),
        "channel": CHANNEL.gather(np.zeros(rows, np.int64)),
        "previous": PREVIOUS.gather(np.full(rows, CHANNELS_IN_USE)),
        "gap_days": pl.repeat(None, rows, dtype=pl.Float32, eager=True),
        "outcome": pl.Series(worlds.outcome),
        "closed": pl.repeat(True, rows, eager=True),
        "block": pl.Series(worlds.block),
        "stratum": pl.Series(worlds.stratum),
        "policy": _words([""], np.zeros(rows, np.int64)),
        "propensity": pl.repeat(None, rows, dtype=pl.Float64, eager=True),
        "hour_of_week": pl.repeat(UNKNOWN, rows, eager=True),
        "synthetic": pl.repeat(False, rows, eager=True),
        "template_id": pl.repeat(None, rows, dtype=pl.Categorical, eager=True),
    } | of_learner
    exposures = pl.DataFrame([columns[name].cast(kind).alias(name) for name, kind in EXPOSURES.items()])
    tenants = pl.DataFrame({"tenant_id": ids}).with_columns(
        name=pl.lit("simulated"), horizon_days=pl.lit(30, pl.Int64), shares_priors=pl.lit(True)
    )
    return {
        "exposures": exposures.lazy(),
        "tenants": tenants.lazy(),
        "templates": pl.DataFrame(schema=TEMPLATES).lazy(),
    }


def _templates(worlds: int, per_arm: int, arms: int) -> pl.DataFrame:
    """What each text says: its arm, and nothing else."""
    count = arms * per_arm
    rows = pl.DataFrame(
        {
            "tenant_id": pl.Series(
                [tenant_id(world).bytes for world in range(worlds) for _ in range(count)], dtype=pl.Binary
            ),
            "template_id": [f"text-{text}" for text in range(count)] * worlds,
            "channel": [CHANNELS[0]] * (count * worlds),
            FEATURE: [arm_key(text // per_arm) for text in range(count)] * worlds,
        }
    )
    absent = [pl.lit(None).alias(name) for name in TEMPLATES if name not in rows.columns]
    filled = rows.with_columns(absent).with_columns(first_sent=pl.lit(AS_OF))
    return filled.select(pl.col(name).cast(kind) for name, kind in TEMPLATES.items())


def _words(words: list[str], index: NDArray[np.int64]) -> pl.Series:
    return pl.Series(words, dtype=pl.Categorical).gather(index)
