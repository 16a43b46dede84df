"""What must be the same after a crash and a rerun, and what a crash may not leave behind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil

from adapters import prefect_process
from tests.faults.world import House

Rows = dict[str, list[tuple[Any, ...]]]

SAME = {
    "patterns": "SELECT tenant_id, pattern_type, version, replaced, payload::text, payload_sha256, inputs_sha256,"
    " evidence::text, verdict::text, diagnostics::text, sample_size, outcomes, confidence, window_start, window_end,"
    " code_version FROM learnback.patterns ORDER BY 1, 2, 3",
    "heads": "SELECT tenant_id, pattern_type, version, valid_until, moved_by FROM learnback.pattern_heads"
    " ORDER BY 1, 2",
    "tenants": "SELECT id, als_learned_weights::text, conversion_sample_count FROM learnback.tenants ORDER BY 1",
    "priors": "SELECT learner, version, learned_as_of, content::text FROM learnback.population_priors ORDER BY 1, 2, 3",
    "score_versions": "SELECT tenant_id, score_version, edges FROM learnback.score_versions ORDER BY 1, 2",
    "quarantine": "SELECT tenant_id, defect, reason, got, wanted, closed_at IS NULL FROM learnback.quarantine"
    " ORDER BY 1, 2, 3",
    "moves": "SELECT tenant_id, action, detail ->> 'pattern_type', detail ->> 'from', detail ->> 'to'"
    " FROM learnback.audit_log ORDER BY 1, id",
}
"""All that a run decides. Left out: ids of runs, and times of writing. Moves of one tenant are in their order."""

PUBLISHED = "SELECT pattern_type, tenant_id, version FROM learnback.patterns"


def taken(house: House) -> Rows:
    """Everything that a run decides, as it stands now."""
    return {name: house.ask(statement) for name, statement in SAME.items()}


def differing(one: Rows, other: Rows) -> list[str]:
    """Names of the parts in which two states differ."""
    return [name for name in SAME if one[name] != other[name]]


def doubles(house: House) -> int:
    """Versions with the bytes of another version of the same pattern, and audit entries that say the same twice."""
    twice = house.ask(
        "SELECT count(*) FROM (SELECT FROM learnback.patterns"
        " GROUP BY tenant_id, pattern_type, payload_sha256, inputs_sha256 HAVING count(*) > 1) AS twice"
    )
    moved = Counter(tuple(row) for row in house.ask(SAME["moves"]))
    return int(twice[0][0]) + sum(count - 1 for count in moved.values())


def half_published(house: House, before: Rows, after: Rows) -> int:
    """Learners of whom some tenants have the new version and others, that get one in the end, have not; and heads
    that name another version than the newest audit entry. To be asked right after the crash."""
    known = {row[:3] for row in before["patterns"]}
    wanted = {row[:3] for row in after["patterns"]} - known
    there = {(tenant, kind, version) for kind, tenant, version in house.ask(PUBLISHED)} - known
    halves = sum(
        0 < len(there & of_kind) < len(of_kind)
        for of_kind in ({row for row in wanted if row[1] == kind} for kind in {row[1] for row in wanted})
    )
    astray = house.ask(
        "SELECT count(*) FROM learnback.pattern_heads AS head WHERE version::text IS DISTINCT FROM ("
        " SELECT detail ->> 'to' FROM learnback.audit_log AS told WHERE told.tenant_id = head.tenant_id"
        " AND told.detail ->> 'pattern_type' = head.pattern_type ORDER BY told.id DESC LIMIT 1)"
    )
    return halves + int(astray[0][0])


def unfinished(house: House) -> list[str]:
    """What a rerun must have cleared away: runs entered as running, halves of files in the lake."""
    running = house.ask("SELECT id::text FROM learnback.runs WHERE state = 'running'")
    parts = sorted((house.settings.root / "lake").rglob("*.part"))
    return [f"run {row[0]}" for row in running] + [str(path) for path in parts]


def orphans(house: House) -> list[str]:
    """Processes of this house that belong neither to its server, nor its worker, nor its PostgreSQL."""
    known = set(_standing(house))
    return [
        f"{process.pid} {' '.join(process.info['cmdline'])[:120]}"
        for process in psutil.process_iter(["cmdline"])
        if process.pid not in known and process.pid != os.getpid() and _is_of(process, house)
    ]


def _standing(house: House) -> Iterator[int]:
    """What may run on between two commands, with all that it started."""
    settings = house.settings
    pids = [
        record.pid
        for path in (prefect_process.server_file(settings), prefect_process.worker_file(settings))
        if (record := prefect_process.read(path)) and prefect_process.is_alive(record)
    ]
    lock = settings.postgres_home / "postmaster.pid"
    if lock.exists():
        pids.append(int(lock.read_text().split()[0]))
    for pid in pids:
        if psutil.pid_exists(pid):
            yield pid
            yield from (child.pid for child in psutil.Process(pid).children(recursive=True))


def _is_of(process: psutil.Process, house: House) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        home = str(house.settings.root)
        inside = process.cwd().startswith(home)
        return inside or process.environ().get("LEARNBACK_HOME", "") == home
    except psutil.Error:
        return False
