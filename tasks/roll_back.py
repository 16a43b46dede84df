"""Roll back: a head that fails goes back to the last version that the same outcomes do not speak against.

Never silent: the pattern book writes an audit entry in the same transaction, the verdict is stored, and notices go out.
"""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms.health import taken_back
from contracts.health import HeadHealth, Health
from store import book
from store import health as memory
from tasks.connections import store
from tasks.health_run import FLOW
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import log, stage
from tasks.watch import Looked


def roll_back(run: Run, looked: Looked) -> tuple[HeadHealth, ...]:
    """The heads as they stand afterwards."""
    with stage(run, "roll back", "Taking back what fails"):
        return tuple(
            take_back.submit(whole(run), whole(head)).result() if head.health is Health.FAILING else head
            for head in looked.heads
        )


@task(name="roll back", cache_policy=NO_CACHE)
def take_back(run: Run, head: HeadHealth) -> HeadHealth:
    """Move one head back, unless another version is in force meanwhile."""
    to = head.back_to or 0
    now_in_force = book.rollback(
        store(run.settings),
        head.tenant_id,
        head.pattern_type,
        to=to,
        judged=head.version,
        actor=FLOW,
        reason=head.because,
    )
    if now_in_force != to:
        log.warning("%s: another version of %s is in force meanwhile, and stays", head.tenant, head.pattern_type)
        return head
    instead = f"version {to}" if to else "the defaults"
    log.warning("%s: %s is taken back to %s (%s)", head.tenant, head.pattern_type, instead, head.because)
    return taken_back(head)


def remember(run: Run, heads: tuple[HeadHealth, ...], looked: Looked) -> None:
    """Store the day's verdicts and the metrics."""
    memory.remember(store(run.settings), heads, looked.metrics, on=run.as_of.date(), run_id=run.id)
