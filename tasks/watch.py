"""Watch: every head beside what came since it was learned, and the business metrics, a tenant group at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import business_metrics, health, health_rows
from algorithms.health import Seen
from algorithms.histories import histories, summarise_leads
from contracts.health import HeadHealth, Metric, Watched
from contracts.learning import LearningContext
from contracts.outcomes import EXTRACTS
from contracts.runs import group_of
from store import health as book
from tasks.check import Checked
from tasks.connections import store
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import stage

WEEKS = 26
"""Weeks of business metrics that a look renews: half a year, the youngest of which are not resolved yet."""

LEADS_KEPT = 10_000
"""Newest resolved leads of a tenant that weights are tested on."""

Decided = Mapping[UUID, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found. left_out: tenants whose data failed its checks; only the age of their heads is judged."""

    heads: tuple[HeadHealth, ...]
    metrics: tuple[Metric, ...]
    tenants: Mapping[UUID, str]
    left_out: tuple[str, ...]


def watch(run: Run, checked: Checked) -> Looked:
    """A verdict on every head, and the metrics of the tenants whose data passed its checks."""
    with stage(run, "watch", "Looking at every published pattern"):
        engine = store(run.settings)
        asked = checked.passed | {left_out.tenant_id for left_out in checked.quarantined}
        heads = [head for head in book.heads(engine, asked) if head.window_end <= run.as_of]
        decided = book.decisions(engine, run.as_of - timedelta(days=1), run.as_of)
        futures = [
            watch_group.submit(
                whole(run), whole(checked), group, whole(_of_group(heads, group, len(run.groups))), whole(decided)
            )
            for group in run.groups
        ]
        parts = [future.result() for future in futures]
        found = sorted((head for heads, _ in parts for head in heads), key=lambda one: (one.tenant, one.pattern_type))
        return Looked(
            heads=tuple(found),
            metrics=tuple(metric for _, metrics in parts for metric in metrics),
            tenants={tenant: checked.tenants[tenant].name for tenant in checked.passed},
            left_out=tuple(sorted({left_out.tenant for left_out in checked.quarantined})),
        )


@task(name="watch", task_run_name="watch group {group}", cache_policy=NO_CACHE)
def watch_group(
    run: Run, checked: Checked, group: int, heads: list[Watched], decided: Decided
) -> tuple[list[HeadHealth], list[Metric]]:
    """One tenant group: a pass over its rows serves all of its heads and metrics."""
    frames = {name: _of_tenants(checked.scan(name, group), checked.passed) for name in EXTRACTS}
    metrics = business_metrics.metrics(business_metrics.leads_of(frames, run.as_of), WEEKS, run.as_of)
    seen = _seen(run, frames, decided) if heads else {}
    return health.examine_all(heads, seen, run.as_of), list(metrics)


def _seen(run: Run, frames: Mapping[str, pl.LazyFrame], decided: Decided) -> dict[UUID, Seen]:
    context = LearningContext(as_of=run.as_of, code_version=run.code_version)
    touches = health_rows.touches(frames, context)
    leads = {one.tenant_id: one for one in histories(summarise_leads(frames, run.as_of, LEADS_KEPT))}
    daily = health_rows.daily(frames["touches"], EXTRACTS["touches"].dated_by, run.as_of)
    return {
        tenant: Seen(
            as_of=run.as_of,
            touches=touches.get(tenant),
            leads=leads.get(tenant),
            daily={"touches": daily[tenant]} if tenant in daily else {},
            decisions=decided.get(tenant, {}),
        )
        for tenant in touches.keys() | leads.keys() | daily.keys() | decided.keys()
    }


def _of_group(heads: list[Watched], group: int, groups: int) -> list[Watched]:
    return [head for head in heads if group_of(head.tenant_id, groups) == group]


def _of_tenants(frame: pl.LazyFrame, tenants: frozenset[UUID]) -> pl.LazyFrame:
    wanted = pl.Series("tenant_id", sorted(tenant.bytes for tenant in tenants), dtype=pl.Binary)
    return frame.filter(pl.col("tenant_id").is_in(wanted.implode()))
