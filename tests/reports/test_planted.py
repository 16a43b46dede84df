"""Planted gains against examples worked out by hand, and claims beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.outcomes import CHANNELS
from contracts.when import WhenPattern
from reports import levels, planted, truth
from reports.records import ReportInput
from tests.reports.level_sample import EFFECTS, NOTHING, comparison, four_questions


@pytest.fixture(scope="module")
def record() -> ReportInput:
    return four_questions()


def test_an_hours_gain_is_its_hour_plus_its_weekday_less_the_mix() -> None:
    asked = comparison(
        "hours", {"mon-08": 0, "tue-10": 0, "sat-10": 0}, use={"mon-08": 0.5, "tue-10": 0.3, "sat-10": 0.2}
    )
    # .0 + .0, .5 + .3 and .5 − .3; the mix is .3 × .8 + .2 × .2 = .28
    assert planted.gains(asked, EFFECTS) == pytest.approx({"mon-08": -0.28, "tue-10": 0.52, "sat-10": -0.08})


def test_hours_that_nobody_planted_add_nothing() -> None:
    asked = comparison("hours", {"mon-03": 0, "mon-10": 0})
    assert planted.gains(asked, EFFECTS) == pytest.approx({"mon-03": -0.25, "mon-10": 0.25})


def test_a_channels_gain_holds_its_texts_and_its_pairs() -> None:
    pairs = {before: dict.fromkeys(CHANNELS, 0.0) for before in (*CHANNELS, "none")}
    pairs["email"]["sms"] = 0.6
    effects = {**EFFECTS, "pairs": pairs}
    asked = comparison("channels", {"email": 0, "sms": 0}, use={"email": 0.75, "sms": 0.25})
    # email: 0 + mean(.1, −.1) + 0 = 0; sms: −.3 + .2 + .6 / 6 = 0; were the pair left out, sms would be −.1
    assert planted.gains(asked, effects) == pytest.approx({"email": 0.0, "sms": 0.0})
    assert planted.gains(asked, EFFECTS) == pytest.approx({"email": 0.025, "sms": -0.075})


def test_a_next_channel_is_compared_with_what_can_follow_the_same_one() -> None:
    pairs = {before: dict.fromkeys(CHANNELS, 0.0) for before in (*CHANNELS, "none")}
    pairs["email"]["voice"] = 0.5
    keys = {"email>voice": 0, "email>mail": 0, "none>voice": 0, "none>mail": 0}
    asked = comparison(
        "next_channel", keys, use={"email>voice": 0.1, "email>mail": 0.3, "none>voice": 0.3, "none>mail": 0.3}
    )
    # after e-mail: .6 and 0, mixed 1 : 3 → .15; at first: .1 and 0, mixed evenly → .05
    assert planted.gains(asked, {**EFFECTS, "pairs": pairs}) == pytest.approx(
        {"email>voice": 0.45, "email>mail": -0.15, "none>voice": 0.05, "none>mail": -0.05}
    )


def test_marks_are_planted_as_truth_and_falsehood() -> None:
    asked = comparison("has_question", {"yes": 0, "no": 0}, use={"yes": 0.25, "no": 0.75})
    assert planted.gains(asked, EFFECTS) == pytest.approx({"yes": 0.15, "no": -0.05})


def test_waiting_changes_nothing_in_the_simulated_world() -> None:
    asked = comparison("gaps", {"1": 0, "2": 0})
    assert planted.gains(asked, EFFECTS) == {"1": 0.0, "2": 0.0}
    assert planted.gains(asked, {}) is None


@pytest.mark.parametrize(
    ("name", "keys", "effects"),
    [
        ("hours", ("mon-08",), {}),
        ("channels", ("email",), {}),
        ("next_channel", ("none>email",), {}),
        ("angle", ("pain", "unheard_of"), EFFECTS),
        ("word:free", ("yes", "no"), EFFECTS),
    ],
)
def test_what_nobody_planted_has_no_truth(name: str, keys: tuple[str, ...], effects: dict[str, Any]) -> None:
    assert planted.gains(comparison(name, dict.fromkeys(keys, 0.0)), effects) is None


def test_claims_in_force_are_held_against_the_truth(record: ReportInput) -> None:
    found = truth.claims(record)
    assert {claim.learner for claim in found} == {"what", "when", "how"}
    assert all(claim.right for claim in found)
    hours = next(claim for claim in found if claim.question == "hours")
    assert hours.in_words == "hour: Tuesday 10:00"
    assert hours.gain == pytest.approx(0.7)
    assert hours.truth == pytest.approx(0.8 - (0.05 + 0.06))
    assert truth.claims_in_words(found) == (
        f"About texts, hours and channels {len(found)} claims are in force, and none is false."
    )


def test_a_claim_where_nothing_was_planted_is_false(record: ReportInput) -> None:
    told = levels.told(record, "when", WhenPattern.from_payload)
    flat = [replace(one, effects=NOTHING) for one in told if one.in_force][:2]
    found = list(planted.claims("when", flat))
    assert [claim.right for claim in found] == [False, False]
    assert truth.claims_in_words(found) == "About texts, hours and channels 2 claims are in force, and 2 are false."
    assert truth.claims_in_words([]) == "Nothing is claimed about texts, hours or channels."


def test_what_was_not_published_claims_nothing(record: ReportInput) -> None:
    told = levels.told(record, "when", WhenPattern.from_payload)
    assert list(planted.claims("when", [replace(one, in_force=False) for one in told])) == []
