"""The SQL in docs/how-to/own-postgres.md runs as it stands, as the role that it makes, and fits the contract."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import psycopg
import pytest

from settings import Settings, load
from store import source
from tests.architecture.house import ROOT
from tests.store.source_database import new_database, superuser

PAGE = ROOT / "docs/how-to/own-postgres.md"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 8, tzinfo=UTC)

ROWS = """
INSERT INTO agency.accounts VALUES (md5('a')::uuid, 'Acme', true);
INSERT INTO agency.people VALUES
    (md5('1')::uuid, md5('a')::uuid, '2026-01-01Z', 'converted', '2026-02-01Z', 'CFO', 'legal', 40, 'GB',
     '{"data_quality": 1, "authority": 0.9, "company_fit": 0.5, "timing": 0.2, "risk": 0}'),
    (md5('2')::uuid, md5('a')::uuid, '2026-01-02Z', 'converted', '2026-03-05Z', 'CEO', 'legal', 40, 'GB', '{}'),
    (md5('3')::uuid, md5('a')::uuid, '2026-03-04Z', 'new', NULL, 'CTO', 'legal', 40, 'GB', '{}');
INSERT INTO agency.messages VALUES
    (md5('m')::uuid, md5('a')::uuid, md5('1')::uuid, 'email', '2026-01-15Z', '{"template": "hello", "cta": "call"}'),
    (md5('n')::uuid, md5('a')::uuid, md5('1')::uuid, 'email', '2026-03-05Z', '{}');
"""
"""One lead that has converted by AS_OF, one that converts after it, one that does not exist yet; two messages."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    grants, tables, *queries = blocks
    url = new_database()
    with psycopg.connect(superuser(url), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA agency; {tables} {ROWS}".encode())
        connection.execute(grants.encode())
    folder = tmp_path_factory.mktemp("my-extracts")
    for name, query in zip(("tenants", "leads", "touches"), queries, strict=True):
        (folder / f"{name}.sql").write_text(query)
    return load(home=folder, source_url=url.replace("learnback@", "reader@", 1), extracts=folder)


def test_every_query_fits_the_contract(example: Settings) -> None:
    assert set(source.verify(example, AS_OF)) == {"tenants", "leads", "touches"}


def test_nothing_later_than_as_of_is_told(example: Settings) -> None:
    declared = source.queries(example)
    with source.connected(source.source(example)) as connection:

        def read(name: str, columns: str) -> list[tuple[object, ...]]:
            statement = declared[name].render(AS_OF, NOW)
            return connection.execute(f"SELECT {columns} FROM ({statement}) AS e ORDER BY 1".encode()).fetchall()

        assert read("leads", "title, status, converted_at IS NOT NULL, authority") == [
            ("CEO", "contacted", False, None),
            ("CFO", "converted", True, 0.9),
        ]
        assert read("touches", "template_id, cta") == [("hello", "call")]
