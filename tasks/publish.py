"""Publish: what the gate let through goes into force; what it judged healthy stays valid; every verdict is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from contracts.learning import Finding, Incumbent, Ruling, Verdict
from contracts.refusal import Reason, Refusal
from store import book
from tasks.alone import still_alone
from tasks.connections import store
from tasks.judge import Verdicts
from tasks.learn import Findings, Said
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import stage

VALID_FOR = timedelta(days=28)
"""How long engines may act on a head that no later run confirms (four weekly runs)."""

VALID_WHILE_DRIFTING = timedelta(days=10)
"""The same under strong drift: one missed weekly run at most."""


@dataclass(frozen=True, slots=True)
class Published:
    """The verdicts as they took effect, and the version in force for each tenant afterwards (0 = defaults)."""

    ruled: Mapping[str, Mapping[UUID, Verdict]]
    versions: Mapping[str, Mapping[UUID, int]]


def publish(run: Run, findings: Findings, verdicts: Verdicts) -> Published:
    """Learner by learner: new versions first, then extended heads, then the record of verdicts; repeating is safe."""
    with stage(run, "publish", "Publishing"):
        ruled, versions = {}, {}
        for name in run.learner_names:
            still_alone(run.id)
            ruled[name], versions[name] = publish_learner.submit(
                whole(run),
                name,
                whole(findings.said[name]),
                whole(verdicts.ruled[name]),
                whole(verdicts.incumbents[name]),
            ).result()
        return Published(ruled, versions)


@task(name="publish", task_run_name="publish {learner_name}", cache_policy=NO_CACHE)
def publish_learner(
    run: Run,
    learner_name: str,
    said: Mapping[UUID, Said],
    ruled: Mapping[UUID, Verdict],
    incumbents: Mapping[UUID, Incumbent],
) -> tuple[dict[UUID, Verdict], dict[UUID, int]]:
    """Move the heads of one learner's patterns, and say for each tenant which version is in force."""
    final = {tenant: _as_allowed(run, said[tenant], ruled[tenant], incumbents.get(tenant)) for tenant in ruled}
    versions = {tenant: incumbents[tenant].version if tenant in incumbents else 0 for tenant in ruled}
    engine = store(run.settings)
    if run.dry_run:
        return final, versions
    publications = [
        book.Publication(
            tenant,
            learner_name,
            finding,
            verdict,
            valid_until(run.as_of, verdict),
            run.code_version,
            judged=versions[tenant],
        )
        for tenant, verdict in final.items()
        if verdict.ruling is Ruling.PUBLISH and isinstance(finding := said[tenant], Finding)
    ]
    healthy = {
        tenant: valid_until(run.as_of, verdict)
        for tenant, verdict in final.items()
        if verdict.ruling is Ruling.HOLD and verdict.incumbent_healthy and versions[tenant] > 0
    }
    moved = book.publish(engine, publications, run_id=run.id, as_of=run.as_of, actor=run.flow)
    versions |= moved
    for publication in publications:
        if publication.tenant_id not in moved:
            final[publication.tenant_id] = _held(publication.verdict, Reason.HEAD_MOVED)
    book.extend(engine, learner_name, healthy, actor=run.flow)
    book.record_verdicts(engine, learner_name, final, versions, run_id=run.id)
    return final, versions


def valid_until(as_of: datetime, verdict: Verdict) -> datetime:
    return as_of + (VALID_WHILE_DRIFTING if verdict.drifting else VALID_FOR)


def _as_allowed(run: Run, said: Said, verdict: Verdict, incumbent: Incumbent | None) -> Verdict:
    """The gate's verdict, unless this run may not move this head."""
    if verdict.ruling is not Ruling.PUBLISH:
        return verdict
    if incumbent and isinstance(said, Finding) and said.inputs_sha256 in incumbent.withdrawn:
        return _held(verdict, Reason.ROLLED_BACK)
    if incumbent and incumbent.as_of and run.as_of < incumbent.as_of:
        detail = f"the head was learned as of {incumbent.as_of:%Y-%m-%d %H:%M} UTC"
        older = Refusal(Reason.OLDER_THAN_HEAD, run.as_of.timestamp(), incumbent.as_of.timestamp(), detail)
        return replace(verdict, ruling=Ruling.HOLD, refusal=older)
    return _held(verdict, Reason.DRY_RUN) if run.dry_run else verdict


def _held(verdict: Verdict, reason: Reason) -> Verdict:
    """What would have been published, and was not, for a reason that no number decided."""
    confidence = verdict.confidence or 0.0
    return replace(verdict, ruling=Ruling.HOLD, refusal=Refusal(reason, confidence, confidence))
