"""The same run for a terminal: rich tables and one sentence. The caller prints them."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from contracts.outcomes import COMPONENTS
from contracts.runs import LearningReport
from reports import truth, words
from reports.records import ReportInput, ranked

STYLES = {"published": "green", "held": "yellow", "refused": "magenta", words.QUARANTINED: "red"}

MOST_ROWS = 40
"""Most tenants in a terminal's table; the page has all of them."""


def summary(report: LearningReport) -> str:
    """One line: how many patterns were published, held and refused, and how many tenants were left out."""
    took = f" {words.duration(sum(report.seconds.values()))}." if report.seconds else ""
    return f"{words.result(report)}{took}"


def verdicts(report: LearningReport) -> RenderableType:
    """A table of tenants: ruling, confidence, sample, and the pattern or the reason in words; then quarantines."""
    table = _table()
    for name, justify in (("Tenant", "left"), ("Ruling", "left"), ("Sure", "right"), ("Outcomes", "right")):
        table.add_column(name, justify=justify, no_wrap=name != "Tenant")  # type: ignore[arg-type]
    table.add_column("What it says, or why nothing changed", ratio=1)
    for outcome in ranked(report)[:MOST_ROWS]:
        table.add_row(
            escape(outcome.tenant),
            _ruling(words.RULINGS[outcome.ruling]),
            words.sureness(outcome.confidence),
            words.count(outcome.outcomes),
            escape(words.because(outcome) or outcome.explained),
        )
    for left in report.quarantined:
        table.add_row(escape(left.tenant), _ruling(words.QUARANTINED), words.DASH, words.DASH, escape(left.reason))
    hidden = len(report.outcomes) - MOST_ROWS
    return Group(table, Text(f"… and {hidden} more, all in the report", style="dim")) if hidden > 0 else table


def learned_beside_planted(record: ReportInput) -> RenderableType:
    """A table of simulated tenants: true weights, learned ones, what was published, and whether that was right."""
    rows = truth.compare(record)
    table = _table()
    table.add_column("Tenant")
    table.add_column("Planted")
    for name in ("True weights", "Learned"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Ruling", no_wrap=True)
    table.add_column("Was that right?")
    for row in rows:
        table.add_row(
            escape(row.tenant),
            row.planted,
            _weights(row.true_weights),
            _weights(row.learned_weights),
            _ruling(row.ruling),
            Text(row.judgement, style="bold red" if row.wrong else ""),
        )
    order = words.listed(words.plain(name) for name in COMPONENTS)
    return Group(table, Text(f"Weights in percent: {order}.", style="dim"), Text(truth.in_words(rows)))


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")


def _ruling(word: str) -> Text:
    return Text(word, style=STYLES[word])


def _weights(values: tuple[float, ...] | None) -> str:
    return " ".join(f"{100 * value:2.0f}" for value in values) if values else words.DASH
