"""What scoring reads of leads and writes back to them, one tenant at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import polars as pl
from sqlalchemy import Engine, select

from contracts.canonical import canonical_json
from contracts.outcomes import COMPONENTS, LEADS
from store.loading import copied, table_of
from store.scope import batch_scope, tenant_scope
from store.tables import Leads, ScoreVersions

DESCRIBING = {
    column.name: pl.Int64() if column.kind == "int" else pl.String()
    for column in LEADS.columns
    if not column.required and column.kind in ("text", "int")
}
"""Columns of the contract that say what a lead is, and their types."""

DEFAULT = "default"
"""The score version of the documented default weights."""


def score_version(version: int) -> str:
    """How touches and leads name the scoring of a WHO version; 0 is the defaults."""
    return f"who:{version}" if version else DEFAULT


def read_leads(engine: Engine, tenant_id: UUID) -> pl.DataFrame:
    """One tenant's leads, by id: tenant_id and lead_id as 16 bytes, COMPONENTS as floats, DESCRIBING as texts and ints.

    A component is null where the source brought none; the columns that describe a lead are what rules then look at.
    """
    columns = (Leads.tenant_id, Leads.id, *(getattr(Leads, name) for name in (*COMPONENTS, *DESCRIBING)))
    with tenant_scope(engine, tenant_id) as connection:
        rows = connection.execute(select(*columns).order_by(Leads.id)).all()
    schema = {"tenant_id": pl.Binary(), "lead_id": pl.Binary()} | dict.fromkeys(COMPONENTS, pl.Float64()) | DESCRIBING
    return pl.DataFrame([(row[0].bytes, row[1].bytes, *row[2:]) for row in rows], schema=schema, orient="row")


def write_scores(
    engine: Engine,
    tenant_id: UUID,
    scored: pl.DataFrame,
    *,
    weights: Sequence[float],
    version: int,
    scored_at: datetime,
) -> int:
    """Write scores back and return how many leads changed; a lead whose score is the same keeps its `scored_at`.

    scored: lead_id (16 bytes), score (0 to 100), tier. weights: in the order of COMPONENTS. version: of the WHO pattern
    that they come from, 0 for the defaults.
    """
    frame = scored.select(
        pl.lit(tenant_id.bytes).alias("tenant_id"),
        pl.col("lead_id").alias("id"),
        pl.col("score").alias("als_score"),
        pl.col("tier").alias("als_tier"),
    )
    values = {
        "weights": canonical_json(dict(zip(COMPONENTS, weights, strict=True))).decode(),
        "version": score_version(version),
        "scored_at": scored_at,
    }
    with batch_scope(engine) as batch:
        copied(batch, table_of(Leads), frame)
        ((changed,),) = batch.each_tenant(_WRITE, [(tenant_id, values)])
    return int(changed)


def edges(engine: Engine, tenant_id: UUID, version: int) -> tuple[float, ...] | None:
    """The nine decile edges that were frozen when a WHO version went into force; None where it never did."""
    wanted = select(ScoreVersions.edges).where(ScoreVersions.score_version == score_version(version))
    with tenant_scope(engine, tenant_id) as connection:
        found = connection.scalar(wanted)
    return tuple(found) if found else None


_WRITE = """
    WITH written AS (
        UPDATE leads SET als_score = incoming.als_score, als_tier = incoming.als_tier,
                         als_weights_used = %(weights)s::jsonb, score_version = %(version)s, scored_at = %(scored_at)s
        FROM incoming
        WHERE leads.tenant_id = %(tenant)s AND leads.id = incoming.id
          AND (leads.als_score, leads.als_tier, leads.als_weights_used, leads.score_version)
              IS DISTINCT FROM (incoming.als_score, incoming.als_tier, %(weights)s::jsonb, %(version)s)
        RETURNING 1
    ) SELECT count(*) FROM written
"""
