"""Lots and propensities: exact, repeatable, and what really happens."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from contracts.allocation import GREEDY, Exploration, Policy
from engines import exploration
from engines.exploration import TELLING, UNKNOWN
from tests.engines.tables import table

LEADS = [UUID(int=number).bytes for number in range(20_000)]

arms = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.one_of(st.just(UNKNOWN), st.floats(-2.0, 2.0)), st.booleans()),
    min_size=1,
    max_size=9,
).filter(lambda found: any(feasible for *_, feasible in found))
rules = st.one_of(st.none(), st.builds(Exploration, share=st.sampled_from([0.0, 0.1, 0.5, 1.0])))


@table("""
    situation                      | p_best      | gain         | explore | probabilities
    a tenth is drawn evenly        | .6 .3 .1    | .3 .1 -.1    | .1      | .5733 .3033 .1233
    p_best is renormalised         | .3 .15 .05  | .3 .1 -.1    | .1      | .5733 .3033 .1233
    nothing is drawn evenly        | .6 .4       | .3 .1        | 0       | .6 .4
    everything is                  | .6 .4       | .3 .1        | 1       | .5 .5
    the best of all is not here    | .01 .02     | .2 .3        | .1      | .05 .95
    switched off                   | .4 .6       | .3 .1        | off     | 1 0
    switched off, two alike        | .5 .5       | .2 .2        | off     | 1 0
    one arm                        | .01         | -.5          | .1      | 1
""")
def test_probabilities(row: dict[str, str]) -> None:
    rule = None if row["explore"] == "off" else Exploration(float(row["explore"]))
    p_best, gain, expected = (
        [float(value) for value in row[name].split()] for name in ("p_best", "gain", "probabilities")
    )
    assert exploration.probabilities(p_best, gain, rule) == pytest.approx(expected, abs=5e-5)


@settings(max_examples=200, deadline=None)
@given(arms, rules, st.floats(0.0, 1.0, exclude_max=True))
def test_many_rows_are_drawn_like_one(
    found: list[tuple[float, float, bool]], rule: Exploration | None, at: float
) -> None:
    """The frame has every arm and a mask; one row alone has the feasible arms. Same bits, same arm."""
    p_best, gain, mask = (np.array([column]) for column in zip(*found, strict=True))
    places = [place for place, (*_, feasible) in enumerate(found) if feasible]
    alone = exploration.probabilities([found[p][0] for p in places], [found[p][1] for p in places], rule)
    together = exploration.probabilities_frame(p_best, gain, mask, rule)
    assert [together[0, place] for place in places] == alone
    assert sum(alone) == pytest.approx(1.0, abs=1e-12)
    assert together.sum() == pytest.approx(1.0, abs=1e-12)
    assert min(alone) >= (rule.share / len(alone) if rule else 0.0)
    assert exploration.draw_frame(together, np.array([at]))[0] == places[exploration.draw(alone, at)]
    assert [exploration.even_frame(mask)[0, place] for place in places] == exploration.even(len(places))


def test_the_last_arm_takes_what_rounding_leaves() -> None:
    chances = [0.1] * 3 + [0.7 - 1e-12, 0.0]
    assert exploration.draw(chances, np.nextafter(1.0, 0.0)) == 3
    assert exploration.draw_frame(np.array([chances]), np.array([np.nextafter(1.0, 0.0)]))[0] == 3


def test_lots_are_even_and_different_for_every_question_lead_touch_policy_and_salt() -> None:
    policy = Policy("p", Exploration(salt="a"))
    first = exploration.lots(policy, "channel", LEADS, [1] * len(LEADS))
    assert kstest(first, "uniform").pvalue > 0.01
    others = [
        exploration.lots(policy, "hour", LEADS, [1] * len(LEADS)),
        exploration.lots(policy, "channel", LEADS, [2] * len(LEADS)),
        exploration.lots(Policy("q", Exploration(salt="a")), "channel", LEADS, [1] * len(LEADS)),
        exploration.lots(Policy("p", Exploration(salt="b")), "channel", LEADS, [1] * len(LEADS)),
    ]
    for other in others:
        assert not (other == first).any()
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


def test_a_lot_never_changes() -> None:
    """Written down: a lot that changes with a release would break the replay of every earlier plan."""
    policy = exploration.policy(3, 5, Exploration(share=0.1, salt="learnback"))
    assert policy.version == "how3 when5 explore0.1 salt9476a0"
    assert exploration.lot(policy, "channel", UUID(int=7).bytes, 2) == 0.6609728212263623
    assert exploration.lot(GREEDY, "hour", UUID(int=7).bytes, 2) == 0.9698520175929668


def test_what_happens_is_what_was_logged() -> None:
    """Chi-square of 20,000 draws against their propensities."""
    policy = Policy("p", Exploration(share=0.1))
    chances = exploration.probabilities([0.55, 0.25, 0.1, 0.1, 0.0], [0.3, 0.2, 0.1, 0.1, -0.3], policy.exploration)
    at = exploration.lots(policy, "channel", LEADS, [1] * len(LEADS))
    drawn = exploration.draw_frame(np.tile(chances, (len(LEADS), 1)), at)
    counts = np.bincount(drawn, minlength=5)
    assert counts[4] > 0
    assert chisquare(counts, np.array(chances) * len(LEADS)).pvalue > 0.01


def test_an_arm_is_called_tried_when_it_owes_more_to_the_even_part() -> None:
    rule = Exploration(share=0.2)
    assert exploration.tried(0.1 + 0.8 * 0.12, 2, rule) is True
    assert exploration.tried(0.1 + 0.8 * 0.13, 2, rule) is False
    assert exploration.tried(0.0, 2, None) is False


def test_the_best_stands_in_where_little_is_known_of_what_is_left() -> None:
    gain = [0.1, 0.2]
    assert exploration.probabilities([TELLING / 2, TELLING / 2], gain, Exploration(0.0)) == [0.5, 0.5]
    assert exploration.probabilities([TELLING / 2, TELLING / 3], gain, Exploration(0.0)) == [0.0, 1.0]
