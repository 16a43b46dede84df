"""The daily flow, end to end: what fails is taken back and told once, what stands is left, a dry run only looks."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import polars as pl
import pytest
from pydantic import SecretStr

from cli import health_run
from cli.standing import in_words, operations
from contracts.errors import UnknownTenantError, UserError
from contracts.health import HeadHealth, Health, HealthReport
from contracts.how import HowPattern
from contracts.learning import Evidence, Finding, Ruling, Verdict
from contracts.levels import Comparison, Level, Recommendation
from contracts.runs import State
from store import audit, book, ledger
from store import health as memory
from store.book import Publication
from tasks.health_run import FLOW, HealthRequest, open_look
from tasks.notify import send_digest
from tests.flows.conftest import AS_OF, Agency
from tests.webhooks import Inbox, inbox

LEARNED = AS_OF - timedelta(days=150)

__all__ = ["inbox"]


def claiming(best: str, uses: dict[str, float], gain: float = 0.6) -> Finding:
    """A pattern that is sure that one channel is better than all others."""
    rest = -gain * uses[best] / (1.0 - uses[best])
    levels = tuple(
        Level(key, 1_000, 50, use, gain if key == best else rest, 0.05, 0.99 if key == best else 0.01, 1 / len(uses))
        for key, use in sorted(uses.items())
    )
    channels = Comparison(
        "channels",
        5_000,
        250,
        0.05,
        0.97,
        True,
        False,
        Recommendation(best, gain, gain - 0.1, gain + 0.1, 0.08),
        levels,
    )
    return Finding(HowPattern(channels, None).to_payload(), Evidence(5_000, 250), f"{best} {gain}")


def converting(agency: Agency, tenant: UUID) -> tuple[dict[str, float], list[str]]:
    """Channels of a tenant with their share of touches, and those in common use from worst to best since LEARNED."""
    touches = agency.world.touches.filter(pl.col("tenant_id") == tenant.bytes)
    shares = dict(touches.group_by("channel").len().with_columns(pl.col("len") / touches.height).iter_rows())
    recent = touches.filter(pl.col("occurred_at") > LEARNED).group_by("channel").agg(pl.col("led_to_booking").mean())
    common = recent.filter(pl.col("channel").is_in([name for name, share in shares.items() if share > 0.12]))
    return shares, common.sort("led_to_booking")["channel"].to_list()


def publish(agency: Agency, tenant: UUID, finding: Finding, *, days: int = 200) -> int:
    publication = Publication(
        tenant, "how", finding, Verdict(Ruling.PUBLISH, 0.97), LEARNED + timedelta(days=days), "c0de"
    )
    return book.publish(agency.engine, [publication], run_id=uuid4(), as_of=LEARNED, actor="test")[tenant]


def of(report: HealthReport, tenant: str, kind: str = "how") -> Health:
    return next(head.health for head in report.heads if (head.tenant, head.pattern_type) == (tenant, kind))


def test_a_failing_head_goes_back_with_an_audit_entry_and_one_notice(
    agency: Agency, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNBACK_WEBHOOK_URL", inbox.address)
    name = agency.of_kind("planted")[0]
    tenant = UUID(bytes=agency.id_of(name))
    shares, from_worst = converting(agency, tenant)
    publish(agency, tenant, claiming(from_worst[-1], shares, gain=0.3))
    publish(agency, tenant, claiming(from_worst[0], shares))

    seen = health_run.run_flow(as_of=AS_OF, dry_run=True)
    assert of(seen, name) is Health.FAILING
    head = book.head(agency.engine, tenant, "how")
    assert head is not None
    assert (head.version, memory.newest(agency.engine), inbox.bodies) == (2, [], [])

    acted = health_run.run_flow(as_of=AS_OF)
    assert of(acted, name) is Health.FAILING
    head = book.head(agency.engine, tenant, "how")
    assert head is not None
    assert (head.version, head.moved_by) == (1, FLOW)
    entry = audit.entries(agency.engine, tenant)[0]
    assert (entry.actor, entry.action) == (FLOW, "rollback")
    assert (entry.detail["from"], entry.detail["to"]) == (2, 1)
    assert "evidence against it" in entry.detail["reason"]
    stored = memory.newest(agency.engine, tenant)[0]
    assert (stored.version, stored.health, stored.back_to) == (2, "failing", 1)
    assert acted.told == len(inbox.bodies) == 1
    assert name.replace("&", "&amp;") in inbox.bodies[0]["text"]
    assert "taken back to version 1" in inbox.bodies[0]["text"]
    assert acted.html is not None
    assert name.replace("&", "&amp;") in acted.html.read_text()
    assert inbox.address not in acted.html.read_text()
    last = ledger.latest_run(agency.engine, FLOW)
    assert last is not None
    assert last.report is not None
    assert (last.state, last.report["rolled_back"]) == (State.DONE, 1)

    assert len(acted.tenants) == 4
    kept = memory.metrics(agency.engine, tenant)
    assert {metric.metric for metric in kept} >= {"booking_rate", "days_to_conversion", "touches_to_convert"}
    assert all(metric.low <= metric.value <= metric.high for metric in kept)  # type: ignore[operator]

    again = health_run.run_flow(as_of=AS_OF)
    assert of(again, name) is not Health.FAILING, "what is in force now stands"
    assert len(inbox.bodies) == 1

    now = operations(agency.settings)
    assert now.health is not None
    assert sum(now.health.values()) == 1
    assert [(run.flow, run.state) for run in now.runs] == [(FLOW, "done")]
    assert now.database_bytes
    assert any(what == "disk" for what, _ in in_words(now))


def test_expired_heads_are_told_once_a_week_and_quiet_ones_never(agency: Agency, inbox: Inbox) -> None:
    settings = agency.settings.model_copy(update={"webhook_url": SecretStr(inbox.address)})
    names = agency.of_kind("planted")[:2]
    heads = [
        HeadHealth(UUID(bytes=agency.id_of(name)), name, "how", 1, health, "valid until last week")
        for name, health in zip(names, (Health.EXPIRED, Health.WATCH), strict=True)
    ]
    for days, told in ((8, 1), (2, 0), (0, 1)):
        run = open_look(HealthRequest(as_of=AS_OF - timedelta(days=days)), settings)
        assert send_digest.fn(run, heads, ()) == told
    assert len(inbox.bodies) == 2
    assert all(names[1] not in body["text"] for body in inbox.bodies)

    inbox.answers = [404]
    run = open_look(HealthRequest(as_of=AS_OF + timedelta(days=9)), settings)
    assert send_digest.fn(run, heads, ()) == 0, "a webhook that refuses fails no run, and is tried again next time"
    assert send_digest.fn(run, heads, ()) == 1


def test_user_errors_are_sentences(agency: Agency) -> None:
    with pytest.raises(UnknownTenantError, match="there is no tenant `nobody`"):
        open_look(HealthRequest(tenants=["nobody"]), agency.settings)
    with pytest.raises(UserError, match="not later than now"):
        open_look(HealthRequest(as_of=AS_OF.replace(year=2999)), agency.settings)
