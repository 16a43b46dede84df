"""Prune: forget what old runs left behind, by the settings' policy, in the store, the lake and the home folder."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from adapters import prefect_database, prefect_server
from contracts.retention import Pruned
from settings import Settings
from store import lake, retention
from tasks.connections import store

log = logging.getLogger("learnback")

REPORT = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.html")


def expired(settings: Settings, *, now: datetime) -> tuple[Pruned, ...]:
    """What `prune` would do now, without doing any of it."""
    files = lake.expired(lake.open(settings), settings.keep_extracts)
    return (
        *retention.expired(store(settings), settings.retention, now=now),
        Pruned("files in the lake", len(files), sum(file.size for file in files)),
        _told("reports", old_reports(settings, now)),
        _of_logs(settings, _long_logs(settings)),
        Pruned("space in the Prefect server's database", 0, prefect_database.free_bytes(settings)),
    )


def prune(settings: Settings, *, now: datetime) -> tuple[Pruned, ...]:
    """Forget it, and say what went. Safe to repeat, and while a run is at work."""
    root = lake.open(settings)
    size = sum(file.size for file in lake.expired(root, settings.keep_extracts))
    reports = old_reports(settings, now)
    logs = _long_logs(settings)
    gone = (
        *retention.prune(store(settings), settings.retention, now=now),
        Pruned("files in the lake", lake.prune(root, settings.keep_extracts), size),
        _told("reports", reports),
        _of_logs(settings, logs),
        Pruned("space in the Prefect server's database", 0, _compact(settings)),
    )
    for report in reports:
        report.unlink(missing_ok=True)
    for path in logs:
        _shorten(path, settings.retention.log_bytes // 2)
    return gone


def old_reports(settings: Settings, now: datetime) -> list[Path]:
    """Pages of runs that are older than the records of runs; what else lies there is left alone."""
    horizon = f"{now - settings.retention.records:%Y-%m-%d}"
    named = ((path, REPORT.fullmatch(path.name)) for path in settings.reports_home.glob("*.html"))
    return sorted(path for path, match in named if match and match["day"] < horizon)


def _told(what: str, files: list[Path]) -> Pruned:
    return Pruned(what, len(files), sum(file.stat().st_size for file in files))


def _logs(settings: Settings) -> Iterator[Path]:
    yield from sorted((settings.root / "logs").glob("*.log"))
    yield from settings.postgres_home.glob("server.log")


def _long_logs(settings: Settings) -> list[Path]:
    return [path for path in _logs(settings) if path.stat().st_size > settings.retention.log_bytes]


def _of_logs(settings: Settings, logs: list[Path]) -> Pruned:
    kept = settings.retention.log_bytes // 2
    return Pruned("logs that are too long", len(logs), sum(path.stat().st_size - kept for path in logs))


def _shorten(path: Path, keep: int) -> None:
    """Keep a log's newest lines. In place, since its writer has it open: it appends, and goes on at the new end."""
    with path.open("rb+") as file:
        file.seek(-keep, 2)
        file.readline()
        newest = file.read()
        file.seek(0)
        file.truncate()
        file.write(newest)


def _compact(settings: Settings) -> int:
    """The server deletes its old runs by itself; the file only shrinks while no server has it open."""
    return 0 if prefect_server.find(settings) else prefect_database.compact(settings)
