"""How levels read, which patterns are told, and which tenants are drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from contracts.learning import Finding, Incumbent, Ruling, Verdict
from contracts.levels import Comparison, Level
from contracts.when import WhenPattern
from reports import levels
from reports.records import ReportInput, Said
from tests.reports.level_sample import comparison, four_questions, when


@pytest.fixture(scope="module")
def record() -> ReportInput:
    return four_questions()


@pytest.mark.parametrize(
    ("name", "key", "answer"),
    [
        ("hours", "tue-09", "hour: Tuesday 09:00"),
        ("gaps", "1", "gap: 1 day"),
        ("gaps", "4-5", "gap: 4–5 days"),
        ("gaps", "15+", "gap: 15 days or more"),
        ("channels", "sms", "channel: sms"),
        ("next_channel", "email>sms", "next channel: sms after email"),
        ("next_channel", "none>voice", "next channel: voice first"),
        ("pain_point", "cash_flow", "pain point: cash flow"),
        ("has_question", "yes", "has question"),
        ("has_question", "no", "no question"),
        ("personalised", "no", "not personalised"),
        ("word:free", "yes", "“free”"),
        ("word:free", "no", "without “free”"),
    ],
)
def test_an_answer_reads_as_people_say_it(name: str, key: str, answer: str) -> None:
    assert levels.answer(name, key) == answer


def test_a_question_is_left_out_where_its_level_tells_it() -> None:
    assert levels.claim("hours", "mon-10") == "Monday 10:00"
    assert levels.claim("angle", "social_proof") == "angle: social proof"


def test_intervals_hold_ninety_percent_and_odds_are_changes() -> None:
    level = Level("email", 100, 5, 0.5, 0.31, 0.1, 0.9, 0.5)
    low, high = levels.interval(level)
    assert (low + high) / 2 == pytest.approx(0.31)
    assert math.erf((high - 0.31) / 0.1 / math.sqrt(2)) == pytest.approx(0.9)
    assert levels.odds(math.log(1.5)) == pytest.approx(0.5)


def test_best_and_worst_are_all_where_there_are_few() -> None:
    many = comparison("hours", {f"mon-{hour:02d}": hour / 24 for hour in range(24)})
    assert [level.key for level in levels.best_and_worst(many, 6)] == [
        "mon-23", "mon-22", "mon-21", "mon-20", "mon-01", "mon-00",
    ]  # fmt: skip
    few = comparison("channels", {"email": 0.0, "sms": 0.1})
    assert [level.key for level in levels.best_and_worst(few, 6)] == ["sms", "email"]


def test_those_in_force_are_told_first_and_refused_ones_not_at_all(record: ReportInput) -> None:
    told = levels.told(record, "when", WhenPattern.from_payload)
    outcomes = [outcome for outcome in record.report.outcomes if outcome.learner == "when"]
    refused = {outcome.tenant for outcome in outcomes if outcome.ruling is Ruling.REFUSE}
    assert len(told) == len(outcomes) - len(refused)
    assert not refused & {one.tenant for one in told}
    forces = [one.in_force for one in told]
    assert forces == sorted(forces, reverse=True)
    assert {len(one.claims) for one in told if one.in_force} == {1}  # hours, and never gaps


def test_a_held_finding_shows_the_pattern_that_stays_in_force(record: ReportInput) -> None:
    outcome = next(o for o in record.report.outcomes if o.learner == "when" and o.ruling is Ruling.HOLD)
    tenant = record.tenants[outcome.tenant_id]
    said = replace(tenant.said["when"], incumbent=Incumbent(3, when().to_payload()))
    held = replace(outcome, version=3)
    (one,) = levels.told(_only(record, held, said), "when", WhenPattern.from_payload)
    assert one.in_force
    assert one.pattern.to_payload() == when().to_payload()


def test_payloads_of_an_older_schema_are_not_drawn(record: ReportInput) -> None:
    outcome = next(o for o in record.report.outcomes if o.learner == "when" and o.ruling is Ruling.PUBLISH)
    finding = record.tenants[outcome.tenant_id].said["when"].finding
    assert isinstance(finding, Finding)
    old = Said(replace(finding, payload={**finding.payload, "schema": 0}), Verdict(Ruling.PUBLISH))
    assert levels.told(_only(record, outcome, old), "when", WhenPattern.from_payload) == []


def _only(record: ReportInput, outcome: object, said: Said) -> ReportInput:
    """The run as if it had been about one tenant's pattern only."""
    report = replace(record.report, outcomes=(outcome,), quarantined=())  # type: ignore[arg-type]
    tenant_id = report.outcomes[0].tenant_id
    return replace(record, report=report, tenants={tenant_id: replace(record.tenants[tenant_id], said={"when": said})})


def test_claims_are_drawn_and_few_of_the_silent(record: ReportInput) -> None:
    told = levels.told(record, "when", WhenPattern.from_payload)
    claimed = sum(one.in_force for one in told)
    assert 3 < claimed < len(told)
    shown, note = levels.answers(told, lambda pattern: pattern.hours, most=2)
    assert (len(shown), note) == (2, f"Claimed for {claimed} of {len(told)} tenants; 2 of them are drawn.")
    shown, note = levels.answers(told, lambda pattern: pattern.hours, most=20)
    assert (len(shown), note) == (claimed, f"Claimed for {claimed} of {len(told)} tenants; these are drawn.")
    shown, note = levels.answers(told, lambda pattern: pattern.gaps, most=20)
    assert (len(shown), note) == (3, f"Claimed for none of {len(told)} tenants; 3 are drawn.")
    assert levels.answers(told[:2], lambda pattern: pattern.hours, most=20)[1] == ""
    assert levels.answers(told, _unasked, most=20) == ([], "")


def _unasked(pattern: WhenPattern) -> Comparison | None:
    return None


def test_what_came_nearest_to_a_claim() -> None:
    trials = {
        "gaps": {"key": "4-5", "confidence": 0.2},
        "hours": {"key": "tue-09", "confidence": 0.45},
        "folds": [1, 2],
        "other": {"key": "", "confidence": 0.9},
    }
    assert levels.nearest(Verdict(Ruling.HOLD, judged_on=trials)) == "Tuesday 09:00"
    assert levels.nearest(Verdict(Ruling.HOLD, judged_on={"auc_difference": 0.1})) == ""
    assert levels.nearest(None) == ""


def test_refusals_are_one_sentence(record: ReportInput) -> None:
    assert list(levels.unanswered(record, "when")) == [
        "Nothing could be said for Ember Coffee: too few outcomes to learn from."
    ]
    refused = record.tenants[next(o.tenant_id for o in record.report.outcomes if o.tenant == "Ember Coffee")]
    tenants = {
        tenant_id: replace(refused, name=f"Tenant {number:02d}") for number, tenant_id in enumerate(record.tenants)
    }
    (said,) = levels.unanswered(replace(record, tenants=tenants), "when")
    assert "Tenant 07 and 4 more: too few" in said
    assert list(levels.unanswered(record, "unheard of")) == []
