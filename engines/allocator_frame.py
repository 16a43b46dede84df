"""All leads of a tenant, planned at once under daily caps: the same choices as one `next_touch` after the other.

Leads have their turn by score, best first, ties by id. Between two moments at which a cap runs out every lead's choice
depends on its own situation alone, so that cohorts are decided as arrays; a cohort ends with the lead that takes the
last touch of a channel's day. The days that were full at a lead's turn are logged as one number: how many of
`Plan.closings`, which are in order of time, had happened by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.allocation import ADDRESS_OF, Full
from contracts.how import NO_CHANNEL
from contracts.outcomes import CHANNELS
from engines import exploration, how, when
from engines.allocator import Planning
from engines.allocator_cohort import NONE, PREVIOUS, Channels, Choices, Leads, channels, decide, joined
from engines.allocator_hours import MICROSECOND, Grid, Ints, grid, microseconds, usable_zone
from engines.allocator_words import DECIDED, TIME, Decided, Zones, described, refused_beforehand
from engines.exploration import Bools

TO_PLAN = pl.Schema(
    {
        "lead_id": pl.Binary(),  # 16 bytes
        "score": pl.Float64(),  # null comes last
        "touches": pl.Int64(),
        "previous": pl.String(),  # channel of the last touch, null or `none` before the first
        "last": TIME,
        "opted_out": pl.Boolean(),
        "has_email": pl.Boolean(),
        "has_phone": pl.Boolean(),
        "time_zone": pl.String(),
    }
)
"""What `plan` reads of a lead: the fields of contracts.allocation.Candidate."""

SMALLEST, LARGEST = 256, 16_384
"""Leads of a cohort: enough for arrays to pay, few enough to stay in the cache and to waste little when a cap ends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A tenant's plan.

    decisions: one row a lead in order of turns, with the columns of allocator_words.DECIDED. closings: channels and
    days in the order in which their caps ran out, beginning with those that were full before the first turn.
    """

    decisions: pl.DataFrame
    closings: tuple[tuple[str, date], ...]

    def full(self, closings: int) -> Full:
        """What was full when so many closings had happened."""
        return frozenset(self.closings[:closings])


def plan(leads: pl.DataFrame, planning: Planning, taken: Mapping[tuple[str, date], int] | None = None) -> Plan:
    """Every lead's next touch, or why it has none. leads: TO_PLAN, other columns are kept.

    taken: touches that each channel has on a day of the tenant already. 1M leads take some ten seconds on one core.
    """
    if leads.is_empty():
        return Plan(leads.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in DECIDED.items()), ())
    turns = leads.with_columns(pl.col("score").fill_nan(None)).sort(
        "score", "lead_id", descending=[True, False], nulls_last=True
    )
    zones, place = _zones(turns["time_zone"], planning)
    hours = grid(planning.rules, planning.now, zones.names, planning.time_zone)
    answers = channels(planning.how, planning.policy)
    arrays = _arrays(turns, place, planning)
    closings = _full_before(planning, hours.days, taken or {})
    left = _left(planning, hours.days, taken or {})
    parts = list(_cohorts(arrays, left, hours, answers, planning, closings))
    choices = joined([choices for choices, _ in parts])
    closed = np.repeat([known for _, known in parts], [len(choices.channel) for choices, _ in parts])
    made = Decided(turns, arrays, zones, choices, closed, hours, answers, planning)
    return Plan(described(made), tuple(closings))


def _zones(wanted: pl.Series, planning: Planning) -> tuple[Zones, NDArray[np.int64]]:
    """The clocks in use, and each lead's place among them."""
    texts = wanted.fill_null("").unique().to_list()
    used = {text: usable_zone(text, planning.time_zone) for text in texts}
    names = tuple(sorted(set(used.values())))
    places = wanted.fill_null("").replace_strict(
        texts, [names.index(used[text]) for text in texts], return_dtype=pl.Int64
    )
    own = wanted.fill_null("").is_in([text for text in texts if used[text] == text])
    return Zones(names, own.to_numpy()), places.to_numpy()


