"""Plant an hour, find it; plant nothing, say nothing; and the same bytes however the work was split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from algorithms import exposures as frame_of
from algorithms.evidence import EvidenceConfig
from algorithms.when import WHEN, WhenConfig, gap_in_words, learner
from benchmarks.level_frames import tenant_id as world_id
from benchmarks.level_frames import when_extracts
from contracts.canonical import content_hash
from contracts.learning import Finding, Incumbent, LearningContext, Prior, PriorBook, Ruling
from contracts.refusal import Reason, Refusal
from contracts.when import GAP_BINS, WhenPattern, hour_key, hour_of_week
from simulation.config import WorldConfig, demo_world
from simulation.level_effects import Conditions
from simulation.level_worlds import HOUR, WEEKDAY, LevelWorlds, when_worlds
from simulation.truth import TenantTruth
from simulation.world import World, simulate
from tests.algorithms.when_frames import TENANT, cadences, exposures, extracts

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
CONTEXT = LearningContext(AS_OF, "code")
CELL_KEYS = [hour_key(int(cell)) for cell in 24 * WEEKDAY + HOUR]

Said = dict[UUID, Finding | Refusal]


def exposed(world: World) -> dict[str, pl.LazyFrame]:
    frames = {name: getattr(world, name).lazy() for name in ("touches", "leads", "tenants")}
    return {"exposures": frame_of.make(frames, CONTEXT).lazy(), "tenants": frames["tenants"]}


@pytest.fixture(scope="module")
def demo() -> World:
    return simulate(demo_world(), seed=7, as_of=AS_OF)


@pytest.fixture(scope="module")
def frames(demo: World) -> dict[str, pl.LazyFrame]:
    return exposed(demo)


@pytest.fixture(scope="module")
def summary(frames: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    return WHEN.summarise(frames, CONTEXT)


@pytest.fixture(scope="module")
def said(summary: pl.DataFrame) -> Said:
    return dict(WHEN.learn(summary, CONTEXT))


def finding_of(one: Finding | Refusal) -> Finding:
    assert isinstance(one, Finding), one
    return one


def pattern_of(one: Finding | Refusal) -> WhenPattern:
    return WhenPattern.from_payload(finding_of(one).payload)


def effect_at(truth: TenantTruth, key: str) -> float:
    """Planted log-odds of an hour of the week; hours of the simulation begin at seven."""
    day, hour = divmod(hour_of_week(key), 24)
    return float(truth.hours[hour - 7] + truth.weekdays[day])


def test_finds_the_planted_hours_of_the_largest_tenants(demo: World, summary: pl.DataFrame, said: Said) -> None:
    verdicts = WHEN.judge(summary, said, {}, CONTEXT)
    planted = sorted((one for one in demo.truth.tenants if one.kind == "planted"), key=lambda one: -one.leads)
    for truth in planted[:3]:
        pattern = pattern_of(said[truth.tenant_id])
        assert verdicts[truth.tenant_id].ruling is Ruling.PUBLISH
        assert pattern.hours is not None
        assert pattern.hours.claimed
        assert pattern.hours.recommendation.low > 0
        key = pattern.hours.recommendation.key
        best = max(effect_at(truth, level.key) for level in pattern.hours.levels)
        mix = sum(level.use * effect_at(truth, level.key) for level in pattern.hours.levels)
        assert effect_at(truth, key) - mix >= 0.7 * (best - mix), "most of what could be had"
        assert truth.peak_hour is not None
        assert abs(hour_of_week(key) % 24 - truth.peak_hour) <= 2
        assert pattern.hours.recommendation.low - 0.1 <= effect_at(truth, key) - mix


def test_is_silent_about_flat_tenants_and_too_few_outcomes(demo: World, summary: pl.DataFrame, said: Said) -> None:
    verdicts = WHEN.judge(summary, said, {}, CONTEXT)
    for truth in demo.truth.tenants:
        if truth.kind != "planted":
            assert verdicts[truth.tenant_id].reason is Reason.NOT_BETTER
        if truth.newcomer:
            assert verdicts[truth.tenant_id].reason is Reason.TOO_FEW_OUTCOMES


def test_gaps_were_not_planted_and_none_is_claimed(said: Said) -> None:
    compared = [pattern_of(one).gaps for one in said.values() if isinstance(one, Finding)]
    assert len(compared) >= 10
    assert not any(one.claimed for one in compared if one)


def test_yields_fall_with_the_planted_fatigue(demo: World, said: Said) -> None:
    for truth in sorted(demo.truth.tenants, key=lambda one: -one.leads)[:3]:
        hazards = {one.touch: one for one in pattern_of(said[truth.tenant_id]).touches}
        assert set(hazards) >= set(range(1, 12))
        assert hazards[1].low > hazards[8].high
        fallen = np.log(hazards[7].hazard / hazards[1].hazard) / 6
        assert demo.truth.config.fatigue - 0.1 < fallen < 0.0, "fatigue, and good leads leave first"


def test_cells_are_at_most_a_fifth_of_the_touches(frames: dict[str, pl.LazyFrame], summary: pl.DataFrame) -> None:
    rows = frames["exposures"].collect()
    assert summary.height <= 0.20 * rows.height
    counted = dict(summary.cast({"question": pl.String}).group_by("question").agg(pl.col("n").sum()).iter_rows())
    assert counted["hours"] + counted["left_out"] == counted["touches"] == rows.height
    assert counted["gaps"] == rows["gap_days"].count()


def test_unknown_zones_are_left_out_and_counted(frames: dict[str, pl.LazyFrame], said: Said) -> None:
    rows = frames["exposures"].collect()
    for tenant, one in said.items():
        if isinstance(one, Finding):
            mine = rows.filter(pl.col("tenant_id") == tenant.bytes)
            unknown = int((mine["hour_of_week"] < 0).sum())
            hours = pattern_of(one).hours
            assert hours is not None
            assert one.diagnostics["unknown_zone"] == unknown > 0
            assert hours.sample_size == mine.height - unknown
            assert one.evidence.sample_size == one.diagnostics["touches"] == mine.height


def small_worlds(conditions: Conditions, seed: int) -> tuple[LevelWorlds, Said, float]:
    """Worlds, what is learned of each, and the share that is published."""
    worlds = when_worlds(conditions, np.random.default_rng(seed))
    counted = WHEN.summarise(when_extracts(worlds), CONTEXT)
    learned = dict(WHEN.learn(counted, CONTEXT))
    verdicts = WHEN.judge(counted, learned, {}, CONTEXT)
    return worlds, learned, float(np.mean([one.ruling is Ruling.PUBLISH for one in verdicts.values()]))


def test_hours_are_found_under_confounding() -> None:
    """Over 400 worlds a regret of .08 and a power of .95 are promised; the standard errors of 40 are .02 and .03."""
    worlds, learned, published = small_worlds(Conditions(worlds=40, size=2_000, base_rate=0.3), seed=2)
    regret, better = [], []
    for world, effects in enumerate(worlds.effects.following):
        hours = pattern_of(learned[world_id(world)]).hours
        assert hours is not None
        top = CELL_KEYS.index(hours.recommendation.key)
        regret.append(effects.max() - effects[top])
        better.append(effects[top] > worlds.used()[world] @ effects / worlds.conditions.size)
    assert np.mean(regret) <= 0.10
    assert np.mean(better) >= 0.95
    assert published >= 0.92


@pytest.mark.parametrize(("drift", "at_most"), [(0.0, 0.05), (0.4, 0.10)])
def test_is_silent_on_flat_worlds(drift: float, at_most: float) -> None:
    _, _, published = small_worlds(Conditions(worlds=40, size=2_000, effects="null", drift=drift), seed=3)
    assert published <= at_most


@pytest.mark.parametrize("shards", [3, 7])
def test_any_split_of_the_leads_gives_the_same_patterns(
    frames: dict[str, pl.LazyFrame], summary: pl.DataFrame, said: Said, shards: int
) -> None:
    lead = pl.col("lead") % shards
    parts = [
        WHEN.summarise(frames | {"exposures": frames["exposures"].filter(lead == shard)}, CONTEXT)
        for shard in range(shards)
    ]
    merged = WHEN.merge(parts)
    assert merged.equals(summary)
    assert WHEN.learn(merged, CONTEXT) == said


def test_same_bytes_alone_and_among_others(summary: pl.DataFrame, said: Said) -> None:
    for tenant in list(said)[::5]:
        alone = WHEN.learn(summary.filter(pl.col("tenant_id") == tenant.bytes), CONTEXT)
        if isinstance(said[tenant], Refusal):
            assert alone[tenant] == said[tenant]
            continue
        own, among = finding_of(alone[tenant]), finding_of(said[tenant])
        assert content_hash(own.payload) == content_hash(among.payload)
        assert (own.evidence, own.inputs_sha256, own.window_start) == (
            among.evidence,
            among.inputs_sha256,
            among.window_start,
        )


def test_logged_probabilities_make_hours_randomised_and_gaps_not() -> None:
    config = WorldConfig(tenants=1, leads=1_500, base_rate=0.2, policy="logged", no_signal_share=0, incumbent_share=0)
    (one,) = WHEN.learn(WHEN.summarise(exposed(simulate(config, seed=1, as_of=AS_OF)), CONTEXT), CONTEXT).values()
    pattern = pattern_of(one)
    assert pattern.hours is not None
    assert pattern.gaps is not None
    assert pattern.hours.randomised
    assert not pattern.gaps.randomised
    assert finding_of(one).evidence.randomised


def test_population_needs_fifty_consenting_tenants_and_moves_the_confidence() -> None:
    assert WHEN.population is not None
    worlds = when_worlds(Conditions(worlds=52, size=300), np.random.default_rng(2))
    counted = WHEN.summarise(when_extracts(worlds), CONTEXT)
    prior = WHEN.population(counted, CONTEXT)
    assert isinstance(prior, Prior)
    assert prior.content["tenants"] == 52
    assert prior.content["pi1"]["hours"] > 0.6, "every world has a real effect"
    assert prior.content["pi1"]["gaps"] == 0.5, "and nobody was touched twice"
    some = pl.col("tenant_id").is_in([world_id(world).bytes for world in range(6)])
    few = WHEN.population(counted.with_columns(shares_priors=some), CONTEXT)
    assert few == Refusal(Reason.TOO_FEW_OUTCOMES, 6, 50, "tenants with enough outcomes")
    informed = replace(CONTEXT, priors=PriorBook((replace(prior, learned_as_of=AS_OF),)))
    before, after = (WHEN.learn(counted.filter(some), context) for context in (CONTEXT, informed))
    for tenant in before:
        unsure, surer = (pattern_of(learned[tenant]).hours for learned in (before, after))
        assert unsure is not None
        assert surer is not None
        assert surer.confidence > unsure.confidence
        assert finding_of(before[tenant]).inputs_sha256 != finding_of(after[tenant]).inputs_sha256
        assert finding_of(after[tenant]).diagnostics["prior"] == prior.version


def learned(rows: Sequence[dict[str, Any]]) -> Finding | Refusal:
    return WHEN.learn(WHEN.summarise(extracts(exposures(list(rows))), CONTEXT), CONTEXT)[UUID(bytes=TENANT)]


def test_a_planted_gap_is_found_with_its_neighbours() -> None:
    rng = np.random.default_rng(4)
    rows = []
    for days in (1, 2, 3, 5, 7, 10, 20):
        rate = 0.35 if days in (3, 5) else 0.15
        for block in range(300, 306):
            for _ in range(60):
                told = {"step": int(rng.integers(2, 5)), "previous": "email", "gap_days": days + 0.4, "block": block}
                rows.append(told | {"outcome": bool(rng.random() < rate), "hour_of_week": -1})
    pattern = pattern_of(learned(rows))
    assert pattern.hours is None
    assert pattern.gaps is not None
    assert pattern.gaps.claimed
    assert pattern.gaps.recommendation.key in ("3", "4-5")
    assert [level.key for level in pattern.gaps.levels] == list(GAP_BINS)
    gains = {level.key: level.gain for level in pattern.gaps.levels}
    assert gains["15+"] < 0.0 < min(gains["3"], gains["4-5"])
    text = WHEN.explain(pattern.to_payload())
    assert text.startswith(gap_in_words(pattern.gaps.recommendation.key) + " +")


def test_gaps_that_follow_a_cadence_are_not_mistaken_for_their_cause() -> None:
    """Flat: raw rates fall with the gap, as later touches and worse leads wait longer. Then with a planted gap."""
    flat, planted = (extracts(cadences(40, 3_000, ratio, seed=6)) for ratio in (1.0, 2.0))
    rates = flat["exposures"].group_by(pl.col("gap_days") > 6).agg(pl.col("outcome").mean()).sort("gap_days").collect()
    assert rates["outcome"][0] > 1.3 * rates["outcome"][1]
    claimed, right = [], []
    for of_world, keep in ((flat, claimed), (planted, right)):
        for one in WHEN.learn(WHEN.summarise(of_world, CONTEXT), CONTEXT).values():
            gaps = pattern_of(one).gaps
            assert gaps is not None
            keep.append(gaps.claimed and (keep is claimed or gaps.recommendation.key in ("3", "4-5")))
    assert np.mean(claimed) <= 0.05
    assert np.mean(right) >= 0.5


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"hour_of_week": -1}, Reason.NO_LOCAL_TIME),
        ({"hour_of_week": -1, "synthetic": True}, Reason.SYNTHETIC_TIME),
        ({"hour_of_week": 33}, Reason.NO_VARIATION),
    ],
)
def test_what_has_no_levels_is_refused(row: dict[str, Any], reason: Reason) -> None:
    rows = [row | {"outcome": lead % 4 == 0, "step": 1 + lead % 2, "gap_days": 3.0 if lead % 2 else None}
            for lead in range(200)]  # fmt: skip
    refused = learned(rows)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason


@pytest.mark.parametrize("converted", [0, 200])
def test_all_alike_or_one_touch_is_refused(converted: int) -> None:
    rows = [{"hour_of_week": 30 + lead % 9, "outcome": lead < converted} for lead in range(200)]
    for told in (rows, rows[:1]):
        refused = learned(told)
        assert isinstance(refused, Refusal)
        assert (refused.reason, refused.got) == (Reason.TOO_FEW_OUTCOMES, 0)


def test_the_same_clock_time_is_one_level_on_either_side_of_a_change_of_clocks() -> None:
    """Tuesdays at ten in Berlin, New York and Lord Howe from August to October, when clocks change in the latter."""
    zones = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
    days = [datetime(2026, 8, 4) + timedelta(weeks=week) for week in range(12)]
    local = [(day.replace(hour=10, minute=30, tzinfo=ZoneInfo(zone)), zone) for day in days for zone in zones]
    tenants = pl.DataFrame({"tenant_id": [TENANT], "horizon_days": [30], "shares_priors": [True]})
    leads = pl.DataFrame(
        {
            "tenant_id": [TENANT] * len(local),
            "lead_id": [bytes([row]) * 16 for row in range(len(local))],
            "created_at": [at.astimezone(UTC) - timedelta(days=1) for at, _ in local],
            "converted_at": [at.astimezone(UTC) + timedelta(days=1) for at, _ in local],
            "time_zone": [zone for _, zone in local],
        }
    )
    touches = pl.DataFrame(
        {
            "tenant_id": [TENANT] * len(local),
            "touch_id": [bytes([row]) * 16 for row in range(len(local))],
            "lead_id": [bytes([row]) * 16 for row in range(len(local))],
            "channel": ["email"] * len(local),
            "occurred_at": [at.astimezone(UTC) for at, _ in local],
        }
    )
    made = frame_of.make({"touches": touches.lazy(), "leads": leads.lazy(), "tenants": tenants.lazy()}, CONTEXT)
    counted = WHEN.summarise({"exposures": made.lazy(), "tenants": tenants.lazy()}, CONTEXT)
    hours = counted.filter(pl.col("question") == "hours")
    assert touches["occurred_at"].dt.hour().n_unique() >= 4, "several hours in UTC"
    assert set(hours["level"]) == {hour_of_week("tue-10")}
    assert hours["n"].sum() == len(local)


def test_an_unchanged_head_stays_and_a_confirmed_one_is_healthy(summary: pl.DataFrame, said: Said) -> None:
    found = {tenant: one for tenant, one in said.items() if isinstance(one, Finding)}
    claiming = {tenant for tenant, one in found.items() if any(c.claimed for c in pattern_of(one).comparisons)}
    heads = {tenant: Incumbent(1, one.payload, one.inputs_sha256) for tenant, one in found.items()}
    verdicts = WHEN.judge(summary, said, heads, CONTEXT)
    assert {verdicts[tenant].reason for tenant in found} == {Reason.UNCHANGED}
    moved = {tenant: replace(head, inputs_sha256="other") for tenant, head in heads.items()}
    verdicts = WHEN.judge(summary, said, moved, CONTEXT)
    assert len(claiming) >= 3
    for tenant in claiming:
        assert (verdicts[tenant].ruling, verdicts[tenant].reason) == (Ruling.HOLD, Reason.CONFIRMED)
        assert verdicts[tenant].incumbent_healthy


def test_settings_and_touches_are_part_of_the_input(summary: pl.DataFrame, said: Said) -> None:
    other = learner(WhenConfig(evidence=EvidenceConfig(residual_sd=0.2)))
    tenant = next(one for one in said if isinstance(said[one], Finding))
    mine = summary.filter(pl.col("tenant_id") == tenant.bytes)
    hashes = {
        finding_of(one).inputs_sha256
        for one in (
            said[tenant],
            other.learn(mine, CONTEXT)[tenant],
            WHEN.learn(mine.with_columns(pl.col("n") + 1), CONTEXT)[tenant],
            WHEN.learn(mine, replace(CONTEXT, code_version="later"))[tenant],
        )
    }
    assert len(hashes) == 4


def test_payload_is_canonical_and_explained(said: Said) -> None:
    texts = []
    for one in said.values():
        if isinstance(one, Finding):
            assert content_hash(pattern_of(one).to_payload()) == content_hash(one.payload)
            texts.append(WHEN.explain(one.payload))
    assert any("day " in text and ":00 +" in text and "(confidence " in text for text in texts)
    assert any(text.startswith("no hour and no gap stands out · touch 1 brings ") for text in texts)


def test_gaps_are_spoken() -> None:
    told = {key: gap_in_words(key) for key in ("1", "2", "4-5", "15+")}
    assert told == {
        "1": "1 day after the touch before",
        "2": "2 days after the touch before",
        "4-5": "4–5 days after the touch before",
        "15+": "15 days or more after the touch before",
    }
