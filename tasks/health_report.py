"""Health report: what one look found, as a page with pictures, and as artifacts that the Prefect UI shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from contracts.health import HeadHealth, HealthReport
from reports import health_page
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import stage
from tasks.watch import Looked

PAGE = "health.html"
"""The newest look's page, beside the reports of learning runs."""


def tell(
    run: Run, looked: Looked, heads: Sequence[HeadHealth], *, dry_run: bool, told: int = 0, closed_runs: int = 0
) -> HealthReport:
    """Everything that the look has to say, with its page."""
    report = HealthReport(
        run_id=run.id,
        as_of=run.as_of,
        dry_run=dry_run,
        heads=tuple(heads),
        metrics=looked.metrics,
        tenants=looked.tenants,
        left_out=looked.left_out,
        told=told,
        closed_runs=closed_runs,
    )
    with stage(run, "report", "Writing the page"):
        return replace(report, html=write_page.submit(whole(run), whole(report)).result())


@task(name="health report", cache_policy=NO_CACHE)
def write_page(run: Run, report: HealthReport) -> Path:
    """The page, and a table and the way to it on the run's own page in the UI."""
    folder = run.settings.reports_home
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    temporary = folder / f"{run.id}.part"
    temporary.write_text(health_page.html(report), encoding="utf-8")
    temporary.replace(path)
    create_table_artifact(table=health_page.table(report), key="health", description=health_page.headline(report))
    create_link_artifact(link=path.as_uri(), link_text=str(path), key="health-page", description="The full page")
    return path
