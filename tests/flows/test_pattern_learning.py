"""The weekly flow, end to end: what is planted is published, what is bad is left out, and nothing is said twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import polars as pl
import pytest

from contracts.canonical import content_hash
from contracts.errors import UnknownTenantError, UserError
from contracts.learning import Finding, Ruling
from contracts.refusal import Reason
from contracts.runs import State
from engines import who
from reports.records import ReportInput
from store import book, lake, ledger, loading, priors, quarantine, verdicts
from tasks.run import FLOW
from tests.flows.conftest import AS_OF, Agency

LEARNERS = ("who", "what", "when", "how")


def rulings(record: ReportInput, learner: str = "who") -> dict[str, tuple[Ruling, str]]:
    return {o.tenant: (o.ruling, o.reason) for o in record.report.outcomes if o.learner == learner}


def heads(agency: Agency, learner: str = "who") -> dict[str, tuple[int, str]]:
    """Tenant → version in force and the hash of what it says."""
    found = {}
    for head in book.list_heads(agency.engine):
        if head.version and head.pattern_type == learner:
            version = book.version(agency.engine, head.tenant_id, learner, head.version)
            found[head.tenant] = (version.version, version.payload_sha256)
    return found


def payloads(record: ReportInput) -> dict[tuple[str, str], str]:
    """Tenant and learner → hash of what was found."""
    return {
        (tenant.name, learner): content_hash(dict(said.finding.payload))
        for tenant in record.tenants.values()
        for learner, said in tenant.said.items()
        if isinstance(said.finding, Finding)
    }


def test_publishes_what_was_planted_and_says_why_not_elsewhere(agency: Agency) -> None:
    record = agency.learn()
    ruled = rulings(record)
    assert [ruled[name] for name in agency.of_kind("planted")] == [(Ruling.PUBLISH, "")] * 2
    assert [ruled[name] for name in agency.of_kind("no_signal")] == [(Ruling.HOLD, Reason.NOT_BETTER)]
    assert [ruled[name] for name in agency.of_kind("planted", newcomer=True)] == [
        (Ruling.REFUSE, Reason.TOO_FEW_OUTCOMES)
    ]
    assert set(heads(agency)) == set(agency.of_kind("planted"))

    page = record.report.html
    assert page is not None
    assert all(name.replace("&", "&amp;") in page.read_text() for name in ruled)
    assert {(v.tenant, v.pattern_type): v.ruling for v in verdicts.newest(agency.engine)} == {
        (name, learner): str(ruling[0]) for learner in LEARNERS for name, ruling in rulings(record, learner).items()
    }
    flat = agency.of_kind("no_signal")
    for learner in LEARNERS:
        assert set(rulings(record, learner)) == set(ruled)
        assert not set(heads(agency, learner)) & set(flat)
    last = ledger.latest_run(agency.engine, FLOW)
    assert last is not None
    assert (last.state, last.as_of) == (State.DONE, AS_OF)
    pieces = ledger.slices(agency.engine, record.report.run_id)
    assert {piece.state for piece in pieces} == {State.DONE}
    assert {piece.slice.stage for piece in pieces} == {
        "extract/leads", "extract/tenants", "extract/touches", "volume/leads", "volume/touches",
        *(f"summaries/{learner}" for learner in LEARNERS),
    }  # fmt: skip
    seen = ledger.last_rows(agency.engine, "volume/leads", as_of=AS_OF, before=uuid4())
    assert sum(seen.values()) == agency.world.leads.height


def test_a_second_run_publishes_nothing_new_and_a_rollback_is_followed_at_once(agency: Agency) -> None:
    agency.learn()
    before = heads(agency)
    every = {learner: heads(agency, learner) for learner in LEARNERS}
    again = agency.learn()
    for learner, known in every.items():
        assert heads(agency, learner) == known
        assert {rulings(again, learner)[name] for name in known} <= {(Ruling.HOLD, Reason.UNCHANGED)}
    assert {rulings(again)[name] for name in before} == {(Ruling.HOLD, Reason.UNCHANGED)}

    name = agency.of_kind("planted")[0]
    tenant = UUID(bytes=agency.id_of(name))
    lead = agency.world.leads.filter(pl.col("tenant_id") == tenant.bytes).select(
        "data_quality", "authority", "company_fit", "timing", "risk"
    ).row(0)  # fmt: skip
    now = AS_OF + timedelta(days=1)
    learned = who.score(lead, book.incumbents(agency.engine, "who")[tenant], now)
    assert learned.pattern_version == before[name][0]
    assert book.rollback(agency.engine, tenant, "who", actor="test", reason="trying it") == 0
    fallen_back = who.score(lead, book.incumbents(agency.engine, "who")[tenant], now)
    assert (fallen_back.pattern_version, fallen_back.fallback) == (0, Reason.NO_PATTERN)
    assert fallen_back.score != learned.score

    assert rulings(agency.learn())[name] == (Ruling.HOLD, Reason.ROLLED_BACK)
    assert name not in heads(agency)


def test_the_future_changes_no_byte(agency: Agency, later: pl.DataFrame) -> None:
    before = agency.learn(dry_run=True)
    loading.load_leads(agency.engine, later)
    after = agency.learn()
    assert payloads(after) == payloads(before)
    assert {learner for _, learner in payloads(before)} == set(LEARNERS)


def test_a_run_begins_from_the_run_before_and_from_none_that_is_damaged(agency: Agency) -> None:
    def counted() -> tuple[dict[str, int], int, str]:
        """Rows, how many slices' files are new, and why they are."""
        record = agency.learn(as_of=None, dry_run=True)
        found = lake.latest(agency.settings.lake_url).increment
        assert found is not None
        anew = [file for file in found.raw if str(record.report.run_id) in file.path]
        return record.report.rows, len(anew), found.because

    rows, arranged, because = counted()
    assert because == "no earlier run left anything to begin from"
    loading.load_leads(agency.engine, agency.world.leads.head(1).with_columns(title=pl.lit("queen")))
    assert counted() == (rows, 2, "")  # the lead's own slice: its leads and its touches

    damaged = lake.latest(agency.settings.lake_url).increment
    assert damaged is not None
    (Path(agency.settings.lake_url) / damaged.raw[0].path).unlink()
    loading.load_leads(agency.engine, agency.world.leads.with_columns(title=pl.lit("king")))
    again = counted()
    assert again[:2] == (rows, arranged)
    assert again[2].startswith("a file of the lake is missing")


