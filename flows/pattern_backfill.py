"""The backfill: learn as of each past week from what was known then, and hold every pattern to what came next."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

import settings
from contracts.errors import UserError
from tasks.backfilling.history import extract_history
from tasks.backfilling.last import publish_last
from tasks.backfilling.opening import FLOW, Backfill, opened
from tasks.backfilling.planning import draw, tell
from tasks.backfilling.request import BackfillRequest, read
from tasks.backfilling.walk import walk
from tasks.backfilling.walked import Report, report
from tasks.presence import present
from tasks.runner import RUNNER
from tasks.user_errors import tell_in_sentences

tell_in_sentences()

LAST_YEAR = BackfillRequest()


@flow(name=FLOW, task_runner=RUNNER, persist_result=False, validate_parameters=False)  # `read` says it in a sentence
def pattern_backfill(request: BackfillRequest = LAST_YEAR) -> Report | State[None]:
    """Learn as of each moment from From to To, in a history beside the live patterns, and report how they fared.

    Args:
        request: for whom, along which moments, which learners, and whether to publish the last step.
    """
    try:
        loaded = settings.load()
        with present(loaded):
            return opened(read(request), loaded, stages)
    except UserError as error:
        return Failed(message=str(error), data=error)


def stages(backfill: Backfill) -> Report:
    """From one extraction to the walk-forward report; only steps that are missing or stale run."""
    history = extract_history(backfill)
    plan = draw(backfill, history)
    tell(plan)
    walked = walk(backfill, history, plan)
    published = publish_last(backfill, history, plan)
    return report(backfill, plan, walked, published)
