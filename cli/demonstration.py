"""What `learnback demo` does, step by step, each with its duration."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.text import Text
from sqlalchemy import Engine

import settings as settings_module
from cli import running
from cli.opening import open_store
from cli.terminal import console, progress
from contracts.errors import SettingsError
from reports.records import ReportInput
from settings import Settings

TRUTH = "truth.json"
"""What was planted, beside the reports, where every later report of these tenants finds it."""

SEED = 7
"""The agency of all demos. In some worlds chance publishes a flat tenant (about one in twenty-five): seed 0 is one."""

SUNDAY = 6
WEEKLY_HOUR = 2  # the weekly schedule's hour, UTC: the demo learns as its last run would have


def run() -> None:
    """The loop, end to end; prints what was learned beside what was planted."""
    from adapters import prefect_deployments, prefect_environment, prefect_server
    from reports import terminal

    started = time.perf_counter()
    loaded = _local_settings()
    as_of = last_weekly_moment(datetime.now(UTC))
    with progress("Starting …") as log:
        server = prefect_server.start(loaded)  # it starts in the background while the world is made
        prefect_environment.apply(loaded)
        with _step(log, "Starting PostgreSQL and migrating"):
            engine = open_store(loaded)
        _ensure_world(log, loaded, engine, as_of)
        with _step(log, "Starting the Prefect server"):
            prefect_server.wait_ready(server)
        log.info("Opening the run …")
        record = running.run_flow(tenants=[], as_of=as_of, dry_run=False)
        with _step(log, "Rescoring every lead with the weights in force"):
            scored = running.rescore(engine, [])
        with _step(log, "Registering the deployments"):
            prefect_deployments.register(loaded)

    console.print()
    console.print(terminal.learned_beside_planted(record))
    console.print(terminal.claims_beside_planted(record))
    console.print()
    console.print(terminal.summary(record.report))
    console.print(f"Rescored {sum(line.leads for line in scored):,} leads with the weights in force.")
    console.print(f"The demo took {time.perf_counter() - started:.0f} s.\n")
    console.print(f"Report      {record.report.html}", soft_wrap=True)
    console.print(f"Prefect UI  {server.ui_url}\n", soft_wrap=True)
    _tell_what_is_next(record)


def _tell_what_is_next(record: ReportInput) -> None:
    """Commands that show more of what the demo made, as they can be typed here."""
    learnback = "learnback" if shutil.which("learnback") else os.path.relpath(sys.argv[0])
    shown = max(record.report.outcomes, key=lambda outcome: (outcome.version, outcome.outcomes)).tenant
    for arguments, what in (
        ("patterns list", "what is in force for whom, or why nothing is"),
        (f'patterns show "{shown}" who', "one pattern, and on what evidence"),
        ("sql", "which tables the lake has; then a query over them"),
        ("up", "start a worker, which learns on Sundays at 02:00 UTC"),
        ("down", "stop server and PostgreSQL; nothing is lost"),
    ):
        console.print(Text.assemble(f"{learnback} {arguments}  ", (f"# {what}", "dim")), soft_wrap=True)


def _ensure_world(log: logging.Logger, loaded: Settings, engine: Engine, as_of: datetime) -> None:
    """Simulate and load the agency, unless exactly this one was loaded before."""
    from simulation.config import demo_world
    from simulation.world import simulate
    from store import loading

    stamp = {"seed": SEED, "as_of": as_of.isoformat(), "config": asdict(demo_world())}
    if _loaded_before(loaded, engine, stamp):
        log.info("The simulated agency is loaded already")
        return
    with _step(log, "Simulating an agency with planted truth"):
        world = simulate(demo_world(), seed=SEED, as_of=as_of)
    loading.load_tenants(engine, world.tenants)
    with _step(log, f"Loading {world.leads.height:,} leads"):
        loading.load_leads(engine, world.leads)
    with _step(log, f"Loading {world.touches.height:,} touches"):
        loading.load_touches(engine, world.touches)
    _write(loaded.reports_home / TRUTH, {**world.truth.document(), "stamp": stamp})


def _loaded_before(loaded: Settings, engine: Engine, stamp: object) -> bool:
    """The truth is written last, so that one with this stamp says that its world was loaded whole."""
    from store import tenants

    path = loaded.reports_home / TRUTH
    if not path.exists():
        return False
    truth = json.loads(path.read_text())
    held = {str(tenant.id) for tenant in tenants.all_tenants(engine)}
    same = json.loads(json.dumps(stamp)) == truth.get("stamp")
    return same and all(tenant["tenant_id"] in held for tenant in truth["tenants"])


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


def last_weekly_moment(now: datetime) -> datetime:
    """The last Sunday 02:00 UTC at or before `now`: when the weekly schedule last ran, or would have."""
    sunday = now - timedelta(days=(now.weekday() - SUNDAY) % 7)
    moment = sunday.replace(hour=WEEKLY_HOUR, minute=0, second=0, microsecond=0)
    return moment if moment <= now else moment - timedelta(days=7)


def _local_settings() -> Settings:
    """The settings, if they leave the demo its embedded database: simulated tenants have no business in a real one."""
    loaded = settings_module.load()
    for name in ("database_url", "source_url"):
        if getattr(loaded, name) is not None:
            raise SettingsError(
                f"LEARNBACK_{name.upper()} is set, and the demo writes simulated tenants",
                wanted="it only runs on the embedded database",
                do=f"Unset it for the demo: env -u LEARNBACK_{name.upper()} learnback demo",
            )
    return loaded


@contextmanager
def _step(log: logging.Logger, doing: str) -> Iterator[None]:
    log.info("%s …", doing)
    started = time.perf_counter()
    yield
    log.info("%s: %.1f s", doing, time.perf_counter() - started)
