"""What does a simulated world hold for a comparison? Planted gains, and claims beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from contracts.levels import Comparison, Level
from contracts.when import hour_of_week
from reports import levels
from reports.levels import Effects, Pattern, Told


def gains(comparison: Comparison, effects: Effects) -> dict[str, float] | None:
    """Level → planted log-odds against the tenant's own mix; None where nothing was planted for this question.

    A channel's effect is its own, the mean of its texts', and the mean of its pairs; that of a pair is compared among
    channels that can follow the same one, as the comparison itself does.
    """
    planted = _PLANTED.get(comparison.name, _feature)
    values = {level.key: planted(comparison.name, level.key, effects) for level in comparison.levels}
    known = {key: value for key, value in values.items() if value is not None}
    if len(known) < len(values):
        return None
    return {level.key: known[level.key] - _mix(comparison, level, known) for level in comparison.levels}


def _mix(comparison: Comparison, level: Level, values: Mapping[str, float]) -> float:
    """Mean of the alternatives to a level, by use."""
    group = level.key.partition(">")[0] if ">" in level.key else None
    alike = [one for one in comparison.levels if group is None or one.key.partition(">")[0] == group]
    use = sum(one.use for one in alike)
    return sum(one.use * values[one.key] for one in alike) / use if use else 0.0


def _hour(_: str, key: str, effects: Effects) -> float | None:
    if not effects.get("hours"):
        return None
    weekday, hour = divmod(hour_of_week(key), 24)
    return float(effects["hours"].get(str(hour), 0.0)) + float(effects["weekdays"][weekday])


def _channel(_: str, key: str, effects: Effects) -> float | None:
    if not effects.get("channels"):
        return None
    pairs = [float(row[key]) for row in effects["pairs"].values()]
    return _with_texts(key, effects) + sum(pairs) / len(pairs)


def _with_texts(channel: str, effects: Effects) -> float:
    """What a channel brings as it is used: with the texts that go out on it."""
    texts = [float(effect) for name, effect in effects["templates"].items() if name.startswith(f"{channel}-")]
    return float(effects["channels"][channel]) + (sum(texts) / len(texts) if texts else 0.0)


def _pair(_: str, key: str, effects: Effects) -> float | None:
    previous, channel = key.split(">")
    if not effects.get("channels"):
        return None
    return _with_texts(channel, effects) + float(effects["pairs"][previous][channel])


def _feature(name: str, key: str, effects: Effects) -> float | None:
    planted = effects.get("features", {}).get(name)
    if planted is None:
        return None
    written = {"yes": "True", "no": "False"}.get(key, key)
    return float(planted[written]) if written in planted else None


_PLANTED: dict[str, Callable[[str, str, Effects], float | None]] = {
    "hours": _hour,
    "channels": _channel,
    "next_channel": _pair,
    "gaps": lambda name, key, effects: 0.0 if effects else None,  # waiting changes nothing in the simulated world
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim in force beside what was planted. gain: claimed log-odds; truth: planted, both against the mix."""

    tenant: str
    learner: str
    question: str
    level: str
    gain: float
    truth: float

    @property
    def right(self) -> bool:
        return self.truth > 0

    @property
    def in_words(self) -> str:
        """`hour: Tuesday 10:00`, `angle: social proof`."""
        return levels.answer(self.question, self.level)


def claims(learner: str, tenants: list[Told[Pattern]]) -> Iterator[Claim]:
    """Every claim in force for a simulated tenant whose truth is known."""
    for one in tenants:
        for comparison in one.claims if one.in_force else ():
            truth = gains(comparison, one.effects)
            if truth is not None:
                best = comparison.recommendation
                yield Claim(one.tenant, learner, comparison.name, best.key, best.gain, truth[best.key])
