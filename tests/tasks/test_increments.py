"""A run that begins from the run before says what a run says that reads everything, whatever happened in between.

The 200 histories of the acceptance are a benchmark (benchmarks.incremental); these are its first, and what each way of
not beginning from an earlier run looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from benchmarks.incremental import same_after_every_step
from benchmarks.random_histories import History, Learned, learned, settings_pair
from contracts.periods import has_settled, period_of
from settings import Settings
from store import lake
from store.increments import Part
from tests.servers import Server


@dataclass
class Agency:
    """A history, and how it is learned from: as increments, and in full."""

    history: History
    increments: Settings
    full: Settings

    def sql(self, statement: str) -> None:
        with psycopg.connect(self.history.address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def learn(self) -> Learned:
        """An increment, which must say what reading everything says."""
        found = learned(self.increments, self.history.now)
        assert found.hashes == learned(self.full, self.history.now).hashes
        return found

    def because(self) -> str:
        """Why the next run reads everything."""
        found = self.learn()
        assert found.manifest.increment is not None
        assert not found.began
        return found.manifest.increment.because


def address(server: Server, settings: Settings) -> str:
    assert settings.database_url is not None
    name = settings.database_url.get_secret_value().split("@/")[1].split("?")[0]
    return server.url(name, "postgres")


@pytest.fixture
def agency(server: Server) -> Agency:
    settings = server.migrated_settings()
    return Agency(History(address(server, settings), seed=0), *settings_pair(settings))


@pytest.mark.parametrize("seed", [1, 2])
def test_an_increment_says_what_reading_everything_says(server: Server, seed: int) -> None:
    settings = server.migrated_settings()
    assert same_after_every_step(settings, address(server, settings), seed, steps=4) == 4


def test_what_did_not_change_is_neither_read_nor_counted_again(agency: Agency) -> None:
    first = agency.learn().manifest.increment
    assert first is not None
    agency.history.now += timedelta(hours=1)
    again = agency.learn().manifest.increment
    assert again is not None
    assert again.raw == first.raw
    assert all(part in again.parts for part in first.parts if part.stable_until > agency.history.now)
    assert any(part in again.parts for part in first.parts)


def test_a_late_outcome_changes_only_its_own_slice(agency: Agency) -> None:
    first = agency.learn().manifest.increment
    assert first is not None
    with psycopg.connect(agency.history.address) as connection:
        row = connection.execute(
            "UPDATE learnback.leads SET converted_at = %s, status = 'converted' WHERE (tenant_id, id) ="
            " (SELECT tenant_id, id FROM learnback.leads WHERE converted_at IS NULL ORDER BY created_at LIMIT 1)"
            " RETURNING created_at",
            [agency.history.now],
        ).fetchone()
    assert row is not None
    second = agency.learn().manifest.increment
    assert second is not None
    assert {file.period for file in set(second.raw) ^ set(first.raw)} == {period_of(row[0])}


def test_a_transaction_that_commits_late_is_not_lost(agency: Agency) -> None:
    agency.learn()
    insert = (
        "INSERT INTO learnback.leads (tenant_id, id, created_at, status)"
        " SELECT id, gen_random_uuid(), '2025-12-01Z', 'new' FROM learnback.tenants LIMIT 1"
    )
    with psycopg.connect(agency.history.address) as older:
        older.execute(insert)
        agency.sql(insert)  # younger, and commits first
        agency.learn()
        older.commit()
    rows = agency.learn().manifest.rows()["leads"]
    with psycopg.connect(agency.history.address) as connection:
        assert connection.execute("SELECT count(*) FROM learnback.leads").fetchone() == (rows,)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("TRUNCATE learnback.activities", "the source, its queries or the number of tenant groups changed"),
        ("CLUSTER learnback.leads USING leads_pkey", "the source, its queries or the number of tenant groups changed"),
    ],
)
def test_a_source_that_is_another_is_read_anew(agency: Agency, harm: str, said: str) -> None:
    assert agency.because() == "no earlier run left anything to begin from"
    agency.sql(harm)
    assert agency.because() == said


def test_a_damaged_file_of_an_earlier_run_is_made_again(agency: Agency) -> None:
    agency.learn()
    root = Path(agency.increments.lake or "")
    harms: tuple[Callable[[Part], str], ...] = (lambda part: part.tally, lambda part: part.summaries["who"])
    for harmed in harms:
        increment = lake.latest(str(root)).increment
        assert increment is not None
        for part in increment.parts:
            (root / harmed(part)).write_bytes(b"")
        assert agency.learn().began


def test_files_of_an_earlier_run_outlive_it(agency: Agency) -> None:
    agency.learn()
    root = agency.increments.lake or ""
    for _ in range(3):
        agency.history.now += timedelta(days=1)
        agency.learn()
        lake.prune(root, keep=1)
    for path in lake.latest(root).paths:
        assert (Path(root) / path).is_file()


def test_periods_settle_once_nothing_in_them_waits(agency: Agency) -> None:
    now = agency.history.now
    newest = period_of(now)
    assert newest <= f"{now:%Y-%m-%d}"
    assert not has_settled(newest, now, days=0)
    assert has_settled(newest, now + timedelta(days=28), days=0)
    assert not has_settled("none", now, days=0)
