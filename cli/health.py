"""`learnback health`: look at every published pattern, take back what fails, and say why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

TenantOption = Annotated[
    list[str] | None,
    typer.Option("--tenant", "-t", help="Name or id; may be given several times. Without it: all tenants."),
]


def health(
    tenant: TenantOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="Look as if it were this moment (UTC). Patterns learned later are not looked at.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and tell; move, store and send nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
) -> None:
    """Look at every published pattern beside the outcomes since, and take back what fails.

    Runs the same flow as the daily schedule, in this process, visible in the UI: age, validity, a test for drift that
    may be looked at daily, promises kept, inputs, volumes, fallbacks; and the business metrics of each tenant by week.
    """
    from cli import health_run

    report = health_run.run(tenants=tenant or [], as_of=as_of, dry_run=dry_run)
    health_run.show(report, as_json=json)
