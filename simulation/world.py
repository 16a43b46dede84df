"""A synthetic agency with planted truth: tenants, leads and touches as the extracts give them, and what is true.

    world = simulate(demo_world(), seed=7, as_of=datetime(2025, 6, 1, tzinfo=UTC))
    world.leads      # contracts.outcomes LEADS, and what the tables hold besides
    world.truth      # what was planted; .document() is ready for JSON

Everything follows from (config, seed, as_of): equal arguments give equal bytes. Moving `as_of` moves the whole history
with it, so that a demo is never out of date; nothing in it happens at or after `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.outcomes import DEFAULT_WEIGHTS
from simulation.config import WorldConfig
from simulation.frames import NEVER, TenantLeads, TenantTouches, leads_frame, tenants_frame, touches_frame
from simulation.ids import random_uuids, stream
from simulation.leads import LeadsConfig, simulate_leads
from simulation.people import draw_people
from simulation.policy import choose, merit_of_decile
from simulation.touches import DAY, draw_outcomes, find_intercept, moments, plan_touches, touch_effects
from simulation.truth import TenantTruth, Truth, draw_truth

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """One simulated agency. Columns: contracts.outcomes, then those of our own tables.

    leads: also als_score, score_version and components_at. touches: also scheduled_at and content_snapshot (JSON text).
    """

    as_of: datetime
    tenants: pl.DataFrame
    leads: pl.DataFrame
    touches: pl.DataFrame
    truth: Truth


def simulate(config: WorldConfig, seed: int, as_of: datetime) -> World:
    """Draw an agency as it looks at `as_of` (aware; nothing at or after it exists). About 1.5 µs a touch."""
    if as_of.tzinfo is None:
        raise ValueError(f"got {as_of} without a time zone: as_of is a moment, not a clock reading")
    now = (as_of - EPOCH) // timedelta(microseconds=1)
    planted = draw_truth(config, seed)
    leads = [_draw_leads(tenant, config, seed, index, now) for index, tenant in enumerate(planted.tenants)]
    touches = [_draw_touches(rows, config, seed, index, now) for index, rows in enumerate(leads)]
    truth = replace(planted, tenants=tuple(rows.truth for rows in touches))
    return World(
        as_of,
        tenants_frame(truth, leads),
        leads_frame(leads, touches, config, now),
        touches_frame(leads, touches, config),
        truth,
    )


@cache
def default_score_edges() -> Floats:
    """(9,) decile edges of the default score, 0 to 100, frozen once for all worlds from 100,000 reference leads."""
    reference = simulate_leads(LeadsConfig(tenants=1, sizes=(100_000,)), np.random.default_rng(0))
    edges: Floats = np.quantile(default_scores(reference.components), np.arange(1, 10) / 10)
    return edges


def default_scores(components: Floats) -> Floats:
    """(n,) scores, 0 to 100, by the weights that are in force before anything was learned."""
    scores: Floats = 100.0 * components @ np.array(DEFAULT_WEIGHTS)
    return scores


def _draw_leads(truth: TenantTruth, config: WorldConfig, seed: int, index: int, now: int) -> TenantLeads:
    """The tenant's leads with their components, and the truth with the weights that came with them."""
    rng = stream(seed, "leads", index)
    days = config.newcomer_days if truth.newcomer else config.history_days
    created = np.sort(now - 1 - rng.integers(0, days * DAY, truth.leads))
    drawn = simulate_leads(
        LeadsConfig(
            tenants=1,
            sizes=(truth.leads,),
            kinds=(truth.kind,),
            base_rates=(truth.base_rate,),
            agency=config.weight_centre,
            concentration=config.weight_concentration,
            slope=truth.slope,
        ),
        rng,
    )
    weights = drawn.weights[0]
    people = draw_people(rng, drawn.components, config)
    signal = truth.slope * drawn.components @ weights
    felt = signal + config.score_noise * signal.std() * rng.normal(size=truth.leads)
    score = default_scores(drawn.components)
    return TenantLeads(
        truth=replace(truth, weights=tuple(map(float, weights))),
        lead_id=random_uuids(stream(seed, "ids", 2 * index), truth.leads),
        created=created,
        components=drawn.components,
        people=people,
        score=score,
        stratum=np.searchsorted(default_score_edges(), score, side="right"),
        quality=felt + truth.sources[people["source"]],
        felt=_standardised(felt if truth.slope else score),
        leaves=rng.random(truth.leads) < config.opted_out_share,
    )


def _draw_touches(leads: TenantLeads, config: WorldConfig, seed: int, index: int, now: int) -> TenantTouches:
    """What was sent to these leads before now, and what is known of its outcomes by now."""
    truth, rng = leads.truth, stream(seed, "touches", index)
    plan = plan_touches(leads.created, config, rng)
    merit = leads.felt if config.policy == "habit" else merit_of_decile(leads.stratum)
    choices = choose(truth, config, merit[plan.lead], plan.step, rng)
    at = moments(plan, choices, leads.people["place"], rng)
    block = _blocks(at, now, config)
    log_odds = leads.quality[plan.lead] + touch_effects(truth, config, plan, choices, block, rng)
    intercept = find_intercept(log_odds, plan.first, truth.base_rate)
    deadline = leads.created[plan.lead] + config.horizon_days * DAY
    outcomes = draw_outcomes(plan, at, log_odds + intercept, deadline, rng)

    reported = outcomes.answered_at + (rng.exponential(config.reporting_delay_days, len(at)) * DAY).astype(np.int64)
    replied_at = at + (outcomes.answered_at - at) // 2  # whoever books has replied on the way
    scheduled = at - rng.integers(1, 10 * 60 * 1_000_000, len(at))  # sent within ten minutes
    reply_known = outcomes.replied & (replied_at < now) & (truth.early_outcome is not None)
    happened = np.flatnonzero(outcomes.sent & (at < now))
    return TenantTouches(
        truth=replace(truth, intercept=intercept),
        touch_id=random_uuids(stream(seed, "ids", 2 * index + 1), len(at))[happened],
        lead=plan.lead[happened],
        step=plan.step[happened],
        at=at[happened],
        scheduled=scheduled[happened],
        channel=choices.channel[happened],
        template=truth.templates[choices.channel, choices.template][happened],
        propensity=choices.propensity[happened] if config.policy == "logged" else None,
        booked_by=(outcomes.booked_by & (reported < now))[happened],
        booked_at=outcomes.answered_at[happened],
        replied_at=np.where(reply_known, replied_at, NEVER)[happened],
    )


def _standardised(values: Floats) -> Floats:
    spread = values.std()
    scaled: Floats = (values - values.mean()) / (spread if spread else 1.0)
    return scaled


def _blocks(at: Index, now: int, config: WorldConfig) -> Index:
    """(touches,) equal parts of the history, 0 … drift_blocks−1; what would be sent after now counts to the last."""
    age = (now - at) / (config.history_days * DAY)
    return np.clip(((1 - age) * config.drift_blocks).astype(np.int64), 0, config.drift_blocks - 1)
