"""A user's own source: what its `-- changed:` headers read again, what its counts notice, and how its drift is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from contracts.errors import ContractError
from settings import Settings
from store import extract, lake, source
from store.lake import Manifest
from store.since import Begin
from tasks import increments
from tests.store import source_database
from tests.store.source_database import LEADS, TOUCHES, crm, with_extracts

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHANGING = """
ALTER TABLE crm.people ADD updated timestamptz DEFAULT '2026-05-01Z';
ALTER TABLE crm.mails ADD updated timestamptz DEFAULT '2026-05-01Z';
"""
HEADERS = {
    "leads": LEADS.replace("as p\n", "as p\n-- changed: p.updated within 10 days\n", 1),
    "touches": TOUCHES.replace("as m\n", "as m\n-- changed: m.updated within 10 days\n", 1),
}


@pytest.fixture
def changing(tmp_path: Path) -> Settings:
    settings = crm(tmp_path, **HEADERS)
    sql(settings, CHANGING)
    return settings


def sql(settings: Settings, statement: str) -> None:
    assert settings.source_url is not None
    with psycopg.connect(settings.source_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(statement.encode())


def read(settings: Settings, base: Manifest | None, now: datetime = NOW) -> Manifest | None:
    """A run that begins from `base`: its manifest, None where it does not add up."""
    begin = Begin(now, base)
    with extract.planned(settings, run_id=uuid4(), as_of=now, now=now, begin=begin) as plan:
        assert plan.beginning is not None
        files = tuple(f for stream in plan.streams for f in extract.extract_stream(settings, plan, stream))
        manifest = plan.manifest(files)
        groups = range(manifest.groups)
        raw = tuple(file for group in groups for file in increments.slices(manifest, plan.beginning, group))
        arranged = increments.arranged(manifest, plan.beginning, raw)
    if arranged:
        lake.write(arranged)
    return arranged


def everything(settings: Settings, manifest: Manifest) -> bool:
    """Whether the manifest's rows are those that a full extraction finds."""
    full = extract.extract(settings, run_id=uuid4(), as_of=manifest.as_of, now=manifest.now)
    return all(source_database.rows(manifest, name) == source_database.rows(full, name) for name in full.rows())


def test_changes_are_found_by_their_column(changing: Settings) -> None:
    first = read(changing, None)
    assert first is not None
    sql(changing, "UPDATE crm.people SET won = made + interval '9 days', updated = '2026-06-03Z' WHERE id = 7")
    sql(changing, "INSERT INTO crm.mails VALUES (9001, 1, 7, '2026-06-02Z', '{}', '2026-06-03Z')")
    second = read(changing, first, NOW + timedelta(days=7))
    assert second is not None
    assert second.increment is not None
    assert second.increment.since == str(first.run_id)
    assert everything(changing, second)


def test_a_row_that_went_is_noticed(changing: Settings) -> None:
    first = read(changing, None)
    sql(changing, "DELETE FROM crm.mails WHERE id = 8")
    assert read(changing, first) is None


def test_a_change_that_its_column_does_not_tell_stays_unread(changing: Settings) -> None:
    first = read(changing, None)
    sql(changing, "UPDATE crm.people SET stage = 'lost' WHERE id = 7")
    second = read(changing, first)
    assert second is not None
    assert not everything(changing, second)


def test_touches_that_share_an_id_leave_nothing_to_begin_from(changing: Settings) -> None:
    sql(changing, "INSERT INTO crm.mails SELECT * FROM crm.mails WHERE id = 8")
    first = read(changing, None)
    assert first is not None
    assert first.increment is None
    assert everything(changing, first)


def test_without_headers_everything_is_read(tmp_path: Path) -> None:
    settings = crm(tmp_path, leads=HEADERS["leads"])
    sql(settings, CHANGING)
    with extract.planned(settings, run_id=uuid4(), as_of=NOW, now=NOW, begin=Begin(NOW, None)) as plan:
        assert plan.beginning is not None
        assert not plan.beginning.leaves
        assert plan.beginning.because == "no `-- changed:` line in touches.sql says how changes are found"


def test_a_header_without_a_split_is_told(tmp_path: Path) -> None:
    text = "-- changed: p.updated within 3 days\n" + LEADS.replace("-- split: crm.people as p\n", "").replace(
        " AND :split", ""
    )
    with pytest.raises(ContractError, match="does not use :split"):
        source.queries(crm(tmp_path, leads=text))


STAR = "SELECT v.* FROM crm.all_mails AS v WHERE (v.occurred_at > :as_of AND v.occurred_at <= :now) IS NOT TRUE"
VIEW = """
DROP VIEW IF EXISTS crm.all_mails;
CREATE VIEW crm.all_mails AS SELECT md5(m.account::text)::uuid AS tenant_id, md5('m' || m.id)::uuid AS touch_id,
    md5('p' || m.person)::uuid AS lead_id, 'email' AS channel, m.at AS occurred_at{more} FROM crm.mails AS m
"""


def test_an_optional_column_that_went_is_told_before_anything_is_written(tmp_path: Path) -> None:
    settings = crm(tmp_path, touches=STAR)
    sql(settings, VIEW.format(more=", m.body ->> 'cta' AS cta"))
    extract.extract(settings, run_id=uuid4(), as_of=NOW, now=NOW)
    before = lake.runs(settings.lake_url)
    sql(settings, VIEW.format(more=""))
    with pytest.raises(ContractError, match=r"touches\.sql no longer returns cta, which the run before read"):
        extract.extract(settings, run_id=uuid4(), as_of=NOW, now=NOW)
    assert lake.runs(settings.lake_url) == before
    named = STAR.replace("v.*", "v.tenant_id, v.touch_id, v.lead_id, v.channel, v.occurred_at")
    changed = with_extracts(settings, tmp_path / "named", touches=named)
    extract.extract(changed, run_id=uuid4(), as_of=NOW, now=NOW)


def test_types_that_changed_and_values_that_nobody_declared_are_noticed(tmp_path: Path) -> None:
    settings = crm(tmp_path)
    extract.extract(settings, run_id=uuid4(), as_of=NOW, now=NOW)
    sql(settings, "UPDATE crm.people SET stage = 'on hold' WHERE id = 999")
    risky = LEADS.replace("::real AS risk", "::numeric AS risk")
    changed = with_extracts(settings, tmp_path / "extracts", leads=risky)
    with extract.planned(changed, run_id=uuid4(), as_of=NOW, now=NOW) as plan:
        types, values = plan.noticed
    assert types.endswith("leads.sql: risk was real in the run before, and is numeric now")
    assert "leads.sql returns status 'on hold', which the contract lacks" in values
