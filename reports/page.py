"""One self-contained page about one run: tables and pictures, no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined

from contracts.learning import Ruling
from contracts.levels import CLAIMED_AT
from contracts.refusal import Reason
from contracts.runs import Outcome, Quarantined
from reports import charts, how_chapter, levels, run_figures, truth, what_chapter, when_chapter, who, who_chapter, words
from reports.chapter import Chapter, Section
from reports.charts import Figure
from reports.records import ReportInput, by_tenant, learners

CHAPTERS: dict[str, Callable[[ReportInput], Chapter]] = {
    who.NAME: who_chapter.chapter,
    what_chapter.NAME: what_chapter.chapter,
    when_chapter.NAME: when_chapter.chapter,
    how_chapter.NAME: how_chapter.chapter,
}
"""Learner → its pictures. A learner without a chapter still has its rows in every table."""

GATES = {
    who.NAME: 0.90,
    what_chapter.NAME: CLAIMED_AT,
    when_chapter.NAME: CLAIMED_AT,
    how_chapter.NAME: CLAIMED_AT,
}
"""Confidence at which a learner's patterns are published: the mark in the table's meters."""


MOST_OPEN = 30
"""Rows of a table that are open from the start; the rest unfold."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One learner about one tenant. meter: confidence in percent, None where there was nothing to judge."""

    learner: str
    ruling: str
    css: str
    meter: float | None
    gate: float | None
    confidence: str
    says: str
    small: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of tenants. cells: in the order of the learners, None where one said nothing.

    left_out: why the tenant was quarantined; it has no cells then.
    """

    tenant: str
    cells: tuple[Cell | None, ...]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class QualityRow:
    """One line of the table of data quality."""

    tenant: str
    leads: str
    touches: str
    dropped: str
    share: str
    why: str


def html(record: ReportInput) -> str:
    """The whole page as one string of HTML, with its style and its pictures inside."""
    comparison, claims = truth.compare(record), truth.claims(record)
    return rendered(
        "page.html.j2",
        record=record,
        report=record.report,
        headline=words.result(record.report),
        words=words,
        palette=charts.style_sheet(),
        tiles=_tiles(record),
        rows=_rows(record),
        most_open=MOST_OPEN,
        asked=[_asked(record, name) for name in learners(record.report)],
        chapters=chapters(record),
        comparison=comparison,
        comparison_in_words=truth.in_words(comparison) if comparison else "",
        claims=claims,
        claims_in_words=truth.claims_in_words(claims) if _asks_levels(record) else "",
        components=list(words.COMPONENT_NAMES.values()),
        evidence=_evidence(record),
        quality=_quality(record),
        run_sections=_run_sections(record),
    )


def rendered(template: str, **values: object) -> str:
    """One of our templates, filled; `inline` draws a figure into it."""
    return _environment().get_template(template).render(inline=_numbered_svg(), **values)


def chapters(record: ReportInput) -> list[Chapter]:
    """The chapters of all learners that took part in the run."""
    return [CHAPTERS[name](record) for name in learners(record.report) if name in CHAPTERS]


def _asks_levels(record: ReportInput) -> bool:
    """Whether the run asked a simulated world about texts, hours or channels."""
    return record.simulated and any(name in truth.READERS for name in learners(record.report))


@cache
def _environment() -> Environment:
    """The templates of all pages."""
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _numbered_svg() -> Callable[[Figure], str]:
    """Draws a figure; each gets ids of its own, since all share one page."""
    seen = 0

    def inline(figure: Figure) -> str:
        nonlocal seen
        seen += 1
        return figure.svg(f"f{seen}")

    return inline


def _tiles(record: ReportInput) -> list[tuple[str, str, str]]:
    """(number, what it counts, colour role)."""
    report = record.report
    tiles = [(words.count(report.count(ruling)), words.RULINGS[ruling], ruling.value) for ruling in Ruling]
    tiles.append((words.count(len(report.quarantined)), words.QUARANTINED, "quarantine"))
    tiles += [(words.count(rows), f"{name} read", "muted") for name, rows in report.rows.items() if name != "tenants"]
    if report.seconds:
        tiles.append((words.duration(sum(report.seconds.values())), "in all", "muted"))
    return tiles


def _rows(record: ReportInput) -> list[Row]:
    names = learners(record.report)
    told = [
        Row(
            next(iter(outcomes.values())).tenant,
            tuple(_cell(record, outcomes[name]) if name in outcomes else None for name in names),
        )
        for outcomes in by_tenant(record.report)
    ]
    return told + [_left_out(quarantined) for quarantined in record.report.quarantined]


def _cell(record: ReportInput, outcome: Outcome) -> Cell:
    tenant = record.tenants.get(outcome.tenant_id)
    said = tenant.said.get(outcome.learner) if tenant else None
    verdict = said.verdict if said else None
    judged = outcome.confidence if outcome.confidence is not None and words.finite(outcome.confidence) else None
    why = words.briefly(outcome, verdict.refusal if verdict else None)
    near = levels.nearest(verdict) if outcome.reason == Reason.NOT_BETTER else ""
    force = f"version {outcome.version} in force" if outcome.version else "defaults in force"
    return Cell(
        outcome.learner,
        words.RULINGS[outcome.ruling],
        outcome.ruling.value,
        None if judged is None else round(100 * judged, 1),
        100 * GATES[outcome.learner] if outcome.learner in GATES else None,
        words.sureness(outcome.confidence),
        why[0].upper() + why[1:] if why else words.opening(outcome.explained),
        " · ".join(part for part in (f"nearest: {near}" if near else "", words.sample(outcome), force) if part),
    )


def _asked(record: ReportInput, learner: str) -> str:
    """The learner's question, or its name where nobody told."""
    return record.questions.get(learner) or learner.capitalize()


def _left_out(left: Quarantined) -> Row:
    why = f"{left.reason[0].upper()}{left.reason[1:]}" if left.reason else words.defect(left.defect)
    return Row(left.tenant, (), why)


def _evidence(record: ReportInput) -> list[Figure]:
    """Evidence and confidence of all tenants, a picture a learner."""
    judged = [o for o in record.report.outcomes if words.finite(o.confidence) and o.outcomes > 0]
    return [
        run_figures.confidence([o for o in judged if o.learner == name], _asked(record, name), GATES.get(name))
        for name in learners(record.report)
        if any(o.learner == name and o.ruling is not Ruling.REFUSE for o in judged)
    ]


def _quality(record: ReportInput) -> list[QualityRow]:
    left_out: dict[UUID, str] = {q.tenant_id: f"{words.QUARANTINED}: {q.reason}" for q in record.report.quarantined}
    rows = []
    for tenant_id, tenant in record.tenants.items():
        if tenant.quality is None:
            continue
        quality = tenant.quality
        dropped, seen = sum(quality.dropped.values()), quality.leads + quality.touches
        worst = max(quality.dropped.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        usual = f"mostly rows that {words.defect(worst[0])}" if worst[1] else "nothing wrong"
        rows.append(
            QualityRow(
                tenant.name,
                words.count(quality.leads),
                words.count(quality.touches),
                words.count(dropped),
                words.share(dropped / seen, 2) if seen else words.DASH,
                left_out.get(tenant_id, usual),
            )
        )
    return rows


def _run_sections(record: ReportInput) -> list[Section]:
    """What was left out and what it took, side by side."""
    figures = []
    if any(record.report.dropped.values()):
        figures.append(run_figures.dropped(record.report))
    if record.report.seconds:
        figures.append(run_figures.stages(record.report.seconds))
    return [Section("", "", tuple(figures), columns=2)] if figures else []
