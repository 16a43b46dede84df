"""Behind `learnback backfill`: plan it, or run the flow here, and show what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import settings as settings_module
from cli import running
from cli.terminal import console, print_json, progress

if TYPE_CHECKING:
    from contracts.backfill import Plan
    from reports.walk_forward import WalkReport

Asked = Mapping[str, Any]


def plan(asked: Asked) -> Plan:
    """What the backfill would run; extracts what is known, and writes nothing."""
    from adapters import prefect_environment
    from cli.opening import open_store

    loaded = settings_module.load()
    prefect_environment.apply(loaded)  # before its import: no server is asked, and its own log lines stay away
    with progress("Opening the store …") as log:
        open_store(loaded)
        log.info("Opening the run …")
        from store import scratch
        from tasks.backfilling import history, opening, planning, request

        backfill = opening.draft(request.read({**asked, "dry_run": True}), loaded)
        with scratch.kept(backfill.lake):
            return planning.draw(backfill, history.extract_history(backfill))


def run(asked: Asked) -> WalkReport:
    """Run `pattern-backfill` here and now; the local server is found or started, so that the run is visible."""
    loaded = settings_module.load()
    with progress("Starting …") as log:
        from tasks.backfilling.request import read

        read(asked)  # what is mistyped is said before a server starts
        running.prepare(loaded, log, "flows.pattern_backfill")
        return run_flow(asked)


def run_flow(asked: Asked) -> WalkReport:
    """The flow itself; raises the UserError that ended it, if one did."""
    from flows.pattern_backfill import pattern_backfill
    from tasks.backfilling.request import read
    from tasks.backfilling.walked import Report

    report = pattern_backfill(read(asked), return_state=True).result()
    assert isinstance(report, Report)
    return report


def show_plan(drawn: Plan, *, as_json: bool) -> None:
    """A line a moment, a column a learner, and what it would take."""
    if as_json:
        print_json({"slices": drawn.slices, "seconds": drawn.seconds})
        return
    from reports import walk_terminal

    console.print(walk_terminal.plan(drawn))
    console.print(walk_terminal.plan_in_words(drawn))


def show(report: WalkReport, *, as_json: bool) -> None:
    """What was claimed and what came, and where the page lies."""
    from reports import walk_terminal, walk_words

    if as_json:
        print_json(walk_terminal.document(report))
        return
    console.print(walk_terminal.tables(report))
    console.print(walk_words.summary(report))
    if report.html:
        console.print(f"Report: {report.html}", soft_wrap=True)
