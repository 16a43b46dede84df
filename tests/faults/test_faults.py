"""Faults other than a kill: each ends in one sentence, and leaves nothing behind that a later run would stumble on."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine

from contracts.errors import DatabaseError, LakeError, UserError
from contracts.learning import Evidence, Finding, Ruling, Verdict
from settings import Settings, load
from simulation.world import simulate
from store import book, claims, database, embedded, extract, lake, loading, tenants
from store.book import Publication
from tasks import run as running
from tasks.request import LearningRequest
from tests.flows.conftest import AS_OF, EASY
from tests.servers import Server

ROOM = 600_000  # bytes: enough for a file or two of the small agency, not for all


@contextmanager
def tmpfs(folder: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes; skips where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs is not permitted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def agency(settings: Settings, engine: Engine) -> Settings:
    """The small agency, loaded and not yet learned from."""
    world = simulate(replace(EASY, leads=3_000), seed=2, as_of=AS_OF)
    loading.load_tenants(engine, world.tenants)
    loading.load_leads(engine, world.leads)
    loading.load_touches(engine, world.touches)
    return settings


def test_a_full_disk_under_the_lake_is_a_sentence_and_leaves_no_file(agency: Settings, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "small", ROOM) as folder:
        small = agency.model_copy(update={"lake": str(folder / "lake")})
        with pytest.raises(LakeError) as full:
            extract.extract(small, run_id=uuid4(), as_of=AS_OF, now=AS_OF)
        said = str(full.value)
        assert "No space left on device" in said
        assert said.endswith(
            "Free space there, or set LEARNBACK_LAKE to a folder that this user may write and that has room."
        )
        assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_full_disk_under_postgres_is_a_sentence_and_it_goes_on_after_it() -> None:
    """Loading is cut off whole; with space again, the same load goes through, and nothing is doubled."""
    folder = Path(tempfile.gettempdir()) / f"learnback-full-{os.getpid()}"
    with tmpfs(folder, 100 * 2**20):
        settings = load(home=folder, database_url=None)
        url = embedded.start(settings)
        try:
            with pytest.raises(DatabaseError, match="the disk of PostgreSQL is full"), database.loss_explained():
                _fill(url)
            subprocess.run(["mount", "-o", "remount,size=400m", str(folder)], check=True)
            with psycopg.connect(embedded.start(settings)) as connection:
                assert connection.execute("SELECT to_regclass('filled') IS NULL").fetchone() == (True,)
        finally:
            embedded.stop(settings)
    folder.rmdir()


def _fill(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE filled (what text)")
        connection.execute("INSERT INTO filled SELECT repeat(md5(n::text), 30) FROM generate_series(1, 200000) AS n")


def test_a_connection_that_drops_in_the_middle_of_reading(agency: Settings, engine: Engine) -> None:
    """PostgreSQL ends every stream after its first rows: one sentence, and no file of the run stays."""
    ended = threading.Event()

    def end(name: str, rows: int) -> None:
        if name == "touches" and not ended.is_set():
            ended.set()
            _end_others(agency)

    run = uuid4()
    with pytest.raises(DatabaseError) as lost:
        extract.extract(agency, run_id=run, as_of=AS_OF, now=AS_OF, tell=end)
    assert ended.is_set()
    assert str(lost.value).startswith("PostgreSQL ended the connection in the middle of the work. Run the same command")
    assert list(Path(lake.open(agency)).rglob(f"{run}*")) == []
    assert extract.extract(agency, run_id=uuid4(), as_of=AS_OF, now=AS_OF).rows()["leads"] > 0


def _end_others(settings: Settings) -> None:
    with psycopg.connect(
        database.store_url(settings).replace("learnback@", "postgres@"), autocommit=True
    ) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_flipped_byte_of_the_lake_is_found_before_it_is_learned_from(
    agency: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = extract.extract(agency, run_id=uuid4(), as_of=AS_OF, now=AS_OF)
    path = Path(manifest.root) / manifest.of("touches")[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(lake, "_whole", set())  # as in any later process
    with pytest.raises(LakeError, match=r"holds other bytes than were written: .*Run `learnback learn` again"):
        lake.scan(manifest, "touches")


@pytest.fixture
def stages(agency: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Two runs of one flow at the same moment, each of which takes a while; what began and ended, in order."""
    monkeypatch.setattr(running, "_numbers", lambda report: {})
    order: list[str] = []

    def at_once() -> list[str]:
        with ThreadPoolExecutor(2) as pool:
            list(
                pool.map(lambda name: running.carried_out(LearningRequest(), agency, _work(order, name), "twice"), "ab")
            )
        return order

    return at_once


def _work(order: list[str], name: str) -> Callable[[running.Run], object]:
    def work(run: running.Run) -> object:
        order.append(f"{name} begins")
        time.sleep(0.3)
        order.append(f"{name} ends")
        return type("Record", (), {"report": None})()

    return work


def test_of_two_runs_at_once_one_waits(stages: Callable[[], list[str]]) -> None:
    first, second, third, last = stages()
    assert (first[0], third[0]) == (second[0], last[0])
    assert [said.split()[1] for said in (first, second, third, last)] == ["begins", "ends"] * 2


def test_of_two_that_judged_the_same_head_one_publishes(agency: Settings, engine: Engine) -> None:
    """Even where the claim was lost: what was judged against a head replaces that head or none."""
    tenant = tenants.create(engine, "Contested").id
    gate = threading.Barrier(2)

    def publish(weight: float) -> bool:
        gate.wait()
        return bool(_publish(engine, tenant, weight, AS_OF, judged=0))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(publish, (0.3, 0.4))) == [False, True]
    assert len(book.history(engine, tenant, "what")) == 1


def _publish(
    engine: Engine, tenant: UUID, weight: float, as_of: datetime, judged: int | None = None
) -> dict[UUID, int]:
    finding = Finding({"weight": weight}, Evidence(100, 10), f"inputs {weight}")
    until = as_of + timedelta(days=28)
    publication = Publication(tenant, "what", finding, Verdict(Ruling.PUBLISH, 0.9), until, "c0de", judged=judged)
    return book.publish(engine, [publication], run_id=uuid4(), as_of=as_of, actor="test")


def test_a_clock_that_jumped_is_noticed_and_undone_by_a_rollback(server: Server) -> None:
    """A run of the year 2090 published; back in the present, a run says so, until that pattern is taken back."""
    settings = server.migrated_settings()
    engine = database.open_store(settings)
    tenant = tenants.create(engine, "Ahead").id
    _publish(engine, tenant, 0.3, datetime.now(UTC) - timedelta(days=7))
    _publish(engine, tenant, 0.4, datetime(2090, 1, 1, tzinfo=UTC))
    with claims.claimed(settings, "f", tell=print) as claim:
        with pytest.raises(UserError, match=r"clock says .*, and patterns in force .* as of 2090-01-01"):
            running.open_run(LearningRequest(), settings, claim)
        running.open_run(LearningRequest(as_of=datetime(2026, 3, 1, tzinfo=UTC)), settings, claim)
        assert book.rollback(engine, tenant, "what", actor="test", reason="the clock was wrong") == 1
        running.open_run(LearningRequest(), settings, claim)
    head = book.head(engine, tenant, "what")
    assert head is not None
    assert head.valid_until is not None
    assert head.valid_until <= datetime.now(UTC) + timedelta(days=28), "no head stays valid until 2090"
    engine.dispose()
