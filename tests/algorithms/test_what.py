"""Plant a feature, find it; plant nothing, say nothing; split the leads, get the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.evidence import EvidenceConfig
from algorithms.exposures import EXPOSURES
from algorithms.registry import DERIVED
from algorithms.templates import TEMPLATES
from algorithms.what import WHAT
from algorithms.what_counts import SUMMARY
from algorithms.what_levels import level_statistics, tenants
from algorithms.what_questions import chances, prior_of
from algorithms.what_texts import TextPrior
from benchmarks.level_frames import AS_OF, arm_key, tenant_id, what_extracts
from contracts.canonical import content_hash
from contracts.learning import Finding, Incumbent, LearningContext, Prior, PriorBook, Ruling
from contracts.outcomes import CHANNELS, CONTENT_FEATURES, HEADLINE_FEATURES, MESSAGE_TESTS
from contracts.refusal import Reason, Refusal
from contracts.what import WhatPattern
from simulation.config import WorldConfig
from simulation.content import LEVELS
from simulation.level_worlds import Conditions, WhatWorlds, what_worlds
from simulation.message_tests import MessageTestsConfig, message_tests
from simulation.world import simulate

CONTEXT = LearningContext(AS_OF, "code")
Frames = dict[str, pl.LazyFrame]


def worlds(count: int, effects: str = "planted", size: int = 4_000, seed: int = 3, text_sd: float = 0.1) -> WhatWorlds:
    conditions = Conditions(worlds=count, size=size, effects=effects, confounding=1.0)  # type: ignore[arg-type]
    return what_worlds(conditions, np.random.default_rng(seed), odds_ratio=2.5, template_sd=text_sd)


def with_all_features(frames: Frames, seed: int) -> Frames:
    """The same with the seven other features drawn at random for every text."""
    rng, templates = np.random.default_rng(seed), frames["templates"].collect()
    drawn = [pl.Series(name, rng.choice(LEVELS[name], templates.height)) for name in LEVELS if name != "angle"]
    return frames | {"templates": templates.with_columns(drawn).lazy()}


def finding(said: Finding | Refusal) -> Finding:
    assert isinstance(said, Finding), said
    return said


def pattern(said: Finding | Refusal) -> WhatPattern:
    return WhatPattern.from_payload(finding(said).payload)


def test_finds_the_planted_level() -> None:
    drawn = worlds(40)
    said = WHAT.learn(WHAT.summarise(what_extracts(drawn), CONTEXT), CONTEXT)
    best = drawn.effects.lasting.argmax(axis=1)
    told = [pattern(said[tenant_id(world)]).features["angle"] for world in range(40)]
    claimed = [world for world, one in enumerate(told) if one.claimed]
    assert len(claimed) >= 30
    right = [told[world].recommendation.key == arm_key(int(best[world])) for world in claimed]
    assert np.mean(right) >= 0.95
    shrunk = np.mean([told[world].recommendation.gain for world in claimed])
    assert 0.35 < shrunk < 0.85, "planted .92 above the other arms, .73 above the mix"


@pytest.mark.parametrize("text_sd", [0.0, 0.3])
def test_flat_tenants_publish_nothing_though_eight_features_are_asked(text_sd: float) -> None:
    frames = with_all_features(what_extracts(worlds(100, "null", size=2_000, text_sd=text_sd)), seed=1)
    summary = WHAT.summarise(frames, CONTEXT)
    said = WHAT.learn(summary, CONTEXT)
    assert set(pattern(said[tenant_id(0)]).features) == set(CONTENT_FEATURES)
    verdicts = WHAT.judge(summary, said, {}, CONTEXT)
    published = np.mean([verdict.ruling is Ruling.PUBLISH for verdict in verdicts.values()])
    assert published <= 0.08, ".05 promised; 100 tenants have a standard error of .02"


def test_few_texts_claim_little_however_often_they_are_sent() -> None:
    """Two texts, one of each angle, and a gap that is theirs alone: nobody can tell it from the angle's."""
    rng = np.random.default_rng(1)
    claimed = 0
    for seed in range(20):
        log_odds = 0.3 * rng.normal(size=2)
        frames = hand_made([("a", 4_000, log_odds[0]), ("b", 4_000, log_odds[1])], seed=seed)
        claimed += pattern(WHAT.learn(WHAT.summarise(frames, CONTEXT), CONTEXT)[tenant_id(0)]).features["angle"].claimed
    assert claimed <= 4


