"""What `learnback check` says about a source that does not fit: one sentence, the file's name, and no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from contracts.errors import ContractError, DatabaseError, LakeError, SettingsError, UserError
from settings import Settings
from store import extract, lake, source
from tests.store.source_database import LEADS, TOUCHES, crm, superuser, with_extracts

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return crm(tmp_path_factory.mktemp("crm"))


def url(settings: Settings) -> str:
    assert settings.source_url is not None
    return settings.source_url.get_secret_value()


@contextmanager
def told(kind: type[UserError], *parts: str) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    said = str(caught.value)
    assert "\n" not in said
    for part in parts:
        assert part in said


def run(settings: Settings) -> None:
    extract.extract(settings, run_id=uuid4(), as_of=NOW, now=NOW)


def test_a_fitting_source_is_described(base: Settings) -> None:
    described = source.verify(base, NOW)
    assert described["leads"].types["authority"] == "numeric"
    assert [found.faults for found in described.values()] == [[], [], []]


def test_every_missing_and_mistyped_column_is_named_at_once(base: Settings, tmp_path: Path) -> None:
    settings = with_extracts(
        base,
        tmp_path,
        leads=LEADS.replace("p.made AS created_at", "p.made::timestamp AS created_at, 1.5 AS title"),
        touches=TOUCHES.replace("'email' AS channel, ", "").replace("md5('m' || m.id)::uuid", "m.id"),
    )
    with told(
        ContractError,
        f"{tmp_path / 'leads.sql'}: ",
        "created_at is timestamp without time zone, wanted timestamp with time zone: write created_at AT TIME ZONE",
        "title is numeric, wanted text: write title::text",
        f"{tmp_path / 'touches.sql'}: ",
        "touch_id is bigint, wanted uuid: write md5(touch_id::text)::uuid",
        "channel (text: one of email, sms, linkedin, voice, mail) is missing",
    ):
        source.verify(settings, NOW)


def test_an_extraction_that_does_not_fit_writes_nothing(base: Settings, tmp_path: Path) -> None:
    settings = with_extracts(base, tmp_path, touches="SELECT :as_of::timestamptz AS occurred_at")
    settings = settings.model_copy(update={"lake": str(tmp_path / "lake")})
    with told(ContractError, "tenant_id (uuid: whose touch it is) is missing"):
        run(settings)
    assert not list((tmp_path / "lake").rglob("*.parquet"))
    assert lake.runs(str(tmp_path / "lake")) == []


@pytest.mark.parametrize(
    ("touches", "said"),
    [
        (TOUCHES.replace("FROM crm.mails", "FROMM crm.mails"), 'cannot run: syntax error at or near "FROMM"'),
        (TOUCHES.replace("m.at AS", "m.att AS"), "cannot run: column m.att does not exist"),
        (TOUCHES.replace("AS cta", "AS channel"), "returns channel more than once"),
        (TOUCHES.replace(":as_of", "now()"), "does not use :as_of, and rows later than it must stay out"),
        (TOUCHES.replace("AND :split", ""), "declares a split and never uses it"),
        (TOUCHES.replace("-- split:", "-- "), "uses :split without declaring it"),
        (TOUCHES.replace("split: crm.mails", "split: crm.male"), "divides crm.male, which the source does not have"),
        (
            TOUCHES.replace("split: crm.mails as m", "split: crm.mail_view as m"),
            "it is no plain table. Name a unique column",
        ),
        (
            TOUCHES.replace("crm.mails as m\n", "crm.mails as m by nothing\n"),
            "cannot run: column m.nothing does not exist",
        ),
    ],
)
def test_a_query_that_cannot_run(touches: str, said: str, base: Settings, tmp_path: Path) -> None:
    settings = with_extracts(base, tmp_path, touches=touches)
    with told(ContractError, str(tmp_path / "touches.sql"), said):
        run(settings)


def test_a_query_that_fails_on_its_rows(base: Settings, tmp_path: Path) -> None:
    """Only reading shows this one; what the stream had written is gone."""
    bad = TOUCHES.replace("m.body ->> 'cta' AS cta", "(1 / (m.id - 4321))::text AS cta")
    settings = with_extracts(base, tmp_path, touches=bad).model_copy(update={"lake": str(tmp_path / "lake")})
    with told(ContractError, f"{tmp_path / 'touches.sql'} failed while it ran: division by zero"):
        run(settings)
    assert lake.runs(str(tmp_path / "lake")) == []
    assert not list((tmp_path / "lake" / "touches").rglob("*.*"))


def test_a_table_that_may_not_be_read(tmp_path: Path) -> None:
    settings = crm(tmp_path)
    with psycopg.connect(superuser(url(settings)), autocommit=True) as connection:
        connection.execute("ALTER TABLE crm.mails OWNER TO postgres")
    with told(DatabaseError, "touches.sql may not read its source: permission denied for table mails", "GRANT SELECT"):
        run(settings)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://someone:s3cret@127.0.0.1:1/x", "no PostgreSQL answers there"),
        ("postgresql://someone:s3cret@host.invalid/x", "cannot be looked up"),
    ],
)
def test_a_source_that_cannot_be_reached(address: str, said: str, base: Settings) -> None:
    settings = Settings(home=base.home, extracts=base.extracts, source_url=address)
    with pytest.raises(DatabaseError, match=re.escape(said)) as caught:
        run(settings)
    assert "LEARNBACK_SOURCE_URL" in str(caught.value)
    assert "s3cret" not in f"{caught.value}{caught.value.__cause__}{settings!r}"


def test_a_folder_of_extracts_that_is_none(base: Settings, tmp_path: Path) -> None:
    with told(SettingsError, "LEARNBACK_EXTRACTS names", "which is no folder"):
        run(base.model_copy(update={"extracts": tmp_path / "none"}))


def test_a_lake_that_cannot_be_written(base: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with told(LakeError, "cannot be written", "Set LEARNBACK_LAKE"):
        run(base.model_copy(update={"lake": str(tmp_path / "file" / "lake")}))


def test_placeholders_are_replaced_only_where_they_are_placeholders() -> None:
    text = "-- :now\nSELECT ':now', \":split\", x::now, a[1:now], :now -- :as_of\n;"
    query = source.Query("touches", Path("x.sql"), text, None)
    assert query.render(NOW, NOW) == (
        "SELECT ':now', \":split\", x::now, a[1:now], '2026-06-01T00:00:00+00:00'::timestamptz"
    )
    with pytest.raises(ValueError, match="without a zone"):
        query.render(NOW.replace(tzinfo=None), NOW.replace(tzinfo=None))
