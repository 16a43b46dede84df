"""Pruning: five years of weekly runs stay small; what was learned, moved or is still wrong stays for good."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text

from adapters import prefect_database
from contracts.learning import Evidence, Finding, Ruling, Verdict
from contracts.runs import Quarantined, Slice, State
from settings import Settings, load
from store import audit, book, lake, ledger, quarantine, tenants, verdicts
from store.lake import Manifest, Watermark
from store.scope import learner_scope
from tasks import prune as pruning
from tests.servers import Server

BEGIN = datetime(2021, 1, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
WEEKS = 260
TYPES = ("who",)
LIMITS = {"runs": 59, "slices": 7 * 3, "verdicts": 59 * 2}
"""Rows after any pruning: 400 days are 57 weeks and a half, 35 days are five; one slot more for what has just come."""


def week(engine: Engine, settings: Settings, ids: tuple[UUID, UUID], number: int) -> datetime:
    """One weekly run as the store sees it; a new version every tenth week. Returns its moment."""
    moment, run = BEGIN + number * WEEK, uuid4()
    ledger.open_run(engine, run_id=run, flow="weekly", as_of=moment, request={}, code_version="c0de")
    pieces = {Slice("extract/leads", group): (f"leads/{run}.parquet", 10) for group in range(3)}
    ledger.enter_done(engine, run, pieces, input_hash="h", code_version="c0de")
    for kind in TYPES:
        if number % 10 == 0:
            found = Finding({"week": number}, Evidence(100, 10), f"inputs {number}")
            published = [book.Publication(ids[0], kind, found, VERDICT, moment + 4 * WEEK, "c0de")]
            book.publish(engine, published, run_id=run, as_of=moment, actor="weekly")
        book.record_verdicts(engine, kind, dict.fromkeys(ids, VERDICT), dict.fromkeys(ids, 1), run_id=run)
    ledger.close_run(engine, run, State.DONE, report={"published": 1})
    lake.write(Manifest(lake.open(settings), run, moment, moment, 3, Watermark(number, None)))
    settings.reports_home.mkdir(parents=True, exist_ok=True)
    (settings.reports_home / f"{moment:%Y-%m-%d}-{run}.html").write_text("<p>")
    return moment


VERDICT = Verdict(Ruling.PUBLISH, 0.9)


@pytest.fixture
def past(server: Server, settings: Settings) -> Iterator[Callable[[datetime], None]]:
    """Call it with a moment: what was entered in the store just now was entered then."""
    assert settings.database_url is not None
    found = re.search(r"/(t[0-9a-f]+)\?", settings.database_url.get_secret_value())
    assert found is not None
    with psycopg.connect(server.url(found[1], "postgres"), autocommit=True) as connection:

        def backdate(moment: datetime) -> None:
            for statement in (
                "UPDATE learnback.runs SET opened_at = %s WHERE opened_at > now() - interval '1 day'",
                "UPDATE learnback.verdicts SET judged_at = %s WHERE judged_at > now() - interval '1 day'",
            ):
                connection.execute(statement, (moment,))

        yield backdate


def rows(engine: Engine) -> dict[str, int]:
    with learner_scope(engine) as connection:
        return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in (*LIMITS, "patterns")}


def test_five_years_of_weekly_runs_stay_small(
    past: Callable[[datetime], None], settings: Settings, engine: Engine
) -> None:
    ids = (tenants.create(engine, "Ash").id, tenants.create(engine, "Birch").id)
    bad = Quarantined(ids[1], "Birch", "orphans", "a third of its touches have no lead", 0.3, 0.05)
    quarantine.open_entries(engine, [bad], run_id=uuid4())
    sizes = []
    for number in range(WEEKS):
        moment = week(engine, settings, ids, number)
        past(moment)
        if number % 4 == 3:
            before = pruning.expired(settings, now=moment)
            assert pruning.prune(settings, now=moment) == before, "the dry run tells what the other does"
            assert all(line.count == 0 for line in pruning.expired(settings, now=moment))
            sizes.append(rows(engine))
    for kind, limit in LIMITS.items():
        assert max(size[kind] for size in sizes) <= limit, kind
    assert sizes[-1]["runs"] == sizes[len(sizes) // 2]["runs"]
    assert len(lake.runs(lake.open(settings))) <= settings.keep_extracts
    assert len(list(settings.reports_home.glob("*.html"))) <= LIMITS["runs"]

    published = WEEKS // 10
    assert rows(engine)["patterns"] == published * len(TYPES)
    assert len(audit.entries(engine, ids[0])) == published * len(TYPES)
    assert {head.version for head in book.list_heads(engine)} == {published}
    assert [entry.quarantined for entry in quarantine.current(engine)] == [bad]


def test_the_last_run_and_the_last_verdict_stay_however_old(
    past: Callable[[datetime], None], settings: Settings, engine: Engine
) -> None:
    ids = (tenants.create(engine, "Cedar").id, tenants.create(engine, "Dogwood").id)
    moment = week(engine, settings, ids, 300)
    past(moment)
    pruning.prune(settings, now=moment + 1000 * WEEK)
    last = ledger.latest_run(engine, "weekly")
    assert last is not None
    assert len(ledger.slices(engine, last.id)) == 3
    assert {(ruled.tenant, ruled.pattern_type) for ruled in verdicts.newest(engine)} >= {
        (name, kind) for name in ("Cedar", "Dogwood") for kind in TYPES
    }


def test_a_long_log_keeps_its_newest_lines_and_its_writer(server: Server) -> None:
    """Shortened in place: whoever has it open, as servers do, appends to what is left."""
    settings = server.migrated_settings().model_copy(update={"keep_log_mib": 1})
    path = settings.root / "logs" / "server.log"
    path.parent.mkdir(parents=True)
    with path.open("a") as writer:
        writer.writelines(f"line {number:07d}\n" for number in range(100_000))
        writer.flush()
        told = {line.what: line for line in pruning.prune(settings, now=BEGIN)}
        assert told["logs that are too long"].count == 1
        writer.write("the newest\n")
    lines = path.read_text().splitlines()
    assert path.stat().st_size <= settings.retention.log_bytes
    assert lines[-2:] == ["line 0099999", "the newest"]
    assert re.fullmatch(r"line \d{7}", lines[0])


def test_the_servers_file_gives_back_what_deleted_runs_left(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    assert prefect_database.free_bytes(settings) == 0
    prefect_database.prepare(settings)
    file = settings.prefect_home / "prefect.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE filled (what TEXT)")
        database.executemany("INSERT INTO filled VALUES (?)", [("x" * 1000,)] * 5000)
        database.commit()
        database.execute("DROP TABLE filled")
        database.commit()
    free, before = prefect_database.free_bytes(settings), file.stat().st_size
    assert free > 4_000_000
    assert prefect_database.compact(settings) == before - file.stat().st_size > 4_000_000
    assert prefect_database.free_bytes(settings) == 0


@pytest.mark.parametrize("name", ["latest.html", "2020-01-01-mine.html", "notes.txt"])
def test_what_no_run_has_written_is_left_alone(settings: Settings, name: str) -> None:
    settings.reports_home.mkdir(parents=True, exist_ok=True)
    (settings.reports_home / name).write_text("mine")
    assert pruning.old_reports(settings, BEGIN + 3000 * WEEK) == sorted(
        path for path in settings.reports_home.iterdir() if pruning.REPORT.fullmatch(path.name)
    )
