"""Numbers, rulings and reasons as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.learning import Ruling
from contracts.refusal import Reason, Refusal
from reports import words
from tests.reports.sample import agency

NAN = float("nan")


@pytest.mark.parametrize(
    "form", [words.count, words.share, words.sureness, words.decimal, words.signed, words.duration]
)
def test_missing_numbers_are_dashes(form: object) -> None:
    assert callable(form)
    assert [form(value) for value in (None, NAN, float("inf"))] == ["–"] * 3


def test_numbers() -> None:
    assert words.count(1_234_567) == "1,234,567"
    assert words.share(0.0512, 1) == "5.1\u00a0%"
    assert words.signed(-0.0) == "+0.000"
    assert words.decimal(-0.001) == "0.00"
    assert (words.duration(12.34), words.duration(125)) == ("12.3 s", "2 min 5 s")
    assert (words.sureness(0.9999), words.sureness(0.0001)) == (">\u00a099\u00a0%", "<\u00a01\u00a0%")
    assert words.listed(["a", "b", "c"]) == "a, b and c"


def test_every_reason_and_ruling_has_words() -> None:
    assert set(words.REASONS) == set(Reason)
    assert set(words.RULINGS) == set(Ruling)


def test_because_names_the_number_once() -> None:
    outcome = next(o for o in agency().report.outcomes if o.ruling is Ruling.REFUSE)
    refusal = Refusal(Reason.TOO_FEW_OUTCOMES, 3, 10)
    assert words.because(outcome, refusal) == "too few outcomes to learn from (3, wanted 10)"
    assert words.because(replace(outcome, detail=str(refusal)), refusal) == words.because(outcome, refusal)
    assert words.because(replace(outcome, detail=str(refusal))).endswith("(got 3, wanted 10)")
    assert words.because(outcome) == "too few outcomes to learn from"
    unchanged = Refusal(Reason.UNCHANGED, 0, 1, "new resolved leads since version 1")
    held = replace(outcome, ruling=Ruling.HOLD, reason=Reason.UNCHANGED, detail=str(unchanged))
    assert words.because(held) == words.because(held, unchanged) == words.REASONS[Reason.UNCHANGED]


def test_the_sentence_about_one_tenant_is_singular() -> None:
    report = agency().report
    held = next(outcome for outcome in report.outcomes if outcome.ruling is Ruling.HOLD)
    one = replace(report, outcomes=(held,), quarantined=())
    assert words.result(one) == "1 tenant: none got a new pattern and 1 keeps what it had."


def test_a_dry_run_says_what_would_have_happened() -> None:
    report = agency().report
    dry = tuple(
        replace(o, ruling=Ruling.HOLD, reason=Reason.DRY_RUN, version=0) if o.ruling is Ruling.PUBLISH else o
        for o in report.outcomes
    )
    said = words.result(replace(report, outcomes=dry, dry_run=True))
    assert said.startswith("Of 12 tenants, 6 would have got a new pattern, 4 keep what they had")
