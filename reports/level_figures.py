"""Pictures of levels: gains with their intervals, the week as a heat map, and channels as a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from contracts.how import NO_CHANNEL
from contracts.levels import Comparison, Level
from contracts.outcomes import CHANNELS
from contracts.when import WEEKDAYS, hour_of_week
from reports import words
from reports.charts import LIGHT, ROW, Figure, data, panel_width, reference_line, rows_axis
from reports.levels import interval, odds

SHADES = ("less3", "less2", "less1", "same", "more1", "more2", "more3")
"""Roles of the palette, from far below today's mix to far above."""

STEPS = (-0.40, -0.20, -0.05, 0.05, 0.20, 0.40)
"""Gains at which the next shade begins, log-odds: −33 %, −18 %, −5 %, +5 %, +22 % and +49 % of the odds."""

LEGEND = tuple(
    (shade, "", word)
    for shade, word in zip(
        SHADES,
        ("−33 % odds or less", "to −18 %", "to −5 %", "about today’s mix", "+5 %", "+22 %", "+49 % odds or more"),
        strict=True,
    )
)

CELL = 21  # pixels of an hour in the heat map
FLOW_WIDTH, FLOW_HEIGHT = 320, 210
MOST_WIDTH = 12  # pixels of the busiest way in a flow


def effects(title: str, comparison: Comparison, levels: Sequence[Level], truth: dict[str, float] | None) -> Figure:
    """Gain of each level with its 90 % interval; filled where it is better or worse than the mix with 90 %."""
    names = [words.plain(level.key) for level in levels]
    rows = [_row(name, level, comparison, truth) for name, level in zip(names, levels, strict=True)]
    y = rows_axis("level", names)
    axis = alt.Axis(format="+.0%", tickCount=4)
    x, low = (alt.X(f"{field}:Q", title="change of the odds", axis=axis) for field in ("gain", "low"))
    base = alt.Chart(data(rows))
    layers = [
        reference_line(x, 0.0),
        base.mark_rule(strokeWidth=4, color=LIGHT["learned"], opacity=0.35).encode(x=low, x2="high:Q", y=y),
        base.transform_filter("datum.sure").mark_point(
            shape="circle", size=100, filled=True, color=LIGHT["learned"], opacity=1
        ).encode(x=x, y=y),
        base.transform_filter("!datum.sure").mark_point(
            shape="circle", size=80, filled=False, color=LIGHT["default"], strokeWidth=2, opacity=1
        ).encode(x=x, y=y),
    ]  # fmt: skip
    if truth is not None:
        planted = alt.X("planted:Q", title="change of the odds", axis=axis)
        layers.append(
            base.mark_point(
                shape="diamond", size=120, filled=False, color=LIGHT["planted"], strokeWidth=2.5, opacity=1
            ).encode(x=planted, y=y)
        )
    chart = alt.layer(*layers).properties(width=panel_width(names), height=ROW * len(rows))
    said = words.listed(
        f"{row['level']} {_percent(row['gain'])} ({_percent(row['low'])} to {_percent(row['high'])})" for row in rows
    )
    return Figure(title, f"Change of the odds against today's mix, {title}: {said}.", chart)


