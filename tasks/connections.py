"""The store's engine, opened once a process: tasks carry settings, which travel, and not connections, which do not."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Engine

from settings import Settings
from store import database


@cache
def store(settings: Settings) -> Engine:
    return database.open_store(settings)
