"""Which hour comes next, situation by situation."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.allocation import Exploration, Policy, Slot, TimeSituation
from contracts.refusal import Reason
from contracts.when import GAP_BINS, hour_of_week
from engines import when
from tests.engines.level_patterns import NOTHING, comparison, when_head
from tests.engines.tables import table

NOW = datetime(2025, 3, 3, 8, tzinfo=UTC)  # a Monday
HOURS = comparison("hours", {"tue-10": 0.31, "tue-11": 0.1, "wed-15": 0.2, "mon-09": -0.3})
GAPS = comparison("gaps", {"1": -0.2, "2": 0.0, "3": 0.1, "4-5": 0.3})
HEADS = {
    "none": NOTHING,
    "v5": when_head(HOURS),
    "v5, with gaps": when_head(HOURS, GAPS),
    "v5, gaps only": when_head(gaps=GAPS),
    "v5, nothing claimed": when_head(comparison("hours", {"tue-10": 0.31}, claimed=False)),
    "v5, expires now": when_head(HOURS, valid_until=NOW),
}


def slot(name: str) -> Slot:
    """`tue-10`, in the week of NOW, in UTC."""
    at = datetime(2025, 3, 3, tzinfo=UTC) + timedelta(hours=hour_of_week(name))
    return Slot(at, hour_of_week(name), at.date())


def situation(feasible: str, policy: Policy, last: str = "", lead: int = 1) -> TimeSituation:
    before = datetime.fromisoformat(last).replace(tzinfo=UTC) if last else None
    slots = tuple(slot(name) for name in feasible.split())
    return TimeSituation(UUID(int=lead), 2 if last else 1, before, slots, NOW, policy)


@table("""
    situation                       | feasible             | last             | head          | chosen | gap | because
    the best hour can be had        | mon-09 tue-10 wed-15 |                  | v5            | tue-10 |     | Tue 10:00: +.31 by version 5
    the best hour is taken          | mon-09 tue-11 wed-15 |                  | v5            | wed-15 |     | Wed 15:00: +.20 by version 5
    only a bad hour is left         | mon-09               |                  | v5            | mon-09 |     | Mon 09:00: −.30 by version 5
    an unknown hour beside it       | mon-09 fri-09        |                  | v5            | mon-09 |     | Mon 09:00: −.30 by version 5
    a gap of four days is better    | tue-10 fri-09 wed-15 | 2025-02-28T18:00 | v5, with gaps | wed-15 | 4-5 | Wed 15:00: +.20 by version 5
    the better gap has no hour      | tue-10 tue-11        | 2025-02-28T18:00 | v5, with gaps | tue-10 | 3   | Tue 10:00: +.31 by version 5
    a first touch has no gap        | tue-10 wed-15        |                  | v5, with gaps | tue-10 |     | Tue 10:00: +.31 by version 5
    no gap that is known            | tue-10 wed-15        | 2024-12-01T09:00 | v5, with gaps | tue-10 |     | Tue 10:00: +.31 by version 5
    gaps alone are claimed          | tue-10 wed-15        | 2025-02-28T18:00 | v5, gaps only | wed-15 | 4-5 | Wed 15:00, any hour that is open: the published pattern claims nothing about this
""")  # fmt: skip  # noqa: E501
def test_without_exploration_the_best_is_taken(row: dict[str, str]) -> None:
    chosen = when.choose(HEADS[row["head"]], situation(row["feasible"], Policy(), row["last"]))
    assert (chosen.slot, chosen.gap or "", chosen.because) == (slot(row["chosen"]), row["gap"], row["because"])
    assert chosen.gap_propensity == 1.0
    assert chosen.propensity == 1.0
    assert not chosen.explored


@table("""
    situation                    | head                | why
    nothing published            | none                | no_pattern
    a pattern that expired       | v5, expires now     | expired
    a pattern that claims little | v5, nothing claimed | not_claimed
""")
def test_without_a_claim_touches_are_spread_evenly(row: dict[str, str]) -> None:
    """Also without exploration: no hour is better, and one hour for all would be a burst."""
    names = "mon-09 tue-10 tue-11 wed-15"
    chosen = [when.choose(HEADS[row["head"]], situation(names, Policy(), lead=lead)) for lead in range(400)]
    assert {each.propensity for each in chosen} == {0.25}
    assert {each.fallback for each in chosen} == {Reason(row["why"])}
    assert min(Counter(each.slot.hour_of_week for each in chosen).values()) > 70
    assert not any(each.explored for each in chosen)


def test_an_hour_that_comes_twice_shares_its_chance() -> None:
    twice = (slot("tue-10"), Slot(slot("tue-10").at + timedelta(days=7), 34, NOW.date()))
    policy = Policy("test", Exploration(share=0.0))
    chosen = when.choose(HEADS["v5"], TimeSituation(UUID(int=1), 1, None, twice, NOW, policy))
    assert list(chosen.probabilities.values()) == [0.5, 0.5]


def test_the_propensity_is_that_of_the_gap_times_that_of_the_hour() -> None:
    policy = Policy("test", Exploration(share=0.2))
    names, last = "tue-10 tue-11 wed-15", "2025-02-28T18:00"
    chosen = [when.choose(HEADS["v5, with gaps"], situation(names, policy, last, lead)) for lead in range(300)]
    assert {each.gap for each in chosen} == {"3", "4-5"}
    of_gap = {each.gap: each.gap_propensity for each in chosen}
    assert sum(of_gap.values()) == pytest.approx(1.0)
    for each in chosen:
        assert each.propensity == pytest.approx(each.gap_propensity * each.hour_propensity)
        assert sum(each.probabilities.values()) == pytest.approx(1.0)
        assert each.slot.at in each.probabilities


def test_gaps_are_those_of_the_learner() -> None:
    last = datetime(2025, 1, 1, tzinfo=UTC)
    days = [0.5, 1.99, 2, 3, 4, 5.9, 6, 7, 8, 14.9, 15, 90]
    found = [GAP_BINS[when.gap_bin(last + timedelta(days=each), last)] for each in days]
    assert found == ["1", "1", "2", "3", "4-5", "4-5", "6-7", "6-7", "8-14", "8-14", "15+", "15+"]
