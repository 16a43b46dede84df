"""Notify: one digest a look of what has gone wrong, each head once a week, through the server or directly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from adapters import prefect_alerts, webhook
from adapters.webhook import Notice
from contracts.errors import SendError
from contracts.health import HeadHealth, Health
from store import health as memory
from tasks.connections import store
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import log, stage

TOLD = (Health.FAILING, Health.EXPIRED)
"""What somebody is told of; what is worth watching waits until somebody looks."""

ONCE_IN = timedelta(days=7)
"""The same of the same head is told once in this time."""


def notify(run: Run, heads: Sequence[HeadHealth], closed_runs: Sequence[str]) -> int:
    """How many heads somebody was told of. A webhook that fails is logged, and fails no run."""
    with stage(run, "notify", "Telling what has changed"):
        return send_digest.submit(whole(run), whole(heads), whole(closed_runs)).result()


@task(name="notify", cache_policy=NO_CACHE)
def send_digest(run: Run, heads: Sequence[HeadHealth], closed_runs: Sequence[str]) -> int:
    """Tell of the heads that nobody was told of lately, and remember that."""
    engine = store(run.settings)
    lately = memory.told_lately(engine, run.as_of, ONCE_IN)
    new = [
        one for one in heads if one.health in TOLD and (one.tenant_id, one.pattern_type, one.health.value) not in lately
    ]
    if not (new or closed_runs) or run.settings.webhook_url is None or not _delivered(run, digest(new, closed_runs)):
        return 0
    memory.note(engine, new, run_id=run.id, now=run.as_of)
    return len(new)


def digest(heads: Sequence[HeadHealth], closed_runs: Sequence[str]) -> Notice:
    """The worst first, by tenant."""
    failing = [one for one in heads if one.health is Health.FAILING]
    expired = [one for one in heads if one.health is Health.EXPIRED]
    counts = [
        f"{len(some)} {word}"
        for some, word in ((failing, "failing"), (expired, "expired"), (closed_runs, "crashed runs closed"))
        if some
    ]
    lines = [
        f"{one.tenant}, {one.pattern_type}: {one.health}{_instead(one)}. {one.because}" for one in failing + expired
    ]
    return Notice(f"Learnback: {', '.join(counts)}", (*lines, *(f"run {name}: crashed" for name in closed_runs)))


def _instead(head: HeadHealth) -> str:
    if not head.rolled_back:
        return ""
    return f", taken back to {f'version {head.back_to}' if head.back_to else 'the defaults'}"


def _delivered(run: Run, notice: Notice) -> bool:
    address = run.settings.webhook_url
    assert address is not None
    if prefect_alerts.listening(run.settings):
        prefect_alerts.emit(notice)
        return True
    try:
        webhook.send(address.get_secret_value(), notice)
    except SendError as error:
        log.warning("Nobody was notified: %s", error)
        return False
    return True