def test_a_poisoned_tenant_is_left_out_and_keeps_its_pattern(agency: Agency) -> None:
    agency.learn()
    before = heads(agency)
    poisoned = agency.of_kind("planted")[0]
    leads = agency.world.leads.filter(pl.col("tenant_id") == agency.id_of(poisoned))
    loading.load_leads(agency.engine, leads.with_columns(status=pl.lit("???")))

    record = agency.learn(as_of=None)
    assert [left_out.tenant for left_out in record.report.quarantined] == [poisoned]
    assert poisoned not in rulings(record)
    assert heads(agency)[poisoned] == before[poisoned]
    assert [entry.quarantined.defect for entry in quarantine.current(agency.engine)] == ["status_unknown"]

    loading.load_leads(agency.engine, leads)
    assert agency.learn(as_of=None).report.quarantined == ()
    assert quarantine.current(agency.engine) == []


def test_a_dry_run_learns_and_leaves_no_trace_in_the_book(agency: Agency) -> None:
    record = agency.learn(dry_run=True)
    assert {rulings(record)[name] for name in agency.of_kind("planted")} == {(Ruling.HOLD, Reason.DRY_RUN)}
    assert heads(agency) == {}
    assert verdicts.newest(agency.engine) == []


def test_one_tenant_reads_priors_and_never_relearns_them(agency: Agency) -> None:
    name = agency.of_kind("planted")[0]
    record = agency.learn(tenants=(name.upper(),))
    assert list(rulings(record)) == [name]
    assert set(heads(agency)) == {name}
    assert priors.read(agency.engine, "who").priors == ()


def test_an_older_run_does_not_move_a_newer_head(agency: Agency) -> None:
    agency.learn()
    before = heads(agency)
    record = agency.learn(as_of=AS_OF - timedelta(days=60))
    assert heads(agency) == before
    assert {rulings(record)[name][0] for name in before} == {Ruling.HOLD}


def test_user_errors_are_sentences(agency: Agency) -> None:
    with pytest.raises(UnknownTenantError, match="there is no tenant `nobody`"):
        agency.learn(tenants=("nobody",))
    with pytest.raises(UserError, match="Outcomes of the future are unknown"):
        agency.learn(as_of=datetime(2999, 1, 1, tzinfo=UTC))
