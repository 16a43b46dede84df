"""What claims met later: exactly the touches counted since, and a gain that is the true one within its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from algorithms import how_counts, what_counts, when_counts
from algorithms.auc import compare
from algorithms.histories import histories
from algorithms.how import HOW
from algorithms.how_later import recommended
from algorithms.later import met, newly_counted
from algorithms.off_policy import CLIPPED_AT
from algorithms.what import WHAT
from algorithms.when import WHEN
from algorithms.who import WHO
from benchmarks import level_frames
from benchmarks.level_frames import AS_OF
from benchmarks.who_world import START, as_extracts
from contracts.how import NO_CHANNEL, HowPattern, next_key
from contracts.learning import Finding, Learner, LearningContext
from contracts.levels import Comparison, Level, Recommendation
from contracts.outcomes import CHANNELS, DEFAULT_WEIGHTS
from contracts.walk_forward import EDGES, InForce, Later
from contracts.when import hour_of_week
from contracts.who import WhoPattern
from simulation.leads import LeadsConfig, simulate_leads
from simulation.level_effects import BLOCKS, Conditions
from simulation.level_worlds import CHANNELS as IN_USE
from simulation.level_worlds import HOUR, WEEKDAY, LevelWorlds, how_worlds, what_worlds, when_worlds
from tests.algorithms.how_frames import TENANT, Story, extracts

CONTEXT = LearningContext(AS_OF, "code")
LAST = BLOCKS - 1
Frames = dict[str, pl.LazyFrame]


def summarised(learner: Learner, frames: Frames, *, newest: bool = True) -> pl.DataFrame:
    """The learner's summary of all touches, or of those before the newest block."""
    rows = frames["exposures"] if newest else frames["exposures"].filter(pl.col("block") < LAST)
    return learner.merge([learner.summarise({**frames, "exposures": rows}, CONTEXT)])


def followed(
    learner: Learner, in_force: dict[UUID, InForce], before: pl.DataFrame, after: pl.DataFrame
) -> dict[UUID, Later]:
    assert learner.follow is not None
    return dict(learner.follow(in_force, before, after, AS_OF))


def what(worlds: int, effects: Any) -> tuple[LevelWorlds, Frames]:
    conditions = Conditions(worlds=worlds, size=4_000, effects=effects, confounding=0.0)
    drawn = what_worlds(conditions, np.random.default_rng(3), odds_ratio=2.5, template_sd=0.0)
    return drawn, level_frames.what_extracts(drawn)


def when(worlds: int, effects: Any) -> tuple[LevelWorlds, Frames]:
    conditions = Conditions(worlds=worlds, size=8_000, effects=effects, confounding=0.0)
    drawn = when_worlds(conditions, np.random.default_rng(4))
    return drawn, level_frames.when_extracts(drawn)


def how(worlds: int, effects: Any) -> tuple[LevelWorlds, Frames]:
    conditions = Conditions(worlds=worlds, size=1_500, effects=effects, confounding=0.0)
    drawn = how_worlds(conditions, np.random.default_rng(5))
    return drawn, level_frames.how_extracts(drawn)


Make = Callable[[int, Any], tuple[LevelWorlds, Frames]]
CASES = [(WHAT, what), (WHEN, when), (HOW, how)]
IDS = ["what", "when", "how"]


@pytest.mark.parametrize(("learner", "make"), CASES, ids=IDS)
def test_what_is_new_is_what_a_summary_of_the_new_touches_alone_holds(learner: Learner, make: Make) -> None:
    """The slow twin: count the newest block by itself."""
    _, frames = make(4, "planted")
    before, after = summarised(learner, frames, newest=False), summarised(learner, frames)
    alone = learner.summarise({**frames, "exposures": frames["exposures"].filter(pl.col("block") == LAST)}, CONTEXT)
    if learner is WHAT:
        assert what_counts.counted_since(before, after).equals(what_counts.merge_summaries([alone, alone.clear()]))
        return
    keys = how_counts.KEYS if learner is HOW else when_counts.KEYS
    if learner is HOW:  # its paths are told, and never followed
        before, after, alone = (frame.filter(pl.col("question") == "touches") for frame in (before, after, alone))
    assert newly_counted(before, after, keys).equals(alone.sort(keys))


