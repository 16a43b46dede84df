"""Plant weights, find them; plant nothing, say nothing; change nothing, publish nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.auc import AucDifference, Lift
from algorithms.histories import histories
from algorithms.registry import LEARNERS, learner
from algorithms.trials import Trial
from algorithms.who import WHO, WhoConfig, inputs_hash, rule
from benchmarks.who_world import START, as_extracts, tenant_id
from contracts.canonical import content_hash
from contracts.learning import Finding, Incumbent, LearningContext, Prior, PriorBook, Ruling
from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS
from contracts.refusal import Reason, Refusal
from contracts.who import WhoPattern
from simulation.leads import Kind, LeadsConfig, LeadsWorld, simulate_leads

END = START + timedelta(days=3_000)
CONTEXT = LearningContext(END, "code")


def world(tenants: int, leads: int = 1_000, kind: Kind = "planted", seed: int = 3, **more: float) -> LeadsWorld:
    config = LeadsConfig(tenants, sizes=(leads,), kinds=(kind,), **more)  # type: ignore[arg-type]
    return simulate_leads(config, np.random.default_rng(seed))


def summarised(simulated: LeadsWorld, as_of: datetime = END) -> pl.DataFrame:
    return WHO.summarise(as_extracts(simulated), LearningContext(as_of, "code"))


def population(summary: pl.DataFrame) -> Prior:
    assert WHO.population is not None
    prior = WHO.population(summary, CONTEXT)
    assert isinstance(prior, Prior)
    return prior


def finding(summary: pl.DataFrame, context: LearningContext = CONTEXT, tenant: int = 0) -> Finding:
    said = WHO.learn(summary, context)[tenant_id(tenant)]
    assert isinstance(said, Finding), said
    return said


def weights_of(said: Finding | Refusal) -> tuple[float, ...]:
    assert isinstance(said, Finding)
    return WhoPattern.from_payload(said.payload).weights


def test_finds_planted_weights() -> None:
    simulated = world(40)
    summary = summarised(simulated)
    prior = population(summary)
    said = WHO.learn(summary, replace(CONTEXT, priors=PriorBook((replace(prior, learned_as_of=END),))))
    away = [np.abs(np.array(weights_of(said[tenant_id(t)])) - simulated.weights[t]).sum() / 2 for t in range(40)]
    unlearned = np.abs(np.array(DEFAULT_WEIGHTS) - simulated.weights).sum(axis=1).mean() / 2
    assert np.mean(away) <= 0.2
    assert np.mean(away) < unlearned / 2
    centre = np.abs(np.array(prior.content["centre"]) - simulated.config.agency).sum() / 2
    assert centre < 0.08


@pytest.mark.parametrize("kind", ["no_signal", "incumbent"])
def test_is_silent_on_a_flat_world(kind: Kind) -> None:
    summary = summarised(world(300, kind=kind))
    verdicts = WHO.judge(summary, WHO.learn(summary, CONTEXT), {}, CONTEXT)
    published = np.mean([verdict.ruling is Ruling.PUBLISH for verdict in verdicts.values()])
    assert published <= 0.07, "6 % promised, over 2,000 tenants; 300 have a standard error of 1.4 %"


def test_publishes_what_many_outcomes_show_and_explains_it() -> None:
    simulated = world(6, leads=6_000, base_rates=(0.3,))  # type: ignore[arg-type]
    summary = summarised(simulated)
    said = WHO.learn(summary, CONTEXT)
    verdicts = WHO.judge(summary, said, {}, CONTEXT)
    published = [tenant for tenant, verdict in verdicts.items() if verdict.ruling is Ruling.PUBLISH]
    assert len(published) >= 4
    verdict, payload = verdicts[published[0]], said[published[0]].payload  # type: ignore[union-attr]
    assert verdict.reason is None
    assert verdict.confidence is not None
    assert verdict.confidence >= 0.9
    assert len(verdict.judged_on["folds"]) == 4
    assert verdict.judged_on["auc_difference"] > 0
    assert 0.5 < verdict.judged_on["ceiling"]["auc_of_trees"] < 1
    first, _, _ = WHO.explain(payload).partition(" ")
    heaviest = COMPONENTS[int(np.argmax(payload["weights"]))]
    assert first == heaviest.partition("_")[0]


def test_probability_fits_the_newest_leads_after_the_base_rate_moved() -> None:
    simulated = world(1, leads=2_000, base_rates=(0.15,), base_drift=2.0)  # type: ignore[arg-type]
    pattern = WhoPattern.from_payload(finding(summarised(simulated)).payload)
    newest = simulated.components[-500:] @ np.array(pattern.weights)
    expected = 1 / (1 + np.exp(-(pattern.intercept + pattern.slope * newest)))
    assert expected.mean() == pytest.approx(simulated.converted[-500:].mean(), abs=0.02)
    assert simulated.converted[-500:].mean() > 1.5 * simulated.converted[:500].mean()


def test_stratum_edges_are_the_deciles_of_the_window() -> None:
    simulated = world(1, leads=1_000)
    pattern = WhoPattern.from_payload(finding(summarised(simulated)).payload)
    scores = 100 * simulated.components.astype(np.float32) @ np.array(pattern.weights)
    counts = np.histogram(scores, [-1, *pattern.decile_edges, 101])[0]
    assert counts.tolist() == [100] * 10


def test_same_bytes_alone_and_among_fifty_and_twice() -> None:
    simulated = world(50, leads=700)
    together = summarised(simulated)
    said = WHO.learn(together, CONTEXT)
    again = WHO.learn(together, CONTEXT)
    verdicts = WHO.judge(together, said, {}, CONTEXT)
    for tenant in range(0, 50, 7):
        own = tenant_id(tenant)
        alone = together.filter(pl.col("tenant_id") == own.bytes)
        single = WHO.learn(alone, CONTEXT)
        assert content_hash(single[own].payload) == content_hash(said[own].payload)  # type: ignore[union-attr]
        assert single[own] == said[own] == again[own]
        assert WHO.judge(alone, single, {}, CONTEXT)[own] == verdicts[own]


def test_the_future_changes_no_byte() -> None:
    simulated = world(3, leads=900)
    cut = START + timedelta(hours=600)
    context = LearningContext(cut, "code")
    past = as_extracts(simulated)
    past["leads"] = past["leads"].filter(pl.col("created_at") <= cut)
    planted, honest = summarised(simulated, as_of=cut), WHO.summarise(past, context)
    said = WHO.learn(planted, context)
    assert planted.equals(honest)
    assert said == WHO.learn(honest, context)
    assert WHO.judge(planted, said, {}, context) == WHO.judge(honest, said, {}, context)


def test_learning_twice_publishes_nothing_new_and_says_why() -> None:
    summary = summarised(world(1, leads=6_000))
    first = finding(summary)
    head = Incumbent(1, first.payload, first.inputs_sha256, content_hash(first.payload))
    second = finding(summary)
    verdict = WHO.judge(summary, {tenant_id(0): second}, {tenant_id(0): head}, CONTEXT)[tenant_id(0)]
    assert second == first
    assert verdict.ruling is Ruling.HOLD
    assert verdict.reason is Reason.UNCHANGED
    assert verdict.incumbent_healthy


@pytest.mark.parametrize("change", ["code", "prior", "lead", "setting"])
def test_whatever_changes_what_is_learned_changes_the_input_hash(change: str) -> None:
    summary = summarised(world(1))
    history, config, context = next(histories(summary)), WhoConfig(), CONTEXT
    prior = Prior("who", {"centre": [0.2] * 5, "log_tau": [0.0] * 6}, END)
    before = inputs_hash(history, config, context, None)
    after = {
        "code": inputs_hash(history, config, replace(context, code_version="newer"), None),
        "prior": inputs_hash(history, config, context, prior),
        "lead": inputs_hash(next(histories(summary.head(-1))), config, context, None),
        "setting": inputs_hash(history, replace(config, window=1_999), context, None),
    }
    assert after[change] != before
    assert inputs_hash(history, config, replace(context, as_of=END + timedelta(7)), None) == before


def test_a_bad_incumbent_is_not_healthy_and_a_good_one_is() -> None:
    simulated = world(1, leads=8_000, base_rates=(0.3,))  # type: ignore[arg-type]
    summary = summarised(simulated)
    said = finding(summary)
    worst = [0.0] * 5
    worst[int(simulated.weights[0].argmin())] = 1.0
    bad = {**said.payload, "weights": worst}
    judged = {
        name: WHO.judge(summary, {tenant_id(0): said}, {tenant_id(0): Incumbent(1, payload)}, CONTEXT)[tenant_id(0)]
        for name, payload in {"good": said.payload, "bad": bad, "unreadable": {"schema": 0}}.items()
    }
    assert judged["good"].incumbent_healthy
    assert judged["good"].reason is Reason.NOT_BETTER
    assert not judged["bad"].incumbent_healthy
    assert judged["bad"].ruling is Ruling.PUBLISH
    assert judged["unreadable"].ruling is Ruling.PUBLISH, "an unreadable head scores by the defaults"


def test_a_better_ranking_that_loses_the_top_fifth_is_held() -> None:
    history = next(histories(summarised(world(1))))
    said = finding(summarised(world(1)))
    converted = np.arange(100) >= 80
    trial = Trial(
        begins=START,
        converted=converted,
        ranks=np.arange(100) / 100,
        promised=np.full(100, 0.2),
        against_incumbent=AucDifference(0.8, 0.7, 0.0001),
        incumbent_to_default=AucDifference(0.7, 0.7, 0.0001),
        lift=Lift(1.5, 1.0, 2.0),
        incumbent_lift=Lift(1.61, 1.0, 2.0),
    )
    verdict = rule(WhoConfig(), history, said, Incumbent(0, None), [trial] * 4)
    assert verdict.reason is Reason.WORSE_LIFT
    better = replace(trial, incumbent_lift=Lift(1.59, 1.0, 2.0))
    assert rule(WhoConfig(), history, said, Incumbent(0, None), [better] * 4).ruling is Ruling.PUBLISH
    assert rule(WhoConfig(), history, said, Incumbent(0, None), [better]).reason is Reason.TOO_FEW_FOLDS


def test_promises_are_held_against_later_outcomes() -> None:
    summary = summarised(world(1))
    told = WHO.judge(summary, {tenant_id(0): finding(summary)}, {}, CONTEXT)[tenant_id(0)].judged_on
    assert sum(each["n"] for each in told["calibration"]) == sum(fold["leads"] for fold in told["folds"])
    predicted = [each["predicted"] for each in told["calibration"]]
    assert predicted == sorted(predicted)
    off = [abs(each["predicted"] - each["observed"]) for each in told["calibration"]]
    assert max(off) < 0.1  # a planted logit is what the scorer assumes, so that only sampling is left


def test_folds_use_only_priors_that_were_known_when_they_began() -> None:
    summary = summarised(world(1))
    said = finding(summary)
    odd = Prior("who", {"centre": [0.96, 0.01, 0.01, 0.01, 0.01], "log_tau": [0.0] + [-4.0] * 5}, START)

    def judged(learned_as_of: datetime) -> object:
        book = PriorBook((replace(odd, learned_as_of=learned_as_of),))
        context = replace(CONTEXT, priors=book)
        return WHO.judge(summary, {tenant_id(0): said}, {}, context)[tenant_id(0)].judged_on["folds"]

    none = WHO.judge(summary, {tenant_id(0): said}, {}, CONTEXT)[tenant_id(0)].judged_on["folds"]
    begins = [datetime.fromisoformat(fold["begins"]) for fold in none]
    assert judged(begins[-1]) == none, "at the moment that the last fold begins it is too late"
    changed = judged(begins[1])
    assert changed[:2] == none[:2]  # type: ignore[index]
    assert changed[2:] != none[2:]  # type: ignore[index]


def test_population_asks_for_consent_and_for_enough_tenants() -> None:
    summary = summarised(world(6))
    assert WHO.population is not None
    assert isinstance(WHO.population(summary, CONTEXT), Prior)
    first = pl.col("tenant_id") == tenant_id(0).bytes
    unwilling = summary.with_columns(pl.col("shares_priors") & ~first)
    five = population(unwilling)
    assert five.content["tenants"] == 5
    assert five.version == population(summary.filter(~first)).version
    few = WHO.population(summary.filter(pl.col("tenant_id").is_in([tenant_id(t).bytes for t in range(4)])), CONTEXT)
    assert few == Refusal(Reason.TOO_FEW_OUTCOMES, 4, 5, "tenants with enough outcomes")


def one_tenant(components: list[list[float]], converted: list[bool]) -> pl.DataFrame:
    simulated = LeadsWorld(
        LeadsConfig(1),
        np.zeros(len(converted), np.int64),
        np.array(components, float).reshape(len(converted), 5),
        np.array(converted, bool),
        np.zeros((1, 5)),
        np.zeros(1),
        ("no_signal",),
    )
    return summarised(simulated)


@pytest.mark.parametrize(
    ("components", "converted", "reason"),
    [
        ([[0.5] * 5], [True], Reason.TOO_FEW_OUTCOMES),
        ([[n / 100] * 5 for n in range(100)], [True] * 100, Reason.TOO_FEW_OUTCOMES),
        ([[n / 100] * 5 for n in range(100)], [False] * 100, Reason.TOO_FEW_OUTCOMES),
        ([[n / 100] * 5 for n in range(100)], [n < 9 for n in range(100)], Reason.TOO_FEW_OUTCOMES),
        ([[0.5] * 5] * 100, [n % 2 == 0 for n in range(100)], Reason.NO_VARIATION),
    ],
)
def test_refusals(components: list[list[float]], converted: list[bool], reason: Reason) -> None:
    summary = one_tenant(components, converted)
    said = WHO.learn(summary, CONTEXT)
    assert isinstance(said[tenant_id(0)], Refusal)
    assert said[tenant_id(0)].reason is reason  # type: ignore[union-attr]
    verdict = WHO.judge(summary, said, {}, CONTEXT)[tenant_id(0)]
    assert (verdict.ruling, verdict.reason) == (Ruling.REFUSE, reason)


cell = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(cell, min_size=5, max_size=5), st.booleans()), max_size=60))
def test_whatever_comes_in_a_readable_pattern_or_a_refusal_comes_out(
    rows: list[tuple[list[float], bool]],
) -> None:
    summary = one_tenant([row[0] for row in rows], [row[1] for row in rows])
    said = WHO.learn(summary, CONTEXT)
    verdicts = WHO.judge(summary, said, {}, CONTEXT)
    assert set(said) == set(verdicts) == ({tenant_id(0)} if rows else set[UUID]())
    for tenant, one in said.items():
        if isinstance(one, Finding):
            pattern = WhoPattern.from_payload(one.payload)
            assert pattern.to_payload() == one.payload
            assert sum(pattern.weights) == pytest.approx(1.0)
            assert one.evidence.outcomes >= 10
            assert verdicts[tenant].ruling in (Ruling.PUBLISH, Ruling.HOLD)


def test_levels_that_convert_more_are_named() -> None:
    simulated = world(1, leads=1_500, kind="no_signal")
    frames = as_extracts(simulated)
    frames["leads"] = frames["leads"].with_columns(
        pl.when(pl.col("converted_at").is_not_null() & (pl.int_range(pl.len()) % 2 == 0))
        .then(pl.lit("CFO"))
        .otherwise(pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit("CFO")).otherwise(pl.lit("Clerk")))
        .alias("title"),
        pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("AU")).otherwise(pl.lit("NZ")).alias("country"),
    )
    pattern = WhoPattern.from_payload(finding(WHO.summarise(frames, CONTEXT)).payload)
    told = {(level.dimension, level.level): level for level in pattern.dimensions}
    assert told["title", "cfo"].significant
    assert told["title", "cfo"].rate > told["title", "clerk"].rate
    assert not told["country", "au"].significant
    assert told["title", "cfo"].rate < told["title", "cfo"].s / told["title", "cfo"].n, (
        "shrunk toward the tenant's rate"
    )


def test_registry() -> None:
    assert learner("who") is WHO
    assert len({one.name for one in LEARNERS}) == len(LEARNERS)
    with pytest.raises(KeyError, match="wanted one of: who"):
        learner("whom")
