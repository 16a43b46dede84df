"""What `learnback status` tells besides processes: heads by health, who is left out, last runs, and disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from settings import Settings

FLOWS = ("pattern-learning", "pattern-health")


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run of a flow as our ledger knows it. error: the sentence that ended it, where one did."""

    flow: str
    state: str
    opened_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class Operations:
    """How the work goes. fault: why the store could not be asked; the rest is then empty.

    health: verdict → heads that had it at the newest look. worrying: those that are not healthy, in words. left_out:
    tenants in quarantine with the reason. lake_bytes: None where the lake is no folder of this machine.
    """

    fault: str = ""
    health: dict[str, int] | None = None
    worrying: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    runs: tuple[LastRun, ...] = ()
    database_bytes: int | None = None
    lake_bytes: int | None = None


def operations(settings: Settings) -> Operations:
    """What the store and the lake tell now; starts nothing, and a store that cannot be asked is no error."""
    from contracts.errors import UserError
    from store import database, embedded

    if settings.database_url is None and not embedded.running(settings):
        return Operations(fault="the database does not run: `learnback up` starts it", lake_bytes=_lake(settings))
    try:
        engine = database.open_store(settings)
    except UserError as error:
        return Operations(fault=str(error), lake_bytes=_lake(settings))
    try:
        return _asked(settings, engine)
    finally:
        engine.dispose()


def _asked(settings: Settings, engine: object) -> Operations:
    from sqlalchemy import Engine

    from contracts.health import Health
    from contracts.runs import State
    from store import health, ledger, quarantine

    assert isinstance(engine, Engine)
    looked = health.newest(engine)
    last = [ledger.latest_run(engine, flow, state=None) for flow in FLOWS]
    return Operations(
        health={state.value: sum(one.health == state for one in looked) for state in Health},
        worrying=tuple(
            f"{one.tenant}, {one.pattern_type}: {one.health} ({one.because})"
            for one in looked
            if one.health != Health.HEALTHY
        ),
        left_out=tuple(
            f"{entry.quarantined.tenant}: {entry.quarantined.reason}" for entry in quarantine.current(engine)
        ),
        runs=tuple(
            LastRun(run.flow, State(run.state).value, run.opened_at, run.error) for run in last if run is not None
        ),
        database_bytes=health.database_bytes(engine),
        lake_bytes=_lake(settings),
    )


def _lake(settings: Settings) -> int | None:
    """Bytes of the lake, and of what health extracts beside it, where they are folders here."""
    if "://" in settings.lake_url:
        return None
    roots = [Path(settings.lake_url), Path(f"{settings.lake_url.rstrip('/')}-health")]
    return sum(file.stat().st_size for root in roots if root.is_dir() for file in root.rglob("*") if file.is_file())


def in_words(now: Operations) -> list[tuple[str, str]]:
    """(what, how it stands), a line each."""
    if now.fault:
        lines = [("patterns", now.fault)]
    else:
        counted = ", ".join(f"{n} {name}" for name, n in (now.health or {}).items() if n)
        lines = [("patterns", counted or "not looked at yet: `learnback health` does")]
        lines += [("", line) for line in now.worrying[:MOST_LINES]]
        lines += _more(now.worrying)
        lines += [("quarantine", now.left_out[0] if now.left_out else "nobody")]
        lines += [("", line) for line in now.left_out[1:MOST_LINES]]
        lines += _more(now.left_out)
        lines += [(f"last {run.flow}", _told(run)) for run in now.runs]
    sizes = [("database", now.database_bytes), ("lake", now.lake_bytes)]
    told = ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in sizes if size is not None)
    return [*lines, ("disk", told)] if told else lines


MOST_LINES = 10


def _more(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("", f"… and {len(lines) - MOST_LINES} more")] if len(lines) > MOST_LINES else []


def _told(run: LastRun) -> str:
    return f"{run.opened_at:%a %d %b %H:%M} UTC {run.state}" + (f": {run.error}" if run.error else "")
