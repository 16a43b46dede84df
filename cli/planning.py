"""Behind `learnback plan`: plan or replay on the store of the settings, and show what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import Engine

import settings as settings_module
from cli.opening import open_store
from cli.terminal import console, progress
from contracts.errors import UserError
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason
from reports import words
from store import tenants as tenant_store
from store.tenants import Tenant
from tasks import plan_touches
from tasks.plan_touches import Planned, Replayed

QUESTIONS = {plan_touches.HOW: "channel by", plan_touches.WHEN: "hour by"}


def plan(tenant: str | None, rules: Path | None, day: date | None, *, dry_run: bool) -> list[Planned]:
    """Plan one tenant, or all, from now or from a day on."""
    limits = plan_touches.rules_of(rules)
    with progress("Planning …"):
        engine = open_store(settings_module.load())
        return [
            planned
            for each in _wanted(engine, tenant)
            for planned in plan_touches.plan_touches(
                engine, [each], limits, now=_beginning(each, day, dry_run=dry_run), dry_run=dry_run
            )
        ]


def replay(tenant: str | None) -> Replayed:
    """Decide the newest plan of a tenant again."""
    if tenant is None:
        raise UserError("a plan is replayed for one tenant", do="Name it: learnback plan TENANT --replay")
    with progress("Replaying …"):
        engine = open_store(settings_module.load())
        return plan_touches.replay(engine, tenant_store.resolve(engine, tenant))


def _wanted(engine: Engine, tenant: str | None) -> list[Tenant]:
    return [tenant_store.resolve(engine, tenant)] if tenant else tenant_store.all_tenants(engine)


def _beginning(tenant: Tenant, day: date | None, *, dry_run: bool) -> datetime:
    """Now, or the beginning of a day, which may lie in the past only where nothing is written."""
    now = datetime.now(UTC)
    if day is None:
        return now
    begins = plan_touches.beginning(tenant, day)
    if dry_run:
        return begins
    if day < now.astimezone(begins.tzinfo).date():
        raise UserError(f"{day} has passed", do="Add --dry-run to see what would have been planned")
    return max(begins, now)


def show(planned: Sequence[Planned]) -> None:
    """Each tenant's touches by channel and day, the hours, by what they were decided, and who got none."""
    if not planned:
        console.print("No tenants yet: `learnback import` or `learnback demo` brings some.")
    for each in planned:
        written = "" if each.plan else " Nothing was written (--dry-run)."
        console.print(f"{each.tenant}: {_count(each.touches, 'touch')} for {_count(each.leads, 'lead')}.{written}")
        if each.touches:
            _show_touches(each)
        for reason, leads in sorted(each.refused.items()):
            console.print(f"  {_count(leads, 'lead')} without: {words.REASONS[Reason(reason)]}")
        for because, touches in sorted(each.withdrawn.items()):
            console.print(f"  {_count(touches, 'touch')} withdrawn before: {because}")
        console.print()


def _show_touches(planned: Planned) -> None:
    console.print(_cells(planned))
    hours = " · ".join(f"{hour}:00 {touches:,}" for hour, touches in planned.hours.items())
    console.print(f"  hours of the leads' days: {hours}")
    for question, sources in planned.decided_by.items():
        told = ", ".join(f"{_source(source)} ({touches:,})" for source, touches in sorted(sources.items()))
        console.print(f"  {QUESTIONS[question]}: {told}")
    console.print(f"  tried to learn: {planned.explored:.0%}; policy {planned.policy_version}")


def _cells(planned: Planned) -> Table:
    days = sorted({day for _, day in planned.cells})
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 0, 0, 2))
    table.add_column("")
    for heading in (*(f"{day:%a %d %b}" for day in days), "all"):
        table.add_column(heading, justify="right")
    for channel in CHANNELS:
        counts = [planned.cells.get((channel, day), 0) for day in days]
        if any(counts):
            table.add_row(channel, *(f"{count:,}" if count else "" for count in counts), f"{sum(counts):,}")
    return table


def _source(source: str) -> str:
    return source if source.startswith("version") else f"defaults, {source}"


def show_replay(replayed: Replayed) -> None:
    """Whether every touch of the plan came out as it was logged."""
    same = replayed.touches - len(replayed.different)
    console.print(
        f"{replayed.tenant}: the plan of {replayed.planned_at:%d %b %Y %H:%M} UTC, decided again: "
        f"{same:,} of {_count(replayed.touches, 'touch')} the same in channel, hour, propensity and reason."
    )
    for touch in replayed.different:
        console.print(f"  different: {touch}")


def plain(planned: Planned) -> dict[str, Any]:
    """For JSON, whose keys are texts."""
    cells = [
        {"channel": channel, "day": f"{day}", "touches": touches} for (channel, day), touches in planned.cells.items()
    ]
    return {**{name: value for name, value in asdict(planned).items() if name != "cells"}, "cells": cells}


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
