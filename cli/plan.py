"""`learnback plan`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

DIFFERENT = 1
"""Exit code of a replay in which a touch came out otherwise: that is our bug."""


def plan(
    tenant: Annotated[str | None, typer.Argument(help="Name or id of the tenant; without it: all tenants.")] = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="TOML file with limits; what it leaves out, and everything without it, keeps its default."),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Plan from the midnight at which this day of the tenant begins."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, write and withdraw nothing.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Plan nothing: decide the newest plan again from its log, and compare.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
) -> None:
    """Plan every lead's next touch: on which channel, at which hour of the lead's own clock, within the limits.

    Leads choose by score, best first. HOW and WHEN decide where they claim something, the documented defaults
    elsewhere. A tenth of every choice is drawn by lot, so that later learning can compare; the chance of each choice
    is logged with it. Leads that have a planned touch are left alone until it is sent or withdrawn.

    A file of rules, every line of it optional:

        paused = false            # true: plan nothing, withdraw what waits
        min_gap_days = 3          # between two touches of a lead
        max_touches = 8           # of a lead
        horizon_days = 7          # planned ahead
        notice_hours = 1          # nothing nearer than this

        [working_hours]           # on the lead's clock; no day, no hours
        mon = "9-12, 13-17"

        [daily_caps]              # a tenant's day; no cap, no use
        email = 200

        [exploration]
        on = true                 # false: the best guess every time
        share = 0.1

    Nothing is sent: `docs/how-to/plan-touches.md` shows how a sender picks up what is due.
    """
    from cli import planning
    from cli.terminal import print_json

    if replay:
        replayed = planning.replay(tenant)
        if json:
            print_json(replayed)
        else:
            planning.show_replay(replayed)
        if replayed.different:
            raise typer.Exit(DIFFERENT)
        return
    planned = planning.plan(tenant, rules, day.date() if day else None, dry_run=dry_run)
    if json:
        print_json([planning.plain(each) for each in planned])
    else:
        planning.show(planned)
