"""What do WHAT, WHEN and HOW tell people? A tenant's comparisons, which of them are drawn, and how levels read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from contracts.errors import InvalidPatternError
from contracts.how import NO_CHANNEL
from contracts.learning import Finding, Ruling, Verdict
from contracts.levels import Comparison, Level
from contracts.refusal import Refusal
from contracts.runs import Outcome
from contracts.when import hour_of_week
from reports import words
from reports.records import ReportInput, Said

Z90 = 1.6448536269514722  # two-sided 90 %

LEAST_DRAWN = 3
"""Tenants with a picture where fewer claim something: silence is worth a look, but not a page."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

QUESTIONS = {"hours": "hour", "gaps": "gap", "channels": "channel", "next_channel": "next channel"}
"""What a comparison asks, where its name alone does not read well."""

CALIBRATED = "Confidence is calibrated on simulated worlds of many kinds, not held out: the next weeks are the proof."

MOST_NAMES = 8
"""Most tenants named in one sentence."""

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


def unanswered(record: ReportInput, learner: str) -> Iterator[str]:
    """One sentence about the tenants of which the learner could say nothing, and why; none where there are none."""
    refused = {
        tenant.name: said.finding.reason
        for tenant in record.tenants.values()
        if (said := tenant.said.get(learner)) and isinstance(said.finding, Refusal)
    }
    if refused:
        why = words.listed(sorted({words.REASONS[reason] for reason in refused.values()}))
        names = sorted(refused)
        more = len(names) - MOST_NAMES
        named = [*names[:MOST_NAMES], *([f"{more} more"] if more > 0 else [])]
        yield f"Nothing could be said for {words.listed(named)}: {why}."


def answers(
    tenants: Sequence[Told[Pattern]], ask: Callable[[Pattern], Comparison | None], most: int
) -> tuple[list[tuple[Told[Pattern], Comparison]], str]:
    """Answers to one question that are drawn, claims first, and a sentence about the others.

    ask: the pattern's comparison, None where it could not be answered.
    """
    answered = [(one, found) for one in tenants if (found := ask(one.pattern)) is not None]
    answered.sort(key=lambda pair: not (pair[1].claimed and pair[0].in_force))  # stable: otherwise as they came
    claimed = sum(found.claimed and one.in_force for one, found in answered)
    shown = answered[: min(most, max(claimed, LEAST_DRAWN))]
    return shown, left_out(len(answered), claimed, len(shown))


def left_out(answered: int, claimed: int, shown: int) -> str:
    """How many tenants are drawn, where not all are."""
    if shown == answered:
        return ""
    told = f"Claimed for {claimed or 'none'} of {words.plural(answered, 'tenant')}"
    if shown < claimed:
        return f"{told}; {shown} of them are drawn."
    return f"{told}; these are drawn." if shown == claimed else f"{told}; {shown} are drawn."


def interval(level: Level) -> tuple[float, float]:
    """90 % of the gain."""
    return level.gain - Z90 * level.sd, level.gain + Z90 * level.sd


def best_and_worst(comparison: Comparison, most: int) -> list[Level]:
    """At most so many levels by gain: twice as many of the best as of the worst."""
    ranked = sorted(comparison.levels, key=lambda level: -level.gain)
    worst = most // 3
    return ranked if len(ranked) <= most else [*ranked[: most - worst], *ranked[len(ranked) - worst :]]


def odds(gain: float) -> float:
    """Log-odds as a change of the odds: .31 → +.36."""
    return math.expm1(gain)


def question(name: str) -> str:
    """`next_channel` → next channel; `pain_point` → pain point."""
    return QUESTIONS.get(name, words.plain(name))


def spoken(name: str, key: str) -> str:
    """A level as people say it: `tue-10` → Tuesday 10:00, `email>sms` → sms after email, `yes` → has question."""
    if name == "hours":
        return _hour(key)
    if name == "gaps":
        return _gap(key)
    if ">" in key:
        before, _, channel = key.partition(">")
        return f"{channel} first" if before == NO_CHANNEL else f"{channel} after {before}"
    if key in ("yes", "no"):
        return _mark(name, present=key == "yes")
    return words.plain(key)


def answer(name: str, key: str) -> str:
    """A question with its level: `hour: Tuesday 10:00`, `angle: social proof`, `not personalised`."""
    said = spoken(name, key)
    return said if key in ("yes", "no") else f"{question(name)}: {said}"


def claim(name: str, key: str) -> str:
    """The same without the question where the level alone tells it: `Tuesday 10:00`, `angle: social proof`."""
    return spoken(name, key) if name in QUESTIONS else answer(name, key)


def nearest(verdict: Verdict | None) -> str:
    """What came nearest to a claim where none was made, in words; '' where a gate judged no comparisons."""
    trials = {} if verdict is None else verdict.judged_on
    near = [
        (float(trial["confidence"]), name, str(trial["key"]))
        for name, trial in trials.items()
        if isinstance(trial, Mapping) and trial.get("key") and words.finite(trial.get("confidence"))
    ]
    return claim(*max(near)[1:]) if near else ""


def _hour(key: str) -> str:
    day, hour = divmod(hour_of_week(key), 24)
    return f"{DAYS[day]} {hour:02d}:00"


def _gap(key: str) -> str:
    if key.endswith("+"):
        return f"{key[:-1]} days or more"
    return "1 day" if key == "1" else f"{key.replace('-', '–')} days"


def _mark(name: str, *, present: bool) -> str:
    """A mark of a text, there or not there."""
    if name.startswith("word:"):
        said = f"“{name.removeprefix('word:')}”"
        return said if present else f"without {said}"
    said = words.plain(name)
    if said.startswith("has "):
        return said if present else f"no {said.removeprefix('has ')}"
    return said if present else f"not {said}"
