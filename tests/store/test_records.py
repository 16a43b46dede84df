"""Tenants, priors, the run ledger, quarantine: what was entered is what is found, and nothing is entered twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from contracts.errors import UnknownTenantError, UserError
from contracts.learning import Prior
from contracts.runs import Quarantined, Slice, State
from store import audit, ledger, priors, quarantine, tenants

AS_OF = datetime(2026, 11, 15, 2, tzinfo=UTC)


def run(engine: Engine, as_of: datetime = AS_OF, flow: str = "pattern-learning") -> UUID:
    identity = uuid4()
    ledger.open_run(engine, run_id=identity, flow=flow, as_of=as_of, request={"tenants": []}, code_version="c0de")
    return identity


class TestTenants:
    def test_found_by_id_and_by_name(self, engine: Engine) -> None:
        made = tenants.create(engine, "Alpine Outreach", shares_priors=True, horizon_days=45, time_zone="Europe/Vienna")
        assert (made.shares_priors, made.horizon_days, made.time_zone, made.weights) == (
            True,
            45,
            "Europe/Vienna",
            None,
        )
        for spelled in (str(made.id), made.id.hex, "Alpine Outreach", " alpine outreach "):
            assert tenants.resolve(engine, spelled) == made
        assert made in tenants.all_tenants(engine)

    def test_an_unknown_one_names_the_nearest(self, engine: Engine) -> None:
        tenants.create(engine, "Borealis Sales")
        with pytest.raises(UnknownTenantError, match=r"^there is no tenant `borealis`\. Did you mean `Borealis Sales`"):
            tenants.resolve(engine, "borealis")
        with pytest.raises(UnknownTenantError, match="there is no tenant `%`"):
            tenants.resolve(engine, "%")
        with pytest.raises(UnknownTenantError, match="there is no tenant"):
            tenants.resolve(engine, str(uuid4()))

    def test_a_name_is_taken_once(self, engine: Engine) -> None:
        tenants.create(engine, "Twice")
        with pytest.raises(UserError, match="a tenant `Twice` is there already"):
            tenants.create(engine, "Twice")

    def test_choices_are_kept_and_audited(self, engine: Engine) -> None:
        made = tenants.create(engine, "Choosy")
        chosen = tenants.choose(engine, made.id, actor="ann", early_outcome="reply", shares_priors=True)
        assert (chosen.early_outcome, chosen.shares_priors) == ("reply", True)
        assert tenants.resolve(engine, "Choosy") == chosen
        (entry,) = audit.entries(engine, made.id)
        assert (entry.actor, entry.detail) == ("ann", {"early_outcome": "reply", "shares_priors": True})
        with pytest.raises(TypeError, match="no als_learned_weights to choose"):
            tenants.choose(engine, made.id, actor="ann", als_learned_weights={})
        with pytest.raises(UnknownTenantError):
            tenants.choose(engine, uuid4(), actor="ann", shares_priors=True)


class TestPriors:
    def test_in_order_of_time_and_once(self, engine: Engine) -> None:
        older = Prior("who", {"centre": [0.2, 1 / 3], "chance": 0.3}, AS_OF - timedelta(days=7))
        newer = Prior("who", {"centre": [0.25, 0.5], "chance": 0.4}, AS_OF)
        other = Prior("when", {"chance": 0.1}, AS_OF)
        for prior in (newer, older, other, older):
            priors.record(engine, prior, run_id=uuid4())
        book = priors.read(engine, "who")
        assert [prior.version for prior in book.priors] == [older.version, newer.version]
        assert book.priors[1] == newer
        assert book.before(AS_OF) == book.priors[0]
        assert priors.read(engine, "who", as_of=AS_OF - timedelta(days=1)).priors == book.priors[:1]
        assert priors.read(engine, "what").priors == ()


class TestLedger:
    def test_a_run_from_open_to_closed(self, engine: Engine) -> None:
        assert ledger.latest_run(engine, "weekly") is None
        first, second = run(engine, flow="weekly"), run(engine, flow="weekly")
        ledger.close_run(engine, first, State.DONE, report={"published": 3})
        ledger.close_run(engine, second, State.FAILED, error="the lake cannot be written.")
        done = ledger.latest_run(engine, "weekly")
        assert done is not None
        assert (done.id, done.state, done.report, done.error) == (first, State.DONE, {"published": 3}, None)
        assert done.closed_at is not None
        last = ledger.latest_run(engine, "weekly", None)
        assert last is not None
        assert (last.id, last.error) == (second, "the lake cannot be written.")

    def test_a_slice_is_found_again_for_the_same_input_and_code_only(self, engine: Engine) -> None:
        piece, identity = Slice("summarise", 3), run(engine)
        same = {"input_hash": "abc", "code_version": "c0de"}
        assert ledger.begin(engine, identity, piece, **same) == 1
        assert ledger.done(engine, piece, **same) is None
        ledger.fail(engine, identity, piece, "out of memory")
        assert ledger.slices(engine, identity)[0].error == "out of memory"
        assert ledger.begin(engine, identity, piece, **same) == 2
        ledger.finish(engine, identity, piece, output="lake/x.parquet", rows=7, watermark={"row_xid": 99})
        found = ledger.done(engine, piece, **same)
        assert found is not None
        assert (found.run_id, found.slice, found.state, found.attempt) == (identity, piece, State.DONE, 2)
        assert (found.output, found.rows, found.watermark, found.error) == ("lake/x.parquet", 7, {"row_xid": 99}, None)
        assert ledger.done(engine, piece, input_hash="abd", code_version="c0de") is None
        assert ledger.done(engine, piece, input_hash="abc", code_version="c0df") is None
        assert ledger.done(engine, Slice("summarise", 4), **same) is None
        assert ledger.done(engine, Slice("summarise", 3, "2026-W46"), **same) is None
        assert [entry.slice for entry in ledger.slices(engine, identity)] == [piece]

    def test_rows_to_compare_with_come_from_the_last_run_at_or_before_as_of(self, engine: Engine) -> None:
        one, two = uuid4(), uuid4()
        counts = {AS_OF - timedelta(days=14): 10, AS_OF - timedelta(days=7): 20, AS_OF + timedelta(days=7): 40}
        for as_of, count in counts.items():
            identity = run(engine, as_of)
            for group, tenant in enumerate((one, two)):
                piece = Slice("count", group)
                ledger.begin(engine, identity, piece, input_hash="", code_version="")
                ledger.finish(engine, identity, piece, output="", rows=count, tenant_rows={tenant: count + group})
            ledger.close_run(engine, identity, State.DONE)
        now = run(engine)
        assert ledger.last_rows(engine, "count", as_of=AS_OF, before=now) == {one: 20, two: 21}
        assert ledger.last_rows(engine, "count", as_of=AS_OF - timedelta(days=8), before=now) == {one: 10, two: 11}
        assert ledger.last_rows(engine, "count", as_of=AS_OF - timedelta(days=99), before=now) == {}
        assert ledger.last_rows(engine, "nothing", as_of=AS_OF, before=now) == {}


class TestQuarantine:
    def test_opened_once_closed_when_mended_never_lost(self, engine: Engine) -> None:
        bad, worse = tenants.create(engine, "Bad data"), tenants.create(engine, "Worse data")
        first, second, third = run(engine), run(engine), run(engine)

        def entry(tenant: tenants.Tenant, defect: str, got: float) -> Quarantined:
            return Quarantined(tenant.id, tenant.name, defect, f"{got:.0%} of touches …", got, 0.05)

        orphans, zones, nulls = entry(bad, "orphans", 0.3), entry(bad, "zones", 0.2), entry(worse, "nulls", 0.9)
        quarantine.open_entries(engine, [orphans, zones, nulls], run_id=first)
        assert [each.quarantined for each in quarantine.current(engine)] == [orphans, zones, nulls]
        better = entry(bad, "orphans", 0.1)
        quarantine.open_entries(engine, [better], run_id=second)
        quarantine.close_mended(engine, [bad.id, worse.id], [better])
        (left,) = quarantine.current(engine)
        assert (left.quarantined, left.run_id, left.closed_at) == (better, first, None)
        quarantine.close_mended(engine, [bad.id], [])
        assert quarantine.current(engine) == []
        quarantine.open_entries(engine, [orphans], run_id=third)
        history = quarantine.history(engine, bad.id)
        assert [(each.quarantined.defect, each.run_id, each.closed_at is None) for each in history] == [
            ("orphans", third, True),
            ("zones", first, False),
            ("orphans", first, False),
        ]
        assert quarantine.history(engine, worse.id)[0].closed_at is not None
