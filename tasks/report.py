"""Report: what the run did, as records, as one HTML page, and as artifacts that the Prefect UI shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.defects import DEFECTS
from contracts.learning import Finding
from contracts.runs import LearningReport, Outcome
from reports import markdown, page
from reports.records import Planted, Quality, ReportInput, Tenant
from reports.records import Said as ReportedSaid
from settings import Settings
from tasks.check import Checked
from tasks.judge import Verdicts
from tasks.learn import Findings
from tasks.passing import whole
from tasks.publish import Published
from tasks.run import Run
from tasks.stages import stage

Report = ReportInput
"""What the flow returns: everything that a page, an artifact or a terminal table is made from."""

TRUTH = "truth.json"
"""What a simulated world holds, written beside the reports by `learnback demo`; real tenants are not in it."""

EFFECTS = ("channels", "pairs", "hours", "weekdays", "features", "templates")
"""What was planted besides weights, in the words of simulation.truth."""


def report(run: Run, checked: Checked, findings: Findings, verdicts: Verdicts, published: Published) -> ReportInput:
    """Everything the run can tell; the page is written last, so that its own time is not in it."""
    record = _record(run, checked, findings, verdicts, published)
    with stage(run, "report", "Writing the report"):
        path = write_page.submit(whole(run), whole(record)).result()
        publish_artifacts.submit(whole(record), path).result()
    return replace(record, report=replace(record.report, html=path, seconds=dict(run.seconds)))


@task(name="report", cache_policy=NO_CACHE)
def write_page(run: Run, record: ReportInput) -> Path:
    """The self-contained page, kept per run and as `latest.html`."""
    text = page.html(record)
    folder = run.settings.reports_home
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.as_of:%Y-%m-%d}-{run.id}.html"
    for target in (path, folder / "latest.html"):
        temporary = target.with_name(f"{run.id}.part")  # two runs may end at the same moment
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    return path


@task(name="artifacts", cache_policy=NO_CACHE)
def publish_artifacts(record: ReportInput, path: Path) -> None:
    """A table, a report with pictures, and the way to the page, on the run's own page in the UI."""
    create_table_artifact(table=markdown.table(record), key="verdicts", description="Every tenant's verdict")
    create_markdown_artifact(markdown=markdown.markdown(record), key="learning-report", description="What was learned")
    create_link_artifact(link=path.as_uri(), link_text=str(path), key="report-page", description="The full page")


def _record(run: Run, checked: Checked, findings: Findings, verdicts: Verdicts, published: Published) -> ReportInput:
    told = LearningReport(
        run_id=run.id,
        as_of=run.as_of,
        dry_run=run.dry_run,
        outcomes=tuple(_outcomes(run, checked, findings, published)),
        quarantined=checked.quarantined,
        rows=dict(checked.result.rows),
        dropped=dict(checked.result.dropped),
        seconds=dict(run.seconds),
    )
    planted = _planted(run.settings)
    quality = {UUID(bytes=row["tenant_id"]): row for row in checked.result.quality.iter_rows(named=True)}
    reported = checked.passed | {left_out.tenant_id for left_out in checked.quarantined}
    tenants = {
        tenant: Tenant(
            name=checked.tenants[tenant].name,
            leads=quality[tenant]["leads"],
            said=_said(tenant, findings, verdicts, published),
            quality=_quality(quality[tenant]),
            planted=planted.get(tenant),
        )
        for tenant in sorted(reported, key=lambda tenant: checked.tenants[tenant].name)
    }
    return ReportInput(
        report=told,
        tenants=tenants,
        run_url=runtime.flow_run.ui_url or None,
        settings=_shown(run.settings),
        questions={learner.name: learner.question for learner in run.learners},
        code_version=run.code_version,
    )


def _outcomes(run: Run, checked: Checked, findings: Findings, published: Published) -> Iterator[Outcome]:
    for name in run.learner_names:
        learner = registry.learner(name)
        for tenant, verdict in published.ruled[name].items():
            said = findings.said[name][tenant]
            found = said if isinstance(said, Finding) else None
            yield Outcome(
                tenant_id=tenant,
                tenant=checked.tenants[tenant].name,
                learner=name,
                ruling=verdict.ruling,
                reason=str(verdict.reason or ""),
                detail=str(verdict.refusal or ""),
                confidence=verdict.confidence,
                sample_size=found.evidence.sample_size if found else 0,
                outcomes=found.evidence.outcomes if found else 0,
                version=published.versions[name].get(tenant, 0),
                explained=learner.explain(found.payload) if found else "",
            )


def _said(tenant: UUID, findings: Findings, verdicts: Verdicts, published: Published) -> dict[str, ReportedSaid]:
    return {
        name: ReportedSaid(by_tenant[tenant], published.ruled[name].get(tenant), verdicts.incumbents[name].get(tenant))
        for name, by_tenant in findings.said.items()
        if tenant in by_tenant
    }


def _quality(row: dict[str, Any]) -> Quality:
    dropped = {defect.code: int(row[defect.code]) for defect in DEFECTS if row.get(defect.code)}
    return Quality(leads=row["leads"], touches=row["touches"], dropped=dropped)


def _planted(settings: Settings) -> dict[UUID, Planted]:
    """What is known of simulated tenants; empty where no world was simulated."""
    path = settings.reports_home / TRUTH
    if not path.exists():
        return {}
    return {
        UUID(tenant["tenant_id"]): Planted(
            kind=tenant["kind"],
            weights=tuple(tenant["weights"]) if tenant["kind"] != "no_signal" else None,
            newcomer=tenant["newcomer"],
            effects={name: tenant[name] for name in EFFECTS},
        )
        for tenant in json.loads(path.read_text())["tenants"]
    }


def _shown(settings: Settings) -> dict[str, str]:
    """Settings for people; addresses of databases stay out, since they may hold a password."""
    return {
        name: str(value)
        for name, value in settings.model_dump().items()
        if name not in ("database_url", "source_url") and value is not None
    }
