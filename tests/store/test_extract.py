"""Extraction from a user's own schema: every row once, at one instant, in the contract's types, whatever the split."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import polars as pl
import psycopg
import pytest

from contracts.outcomes import EXTRACTS
from contracts.runs import group_of
from settings import Settings
from store import extract, lake
from store.lake import Manifest
from tests.store.source_database import TOUCHES, crm, new_database, rows, superuser, with_extracts

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return crm(tmp_path_factory.mktemp("crm"))


def extracted(settings: Settings, as_of: datetime = NOW, now: datetime = NOW) -> Manifest:
    return extract.extract(settings, run_id=uuid4(), as_of=as_of, now=now)


def url(settings: Settings) -> str:
    assert settings.source_url is not None
    return settings.source_url.get_secret_value()


def test_every_row_once_in_the_types_of_the_contract(source: Settings) -> None:
    manifest = extracted(source)
    assert manifest.rows() == {"tenants": 5, "leads": 1000, "touches": 5000}
    for name, declared in EXTRACTS.items():
        assert lake.scan(manifest, name).collect_schema().names() == list(declared.names)
    leads = lake.scan(manifest, "leads").collect()
    assert leads.schema["tenant_id"] == pl.Binary
    assert leads.schema["created_at"] == pl.Datetime("us", "UTC")
    assert leads["lead_id"].n_unique() == 1000
    first = leads.sort("created_at").row(0, named=True)
    with psycopg.connect(url(source)) as connection:
        expected = connection.execute("SELECT md5('2')::uuid, md5('p1')::uuid").fetchone()
    assert (UUID(bytes=first["tenant_id"]), UUID(bytes=first["lead_id"])) == expected
    assert first["created_at"] == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert (first["authority"], first["risk"], first["employee_count"]) == (0.01, 0.5, 7)
    assert leads["title"].null_count() == leads["data_quality"].null_count() == 1000  # optional, and not returned
    assert leads.schema["data_quality"] == pl.Float64


def test_a_tenant_lies_in_its_group_and_only_there(source: Settings) -> None:
    manifest = extracted(source)
    for name in EXTRACTS:
        for group in range(4):
            ids = lake.scan(manifest, name, [group]).select("tenant_id").collect().to_series().unique()
            assert {group_of(UUID(bytes=i), 4) for i in ids} <= {group}
    assert all(f"/group={file.group:03d}/period=all/{manifest.run_id}-" in file.path for file in manifest.files)


@pytest.mark.parametrize("streams", [2, 5])
def test_any_number_of_streams_gives_the_same_rows(source: Settings, streams: int) -> None:
    one = extracted(source.model_copy(update={"streams": 1}))
    many = extracted(source.model_copy(update={"streams": streams}))
    for name in EXTRACTS:
        assert rows(one, name) == rows(many, name)
    assert {Path(file.path).stem[-1] for file in many.of("touches")} == {str(n) for n in range(streams)}


def test_a_view_divides_by_a_column(source: Settings, tmp_path: Path) -> None:
    by_key = TOUCHES.replace("split: crm.mails as m", "split: crm.mail_view as m by id").replace(
        "FROM crm.mails", "FROM crm.mail_view"
    )
    viewed = with_extracts(source.model_copy(update={"streams": 3}), tmp_path, touches=by_key)
    with extract.planned(viewed, run_id=uuid4(), as_of=NOW, now=NOW) as plan:
        counts = [
            sum(file.rows for file in extract.extract_stream(viewed, plan, stream) if file.extract == "touches")
            for stream in plan.streams
        ]
    assert sum(counts) == 5000
    assert min(counts) > 1000
    assert rows(extracted(viewed), "touches") == rows(extracted(source), "touches")


def test_rows_without_a_key_are_not_lost(tmp_path: Path) -> None:
    by_key = TOUCHES.replace("split: crm.mails as m", "split: crm.mails as m by id")
    settings = crm(tmp_path, touches=by_key)
    with psycopg.connect(url(settings), autocommit=True) as connection:
        connection.execute("UPDATE crm.mails SET id = NULL WHERE id % 50 = 0")
    touches = lake.scan(extracted(settings), "touches").collect()
    assert (touches.height, touches["touch_id"].null_count()) == (5000, 100)


def test_streams_see_what_the_plan_saw(tmp_path: Path) -> None:
    """Rows that appear and change between planning and reading belong to the next run."""
    settings = crm(tmp_path)
    before = rows(extracted(settings), "touches")
    with extract.planned(settings, run_id=uuid4(), as_of=NOW, now=NOW) as plan:
        with psycopg.connect(url(settings), autocommit=True) as connection:
            connection.execute("INSERT INTO crm.mails SELECT id + 9000, account, person, at, body FROM crm.mails")
            connection.execute("UPDATE crm.mails SET body = '{}' WHERE id <= 100")
        files = [file for stream in plan.streams for file in extract.extract_stream(settings, plan, stream)]
        manifest = plan.manifest(tuple(files))
    assert rows(manifest, "touches") == before
    assert extracted(settings).rows()["touches"] == 10_000


def test_the_plan_travels_and_holds_no_secret(source: Settings) -> None:
    with extract.planned(source, run_id=uuid4(), as_of=NOW, now=NOW) as plan:
        packed = pickle.dumps(plan)
        assert pickle.loads(packed) == plan
        assert b"postgresql://" not in packed
    with psycopg.connect(superuser(url(source))) as connection:
        known = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    assert known == (plan.watermark.system_identifier,)
    assert plan.watermark.xmin > 0


def test_as_of_hides_what_came_later(source: Settings) -> None:
    as_of = datetime(2026, 2, 1, tzinfo=UTC)
    earlier = extracted(source, as_of=as_of)
    leads = lake.scan(earlier, "leads").collect()
    assert leads["created_at"].max() <= as_of
    assert leads["converted_at"].drop_nulls().max() <= as_of
    assert leads.filter(pl.col("converted_at").is_null())["status"].unique().to_list() == ["contacted"]
    assert earlier.rows() == {"tenants": 5, "leads": 744, "touches": 0}
    assert leads["converted_at"].count() == sum(n + 240 <= 744 for n in range(10, 745, 10))


def test_impossible_dates_come_through_for_the_checks(source: Settings) -> None:
    """With a clock that says February, everything after it is impossible, and is returned to be counted."""
    february = datetime(2026, 2, 1, tzinfo=UTC)
    manifest = extracted(source, as_of=february, now=february)
    assert manifest.rows() == {"tenants": 5, "leads": 1000, "touches": 5000}


def test_memory_stays_bounded_by_the_budget(source: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no room for rows to wait, each batch becomes row groups of its own, and the rows are the same."""
    before = rows(extracted(source), "touches")
    monkeypatch.setattr(extract, "BUDGET", 1)
    assert rows(extracted(source), "touches") == before


