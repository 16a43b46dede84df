"""One self-contained page about one look: every head's health with its reasons, and business metrics as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import altair as alt

from contracts.health import ORDER, TARGETS, HeadHealth, Health, HealthReport, Metric, Target
from reports import charts, page, words
from reports.charts import LIGHT, WIDTH, Figure, data

ROLES = {Health.HEALTHY: "publish", Health.WATCH: "hold", Health.EXPIRED: "refuse", Health.FAILING: "quarantine"}

MOST_TENANTS = 24
"""Tenants with pictures of their own; the table has all."""

TALL = 120


def html(report: HealthReport) -> str:
    """The whole page as one string, with its style and its pictures inside."""
    return page.rendered(
        "health.html.j2",
        report=report,
        headline=headline(report),
        words=words,
        palette=charts.style_sheet(),
        tiles=[(str(report.count(health)), health.value, ROLES[health]) for health in ORDER],
        heads=sorted(report.heads, key=lambda one: (-ORDER.index(one.health), one.tenant, one.pattern_type)),
        roles=ROLES,
        targets=[(target, target_in_words(target)) for target in TARGETS],
        metrics=[(name, newest(report, tenant)) for tenant, name in by_name(report.tenants)],
        value_in_words=value_in_words,
        pictures=_pictures(report),
    )


def headline(report: HealthReport) -> str:
    """One sentence: how many heads stand how."""
    if not report.heads:
        return "Nothing is published, so there is nothing to look at"
    parts = [f"{report.count(health)} {health}" for health in reversed(ORDER) if report.count(health)]
    taken = sum(one.rolled_back for one in report.heads)
    back = f", {taken} taken back" if taken else ""
    return f"{words.plural(len(report.heads), 'pattern')} in force: {', '.join(parts)}{back}"


def by_name(tenants: Mapping[UUID, str]) -> list[tuple[UUID, str]]:
    return sorted(tenants.items(), key=lambda item: item[1])


def newest(report: HealthReport, tenant: UUID) -> dict[str, Metric]:
    """Metric → its newest week that has a value, of one tenant; where none has, the newest refusal."""
    found: dict[str, Metric] = {}
    for metric in sorted((m for m in report.metrics if m.tenant_id == tenant), key=lambda m: m.week):
        if metric.value is not None or metric.metric not in found or found[metric.metric].value is None:
            found[metric.metric] = metric
    return found


def value_in_words(metric: Metric | None) -> str:
    """`4.1 % (3.2 to 5.3)`, or a dash where nothing can be said."""
    if metric is None or metric.value is None or metric.low is None or metric.high is None:
        return words.DASH
    scale, mark = (100.0, " %") if metric.metric in _SHARES else (1.0, "")
    value, low, high = (scale * number for number in (metric.value, metric.low, metric.high))
    return f"{value:.1f}{mark} ({low:.1f} to {high:.1f})"


def target_in_words(target: Target) -> str:
    """`3 % → 5 %`, the specification's baseline and aim; `measured` where it names none."""
    if target.baseline is None or target.target is None:
        return "measured"
    scale, mark = (100.0, " %") if target.unit == "share" else (1.0, "")
    return f"{scale * target.baseline:g}{mark} → {scale * target.target:g}{mark}"


def table(report: HealthReport) -> list[dict[str, str]]:
    """Rows for an artifact in Prefect's UI, the worst first."""
    return [_row(one) for one in sorted(report.heads, key=lambda one: (-ORDER.index(one.health), one.tenant))]


def _row(one: HeadHealth) -> dict[str, str]:
    back = f"version {one.back_to}" if one.back_to else "defaults"
    return {
        "tenant": one.tenant,
        "type": one.pattern_type,
        "version": str(one.version),
        "health": one.health.value,
        "taken back to": back if one.rolled_back else "",
        "because": one.because,
    }


def _pictures(report: HealthReport) -> list[tuple[str, list[Figure]]]:
    shown = []
    for tenant, name in by_name(report.tenants)[:MOST_TENANTS]:
        mine = [metric for metric in report.metrics if metric.tenant_id == tenant and metric.value is not None]
        figures = [_picture(target, rows) for target in TARGETS if (rows := _rows(target, mine))]
        if figures:
            shown.append((name, figures))
    return shown


def _rows(target: Target, metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    wanted = sorted((m for m in metrics if m.metric == target.metric), key=lambda m: m.week)
    return [{"week": m.week.isoformat(), "value": m.value, "low": m.low, "high": m.high} for m in wanted]


def _picture(target: Target, rows: list[dict[str, Any]]) -> Figure:
    """A metric by week of leads: value, 90 % interval as a band, and the specification's aim as a line."""
    form = "%" if target.unit == "share" else "~g"
    x = alt.X("week:T", title=None, axis=alt.Axis(format="%d %b", tickCount=4, grid=False))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=form, tickCount=4), scale=alt.Scale(zero=False))
    base = alt.Chart(data(rows))
    layers: list[alt.Chart] = [
        base.mark_area(opacity=0.25, color=LIGHT["learned"]).encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q"),
        base.mark_line(color=LIGHT["learned"], point=True).encode(x=x, y=y),
    ]
    if target.target is not None:
        line = alt.Chart(data([{"value": target.target}])).mark_rule(color=LIGHT["planted"], strokeDash=[3, 3])
        layers.append(line.encode(y=y))
    said = "; ".join(f"{row['week']} {row['value']:.3g}" for row in rows)
    chart = alt.layer(*layers).properties(width=WIDTH - 60, height=TALL)
    return Figure(target.title, f"{target.title} by week of leads: {said}.", chart)


_SHARES = {target.metric for target in TARGETS if target.unit == "share"}
