"""Can an oracle, who knows which features matter, read the truth back from the world? Are flat tenants flat?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from contracts.outcomes import CHANNELS, COMPONENTS, DEFAULT_WEIGHTS
from simulation.config import WorldConfig
from simulation.policy import channel_probabilities, hour_probabilities, template_probabilities
from simulation.truth import HOURS, NO_CHANNEL, TenantTruth, draw_truth
from simulation.world import World, simulate

AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)
PLANTED = WorldConfig(
    tenants=1, leads=40_000, no_signal_share=0, incumbent_share=0, missing_zone_share=0,
    score_noise=0, source_effect=0, reporting_delay_days=0.1, base_rate=0.15, confounding=1.0,
)  # fmt: skip

Floats = NDArray[np.float64]


def logistic(x: Floats, y: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Coefficients (intercept first) and their standard errors, by Newton's method."""
    design = np.column_stack([np.ones(len(y)), x])
    beta = np.zeros(design.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ beta))
        information = (design * (p * (1 - p))[:, None]).T @ design
        beta += np.linalg.solve(information, design.T @ (y - p))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def ripe_touches(world: World) -> pl.DataFrame:
    """Touches whose outcome is known, in order, with the lead's columns and the hour and weekday on its clock."""
    old = pl.col("occurred_at") < world.as_of - timedelta(days=10)
    frame = world.touches.filter(old).join(world.leads, on="lead_id").sort("lead_id", "touch_number")
    return frame.with_columns(previous=pl.col("channel").shift().over("lead_id"), **local_clock())


def local_clock() -> dict[str, pl.Expr]:
    zones = ("Europe/London", "Europe/Dublin", "Europe/Berlin", "America/New_York", "America/Chicago",
             "America/Los_Angeles", "Australia/Sydney", "Asia/Kolkata")  # fmt: skip
    local = [pl.col("occurred_at").dt.convert_time_zone(zone).dt.replace_time_zone(None) for zone in zones]
    here = pl.coalesce(pl.when(pl.col("time_zone") == zone).then(t) for zone, t in zip(zones, local, strict=True))
    return {"hour": here.dt.hour().cast(pl.Int64), "weekday": here.dt.weekday().cast(pl.Int64) - 1}


def planted_log_odds(truth: TenantTruth, touches: pl.DataFrame, config: WorldConfig) -> Floats:
    """What the truth says about each touch without the intercept, put together from its document alone."""
    told = truth.document()
    rows = touches.select(
        "channel", pl.col("previous").fill_null("none"), "hour", "weekday", "template_id", "touch_number"
    ).iter_rows()
    touch = [
        told["channels"][channel] + told["pairs"][previous][channel] + told["hours"][str(hour)]
        + told["weekdays"][weekday] + told["templates"][template] + config.fatigue * (number - 1)
        for channel, previous, hour, weekday, template, number in rows
    ]  # fmt: skip
    return np.array(touch) + truth.slope * touches.select(COMPONENTS).to_numpy() @ np.array(truth.weights)


@pytest.fixture(scope="module")
def planted() -> World:
    return simulate(PLANTED, seed=11, as_of=AS_OF)


@pytest.fixture(scope="module")
def touches(planted: World) -> pl.DataFrame:
    return ripe_touches(planted)


@pytest.fixture(scope="module")
def silent() -> pl.DataFrame:
    return ripe_touches(simulate(replace(PLANTED, no_signal_share=1.0, base_rate=0.10), seed=12, as_of=AS_OF))


@pytest.fixture(scope="module")
def calm() -> World:
    return simulate(replace(PLANTED, confounding=0.0), seed=11, as_of=AS_OF)


def test_an_oracle_recovers_the_hazard_of_touches(planted, touches):
    truth = planted.truth.tenants[0]
    log_odds = planted_log_odds(truth, touches, PLANTED)
    beta, error = logistic(log_odds, touches["led_to_booking"].to_numpy())
    assert abs(beta[1] - 1) < 3 * error[1]
    assert error[1] < 0.03
    assert abs(beta[0] - truth.intercept) < 3 * error[0]


def test_the_hours_on_the_leads_clock_are_office_hours(touches):
    assert set(touches["hour"].unique()) == set(HOURS)
    assert (touches["weekday"] >= 5).mean() < 0.15


def test_components_act_on_bookings_as_who_reads_them(calm):
    truth = calm.truth.tenants[0]
    ripe = calm.leads.filter(pl.col("created_at") < AS_OF - timedelta(days=45))
    score = ripe.select(COMPONENTS).to_numpy() @ np.array(truth.weights)
    y = ripe["converted_at"].is_not_null().to_numpy()
    beta, error = logistic(score, y)
    assert 0.85 * truth.slope < beta[1] < 1.15 * truth.slope
    assert error[1] < 0.05 * truth.slope
    assert 0.66 < roc_auc_score(y, score) < 0.74


def test_confounding_shows_in_the_choice_of_the_favourite_channel(planted, calm):
    for world, wanted in ((planted, 1.0), (calm, 0.0)):
        truth = world.truth.tenants[0]
        quality = world.touches.select("lead_id", "channel").join(world.leads, on="lead_id").select(COMPONENTS)
        standardised = quality.to_numpy() @ np.array(truth.weights)
        standardised = (standardised - standardised.mean()) / standardised.std()
        favourite = (world.touches["channel"] == CHANNELS[truth.favourite_channel]).to_numpy()
        beta, error = logistic(standardised, favourite)
        assert abs(beta[1] - wanted) < 0.05 + 3 * error[1]


