"""What was planted: for each tenant its kind, weights and effects, drawn before any lead exists.

A `no_signal` tenant is flat in every respect. An `incumbent` tenant books by the default weights, and no channel,
hour or text makes a difference there. Only `planted` tenants hold something to find;
under null effects they hold it in their weights, and templates differ there by chance alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from contracts.outcomes import CHANNELS, CONTENT_FEATURES
from simulation.config import WorldConfig
from simulation.content import LEVELS, TEMPLATES_PER_CHANNEL, library
from simulation.ids import stream, tenant_uuid
from simulation.leads import Kind
from simulation.people import SOURCES, tenant_name

Floats = NDArray[np.float64]

HOURS = tuple(range(7, 21))
"""Hours on the lead's clock at which anybody is contacted; none of them ever falls into a change of clocks."""

NO_CHANNEL = len(CHANNELS)
"""Row of the pair effects for a lead's first touch."""


@dataclass(frozen=True)
class TenantTruth:
    """One tenant's planted truth. Effects are log-odds on the hazard of a touch, or of booking for sources.

    weights: all zero where components say nothing. intercept: log-odds of a first touch, all effects zero, lead at
    w·z = 0; None until the tenant's leads are drawn. peak_hour, best_weekday (Monday is 0): None where there is none.
    """

    tenant_id: UUID
    name: str
    kind: Kind
    newcomer: bool
    leads: int
    base_rate: float
    early_outcome: str | None
    weights: tuple[float, ...]
    slope: float
    intercept: float | None
    channels: Floats  # (channels,)
    pairs: Floats  # (channels + 1, channels) by previous and next channel
    hours: Floats  # (len(HOURS),)
    weekdays: Floats  # (7,)
    features: dict[str, Floats]  # by content feature, entries as in content.LEVELS
    templates: NDArray[np.int64]  # (channels, templates per channel) indices into content.library()
    template_residuals: Floats  # (channels, templates per channel): what features do not explain
    sources: Floats  # (len(SOURCES),)
    peak_hour: int | None
    best_weekday: int | None
    favourite_channel: int
    morning: int
    favourite_templates: NDArray[np.int64]  # (channels,) column of `templates`

    def template_effects(self) -> Floats:
        """(channels, templates per channel): features and residual together."""
        effects = self.template_residuals.copy()
        books = library()
        for place, index in np.ndenumerate(self.templates):
            for name in CONTENT_FEATURES:
                level = books[index].feature(name)
                if level is not None:
                    effects[place] += self.features[name][LEVELS[name].index(level)]
        return effects

    def document(self) -> dict[str, Any]:
        """The truth in words and numbers, ready for JSON."""
        books = library()
        effects = self.template_effects()
        return {
            "tenant_id": str(self.tenant_id),
            **{
                name: getattr(self, name)
                for name in (
                    "name", "kind", "newcomer", "leads", "base_rate", "early_outcome", "slope", "intercept",
                    "peak_hour", "best_weekday",
                )
            },
            "weights": list(self.weights),
            "channels": _named(CHANNELS, self.channels),
            "pairs": {
                before: _named(CHANNELS, row) for before, row in zip((*CHANNELS, "none"), self.pairs, strict=True)
            },
            "hours": _named(HOURS, self.hours),
            "weekdays": self.weekdays.tolist(),
            "features": {name: _named(LEVELS[name], levels) for name, levels in self.features.items()},
            "templates": {
                books[index].template_id: float(effects[place]) for place, index in np.ndenumerate(self.templates)
            },
            "sources": _named(SOURCES, self.sources),
        }  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """Everything planted in a world, tenant by tenant, in the order of its tenants frame."""

    config: WorldConfig
    seed: int
    tenants: tuple[TenantTruth, ...]

    def __getitem__(self, tenant_id: UUID) -> TenantTruth:
        return next(tenant for tenant in self.tenants if tenant.tenant_id == tenant_id)

    def document(self) -> dict[str, Any]:
        """JSON-able: {"seed", "config", "tenants": [...]}."""
        return {
            "seed": self.seed,
            "config": asdict(self.config),
            "tenants": [tenant.document() for tenant in self.tenants],
        }


def _named(names: tuple[Any, ...], values: Floats) -> dict[str, float]:
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}


def tenant_sizes(config: WorldConfig) -> NDArray[np.int64]:
    """(tenants,) leads each: Zipf by rank, newcomers last; the sum is config.leads."""
    settled = config.tenants - config.newcomers
    rest = config.leads - config.newcomers * config.newcomer_leads
    shares = np.arange(1, settled + 1) ** -config.zipf
    edges = np.round(np.cumsum(shares / shares.sum()) * (rest - settled)).astype(np.int64)
    sizes: NDArray[np.int64] = np.full(config.tenants, config.newcomer_leads, dtype=np.int64)
    sizes[:settled] = np.diff(edges, prepend=0) + 1  # nobody has none
    return sizes