def hand_made(texts: Sequence[tuple[str | None, int, float]], seed: int = 0, **columns: object) -> Frames:
    """One tenant. texts: (angle, touches, log-odds against a rate of .3)."""
    rng = np.random.default_rng(seed)
    text = np.repeat(np.arange(len(texts)), [touches for _, touches, _ in texts])
    outcome = rng.random(len(text)) < 1 / (1 + np.exp(0.85 - np.array([one[2] for one in texts])[text]))
    names = [f"text-{number}" for number in range(len(texts))]
    rows = {
        "tenant_id": [tenant_id(0).bytes] * len(text),
        "lead": np.arange(len(text)),
        "step": 1,
        "channel": CHANNELS[0],
        "outcome": outcome,
        "block": rng.integers(0, 4, len(text)),
        "stratum": rng.integers(0, 10, len(text)),
        "policy": "",
        "propensity": None,
        "template_id": pl.Series(names).gather(text),
    } | columns
    exposures = pl.DataFrame({"row": np.arange(len(text))}).with_columns(
        *(
            (
                pl.lit(value)
                if not hasattr(value, "__len__") or isinstance(value, str)
                else pl.Series(value, strict=False)
            ).alias(name)
            for name, value in rows.items()
        )
    )
    typed = exposures.select(
        (pl.col(name) if name in rows else pl.lit(None)).cast(kind).alias(name) for name, kind in EXPOSURES.items()
    )
    said = pl.DataFrame(
        {
            "tenant_id": [tenant_id(0).bytes] * len(texts),
            "template_id": names,
            "first_sent": [AS_OF] * len(texts),
            "angle": pl.Series([angle for angle, _, _ in texts], dtype=pl.String),
        }
    )
    templates = said.select(
        (pl.col(name) if name in said.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in TEMPLATES.items()
    )
    owner = pl.DataFrame({"tenant_id": [tenant_id(0).bytes], "shares_priors": [True]})
    return {"exposures": typed.lazy(), "templates": templates.lazy(), "tenants": owner.lazy()}


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([("a", 100, 0.0)], Reason.NO_TEMPLATES),
        ([(None, 100, 0.0), (None, 100, 0.0)], Reason.NO_VARIATION),
        ([("a", 100, 0.0), ("a", 100, 0.0)], Reason.NO_VARIATION),
        ([("a", 10, 0.0), ("b", 8, 0.0)], Reason.TOO_FEW_OUTCOMES),
        ([("a", 500, -9.0), ("b", 500, -9.0)], Reason.TOO_FEW_OUTCOMES),
    ],
)
def test_refusals(texts: list[tuple[str | None, int, float]], reason: Reason) -> None:
    summary = WHAT.summarise(hand_made(texts), CONTEXT)
    said = WHAT.learn(summary, CONTEXT)
    assert isinstance(said[tenant_id(0)], Refusal)
    verdict = WHAT.judge(summary, said, {}, CONTEXT)[tenant_id(0)]
    assert (verdict.ruling, verdict.reason) == (Ruling.REFUSE, reason)


def test_touches_without_a_template_are_not_counted() -> None:
    texts = hand_made([("a", 300, 0.0), ("b", 300, 0.0)])
    none = hand_made([("a", 300, 0.0)], template_id=None)
    summary = WHAT.summarise(texts | {"exposures": pl.concat([texts["exposures"], none["exposures"]])}, CONTEXT)
    assert summary.filter(part="touches")["n"].sum() == 600
    empty = WHAT.summarise(none, CONTEXT)
    assert WHAT.learn(empty, CONTEXT)[tenant_id(0)] == Refusal(Reason.NO_TEMPLATES, 0, 2, "distinct texts")