def test_a_partitioned_table_divides_by_a_column(tmp_path: Path) -> None:
    by_key = TOUCHES.replace("crm.mails as m", "crm.parted as m by id").replace("FROM crm.mails", "FROM crm.parted")
    settings = crm(tmp_path, touches=by_key)
    with psycopg.connect(url(settings), autocommit=True) as connection:
        connection.execute("CREATE TABLE crm.parted (LIKE crm.mails) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE crm.part_low PARTITION OF crm.parted FOR VALUES FROM (MINVALUE) TO (2000)")
        connection.execute("CREATE TABLE crm.part_high PARTITION OF crm.parted FOR VALUES FROM (2000) TO (MAXVALUE)")
        connection.execute("INSERT INTO crm.parted SELECT * FROM crm.mails")
    assert extracted(settings).rows()["touches"] == 5000


def test_an_empty_source(tmp_path: Path) -> None:
    settings = crm(tmp_path)
    with psycopg.connect(url(settings), autocommit=True) as connection:
        connection.execute("TRUNCATE crm.accounts, crm.people, crm.mails")
    manifest = extracted(settings)
    assert manifest.rows() == {"tenants": 0, "leads": 0, "touches": 0}
    assert lake.scan(manifest, "touches").collect().columns == list(EXTRACTS["touches"].names)


def test_new_database_is_no_superuser() -> None:
    with psycopg.connect(new_database()) as connection:
        assert connection.execute("SELECT usesuper FROM pg_user WHERE usename = current_user").fetchone() == (False,)
