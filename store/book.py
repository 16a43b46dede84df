"""The pattern book: immutable versions, and the head that engines read.

Publishing inserts a version and moves the head in one transaction; taking back moves the head and deletes nothing.
Version 0 stands for the documented defaults. The store knows learners by name only: a pattern's type is its learner.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, text

from contracts.canonical import canonical_json
from contracts.errors import UserError
from contracts.learning import Evidence, Finding, Incumbent, Payload, Verdict
from store import audit
from store import book_sql as sql
from store.scope import Batch, Role, batch_scope, learner_scope, tenant_scope

log = logging.getLogger("learnback")

_Row = tuple[UUID, dict[str, Any]]

LONGEST_VALID = timedelta(days=28)
"""From now on, how long a head that was moved back may stay valid: what a run would give it today."""

DEFAULTS = 0
"""The version that stands for no pattern at all."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A finding that its gate let through, ready to go into force."""

    tenant_id: UUID
    pattern_type: str
    finding: Finding
    verdict: Verdict
    valid_until: datetime
    code_version: str
    judged: int | None = None  # the version that it was judged against: it replaces that one or none; None: any


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version.

    replaced: the version that was in force when it was published. computed_at: when it was written; window_end: what it
    was learned as of. verdict: the ruling, its confidence and the proof that it was judged on.
    """

    tenant_id: UUID
    pattern_type: str
    version: int
    replaced: int
    payload: Payload
    payload_sha256: str
    inputs_sha256: str
    evidence: Evidence
    verdict: Payload
    diagnostics: Payload
    confidence: float | None
    window_start: datetime | None
    window_end: datetime
    code_version: str
    run_id: UUID
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class Head:
    """What is in force for one tenant and type; the fields after `moved_by` are None under the defaults."""

    tenant_id: UUID
    tenant: str
    pattern_type: str
    version: int
    valid_until: datetime | None
    moved_at: datetime
    moved_by: str
    payload: Payload | None
    confidence: float | None
    sample_size: int | None
    outcomes: int | None
    computed_at: datetime | None


def incumbents(engine: Engine, pattern_type: str) -> dict[UUID, Incumbent]:
    """What is in force for every tenant; version 0 with no payload where that is the defaults."""
    with learner_scope(engine) as connection:
        rows = connection.execute(sql.INCUMBENTS, {"type": pattern_type}).all()
    return {row[0]: replace(Incumbent(*row[1:]), withdrawn=tuple(row[-1])) for row in rows}


def newest_as_of(engine: Engine) -> datetime | None:
    """The latest moment as of which a pattern in force was learned; None where only defaults are in force."""
    with learner_scope(engine) as connection:
        newest: datetime | None = connection.scalar(sql.NEWEST_AS_OF)
    return newest


def publish(
    engine: Engine, publications: Iterable[Publication], *, run_id: UUID, as_of: datetime, actor: str
) -> dict[UUID, int]:
    """Put findings in force: insert each as an immutable version and move its head, all in one transaction.

    Returns the version in force of each tenant that was published. A finding with the payload and inputs of an earlier
    version is that version: nothing is written twice. Missing from the result are tenants that were removed meanwhile
    (logged), and those whose head is no longer the one that was judged against; the others publish.
    """
    rows = [_row(publication, run_id, as_of, actor) for publication in publications]
    with batch_scope(engine) as batch:
        _one_writer(batch.connection)
        return dict(_put_in_force(batch, rows))


def extend(engine: Engine, pattern_type: str, valid_until: Mapping[UUID, datetime], *, actor: str) -> None:
    """Let heads that were judged healthy again stay valid longer; never shortens, never moves a head."""
    with batch_scope(engine) as batch:
        _one_writer(batch.connection)
        batch.each_tenant(
            sql.EXTEND,
            ((tenant, {"type": pattern_type, "until": until, "actor": actor}) for tenant, until in valid_until.items()),
        )


def record_verdicts(
    engine: Engine, pattern_type: str, verdicts: Mapping[UUID, Verdict], versions: Mapping[UUID, int], *, run_id: UUID
) -> None:
    """Remember what a run ruled on every tenant, and the version in force afterwards; repeating changes nothing."""
    rows = (
        (
            tenant,
            {
                "run": run_id,
                "type": pattern_type,
                "ruling": verdict.ruling.value,
                "reason": verdict.reason.value if verdict.reason else None,
                "detail": verdict.refusal.detail if verdict.refusal else None,
                "got": verdict.refusal.got if verdict.refusal else None,
                "wanted": verdict.refusal.wanted if verdict.refusal else None,
                "confidence": verdict.confidence,
                "version": versions.get(tenant, DEFAULTS),
                "judged_on": _json(verdict.judged_on),
            },
        )
        for tenant, verdict in verdicts.items()
    )
    with batch_scope(engine) as batch:
        batch.each_tenant(sql.RECORD_VERDICT, rows)


def rollback(
    engine: Engine,
    tenant_id: UUID,
    pattern_type: str,
    *,
    to: int | None = None,
    judged: int | None = None,
    actor: str,
    reason: str,
) -> int:
    """Move a head back and return the version that is in force then. Nothing is deleted; the audit log says why.

    to: a version, 0 for the defaults, None for the one that the version in force replaced. judged: the version that it
    is about; where another one is in force meanwhile, that one stays (None: any). The head's valid_until stays as it
    is, unless it lies further ahead than a run would put it today. Raises UserError where there is no such version, or
    where it is in force already.
    """
    with tenant_scope(engine, tenant_id, Role.LEARNER) as connection:
        _one_writer(connection)
        known = {"tenant": tenant_id, "type": pattern_type}
        replaced = {row.version: row.replaced for row in connection.execute(sql.REPLACED, known)}
        in_force = connection.scalar(sql.IN_FORCE, known) or DEFAULTS
        if judged is not None and judged != in_force:
            return in_force
        target = replaced.get(in_force, DEFAULTS) if to is None else to
        if target == in_force:
            raise UserError(
                f"{pattern_type} {_named(in_force)} already", do="Nothing was changed; `--to` names another version"
            )
        if target not in {DEFAULTS, *replaced}:
            raise UserError(
                f"there is no version {target} of {pattern_type}",
                wanted=f"it has {', '.join(map(str, sorted(replaced))) or 'none'} besides 0, the defaults",
                do="`learnback patterns history` lists them",
            )
        connection.execute(
            sql.MOVE_BACK, {**known, "version": target or None, "actor": actor, "longest": LONGEST_VALID}
        )
        moved = {"pattern_type": pattern_type, "from": in_force, "to": target, "reason": reason}
        audit.record(connection, tenant_id, actor=actor, action="rollback", detail=moved)
    return target


def head(engine: Engine, tenant_id: UUID, pattern_type: str) -> Head | None:
    """The head of one tenant and type; None where nothing was ever published."""
    with tenant_scope(engine, tenant_id) as connection:
        row = connection.execute(
            text(f"{sql.HEADS} WHERE head.pattern_type = :type"), {"type": pattern_type}
        ).one_or_none()
    return Head(*row) if row else None


def list_heads(engine: Engine, tenant_id: UUID | None = None) -> list[Head]:
    """Every head by tenant name and type; only those of one tenant where it is given."""
    with tenant_scope(engine, tenant_id) if tenant_id else learner_scope(engine) as connection:
        return [Head(*row) for row in connection.execute(text(f"{sql.HEADS} ORDER BY tenant.name, head.pattern_type"))]


def history(engine: Engine, tenant_id: UUID, pattern_type: str) -> list[Version]:
    """All versions of one pattern, newest first."""
    with tenant_scope(engine, tenant_id) as connection:
        rows = connection.execute(text(f"{sql.VERSIONS} ORDER BY version DESC"), {"type": pattern_type}).all()
    return [_version(row) for row in rows]


def version(engine: Engine, tenant_id: UUID, pattern_type: str, number: int) -> Version:
    """One version; raises UserError where there is none of that number."""
    with tenant_scope(engine, tenant_id) as connection:
        row = connection.execute(
            text(f"{sql.VERSIONS} AND version = :version"), {"type": pattern_type, "version": number}
        ).one_or_none()
    if row is None:
        raise UserError(
            f"there is no version {number} of {pattern_type}", do="`learnback patterns history` lists those there are"
        )
    return _version(row)


def _one_writer(connection: Connection) -> None:
    """Until this transaction ends, nobody else moves heads: version numbers have no gaps and no doubles."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('learnback.pattern_heads'))"))


