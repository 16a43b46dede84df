"""The table of deployments: what runs, when, with which parameters, and why then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One deployment of one flow.

    entrypoint: as `module:function`, so that a run imports the flow under the same name as everybody else.
    cron, time_zone: five fields as in crontab, on the clock of that zone; None: only when somebody starts it.
    why: for the person who meets it in the UI and wonders.
    parameters: what a scheduled run is given, and what the form in the UI shows first; else the flow's own defaults.
    at_once: how many runs of it may be at work together; a further one waits for its turn.
    state: a retired plan stays in the table, because taking it out of prefect.yaml leaves it running on the server.
    """

    flow: str
    name: str
    entrypoint: str
    cron: str | None
    why: str
    time_zone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    at_once: int = 1
    state: Literal["active", "retired"] = "active"


PATTERN_LEARNING_WEEKLY = Plan(
    flow="pattern-learning",
    name="weekly",
    entrypoint="flows.pattern_learning:pattern_learning",
    cron="0 2 * * 0",
    why=(
        "Sundays at 02:00 UTC: the week's outcomes are complete, the source database is idle nearly everywhere, and "
        "Monday's outreach already uses what was learned. A pattern is valid for 28 days, so three missed Sundays do "
        "no harm. A run that an operator has started is not disturbed: the scheduled one waits for it."
    ),
    tags=("learning", "weekly"),
)

PRUNE_WEEKLY = Plan(
    flow="learnback-prune",
    name="weekly",
    entrypoint="flows.prune:prune",
    cron="0 4 * * 1",
    why=(
        "Mondays at 04:00 UTC: the weekly run has ended the day before, and nobody works yet. What goes is decided by "
        "age alone, so that a missed Monday does no harm: the next one makes up for it."
    ),
    tags=("operating", "weekly"),
)

PATTERN_BACKFILL_MANUAL = Plan(
    flow="pattern-backfill",
    name="manual",
    entrypoint="flows.pattern_backfill:pattern_backfill",
    cron=None,
    why=(
        "By hand, when somebody asks what would have been learned: learns as of every step from From to To, each from "
        "what was known then, and reports how its patterns fared afterwards. Only steps that are missing or stale "
        "run; started again after a stop, it goes on where it was. No live pattern is touched unless you ask for it."
    ),
    tags=("learning", "backfill"),
)

PATTERN_HEALTH_DAILY = Plan(
    flow="pattern-health",
    name="daily",
    entrypoint="flows.pattern_health:pattern_health",
    cron="0 6 * * *",
    why=(
        "Every day at 06:00 UTC: yesterday's outcomes are in, Sunday's learning has ended hours before, and whoever is "
        "told still has the day to act. Looking daily raises no false alarms, and a day that is missed costs nothing: "
        "the next look sees the same touches."
    ),
    tags=("health", "daily"),
)

PLANS = (PATTERN_LEARNING_WEEKLY, PATTERN_HEALTH_DAILY, PATTERN_BACKFILL_MANUAL, PRUNE_WEEKLY)
