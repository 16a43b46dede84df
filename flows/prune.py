"""The weekly clearing: forget what old runs left behind. Patterns, heads, audit and quarantine stay."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

import settings
from contracts.errors import UserError
from contracts.retention import Pruned
from tasks import prune as pruning
from tasks.user_errors import tell_in_sentences

tell_in_sentences()

FLOW = "learnback-prune"


@flow(name=FLOW, persist_result=False)
def prune(dry_run: bool = False) -> tuple[Pruned, ...] | State[None]:
    """Forget the records of old runs, files in the lake, reports and long logs, by the policy in the settings.

    Args:
        dry_run: only say what would go.
    """
    try:
        work = pruning.expired if dry_run else pruning.prune
        return work(settings.load(), now=datetime.now(UTC))
    except UserError as error:
        return Failed(message=str(error), data=error)
