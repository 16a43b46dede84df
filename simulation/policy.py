"""Which channel, text and hour the agency chose for a touch, and with what probability.

Better leads get the favourite channel, the morning and the favourite text more often: that is what confounds naive
rates. Out of habit, "better" is what a seller feels (the lead's true quality, hidden part included) and nobody writes
the probability down. Under a logged policy it is the score decile, and the probability is stored with the touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.outcomes import CHANNELS
from simulation.config import WorldConfig
from simulation.truth import HOURS, TenantTruth

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

CHANNEL_USE = (0.42, 0.16, 0.20, 0.14, 0.08)
"""Shares of the channels, in the order of CHANNELS, where nothing else speaks."""

LATE_CALLS = 0.5
"""Log-odds by which voice and mail gain from a lead's fourth touch on, as sequences escalate."""

DECILE_MEAN, DECILE_SD = 4.5, 2.872
"""Of a uniform decile 0 … 9, to put it on the scale of a standard deviation."""


@dataclass(frozen=True)
class Choices:
    """One entry per touch. template: column of the tenant's templates for that channel. hour: index into HOURS.

    propensity: of the channel, text and hour together.
    """

    channel: Index
    template: Index
    hour: Index
    propensity: Floats


def choose(truth: TenantTruth, config: WorldConfig, merit: Floats, step: Index, rng: np.random.Generator) -> Choices:
    """Draw the agency's choices. merit: (touches,) how good the lead looked, in SDs; step: 0 for a first touch."""
    rows = np.arange(len(merit))
    channels = channel_probabilities(truth, config, merit, step)
    hours = hour_probabilities(truth, config, merit)
    channel, hour = _draw(channels, rng), _draw(hours, rng)
    texts = template_probabilities(truth, config, merit, channel)
    template = _draw(texts, rng)
    propensity = channels[rows, channel] * hours[rows, hour] * texts[rows, template]
    return Choices(channel, template, hour, propensity)


def channel_probabilities(truth: TenantTruth, config: WorldConfig, merit: Floats, step: Index) -> Floats:
    """(touches, channels), rows sum to 1."""
    late = np.array([LATE_CALLS * (name in ("voice", "mail")) for name in CHANNELS])
    favourite = np.arange(len(CHANNELS)) == truth.favourite_channel
    logits = np.log(CHANNEL_USE) + np.multiply.outer(step >= 3, late)
    return _explore(logits + config.confounding * np.multiply.outer(merit, favourite), config)


def hour_probabilities(truth: TenantTruth, config: WorldConfig, merit: Floats) -> Floats:
    """(touches, len(HOURS)), rows sum to 1."""
    hours = np.array(HOURS)
    habit = -0.15 * ((hours - 13) / 4.0) ** 2
    morning = np.exp(-0.5 * ((hours - truth.morning) / 2.0) ** 2)
    return _explore(habit + config.confounding * np.multiply.outer(merit, morning), config)


def template_probabilities(truth: TenantTruth, config: WorldConfig, merit: Floats, channel: Index) -> Floats:
    """(touches, templates per channel), rows sum to 1."""
    favourite = np.arange(config.templates_per_channel) == truth.favourite_templates[channel][:, None]
    return _explore(config.confounding * merit[:, None] * favourite, config)


def merit_of_decile(stratum: Index) -> Floats:
    """(n,) score deciles on the scale of a standard deviation: all that a logged policy looks at."""
    return (stratum.astype(np.float64) - DECILE_MEAN) / DECILE_SD


def _explore(logits: Floats, config: WorldConfig) -> Floats:
    """Softmax of each row; a logged policy mixes in a uniform share, so that no propensity vanishes."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    floor = config.exploration if config.policy == "logged" else 0.0
    mixed: Floats = floor / shares.shape[1] + (1 - floor) * shares
    return mixed


def _draw(probabilities: Floats, rng: np.random.Generator) -> Index:
    """(n,) one column per row, by inverse CDF."""
    ladder = probabilities.cumsum(axis=1)
    drawn: Index = np.minimum((ladder < rng.random(len(ladder))[:, None]).sum(axis=1), probabilities.shape[1] - 1)
    return drawn