def week(title: str, comparison: Comparison, truth: dict[str, float] | None) -> Figure:
    """The week as a heat map of gains; ringed hours are better or worse with 90 %, the diamond is the planted best."""
    rows: list[dict[str, Any]] = []
    best = max(truth, key=lambda key: truth[key]) if truth and any(truth.values()) else None
    for level in comparison.levels:
        place = hour_of_week(level.key)
        low, high = interval(level)
        rows.append(
            {
                "day": WEEKDAYS[place // 24].capitalize(),
                "hour": place % 24,
                "gain": level.gain,
                "sure": low > 0 or high < 0,
                "chosen": comparison.claimed and level.key == comparison.recommendation.key,
                "best": level.key == best,
            }
        )
    hours = list(range(min(row["hour"] for row in rows), max(row["hour"] for row in rows) + 1))
    days = [day.capitalize() for day in WEEKDAYS]
    x = alt.X("hour:O", title="hour on the lead's clock", scale=alt.Scale(domain=hours), axis=alt.Axis(labelAngle=0))
    y = alt.Y("day:O", sort=days, title=None, scale=alt.Scale(domain=days))
    shade = alt.Color(
        "gain:Q",
        legend=None,
        scale=alt.Scale(type="threshold", domain=list(STEPS), range=[LIGHT[role] for role in SHADES]),
    )
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    chart = alt.layer(
        base.mark_rect().encode(color=shade),
        base.transform_filter("datum.sure").mark_point(shape="circle", size=22, color=LIGHT["ink"], strokeWidth=1.2),
        base.transform_filter("datum.chosen").mark_rect(
            filled=False, stroke=LIGHT["ink"], strokeWidth=2.5, cornerRadius=2
        ),
        base.transform_filter("datum.best").mark_point(
            shape="diamond", size=130, filled=False, color=LIGHT["planted"], strokeWidth=2.5, opacity=1
        ),
    ).properties(width=CELL * len(hours), height=CELL * 7)
    top = sorted(comparison.levels, key=lambda level: -level.gain)[:3]
    said = words.listed(f"{level.key} {_percent(odds(level.gain))}" for level in top)
    return Figure(title, f"Gain of every hour of the week for {title}; the best are {said}.", chart)


def top_hours(title: str, comparison: Comparison, truth: dict[str, float] | None, most: int) -> Figure:
    """The best and worst hours with their intervals."""
    ranked = sorted(comparison.levels, key=lambda level: -level.gain)
    chosen = ranked if len(ranked) <= most else [*ranked[: most - most // 3], *ranked[-(most // 3) :]]
    return effects(title, comparison, chosen, truth)


def flow(title: str, comparison: Comparison) -> Figure:
    """Which channel follows which: the wider, the more often; the shade tells how much better than today's mix."""
    left, right = [NO_CHANNEL, *CHANNELS], list(CHANNELS)
    used = [level for level in comparison.levels if level.n]
    left = [name for name in left if any(level.key.startswith(f"{name}>") for level in used)]
    right = [name for name in right if any(level.key.endswith(f">{name}") for level in used)]
    most = max(level.use for level in used)
    rows = [
        {
            "from": _height(left, previous),
            "to": _height(right, channel),
            "gain": level.gain,
            "width": max(1.0, MOST_WIDTH * (level.use / most) ** 0.5),
        }
        for level in sorted(used, key=lambda level: abs(level.gain))
        for previous, channel in [level.key.split(">")]
    ]
    named = [
        *({"x": -0.04, "y": _height(left, name), "name": _place(name), "side": "left"} for name in left),
        *({"x": 1.04, "y": _height(right, name), "name": name, "side": "right"} for name in right),
    ]
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.36, 1.32]))  # names stand beside the ways
    y = alt.Y("from:Q", axis=None, scale=alt.Scale(domain=[0, 1], reverse=True))
    shade = alt.Color(
        "gain:Q",
        legend=None,
        scale=alt.Scale(type="threshold", domain=list(STEPS), range=[LIGHT[role] for role in SHADES]),
    )
    width = alt.StrokeWidth("width:Q", scale=None, legend=None)
    ways = alt.Chart(data([{**row, "x": 0, "end": 1} for row in rows]))
    names = alt.Chart(data(named))
    end = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, 1], reverse=True))
    chart = alt.layer(
        ways.mark_rule(strokeCap="round").encode(x=x, x2="end:Q", y=y, y2="to:Q", color=shade, strokeWidth=width),
        names.transform_filter("datum.side == 'left'").mark_text(align="right").encode(x=x, y=end, text="name:N"),
        names.transform_filter("datum.side == 'right'").mark_text(align="left").encode(x=x, y=end, text="name:N"),
    ).properties(width=FLOW_WIDTH, height=FLOW_HEIGHT)
    best = sorted(used, key=lambda level: -level.gain)[:3]
    said = words.listed(f"{level.key.replace('>', ' then ')} {_percent(odds(level.gain))}" for level in best)
    return Figure(title, f"Which channel follows which for {title}; the best are {said}.", chart)


def dots(title: str, rows: Sequence[dict[str, Any]], order: Sequence[str], rules: Sequence[str]) -> Figure:
    """One row a channel, one dot a rule of attribution: how far the rules disagree."""
    y = rows_axis("channel", order)
    x = alt.X("credit:Q", title="conversions credited", axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=True))
    shapes = ["circle", "square", "triangle-up", "diamond", "cross"][: len(rules)]
    roles = ["learned", "hold", "publish", "planted", "refuse"][: len(rules)]
    chart = (
        alt.Chart(data(rows))
        .mark_point(size=70, strokeWidth=2)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("rule:N", scale=alt.Scale(domain=list(rules), range=shapes), legend=None),
            color=alt.Color(
                "rule:N", scale=alt.Scale(domain=list(rules), range=[LIGHT[role] for role in roles]), legend=None
            ),
        )
        .properties(width=panel_width(order), height=ROW * len(order))
    )
    said = words.listed(f"{row['channel']} {words.count(row['credit'])} by {row['rule']}" for row in rows)
    return Figure(title, f"Conversions credited to channels, {title}: {said}.", chart)


def _row(name: str, level: Level, comparison: Comparison, truth: dict[str, float] | None) -> dict[str, Any]:
    low, high = interval(level)
    return {
        "level": name,
        "gain": odds(level.gain),
        "low": odds(low),
        "high": odds(high),
        "sure": low > 0 or high < 0,
        "planted": odds(truth[level.key]) if truth is not None else 0.0,
    }


def _percent(change: float) -> str:
    return f"{100 * change:+.0f}{words.NO_BREAK}%"


def _height(names: Sequence[str], name: str) -> float:
    """0 at the top, 1 at the bottom."""
    return (names.index(name) + 0.5) / len(names)


def _place(previous: str) -> str:
    return "first touch" if previous == NO_CHANNEL else previous
