"""WHEN's chapter of the page: the week, the gaps between touches, and what each further touch brings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt

from contracts.levels import Comparison
from contracts.when import TouchYield, WhenPattern
from reports import level_figures, levels, words
from reports.chapter import Chapter, Section
from reports.charts import LIGHT, ROW, Figure, data, panel_width, rows_axis
from reports.levels import Told
from reports.records import ReportInput

NAME = "when"
MOST_WEEKS = 4
MOST_GAPS = 6
MOST_YIELDS = 3
MOST_HOURS = 9
MOST_TOUCHES = 10


def chapter(record: ReportInput) -> Chapter:
    """Tenants with a claim in force first, then those with most outcomes."""
    tenants = levels.told(record, NAME, WhenPattern.from_payload)
    sections = (_weeks(tenants), _gaps(tenants), _touches(tenants))
    return Chapter(
        NAME,
        "When people convert",
        "At which hour of the lead's own week, after which gap and at which touch does an outcome come?",
        tuple(section for section in sections if section.figures),
        tuple(_caveats(record, tenants)),
    )


def _weeks(tenants: list[Told[WhenPattern]]) -> Section:
    shown, note = levels.answers(tenants, lambda pattern: pattern.hours, MOST_WEEKS)
    text = (
        "Each cell is an hour of the week on the lead's clock. Blue hours bring an outcome more often than "
        "today's mix of hours, brown ones less often, the deeper the more. A ring marks hours that differ from the mix "
        "with 90 % probability, the frame the hour that engines are told to prefer. Beside it, the best hours and the "
        "worst with their 90 % intervals, filled where “no difference” is left out."
    )
    return Section(
        "The week",
        text,
        tuple(figure for one, hours in shown for figure in _week(one, hours)),
        (*level_figures.LEGEND, *level_figures.RING, *level_figures.CLAIMED, *_truth([one for one, _ in shown])),
        note,
        columns=2,
    )


def _week(one: Told[WhenPattern], hours: Comparison) -> tuple[Figure, Figure]:
    extremes = levels.best_and_worst(hours, MOST_HOURS)
    return (
        level_figures.week(one.tenant, hours, one.effects),
        level_figures.intervals(
            f"{one.tenant}: best and worst hours",
            level_figures.of(hours, one.effects, extremes),
            level_figures.HALF,
        ),
    )


def _gaps(tenants: list[Told[WhenPattern]]) -> Section:
    shown, note = levels.answers(tenants, lambda pattern: pattern.gaps, MOST_GAPS)
    figures = tuple(level_figures.intervals(one.tenant, level_figures.of(gaps, one.effects)) for one, gaps in shown)
    text = (
        "Days between a touch and the one before it, compared among leads alike in score, touch and previous channel, "
        "with 90 % intervals."
    )
    legend = (*level_figures.CLAIMED, *_truth([one for one, _ in shown]))
    return Section("The gap between touches", text, figures, legend, note)


def _touches(tenants: list[Told[WhenPattern]]) -> Section:
    asked = [one for one in tenants if one.pattern.touches]
    figures = tuple(_yield(one.tenant, one.pattern.touches[:MOST_TOUCHES]) for one in asked[:MOST_YIELDS])
    text = (
        "Of the leads that are still there at a touch, how many answer this one? Counting whole leads by their number "
        "of touches would credit late touches with the leads that came that far. With 90 % intervals."
    )
    note = f"{len(figures)} of {len(asked)} tenants are drawn." if len(figures) < len(asked) else ""
    return Section("What each further touch brings", text, figures, note=note)


def _yield(tenant: str, touches: Sequence[TouchYield]) -> Figure:
    """Hazard by touch number, with its 90 % interval."""
    names = [f"touch {one.touch}" for one in touches]
    rows = [
        {"touch": name, "hazard": one.hazard, "low": one.low, "high": one.high}
        for name, one in zip(names, touches, strict=True)
    ]
    y = rows_axis("touch", names)
    axis = alt.Axis(format=".1%", tickCount=4)
    x, low = (
        alt.X(f"{field}:Q", title="of the leads at this touch", axis=axis, scale=alt.Scale(zero=True))
        for field in ("hazard", "low")
    )
    base = alt.Chart(data(rows))
    chart = alt.layer(
        base.mark_rule(strokeWidth=4, color=LIGHT["learned"], opacity=0.4).encode(x=low, x2="high:Q", y=y),
        base.mark_point(size=90, filled=True, color=LIGHT["learned"], opacity=1).encode(x=x, y=y),
    ).properties(width=panel_width(names), height=ROW * len(rows))
    said = words.listed(f"{row['touch']} {words.share(one.hazard, 1)}" for row, one in zip(rows, touches, strict=True))
    return Figure(tenant, f"Share of leads at risk that answer each touch of {tenant}: {said}.", chart)


def _truth(tenants: list[Told[WhenPattern]]) -> tuple[tuple[str, str, str], ...]:
    return level_figures.PLANTED if any(one.simulated for one in tenants) else ()


def _caveats(record: ReportInput, tenants: list[Told[WhenPattern]]) -> Iterator[str]:
    if tenants and not any(c.randomised for one in tenants for c in one.pattern.comparisons):
        yield (
            "Hours were chosen by people, not by lot. Leads alike in score are compared, and a bias that remains is "
            "allowed for; what nobody logged can still hide in it."
        )
    yield levels.CALIBRATED
    yield from levels.unanswered(record, NAME)
