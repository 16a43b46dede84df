"""The run ledger: what ran on which input with which result, so that runs can be told, compared and later resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.runs import Slice, State
from store import claims, processes
from store.processes import Process
from store.scope import learner_scope
from store.tables import Runs, Slices


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run. report: what it told at its end; error: the sentence that ended it instead.

    process: which works on it, or did; None in rows of earlier releases.
    """

    id: UUID
    flow: str
    state: State
    as_of: datetime
    request: Mapping[str, Any]
    code_version: str
    opened_at: datetime
    closed_at: datetime | None
    report: Mapping[str, Any] | None
    error: str | None
    process: Process | None


@dataclass(frozen=True, slots=True)
class SliceEntry:
    """One slice of one run. output: where its result lies; rows: how many it holds; attempt: 1 for the first."""

    run_id: UUID
    slice: Slice
    state: State
    input_hash: str
    code_version: str
    output: str | None
    rows: int | None
    watermark: Mapping[str, Any] | None
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    error: str | None


def open_run(
    engine: Engine, *, run_id: UUID, flow: str, as_of: datetime, request: Mapping[str, Any], code_version: str
) -> None:
    """Enter a run as the work of this process; request must be plain JSON."""
    here = processes.here()
    with learner_scope(engine) as connection:
        connection.execute(
            insert(Runs).values(
                id=run_id,
                flow=flow,
                state=State.RUNNING,
                as_of=as_of,
                request=dict(request),
                code_version=code_version,
                host=here.host,
                pid=here.pid,
                born=here.born,
            )
        )


def close_run(
    engine: Engine, run_id: UUID, state: State, *, report: Mapping[str, Any] | None = None, error: str | None = None
) -> None:
    """Say how a run ended: DONE with its report, or FAILED with one sentence."""
    with learner_scope(engine) as connection:
        connection.execute(
            update(Runs)
            .where(Runs.id == run_id)
            .values(state=state, closed_at=func.now(), report=dict(report) if report is not None else None, error=error)
        )


def latest_run(engine: Engine, flow: str, state: State | None = State.DONE) -> RunEntry | None:
    """The run of a flow that was opened last; state None: whatever became of it."""
    wanted = select(*_RUN).where(Runs.flow == flow).order_by(Runs.opened_at.desc()).limit(1)
    if state is not None:
        wanted = wanted.where(Runs.state == state)
    with learner_scope(engine) as connection:
        row = connection.execute(wanted).one_or_none()
    return _run(row) if row else None


def abandoned(engine: Engine, flow: str | None = None) -> list[RunEntry]:
    """Runs that are entered as running and that nobody works on any more, oldest first; flow None: of every flow.

    A run is alive while its claim is held, on whichever machine, or while its process lives on this one.
    """
    wanted = select(*_RUN).where(Runs.state == State.RUNNING).order_by(Runs.opened_at)
    if flow is not None:
        wanted = wanted.where(Runs.flow == flow)
    with learner_scope(engine) as connection:
        running = [_run(row) for row in connection.execute(wanted)]
        return [run for run in running if not _alive(run) and not claims.holds(connection, run.id)]


def close_abandoned(engine: Engine, flow: str | None = None) -> list[RunEntry]:
    """Close the runs that nobody works on any more, and the slices that they left; returns those runs."""
    found = abandoned(engine, flow)
    for run in found:
        who = str(run.process) if run.process else "its process"
        with learner_scope(engine) as connection:
            left = {"state": State.FAILED, "error": f"{who} ended without a word"}
            # Still running: two that look at the same time close it once.
            connection.execute(
                update(Runs).where(Runs.id == run.id, Runs.state == State.RUNNING).values(closed_at=func.now(), **left)
            )
            connection.execute(
                update(Slices)
                .where(Slices.run_id == run.id, Slices.state == State.RUNNING)
                .values(finished_at=func.now(), **left)
            )
    return found


def enter_done(
    engine: Engine,
    run_id: UUID,
    pieces: Mapping[Slice, tuple[str, int]],
    *,
    input_hash: str,
    code_version: str,
    watermark: Mapping[str, Any] | None = None,
) -> None:
    """Enter slices that were made together, in one transaction. pieces: slice → where its output lies, and its rows."""
    values = [
        {
            "run_id": run_id,
            "stage": piece.stage,
            "tenant_group": piece.group,
            "period": piece.period,
            "state": State.DONE,
            "input_hash": input_hash,
            "code_version": code_version,
            "output": output,
            "rows": rows,
            "watermark": watermark,
            "finished_at": func.now(),
        }
        for piece, (output, rows) in pieces.items()
    ]
    if values:
        with learner_scope(engine) as connection:
            connection.execute(insert(Slices).values(values))


