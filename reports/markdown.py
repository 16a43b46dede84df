"""The same run for the Prefect UI: a markdown artifact with small pictures, and rounded rows for a table artifact."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from contracts.learning import Ruling
from contracts.runs import Outcome
from reports import page, run_figures, truth, words
from reports.chapter import Chapter
from reports.charts import Figure
from reports.records import ReportInput

MOST_BYTES = 300_000
"""Most bytes of all pictures together, as data URIs: the artifact lives in Prefect's database, run after run."""

MOST_LINES = 30
"""Most tenants in a table of the markdown; the page has all of them."""

Cell = str | int | float | None


def markdown(record: ReportInput) -> str:
    """Markdown with pictures as PNG data URIs, at most MOST_BYTES in all."""
    report = record.report
    parts = [f"# {words.result(report)}", _facts(record), _verdicts(record)]
    comparison = truth.compare(record)
    if comparison:
        parts += ["## Learned beside planted", truth.in_words(comparison)]
    chapters = page.chapters(record)
    parts += list(_pictures(record, chapters))
    caveats = [caveat for chapter in chapters for caveat in chapter.caveats]
    if caveats:
        parts += ["## Keep in mind", "\n".join(f"- {_plain(caveat)}" for caveat in caveats)]
    return "\n\n".join(parts) + "\n"


def table(record: ReportInput) -> list[dict[str, Cell]]:
    """One row a tenant and learner, numbers rounded: Prefect's table artifact shows floats as they are."""
    rows: list[dict[str, Cell]] = [
        {
            "tenant": outcome.tenant,
            "learner": outcome.learner,
            "ruling": words.RULINGS[outcome.ruling],
            "confidence": _rounded(outcome.confidence),
            "sample": outcome.sample_size,
            "outcomes": outcome.outcomes,
            "version in force": outcome.version,
            "says or why": _because(record, outcome),
        }
        for outcome in record.report.outcomes
    ]
    return rows + [
        {
            "tenant": left.tenant,
            "learner": "",
            "ruling": words.QUARANTINED,
            "confidence": None,
            "sample": None,
            "outcomes": None,
            "version in force": None,
            "says or why": left.reason,
        }
        for left in record.report.quarantined
    ]


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None and words.finite(value) else None


def _because(record: ReportInput, outcome: Outcome) -> str:
    tenant = record.tenants.get(outcome.tenant_id)
    said = tenant.said.get(outcome.learner) if tenant else None
    return words.because(outcome, said.verdict.refusal if said and said.verdict else None) or outcome.explained


def _facts(record: ReportInput) -> str:
    report = record.report
    facts = [f"As of {words.day(report.as_of)}, {report.as_of:%H:%M} UTC"]
    facts += [f"{words.count(rows)} {name}" for name, rows in report.rows.items()]
    if report.seconds:
        facts.append(words.duration(sum(report.seconds.values())))
    if report.html:
        facts.append(f"page: `{report.html}`")
    return " · ".join(facts)


def _verdicts(record: ReportInput) -> str:
    rows = table(record)
    order = [words.RULINGS[ruling] for ruling in Ruling] + [words.QUARANTINED]
    rows.sort(key=lambda row: (order.index(str(row["ruling"])), -int(row["outcomes"] or 0), str(row["tenant"])))
    lines = [
        "| Tenant | Ruling | Confidence | Outcomes | What it says, or why nothing changed |",
        "|---|---|--:|--:|---|",
    ]
    for row in rows[:MOST_LINES]:
        sure = row["confidence"]
        cells = (
            _plain(str(row["tenant"])),
            str(row["ruling"]),
            words.sureness(sure if isinstance(sure, float) else None),
            words.count(int(row["outcomes"])) if row["outcomes"] is not None else words.DASH,
            _plain(str(row["says or why"])),
        )
        lines.append(f"| {' | '.join(cells)} |")
    hidden = len(rows) - MOST_LINES
    return "\n".join(lines) + (f"\n\n… and {hidden} more in the page." if hidden > 0 else "")


def _pictures(record: ReportInput, chapters: Sequence[Chapter]) -> Iterator[str]:
    """As many of the pictures as fit, the most telling first."""
    left = MOST_BYTES
    for figure in _figures(record, chapters):
        uri = "data:image/png;base64," + base64.b64encode(figure.png()).decode()
        if len(uri) <= left:
            left -= len(uri)
            yield f"### {_plain(figure.title)}\n\n![{_plain(figure.alt)}]({uri})"


def _figures(record: ReportInput, chapters: Sequence[Chapter]) -> Iterator[Figure]:
    """Pictures of many tenants at once; those of single tenants are on the page."""
    judged = [o for o in record.report.outcomes if words.finite(o.confidence) and o.outcomes > 0]
    if judged:
        yield run_figures.confidence(judged)
    for section in (section for chapter in chapters for section in chapter.sections):
        if len(section.figures) <= 2:
            yield from section.figures
    if record.report.seconds:
        yield run_figures.stages(record.report.seconds)


def _plain(text: str) -> str:
    """Text that means nothing to markdown or HTML: names come from customers."""
    for character in "\\`*_[]|#~":
        text = text.replace(character, f"\\{character}")
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