def heterogeneity(touches: pl.DataFrame, level: str) -> float:
    """p-value of a chi-square test that all levels book equally often at equal touch numbers (score statistics)."""
    counts = touches.group_by("touch_number", level).agg(n=pl.len(), s=pl.col("led_to_booking").sum())
    levels = sorted(counts[level].unique())
    u, v = np.zeros(len(levels)), np.zeros((len(levels), len(levels)))
    for _, block in counts.group_by("touch_number"):
        n = np.array([dict(block.select(level, "n").iter_rows()).get(k, 0) for k in levels], float)
        s = np.array([dict(block.select(level, "s").iter_rows()).get(k, 0) for k in levels], float)
        total, hits = n.sum(), s.sum()
        if total < 2:
            continue
        u += s - n * hits / total
        v += hits * (total - hits) / (total**2 * (total - 1)) * (total * np.diag(n) - np.outer(n, n))
    statistic = u[:-1] @ np.linalg.solve(v[:-1, :-1], u[:-1])
    return float(chi2.sf(statistic, len(levels) - 1))


@pytest.mark.parametrize("level", ["channel", "hour", "template_id", "angle"])
def test_flat_tenants_are_flat_and_planted_ones_are_not(touches, silent, level):
    assert heterogeneity(silent, level) > 0.001
    assert heterogeneity(touches, level) < 1e-6


def test_components_of_a_silent_tenant_say_nothing_and_an_incumbent_s_truth_is_the_defaults():
    silent = simulate(replace(PLANTED, no_signal_share=1.0), seed=13, as_of=AS_OF)
    y = silent.leads["converted_at"].is_not_null().to_numpy()
    beta, error = logistic(silent.leads.select(COMPONENTS).to_numpy(), y)
    assert (np.abs(beta[1:]) < 3.5 * error[1:]).all()
    incumbent = simulate(replace(PLANTED, incumbent_share=1.0), seed=13, as_of=AS_OF)
    assert incumbent.truth.tenants[0].weights == DEFAULT_WEIGHTS
    y = incumbent.leads["converted_at"].is_not_null().to_numpy()
    beta, _ = logistic(incumbent.leads.select(COMPONENTS).to_numpy(), y)
    np.testing.assert_allclose(beta[1:] / beta[1:].sum(), DEFAULT_WEIGHTS, atol=0.04)


def test_null_effects_leave_only_weights_and_chance_between_templates():
    truth = draw_truth(replace(PLANTED, effects="null"), seed=1).tenants[0]
    assert not truth.channels.any()
    assert not truth.hours.any()
    assert not truth.pairs.any()
    assert truth.peak_hour is None
    assert truth.template_residuals.any()
    assert truth.slope == PLANTED.slope


def test_one_arm_differs_and_by_the_odds_ratio():
    truth = draw_truth(replace(PLANTED, effects="one_arm", odds_ratio=3.0), seed=1).tenants[0]
    for effects in (truth.channels, truth.hours, truth.features["angle"]):
        assert sorted(effects)[-1] == pytest.approx(np.log(3))
        assert np.count_nonzero(effects) == 1
    assert not truth.pairs.any()


def test_drift_moves_levels_within_blocks():
    null = replace(PLANTED, leads=15_000, effects="null", template_effect=0.0, confounding=0.0)
    still, moving = (ripe_touches(simulate(replace(null, drift=drift), 5, AS_OF)) for drift in (0.0, 0.6))

    def worst_block(touches: pl.DataFrame) -> float:
        block = (pl.col("occurred_at").dt.epoch("d") - touches["occurred_at"].dt.epoch("d").min()) * 8 // 540
        parts = touches.with_columns(block=block).partition_by("block")
        return min(heterogeneity(part, "channel") for part in parts if part.height > 1_000)

    assert worst_block(still) > 1e-4
    assert worst_block(moving) < 1e-8


def test_logged_propensities_sum_to_one_and_are_the_frequencies_of_choice():
    config = replace(PLANTED, policy="logged", leads=20_000)
    world = simulate(config, seed=8, as_of=AS_OF)
    truth = world.truth.tenants[0]
    merit, step = np.linspace(-2, 2, 50), np.arange(50)
    for shares in (
        channel_probabilities(truth, config, merit, step),
        hour_probabilities(truth, config, merit),
        template_probabilities(truth, config, merit, step % len(CHANNELS)),
    ):
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert shares.min() >= config.exploration / shares.shape[1]
    propensity = world.touches["propensity"]
    assert propensity.null_count() == 0
    assert propensity.is_between(0, 1, closed="right").all()
    arms = len(CHANNELS) * len(HOURS) * config.templates_per_channel
    weights = 1 / propensity.to_numpy()  # their mean is the number of arms, whatever the policy prefers
    assert abs(weights.mean() - arms) < 4 * weights.std() / np.sqrt(len(weights))
    assert simulate(replace(config, policy="habit", leads=500), 8, AS_OF).touches["propensity"].is_null().all()


def test_first_touches_follow_no_pair(planted):
    assert not planted.truth.tenants[0].pairs[NO_CHANNEL].any()