def draw_truth(config: WorldConfig, seed: int) -> Truth:
    """Plant an agency. Weights and intercepts come later, with the leads (see `world.simulate`)."""
    rng = stream(seed, "agency")
    sizes = tenant_sizes(config)
    kinds = _kinds(config, rng)
    rates = _base_rates(config, sizes, rng)
    replies = rng.random(config.tenants) < config.early_outcome_share
    return Truth(
        config,
        seed,
        tuple(
            _tenant(config, seed, index, kinds[index], int(sizes[index]), float(rates[index]), bool(replies[index]))
            for index in range(config.tenants)
        ),
    )


def _kinds(config: WorldConfig, rng: np.random.Generator) -> list[Kind]:
    """Flat tenants fall on any but the newcomers, so that their silence is the learner's and not the sample's."""
    settled = config.tenants - config.newcomers
    silent, incumbent = (round(share * settled) for share in (config.no_signal_share, config.incumbent_share))
    kinds: list[Kind] = ["planted"] * config.tenants
    places = rng.permutation(settled)
    for place in places[:silent]:
        kinds[place] = "no_signal"
    for place in places[silent : silent + incumbent]:
        kinds[place] = "incumbent"
    return kinds


def _base_rates(config: WorldConfig, sizes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """(tenants,) spread in log-odds, then scaled so that the agency as a whole books at config.base_rate."""
    logit = np.log(config.base_rate / (1 - config.base_rate))
    rates = 1 / (1 + np.exp(-logit - config.base_rate_spread * rng.normal(size=len(sizes))))
    scaled: Floats = np.minimum(rates * config.base_rate / np.average(rates, weights=sizes), 0.95)
    return scaled


def _tenant(
    config: WorldConfig, seed: int, index: int, kind: Kind, leads: int, base_rate: float, replies: bool
) -> TenantTruth:
    rng = stream(seed, "truth", index)
    channels, per_channel = len(CHANNELS), config.templates_per_channel
    picks = np.array([rng.permutation(TEMPLATES_PER_CHANNEL)[:per_channel] for _ in CHANNELS], dtype=np.int64)
    peak, weekday = int(rng.choice(HOURS[1:-1])), int(rng.integers(5))
    planted, some = kind == "planted", kind == "planted" and config.effects != "null"
    residuals = config.template_effect * rng.normal(size=(channels, per_channel)) * planted
    drawn = _one_arm(config, rng, peak) if config.effects == "one_arm" else _dense(config, rng, peak, weekday)
    return TenantTruth(
        tenant_id=tenant_uuid(seed, index),
        name=tenant_name(index),
        kind=kind,
        newcomer=index >= config.tenants - config.newcomers,
        leads=leads,
        base_rate=base_rate,
        early_outcome="reply" if replies else None,
        weights=(),
        slope=0.0 if kind == "no_signal" else config.slope,
        intercept=None,
        channels=drawn.channels * some,
        pairs=drawn.pairs * some,
        hours=drawn.hours * some,
        weekdays=drawn.weekdays * some,
        features={name: levels * some for name, levels in drawn.features.items()},
        templates=picks + TEMPLATES_PER_CHANNEL * np.arange(channels)[:, None],
        template_residuals=residuals,
        sources=config.source_effect * rng.normal(size=len(SOURCES)) * planted,
        peak_hour=peak if some else None,
        best_weekday=weekday if some and config.effects == "dense" else None,
        favourite_channel=int(rng.integers(channels)),
        morning=int(rng.integers(8, 12)),
        favourite_templates=rng.integers(0, per_channel, channels),
    )


@dataclass(frozen=True)
class _Effects:
    """Level effects of one tenant as if it were planted; the caller silences flat ones."""

    channels: Floats
    pairs: Floats
    hours: Floats
    weekdays: Floats
    features: dict[str, Floats]


def _dense(config: WorldConfig, rng: np.random.Generator, peak: int, weekday: int) -> _Effects:
    count = len(CHANNELS)
    pairs = config.pair_effect * rng.normal(size=(count + 1, count))
    pairs[NO_CHANNEL] = 0.0
    weekdays = np.where(np.arange(7) >= 5, -config.weekday_effect, 0.0)
    weekdays[weekday] = config.weekday_effect
    return _Effects(
        channels=config.effect_sd * rng.normal(size=count),
        pairs=pairs,
        hours=config.peak_effect * np.exp(-0.5 * ((np.array(HOURS) - peak) / 2.0) ** 2),
        weekdays=weekdays,
        features={name: config.effect_sd / 2 * rng.normal(size=len(levels)) for name, levels in LEVELS.items()},
    )


def _one_arm(config: WorldConfig, rng: np.random.Generator, peak: int) -> _Effects:
    count, height = len(CHANNELS), float(np.log(config.odds_ratio))
    features = {name: np.zeros(len(levels)) for name, levels in LEVELS.items()}
    features["angle"][rng.integers(len(LEVELS["angle"]))] = height
    return _Effects(
        channels=height * (np.arange(count) == rng.integers(count)),
        pairs=np.zeros((count + 1, count)),
        hours=height * (np.array(HOURS) == peak),
        weekdays=np.zeros(7),
        features=features,
    )
