"""The daily flow: look at every published pattern, take back what fails, and tell somebody."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

import settings
from contracts.errors import UserError
from contracts.health import HealthReport
from tasks.check import check
from tasks.extract import extract
from tasks.health_report import tell
from tasks.health_run import FLOW, HealthRequest, closing_look, open_look
from tasks.notify import notify
from tasks.presence import close_zombies, present
from tasks.roll_back import remember, roll_back
from tasks.run import Run
from tasks.runner import RUNNER
from tasks.user_errors import tell_in_sentences
from tasks.watch import watch

tell_in_sentences()

EVERYONE = HealthRequest()


@flow(name=FLOW, task_runner=RUNNER, persist_result=False)
def pattern_health(request: HealthRequest = EVERYONE) -> HealthReport | State[None]:
    """Look at every published pattern beside the outcomes since it was learned, and act on what is found.

    Args:
        request: for whom, and whether to act.
    """
    try:
        loaded = settings.load()
        with present(loaded):
            return closing_look(open_look(request, loaded), look if request.dry_run else stages)
    except UserError as error:
        return Failed(message=str(error), data=error)


def stages(run: Run) -> HealthReport:
    """From what came since each pattern was learned to heads that stand, and people who know."""
    extracts = extract(run)
    checked = check(run, extracts)
    looked = watch(run, checked)
    heads = roll_back(run, looked)
    remember(run, heads, looked)
    closed = close_zombies(run)
    told = notify(run, heads, closed)
    return tell(run, looked, heads, dry_run=False, told=told, closed_runs=len(closed))


def look(run: Run) -> HealthReport:
    """The same without acting: nothing is moved, stored or sent."""
    extracts = extract(run)
    checked = check(run, extracts)
    looked = watch(run, checked)
    return tell(run, looked, looked.heads, dry_run=True)
