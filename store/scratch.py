"""A lake for the time of one backfill, beside the lake: `<lake>-backfill/<run id>`, which goes when the backfill ends.

What a killed backfill left there goes when the next one ends, once it is a day old.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pyarrow import fs

from settings import Settings
from store.lake import LEFTOVER

SUFFIX = "-backfill"


def beside(settings: Settings, run_id: UUID) -> Settings:
    """The settings with a lake of this run's own."""
    return settings.model_copy(update={"lake": f"{settings.lake_url.rstrip('/')}{SUFFIX}/{run_id}"})


@contextmanager
def kept(settings: Settings) -> Iterator[None]:
    """The scratch lake of these settings exists until the block ends, however it does."""
    assert settings.lake is not None
    try:
        yield
    finally:
        _remove(settings.lake)
        _remove_leftovers(settings.lake.rpartition("/")[0])


def _remove(root: str) -> None:
    system, path = _place(root)
    if system.get_file_info(path).type == fs.FileType.Directory:
        system.delete_dir(path)


def _remove_leftovers(parent: str) -> None:
    """Folders of runs in which nothing was written for a day."""
    system, path = _place(parent)
    horizon = datetime.now(UTC) - LEFTOVER
    newest: dict[str, datetime] = {}
    for info in system.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=True)):
        run = info.path.removeprefix(path).strip("/").split("/")[0]
        written = info.mtime or datetime.now(UTC)
        newest[run] = max(newest.get(run, written), written)
    for run, written in newest.items():
        if written < horizon:
            _remove(f"{parent}/{run}")


def _place(root: str) -> tuple[fs.FileSystem, str]:
    system, path = fs.FileSystem.from_uri(root if "://" in root else str(Path(root).absolute()))
    return system, path