def test_logged_propensities_make_it_randomised() -> None:
    said = {
        logged: pattern(
            WHAT.learn(
                WHAT.summarise(hand_made([("a", 900, 0.4), ("b", 900, 0.0)], propensity=logged), CONTEXT), CONTEXT
            )[tenant_id(0)]
        ).features["angle"]
        for logged in (0.5, None)
    }
    assert said[0.5].randomised
    assert not said[None].randomised
    assert said[0.5].confidence > said[None].confidence, "no bias is left to allow for"


def test_rarer_texts_than_are_looked_at_are_left_out_and_told() -> None:
    summary = WHAT.summarise(hand_made([("a", 300, 0.0), ("b", 200, 0.0), ("a", 100, 0.0)]), CONTEXT)
    (one,) = tenants(summary, most=2)
    assert one.texts is not None
    assert one.texts.left_out == 100
    assert one.texts.counts.n.sum(axis=(0, 1)).tolist() == [300, 200]
    assert one.texts.levels["angle"] == ("a", "b")


def test_a_slow_loop_counts_the_same() -> None:
    frames = what_extracts(worlds(3, size=300))
    rows = frames["exposures"].collect()
    counted: dict[tuple[object, ...], list[int]] = {}
    for row in rows.with_columns(pl.col("policy", "template_id").cast(pl.String)).iter_rows(named=True):
        band = 0 if row["step"] == 1 else 1 if row["step"] <= 3 else 2
        key = (
            row["tenant_id"],
            row["policy"],
            False,
            row["block"],
            row["channel"],
            band,
            row["stratum"],
            row["template_id"],
        )
        cell = counted.setdefault(key, [0, 0])
        cell[0] += 1
        cell[1] += row["outcome"]
    found = WHAT.summarise(frames, CONTEXT).filter(part="touches")
    keys = ("tenant_id", "source", "logged", "block", "channel", "band", "stratum", "unit")
    assert {row[:-2]: list(row[-2:]) for row in found.select(*keys, "n", "s").iter_rows()} == counted


NOW = datetime(2026, 3, 2, tzinfo=UTC)


def small_agency() -> Frames:
    """Extracts of a small simulated agency, with message tests for two of its tenants."""
    world = simulate(WorldConfig(tenants=4, leads=1_200), seed=5, as_of=NOW)
    tests = message_tests(MessageTestsConfig(tests=40), 1).rows
    ids = world.tenants["tenant_id"]
    told = pl.concat([tests.with_columns(tenant_id=pl.lit(ids[row], pl.Binary)) for row in (0, 1)])
    typed = told.with_columns(pl.lit(None, pl.Boolean).alias(name) for name in HEADLINE_FEATURES).with_columns(
        tested_at=pl.lit(None, pl.Datetime("us", "UTC"))
    )
    return {
        "tenants": world.tenants.lazy(),
        "leads": world.leads.lazy(),
        "touches": world.touches.lazy(),
        "message_tests": typed.select(MESSAGE_TESTS.names).lazy(),
    }


def summarised(frames: Frames, context: LearningContext) -> pl.DataFrame:
    derived = {one.name: one.make(frames, context).lazy() for one in DERIVED}
    return WHAT.summarise({name: (frames | derived)[name] for name in (*WHAT.reads, "tenants")}, context)


@pytest.mark.parametrize("shards", [3, 7])
def test_the_split_of_leads_does_not_matter(shards: int) -> None:
    context = LearningContext(NOW, "code")
    frames = small_agency()
    whole = WHAT.merge([summarised(frames, context)])
    assert set(whole["part"].unique()) == {"touches", "templates", "tests"}
    leads, tests = frames["leads"].collect(), frames["message_tests"].collect()
    parts = []
    for shard in range(shards):
        mine = leads.filter(pl.int_range(pl.len()) % shards == shard).lazy()
        touches = frames["touches"].join(mine.select("tenant_id", "lead_id"), on=("tenant_id", "lead_id"), how="semi")
        some = tests.filter(pl.int_range(pl.len()) % shards == shard).lazy()
        parts.append(summarised(frames | {"leads": mine, "touches": touches, "message_tests": some}, context))
    merged = WHAT.merge(parts[::-1])
    assert merged.schema == SUMMARY
    assert merged.equals(whole)
    said, again = WHAT.learn(whole, context), WHAT.learn(merged, context)
    hashes = [
        [content_hash(dict(one.payload)) for one in each.values() if isinstance(one, Finding)] for each in (said, again)
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) >= 2