def _put_in_force(batch: Batch, rows: Sequence[_Row]) -> list[tuple[UUID, int]]:
    """All tenants at once; where that fails, halves, until the tenant that is no longer there stands alone."""
    try:
        return [(tenant, version) for tenant, version in batch.each_tenant(sql.PUBLISH, rows)]
    except psycopg.errors.ForeignKeyViolation:
        if len(rows) == 1:
            log.warning("Not published: tenant %s is no longer there", rows[0][0])
            return []
    middle = len(rows) // 2
    return _put_in_force(batch, rows[:middle]) + _put_in_force(batch, rows[middle:])


def _row(publication: Publication, run_id: UUID, as_of: datetime, actor: str) -> _Row:
    finding, verdict = publication.finding, publication.verdict
    payload = canonical_json(dict(finding.payload))
    return publication.tenant_id, {
        "type": publication.pattern_type,
        "payload": payload.decode(),
        "payload_sha256": hashlib.sha256(payload).hexdigest(),  # contracts.canonical.content_hash, serialised once
        "inputs_sha256": finding.inputs_sha256,
        "evidence": _json(asdict(finding.evidence)),
        "verdict": _json(_told(verdict)),
        "diagnostics": _json(finding.diagnostics),
        "sample_size": finding.evidence.sample_size,
        "outcomes": finding.evidence.outcomes,
        "confidence": verdict.confidence,
        "window_start": finding.window_start,
        "judged": publication.judged,
        "window_end": as_of,
        "code_version": publication.code_version,
        "run": run_id,
        "valid_until": publication.valid_until,
        "actor": actor,
    }


def _told(verdict: Verdict) -> dict[str, Any]:
    return {
        "ruling": verdict.ruling.value,
        "confidence": verdict.confidence,
        "refusal": asdict(verdict.refusal) if verdict.refusal else None,
        "incumbent_healthy": verdict.incumbent_healthy,
        "drifting": verdict.drifting,
        "judged_on": dict(verdict.judged_on),
    }


def _json(value: Mapping[str, Any]) -> str:
    return canonical_json(dict(value)).decode()


def _version(row: Any) -> Version:
    values = row._asdict()
    return Version(**{**values, "evidence": Evidence(**values["evidence"])})


def _named(number: int) -> str:
    return f"version {number} is in force" if number else "has its defaults in force"
