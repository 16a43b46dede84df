"""Does WHO find planted weights, and stay silent where there is nothing to find?

Worlds of simulation.leads through the learner's own path: summarise → population → learn → judge against the defaults.
Regret is the AUC that the true weights reach on 20,000 fresh leads minus the AUC reached by the weights in question.
Beside it stands what a straightforward build does: SLSQP on each tenant's log loss, always put into force.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.progress import track

from algorithms.auc import auc
from algorithms.who import WHO
from benchmarks.harness import Figure, benchmark
from benchmarks.who_path import CODE, Learned, decide, in_force, slsqp_weights
from benchmarks.who_world import START, as_extracts, tenant_id
from contracts.learning import Incumbent, LearningContext, PriorBook
from contracts.outcomes import DEFAULT_WEIGHTS
from simulation.leads import Kind, LeadsConfig, LeadsWorld, fresh_leads, simulate_leads

Floats = NDArray[np.float64]

LEADS = 1_000  # a tenant; at a base rate of 10 % they hold 100 conversions
FRESH = 20_000
WEEKS = 52
HOURS = timedelta(hours=1)  # between two leads of a tenant, so that a week holds LEADS_A_WEEK
LEADS_A_WEEK = 20  # doubles the history within the year


def first_decision(world: LeadsWorld) -> Learned:
    as_of = START + HOURS * int(world.sizes.max())
    summary = WHO.summarise(as_extracts(world), LearningContext(as_of, CODE))
    return decide(summary, as_of, PriorBook(), {})


def weekly_decisions(world: LeadsWorld, quiet: bool) -> dict[UUID, Incumbent]:
    """The heads after WEEKS decisions on a growing history; tenants that never published have none."""
    end = START + HOURS * int(world.sizes.max())
    summary = WHO.summarise(as_extracts(world), LearningContext(end, CODE))
    priors, incumbents = PriorBook(), dict[UUID, Incumbent]()
    for week in track(range(WEEKS), f"{WEEKS} weekly decisions", disable=quiet, transient=True):
        as_of = end - HOURS * LEADS_A_WEEK * (WEEKS - 1 - week)
        decided = decide(summary.filter(pl.col("known_at") <= as_of), as_of, priors, incumbents)
        priors, incumbents = decided.priors, in_force(decided, incumbents)
    return incumbents


def regret(world: LeadsWorld, rng: np.random.Generator) -> Callable[[int, Sequence[float]], float]:
    """A function (tenant, weights) → AUC lost against that tenant's truth, all on the same fresh leads."""
    fresh = {}
    for tenant in range(len(world.kinds)):
        components, converted = fresh_leads(world, tenant, FRESH, rng)
        fresh[tenant] = components, converted, auc(converted, components @ world.weights[tenant])

    def lost(tenant: int, weights: Sequence[float]) -> float:
        components, converted, best = fresh[tenant]
        return best - auc(converted, components @ np.array(weights))

    return lost


def flat_world(kind: Kind, tenants: int, leads: int, seed: int) -> LeadsWorld:
    return simulate_leads(LeadsConfig(tenants, sizes=(leads,), kinds=(kind,)), np.random.default_rng(seed))


def flat_share(kind: Kind, tenants: int, seed: int) -> float:
    learned = first_decision(flat_world(kind, tenants, LEADS, seed))
    return float(np.mean([learned.published(tenant_id(tenant)) for tenant in range(tenants)]))


@benchmark("who_truth", "Does WHO find planted weights, and stay silent where there is nothing to find?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    planted, silent, weekly = (60, 250, 8) if arguments.quick else (200, 2_000, 100)
    world = simulate_leads(LeadsConfig(planted, sizes=(LEADS,)), np.random.default_rng(7))
    learned, lost = first_decision(world), regret(world, np.random.default_rng(8))
    tenants = range(planted)
    found = [learned.weights(tenant_id(tenant)) for tenant in tenants]
    naive = [
        slsqp_weights(world.components[world.tenant == tenant], world.converted[world.tenant == tenant])
        for tenant in track(tenants, "the naive peer", disable=arguments.json, transient=True)
    ]
    published = [tenant for tenant in tenants if learned.published(tenant_id(tenant))]
    scoring = [found[tenant] if learned.published(tenant_id(tenant)) else DEFAULT_WEIGHTS for tenant in tenants]

    def mean_regret(weights: Sequence[Sequence[float]], among: Sequence[int] = tenants) -> float:
        return float(np.mean([lost(tenant, weights[tenant]) for tenant in among])) if among else float("nan")

    def mean_tv(weights: Sequence[Sequence[float]]) -> float:
        return float(np.abs(np.array(weights) - world.weights).sum(axis=1).mean() / 2.0)

    default = mean_regret([DEFAULT_WEIGHTS] * planted)
    naive_regret = f"SLSQP {mean_regret(naive):.4f}"
    weeks = LEADS + LEADS_A_WEEK * (WEEKS - 1)
    no_signal, incumbent = flat_world("no_signal", weekly, weeks, 11), flat_world("incumbent", weekly, weeks, 12)
    heads = [weekly_decisions(flat, arguments.json) for flat in (no_signal, incumbent)]
    year = [len(one) / weekly for one in heads]
    lost_where_default_is_true = regret(incumbent, np.random.default_rng(13))
    needless = [
        lost_where_default_is_true(tenant, payload["weights"])
        for tenant in range(weekly)
        if (head := heads[1].get(tenant_id(tenant))) and (payload := head.payload)
    ]
    return [
        Figure("learned_regret", mean_regret(found), f"AUC regret of learned weights, {planted} tenants",
               f"{naive_regret}, defaults {default:.4f}", "≤ .01"),
        Figure("learned_tv", mean_tv(found), "total variation to the truth",
               f"SLSQP {mean_tv(naive):.4f}, defaults {mean_tv([DEFAULT_WEIGHTS] * planted):.4f}", "≤ .2"),
        Figure("published_regret", mean_regret(found, published), "AUC regret of published weights",
               f"defaults there {mean_regret([DEFAULT_WEIGHTS] * planted, published):.4f}", "≤ .01"),
        Figure("in_force_regret", mean_regret(scoring), "AUC regret of weights in force", naive_regret, "about .02"),
        Figure("published_share", len(published) / planted, "share published at one decision", "SLSQP 1", "about .28"),
        Figure("flat_signal_published_share", flat_share("no_signal", silent, 9),
               f"published where components carry no signal, {silent:,} tenants", "SLSQP 1", "≤ .06"),
        Figure("flat_incumbent_published_share", flat_share("incumbent", silent, 10),
               f"published where the defaults are the truth, {silent:,} tenants", "SLSQP 1", "≤ .06"),
        Figure("flat_52_weeks_share", sum(year) / 2.0,
               f"ever published in {WEEKS} weekly decisions, {2 * weekly} flat tenants",
               f"no signal {year[0]:.3f}, defaults true {year[1]:.3f}", "printed"),
        Figure(None, float(np.mean(needless)) if needless else None,
               "AUC lost by those needless publications where the defaults are the truth"),
    ]  # fmt: skip


if __name__ == "__main__":
    measure.main()
