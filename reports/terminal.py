"""The same run for a terminal: rich tables and one sentence. The caller prints them."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts.outcomes import COMPONENTS
from contracts.refusal import Reason
from contracts.runs import LearningReport
from reports import truth, words
from reports.records import ReportInput, ranked

STYLES = {"published": "green", "held": "yellow", "refused": "magenta", words.QUARANTINED: "red"}

MOST_ROWS = 40
"""Most tenants in a terminal's table; the page has all of them."""


def summary(report: LearningReport) -> str:
    """One line: how many patterns were published, held and refused, and how many tenants were left out."""
    took = f" The run took {words.duration(sum(report.seconds.values()))}." if report.seconds else ""
    return f"{words.result(report)}{took}"


def verdicts(report: LearningReport) -> RenderableType:
    """A table of tenants: ruling, confidence, sample, and the pattern or the reason in words; then quarantines."""
    table = _table()
    for name, justify in (("Tenant", "left"), ("Ruling", "left"), ("Sure", "right"), ("Outcomes", "right")):
        table.add_column(name, justify=justify, no_wrap=name != "Tenant")  # type: ignore[arg-type]
    table.add_column("What it says, or why nothing changed", ratio=1)
    for outcome in ranked(report)[:MOST_ROWS]:
        table.add_row(
            Text(outcome.tenant),
            _ruling(words.RULINGS[outcome.ruling]),
            words.DASH if outcome.reason == Reason.UNCHANGED else words.sureness(outcome.confidence),
            words.count(outcome.outcomes),
            Text(words.because(outcome) or outcome.explained),
        )
    for left in report.quarantined:
        table.add_row(Text(left.tenant), _ruling(words.QUARANTINED), words.DASH, words.DASH, Text(left.reason))
    hidden = len(report.outcomes) - MOST_ROWS
    return Group(table, Text(f"… and {hidden} more, all in the report", style="dim")) if hidden > 0 else table


def learned_beside_planted(record: ReportInput) -> RenderableType:
    """A table of simulated tenants: true weights, learned ones, what was published, and whether that was right.

    One line a tenant from 80 columns on.
    """
    rows = truth.compare(record)
    table = _table()
    table.add_column("Tenant")
    for name in ("True weights", "Learned", "Ruling", "Right?"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row.tenant, no_wrap=True, overflow="ellipsis"),  # what gives way where the terminal is narrow
            _weights(row.true_weights) if row.true_weights else "none matters",
            _weights(row.learned_weights),
            _ruling(row.ruling),
            Text(row.judgement.short, style="bold red" if row.wrong else ""),
        )
    order = words.listed(words.plain(name) for name in COMPONENTS)
    legend = f"Weights in percent: {order}. Nearer: distance from the truth, of the defaults and of what was learned."
    return Group(table, Text(legend, style="dim"), Text(truth.in_words(rows)))


def claims_beside_planted(record: ReportInput) -> RenderableType:
    """A table of what WHAT, WHEN and HOW claim for simulated tenants, beside what was planted; one line a claim."""
    found = truth.claims(record)
    table = _table()
    table.add_column("Tenant")
    for name, justify in (("Claims", "left"), ("Learned", "right"), ("Planted", "right"), ("True?", "left")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for claim in found:
        table.add_row(
            Text(claim.tenant, no_wrap=True, overflow="ellipsis"),
            f"{words.plain(claim.question)}: {claim.level.replace('>', ' then ')}",
            words.change(claim.gain),
            words.change(claim.truth),
            Text("yes" if claim.right else "no", style="" if claim.right else "bold red"),
        )
    legend = "Change of the odds of an outcome against the tenant's own mix."
    told = Text(truth.claims_in_words(found))
    return Group(table, Text(legend, style="dim"), told) if found else told


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")


def _ruling(word: str) -> Text:
    return Text(word, style=STYLES[word])


def _weights(values: tuple[float, ...] | None) -> str:
    return " ".join(f"{100 * value:2.0f}" for value in values) if values else words.DASH
