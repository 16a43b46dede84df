"""Each verdict, each plain check, and which version a failing head goes back to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from algorithms import health, registry
from algorithms import health_checks as checks
from algorithms.health import Seen, examine
from algorithms.health_rows import QUESTIONS, rows_of, unseen
from contracts.health import Check, HeadHealth, Health, Watched
from contracts.how import HowPattern
from contracts.levels import Comparison, Level, Recommendation
from contracts.outcomes import CONTENT_FEATURES

TENANT = UUID(int=7)
LEARNED = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = LEARNED + timedelta(days=40)


def how(best: str, *, claimed: bool = True, gain: float = 0.5) -> dict[str, object]:
    levels = tuple(
        Level(key, 500, 50, 0.5, gain if key == best else -gain, 0.05, 0.95 if key == best else 0.05, 0.5)
        for key in ("email", "sms")
    )
    channels = Comparison(
        "channels", 1_000, 100, 0.1, 0.95, claimed, False, Recommendation(best, gain, 0.3, 0.7, 0.15), levels
    )
    return HowPattern(channels, None).to_payload()


def touches(email: float, sms: float, n: int = 3_000) -> pl.DataFrame:
    """Touches since shortly before LEARNED, half by either channel, at these rates of outcomes."""
    rng = np.random.default_rng(3)
    channel = rng.random(n) < 0.5
    frame = pl.DataFrame(
        {
            "occurred_at": [LEARNED - timedelta(days=10) + timedelta(minutes=20 * k) for k in range(n)],
            "channel": np.where(channel, "email", "sms"),
            "previous": "none",
            "outcome": rng.random(n) < np.where(channel, email, sms),
            "policy": "",
            "stratum": rng.integers(10, size=n),
            "step": 1,
            "hour_of_week": 34,
            "gap_days": None,
            "synthetic": False,
        },
        schema_overrides={"gap_days": pl.Float32()},
    )
    return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in CONTENT_FEATURES)


def head(payload: dict[str, object], **changes: object) -> Watched:
    values = {
        "tenant_id": TENANT, "tenant": "Acme", "pattern_type": "how", "version": 3, "payload": payload,
        "window_end": LEARNED, "valid_until": AS_OF + timedelta(days=10),
    }  # fmt: skip
    return Watched(**(values | changes))  # type: ignore[arg-type]


def named(found: HeadHealth, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def test_a_claim_that_stands_is_not_failing() -> None:
    found = examine(head(how("email")), Seen(AS_OF, touches(email=0.15, sms=0.06)))
    assert named(found, "drift").health is Health.HEALTHY
    assert found.back_to is None
    assert "outcomes since" in named(found, "drift").because


def test_a_claim_that_turned_fails_and_goes_back_to_what_still_stands() -> None:
    seen = Seen(AS_OF, touches(email=0.06, sms=0.15))
    found = examine(head(how("email"), earlier=((2, how("email", gain=0.4)), (1, how("sms")))), seen)
    assert (found.health, found.back_to) == (Health.FAILING, 1)
    assert "email" in found.because
    silent = examine(head(how("email"), earlier=((2, how("sms", claimed=False)),)), seen)
    assert silent.back_to == 0, "a version that claims nothing is no better than the defaults"


def test_expired_comes_before_watch_and_failing_before_expired() -> None:
    over = AS_OF - timedelta(days=1)
    quiet = examine(head(how("email"), valid_until=over), Seen(AS_OF, touches(email=0.15, sms=0.06)))
    assert quiet.health is Health.EXPIRED
    turned = examine(head(how("email"), valid_until=over), Seen(AS_OF, touches(email=0.06, sms=0.15)))
    assert turned.health is Health.FAILING
    assert examine(head(how("email")), Seen(AS_OF)).health is Health.WATCH, "learned 40 days ago"
    fresh = examine(head(how("email"), window_end=AS_OF - timedelta(days=3)), Seen(AS_OF))
    assert (fresh.health, fresh.because) == (Health.HEALTHY, "nothing speaks against it")


def test_what_cannot_be_tested_says_so() -> None:
    assert named(examine(head(how("email", claimed=False)), Seen(AS_OF)), "drift").because.startswith(
        "it claims nothing"
    )
    nothing = named(examine(head(how("email")), Seen(AS_OF)), "drift")
    assert nothing.refusal is not None
    assert (nothing.refusal.got, nothing.health) == (0, Health.HEALTHY)
    broken = examine(head({"schema": 1}), Seen(AS_OF))
    assert named(broken, "drift").health is Health.WATCH
    assert examine(head({}, pattern_type="new"), Seen(AS_OF)).log_evidence is None


def test_every_learner_has_a_test() -> None:
    assert {learner.name for learner in registry.LEARNERS} == set(health.TESTS)


def test_only_touches_that_the_learner_had_not_seen_resolved_count() -> None:
    fresh = unseen(touches(0.1, 0.1), LEARNED)
    assert fresh["occurred_at"].min() > LEARNED - timedelta(days=7)  # type: ignore[operator]
    assert fresh["day"].min() == 0


@pytest.mark.parametrize("question", [*QUESTIONS, "angle", "has_question"])
def test_every_question_reads_touches(question: str) -> None:
    fresh = unseen(touches(0.1, 0.1, 500).with_columns(gap_days=pl.lit(4.5), has_question=pl.lit("yes")), LEARNED)
    rows = rows_of(question, fresh)
    assert rows is not None
    expected = {"channels": ("email", "sms"), "next_channel": ("none>email", "none>sms"), "hours": ("tue-10",),
                "gaps": ("4-5",), "angle": (), "has_question": ("yes",)}  # fmt: skip
    assert rows.keys == expected[question]
    assert rows_of("a mark of message tests", fresh) is None


def test_a_promise_is_broken_beyond_chance_and_by_half() -> None:
    assert checks.promise(0.10, 12, 100, "touches").health is Health.HEALTHY
    assert checks.promise(0.10, 400, 2_000, "touches").health is Health.WATCH
    assert checks.promise(0.10, 240, 2_000, "touches").health is Health.HEALTHY, "off by a fifth"
    assert checks.promise(0.10, 3, 20, "touches").refusal is not None


def test_inputs_that_go_missing_are_seen() -> None:
    assert checks.coverage(900, 1_000, "a score").health is Health.HEALTHY
    assert checks.coverage(400, 1_000, "a score").health is Health.WATCH
    assert checks.coverage(0, 10, "a score").refusal is not None


def _days(counts: dict[int, int]) -> pl.DataFrame:
    return pl.DataFrame({"day": list(counts), "n": list(counts.values())})


def test_a_day_is_compared_with_its_own_weekday() -> None:
    weekly = {day: 10 if day % 7 else 100 + day % 3 for day in range(70)}
    assert checks.volume(_days(weekly), "touches").health is Health.HEALTHY
    assert checks.volume(_days(weekly | {0: 20}), "touches").health is Health.WATCH
    assert checks.volume(_days({day: n for day, n in weekly.items() if day}), "touches").health is Health.WATCH
    assert checks.volume(_days(weekly | {0: 400}), "touches").health is Health.WATCH
    assert checks.volume(_days(weekly | {7: 4_000}), "touches").health is Health.HEALTHY, "one odd week is no rule"
    assert checks.volume(None, "touches").refusal is not None


def test_engines_that_fall_back_are_seen() -> None:
    assert checks.fallbacks({}, 0).health is Health.HEALTHY
    assert checks.fallbacks({"not_claimed": 50}, 100).health is Health.HEALTHY
    strange = checks.fallbacks({"expired": 3, "not_claimed": 1}, 10)
    assert (strange.health, strange.because) == (
        Health.WATCH, "10 decisions in the last day, by defaults: 3 expired"
    )  # fmt: skip
