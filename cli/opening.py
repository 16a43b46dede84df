"""Opening the store from a command: the embedded database is ours to migrate, a user's own is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from settings import Settings

_opened: list[Engine] = []


def open_store(settings: Settings) -> Engine:
    """The store, ready for use until the command ends.

    Raises DatabaseError where a user's own database is not migrated yet.
    """
    from store import database, migrate

    if settings.database_url is None:
        migrate.upgrade(settings)
    engine = database.open_store(settings)
    _opened.append(engine)
    return engine


def close_stores() -> None:
    """Close the connections of every store that this command has opened."""
    while _opened:
        _opened.pop().dispose()
