"""The walk-forward report: what every pattern said, and what came afterwards, as a page and in the UI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prefect import runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from contracts.backfill import Plan, SliceState
from contracts.walk_forward import Walked
from reports import walk_page, walk_words
from reports.walk_forward import WalkReport
from tasks.backfilling.last import Published
from tasks.backfilling.opening import Backfill
from tasks.passing import whole
from tasks.stages import stage

Report = WalkReport
"""What the flow returns."""

LATEST = "latest-backfill.html"


def report(backfill: Backfill, plan: Plan, walked: Sequence[Walked], published: Published) -> WalkReport:
    """Everything that the backfill can tell; written as a page beside the reports of learning runs."""
    record = WalkReport(
        began=backfill.chain.began,
        until=backfill.moments[-1],
        step_days=backfill.chain.step_days,
        dry_run=backfill.run.dry_run,
        tenants=len(plan.tenants),
        slices=len(plan.slices),
        ran=sum(one.state is not SliceState.DONE for one in plan.slices),
        walked=tuple(walked),
        published=published,
        run_url=runtime.flow_run.ui_url or None,
    )
    with stage(backfill.run, "report", "Writing the report"):
        path = write_page.submit(whole(backfill), whole(record)).result()
    return replace(record, html=path, seconds=dict(backfill.run.seconds))


@task(name="report", cache_policy=NO_CACHE)
def write_page(backfill: Backfill, record: WalkReport) -> Path:
    """The self-contained page, kept per run and as `latest-backfill.html`, and what the UI shows of it."""
    page = walk_page.html(record)
    folder = backfill.run.settings.reports_home
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"backfill-{record.until:%Y-%m-%d}-{backfill.run.id}.html"
    for target in (path, folder / LATEST):
        temporary = target.with_name(f"{backfill.run.id}.part")
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(target)
    create_markdown_artifact(markdown=walk_words.markdown(record), key="walk-forward", description="What became of it")
    create_link_artifact(link=path.as_uri(), link_text=str(path), key="walk-forward-page", description="The full page")
    return path
