"""Opening the store from a command: the embedded database is ours to migrate, a user's own is theirs."""

from __future__ import annotations

from sqlalchemy import Engine

from settings import Settings
from store import database, migrate


def open_store(settings: Settings) -> Engine:
    """The store, ready for use. Raises DatabaseError where a user's own database is not migrated yet."""
    if settings.database_url is None:
        migrate.upgrade(settings)
    return database.open_store(settings)
