"""The weekly flow: learn what converts for every tenant, judge it, publish what holds up."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

import settings
from contracts.errors import UserError
from tasks.check import check
from tasks.extract import extract
from tasks.judge import judge
from tasks.learn import learn
from tasks.presence import present
from tasks.publish import publish
from tasks.report import Report, report
from tasks.request import LearningRequest
from tasks.run import FLOW, Run, carried_out
from tasks.runner import RUNNER
from tasks.summarise import summarise
from tasks.user_errors import tell_in_sentences

tell_in_sentences()

EVERYONE = LearningRequest()


@flow(name=FLOW, task_runner=RUNNER, persist_result=False)
def pattern_learning(request: LearningRequest = EVERYONE) -> Report | State[None]:
    """Learn what converts for every tenant, judge it against later outcomes, and publish what holds up.

    Args:
        request: for whom, as of when, which learners, and whether to publish.
    """
    try:
        loaded = settings.load()
        with present(loaded):
            return carried_out(request, loaded, stages)
    except UserError as error:
        return Failed(message=str(error), data=error)


def stages(run: Run) -> Report:
    """From rows in Postgres to patterns that engines read."""
    extracts = extract(run)
    checked = check(run, extracts)
    summaries = summarise(run, checked)
    findings = learn(run, checked, summaries)
    verdicts = judge(run, summaries, findings)
    published = publish(run, findings, verdicts)
    return report(run, checked, findings, verdicts, published)
