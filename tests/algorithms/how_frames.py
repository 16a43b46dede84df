"""Exposures by hand: leads as short stories, `email sms!` for two touches, of which the second brought an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from algorithms.exposures import EXPOSURES
from contracts.how import NO_CHANNEL

TENANT = b"t" * 16


@dataclass(frozen=True)
class Story:
    """One lead. touches: its channels in order, with ! where one brought an outcome. open: not resolved yet."""

    touches: str
    tenant: bytes = TENANT
    open: bool = False
    block: int = 300
    stratum: int = 4
    policy: str = ""
    propensity: float | None = None


def exposures(stories: Sequence[Story]) -> pl.DataFrame:
    """EXPOSURES of the leads, sorted as they come from a slice."""
    rows = []
    for lead, story in enumerate(sorted(stories, key=lambda one: one.tenant)):
        before, words = NO_CHANNEL, story.touches.split()
        for step, word in enumerate(words, start=1):
            rows.append(
                {
                    "tenant_id": story.tenant,
                    "lead": lead,
                    "step": step,
                    "channel": word.rstrip("!"),
                    "previous": before,
                    "outcome": word.endswith("!"),
                    "closed": step == len(words) and not story.open,
                    "block": story.block,
                    "stratum": story.stratum,
                    "policy": story.policy,
                    "propensity": story.propensity,
                    "hour_of_week": -1,
                    "synthetic": False,
                }
            )
            before = word.rstrip("!")
    known = pl.DataFrame(rows, schema={name: kind for name, kind in EXPOSURES.items() if not rows or name in rows[0]})
    absent = [pl.lit(None, kind).alias(name) for name, kind in EXPOSURES.items() if name not in known.columns]
    return known.with_columns(absent).select(EXPOSURES.names())


def extracts(stories: Sequence[Story], shares_priors: bool = True) -> dict[str, pl.LazyFrame]:
    """What a learner is handed: the exposures, and the tenants that they are of."""
    return of_frame(exposures(stories), shares_priors)


def of_frame(frame: pl.DataFrame, shares_priors: bool = True) -> dict[str, pl.LazyFrame]:
    tenants = frame.select("tenant_id").unique().with_columns(shares_priors=pl.lit(shares_priors))
    return {"exposures": frame.lazy(), "tenants": tenants.lazy()}
