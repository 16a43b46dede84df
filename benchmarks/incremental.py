"""What does a week with 1 % new rows cost beside a run that reads everything, and is the result the same?

An agency of 200 tenants in Learnback's own tables, 100 weeks of leads and touches (benchmarks.weekly_world). It is
learned from up to its last week; then that week comes: its leads, touches to leads of the five weeks before, and late
conversions of those. The stages run as in the weekly flow, through Prefect, in this process. `identical` holds where
every learner's summary of every tenant group has the same bytes as after reading everything, and where that was so
after every step of random histories (benchmarks.random_histories).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from rich.console import Console

import settings as settings_module
from algorithms import registry
from benchmarks import weekly, weekly_world
from benchmarks.harness import Figure, benchmark
from benchmarks.weekly_world import BEGINS, Size
from settings import Settings
from store import embedded, ledger, migrate

WEEKS = 100
FULL_SIZE = Size(span=7 * WEEKS)
QUICK = Size(tenants=50, leads=40_000, touches=400_000, span=7 * WEEKS)
NOW = BEGINS + timedelta(days=7 * WEEKS)
LAST_WEEK = NOW - timedelta(days=7)
HISTORIES, STEPS = 200, 5
QUICK_HISTORIES, QUICK_STEPS = 3, 3
SEED = 11

LOAD = """
INSERT INTO learnback.tenants (id, name, shares_priors) SELECT id, name, shares FROM agency.accounts
ON CONFLICT DO NOTHING;
INSERT INTO learnback.leads (tenant_id, id, created_at, status, converted_at, title, industry, employee_count, country,
                             time_zone, als_components, components_at)
SELECT account_id, id, created_at, CASE WHEN converted_at > {until} THEN 'contacted' ELSE status END,
       CASE WHEN converted_at <= {until} THEN converted_at END, title, industry, employees, country, zone, score,
       created_at
FROM agency.people WHERE created_at > {since} AND created_at <= {until};
INSERT INTO learnback.activities (tenant_id, id, lead_id, channel, occurred_at, template_id, score_stratum,
                                  subject_type, cta, angle, pain_point)
SELECT account_id, id, person_id, channel, sent_at, content ->> 'template', (content ->> 'score_decile')::smallint,
       content ->> 'subject_type', content ->> 'cta', content ->> 'angle', content ->> 'pain_point'
FROM agency.messages WHERE sent_at > {since} AND sent_at <= {until};
UPDATE learnback.leads AS lead SET status = person.status, converted_at = person.converted_at
FROM agency.people AS person
WHERE person.account_id = lead.tenant_id AND person.id = lead.id
  AND person.converted_at > {since} AND person.converted_at <= {until} AND person.created_at <= {since};
