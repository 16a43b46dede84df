"""Behind `learn`, `score`, `report` and `demo`: run the flow here, against the local server, and show the result."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import settings as settings_module
from cli.terminal import console, print_json, progress
from contracts.errors import UserError
from contracts.runs import LearningReport
from settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from reports.records import ReportInput
    from tasks.rescore import Rescored


def learn(*, tenants: Sequence[str], as_of: datetime | None, dry_run: bool) -> LearningReport:
    """Run `pattern-learning` here and now; the local server is found or started, so that the run is visible."""
    loaded = settings_module.load()
    with progress("Starting …") as log:
        prepare(loaded, log)
        return run_flow(tenants=tenants, as_of=as_of, dry_run=dry_run).report


def prepare(loaded: Settings, log: logging.Logger, flow: str = "flows.pattern_learning") -> None:
    """A ready store and a ready Prefect server, found or started; this process is set up to report to the latter.

    flow: the module of the flow that will run.
    """
    from adapters import prefect_environment, prefect_server
    from cli.opening import open_store

    server = prefect_server.start(loaded)
    prefect_environment.apply(loaded)
    import_module(flow)  # seconds, in which the server starts
    log.info("Opening the store …")
    open_store(loaded)
    log.info("Waiting for the Prefect server …")
    prefect_server.wait_ready(server)
    log.info("Opening the run …")


def run_flow(*, tenants: Sequence[str], as_of: datetime | None, dry_run: bool) -> ReportInput:
    """The flow itself; raises the UserError that ended it, if one did."""
    from flows.pattern_learning import pattern_learning
    from tasks.report import Report
    from tasks.request import LearningRequest

    request = LearningRequest(tenants=list(tenants), as_of=as_of, dry_run=dry_run)
    record = pattern_learning(request, return_state=True).result()
    assert isinstance(record, Report)
    return record


def show(report: LearningReport, *, as_json: bool) -> None:
    """The run's result: a table of tenants, quarantines with their reasons, and where the report lies."""
    if as_json:
        print_json(report)
        return
    from reports import terminal

    console.print(terminal.verdicts(report))
    console.print(terminal.summary(report))
    if report.html:
        console.print(f"Report: {report.html}", soft_wrap=True)


def score(*, tenants: Sequence[str]) -> list[Rescored]:
    """Score every lead of these tenants (none named: all) with the weights in force."""
    from cli.opening import open_store

    with progress("Scoring …"):
        return rescore(open_store(settings_module.load()), tenants)


def rescore(engine: Engine, tenants: Sequence[str]) -> list[Rescored]:
    """The same on an open store."""
    from store import tenants as tenant_store
    from tasks import rescore as rescoring

    wanted = [tenant_store.resolve(engine, text) for text in tenants] or tenant_store.all_tenants(engine)
    return list(rescoring.rescore(engine, wanted))


def latest_report() -> Path:
    """The newest run's page; raises UserError where no run has written one."""
    path = settings_module.load().reports_home / "latest.html"
    if not path.exists():
        raise UserError(
            f"there is no report under {path.parent} yet", do="`learnback learn` or `learnback demo` writes one"
        )
    return path.resolve()
