"""Stages of a run, timed and announced through one logger: terminals show it as progress, Prefect as the run's log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.run import Run

log = logging.getLogger("learnback")
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
