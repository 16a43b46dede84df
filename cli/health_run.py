"""Behind `learnback health`: run the flow here, against the local server, and show what it found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import settings as settings_module
from cli.terminal import console, print_json, progress

if TYPE_CHECKING:
    from contracts.health import HealthReport

STYLES = {"healthy": "green", "watch": "yellow", "expired": "magenta", "failing": "red"}

MOST_ROWS = 40
"""Most rows of a terminal's table; the page has all of them."""


def run(*, tenants: Sequence[str], as_of: datetime | None, dry_run: bool) -> HealthReport:
    """Run `pattern-health` here and now; the local server is found or started, so that the run is visible."""
    from cli.running import prepare

    loaded = settings_module.load()
    with progress("Starting …") as log:
        prepare(loaded, log, "flows.pattern_health")
        return run_flow(tenants=tenants, as_of=as_of, dry_run=dry_run)


def run_flow(*, tenants: Sequence[str] = (), as_of: datetime | None = None, dry_run: bool = False) -> HealthReport:
    """The flow itself; raises the UserError that ended it, if one did."""
    from contracts.health import HealthReport
    from flows.pattern_health import pattern_health
    from tasks.health_run import HealthRequest

    request = HealthRequest(tenants=list(tenants), as_of=as_of, dry_run=dry_run)
    report = pattern_health(request, return_state=True).result()
    assert isinstance(report, HealthReport)
    return report


def show(report: HealthReport, *, as_json: bool) -> None:
    """Every head's health, the business metrics beside their targets, and where the page lies."""
    if as_json:
        print_json(_plain(report))
        return
    from reports import health_page

    if report.heads:
        console.print(_heads(report))
    console.print(_metrics(report))
    console.print(f"{health_page.headline(report)}.")
    if report.left_out:
        console.print(f"Left out, since their data failed its checks: {', '.join(report.left_out)}.")
    if report.html:
        console.print(f"Page: {report.html}", soft_wrap=True)


def _heads(report: HealthReport) -> object:
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    from contracts.health import ORDER

    table = Table(Column("Tenant", max_width=30), "Type", "Health", Column("Because", ratio=1), box=box.SIMPLE_HEAD)
    worst = sorted(report.heads, key=lambda one: (-ORDER.index(one.health), one.tenant, one.pattern_type))
    for one in worst[:MOST_ROWS]:
        back = (
            f"taken back to {f'version {one.back_to}' if one.back_to else 'the defaults'}: " if one.rolled_back else ""
        )
        health = Text(one.health.value, style=STYLES[one.health.value])
        table.add_row(Text(one.tenant), f"{one.pattern_type} v{one.version}", health, Text(f"{back}{one.because}"))
    if len(worst) > MOST_ROWS:
        table.add_row(f"… and {len(worst) - MOST_ROWS} more, all on the page")
    return table


def _metrics(report: HealthReport) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from contracts.health import TARGETS
    from reports import health_page

    table = Table("Tenant", *(t.title for t in TARGETS), box=box.SIMPLE_HEAD)
    table.add_row("the specification", *(health_page.target_in_words(t) for t in TARGETS), style="dim")
    for tenant, name in health_page.by_name(report.tenants)[:MOST_ROWS]:
        found = health_page.newest(report, tenant)
        table.add_row(Text(name), *(health_page.value_in_words(found.get(t.metric)) for t in TARGETS))
    return table


def _plain(report: HealthReport) -> dict[str, object]:
    """The report as JSON-ready values, ids as text."""
    from dataclasses import asdict

    fields = asdict(report)
    fields["tenants"] = {str(tenant): name for tenant, name in report.tenants.items()}
    for metric, told in zip(report.metrics, fields["metrics"], strict=True):
        told["week"] = metric.week.isoformat()
    return fields
