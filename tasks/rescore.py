"""Rescore: every lead of a tenant, scored by the engine with the weights in force, written back in tenant scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Engine

from algorithms.components import complete
from contracts.decision import FALLBACK_IN_WORDS
from engines import who
from store import book, scoring
from store.tenants import Tenant

PATTERN = "who"
"""The type of pattern that the scorer reads."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """One tenant's rescoring: how many leads were scored, and how many could not be.

    version: of the weights used, 0 = defaults; because: why these.
    """

    tenant: str
    leads: int
    unscored: int
    version: int
    because: str


def rescore(engine: Engine, tenants: Iterable[Tenant]) -> Iterator[Rescored]:
    """Score all leads of each tenant. Components that its source did not bring are computed from its columns.

    A lead with a component outside [0, 1] keeps the score that it has.
    """
    heads = book.incumbents(engine, PATTERN)
    now = datetime.now(UTC)
    for tenant in tenants:
        head = heads.get(tenant.id, who.DEFAULTS)
        pattern, fallback = who.pattern_in_force(head, now)
        leads = complete(scoring.read_leads(engine, tenant.id).lazy()).collect()
        scored = who.score_frame(leads, {tenant.id: head}, now)
        usable = scored.filter(pl.col("score").is_not_null())
        version = 0 if fallback else head.version
        scoring.write_scores(engine, tenant.id, usable, weights=pattern.weights, version=version, scored_at=now)
        because = FALLBACK_IN_WORDS[fallback] if fallback else f"weights of version {version}"
        yield Rescored(tenant.name, usable.height, leads.height - usable.height, version, because)
