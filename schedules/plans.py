"""The table of deployments: what runs, when, with which parameters, and why then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One deployment of one flow.

    entrypoint: as `module:function`, so that a run imports the flow under the same name as everybody else.
    cron, time_zone: five fields as in crontab, on the clock of that zone.
    why: for the person who meets it in the UI and wonders.
    parameters: what a scheduled run is given, and what the form in the UI shows first; else the flow's own defaults.
    at_once: how many runs of it may be at work together; a further one waits for its turn.
    state: a retired plan stays in the table, because taking it out of prefect.yaml leaves it running on the server.
    """

    flow: str
    name: str
    entrypoint: str
    cron: str
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

PLANS = (PATTERN_LEARNING_WEEKLY, PATTERN_HEALTH_DAILY)
