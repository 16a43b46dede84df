"""The same run for a terminal: rich tables and one sentence. The caller prints them."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts.learning import Ruling
from contracts.outcomes import COMPONENTS
from contracts.refusal import Reason
from contracts.runs import LearningReport, Outcome
from reports import truth, unchanged, words
from reports.records import ReportInput, by_tenant, learners

STYLES = {"published": "green", "held": "yellow", "refused": "magenta", words.QUARANTINED: "red"}

MOST_ROWS = 40
"""Most rows of a terminal's table; the page has all of them."""


def summary(report: LearningReport) -> str:
    """One line: how many patterns were published, held and refused, and how many tenants were left out."""
    took = f" The run took {words.duration(sum(report.seconds.values()))}." if report.seconds else ""
    return f"{words.result(report)}{took}"


def verdicts(report: LearningReport) -> RenderableType:
    """Tenants × learners: ruling and confidence; then what is new, and why the rest did not change."""
    names = learners(report)
    table = _table()
    table.add_column("Tenant")
    for name in names:
        table.add_column(name.capitalize(), no_wrap=True)
    told = by_tenant(report)
    for outcomes in told[:MOST_ROWS]:
        table.add_row(
            Text(next(iter(outcomes.values())).tenant, no_wrap=True, overflow="ellipsis"),
            *(_mark(outcomes[name]) if name in outcomes else words.DASH for name in names),
        )
    for left in report.quarantined:
        table.add_row(Text(left.tenant, no_wrap=True, overflow="ellipsis"), _ruling(words.QUARANTINED))
    return Group(table, *_more(len(told)), _new(report), _unchanged(report))


def _mark(outcome: Outcome) -> Text:
    """`● 98 %` in the colour of its ruling."""
    word = words.RULINGS[outcome.ruling]
    sure = "" if outcome.reason == Reason.UNCHANGED else words.sureness(outcome.confidence)
    return Text(f"{word} {sure}".rstrip(f" {words.DASH}"), style=STYLES[word])


def _more(rows: int) -> list[RenderableType]:
    hidden = rows - MOST_ROWS
    return [Text(f"… and {hidden} more, all in the report", style="dim")] if hidden > 0 else []


def _new(report: LearningReport) -> RenderableType:
    """What the patterns say that were published."""
    table = _table()
    table.add_column("New", max_width=30)
    table.add_column("", no_wrap=True)
    table.add_column("What it says", ratio=1)
    told = [outcomes[name] for outcomes in by_tenant(report) for name in learners(report) if name in outcomes]
    new = [outcome for outcome in told if outcome.ruling is Ruling.PUBLISH]
    for outcome in new[:MOST_ROWS]:
        table.add_row(Text(outcome.tenant), outcome.learner, Text(outcome.explained))
    return Group("", table, *_more(len(new))) if new else Text("")


def _unchanged(report: LearningReport) -> RenderableType:
    """Why nothing changed, the commonest reason first."""
    table = _table()
    table.add_column("Patterns", justify="right")
    table.add_column("Why nothing changed", ratio=1)
    for one in unchanged.by_reason(report):
        table.add_row(words.count(one.patterns), Text(f"{one.why}: {one.whose}"))
    for left in report.quarantined:
        table.add_row(words.DASH, Text(f"{words.QUARANTINED}: {left.tenant}: {left.reason}"))
    return Group("", table) if table.row_count else Text("")


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
    for claim in found[:MOST_ROWS]:
        table.add_row(
            Text(claim.tenant, no_wrap=True, overflow="ellipsis"),
            Text(claim.in_words),
            words.change(claim.gain),
            words.change(claim.truth),
            Text("yes" if claim.right else "no", style="" if claim.right else "bold red"),
        )
    legend = "Change of the odds of an outcome against the tenant's own mix."
    told = Text(truth.claims_in_words(found))
    return Group(table, *_more(len(found)), Text(legend, style="dim"), told) if found else told


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")


def _ruling(word: str) -> Text:
    return Text(word, style=STYLES[word])


def _weights(values: tuple[float, ...] | None) -> str:
    return " ".join(f"{100 * value:2.0f}" for value in values) if values else words.DASH
