"""A backfill in the terminal: its plan, and what became of what it learned. The caller prints them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts.backfill import Plan, PlannedSlice, SliceState
from reports import walk_words, words
from reports.walk_forward import WalkReport, claims, kept, lifted, promises, worth

MOST_ROWS = 40
"""Most claims in the terminal; the page has all of them."""

STYLES = {SliceState.TO_RUN: "cyan", SliceState.DONE: "green", SliceState.STALE: "yellow", SliceState.FAILED: "red"}

HELD_STYLES = {"yes": "green", "no": "bold red"}


def plan(drawn: Plan) -> RenderableType:
    """A line a moment, a column a learner: its state, for how many tenants it would run, and the line's seconds."""
    names = list(drawn.begins)
    table = _table("As of", *names, "Seconds")
    for moment in drawn.moments:
        of_moment = {one.learner: one for one in drawn.slices if one.as_of == moment}
        seconds = sum(one.seconds for one in of_moment.values())
        cells = [_state(of_moment[name]) for name in names]
        table.add_row(f"{moment:%Y-%m-%d %H:%M}", *cells, f"{seconds:.1f}" if seconds else words.DASH)
    return table


def plan_in_words(drawn: Plan) -> str:
    """`208 slices: 200 done, 8 to run; about 16.0 s.`"""
    counts = {state: drawn.count(state) for state in SliceState if drawn.count(state)}
    told = ", ".join(f"{words.count(number)} {state.value}" for state, number in counts.items())
    if set(counts) == {SliceState.DONE}:
        return f"{words.plural(len(drawn.slices), 'slice')}, all done: nothing would run."
    return f"{words.plural(len(drawn.slices), 'slice')}: {told}; about {words.duration(drawn.seconds)}."


def _state(one: PlannedSlice) -> Text:
    some = f" {one.tenants} of {one.of}" if 0 < one.tenants < one.of else ""
    return Text(f"{one.state.value}{some}", style=STYLES[one.state])


def tables(report: WalkReport) -> RenderableType:
    """Claims beside what came, the top fifth of leads, and what following would have brought."""
    return Group(*_claims(report), *_lifted(report), *_worth(report))


def _claims(report: WalkReport) -> list[RenderableType]:
    found = claims(report)
    if not found:
        return []
    table = _table("Tenant", "Claim", "Claimed", "What came, 90 %", "Did it hold?")
    for claim in found[:MOST_ROWS]:
        table.add_row(
            Text(claim.tenant, no_wrap=True, overflow="ellipsis"),
            walk_words.claim_in_words(claim),
            walk_words.gain(claim, claim.said.value),
            walk_words.gain_between(claim, claim.happened),
            Text(walk_words.HELD[claim.held], style=HELD_STYLES.get(claim.held, "")),
        )
    hidden = len(found) - MOST_ROWS
    return [table, Text(f"… and {hidden} more, all in the report", style="dim") if hidden > 0 else Text("")]


def _lifted(report: WalkReport) -> list[RenderableType]:
    rows = lifted(report)
    if not rows:
        return []
    table = _table("Conversions in the top fifth", "Learned", "Defaults", "More, 90 %")
    for one in rows:
        table.add_row(one.tenant, words.count(one.learned), words.count(one.default), walk_words.more(one.more))
    return [table, Text("")]


def _worth(report: WalkReport) -> list[RenderableType]:
    rows = worth(report)
    if not rows:
        return []
    table = _table("Had it been followed", "Touches", "Outcomes per 1,000", "More, 90 %")
    for one in rows:
        told = walk_words.worth_in_words(one)
        table.add_row(told, words.count(one.touches), f"{one.done:.1f}", walk_words.more(one.more))
    return [table, Text("")]


def document(report: WalkReport) -> dict[str, Any]:
    """The same for a script."""
    return {
        "began": report.began,
        "until": report.until,
        "step_days": report.step_days,
        "dry_run": report.dry_run,
        "tenants": report.tenants,
        "slices": report.slices,
        "ran": report.ran,
        "published": report.published,
        "claims": [{**asdict(claim), "held": claim.held} for claim in claims(report)],
        "weeks": [asdict(one) for one in kept(report)],
        "promises": [asdict(one) for one in promises(report)],
        "top_fifth": [asdict(one) for one in lifted(report)],
        "worth": [asdict(one) for one in worth(report)],
        "seconds": report.seconds,
        "html": report.html,
    }


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name)
    return table
