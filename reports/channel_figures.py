"""Pictures of channels: which follows which, what attribution credits, and leads reached on several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from contracts.how import NO_CHANNEL, Credit
from contracts.levels import Comparison, Level
from contracts.outcomes import CHANNELS
from reports import words
from reports.charts import LIGHT, ROW, WIDTH, Figure, data, panel_width, reference_line, rows_axis
from reports.level_figures import gain_shade, percent
from reports.levels import interval, odds, spoken

FLOW_WIDTH, FLOW_HEIGHT = 440, 240
BESIDE = (-0.24, 1.24)  # ways run from 0 to 1; names stand in the room beside them
APART = 0.035  # of the height, between two channels of a side
THINNEST = 0.006  # of the height: a rare way can still be seen
STEPS = 6  # of a way's curve, drawn smooth between them

RULES = ("last", "first", "linear", "markov")
RULE_SHAPES = {"last": "circle", "first": "square", "linear": "triangle-up", "markov": "cross"}
RULE_ROLES = {"last": "learned", "first": "hold", "linear": "publish", "markov": "refuse"}
RULE_LEGEND = (
    ("learned", "dot", "last touch"),
    ("hold", "square", "first touch"),
    ("publish", "triangle", "linear"),
    ("refuse", "cross", "Markov removal"),
)


@dataclass(frozen=True, slots=True)
class _Way:
    """A way from one channel to the next. left, right: its upper edge at either end, 0 (top) to 1; with its width."""

    level: Level
    left: float
    right: float
    width: float


def flow(title: str, comparison: Comparison) -> Figure:
    """Which channel follows which: as wide as often; shaded where it differs from the other ways on with 90 %."""
    used = [level for level in comparison.levels if level.n]
    sources = [name for name in (NO_CHANNEL, *CHANNELS) if any(_ends(level)[0] == name for level in used)]
    targets = [name for name in CHANNELS if any(_ends(level)[1] == name for level in used)]
    ways, named = _laid_out(used, sources, targets)
    rows = [row for way in ways for row in _curve(way)]
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=list(BESIDE)))
    y, bottom = (alt.Y(f"{end}:Q", axis=None, scale=alt.Scale(domain=[0, 1], reverse=True)) for end in ("y", "at"))
    ribbons = alt.Chart(data(rows)).mark_area(interpolate="monotone", opacity=1, stroke=LIGHT["paper"], strokeWidth=0.6)
    names = alt.Chart(data(named))
    chart = alt.layer(
        ribbons.encode(x=x, y=y, y2="y2:Q", color=gain_shade(), detail="way:N"),
        names.transform_filter("datum.x == 0").mark_text(align="right", dx=-8).encode(x=x, y=bottom, text="name:N"),
        names.transform_filter("datum.x == 1").mark_text(align="left", dx=8).encode(x=x, y=bottom, text="name:N"),
    ).properties(width=FLOW_WIDTH, height=FLOW_HEIGHT)
    best = sorted(used, key=lambda level: -level.gain)[:3]
    said = words.listed(f"{spoken(comparison.name, level.key)} {percent(odds(level.gain))}" for level in best)
    return Figure(title, f"Which channel follows which for {title}; the best are {said}.", chart)


def best_next(comparison: Comparison) -> list[Level]:
    """For each channel before, the level that is best after it: first touches first."""
    order = (NO_CHANNEL, *CHANNELS)
    best: dict[str, Level] = {}
    for level in comparison.levels:
        before = _ends(level)[0]
        if before not in best or level.gain > best[before].gain:
            best[before] = level
    return [best[name] for name in order if name in best]


def _ends(level: Level) -> tuple[str, str]:
    before, _, channel = level.key.partition(">")
    return before, channel


def _laid_out(
    used: Sequence[Level], sources: Sequence[str], targets: Sequence[str]
) -> tuple[list[_Way], list[dict[str, Any]]]:
    """Ways stacked at both ends in the order of the channels, pale ones first; and the channels' names beside them."""
    total = sum(level.n for level in used)
    room = 1.0 - APART * (max(len(sources), len(targets)) - 1) - THINNEST * len(used)
    width = {level.key: THINNEST + room * level.n / total for level in used}
    left, left_names = _stacked(used, sources, width, side=0)
    right, right_names = _stacked(used, targets, width, side=1)
    ways = [_Way(level, left[level.key], right[level.key], width[level.key]) for level in used]
    return sorted(ways, key=lambda way: abs(_told(way.level))), left_names + right_names


