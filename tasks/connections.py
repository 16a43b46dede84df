"""The store's engine, opened once a process: tasks carry settings, which travel, and not connections, which do not."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Engine

from settings import Settings
from store import database


@lru_cache(maxsize=2)  # whoever opens many stores, as tests do, gets the connections of old ones closed
def store(settings: Settings) -> Engine:
    return database.open_store(settings)
