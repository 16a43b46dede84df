"""What do WHAT, WHEN and HOW tell people? A tenant's comparisons, beside what was planted where that is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from contracts.errors import InvalidPatternError
from contracts.learning import Finding, Ruling
from contracts.levels import Comparison, Level
from contracts.refusal import Refusal
from contracts.runs import Outcome
from reports.records import ReportInput, Said

Z90 = 1.6448536269514722  # two-sided 90 %

Effects = Mapping[str, Any]


class Compares(Protocol):
    """A pattern of comparisons."""

    @property
    def comparisons(self) -> tuple[Comparison, ...]: ...


Pattern = TypeVar("Pattern", bound=Compares)


@dataclass(frozen=True, slots=True)
class Told(Generic[Pattern]):
    """One learner about one tenant, ready to be drawn.

    in_force: engines act on it after the run; otherwise it is what was learned, and was not published. effects: what a
    simulated world holds, empty for real tenants.
    """

    tenant: str
    ruling: Ruling
    in_force: bool
    pattern: Pattern
    effects: Effects
    simulated: bool

    @property
    def claims(self) -> tuple[Comparison, ...]:
        return tuple(one for one in self.pattern.comparisons if one.claimed)


def told(record: ReportInput, learner: str, read: Callable[[Mapping[str, Any]], Pattern]) -> list[Told[Pattern]]:
    """Every tenant with something to draw, patterns in force first, then by outcomes."""
    ranked = sorted(
        (o for o in record.report.outcomes if o.learner == learner and o.tenant_id in record.tenants),
        key=lambda o: (o.version == 0, -o.outcomes, o.tenant),
    )
    return [one for outcome in ranked if (one := _told(record, outcome, learner, read)) is not None]


def _told(
    record: ReportInput, outcome: Outcome, learner: str, read: Callable[[Mapping[str, Any]], Pattern]
) -> Told[Pattern] | None:
    tenant = record.tenants[outcome.tenant_id]
    payload, in_force = _payload(outcome, tenant.said.get(learner, Said()))
    if payload is None:
        return None
    try:
        pattern = read(payload)
    except InvalidPatternError:
        return None  # an older schema: the tables name its version, and there is nothing to draw
    planted = tenant.planted
    return Told(
        outcome.tenant, outcome.ruling, in_force, pattern, planted.effects if planted else {}, planted is not None
    )


def _payload(outcome: Outcome, said: Said) -> tuple[Mapping[str, Any] | None, bool]:
    """The new pattern, the incumbent that stays, or what was learned; and whether it is in force."""
    learned = said.finding.payload if isinstance(said.finding, Finding) else None
    if outcome.ruling is Ruling.PUBLISH:
        return learned, True
    if outcome.version > 0 and said.incumbent and said.incumbent.payload:
        return said.incumbent.payload, True
    return learned, False


def refused(record: ReportInput, learner: str) -> dict[str, Refusal]:
    """Tenants about which the learner could say nothing, and why."""
    return {
        tenant.name: said.finding
        for tenant in record.tenants.values()
        if (said := tenant.said.get(learner)) and isinstance(said.finding, Refusal)
    }


def interval(level: Level) -> tuple[float, float]:
    """90 % of the gain."""
    return level.gain - Z90 * level.sd, level.gain + Z90 * level.sd


def odds(gain: float) -> float:
    """Log-odds as a change of the odds: .31 → +.36."""
    return math.expm1(gain)


def planted_gains(comparison: Comparison, effects: Effects) -> dict[str, float] | None:
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
    day, hour = key.split("-")
    if not effects.get("hours"):
        return None
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day)
    return float(effects["hours"].get(str(int(hour)), 0.0)) + float(effects["weekdays"][weekday])


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
    levels = effects.get("features", {}).get(name)
    if levels is None:
        return None
    written = {"yes": "True", "no": "False"}.get(key, key)
    return float(levels[written]) if written in levels else None


_PLANTED: dict[str, Callable[[str, str, Effects], float | None]] = {
    "hours": _hour,
    "channels": _channel,
    "next_channel": _pair,
    "gaps": lambda name, key, effects: None,  # waiting has no effect in the simulated world, nor a place in its truth
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


def claims(learner: str, tenants: list[Told[Pattern]]) -> Iterator[Claim]:
    """Every claim in force for a simulated tenant whose truth is known."""
    for one in tenants:
        for comparison in one.claims if one.in_force else ():
            truth = planted_gains(comparison, one.effects)
            if truth is not None:
                best = comparison.recommendation
                yield Claim(one.tenant, learner, comparison.name, best.key, best.gain, truth[best.key])