def test_a_summary_is_a_fifth_of_its_touches_or_less() -> None:
    """On the demo's largest tenants; small ones have few touches a cell, and few cells."""
    world = simulate(WorldConfig(tenants=2, leads=12_000), seed=1, as_of=NOW)
    frames = {name: getattr(world, name).lazy() for name in ("tenants", "leads", "touches")}
    context = LearningContext(NOW, "code")
    derived = {one.name: one.make(frames, context) for one in DERIVED}
    summary = WHAT.summarise(
        {"tenants": frames["tenants"]} | {name: rows.lazy() for name, rows in derived.items()}, context
    )
    assert summary.height <= 0.2 * derived["exposures"].height


def test_a_tenant_alone_learns_what_it_learns_among_others() -> None:
    drawn = worlds(20, size=1_000)
    summary = WHAT.summarise(what_extracts(drawn), CONTEXT)
    together = WHAT.learn(summary, CONTEXT)
    alone = WHAT.learn(summary.filter(pl.col("tenant_id") == tenant_id(7).bytes), CONTEXT)
    assert content_hash(dict(finding(alone[tenant_id(7)]).payload)) == content_hash(
        dict(finding(together[tenant_id(7)]).payload)
    )
    assert finding(alone[tenant_id(7)]).inputs_sha256 == finding(together[tenant_id(7)]).inputs_sha256


def test_inputs_hash_names_everything_that_decides() -> None:
    summary = WHAT.summarise(hand_made([("a", 300, 0.3), ("b", 300, 0.0)]), CONTEXT)

    def hashed(rows: pl.DataFrame, context: LearningContext) -> str:
        return finding(WHAT.learn(rows, context)[tenant_id(0)]).inputs_sha256

    prior = Prior("what", {"p_real": 0.3, "features": 60}, AS_OF - timedelta(days=1))
    more = summary.with_columns(s=pl.when(pl.col("n") > pl.col("s")).then(pl.col("s") + 1).otherwise("s"))
    seen = {
        hashed(summary, CONTEXT),
        hashed(summary, replace(CONTEXT, code_version="other")),
        hashed(summary, replace(CONTEXT, priors=PriorBook((prior,)))),
        hashed(more, CONTEXT),
    }
    assert len(seen) == 4
    assert hashed(summary, CONTEXT) in seen


def test_a_published_pattern_holds_until_something_new_is_known() -> None:
    drawn = worlds(8)
    summary = WHAT.summarise(what_extracts(drawn), CONTEXT)
    said = WHAT.learn(summary, CONTEXT)
    verdicts = WHAT.judge(summary, said, {}, CONTEXT)
    world = next(world for world in range(8) if verdicts[tenant_id(world)].ruling is Ruling.PUBLISH)
    tenant = tenant_id(world)
    head = Incumbent(1, finding(said[tenant]).payload, inputs_sha256=finding(said[tenant]).inputs_sha256)
    again = WHAT.judge(summary, said, {tenant: head}, CONTEXT)[tenant]
    assert (again.ruling, again.reason) == (Ruling.HOLD, Reason.UNCHANGED)
    told = WHAT.explain(finding(said[tenant]).payload)
    best = int(drawn.effects.lasting[world].argmax())
    assert told.startswith(f"angle {arm_key(best)} +")
    assert "% odds (confidence" in told.replace(" %", "%")


def test_population_learns_how_often_features_matter() -> None:
    assert WHAT.population is not None
    found = {}
    for effects in ("planted", "null"):
        summary = WHAT.summarise(what_extracts(worlds(60, effects)), CONTEXT)
        prior = WHAT.population(summary, CONTEXT)
        assert isinstance(prior, Prior)
        found[effects] = prior.content["p_real"]
        assert prior.content["features"] == 60
    assert found["null"] < 0.25 < 0.5 < found["planted"]
    few = WHAT.population(summary.filter(pl.col("tenant_id") < tenant_id(9).bytes), CONTEXT)
    assert isinstance(few, Refusal)
    shy = summary.with_columns(shares_priors=False)
    assert isinstance(WHAT.population(shy, CONTEXT), Refusal)


