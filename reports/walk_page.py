"""The walk-forward report as one self-contained page."""

from __future__ import annotations

from reports import charts, walk_figures, walk_words, words
from reports.page import rendered
from reports.walk_forward import WalkReport, claims, kept, lifted, periods, promises, worth

MOST_OPEN = 40
"""Rows of the table of claims that are open from the start."""


def html(report: WalkReport) -> str:
    """The whole page as one string of HTML, with its style and its pictures inside."""
    found, weeks = claims(report), kept(report)
    return rendered(
        "walk_forward.html.j2",
        report=report,
        words=words,
        said=walk_words,
        palette=charts.style_sheet(),
        headline=walk_words.claims_in_words(found),
        tiles=_tiles(report),
        claims=found,
        most_open=MOST_OPEN,
        kept=weeks,
        lifted=lifted(report),
        worth=worth(report),
        figures=walk_figures.figures(found, periods(report), weeks, promises(report)),
    )


def _tiles(report: WalkReport) -> list[tuple[str, str]]:
    """(number, what it counts)."""
    steps = {step.as_of for step in report.walked}
    return [
        (words.count(report.tenants), "tenants"),
        (words.count(len(steps)), f"steps of {words.plural(report.step_days, 'day')}"),
        (words.count(sum(step.ruling == "publish" for step in report.walked)), "versions put in force"),
        (words.count(len(claims(report))), "claims that met outcomes"),
        (words.count(sum(met.n for _, later in report.later for met in later.claims)), "touches and leads met"),
    ]
