"""One run of a flow at a time; what died is told from what lives, wherever it ran."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine, update

from contracts.errors import BusyError, DatabaseError
from contracts.runs import Slice, State
from settings import Settings
from store import claims, database, ledger, processes
from store.scope import learner_scope
from store.tables import Runs

AS_OF = datetime(2026, 11, 15, 2, tzinfo=UTC)


def silent(_: str) -> None:
    """Nobody listens."""


def entered(engine: Engine, flow: str) -> UUID:
    identity = uuid4()
    ledger.open_run(engine, run_id=identity, flow=flow, as_of=AS_OF, request={}, code_version="c0de")
    return identity


def enter_and_die(settings: Settings, flow: str) -> None:
    """Runs in a process of its own: the way of a run that is killed in the middle of a slice."""
    engine = database.open_store(settings)
    with claims.claimed(settings, flow, tell=silent) as claim:
        identity = uuid4()
        claim.name(identity)
        ledger.open_run(engine, run_id=identity, flow=flow, as_of=AS_OF, request={}, code_version="c0de")
        ledger.begin(engine, identity, Slice("summaries/who", 1), input_hash="a", code_version="c0de")
        os.kill(os.getpid(), signal.SIGKILL)


def kill_a_run(settings: Settings, flow: str) -> None:
    process = multiprocessing.get_context("fork").Process(target=enter_and_die, args=(settings, flow))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def test_a_second_run_waits_for_the_first_and_says_so(settings: Settings) -> None:
    told: list[str] = []

    def second() -> float:
        with claims.claimed(settings, "f", tell=told.append):
            return time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        with claims.claimed(settings, "f", tell=silent):
            later = pool.submit(second)
            while not told:
                time.sleep(0.02)
            with claims.claimed(settings, "another flow", tell=silent):
                assert not later.done()
            ended = time.monotonic()
        assert later.result(30) >= ended
    assert told == ["Waiting for another run of f to end …"]


def test_it_waits_for_a_while_and_then_says_what_to_do(settings: Settings) -> None:
    with (
        claims.claimed(settings, "f", tell=silent),
        pytest.raises(BusyError) as busy,
        claims.claimed(settings, "f", tell=silent, patience=0),
    ):
        raise AssertionError("two runs of one flow")
    assert str(busy.value).startswith("another run of f has been at work for 0 s, and only one may publish at a time.")
    with claims.claimed(settings, "f", tell=silent, patience=0):
        """It is free again at once."""


def test_a_claim_that_was_lost_is_noticed(settings: Settings, engine: Engine) -> None:
    """PostgreSQL went away and came back: another run may be at work by now."""
    run = uuid4()
    with claims.claimed(settings, "f", tell=silent) as claim:
        claim.name(run)
        claim.require()
        with learner_scope(engine) as connection:
            assert claims.holds(connection, run)
        with psycopg.connect(database.store_url(settings), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (claim.connection.info.backend_pid,))
        with pytest.raises(DatabaseError, match=r"kept f to this run alone, and nothing more is published without it"):
            claim.require()
        with claims.claimed(settings, "f", tell=silent, patience=5), learner_scope(engine) as connection:
            assert not claims.holds(connection, run)


def test_a_killed_run_is_found_and_closed_once_with_its_slices(settings: Settings, engine: Engine) -> None:
    mine = entered(engine, "f")
    kill_a_run(settings, "f")
    kill_a_run(settings, "other")
    (dead,) = ledger.abandoned(engine, "f")
    assert dead.process is not None
    assert dead.process.host == processes.here().host
    assert len(ledger.abandoned(engine)) == 2

    assert [run.id for run in ledger.close_abandoned(engine, "f")] == [dead.id]
    assert ledger.close_abandoned(engine, "f") == []
    (piece,) = ledger.slices(engine, dead.id)
    assert (piece.state, piece.error) == (State.FAILED, f"{dead.process} ended without a word")
    last = ledger.latest_run(engine, "f", State.FAILED)
    assert last is not None
    assert (last.id, last.closed_at is not None) == (dead.id, True)
    alive = ledger.latest_run(engine, "f", State.RUNNING)
    assert alive is not None
    assert (alive.id, alive.process) == (mine, processes.here())


def test_a_run_elsewhere_lives_while_its_claim_is_held(settings: Settings, engine: Engine) -> None:
    run = entered(engine, "far")
    with learner_scope(engine) as connection:
        connection.execute(update(Runs).where(Runs.id == run).values(host="another machine"))
    with claims.claimed(settings, "far", tell=silent) as claim:
        claim.name(run)
        assert ledger.abandoned(engine, "far") == []
    assert [dead.id for dead in ledger.abandoned(engine, "far")] == [run]


def test_a_recycled_process_number_is_nobody(settings: Settings, engine: Engine) -> None:
    run = entered(engine, "recycled")
    with learner_scope(engine) as connection:
        connection.execute(update(Runs).where(Runs.id == run).values(born=Runs.born - 60))
    assert [dead.id for dead in ledger.abandoned(engine, "recycled")] == [run]


def test_a_row_of_an_earlier_release_names_no_process(settings: Settings, engine: Engine) -> None:
    run = entered(engine, "old")
    with learner_scope(engine) as connection:
        connection.execute(update(Runs).where(Runs.id == run).values(host=None, pid=None, born=None))
    (closed,) = ledger.close_abandoned(engine, "old")
    assert (closed.id, closed.process) == (run, None)
