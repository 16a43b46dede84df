"""The walk-forward report: sums that were worked out by hand, and a page that says what they say."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from rich.console import Console

from contracts.backfill import Chain, Plan, PlannedSlice, SliceState
from contracts.walk_forward import Later, Logged, Met, Promised, Ranked, Walked
from reports import walk_page, walk_terminal, walk_words
from reports.walk_forward import (
    Interval,
    WalkReport,
    claims,
    expected,
    in_log_odds,
    kept,
    lifted,
    periods,
    promises,
    snips,
    wilson,
    worth,
)

BEGAN = datetime(2026, 1, 4, 2, tzinfo=UTC)
WEEK = timedelta(days=7)


def met(u: float, v: float, *, name: str = "hours", key: str = "tue-10", confidence: float = 0.85) -> Met:
    return Met(name, key, confidence, said=0.3, said_sd=0.1, n=1_000, s=50, used=100, u=u, v=v)


def step(week: int, later: Later | None, *, learner: str = "when", tenant: str = "Acme") -> Walked:
    ruling = "hold" if week else "publish"
    return Walked(tenant, learner, BEGAN + week * WEEK, ruling, "", 0.85, 1, "Tuesday", later)


def report(*steps: Walked) -> WalkReport:
    return WalkReport(BEGAN, BEGAN + 9 * WEEK, 7, dry_run=False, tenants=2, slices=40, ran=3, walked=steps)


WHEN = [step(week, Later(1, (met(2.0, 10.0),))) for week in range(1, 6)]
WHO = [
    step(
        week,
        Later(1, promised=(Promised(2, 100, 8.0, 6), Promised(3, 50, 7.0, 9)), ranked=Ranked(150, 15, 30, 8, 5, 3)),
        learner="who",
    )
    for week in (1, 2)
]
HOW = [step(week, Later(1, logged=Logged(500, 25, 400.0, 30.0, 900.0, 70.0)), learner="how") for week in (1, 2)]


def test_weeks_of_a_claim_add_up() -> None:
    """Σu = 10, Σv = 50: x = .2 ± 1/√50 at a rate of .05, which is log(1 + .2·.95) − log(1 − .2·.05) = .184."""
    (claim,) = claims(report(*WHEN))
    assert (claim.steps, claim.n, claim.s, claim.used) == (5, 5_000, 250, 500)
    assert claim.score.high - claim.score.value == pytest.approx(1.6449 / math.sqrt(50), abs=1e-4)
    assert (claim.score.value, claim.happened.value) == pytest.approx((0.2, math.log(1.19) - math.log(0.99)))
    assert claim.said.value == pytest.approx(0.3)
    assert claim.held == "leans yes"
    held = [step(week, Later(1, (met(8.0, 20.0),))) for week in range(1, 6)]
    assert claims(report(*held))[0].held == "yes"
    fallen = [step(week, Later(1, (met(-8.0, 20.0),))) for week in range(1, 6)]
    assert claims(report(*fallen))[0].held == "no"


def test_the_same_claim_of_a_new_version_is_the_same_claim_but_not_of_weights() -> None:
    later = [step(week, Later(week, (met(2.0, 10.0),))) for week in (1, 2)]
    assert [claim.steps for claim in claims(report(*later))] == [2]
    weights = [replace(one, learner="who") for one in later]
    assert [claim.steps for claim in claims(report(*weights))] == [1, 1], "each is held to what it replaced"


def test_how_often_a_week_should_show_the_claimed_sign() -> None:
    """The mix would have brought 10·.9/.95 = 9.5 outcomes: how often are there ten or more, at e^(.3 ± .1) as many?"""
    mixed = [step(week, Later(1, (met(2.0 if week % 2 else -2.0, 10.0),))) for week in range(1, 5)]
    (one,) = kept(report(*mixed))
    assert (one.low, one.high, one.claims, one.weeks) == (0.8, 0.9, 1, 4)
    gains = np.random.default_rng(1).normal(0.3, 0.1, 200_000)
    slowly = (np.random.default_rng(2).poisson(9.4737 * np.exp(gains)) > 9.4737).mean()
    assert one.expected == pytest.approx(slowly, abs=5e-3)
    assert one.observed.low < 0.5 < one.observed.high
    assert one.observed.value == 0.5


def test_a_week_in_which_an_outcome_is_rare_mostly_shows_the_wrong_sign() -> None:
    rare = replace(met(0.1, 0.1), n=1_000, used=2)
    assert expected(rare) == pytest.approx(1 - math.exp(-0.1 * 0.998 / 0.95 * math.exp(0.305)), abs=2e-3)
    assert expected(rare) < 0.2


def test_periods_hold_four_steps_each() -> None:
    told = periods(report(*(step(week, None) for week in range(1)), *WHEN))
    assert [(one.until, one.claims, one.n) for one in told] == [
        (BEGAN + 3 * WEEK, 1, 3_000),
        (BEGAN + 5 * WEEK, 1, 2_000),
    ]
    assert [one.happened.value for one in told] == pytest.approx([math.log(1.19) - math.log(0.99)] * 2)


def test_promises_and_the_top_fifth_add_up() -> None:
    low, high = promises(report(*WHO))
    assert (low.n, low.promised, low.happened.value) == (200, 0.08, 0.06)
    assert (high.n, high.promised, high.happened.value) == (100, 0.14, 0.18)
    (one,) = lifted(report(*WHO))
    assert (one.leads, one.conversions, one.learned, one.default) == (300, 30, 16, 10)
    assert one.more.value == 6
    assert one.more.high == pytest.approx(6 + 1.6449 * math.sqrt(10 + 4), abs=1e-3)
    several = lifted(report(*WHO, *(replace(one, tenant="Beta") for one in WHO)))
    assert [one.tenant for one in several] == ["Acme", "Beta", "All together"]
    assert several[-1].learned == 32


def test_twice_the_odds_are_told_as_twice_the_odds() -> None:
    """1,000 touches at 4 % by e-mail and 200 at 7.7 % by sms: odds of 2. O = 15.4, E = 200·55.4/1,200."""
    n, k, s = 1_200, 200, 40 + 200 / 13
    observed, rate = 200 / 13, s / n
    v = s * (n - s) / (n * n * (n - 1)) * (n * k - k * k)
    others = 1 - k / n
    x = (observed - k * rate) * others / v
    gain = in_log_odds(Interval(x, x, x), rate).value
    level = observed / k
    assert gain == pytest.approx(math.log(level / (1 - level)) - math.log(rate / (1 - rate)), abs=1e-3)
    assert x > gain + 0.1, "as a gain in log-odds, it would have said too much"


def test_wilson_keeps_within_bounds() -> None:
    assert wilson(0, 20).low == pytest.approx(0.0, abs=1e-12)
    assert wilson(20, 20).high == pytest.approx(1.0)
    assert (wilson(10, 100).low, wilson(10, 100).high) == pytest.approx((0.0605, 0.1609), abs=1e-3)


def test_what_following_would_have_brought() -> None:
    """SNIPS of the logged ones is 60/800 = 75 per 1,000, beside 50 that were done; of hours it is an association."""
    off_policy, hours = worth(report(*WHEN, *HOW))
    assert (off_policy.estimate, off_policy.touches, off_policy.done) == ("off-policy", 1_000, 50.0)
    assert off_policy.more.value == pytest.approx(25.0)
    value, se = snips([one.later.logged for one in HOW if one.later and one.later.logged])
    assert (value, se) == pytest.approx((0.075, math.sqrt(140 * (1 - 0.15) + 0.075**2 * 1_800) / 800))
    assert (hours.estimate, hours.done) == ("association", 50.0)
    assert hours.more.value == pytest.approx(1_000 * 0.05 * 0.95 * 0.2)
    assert hours.more.low < 0 < hours.more.high


def test_the_page_says_what_was_claimed_and_what_came() -> None:
    record = report(*WHEN, *WHO, *HOW)
    page = walk_page.html(record)
    for said in ("hour: Tuesday 10:00", "leans that way", "off-policy", "association", "top fifth", "+20"):
        assert said in page
    assert "Of 1 claim that met later outcomes, 1 leans that way." in page
    assert "NaN" not in page
    assert "<script" not in page
    assert page.count("<svg") == 4
    text = walk_words.markdown(record)
    assert "| Acme | hour: Tuesday 10:00 |" in text


def test_a_backfill_without_a_claim_has_a_page_too() -> None:
    page = walk_page.html(report(step(0, None)))
    assert "No claim has met later outcomes yet." in page
    assert "<svg" not in page


def test_the_terminal_lists_slices_and_claims() -> None:
    moments = (BEGAN, BEGAN + WEEK)
    slices = (
        PlannedSlice(BEGAN, "who", SliceState.DONE, 0, 3, 0.0),
        PlannedSlice(BEGAN + WEEK, "who", SliceState.STALE, 2, 3, 4.0),
    )
    drawn = Plan(Chain(BEGAN, 7), moments, {}, {"who": {}}, {}, slices)
    console = Console(width=120, record=True, file=None, quiet=True)
    console.quiet = False
    with console.capture() as shown:
        console.print(walk_terminal.plan(drawn))
        console.print(walk_terminal.tables(report(*WHEN, *WHO, *HOW)))
    for said in ("2026-01-11 02:00 stale 2 of 3 4.0", "Tuesday 10:00", "+20", "Conversions in the top fifth"):
        assert said in " ".join(shown.get().split())
    assert walk_terminal.plan_in_words(drawn) == "2 slices: 1 done, 1 stale; about 4.0 s."
    assert "claims" in walk_terminal.document(report(*WHEN))
