"""Credits sum to the conversions, and every rule agrees with a slow twin: a walk, an enumeration, a definition."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms import attribution
from algorithms.attribution import (
    SHARE,
    PathCounts,
    conversion_probability,
    count_aggregated,
    credit,
    markov,
    removal_effects,
    sampled_shapley,
    shapley,
)
from contracts.errors import MappingError

Path = tuple[tuple[str, ...], int, int]

path = st.tuples(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=20).map(tuple), st.integers(0, 3), st.integers(0, 5)
)
some_paths = st.lists(path, min_size=1, max_size=12)


def counted(paths: list[Path]) -> PathCounts:
    return count_aggregated(
        pl.DataFrame(
            [(" > ".join(steps), hits, misses) for steps, hits, misses in paths],
            schema=["path", "total_conversions", "total_null"],
            orient="row",
        )
    )


def channels_of(paths: list[Path]) -> list[str]:
    return sorted({step for steps, _, _ in paths for step in steps})


def walked(paths: list[Path], removed: str | None, rounds: int = 20_000) -> float:
    """P(conversion) of the chain by walking it, all probability mass at once, until it has arrived."""
    moves: dict[str, dict[str, float]] = {}
    for steps, hits, misses in paths:
        states = ("start", *steps)
        for before, after in zip(states, steps, strict=False):
            moves.setdefault(before, {}).setdefault(after, 0.0)
            moves[before][after] += hits + misses
        for end, count in (("hit", hits), ("miss", misses)):
            moves.setdefault(steps[-1], {}).setdefault(end, 0.0)
            moves[steps[-1]][end] += count
    mass, hit = {"start": 1.0}, 0.0
    for _ in range(rounds):
        following: dict[str, float] = {}
        for state, weight in mass.items():
            leaving = sum(moves.get(state, {}).values())
            for after, count in moves.get(state, {}).items():
                share = weight * count / leaving if leaving else 0.0
                if after == "hit":
                    hit += share
                elif after not in ("miss", removed):
                    following[after] = following.get(after, 0.0) + share
        mass = {state: weight for state, weight in following.items() if weight > 1e-13}
        if not mass:
            break
    return hit


def rate_within(paths: list[Path], allowed: set[str]) -> Fraction:
    inside = [(hits, hits + misses) for steps, hits, misses in paths if set(steps) <= allowed]
    every = sum(count for _, count in inside)
    return Fraction(sum(hits for hits, _ in inside), every) if every else Fraction(0)


@settings(max_examples=60, deadline=None)
@given(some_paths)
def test_every_rule_credits_all_conversions(paths: list[Path]) -> None:
    counts = counted(paths)
    credits = credit(counts)
    conversions = sum(hits for _, hits, _ in paths)
    assert counts.conversions == conversions
    assert [one.channel for one in credits] == channels_of(paths)
    for rule in ("last", "first", "linear", "markov", "shapley"):
        assert math.fsum(getattr(one, rule) for one in credits) == pytest.approx(conversions, abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(some_paths)
def test_last_first_and_linear_by_hand(paths: list[Path]) -> None:
    for one in credit(counted(paths)):
        assert one.last == sum(hits for steps, hits, _ in paths if steps[-1] == one.channel)
        assert one.first == sum(hits for steps, hits, _ in paths if steps[0] == one.channel)
        shares = sum((hits * Fraction(steps.count(one.channel), len(steps)) for steps, hits, _ in paths), Fraction(0))
        within = 1e-12 if all(len(steps) <= 16 for steps, _, _ in paths) else 3e-4
        assert one.linear == pytest.approx(float(shares), abs=within)


def test_linear_shares_of_up_to_sixteen_touches_are_whole() -> None:
    for length in range(1, 17):
        counts = counted([(tuple("ab" * length)[:length], 1, 0)])
        assert (
            counts.linear.tolist()
            == [SHARE * ((length + 1) // 2) // length, SHARE * (length // 2) // length][: len(counts.channels)]
        )
    assert counted([(("a",) * 17 + ("b",), 1, 0)]).linear.sum() == SHARE


@settings(max_examples=25, deadline=None)
@given(some_paths)
def test_closed_form_of_the_chain_is_where_a_walk_ends(paths: list[Path]) -> None:
    paths = [one for one in paths if one[1] + one[2]]
    if not paths:
        return
    counts = counted(paths)
    whole = walked(paths, None)
    assert conversion_probability(counts.transitions[None].astype(float))[0] == pytest.approx(whole, abs=1e-9)
    effects = removal_effects(counts.transitions)
    for channel, effect in zip(counts.channels, effects, strict=True):
        assert effect == pytest.approx(1 - walked(paths, channel) / whole if whole else 0.0, abs=1e-7)


def test_the_chain_converts_as_often_as_the_paths_did() -> None:
    paths = [(("a", "b"), 3, 10), (("b",), 2, 7), (("a", "a", "c"), 1, 4)]
    counts = counted(paths)
    assert conversion_probability(counts.transitions[None].astype(float))[0] == pytest.approx(6 / 27)


@settings(max_examples=25, deadline=None)
@given(some_paths)
def test_shapley_by_its_definition(paths: list[Path]) -> None:
    counts = counted(paths)
    channels = channels_of(paths)
    expected = dict.fromkeys(channels, Fraction(0))
    for order in permutations(channels):
        known: set[str] = set()
        for channel in order:
            expected[channel] += rate_within(paths, known | {channel}) - rate_within(paths, known)
            known.add(channel)
    every = sum(hits + misses for _, hits, misses in paths)
    found = shapley(counts.members, counts.paths, counts.converted)
    wanted = [float(expected[channel] / math.factorial(len(channels)) * every) for channel in channels]
    assert found == pytest.approx(wanted, abs=1e-9)


def test_sampled_orders_come_near_all_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    members = np.unique(rng.random((40, 6)) < 0.5, axis=0)
    members = members[members.any(axis=1)]
    paths = rng.integers(1, 200, len(members))
    converted = rng.binomial(paths, 0.2)
    exact = shapley(members, paths, converted)
    sampled = sampled_shapley(members, paths, converted, seed=1) * paths.sum()
    assert sampled.sum() == pytest.approx(exact.sum())
    assert np.abs(sampled - exact).max() < 0.05 * np.abs(exact).sum()
    monkeypatch.setattr(attribution, "EXACT_CHANNELS", 5)
    assert shapley(members, paths, converted, seed=1) == pytest.approx(sampled), "many channels are sampled"
    assert np.array_equal(shapley(members, paths, converted, 1), shapley(members, paths, converted, 1))


def test_a_channel_that_everything_goes_through_gets_everything_that_removal_can_give() -> None:
    counts = counted([(("a", "b"), 5, 5), (("a",), 5, 5)])
    effects = removal_effects(counts.transitions)
    assert effects[0] == pytest.approx(1.0)
    assert markov(counts.transitions)[0] > markov(counts.transitions)[1]


def test_no_conversion_no_credit() -> None:
    for one in credit(counted([(("a", "b"), 0, 5), (("b",), 0, 1)])):
        assert (one.last, one.first, one.linear, one.markov, one.shapley) == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_file_without_its_columns_is_told_so() -> None:
    with pytest.raises(MappingError, match="no column total_null, and path, total_conversions, total_null are needed"):
        count_aggregated(pl.DataFrame({"path": ["a > b"], "total_conversions": [1]}))