def test_features_share_one_chance() -> None:
    """Against a double loop: every combination of real and not, under every chance."""
    log_bfs, p_real, weight = [3.0, -1.0, 0.2], 0.55, 10.0
    grid = (np.arange(4_000) + 0.5) / 4_000
    prior = grid ** (weight * p_real - 1) * (1 - grid) ** (weight * (1 - p_real) - 1)
    total, real = 0.0, np.zeros(3)
    for combination in range(8):
        on = [bool(combination >> bit & 1) for bit in range(3)]
        likelihood = np.exp(sum(bf for bf, is_on in zip(log_bfs, on, strict=True) if is_on))
        mass = float((prior * grid ** sum(on) * (1 - grid) ** (3 - sum(on))).sum() * likelihood)
        total += mass
        real += mass * np.array(on)
    np.testing.assert_allclose(chances(log_bfs, p_real, weight), real / total, rtol=1e-4)
    alone = chances([0.0], p_real, weight)
    assert alone[0] == pytest.approx(p_real)
    assert chances([2.0] + [-2.0] * 7, p_real, weight)[0] < chances([2.0], p_real, weight)[0]


def only_tests(config: MessageTestsConfig, seed: int) -> Frames:
    rows = message_tests(config, seed).rows.with_columns(tenant_id=pl.lit(tenant_id(0).bytes, pl.Binary))
    none = hand_made([("a", 1, 0.0)])
    return none | {"exposures": none["exposures"].filter(step=9), "message_tests": rows.lazy()}


def test_message_tests_alone_make_a_pattern() -> None:
    drawn = message_tests(MessageTestsConfig(tests=600), 1)
    summary = WHAT.summarise(only_tests(MessageTestsConfig(tests=600), 1), CONTEXT)
    said = WHAT.learn(summary, CONTEXT)[tenant_id(0)]
    found = pattern(said)
    assert finding(said).evidence.randomised
    assert finding(said).window_start is None
    assert set(found.features) >= set(HEADLINE_FEATURES)
    assert found.templates == drawn.rows.height
    assert 0.2 < found.template_sd < 0.45
    assert len(found.words) == 20
    claimed = [one for one in found.comparisons if one.claimed]
    assert len(claimed) >= 3
    truth = drawn.effects | {f"word:{word}": effect for word, effect in drawn.words.items()}
    right = [(truth[one.name] > 0) == (one.recommendation.key == "yes") for one in claimed if truth.get(one.name)]
    assert np.mean(right) >= 0.8
    for one in found.comparisons:
        assert one.randomised
        assert sum(level.p_best for level in one.levels) == pytest.approx(1.0)
        assert sum(level.use * level.gain for level in one.levels) == pytest.approx(0.0, abs=1e-9)
        assert one.recommendation.low <= one.recommendation.gain <= one.recommendation.high
        assert one.sample_size == drawn.rows["shown"].sum()
    verdict = WHAT.judge(summary, {tenant_id(0): said}, {}, CONTEXT)[tenant_id(0)]
    assert verdict.ruling is Ruling.PUBLISH
    assert " % odds (confidence " in WHAT.explain(finding(said).payload)


def test_touches_and_tests_stand_side_by_side() -> None:
    touches = hand_made([("a", 500, 0.6), ("b", 500, 0.0), ("a", 500, 0.6), ("b", 500, 0.0)])
    both = touches | {"message_tests": only_tests(MessageTestsConfig(tests=60), 2)["message_tests"]}
    found = pattern(WHAT.learn(WHAT.summarise(both, CONTEXT), CONTEXT)[tenant_id(0)])
    assert not found.features["angle"].randomised
    assert found.features["you"].randomised
    without = pattern(WHAT.learn(WHAT.summarise(touches, CONTEXT), CONTEXT)[tenant_id(0)])
    assert without.features["angle"] == found.features["angle"]
    assert without.words == ()


