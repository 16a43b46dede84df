"""Bytes of a pattern may not depend on how many cores there are: matrix products run on one thread.

The limit belongs to the process, not to the thread that asks for it, and tasks ask for it side by side. So the first
to enter notes what was there and the last to leave restores it; nobody loses the limit in between.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_lock = threading.Lock()
_entered: list[threadpool_limits] = []  # one a caller inside or gone; the first remembers what was there before all
_inside = 0
_modules = 0  # that were loaded when libraries were last looked for: the search costs milliseconds


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS and OpenMP, also those loaded since, to one thread until the last caller has left."""
    global _inside, _modules
    with _lock:
        if not _inside or _modules != len(sys.modules):
            _entered.append(threadpool_limits(limits=1))
            _modules = len(sys.modules)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _entered[0].restore_original_limits()
                _entered.clear()
