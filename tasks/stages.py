"""Stages of a run, timed and announced through one logger: terminals show it as progress, Prefect as the run's log."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.run import Run

log = logging.getLogger("learnback")

EXTRACTING = "Extracting tenants, leads and touches"
EVERY_SECONDS = 1.0
NOT_KEPT = {"send_to_api": False}
"""Prefect's server keeps every line of a run's log, and has no use for a ticker."""
log.setLevel(logging.INFO)  # a worker would leave it at WARNING, and the run's log empty


@contextmanager
def stage(run: Run, name: str, doing: str) -> Iterator[None]:
    """Announce a stage, time it, and add its seconds to the run."""
    log.info("%s …", doing, extra={"stage": name})
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    run.seconds[name] = run.seconds.get(name, 0.0) + seconds
    log.info("%s: %.1f s", doing, seconds, extra={"stage": name, "seconds": seconds})


def counting(where: str = "") -> Callable[[str, int], None]:
    """Announce, about once a second, how many rows of an extract were read; for terminals only.

    where: which of several readers it is, such as " by stream 1". The result is called with an extract's name and the
    rows since the last call.
    """
    read: Counter[str] = Counter()
    told = time.monotonic()

    def tell(extract: str, rows: int) -> None:
        nonlocal told
        read[extract] += rows
        if (now := time.monotonic()) - told >= EVERY_SECONDS:
            told = now
            log.info("%s: %s %s read%s …", EXTRACTING, f"{read[extract]:,}", extract, where, extra=NOT_KEPT)

    return tell