def test_counts_that_cannot_be_meant_reach_no_learner() -> None:
    rows = pl.DataFrame(
        {
            "tenant_id": [tenant_id(0).bytes] * 5,
            "test": ["t", "t", "t", "t", None],
            "text": ["a", "b", "c", None, "e"],
            "shown": [10, 0, 5, 9, 9],
            "converted": [3, 0, 6, 1, 1],
        }
    )
    frames = only_tests(MessageTestsConfig(tests=1), 1) | {"message_tests": rows.lazy()}
    kept = WHAT.summarise(frames, CONTEXT).filter(part="tests")
    assert kept.select("source", "unit", "n", "s").rows() == [("t", "a", 10, 3)]
    assert json.loads(kept["content"][0])["short"]
    assert isinstance(WHAT.learn(kept, CONTEXT)[tenant_id(0)], Refusal)


touch = st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans(), st.integers(1, 5))


@settings(max_examples=40, deadline=None)
@given(st.lists(touch, max_size=50), st.lists(st.sampled_from(["a", "b", None]), min_size=4, max_size=4))
def test_whatever_comes_in_a_readable_pattern_or_a_refusal_comes_out(
    rows: list[tuple[int, int, bool, int]], angles: list[str | None]
) -> None:
    frames = hand_made([(angle, 1, 0.0) for angle in angles])
    exposures = pl.DataFrame(
        {
            "tenant_id": [tenant_id(0).bytes] * len(rows),
            "template_id": [f"text-{text}" for text, _, _, _ in rows],
            "block": [block for _, block, _, _ in rows],
            "outcome": [outcome for _, _, outcome, _ in rows],
            "step": [step for _, _, _, step in rows],
            "stratum": [text - 1 for text, _, _, _ in rows],
            "channel": [CHANNELS[block] for _, block, _, _ in rows],
            "policy": [""] * len(rows),
        },
        schema_overrides={"tenant_id": pl.Binary},
    )
    typed = exposures.select(
        (pl.col(name) if name in exposures.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in EXPOSURES.items()
    )
    summary = WHAT.summarise(frames | {"exposures": typed.lazy()}, CONTEXT)
    said = WHAT.learn(summary, CONTEXT)
    verdicts = WHAT.judge(summary, said, {}, CONTEXT)
    assert set(said) == set(verdicts) == {tenant_id(0)}
    for one in said.values():
        if isinstance(one, Finding):
            assert WhatPattern.from_payload(one.payload).to_payload() == one.payload


def test_a_merge_of_nothing_is_nothing() -> None:
    assert WHAT.merge([]).schema == SUMMARY
    assert WHAT.learn(WHAT.merge([]), CONTEXT) == {}


def test_a_text_that_changed_is_told_by_its_earliest_touch() -> None:
    """As templates.py has it in one slice; and over slices too."""
    first = hand_made([("a", 100, 0.0), ("b", 100, 0.0)])
    later = first | {
        "templates": first["templates"].with_columns(angle=pl.lit("c"), first_sent=pl.lit(AS_OF + timedelta(1)))
    }
    merged = WHAT.merge([WHAT.summarise(later, CONTEXT), WHAT.summarise(first, CONTEXT)])
    (one,) = tenants(merged, most=9)
    assert one.texts is not None
    assert one.texts.levels["angle"] == ("a", "b")


def test_statistics_of_a_feature_leave_out_texts_without_it() -> None:
    (one,) = tenants(WHAT.summarise(hand_made([("a", 200, 0.0), ("b", 200, 0.0), (None, 200, 0.0)]), CONTEXT), most=9)
    assert one.texts is not None
    _, found = level_statistics(one.texts, TextPrior(), EvidenceConfig())
    assert found["angle"].n.tolist() == [200, 200]
    assert isinstance(one.tenant_id, UUID)


@pytest.mark.parametrize("log_bf", [-800.0, -44.0, 0.0, 44.0, 800.0, 5_000.0])
def test_overwhelming_evidence_has_a_prior_too(log_bf: float) -> None:
    (chance,) = chances([log_bf], 0.55, 10.0)
    prior = prior_of(float(chance), log_bf)
    assert 0.0 < prior < 1.0
