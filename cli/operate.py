"""`learnback up`, `down`, `status`, `migrate` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]

BROKEN = 2
"""Exit code of `doctor` when something must be mended first."""


def up(json: JsonOption = False) -> None:
    """Start everything that the weekly schedule needs: database, Prefect server with its UI, worker, deployments.

    What runs already is left alone; a deployment that you paused stays paused. `learnback down` stops it all.
    """
    import settings
    from cli import up as local
    from cli.terminal import progress

    loaded = settings.load()
    with progress("Starting what is not running …"):
        standing = local.up(loaded)
    local.show(standing, as_json=json)


def down() -> None:
    """Stop worker, server and embedded PostgreSQL. Patterns, history and data stay."""
    import settings
    from cli import up as local
    from cli.terminal import console, progress

    with progress("Stopping …"):
        stopped = local.down(settings.load())
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def status(json: JsonOption = False) -> None:
    """What runs now, where the UI is, and when each deployment runs next. Starts nothing."""
    import settings
    from cli import up as local

    local.show(local.standing(settings.load()), as_json=json)


def doctor(json: JsonOption = False) -> None:
    """Look for what is misconfigured, and say how to mend it. Ends with 2 when something must be mended first."""
    from cli import doctor as examination

    lines = examination.examine()
    examination.show(lines, as_json=json)
    if examination.failed(lines):
        raise typer.Exit(BROKEN)


def migrate() -> None:
    """Create or upgrade Learnback's own tables (schema `learnback`). Safe to repeat; your tables are not touched."""
    import settings
    from cli.terminal import console, progress
    from store import migrate as migrations

    with progress("Migrating …"):
        revision = migrations.upgrade(settings.load())
    console.print(f"The store is at revision {revision}.")
