"""Message tests: extracted from our own store, absent from a source that has none, and nothing later than as-of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import polars as pl
import pytest

from contracts.errors import ContractError
from contracts.outcomes import HEADLINE_FEATURES, MESSAGE_TESTS
from settings import Settings
from store import extract, lake, lake_sql, source
from store.database import open_store
from store.lake import Manifest
from store.loading import load_message_tests
from store.tenants import create
from tests.servers import Server
from tests.store.source_database import crm

NOW = datetime(2026, 6, 1, tzinfo=UTC)

BY_TEAM = """
SELECT md5('2')::uuid AS tenant_id, 'a' AS test, 'text ' || n AS text, 100 AS shown, n AS converted
FROM generate_series(1, 3) n WHERE :as_of IS NOT NULL
"""


def extracted(settings: Settings, as_of: datetime = NOW) -> Manifest:
    return extract.extract(settings, run_id=uuid4(), as_of=as_of, now=NOW)


def variants(tenant: UUID, tested_at: datetime | None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "tenant_id": [tenant.bytes] * 2,
            "id": [uuid4().bytes, uuid4().bytes],
            "test": ["subject lines"] * 2,
            "text": ["Is it you?", 'It is\n"you"'],
            "shown": [3_000_000_000, 10],
            "converted": [5, 0],
            "tested_at": pl.Series([tested_at] * 2, dtype=pl.Datetime("us", "UTC")),
            **{name: [True, None] for name in HEADLINE_FEATURES},
        }
    )


def test_tests_of_our_own_store_reach_the_lake(server: Server, tmp_path: Path) -> None:
    settings = server.migrated_settings().model_copy(update={"lake": str(tmp_path / "lake")})
    engine = open_store(settings)
    tenant = create(engine, "Ash").id
    first = variants(tenant, NOW - timedelta(days=2))
    assert load_message_tests(engine, first) == 2
    assert load_message_tests(engine, first) == 0, "the same again"
    assert load_message_tests(engine, first.with_columns(shown=pl.col("shown") + 1)) == 2, "a test that goes on"
    load_message_tests(engine, variants(tenant, None))
    engine.dispose()

    found = lake.scan(extracted(settings), "message_tests").collect()
    assert found.columns == list(MESSAGE_TESTS.names)
    assert sorted(found["shown"]) == [10, 11, 3_000_000_000, 3_000_000_001]
    assert found["question"].null_count() == 2
    connection = lake_sql.connect(settings)
    assert lake_sql.fetch(connection, "SELECT count(*), max(text) FROM message_tests")[1] == [(4, 'It is\n"you"')]
    earlier = lake.scan(extracted(settings, NOW - timedelta(days=3)), "message_tests").collect()
    assert sorted(earlier["shown"]) == [10, 3_000_000_000], "only those without a date were there before"


def test_a_source_without_such_a_table_has_no_tests(tmp_path: Path) -> None:
    settings = crm(tmp_path)
    assert set(source.verify(settings, NOW)) == {"tenants", "leads", "touches"}
    manifest = extracted(settings)
    assert set(manifest.rows()) == {"tenants", "leads", "touches"}
    empty = lake.scan(manifest, "message_tests").collect()
    assert (empty.height, empty.columns) == (0, list(MESSAGE_TESTS.names))


def test_a_users_own_query_is_read(tmp_path: Path) -> None:
    settings = crm(tmp_path, message_tests=BY_TEAM)
    manifest = extracted(settings)
    assert manifest.rows()["message_tests"] == 3
    found = lake.scan(manifest, "message_tests").collect()
    assert sorted(found["converted"]) == [1, 2, 3]
    assert found["you"].null_count() == 3


def test_a_users_own_query_is_held_to_the_contract(tmp_path: Path) -> None:
    settings = crm(tmp_path, message_tests=BY_TEAM.replace("100 AS shown", "'100' AS shown"))
    with pytest.raises(ContractError, match=r"message_tests\.sql: shown is text, wanted smallint"):
        source.verify(settings, NOW)
