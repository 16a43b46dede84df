"""Pictures of levels: gains with their intervals, and the week as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from contracts.levels import Comparison, Level
from contracts.when import WEEKDAYS, hour_of_week
from reports import words
from reports.charts import LIGHT, PANEL, ROW, Figure, colours, data, panel_width, reference_line, rows_axis
from reports.levels import Effects, interval, odds, spoken
from reports.planted import gains

SHADES = ("less3", "less2", "less1", "same", "more1", "more2", "more3")
"""Roles of the palette, from far below today's mix to far above."""

STEPS = (-0.40, -0.20, -0.05, 0.05, 0.20, 0.40)
"""Gains at which the next shade begins, log-odds: −33 %, −18 %, −5 %, +5 %, +22 % and +49 % of the odds."""

LEGEND = tuple(
    (shade, "step", word)
    for shade, word in zip(
        SHADES,
        ("below −33 %", "−33 to −18 %", "−18 to −5 %", "as today’s mix", "+5 to +22 %", "+22 to +49 %", "above +49 %"),
        strict=True,
    )
)

CLAIMED = (("learned", "dot", "claimed, so engines act on it"), ("default", "ring", "not claimed"))
PLANTED = (("planted", "diamond", "planted truth"),)
RING = (("ink", "ring", "better or worse than the mix, with 90 %"), ("ink", "frame", "claimed best"))

HALF = 460
"""Width in pixels of a picture that stands two in a row, names included."""

CELL = 28  # pixels of an hour in the heat map


def gain_shade(field: str = "gain") -> alt.Color:
    """How much better or worse than today's mix, in seven shades."""
    scale = alt.Scale(type="threshold", domain=list(STEPS), range=[LIGHT[role] for role in SHADES])
    return alt.Color(f"{field}:Q", legend=None, scale=scale)


Shown = tuple[str, Level, Comparison, float | None]
"""One row of a picture of gains: its name, the level, whose level it is, and its planted log-odds where known."""


def of(comparison: Comparison, effects: Effects, levels: Sequence[Level] | None = None) -> list[Shown]:
    """Rows for (some of) the levels of one comparison, in the order given, or else in their own."""
    truth: Mapping[str, float] = gains(comparison, effects) or {}
    return [
        (spoken(comparison.name, level.key), level, comparison, truth.get(level.key))
        for level in (comparison.levels if levels is None else levels)
    ]


def intervals(title: str, shown: Sequence[Shown], panel: float = PANEL) -> Figure:
    """Gain of each level with its 90 % interval: blue where it is claimed, filled where “no difference” is left out."""
    names = [name for name, *_ in shown]
    rows = [_row(*one) for one in shown]
    y = rows_axis("level", names)
    axis = alt.Axis(format="+.0%", tickCount=4, labelOverlap=True, labelSeparation=14)
    x, low, planted = (
        alt.X(f"{field}:Q", title="change of the odds", axis=axis) for field in ("gain", "low", "planted")
    )
    base = alt.Chart(data(rows))
    colour = alt.Color("standing:N", scale=colours(("claimed", "silent"), ("learned", "default")), legend=None)
    chart = alt.layer(
        reference_line(x, 0.0),
        base.mark_rule(strokeWidth=4, opacity=0.4).encode(x=low, x2="high:Q", y=y, color=colour),
        base.transform_filter("datum.sure").mark_point(shape="circle", size=100, filled=True, opacity=1).encode(
            x=x, y=y, color=colour
        ),
        base.transform_filter("!datum.sure").mark_point(shape="circle", size=80, strokeWidth=2, opacity=1).encode(
            x=x, y=y, color=colour
        ),
        base.transform_filter("isValid(datum.planted)").mark_point(
            shape="diamond", size=120, color=LIGHT["planted"], strokeWidth=2.5, opacity=1
        ).encode(x=planted, y=y),
    ).properties(width=panel_width(names, panel), height=ROW * len(rows))  # fmt: skip
    said = words.listed(
        f"{row['level']} {percent(row['gain'])} ({percent(row['low'])} to {percent(row['high'])})" for row in rows
    )
    return Figure(title, f"Change of the odds against today's mix, {title}: {said}.", chart)


def week(title: str, comparison: Comparison, effects: Effects) -> Figure:
    """The week as a heat map of gains; ringed hours are better or worse with 90 %, the diamond is the planted best."""
    truth = gains(comparison, effects)
    best = max(truth, key=lambda key: truth[key]) if truth and any(truth.values()) else None
    rows = [_cell(level, comparison, best) for level in comparison.levels]
    hours = list(range(min(row["hour"] for row in rows), max(row["hour"] for row in rows) + 1))
    days = [day.capitalize() for day in WEEKDAYS]
    x = alt.X("hour:O", title="hour on the lead's clock", scale=alt.Scale(domain=hours), axis=alt.Axis(labelAngle=0))
    y = alt.Y("day:O", sort=days, title=None, scale=alt.Scale(domain=days))
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    chart = alt.layer(
        base.mark_rect(stroke=LIGHT["paper"], strokeWidth=1).encode(color=gain_shade()),
        base.transform_filter("datum.sure").mark_point(shape="circle", size=26, color=LIGHT["ink"], strokeWidth=1.2),
        base.transform_filter("datum.chosen").mark_rect(
            filled=False, stroke=LIGHT["ink"], strokeWidth=2.5, cornerRadius=2
        ),
        base.transform_filter("datum.best").mark_point(
            shape="diamond", size=150, filled=False, color=LIGHT["planted"], strokeWidth=2.5, opacity=1
        ),
    ).properties(width=min(HALF - 50, CELL * len(hours)), height=CELL * 7)
    top = sorted(comparison.levels, key=lambda level: -level.gain)[:3]
    said = words.listed(f"{spoken('hours', level.key)} {percent(odds(level.gain))}" for level in top)
    return Figure(title, f"Gain of every hour of the week for {title}; the best are {said}.", chart)


def _cell(level: Level, comparison: Comparison, best: str | None) -> dict[str, Any]:
    weekday, hour = divmod(hour_of_week(level.key), 24)
    low, high = interval(level)
    return {
        "day": WEEKDAYS[weekday].capitalize(),
        "hour": hour,
        "gain": level.gain,
        "sure": low > 0 or high < 0,
        "chosen": comparison.claimed and level.key == comparison.recommendation.key,
        "best": level.key == best,
    }


def _row(name: str, level: Level, comparison: Comparison, truth: float | None) -> dict[str, Any]:
    low, high = interval(level)
    return {
        "level": name,
        "gain": odds(level.gain),
        "low": odds(low),
        "high": odds(high),
        "sure": low > 0 or high < 0,
        "standing": "claimed" if comparison.claimed else "silent",
        "planted": None if truth is None else odds(truth),
    }


def percent(change: float) -> str:
    """.36 → +36 %."""
    return f"{round(100 * change):+d}{words.NO_BREAK}%"
