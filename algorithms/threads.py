"""Bytes of a pattern may not depend on how many cores there are: matrix products run on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread inside the block; parallel work is done by processes over tenant groups."""
    with threadpool_limits(limits=1):
        yield