@pytest.mark.parametrize(("learner", "make"), CASES, ids=IDS)
def test_the_gain_that_came_is_the_true_one_within_its_error(learner: Learner, make: Make) -> None:
    """z = (measured − true) / error, over all claims of thirty worlds: about N(0, 1)."""
    worlds, frames = make(30, "planted")
    before, after = summarised(learner, frames, newest=False), summarised(learner, frames)
    found = {tenant: said for tenant, said in learner.learn(before, CONTEXT).items() if isinstance(said, Finding)}
    later = followed(learner, {t: InForce(1, said.payload, 0.9) for t, said in found.items()}, before, after)
    z = []
    for world in range(30):
        for claim in later[level_frames.tenant_id(world)].claims if level_frames.tenant_id(world) in later else ():
            truth = true_gain(worlds, world, claim.name, claim.key)
            if truth is not None:
                z.append((claim.u / claim.v - truth) * claim.v**0.5)
    assert len(z) >= 12, "so many of thirty planted worlds claim something"
    assert abs(np.mean(z)) < 0.6
    assert 0.6 < np.std(z) < 1.5


def true_gain(worlds: LevelWorlds, world: int, name: str, key: str) -> float | None:
    """Log-odds of the claimed level over the mix of its alternatives in the newest block; None for other questions."""
    newest = (worlds.world == world) & (worlds.block == LAST)
    lasting = worlds.effects.lasting[world]
    if name == level_frames.FEATURE:
        level, alternatives = ord(key[-1]) - ord("a"), newest
    elif name == "hours":
        level, alternatives = int(np.flatnonzero(hour_of_week(key) == 24 * WEEKDAY + HOUR)[0]), newest
    elif name == "next_channel":
        previous, channel = ((*CHANNELS[:IN_USE], NO_CHANNEL).index(word) for word in key.split(">"))
        level, alternatives = IN_USE * previous + channel, newest & (worlds.level // IN_USE == previous)
    else:
        return None
    return float(lasting[level] - lasting[worlds.level[alternatives]].mean())


def claim_of(name: str, key: str, keys: tuple[str, ...], confidence: float = 0.9) -> Comparison:
    levels = tuple(
        Level(one, 10, 2, 1 / len(keys), 0.2 if one == key else -0.1, 0.1, 0.8, 1 / len(keys)) for one in keys
    )
    return Comparison(name, 10, 2, 0.1, confidence, True, False, Recommendation(key, 0.2, 0.0, 0.4, 0.1), levels)


def test_a_claim_is_held_to_the_mix_of_its_alternatives() -> None:
    """By hand: 20 first touches by e-mail, 5 with an outcome, and 10 by sms, 4 of them; one stratum.

    U = 4 − 10·9/30 = 1; V = 9·21/(30²·29)·(30·10 − 10²) = 1.4483; a third is sms, so that the gain over the mix is
    (2/3)·U/V with information V/(2/3)².
    """
    touches = [Story("email!")] * 5 + [Story("email")] * 15 + [Story("sms!")] * 4 + [Story("sms")] * 6
    summary = HOW.summarise(extracts(touches), CONTEXT)
    pattern = HowPattern(claim_of("channels", "sms", ("email", "sms")), None)
    held = InForce(3, pattern.to_payload(), 0.9)
    later = followed(HOW, {UUID(bytes=TENANT): held}, summary.clear(), summary)[UUID(bytes=TENANT)]
    (claim,) = later.claims
    v = 9 * 21 / (30**2 * 29) * (30 * 10 - 10**2)
    assert (later.version, claim.name, claim.key, claim.n, claim.s, claim.used) == (3, "channels", "sms", 30, 9, 10)
    assert (claim.u / claim.v, claim.v) == pytest.approx(((2 / 3) / v, v / (2 / 3) ** 2))
    assert Later.from_document(later.to_document()) == later


def test_what_is_not_claimed_or_not_seen_met_nothing() -> None:
    silent = replace(claim_of("channels", "sms", ("email", "sms")), claimed=False)
    assert met([silent], {}) == ()
    assert met([claim_of("hours", "tue-10", ("tue-10", "tue-11"))], {}) == ()
    summary = HOW.summarise(extracts([Story("email!"), Story("email")]), CONTEXT)
    pattern = HowPattern(claim_of("channels", "sms", ("email", "sms")), None)
    later = followed(HOW, {UUID(bytes=TENANT): InForce(1, pattern.to_payload(), 0.9)}, summary.clear(), summary)
    assert later[UUID(bytes=TENANT)].claims == ()


def test_logged_touches_are_weighted_toward_what_is_recommended() -> None:
    """Three quarters e-mail and one quarter sms: following sms weighs its touches 4, and those by e-mail 0."""
    logged: dict[str, Any] = {"policy": "v1", "propensity": 0.5}
    touches = [Story("email", **logged)] * 6 + [Story("sms!", **logged), Story("sms", **logged)]
    summary = HOW.summarise(extracts(touches), CONTEXT)
    pattern = HowPattern(claim_of("channels", "sms", ("email", "sms")), None)
    assert recommended(pattern)[NO_CHANNEL] == "sms"
    later = followed(HOW, {UUID(bytes=TENANT): InForce(1, pattern.to_payload(), 0.9)}, summary.clear(), summary)
    sums = later[UUID(bytes=TENANT)].logged
    assert sums is not None
    assert (sums.n, sums.s, sums.w, sums.wr, sums.ww, sums.wwr) == pytest.approx((8, 1, 8.0, 4.0, 32.0, 16.0))
    assert CLIPPED_AT > 4


def test_where_nothing_is_recommended_all_is_as_it_was_done() -> None:
    following = claim_of(
        "next_channel", next_key("email", "sms"), (next_key("email", "email"), next_key("email", "sms"))
    )
    assert recommended(HowPattern(None, following)) == {"email": "sms"}
    assert recommended(HowPattern(replace(following, claimed=False, name="channels"), None)) == {}
    assert set(CHANNELS) >= set(recommended(HowPattern(None, following)).values())


def test_weights_are_held_to_leads_that_became_known_since() -> None:
    """By a slow look at the same leads: ranks, promises, and the difference to what was replaced."""
    simulated = simulate_leads(LeadsConfig(3, sizes=(1_200,), kinds=("planted",)), np.random.default_rng(1))
    since = START + timedelta(hours=800)
    early = WHO.summarise(as_extracts(simulated), LearningContext(since, "code"))
    late = WHO.summarise(as_extracts(simulated), LearningContext(START + timedelta(days=3_000), "code"))
    found = WHO.learn(early, LearningContext(since, "code"))
    told = {"auc_difference": 0.02, "auc_difference_ci90": [0.0, 0.04]}
    in_force = {t: InForce(2, said.payload, 0.95, told) for t, said in found.items() if isinstance(said, Finding)}
    assert WHO.follow is not None
    later = WHO.follow(in_force, early, late, since)
    assert set(later) == set(in_force)
    for history in histories(late):
        tenant, new = later[history.tenant_id], history.known > since.timestamp() * 1e6
        pattern = WhoPattern.from_payload(in_force[history.tenant_id].payload)
        components, converted = history.components[new].astype(float), history.converted[new]
        scores, default = components @ pattern.weights, components @ DEFAULT_WEIGHTS
        top = sorted(range(len(scores)), key=lambda i: -scores[i])[: round(0.2 * len(scores))]
        assert tenant.ranked is not None
        assert (tenant.ranked.n, tenant.ranked.s) == (new.sum(), converted.sum())
        assert tenant.ranked.learned == converted[top].sum()
        promises = 1 / (1 + np.exp(-(pattern.intercept + pattern.slope * scores)))
        assert sum(one.expected for one in tenant.promised) == pytest.approx(promises.sum())
        assert sum(one.happened for one in tenant.promised) == converted.sum()
        for one in tenant.promised:
            inside = (promises >= EDGES[one.bin]) & (promises < EDGES[one.bin + 1])
            assert (one.n, one.happened) == (inside.sum(), converted[inside].sum())
        (claim,) = tenant.claims
        expected = compare(converted, scores, default)
        assert (claim.u / claim.v, 1 / claim.v) == pytest.approx((expected.difference, expected.variance))
        assert (claim.confidence, claim.said, claim.said_sd) == pytest.approx((0.95, 0.02, 0.02 / 1.6448536))
