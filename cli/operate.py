"""`learnback up`, `down`, `status`, `migrate` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def migrate() -> None:
    """Create or upgrade Learnback's own tables (schema `learnback`). Safe to repeat; your tables are not touched."""
    import settings
    from cli.terminal import console, progress
    from store import migrate as migrations

    loaded = settings.load()
    with progress("Migrating …"):
        revision = migrations.upgrade(loaded)
    console.print(f"The store is at revision {revision}.", highlight=False)