def begin(engine: Engine, run_id: UUID, piece: Slice, *, input_hash: str, code_version: str) -> int:
    """Enter a slice as running and return the number of this attempt, 1 for the first in this run."""
    fresh = insert(Slices).values(
        run_id=run_id,
        stage=piece.stage,
        tenant_group=piece.group,
        period=piece.period,
        state=State.RUNNING,
        input_hash=input_hash,
        code_version=code_version,
    )
    again = fresh.on_conflict_do_update(
        index_elements=[Slices.run_id, Slices.stage, Slices.tenant_group, Slices.period],
        set_={
            "state": State.RUNNING,
            "input_hash": input_hash,
            "code_version": code_version,
            "attempt": Slices.attempt + 1,
            "started_at": func.now(),
            "finished_at": None,
            "error": None,
        },
    )
    with learner_scope(engine) as connection:
        return connection.execute(again.returning(Slices.attempt)).scalar_one()


def finish(
    engine: Engine,
    run_id: UUID,
    piece: Slice,
    *,
    output: str,
    rows: int,
    tenant_rows: Mapping[UUID, int] | None = None,
    watermark: Mapping[str, Any] | None = None,
) -> None:
    """Close a slice as done. tenant_rows: what `last_rows` tells the next run's volume check."""
    counts = {str(tenant): count for tenant, count in tenant_rows.items()} if tenant_rows is not None else None
    _close(engine, run_id, piece, state=State.DONE, output=output, rows=rows, tenant_rows=counts, watermark=watermark)


def fail(engine: Engine, run_id: UUID, piece: Slice, error: str) -> None:
    """Close a slice as failed, with one sentence."""
    _close(engine, run_id, piece, state=State.FAILED, error=error)


def done(engine: Engine, piece: Slice, *, input_hash: str, code_version: str) -> SliceEntry | None:
    """The newest finished slice of any run with this input and code: its output need not be made again."""
    wanted = (
        select(*_SLICE)
        .where(
            Slices.stage == piece.stage,
            Slices.tenant_group == piece.group,
            Slices.period == piece.period,
            Slices.input_hash == input_hash,
            Slices.code_version == code_version,
            Slices.state == State.DONE,
        )
        .order_by(Slices.finished_at.desc())
        .limit(1)
    )
    with learner_scope(engine) as connection:
        row = connection.execute(wanted).one_or_none()
    return _slice(row) if row else None


def slices(engine: Engine, run_id: UUID) -> list[SliceEntry]:
    """All slices of a run, by stage, group and period."""
    wanted = select(*_SLICE).where(Slices.run_id == run_id).order_by(Slices.stage, Slices.tenant_group, Slices.period)
    with learner_scope(engine) as connection:
        return [_slice(row) for row in connection.execute(wanted)]


def last_rows(engine: Engine, stage: str, *, as_of: datetime, before: UUID) -> dict[UUID, int]:
    """Rows by tenant that a stage counted in the run to compare `before` with; empty where there is none.

    That is the finished run with the newest as-of that is no later than `as_of`: a backfill of last year has fewer rows
    than last week's run without anything being lost.
    """
    earlier = (
        select(Runs.id)
        .join(Slices, Slices.run_id == Runs.id)
        .where(
            Runs.id != before,
            Runs.as_of <= as_of,
            Runs.state == State.DONE,
            Slices.stage == stage,
            Slices.tenant_rows.is_not(None),
        )
        .order_by(Runs.as_of.desc(), Runs.opened_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    counted = select(Slices.tenant_rows).where(Slices.run_id == earlier, Slices.stage == stage)
    rows: dict[UUID, int] = {}
    with learner_scope(engine) as connection:
        for counts in connection.scalars(counted):
            for tenant, count in (counts or {}).items():
                rows[UUID(tenant)] = rows.get(UUID(tenant), 0) + count
    return rows


def _close(engine: Engine, run_id: UUID, piece: Slice, **values: object) -> None:
    with learner_scope(engine) as connection:
        connection.execute(
            update(Slices)
            .where(
                Slices.run_id == run_id,
                Slices.stage == piece.stage,
                Slices.tenant_group == piece.group,
                Slices.period == piece.period,
            )
            .values(finished_at=func.now(), **values)
        )


def _alive(run: RunEntry) -> bool:
    return run.process is not None and processes.lives(run.process)


def _run(row: Any) -> RunEntry:
    process = None if row.pid is None else Process(row.host, row.pid, row.born)
    return RunEntry(row.id, row.flow, State(row.state), *(*row[3:-3], process))


def _slice(row: Any) -> SliceEntry:
    run_id, stage, group, period, state, *rest = row
    return SliceEntry(run_id, Slice(stage, group, period), State(state), *rest)


_RUN = (
    Runs.id,
    Runs.flow,
    Runs.state,
    Runs.as_of,
    Runs.request,
    Runs.code_version,
    Runs.opened_at,
    Runs.closed_at,
    Runs.report,
    Runs.error,
    Runs.host,
    Runs.pid,
    Runs.born,
)

_SLICE = (
    Slices.run_id,
    Slices.stage,
    Slices.tenant_group,
    Slices.period,
    Slices.state,
    Slices.input_hash,
    Slices.code_version,
    Slices.output,
    Slices.rows,
    Slices.watermark,
    Slices.attempt,
    Slices.started_at,
    Slices.finished_at,
    Slices.error,
)
