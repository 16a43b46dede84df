"""kill -9 at named moments of a weekly run, one after the other, and then the same run to its end.

The short version of `make faults`, which kills at random moments, and servers too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, text

from contracts.runs import State
from settings import Settings
from store import database, lake, ledger, loading
from store.scope import learner_scope
from tests.faults.state import SAME
from tests.flows.conftest import Agency
from tests.servers import Server

ROOT = Path(__file__).parent.parent.parent
MOMENTS = (
    "book._put_in_force after 1",  # inside the transaction that publishes the first learner
    "book.publish after 2",  # two learners are published, the verdicts on the second are not recorded
)


def killed(settings: Settings, moment: str) -> None:
    """Run the flow in a process of its own, which kills itself at the moment."""
    assert settings.database_url is not None
    environ = {
        **os.environ,
        "LEARNBACK_DATABASE_URL": settings.database_url.get_secret_value(),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying", moment], cwd=settings.home.parent, env=environ, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


def state(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with learner_scope(engine) as connection:
        return {name: [tuple(row) for row in connection.execute(text(statement))] for name, statement in SAME.items()}


def poison(agency: Agency, engine: Engine) -> None:
    """One tenant's statuses are unreadable, so that there is a quarantine entry to lose."""
    (name,) = agency.of_kind("planted", newcomer=True)
    leads = agency.world.leads.filter(pl.col("tenant_id") == agency.id_of(name))
    loading.load_leads(engine, leads.with_columns(status=pl.lit("???")))


def test_killed_again_and_again_the_same_run_makes_up_for_it(
    agency: Agency, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(agency, agency.engine)
    agency.engine.dispose()  # a database is copied while nobody is in it
    untouched = server.settings(server.empty_database(template=agency.settings.home.name))
    for moment in MOMENTS:
        killed(agency.settings, moment)
    (dead,) = ledger.abandoned(agency.engine)  # each run has closed the one before it
    assert dead.process is not None
    halfway = {kind for _, kind, *_ in state(agency.engine)["patterns"]}
    assert {"who"} <= halfway <= {"who", "what"}
    agency.learn()
    after = state(agency.engine)
    assert ledger.abandoned(agency.engine) == []
    with learner_scope(agency.engine) as connection:
        ended = connection.execute(text("SELECT state FROM runs ORDER BY opened_at")).scalars().all()
    assert ended == [State.FAILED] * len(MOMENTS) + [State.DONE]
    assert list(Path(lake.open(agency.settings)).rglob("*.part")) == []

    assert untouched.database_url is not None
    monkeypatch.setenv("LEARNBACK_DATABASE_URL", untouched.database_url.get_secret_value())
    agency.learn()
    engine = database.open_store(untouched)
    assert state(engine) == after
    assert len(after["quarantine"]) == 1
    assert len(after["patterns"]) >= 2
    engine.dispose()
