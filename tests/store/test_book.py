"""The pattern book: publish, hold, take back; immutable, the same bytes once, one tenant's fault its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.canonical import content_hash
from contracts.errors import UserError
from contracts.learning import Evidence, Finding, Incumbent, Ruling, Verdict
from contracts.outcomes import COMPONENTS
from contracts.refusal import Reason, Refusal
from settings import Settings
from store import audit, book, scoring, tenants, verdicts
from store.book import Publication
from store.scope import Role, learner_scope, tenant_scope
from tests.servers import Server

AS_OF = datetime(2026, 11, 15, 2, tzinfo=UTC)
UNTIL = AS_OF + timedelta(days=28)
EDGES = [20.0, 30.0, 36.0, 42.0, 47.0, 52.0, 58.0, 64.0, 75.5]


def finding(first_weight: float = 0.2, inputs: str = "inputs", **diagnostics: Any) -> Finding:
    rest = (1 - first_weight) / 4
    payload = {"components": list(COMPONENTS), "weights": [first_weight, *[rest] * 4], "decile_edges": EDGES}
    return Finding(payload, Evidence(1000, 100), inputs, diagnostics)


PASSED = Verdict(Ruling.PUBLISH, 0.95, judged_on={"folds": [{"auc": 0.71}]})


@pytest.fixture
def tenant(engine: Engine) -> UUID:
    return tenants.create(engine, f"tenant {uuid4()}").id


def publish(engine: Engine, tenant: UUID, found: Finding, kind: str = "who", until: datetime = UNTIL) -> int:
    publication = Publication(tenant, kind, found, PASSED, until, "c0de")
    return book.publish(engine, [publication], run_id=uuid4(), as_of=AS_OF, actor="test")[tenant]


def test_what_is_published_is_what_is_read(engine: Engine, tenant: UUID) -> None:
    found = finding(0.3, "first", auc=0.7)
    assert publish(engine, tenant, found) == 1
    held = book.version(engine, tenant, "who", 1)
    assert held.payload == found.payload
    assert held.payload_sha256 == content_hash(dict(found.payload)) == content_hash(dict(held.payload))
    assert (held.inputs_sha256, held.evidence, held.diagnostics) == ("first", found.evidence, {"auc": 0.7})
    assert (held.confidence, held.window_end, held.code_version, held.replaced) == (0.95, AS_OF, "c0de", 0)
    assert held.verdict["judged_on"] == {"folds": [{"auc": 0.71}]}
    head = book.head(engine, tenant, "who")
    assert head is not None
    assert (head.version, head.valid_until, head.moved_by, head.payload) == (1, UNTIL, "test", found.payload)
    incumbent = book.incumbents(engine, "who")[tenant]
    assert incumbent == Incumbent(1, found.payload, "first", held.payload_sha256, UNTIL, AS_OF)


def test_every_tenant_has_an_incumbent(engine: Engine, tenant: UUID) -> None:
    assert book.incumbents(engine, "who")[tenant] == Incumbent(0, None)
    assert book.head(engine, tenant, "who") is None
    assert book.history(engine, tenant, "who") == []


def test_the_same_bytes_are_written_once(engine: Engine, tenant: UUID) -> None:
    """Diagnostics, run and time do not count: they do not act."""
    later = UNTIL + timedelta(days=7)
    assert publish(engine, tenant, finding(0.3)) == 1
    moved = book.head(engine, tenant, "who")
    assert publish(engine, tenant, finding(0.3, note="another day"), until=later) == 1
    assert len(book.history(engine, tenant, "who")) == 1
    assert len(audit.entries(engine, tenant)) == 1
    head = book.head(engine, tenant, "who")
    assert head is not None
    assert moved is not None
    assert (head.valid_until, head.moved_at) == (later, moved.moved_at)
    assert publish(engine, tenant, finding(0.4)) == 2
    assert publish(engine, tenant, finding(0.4, "other inputs")) == 3


def test_types_are_numbered_on_their_own(engine: Engine, tenant: UUID) -> None:
    assert publish(engine, tenant, finding(0.3)) == 1
    assert publish(engine, tenant, finding(0.3), "when") == 1
    assert publish(engine, tenant, finding(0.4), "when") == 2
    assert [(head.pattern_type, head.version) for head in book.list_heads(engine, tenant)] == [("when", 2), ("who", 1)]


def test_a_head_that_moved_since_it_was_judged_is_left_alone(engine: Engine, tenant: UUID) -> None:
    publish(engine, tenant, finding(0.3))
    stale = Publication(tenant, "who", finding(0.4), PASSED, UNTIL, "c0de", judged=0)
    assert book.publish(engine, [stale], run_id=uuid4(), as_of=AS_OF, actor="test") == {}
    assert [held.version for held in book.history(engine, tenant, "who")] == [1]
    fresh = Publication(tenant, "who", finding(0.4), PASSED, UNTIL, "c0de", judged=1)
    assert book.publish(engine, [fresh], run_id=uuid4(), as_of=AS_OF, actor="test") == {tenant: 2}


def test_rollback_restores_what_was_replaced_and_deletes_nothing(engine: Engine, tenant: UUID) -> None:
    for weight in (0.3, 0.4, 0.5):
        publish(engine, tenant, finding(weight))
    assert book.rollback(engine, tenant, "who", actor="ann", reason="odd") == 2
    assert book.incumbents(engine, "who")[tenant].payload == finding(0.4).payload
    assert publish(engine, tenant, finding(0.6)) == 4
    assert book.rollback(engine, tenant, "who", actor="ann", reason="odd") == 2  # what 4 replaced, not 3
    assert book.rollback(engine, tenant, "who", to=0, actor="ann", reason="start over") == 0
    taken_back = ("inputs",) * 4  # a run that finds these inputs again is not to publish them again by itself
    assert book.incumbents(engine, "who")[tenant] == Incumbent(0, None, withdrawn=taken_back)
    assert book.rollback(engine, tenant, "who", to=3, actor="bob", reason="it was fine") == 3
    assert [held.version for held in book.history(engine, tenant, "who")] == [4, 3, 2, 1]
    head = book.head(engine, tenant, "who")
    assert head is not None
    assert (head.valid_until, head.moved_by) == (UNTIL, "bob")
    newest = audit.entries(engine, tenant)[0]
    assert (newest.actor, newest.action) == ("bob", "rollback")
    assert newest.detail == {"pattern_type": "who", "from": 0, "to": 3, "reason": "it was fine"}


def test_a_rollback_that_cannot_be_says_why(engine: Engine, tenant: UUID) -> None:
    with pytest.raises(UserError, match="who has its defaults in force already"):
        book.rollback(engine, tenant, "who", actor="ann", reason="")
    publish(engine, tenant, finding(0.3))
    with pytest.raises(UserError, match="no version 7 of who, and it has 1 besides 0, the defaults"):
        book.rollback(engine, tenant, "who", to=7, actor="ann", reason="")
    with pytest.raises(UserError, match="who version 1 is in force already"):
        book.rollback(engine, tenant, "who", to=1, actor="ann", reason="")
    with pytest.raises(UserError, match="no version 7 of who"):
        book.version(engine, tenant, "who", 7)


def test_the_tenants_weights_follow_the_head(engine: Engine, tenant: UUID) -> None:
    def in_force() -> tenants.Tenant:
        return tenants.resolve(engine, str(tenant))

    assert (in_force().weights, in_force().conversion_sample_count) == (None, 0)
    publish(engine, tenant, finding(0.3))
    publish(engine, tenant, finding(0.4), "when")  # only who moves weights
    first = in_force()
    assert first.weights == dict(zip(COMPONENTS, finding(0.3).payload["weights"], strict=True))
    assert (first.conversion_sample_count, first.weights_updated_at is not None) == (100, True)
    publish(engine, tenant, replace(finding(0.5), evidence=Evidence(3000, 300)))
    assert in_force().weights == dict(zip(COMPONENTS, finding(0.5).payload["weights"], strict=True))
    assert in_force().conversion_sample_count == 300
    book.rollback(engine, tenant, "who", actor="ann", reason="")
    assert (in_force().weights, in_force().conversion_sample_count) == (first.weights, 100)
    book.rollback(engine, tenant, "who", actor="ann", reason="")
    assert (in_force().weights, in_force().conversion_sample_count) == (None, 0)


def test_decile_edges_are_frozen_with_their_version(engine: Engine, tenant: UUID) -> None:
    assert scoring.edges(engine, tenant, 1) is None
    publish(engine, tenant, finding(0.3))
    assert scoring.edges(engine, tenant, 1) == tuple(EDGES)


@pytest.mark.parametrize(
    "statement", ["UPDATE patterns SET confidence = 1", "DELETE FROM patterns", "TRUNCATE patterns"]
)
def test_versions_never_change(
    engine: Engine, tenant: UUID, server: Server, settings: Settings, statement: str
) -> None:
    """Neither for the learner nor for a superuser."""
    publish(engine, tenant, finding(0.3))
    with pytest.raises(DBAPIError), tenant_scope(engine, tenant, Role.LEARNER) as connection:
        connection.execute(text(statement))
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        server.run(_by_superuser(statement), settings.home.name)
    assert book.version(engine, tenant, "who", 1).confidence == 0.95


def _by_superuser(statement: str) -> sql.SQL:
    return sql.SQL(statement.replace("patterns", "learnback.patterns") + " CASCADE" * statement.startswith("TRUNCATE"))


def test_one_tenants_fault_stays_its_own(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """A tenant that was removed meanwhile: the others publish, and it is named."""
    known = [tenants.create(engine, f"t {uuid4()}").id for _ in range(7)]
    gone = uuid4()
    everyone = [*known[:3], gone, *known[3:]]
    publications = [Publication(each, "who", finding(0.3), PASSED, UNTIL, "c0de") for each in everyone]
    assert book.publish(engine, publications, run_id=uuid4(), as_of=AS_OF, actor="test") == dict.fromkeys(known, 1)
    assert str(gone) in caplog.text
    assert all(book.incumbents(engine, "who")[each].version == 1 for each in known)


def test_version_and_head_move_together(engine: Engine, tenant: UUID) -> None:
    """Whatever stops the batch leaves neither."""
    other = tenants.create(engine, f"t {uuid4()}").id
    whole = Publication(tenant, "who", finding(0.3), PASSED, UNTIL, "c0de")
    broken = Publication(other, "who", finding(0.4), PASSED, UNTIL, None)  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.NotNullViolation):
        book.publish(engine, [whole, broken], run_id=uuid4(), as_of=AS_OF, actor="test")
    assert book.history(engine, tenant, "who") == []
    assert book.head(engine, tenant, "who") is None


def test_a_healthy_head_stays_valid_longer_and_never_shorter(engine: Engine, tenant: UUID) -> None:
    publish(engine, tenant, finding(0.3))
    for until, expected in ((UNTIL + timedelta(days=7), UNTIL + timedelta(days=7)), (UNTIL, UNTIL + timedelta(days=7))):
        book.extend(engine, "who", {tenant: until}, actor="test")
        head = book.head(engine, tenant, "who")
        assert head is not None
        assert (head.version, head.valid_until) == (1, expected)


def test_verdicts_are_remembered(engine: Engine, tenant: UUID) -> None:
    first, second = uuid4(), uuid4()
    held = Verdict(Ruling.HOLD, 0.6, Refusal(Reason.NOT_BETTER, 0.6, 0.9, "auc"), judged_on={"difference": 0.01})
    for _ in range(2):
        book.record_verdicts(engine, "who", {tenant: held}, {}, run_id=first)
    book.record_verdicts(engine, "who", {tenant: PASSED}, {tenant: 3}, run_id=second)
    with learner_scope(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM verdicts WHERE tenant_id = :t"), {"t": tenant}) == 2
        rows = connection.execute(text("SELECT * FROM verdicts WHERE run_id = :run"), {"run": first}).one()
    assert (rows.ruling, rows.reason, rows.detail, rows.got, rows.wanted) == ("hold", "not_better", "auc", 0.6, 0.9)
    assert (rows.version, rows.confidence, rows.judged_on) == (0, 0.6, {"difference": 0.01})
    (newest,) = verdicts.newest(engine, tenant)
    assert (newest.run_id, newest.ruling, newest.reason, newest.version) == (second, "publish", None, 3)


def test_the_specifications_views(engine: Engine, tenant: UUID) -> None:
    publish(engine, tenant, finding(0.3))
    publish(engine, tenant, finding(0.4))
    book.rollback(engine, tenant, "who", actor="ann", reason="")
    with tenant_scope(engine, tenant) as connection:
        now = connection.execute(text("SELECT * FROM conversion_patterns")).one()._asdict()
        before = connection.execute(text("SELECT * FROM conversion_pattern_history ORDER BY computed_at")).all()
    assert list(now) == [
        *("id", "client_id", "pattern_type", "patterns", "sample_size", "confidence", "computed_at", "valid_until")
    ]
    assert (now["client_id"], now["patterns"], now["valid_until"]) == (tenant, finding(0.3).payload, UNTIL)
    assert list(before[0]._asdict()) == ["id", "client_id", "pattern_type", "patterns", "sample_size", "computed_at"]
    assert [row.patterns for row in before] == [finding(0.3).payload, finding(0.4).payload]
