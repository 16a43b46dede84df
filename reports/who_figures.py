"""Pictures of WHO: weights, gains over what was in force, lift among the top fifth, calibration, dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from contracts.outcomes import COMPONENTS
from reports import words
from reports.charts import LIGHT, ROW, WIDTH, Figure, colours, data, panel_width, reference_line, rows_axis
from reports.who import Story

MOST_LEVELS = 8
"""Most levels in one tenant's picture of dimensions."""

_NAMES = [words.COMPONENT_NAMES[name] for name in COMPONENTS]


def weights(story: Story, ceiling: float) -> Figure:
    """Weights before and after, and beside the planted truth where there is one, on a scale to `ceiling`."""
    assert story.weights is not None
    truth = story.planted.weights if story.planted else None
    kinds = {"before": story.before, "learned": story.weights} | ({"planted": truth} if truth else {})
    rows = [
        {"component": name, "kind": kind, "weight": values[i]}
        for kind, values in kinds.items()
        for i, name in enumerate(_NAMES)
    ]
    spans = [{"component": n, "weight": story.before[i], "to": story.weights[i]} for i, n in enumerate(_NAMES)]
    y = rows_axis("component", _NAMES)
    x = alt.X("weight:Q", scale=alt.Scale(domain=[0, ceiling]), axis=alt.Axis(format="%", tickCount=4), title=None)
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    chart = alt.layer(
        alt.Chart(data(spans)).mark_rule(color=LIGHT["grid"], strokeWidth=4).encode(x=x, x2="to:Q", y=y),
        base.transform_filter("datum.kind == 'before'").mark_tick(color=LIGHT["default"], thickness=3, height=15),
        base.transform_filter("datum.kind == 'learned'").mark_point(
            shape="circle", size=110, filled=True, color=LIGHT["learned"], opacity=1
        ),
        base.transform_filter("datum.kind == 'planted'").mark_point(
            shape="diamond", size=130, filled=False, color=LIGHT["planted"], strokeWidth=2.5, opacity=1
        ),
    ).properties(width=panel_width(_NAMES), height=ROW * len(_NAMES))
    said = words.listed(f"{n} {words.share(story.weights[i])}" for i, n in enumerate(_NAMES))
    planted = f" Planted: {words.listed(words.share(w) for w in truth)}, in the same order." if truth else ""
    return Figure(story.tenant, f"Learned weights of {story.tenant}: {said}.{planted}", chart)


def gains(stories: Sequence[Story]) -> Figure:
    """AUC gained over what was in force: one dot a fold, their mean, and the interval for the next period."""
    order = [story.tenant for story in stories]
    means: list[dict[str, Any]] = [
        {"tenant": s.tenant, "gain": s.gain.value, "low": s.gain.low, "high": s.gain.high, "ruling": s.ruling}
        for s in stories
        if s.gain
    ]
    folds = [{"tenant": s.tenant, "gain": value, "ruling": s.ruling} for s in stories for value in s.fold_gains]
    y = rows_axis("tenant", order)
    colour = alt.Color("ruling:N", scale=colours(["published", "held"], ["publish", "hold"]), legend=None)
    title, axis = "AUC gained over what was in force", alt.Axis(format="+.2f", tickCount=5)
    x, low = (alt.X(f"{field}:Q", title=title, axis=axis) for field in ("gain", "low"))
    chart = alt.layer(
        reference_line(x, 0.0),
        alt.Chart(data(means)).mark_rule(strokeWidth=2.5).encode(x=low, x2="high:Q", y=y, color=colour),
        alt.Chart(data(folds)).mark_tick(thickness=2, height=11, opacity=0.6).encode(x=x, y=y, color=colour),
        alt.Chart(data(means)).mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=colour),
    ).properties(width=WIDTH, height=ROW * len(order))
    said = "; ".join(f"{m['tenant']} {words.signed(m['gain'])}" for m in means)
    return Figure("Gain on later leads", f"Mean AUC gained over what was in force: {said}.", chart)


