"""The last step before the gate of what is in force today: the only way from a backfill to a live pattern."""

from __future__ import annotations

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from contracts.backfill import Plan
from contracts.learning import Ruling
from contracts.runs import State
from store import book, ledger
from store.lake import Manifest
from tasks.backfilling.opening import Backfill
from tasks.backfilling.step import prepared, verdicts
from tasks.connections import store
from tasks.passing import whole
from tasks.publish import publish_learner
from tasks.stages import stage

Published = dict[str, dict[str, int]]
"""Learner → name of the tenant → version that went into force."""


def publish_last(backfill: Backfill, history: Manifest, plan: Plan) -> Published:
    """Publish what the last step learned, where that was asked for; nothing otherwise."""
    if not backfill.publish_last:
        return {}
    with stage(backfill.run, "publish", "Judging the last step against what is in force"):
        return publish.submit(whole(backfill), whole(history), whole(plan)).result()


@task(name="publish", task_run_name="publish the last step", cache_policy=NO_CACHE)
def publish(backfill: Backfill, history: Manifest, plan: Plan) -> Published:
    """Learn as of the last moment, judge against the live heads, and publish as the learning flow does."""
    as_of = plan.moments[-1]
    now = prepared(backfill, history, as_of, frozenset(plan.tenants), learning=True)
    run = replace(now.run, dry_run=backfill.run.dry_run)
    engine = store(run.settings)
    published: Published = {}
    for name in run.learner_names:
        live = book.incumbents(engine, name)
        ruled = verdicts(now, name, live)
        final, versions = publish_learner.fn(run, name, now.said[name], ruled, live)
        published[name] = {
            plan.tenants[tenant]: versions[tenant]
            for tenant, verdict in final.items()
            if verdict.ruling is Ruling.PUBLISH
        }
    ledger.close_run(engine, run.id, State.DONE, report={"published": sum(map(len, published.values()))})
    return published
