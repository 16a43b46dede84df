"""WHEN's chapter of the page: the week, the gaps between touches, and what each further touch brings."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from contracts.when import TouchYield, WhenPattern
from reports import level_figures, levels, words
from reports.chapter import Chapter, Section
from reports.charts import LIGHT, ROW, Figure, data, panel_width, rows_axis
from reports.levels import Told
from reports.records import ReportInput

NAME = "when"
MOST_WEEKS = 4
MOST_TENANTS = 6
MOST_HOURS = 9
MOST_TOUCHES = 10

RING = ("ink", "ring", "better or worse than the mix, with 90 %")


def chapter(record: ReportInput) -> Chapter:
    """Tenants whose pattern is in force first, then those with most outcomes."""
    tenants = levels.told(record, NAME, WhenPattern.from_payload)
    sections = (_weeks(tenants), _hours(tenants), _gaps(tenants), _touches(tenants))
    return Chapter(
        "When people convert",
        "At which hour of the lead's own week, after which gap and at which touch does an outcome come?",
        tuple(section for section in sections if section.figures),
        tuple(_caveats(record, tenants)),
    )


def truth_legend(tenants: list[Told[WhenPattern]]) -> tuple[tuple[str, str, str], ...]:
    return (("planted", "diamond", "planted truth"),) if any(one.simulated for one in tenants) else ()


def _weeks(tenants: list[Told[WhenPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.hours][:MOST_WEEKS]
    figures = tuple(
        level_figures.week(one.tenant, one.pattern.hours, levels.planted_gains(one.pattern.hours, one.effects))
        for one in drawn
        if one.pattern.hours
    )
    text = (
        "Each cell is an hour of the week on the lead's clock; its shade says how much better or worse the odds of an "
        "outcome are there than at today's mix of hours. A ring marks hours that differ from the mix with 90 % "
        "probability, the frame the hour that engines are told to prefer."
    )
    return Section("The week", text, figures, (*level_figures.LEGEND, RING, *truth_legend(drawn)))


def _hours(tenants: list[Told[WhenPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.hours][:MOST_TENANTS]
    figures = tuple(
        level_figures.top_hours(
            one.tenant, one.pattern.hours, levels.planted_gains(one.pattern.hours, one.effects), MOST_HOURS
        )
        for one in drawn
        if one.pattern.hours
    )
    text = "The best hours and the worst, with 90 % intervals: filled where the interval leaves out “no difference”."
    return Section("Best and worst hours", text, figures, truth_legend(drawn))


def _gaps(tenants: list[Told[WhenPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.gaps][:MOST_TENANTS]
    figures = tuple(
        level_figures.effects(one.tenant, one.pattern.gaps, one.pattern.gaps.levels, None)
        for one in drawn
        if one.pattern.gaps
    )
    text = (
        "Days between a touch and the one before it, compared among leads alike in score, touch and previous channel."
    )
    return Section("The gap between touches", text, figures)


def _touches(tenants: list[Told[WhenPattern]]) -> Section:
    drawn = [one for one in tenants if one.pattern.touches][:MOST_TENANTS]
    figures = tuple(_yield(one.tenant, one.pattern.touches[:MOST_TOUCHES]) for one in drawn)
    text = (
        "Of the leads that are still there at a touch, how many answer this one? Counting whole leads by their number "
        "of touches would credit late touches with the leads that came that far."
    )
    return Section("What each further touch brings", text, figures)


def _yield(tenant: str, touches: tuple[TouchYield, ...]) -> Figure:
    """Hazard by touch number, with its 90 % interval."""
    names = [f"touch {one.touch}" for one in touches]
    rows = [
        {"touch": name, "hazard": one.hazard, "low": one.low, "high": one.high}
        for name, one in zip(names, touches, strict=True)
    ]
    y = rows_axis("touch", names)
    axis = alt.Axis(format=".1%", tickCount=4)
    x, low = (alt.X(f"{f}:Q", title=None, axis=axis, scale=alt.Scale(zero=True)) for f in ("hazard", "low"))
    base = alt.Chart(data(rows))
    chart = alt.layer(
        base.mark_rule(strokeWidth=4, color=LIGHT["learned"], opacity=0.35).encode(x=low, x2="high:Q", y=y),
        base.mark_point(size=90, filled=True, color=LIGHT["learned"], opacity=1).encode(x=x, y=y),
    ).properties(width=panel_width(names), height=ROW * len(rows))
    said = words.listed(f"{row['touch']} {words.share(one.hazard, 1)}" for row, one in zip(rows, touches, strict=True))
    return Figure(tenant, f"Share of leads at risk that answer each touch of {tenant}: {said}.", chart)


def _caveats(record: ReportInput, tenants: list[Told[WhenPattern]]) -> Iterator[str]:
    if tenants and not any(c.randomised for one in tenants for c in one.pattern.comparisons):
        yield (
            "Hours were chosen by people, not by lot. Leads alike in score are compared, and a bias that remains is "
            "allowed for; what nobody logged can still hide in it."
        )
    yield "Confidence is calibrated on simulated worlds of many kinds, not held out: the next weeks are the proof."
    if refused := levels.refused(record, NAME):
        why = words.listed(sorted({words.REASONS[refusal.reason] for refusal in refused.values()}))
        yield f"Nothing could be said for {words.listed(sorted(refused))}: {why}."