def _arrays(turns: pl.DataFrame, zone: NDArray[np.int64], planning: Planning) -> Leads:
    """Leads as arrays; those that were refused beforehand are reached by no channel."""
    rules, rule = planning.rules, planning.policy
    last = turns["last"].to_physical().fill_null(NONE).to_numpy()
    notice = microseconds(planning.now + timedelta(hours=rules.notice_hours))
    gap = timedelta(days=rules.min_gap_days) // MICROSECOND
    previous = turns["previous"].fill_null(NO_CHANNEL).replace_strict(PREVIOUS, range(len(PREVIOUS)))
    leads, touches = turns["lead_id"].to_list(), (turns["touches"] + 1).to_list()
    return Leads(
        previous=previous.cast(pl.Int8).to_numpy(),
        zone=zone,
        earliest=np.where(last == NONE, notice, np.maximum(notice, last + gap)),
        last=last,
        reach=_reach(turns, planning) & refused_beforehand(turns, planning).is_null().to_numpy()[:, None],
        channel_lot=exploration.lots(rule, how.QUESTION, leads, touches),
        gap_lot=exploration.lots(rule, when.GAP, leads, touches) if planning.when.gaps else np.zeros(len(leads)),
        hour_lot=exploration.lots(rule, when.HOUR, leads, touches),
    )


def _reach(turns: pl.DataFrame, planning: Planning) -> Bools:
    """(rows, channels) as `allocator.reaches`."""
    everybody = np.ones(turns.height, bool)
    known = {"email": turns["has_email"].to_numpy(), "phone": turns["has_phone"].to_numpy(), None: everybody}
    rules = planning.rules
    reach = [
        (everybody if rules.addresses_elsewhere else known[ADDRESS_OF.get(channel)]) & (channel in rules.channels)
        for channel in CHANNELS
    ]
    return np.stack(reach, axis=1)


def _left(planning: Planning, days: tuple[date, ...], taken: Mapping[tuple[str, date], int]) -> Ints:
    """(channels, days) touches that the caps still allow."""
    caps = planning.rules.daily_caps
    left = [[max(0, caps.get(channel, 0) - taken.get((channel, day), 0)) for day in days] for channel in CHANNELS]
    return np.array(left, np.int64).reshape(len(CHANNELS), len(days))


def _full_before(
    planning: Planning, days: tuple[date, ...], taken: Mapping[tuple[str, date], int]
) -> list[tuple[str, date]]:
    """What is full before anybody has chosen."""
    caps = planning.rules.daily_caps
    return [(one, day) for one in planning.rules.channels for day in days if taken.get((one, day), 0) >= caps[one]]


def _cohorts(
    leads: Leads, left: Ints, hours: Grid, answers: Channels, planning: Planning, closings: list[tuple[str, date]]
) -> Iterator[tuple[Choices, int]]:
    """Choices of one cohort after the other, with how many closings had happened before; appends those that happen."""
    begin, size = 0, SMALLEST
    while begin < len(leads.zone):
        cohort = leads.rows(slice(begin, begin + size))
        choices = decide(cohort, left > 0, hours, answers, planning.when, planning.policy)
        cells = choices.cells(cohort, hours)
        end, closing = _first_closing(cells, left)
        yield choices.rows(slice(0, end)), len(closings)
        taken = cells[:end]
        left -= np.bincount(taken[taken != NONE], minlength=left.size).reshape(left.shape)
        begin += end
        if closing is None:
            size = min(2 * size, LARGEST)
        else:
            channel, day = divmod(closing, len(hours.days))
            closings.append((CHANNELS[channel], hours.days[day]))
            size = max(SMALLEST, end)


def _first_closing(cells: NDArray[np.intp], left: Ints) -> tuple[int, int | None]:
    """How many turns fit until a cap runs out, and the cell that it runs out in; all of them and None where none does.

    cells: (rows,) channel × day that each choice takes from, NONE where there was no choice.
    """
    rows = np.flatnonzero(cells != NONE)
    order = rows[np.argsort(cells[rows], kind="stable")]
    counts = np.bincount(cells[rows], minlength=left.size)
    starts = np.cumsum(counts) - counts
    ending = np.flatnonzero((counts > 0) & (counts >= left.ravel()))
    if not len(ending):
        return len(cells), None
    last = order[starts[ending] + left.ravel()[ending] - 1]
    first = int(np.argmin(last))
    return int(last[first]) + 1, int(ending[first])
