"""`learnback prune`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.operate import JsonOption

if TYPE_CHECKING:
    from contracts.retention import Pruned

KIB = 1024


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Forget what old runs left behind: their records, files in the lake, reports, the older half of long logs.

    How long each is kept is a setting (`LEARNBACK_KEEP_…`). Patterns, heads, audit, quarantine, priors and costs are
    never deleted. The weekly schedule does the same; the Prefect server's file shrinks only while it is stopped.
    """
    from datetime import UTC, datetime

    import settings
    from cli.opening import open_store
    from cli.terminal import print_json, progress
    from tasks import prune as pruning

    loaded = settings.load()
    with progress("Looking …" if dry_run else "Pruning …"):
        open_store(loaded)
        now = datetime.now(UTC)
        lines = pruning.expired(loaded, now=now) if dry_run else pruning.prune(loaded, now=now)
    if json:
        print_json(lines)
    else:
        _show(lines, "would go" if dry_run else "went")


def _show(lines: Sequence[Pruned], verb: str) -> None:
    from cli.terminal import console

    there = [line for line in lines if line.count or line.bytes]
    for line in there:
        count = f"{line.count:,} {line.what}" if line.count else line.what[0].upper() + line.what[1:]
        console.print(f"{count} {verb}{f' ({_size(line.bytes)})' if line.bytes else ''}.")
    if not there:
        console.print("Nothing is older than the settings allow.")


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < KIB:
            return f"{count:,.0f} {unit}"
        count /= KIB
    return f"{count:,.1f} GiB"