def _stacked(
    used: Sequence[Level], names: Sequence[str], width: Mapping[str, float], side: int
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Upper edge of each way on one side, and each channel's name at the middle of its ways."""
    edges: dict[str, float] = {}
    named: list[dict[str, Any]] = []
    at = 0.0
    for name in names:
        begins = at
        for level in sorted((lv for lv in used if _ends(lv)[side] == name), key=lambda lv: _order(_ends(lv)[1 - side])):
            edges[level.key] = at
            at += width[level.key]
        named.append({"x": side, "at": (begins + at) / 2, "name": "first touch" if name == NO_CHANNEL else name})
        at += APART
    return edges, named


def _order(name: str) -> int:
    return (NO_CHANNEL, *CHANNELS).index(name)


def _told(level: Level) -> float:
    """The gain where its 90 % interval leaves out “no difference”, else none."""
    low, high = interval(level)
    return level.gain if low > 0 or high < 0 else 0.0


def _curve(way: _Way) -> Iterator[dict[str, Any]]:
    """The way as a band that leaves and arrives level."""
    for step in range(STEPS + 1):
        x = step / STEPS
        top = way.left + (way.right - way.left) * (1 - math.cos(math.pi * x)) / 2
        yield {"way": way.level.key, "x": x, "y": top, "y2": top + way.width, "gain": _told(way.level)}


def credits(title: str, credited: Sequence[Credit]) -> Figure:
    """One row a channel, one mark a rule of attribution: how far the rules disagree."""
    channels = [credit.channel for credit in credited]
    rows = [{"channel": one.channel, "rule": rule, "credit": getattr(one, rule)} for one in credited for rule in RULES]
    shape = alt.Scale(domain=list(RULES), range=[RULE_SHAPES[rule] for rule in RULES])
    colour = alt.Scale(domain=list(RULES), range=[LIGHT[RULE_ROLES[rule]] for rule in RULES])
    chart = (
        alt.Chart(data(rows))
        .mark_point(size=70, strokeWidth=2, opacity=1)
        .encode(
            x=alt.X("credit:Q", title="conversions credited", axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=True)),
            y=rows_axis("channel", channels),
            shape=alt.Shape("rule:N", scale=shape, legend=None),
            color=alt.Color("rule:N", scale=colour, legend=None),
        )
        .properties(width=panel_width(channels), height=ROW * len(channels))
    )
    said = words.listed(f"{row['channel']} {words.count(row['credit'])} by {row['rule']}" for row in rows)
    return Figure(title, f"Conversions credited to channels, {title}: {said}.", chart)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One tenant's estimate with its 90 % interval, in percent; before: what it is held against."""

    tenant: str
    value: float
    low: float
    high: float
    before: float


def estimates(title: str, unit: str, found: Sequence[Estimate]) -> Figure:
    """A row a tenant: the estimate, its interval, and a tick (or one line) for what it is held against."""
    names = [one.tenant for one in found]
    rows = [{"tenant": o.tenant, "value": o.value, "low": o.low, "high": o.high, "before": o.before} for o in found]
    y = rows_axis("tenant", names)
    axis = alt.Axis(tickCount=5, labelOverlap=True)
    x, low, before = (
        alt.X(f"{field}:Q", title=unit, axis=axis, scale=alt.Scale(zero=False)) for field in ("value", "low", "before")
    )
    base = alt.Chart(data(rows))
    alike = len({one.before for one in found}) == 1
    ticks = base.mark_tick(color=LIGHT["default"], thickness=3, height=13, opacity=1).encode(x=before, y=y)
    chart = alt.layer(
        reference_line(x, found[0].before) if alike else ticks,
        base.mark_rule(strokeWidth=2.5, color=LIGHT["learned"]).encode(x=low, x2="high:Q", y=y),
        base.mark_point(size=90, filled=True, color=LIGHT["learned"], opacity=1).encode(x=x, y=y),
    ).properties(width=WIDTH, height=ROW * len(rows))
    said = "; ".join(
        f"{one.tenant} {words.decimal(one.value, 1)} ({words.decimal(one.low, 1)} to {words.decimal(one.high, 1)})"
        for one in found
    )
    return Figure(title, f"{title}, {unit}: {said}.", chart)
