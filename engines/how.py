"""On which channel next, given the channel before? Claimed comparisons of HOW, and the documented fallbacks.

In this order: what is claimed of channels after this one, what is claimed of channels, what this tenant usually does
(where a pattern is in force that claims nothing), the default cadence. Only channels that can be used are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.allocation import ChannelChoice, ChannelSituation, Policy
from contracts.decision import fallback_in_words
from contracts.how import NO_CHANNEL, HowPattern, next_key
from contracts.learning import Incumbent
from contracts.levels import Comparison
from contracts.refusal import Reason
from engines import exploration
from engines.exploration import UNKNOWN
from engines.in_force import in_force

QUESTION = "channel"

CADENCE = ("email", "linkedin", "voice", "sms", "mail")
"""Default cadence, from the channel that disturbs least to the one that costs most; after the last comes the first."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a head says about channels, read once for many leads.

    version: of the pattern that was read, 0 where there was none to read; missing: why there was none.
    """

    version: int
    missing: Reason | None
    pattern: HowPattern | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """How good each feasible channel is, and by what. p_best, gain: in the order of the channels.

    instead: what decides where nothing is claimed; fallback: why. Both empty where a claim decides.
    """

    p_best: tuple[float, ...]
    gain: tuple[float, ...]
    instead: str = ""
    fallback: Reason | None = None


def choose(head: Incumbent, situation: ChannelSituation) -> ChannelChoice:
    """The channel of a lead's next touch under the tenant's head of HOW."""
    return pick(advise(head, situation.now), situation)


def advise(head: Incumbent, now: datetime) -> Advice:
    """Read a head once, to `pick` for many leads."""
    pattern = in_force(head, now, HowPattern.from_payload)
    return Advice(0, pattern) if isinstance(pattern, Reason) else Advice(head.version, None, pattern)


def pick(advice: Advice, situation: ChannelSituation) -> ChannelChoice:
    """The channel that the lot falls on, among those that are feasible."""
    channels = situation.feasible
    preferred = preference(advice, situation.previous, channels)
    chances = probabilities(preferred, situation.policy)
    at = exploration.lot(situation.policy, QUESTION, situation.lead.bytes, situation.touch)
    arm = exploration.draw(chances, at)
    explored = exploration.tried(chances[arm], len(channels), situation.policy.exploration)
    return ChannelChoice(
        channel=channels[arm],
        propensity=chances[arm],
        probabilities=dict(zip(channels, chances, strict=True)),
        explored=explored,
        because=in_words(advice, preferred, situation.previous, arm, channels[arm], explored=explored),
        pattern_version=advice.version,
        fallback=preferred.fallback,
    )


def preference(advice: Advice, previous: str, channels: tuple[str, ...]) -> Preference:
    """What is known of these channels after `previous`."""
    pattern = advice.pattern
    if pattern is None:
        assert advice.missing is not None
        return _cadence(previous, channels, advice.missing)
    after = {channel: next_key(previous, channel) for channel in channels}
    return (
        _claimed(pattern.next_channel, after)
        or _claimed(pattern.channels, {channel: channel for channel in channels})
        or _usual_mix(pattern.channels, channels)
        or _cadence(previous, channels, Reason.NOT_CLAIMED)
    )


def probabilities(preferred: Preference, policy: Policy) -> list[float]:
    """Of the feasible channels, in their order."""
    return exploration.probabilities(preferred.p_best, preferred.gain, policy.exploration)


def in_words(advice: Advice, preferred: Preference, previous: str, arm: int, channel: str, *, explored: bool) -> str:
    """`sms after email: +.31 by version 3` · `email first, default cadence: nothing has been published …`."""
    named = f"{channel} first" if previous == NO_CHANNEL else f"{channel} after {previous}"
    tried = ", tried to learn" if explored else ""
    if preferred.fallback:
        return f"{named}, {fallback_in_words(preferred.instead, preferred.fallback)}{tried}"
    return f"{named}: {gain_in_words(preferred.gain[arm])} by version {advice.version}{tried}"


def gain_in_words(gain: float) -> str:
    """`+.31`, in log-odds against the tenant's mix."""
    return "not yet known" if gain == UNKNOWN else f"{gain:+.2f}".replace("0.", ".", 1).replace("-", "−")


def _claimed(comparison: Comparison | None, keys: Mapping[str, str]) -> Preference | None:
    """What a claimed comparison says of the levels that stand for channels; None where it knows none of them."""
    if comparison is None or not comparison.claimed:
        return None
    levels = [comparison.level(key) for key in keys.values()]
    if not any(levels):
        return None
    return Preference(
        p_best=tuple(level.p_best if level else 0.0 for level in levels),
        gain=tuple(level.gain if level else UNKNOWN for level in levels),
    )


def _usual_mix(comparison: Comparison | None, channels: tuple[str, ...]) -> Preference | None:
    """Channels in the shares in which the tenant uses them; None where that is not known of any."""
    levels = {level.key: level.use for level in comparison.levels} if comparison else {}
    use = tuple(levels.get(channel, 0.0) for channel in channels)
    return Preference(use, use, "this tenant's usual mix", Reason.NOT_CLAIMED) if sum(use) > 0.0 else None


def _cadence(previous: str, channels: tuple[str, ...], reason: Reason) -> Preference:
    """All on the first feasible channel that follows `previous` in the cadence."""
    start = CADENCE.index(previous) + 1 if previous in CADENCE else 0
    turn = (*CADENCE[start:], *CADENCE[:start])
    following = min(channels, key=turn.index)
    share = tuple(1.0 if channel == following else 0.0 for channel in channels)
    return Preference(share, share, "default cadence", reason)
