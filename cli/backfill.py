"""`learnback backfill`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cli.learning import JsonOption, TenantOption

DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def backfill(
    tenant: TenantOption = None,
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=DATES, help="The first moment (UTC). Without it: 52 steps that end with --to."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(
            "--to", formats=DATES, help="No moment is later than this. Without it: the last Sunday at 02:00 UTC."
        ),
    ] = None,
    step: Annotated[int, typer.Option("--step", help="Days from one moment to the next.")] = 7,
    learner: Annotated[
        list[str] | None, typer.Option("--learner", help="Which question; may be given several times. Without it: all.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Learn and report, write no history.")] = False,
    publish_last: Annotated[
        bool,
        typer.Option("--publish-last", help="Judge the last step against what is in force, and publish what holds up."),
    ] = False,
    at_once: Annotated[int, typer.Option("--at-once", help="Steps that are prepared at the same time.")] = 2,
    plan: Annotated[bool, typer.Option("--plan", help="Only list what would run, and what need not.")] = False,
    json: JsonOption = False,
) -> None:
    """Learn as of each past week from what was known then, and report how every pattern fared afterwards.

    Only steps that are missing or stale run, oldest first. Stop it at any time: the same command goes on where it was.
    History is written beside the live patterns, which stay as they are unless you ask for --publish-last.
    """
    from cli import backfilling

    asked = {
        "tenants": tenant or [],
        "start": start,
        "end": end,
        "step_days": step,
        "dry_run": dry_run,
        "publish_last": publish_last,
        "at_once": at_once,
        **({"learners": learner} if learner else {}),
    }
    if plan:
        backfilling.show_plan(backfilling.plan(asked), as_json=json)
    else:
        backfilling.show(backfilling.run(asked), as_json=json)
