"""kill -9 in the middle of a weekly run, and the same command again: the short version of `make faults`."""

from __future__ import annotations

import pytest

from tests.faults.commands import COMMANDS
from tests.faults.killing import Moment, tried, undisturbed
from tests.faults.world import house

LEADS = 2_500


def test_a_killed_run_is_made_up_for_by_the_same_command() -> None:
    """The flow while it publishes, and PostgreSQL while it is read: the same bytes, nothing twice, nobody left."""
    command = COMMANDS["weekly"].arguments
    with house(LEADS) as made:
        course = undisturbed(made, command)
        for moment in (Moment("flow", 0.7), Moment("postgres", 0.25)):
            trial = tried(made, course, command, moment)
            assert trial.clean, (trial, trial.said[-2000:])
            if not trial.hit:
                pytest.fail(f"{moment} came after the end")
