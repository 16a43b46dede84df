"""At which hour of the lead's week, and after which gap? Claimed comparisons of WHEN, and the documented fallback.

First the gap, where WHEN claims something about gaps and the lead was touched before; then an hour within it. Where
nothing is claimed, touches are spread evenly over the hours that can be had, so that later learning can compare them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.allocation import Policy, Slot, TimeChoice, TimeSituation
from contracts.decision import fallback_in_words
from contracts.learning import Incumbent
from contracts.levels import Comparison
from contracts.refusal import Reason
from contracts.when import GAP_BINS, GAP_EDGES, WEEKDAYS, WhenPattern, hour_key
from engines import exploration
from engines.exploration import UNKNOWN
from engines.how import gain_in_words
from engines.in_force import in_force

GAP, HOUR = "gap", "hour"
"""Questions that lots are drawn for."""

HOURS_OF_WEEK = 168
SPREAD = "any hour that is open"


@dataclass(frozen=True, slots=True)
class Known:
    """What a claimed comparison says: P(best) and gain of every level, 0 and UNKNOWN where it does not know one."""

    p_best: tuple[float, ...]
    gain: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a head says about times, read once for many leads.

    version: of the pattern that was read, 0 where there was none to read; fallback: why no claim about hours decides.
    hours: by hour of the week. gaps: by GAP_BINS.
    """

    version: int
    fallback: Reason | None
    hours: Known | None = None
    gaps: Known | None = None


def choose(head: Incumbent, situation: TimeSituation) -> TimeChoice:
    """The hour of a lead's next touch under the tenant's head of WHEN."""
    return pick(advise(head, situation.now), situation)


def advise(head: Incumbent, now: datetime) -> Advice:
    """Read a head once, to `pick` for many leads."""
    pattern = in_force(head, now, WhenPattern.from_payload)
    if isinstance(pattern, Reason):
        return Advice(0, pattern)
    hours = _known(pattern.hours, tuple(map(hour_key, range(HOURS_OF_WEEK))))
    return Advice(head.version, None if hours else Reason.NOT_CLAIMED, hours, _known(pattern.gaps, GAP_BINS))


def pick(advice: Advice, situation: TimeSituation) -> TimeChoice:
    """The hour that the lots fall on, among those that are feasible."""
    rule, lead, touch = situation.policy, situation.lead.bytes, situation.touch
    bins, chances = _gaps(advice, situation)
    gap = exploration.draw(chances, exploration.lot(rule, GAP, lead, touch)) if bins else None
    slots = situation.feasible if gap is None else _within(situation, bins[gap])
    hours, known = _hours(advice, slots, rule)
    arm = exploration.draw(hours, exploration.lot(rule, HOUR, lead, touch))
    explored = (known and exploration.tried(hours[arm], len(hours), rule.exploration)) or (
        gap is not None and exploration.tried(chances[gap], len(bins), rule.exploration)
    )
    gap_propensity = 1.0 if gap is None else chances[gap]
    return TimeChoice(
        slot=slots[arm],
        propensity=gap_propensity * hours[arm],
        gap=None if gap is None else GAP_BINS[bins[gap]],
        gap_propensity=gap_propensity,
        hour_propensity=hours[arm],
        probabilities={slot.at: chance for slot, chance in zip(slots, hours, strict=True)},
        explored=explored,
        because=in_words(advice, slots[arm].hour_of_week, known=known, explored=explored),
        pattern_version=advice.version,
        fallback=None if known else advice.fallback or Reason.NOT_CLAIMED,
    )


def in_words(advice: Advice, hour: int, *, known: bool, explored: bool) -> str:
    """`Tue 10:00: +.31 by version 5` · `Tue 10:00, any hour that is open: the published pattern has expired`."""
    named, tried = hour_in_words(hour), ", tried to learn" if explored else ""
    if not known or advice.hours is None:
        return f"{named}, {fallback_in_words(SPREAD, advice.fallback or Reason.NOT_CLAIMED)}{tried}"
    return f"{named}: {gain_in_words(advice.hours.gain[hour])} by version {advice.version}{tried}"


def hour_in_words(hour: int) -> str:
    """`Tue 10:00` for 34."""
    return f"{WEEKDAYS[hour // 24].capitalize()} {hour % 24:02d}:00"


def gap_bin(at: datetime, last: datetime) -> int:
    """Place in GAP_BINS of the time between two touches."""
    return bisect_right(GAP_EDGES, (at - last) / timedelta(days=1))


def _gaps(advice: Advice, situation: TimeSituation) -> tuple[list[int], list[float]]:
    """Bins that hold a feasible slot, and their probabilities; none where nothing is claimed."""
    if advice.gaps is None or situation.last is None:
        return [], []
    bins = sorted({gap_bin(slot.at, situation.last) for slot in situation.feasible})
    p_best, gain = _of(advice.gaps, bins)
    if max(gain) == UNKNOWN:
        return [], []
    return bins, exploration.probabilities(p_best, gain, situation.policy.exploration)


def _within(situation: TimeSituation, gap: int) -> tuple[Slot, ...]:
    assert situation.last is not None
    return tuple(slot for slot in situation.feasible if gap_bin(slot.at, situation.last) == gap)


def _hours(advice: Advice, slots: Sequence[Slot], rule: Policy) -> tuple[list[float], bool]:
    """Probabilities of the slots, and whether a claim decides."""
    p_best, gain = _of(advice.hours, [slot.hour_of_week for slot in slots]) if advice.hours else ([], [])
    if max(gain, default=UNKNOWN) == UNKNOWN:
        return exploration.even(len(slots)), False
    return exploration.probabilities(p_best, gain, rule.exploration), True


def _of(known: Known, places: Sequence[int]) -> tuple[list[float], list[float]]:
    return [known.p_best[place] for place in places], [known.gain[place] for place in places]


def _known(comparison: Comparison | None, keys: Sequence[str]) -> Known | None:
    """What a comparison claims of the levels named; None where it claims nothing."""
    if comparison is None or not comparison.claimed:
        return None
    levels = {level.key: level for level in comparison.levels}
    return Known(
        p_best=tuple(levels[key].p_best if key in levels else 0.0 for key in keys),
        gain=tuple(levels[key].gain if key in levels else UNKNOWN for key in keys),
    )
