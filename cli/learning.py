"""`learnback learn`, `score` and `report`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

TenantOption = Annotated[
    list[str] | None,
    typer.Option("--tenant", "-t", help="Name or id; may be given several times. Without it: all tenants."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]

QUARANTINED = 3
"""Exit code when at least one tenant was left out because its data failed the checks."""


def learn(
    tenant: TenantOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="Learn as if it were this moment (UTC). Nothing later can change a result.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Learn and judge, publish nothing.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read every row again, not what changed since the last run.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Learn what converts, judge it against later outcomes, publish what holds up.

    Runs the same flow as the weekly schedule, in this process, visible in the UI. What does not hold up is
    listed with its reason. Ends with 3 when some tenants were quarantined; the others still publish.
    """
    from cli import running

    report = running.learn(tenants=tenant or [], as_of=as_of, dry_run=dry_run, full=full)
    running.show(report, as_json=json)
    if report.quarantined:
        raise typer.Exit(QUARANTINED)


def score(tenant: TenantOption = None, json: JsonOption = False) -> None:
    """Score every lead with the weights in force: published ones where there are, documented defaults elsewhere."""
    from cli import running
    from cli.terminal import console, print_json

    scored = running.score(tenants=tenant or [])
    if json:
        print_json(scored)
        return
    for line in scored:
        left = f"; {line.unscored:,} have a component outside 0 to 1, and keep what they had" if line.unscored else ""
        console.print(f"{line.tenant}: {line.leads:,} leads scored; {line.because}{left}")


def report(
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Show the newest run's report: what was learned, for whom, on what evidence."""
    from cli import running
    from cli.terminal import console, open_page

    path = running.latest_report()
    if open_it:
        open_page(path)
    else:
        console.print(f"{path}", soft_wrap=True)
