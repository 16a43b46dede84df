"""The store's engine, opened once a process: tasks carry settings, which travel, and not connections, which do not."""

from __future__ import annotations

import threading

from sqlalchemy import Engine

from settings import Settings
from store import database

KEPT = 2
"""Stores that stay open: a process works on one; whoever opens many, as tests do, gets those of old ones closed."""

_lock = threading.Lock()
_opened: dict[Settings, Engine] = {}


def store(settings: Settings) -> Engine:
    """The engine of these settings' store; raises DatabaseError as `database.open_store` does."""
    with _lock:
        engine = _opened.pop(settings, None) or database.open_store(settings)
        _opened[settings] = engine  # the newest use last
        while len(_opened) > KEPT:
            _opened.pop(next(iter(_opened))).dispose()  # closes idle connections; those at work close when they end
        return engine