"""
"""What the agency's CRM holds of one stretch of time, in Learnback's own tables."""


@dataclass(frozen=True)
class Measured:
    """One run: seconds by stage, and the SHA-256 of every summary by learner and tenant group."""

    seconds: Mapping[str, float]
    summaries: Mapping[tuple[str, int], str]

    @property
    def total(self) -> float:
        """Extract and summarise; checks are told beside it."""
        return self.seconds["extract"] + self.seconds["summarise"]

    @property
    def told(self) -> str:
        return ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in self.seconds.items())


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--histories", type=int, help="random histories to compare after every step")


@benchmark("incremental", "What does a week with 1 % new rows cost beside reading everything?", _options)
def measure(arguments: argparse.Namespace) -> list[Figure]:
    size = QUICK if arguments.quick else FULL_SIZE
    console = Console(stderr=True, quiet=arguments.json)
    base = settings_module.load()
    embedded.start(base)
    histories, steps = (QUICK_HISTORIES, QUICK_STEPS) if arguments.quick else (HISTORIES, STEPS)
    histories = histories if arguments.histories is None else arguments.histories
    with tempfile.TemporaryDirectory(prefix="learnback-incremental-") as folder:
        settings = prepared(base, size, Path(folder), console)
        start = process_start()
        first, week, full, new, rows = measured(settings, size, console)
        same, compared = compare_histories(base, Path(folder), histories, steps, console)
    identical = week.summaries == full.summaries and same
    return [
        Figure("rows", rows, "leads and touches", f"{new:,} new or changed: {100 * new / rows:.2f} %"),
        Figure("full_s", full.total, "extract and summarise everything, s", full.told),
        Figure("one_percent_s", week.total, "extract and summarise the week, s", week.told),
        Figure("ratio", week.total / full.total, "the week ÷ everything", target="≤ 0.05"),
        Figure("first_s", first.total, "the first run, which leaves slices behind, s", first.told),
        Figure(
            "checked_ratio",
            (week.total + week.seconds["check"]) / (full.total + full.seconds["check"]),
            "the same with checks",
        ),
        Figure("identical", identical, "summaries have the same bytes", f"{compared} steps of {histories} histories"),
        Figure("process_start_s", start, "process start, in none of these, s"),
    ]


def measured(settings: Settings, size: Size, console: Console) -> tuple[Measured, Measured, Measured, int, int]:
    """First run, week, everything; rows that are new or changed, and all rows."""
    full_settings = settings.model_copy(update={"extraction": "full", "lake": f"{settings.lake}-full"})
    everything(full_settings, LAST_WEEK)  # warms the caches
    first = everything(settings, LAST_WEEK)
    console.print(f"First run: {first.told}")
    with psycopg.connect(superuser(settings, size), autocommit=True) as connection:
        low = one(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        load(connection, LAST_WEEK, NOW)
        changed = "SELECT count(*) FROM learnback.{} WHERE row_xid >= '{}'::xid8"
        new = sum(int(one(connection, changed.format(table, low))) for table in ("leads", "activities"))
        rows = sum(int(one(connection, f"SELECT count(*) FROM learnback.{table}")) for table in ("leads", "activities"))  # noqa: S608
        connection.execute("ANALYZE learnback.leads, learnback.activities")
    week = everything(settings, NOW)
    console.print(f"The week: {week.told}")
    full = everything(full_settings, NOW)
    console.print(f"Everything: {full.told}")
    return first, week, full, new, rows


def everything(settings: Settings, now: datetime) -> Measured:
    """The stages of a run at `now` that an increment makes cheaper, through Prefect."""
    from prefect import flow

    from store import lake
    from tasks.check import check
    from tasks.connections import store
    from tasks.extract import extract
    from tasks.run import FLOW, Run, code_version
    from tasks.runner import RUNNER
    from tasks.summarise import summarise

    names = tuple(learner.name for learner in registry.LEARNERS)
    run = Run(uuid4(), now, now, True, False, None, names, code_version(), settings)
    ledger.open_run(store(settings), run_id=run.id, flow=FLOW, as_of=now, request={}, code_version=run.code_version)

    @flow(name="incremental-benchmark", task_runner=RUNNER, persist_result=False)
    def stages() -> dict[tuple[str, int], str]:
        summaries = summarise(run, check(run, extract(run)))
        return {
            (name, group): sha256(Path(summaries.root, path).read_bytes()).hexdigest()
            for name, paths in summaries.paths.items()
            for group, path in paths.items()
        }

    summaries = stages()
    lake.prune(lake.open(settings), keep=1)
    return Measured(dict(run.seconds), summaries)


def prepared(base: Settings, size: Size, folder: Path, console: Console) -> Settings:
    """Settings of a store that holds the agency up to its last week, and a Prefect server to run against."""
    from adapters import prefect_environment, prefect_server

    settings = settings_module.load(
        home=base.home, database_url=weekly.login_url(base, size.database), lake=str(folder / "lake")
    )
    with psycopg.connect(embedded.superuser_url(base), autocommit=True) as connection:
        weekly.recreate(connection, size.database)
    console.print(f"Making {size.touches:,} touches of {size.leads:,} leads …")
    weekly_world.build(superuser(settings, size), size, SEED, lambda said: None)
    migrate.upgrade(settings)
    with psycopg.connect(superuser(settings, size), autocommit=True) as connection:
        console.print("Copying them into Learnback's own tables …")
        connection.execute("CREATE INDEX ON agency.messages (sent_at)")
        # The trigger would mark the converting touches of 50,000 leads one by one; the function marks all at once.
        connection.execute("ALTER TABLE learnback.leads DISABLE TRIGGER on_lead_converted")
        load(connection, BEGINS - timedelta(days=1), LAST_WEEK)
        connection.execute("ALTER TABLE learnback.leads ENABLE TRIGGER on_lead_converted")
        connection.execute("SELECT learnback.mark_converting_touches(id, NULL) FROM learnback.tenants")
        connection.execute("VACUUM (ANALYZE)")
    server = prefect_server.start(settings)
    prefect_environment.apply(settings)
    prefect_server.wait_ready(server)
    return settings


def load(connection: psycopg.Connection, since: datetime, until: datetime) -> None:
    """Copy one stretch of the CRM's time into Learnback's own tables, and what came late of the time before."""
    connection.execute(sql.SQL(LOAD).format(since=sql.Literal(since), until=sql.Literal(until)))


def superuser(settings: Settings, size: Size) -> str:
    return weekly.database_url(settings, size.database)


def one(connection: psycopg.Connection, statement: str) -> str:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return str(row[0])


def process_start() -> float:
    """Seconds until a process of its own could begin a run."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "import flows.pattern_learning"]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[1], env=dict(os.environ))
    return time.perf_counter() - began


def compare_histories(base: Settings, folder: Path, histories: int, steps: int, console: Console) -> tuple[bool, int]:
    """Whether an increment said the same as a full run after every step, and how many steps there were."""
    compared = 0
    for seed in range(histories):
        name = f"learnback_history_{seed}"
        with psycopg.connect(embedded.superuser_url(base), autocommit=True) as connection:
            weekly.recreate(connection, name)
        home = folder / name
        own = settings_module.load(home=home, database_url=weekly.login_url(base, name))
        migrate.upgrade(own)
        try:
            compared += same_after_every_step(own, weekly.database_url(base, name), seed, steps)
        except AssertionError as error:
            console.print(f"History {seed}: {error}", style="red")
            return False, compared
        finally:
            shutil.rmtree(home, ignore_errors=True)
    return True, compared


def same_after_every_step(own: Settings, address: str, seed: int, steps: int) -> int:
    """Go through one history; raises AssertionError where an increment differs. Returns the steps."""
    from benchmarks.random_histories import History, learned, settings_pair  # Prefect: after its server is known

    history = History(address, seed)
    increments, full = settings_pair(own)
    for step in range(steps):
        happened = history.step()
        found, wanted = learned(increments, history.now), learned(full, history.now)
        differ = [name for name, value in wanted.hashes.items() if found.hashes.get(name) != value]
        assert not differ, f"step {step} ({happened}): {differ}"
        assert found.hashes.keys() == wanted.hashes.keys(), f"step {step} ({happened})"
        assert found.began is (step > 0), f"step {step} began anew: {found.manifest.increment}"
    history.close()
    return steps


if __name__ == "__main__":
    measure.main()
