"""Pictures of the run itself: evidence and confidence of all tenants, rows left out, what each stage took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from contracts.learning import Ruling
from contracts.runs import LearningReport, Outcome
from reports import words
from reports.charts import LIGHT, ROW, WIDTH, Figure, colours, data, rows_axis

MOST_NAMES = 14
"""Most tenants whose names stand beside their dots; beyond, names overlap and the table is the place to look."""

MOST_DEFECTS = 10

_RULED = (Ruling.PUBLISH, Ruling.HOLD)


def confidence(outcomes: Sequence[Outcome]) -> Figure:
    """Outcomes (log) against confidence, a dot a tenant: how much evidence it takes to be sure here."""
    judged = [o for o in outcomes if o.ruling in _RULED and words.finite(o.confidence) and o.outcomes > 0]
    rows = [
        {"tenant": o.tenant, "outcomes": o.outcomes, "confidence": o.confidence, "ruling": words.RULINGS[o.ruling]}
        for o in judged
    ]
    names = [words.RULINGS[ruling] for ruling in _RULED]
    base = alt.Chart(data(rows)).encode(
        x=alt.X(
            "outcomes:Q",
            title="outcomes (the rarer of converted and not)",
            scale=alt.Scale(type="log", padding=18),
            axis=alt.Axis(grid=False, format="~s", tickCount=4),
        ),
        y=alt.Y(
            "confidence:Q",
            title="confidence",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", grid=True, tickCount=5),
        ),
    )
    dots = base.mark_point(size=110, filled=True, opacity=0.9).encode(
        color=alt.Color("ruling:N", scale=colours(names, [ruling.value for ruling in _RULED]), legend=None),
        shape=alt.Shape("ruling:N", scale=alt.Scale(domain=names, range=["circle", "square"]), legend=None),
    )
    labels = base.mark_text(dy=-12, fontSize=11, color=LIGHT["muted"], limit=120).encode(text="tenant:N")
    layers = [dots, labels] if len(rows) <= MOST_NAMES else [dots]
    chart = alt.layer(*layers).properties(width=WIDTH + 60, height=WIDTH - 60)
    said = "; ".join(f"{r['tenant']} {words.count(r['outcomes'])}, {words.share(r['confidence'])}" for r in rows)
    return Figure("Evidence and confidence", f"Outcomes and confidence of each tenant that was judged: {said}.", chart)


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


def _bars(rows: Sequence[Mapping[str, object]], role: str) -> alt.LayerChart:
    base = alt.Chart(data(rows)).encode(
        x=alt.X("value:Q", axis=None, scale=alt.Scale(padding=45)),
        y=rows_axis("name", [str(row["name"]) for row in rows]),
    )
    bars = base.mark_bar(color=LIGHT[role], height=14, cornerRadius=2)
    return alt.layer(bars, base.mark_text(align="left", dx=6).encode(text="text:N")).properties(
        width=WIDTH, height=ROW * len(rows)
    )