def lifts(stories: Sequence[Story]) -> Figure:
    """How many times as often the top fifth converts as all leads, with its interval; the incumbent's beside it."""
    order = [story.tenant for story in stories]
    rows: list[dict[str, Any]] = [
        {"tenant": s.tenant, "lift": s.lift.value, "low": s.lift.low, "high": s.lift.high, "ruling": s.ruling}
        for s in stories
        if s.lift
    ]
    before = [{"tenant": s.tenant, "lift": s.lift_before} for s in stories if words.finite(s.lift_before)]
    y = rows_axis("tenant", order)
    colour = alt.Color("ruling:N", scale=colours(["published", "held"], ["publish", "hold"]), legend=None)
    title, axis, scale = "times the usual rate", alt.Axis(tickCount=5), alt.Scale(zero=False)
    x, low = (alt.X(f"{field}:Q", title=title, axis=axis, scale=scale) for field in ("lift", "low"))
    chart = alt.layer(
        reference_line(x, 1.0),
        alt.Chart(data(rows)).mark_rule(strokeWidth=2.5).encode(x=low, x2="high:Q", y=y, color=colour),
        alt.Chart(data(before)).mark_tick(color=LIGHT["default"], thickness=3, height=13, opacity=1).encode(x=x, y=y),
        alt.Chart(data(rows)).mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=colour),
    ).properties(width=WIDTH, height=ROW * len(order))
    said = "; ".join(f"{r['tenant']} {words.decimal(r['lift'])}" for r in rows)
    return Figure("Lift of the top fifth", f"Conversion rate of the top fifth over the usual rate: {said}.", chart)


def calibration(story: Story) -> Figure:
    """What the score promised beside what happened, in bins of later leads; on the line is right."""
    rows = [
        {"predicted": b.predicted, "observed": b.observed, "n": b.n, "low": b.low, "high": b.high}
        for b in story.calibration
    ]
    top = max(max(r["predicted"], r["high"] if words.finite(r["high"]) else r["observed"]) for r in rows) * 1.05
    axis = alt.Axis(format=".0%" if top > 0.05 else ".1%", tickCount=4)
    scale = alt.Scale(domain=[0, top], nice=False)
    x = alt.X("predicted:Q", title="promised", scale=scale, axis=axis)
    y, low = (alt.Y(f"{field}:Q", title="happened", scale=scale, axis=axis) for field in ("observed", "low"))
    diagonal = alt.Chart(data([{"predicted": 0, "observed": 0}, {"predicted": top, "observed": top}]))
    bars = [row for row in rows if words.finite(row["low"]) and words.finite(row["high"])]
    chart = alt.layer(
        diagonal.mark_line(color=LIGHT["muted"], strokeWidth=1, strokeDash=[3, 3]).encode(x=x, y=y),
        alt.Chart(data(bars)).mark_rule(color=LIGHT["learned"], opacity=0.5).encode(x=x, y=low, y2="high:Q"),
        alt.Chart(data(rows)).mark_point(size=60, filled=True, color=LIGHT["learned"], opacity=1).encode(x=x, y=y),
    ).properties(width=WIDTH - 90, height=WIDTH - 110)
    said = words.listed(
        f"{words.share(r['predicted'], 1)} promised and {words.share(r['observed'], 1)} happened" for r in rows
    )
    return Figure(story.tenant, f"Calibration of {story.tenant}: {said}.", chart)


def dimensions(story: Story) -> Figure:
    """Levels that differ most from the tenant's own rate; filled where the difference is significant."""
    levels = story.notable_levels(MOST_LEVELS)
    rows: list[dict[str, Any]] = [
        {"level": f"{words.plain(lv.dimension)}: {lv.level}", "rate": lv.rate, "n": lv.n, "sure": lv.significant}
        for lv in levels
    ]
    names = [row["level"] for row in rows]
    y = rows_axis("level", names)
    x = alt.X("rate:Q", title=None, axis=alt.Axis(format="%", tickCount=4), scale=alt.Scale(zero=True, nice=True))
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    layers: list[alt.Chart] = [
        base.transform_filter("datum.sure").mark_point(size=90, filled=True, color=LIGHT["learned"], opacity=1),
        base.transform_filter("!datum.sure").mark_point(size=80, filled=False, color=LIGHT["default"], strokeWidth=2),
    ]
    if story.rate is not None and words.finite(story.rate):
        layers.insert(0, reference_line(x, story.rate))
    chart = alt.layer(*layers).properties(width=panel_width(names), height=ROW * len(rows))
    said = words.listed(
        f"{row['level']} {words.share(row['rate'], 1)} of {words.count(row['n'])}{'' if row['sure'] else ' (unsure)'}"
        for row in rows
    )
    return Figure(story.tenant, f"Conversion rates of {story.tenant}, shrunk: {said}.", chart)
