"""Pictures of the run itself: evidence and confidence of all tenants, rows left out, what each stage took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt

from contracts.learning import Ruling
from contracts.runs import LearningReport, Outcome
from reports import words
from reports.charts import LETTER, LIGHT, ROW, WIDTH, Drawing, Figure, colours, data, rows_axis

MOST_DEFECTS = 10

WIDE, TALL = WIDTH + 80, WIDTH - 100

Box = tuple[float, float, float, float]
"""Left, right, top and bottom, in pixels."""

_RULED = (Ruling.PUBLISH, Ruling.HOLD)


def confidence(outcomes: Sequence[Outcome], title: str, gate: float | None = None) -> Figure:
    """Outcomes (log) against confidence, a dot a tenant, and the gate: how much evidence one question takes here."""
    judged = [o for o in outcomes if o.ruling in _RULED and words.finite(o.confidence) and o.outcomes > 0]
    rows: list[dict[str, Any]] = [
        {"tenant": o.tenant, "outcomes": o.outcomes, "confidence": o.confidence, "ruling": words.RULINGS[o.ruling]}
        for o in judged
    ]
    names = [words.RULINGS[ruling] for ruling in _RULED]
    low, high = min(row["outcomes"] for row in rows) * 0.8, max(row["outcomes"] for row in rows) * 1.25
    x = alt.X(
        "outcomes:Q",
        title="outcomes (the rarer of converted and not)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(grid=False, format="~s", tickCount=4),
    )
    y = alt.Y(
        "confidence:Q", title="confidence", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5)
    )
    dots = (
        alt.Chart(data(rows))
        .mark_point(size=90, filled=True, opacity=0.9)
        .encode(
            x=x,
            y=y,
            color=alt.Color("ruling:N", scale=colours(names, [ruling.value for ruling in _RULED]), legend=None),
            shape=alt.Shape("ruling:N", scale=alt.Scale(domain=names, range=["circle", "square"]), legend=None),
        )
    )
    layers: list[alt.Chart] = [dots]
    for align, shift, some in _with_room(rows, low, high, gate):
        text = alt.Chart(data(some)).mark_text(
            fontSize=11, color=LIGHT["muted"], limit=140, baseline="middle", align=align, dx=shift
        )
        layers.append(text.encode(x=x, y=y, text="tenant:N"))
    if gate is not None:
        line = alt.Chart(data([{"confidence": gate}])).mark_rule(color=LIGHT["muted"], strokeDash=[3, 3])
        layers.insert(0, line.encode(y=y))
    chart = alt.layer(*layers).properties(width=WIDE, height=TALL)
    said = "; ".join(f"{r['tenant']} {words.count(r['outcomes'])}, {words.sureness(r['confidence'])}" for r in rows)
    return Figure(title, f"Outcomes and confidence of each tenant that was judged, {title}: {said}.", chart)


def _with_room(
    rows: Sequence[dict[str, Any]], low: float, high: float, gate: float | None
) -> list[tuple[Literal["left", "right"], int, list[dict[str, Any]]]]:
    """(alignment, shift in pixels, tenants) of names that fall on no other name, dot or line; most sure first.

    A name stands right of its dot, or left of it where that side is taken, or is left to the table.
    """
    across = math.log(high / low)
    spots = [(WIDE * math.log(row["outcomes"] / low) / across, TALL * (1 - row["confidence"])) for row in rows]
    taken: list[Box] = [(x - 6, x + 6, y - 6, y + 6) for x, y in spots]
    if gate is not None:
        taken.append((0, WIDE, TALL * (1 - gate) - 1, TALL * (1 - gate) + 1))
    right: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    for i in sorted(range(len(rows)), key=lambda i: (-rows[i]["confidence"], rows[i]["tenant"])):
        (x, y), length = spots[i], LETTER * min(20, len(rows[i]["tenant"]))
        for side, ends in ((right, (x + 8, x + 9 + length)), (left, (x - 9 - length, x - 8))):
            box = (*ends, y - 7, y + 7)
            if ends[0] >= 0 and ends[1] <= WIDE + 10 and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                side.append(rows[i])
                break
    return [("left", 9, right), ("right", -9, left)]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def dropped(report: LearningReport) -> Figure:
    """Rows left out, by what was wrong with them."""
    top = sorted(((n, code) for code, n in report.dropped.items() if n), key=lambda item: (-item[0], item[1]))
    rows = [{"name": words.plain(code), "value": n, "text": words.count(n)} for n, code in top[:MOST_DEFECTS]]
    said = "; ".join(f"{row['name']} {row['text']}" for row in rows)
    return Figure("Rows left out", f"Rows left out by defect: {said}.", _bars(rows, "quarantine"))


def stages(seconds: Mapping[str, float]) -> Figure:
    """What each stage took, in the order in which they ran."""
    known = {name: value for name, value in seconds.items() if words.finite(value)}
    rows = [{"name": name, "value": value, "text": words.duration(value)} for name, value in known.items()]
    said = "; ".join(f"{row['name']} {row['text']}" for row in rows)
    return Figure("What each stage took", f"Seconds by stage: {said}.", _bars(rows, "learned"))


def _bars(rows: Sequence[Mapping[str, object]], role: str) -> Drawing:
    room = 1.25 * max((float(str(row["value"])) for row in rows), default=1.0)  # for the number right of its bar
    base = alt.Chart(data(rows)).encode(
        x=alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, room], nice=False)),
        y=rows_axis("name", [str(row["name"]) for row in rows]),
    )
    bars = base.mark_bar(color=LIGHT[role], height=14, cornerRadius=2)
    return alt.layer(bars, base.mark_text(align="left", dx=6).encode(text="text:N")).properties(
        width=WIDTH, height=ROW * len(rows)
    )
