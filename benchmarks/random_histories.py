"""Random histories of a small agency's tables, and what is learned after each step, read anew or as an increment.

A history is a sequence of steps; a step is some inserts, updates and deletes, each of which an incremental extraction
could get wrong, and some days. Rows come late, move to another week, lead or tenant, lose their lead or find it, lie in
the future, or are written by a transaction that commits after the next run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import polars as pl
import psycopg

from algorithms import registry
from contracts.canonical import content_hash
from contracts.defects import CATALOGUE
from contracts.learning import Finding, LearningContext
from contracts.outcomes import CHANNELS, COMPONENTS
from settings import Settings
from store import extract as extraction
from store import lake, ledger
from store.lake import Manifest
from store.since import Begin
from tasks import increments
from tasks.check import select
from tasks.checking import groups, suite, verdict
from tasks.checking.verdict import CheckResult
from tasks.connections import store
from tasks.run import FLOW, Run, code_version
from tasks.summarise import Summaries, leave_behind, summarise_slice

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
TENANTS = 5
FIRST_LEADS = 60
"""Of the whole agency, when a history begins."""

TITLES = ("owner", "manager", "intern", None)
Connection = psycopg.Connection[tuple[object, ...]]


@dataclass
class History:
    """One agency as its tables hold it. now: the moment up to which it has gone; address: superuser, past RLS."""

    address: str
    seed: int
    now: datetime = BEGINS
    tenants: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)  # noqa: S311 - a test's histories, no secrets
        self.open: Connection | None = None
        with self._connected() as connection:
            for number in range(TENANTS):
                self._add_tenant(connection, number)
            for _ in range(FIRST_LEADS):
                self._add_lead(connection, self.now - timedelta(days=self.draw.uniform(1, 500)))

    def step(self) -> list[str]:
        """Let some days pass and some things happen; returns what did."""
        self._commit()
        self.now += timedelta(days=self.draw.choice((0, 0.2, 1, 7, 7, 7, 28, 60)))
        happened = self.draw.choices(CHANGES, k=self.draw.randint(0, 6))
        with self._connected() as connection:
            for change in happened:
                change(self, connection)
        if self.draw.random() < 0.2:  # still running when the next run looks
            self.open = psycopg.connect(self.address)
            self.draw.choice(CHANGES[:5])(self, self.open)
            if self.draw.random() < 0.5:  # a younger transaction commits before it
                with self._connected() as connection:
                    self._add_lead(connection, self.now)
        return [change.__name__ for change in happened]

    def close(self) -> None:
        self._commit()

    def _commit(self) -> None:
        if self.open:
            self.open.commit()
            self.open.close()
            self.open = None

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with psycopg.connect(self.address) as connection:
            yield connection

    def _add_tenant(self, connection: Connection, number: int) -> None:
        tenant = UUID(int=self.draw.getrandbits(128), version=4)
        early = self.draw.choice((None, None, "reply"))
        connection.execute(
            "INSERT INTO learnback.tenants (id, name, horizon_days, early_outcome) VALUES (%s, %s, %s, %s)",
            [tenant, f"Tenant {number} {tenant}", self.draw.choice((7, 30, 90)), early],
        )
        self.tenants.append(tenant)

    def _add_lead(self, connection: Connection, created: datetime, lead: UUID | None = None) -> None:
        tenant, lead = self.draw.choice(self.tenants), lead or UUID(int=self.draw.getrandbits(128), version=4)
        won = created + timedelta(days=self.draw.uniform(0.1, 40)) if self.draw.random() < 0.3 else None
        won = won if won and won <= self.now else None
        connection.execute(
            "INSERT INTO learnback.leads (tenant_id, id, created_at, status, converted_at, title, industry, email,"
            " time_zone, employee_count, als_components, components_at) VALUES (%s, %s, %s, %s, %s, %s, 'x', 'a@b.c',"
            " %s, 20, %s::jsonb, %s) ON CONFLICT DO NOTHING",
            [
                *(tenant, lead, created, "converted" if won else "contacted", won, self.draw.choice(TITLES)),
                self.draw.choice(("Europe/London", "Asia/Tokyo", None)),
                json.dumps({name: round(self.draw.random(), 2) for name in COMPONENTS}),
                created + timedelta(days=self.draw.choice((0, 0, 100))),
            ],
        )
        for _ in range(self.draw.randint(0, 5)):
            self._touch(connection, tenant, lead, created + timedelta(days=self.draw.uniform(0, 45)))

    def _touch(self, connection: Connection, tenant: UUID, lead: UUID, at: datetime) -> None:
        if at > self.now and self.draw.random() < 0.9:
            return
        template = self.draw.randint(0, 6)
        connection.execute(
            "INSERT INTO learnback.activities (tenant_id, id, lead_id, channel, occurred_at, template_id, outcome_at,"
            " score_stratum, policy_version, propensity, cta, angle) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
            " %s, %s)",
            [
                *(tenant, UUID(int=self.draw.getrandbits(128), version=4), lead, self.draw.choice(CHANNELS), at),
                self.draw.choice((None, f"t{template}")),
                at + timedelta(days=self.draw.uniform(0, 12)) if self.draw.random() < 0.3 else None,
                self.draw.choice((None, 0, 4, 9)),
                *self.draw.choice(((None, None), ("who:1", 0.4))),
                *(f"cta{self.draw.randint(0, 2)}", f"angle{template % 3}"),
            ],
        )

    def touches_at_once(self, connection: Connection) -> None:
        """Earlier than all others, so that one of them speaks for its template."""
        tenant, at = self.draw.choice(self.tenants), self.now - timedelta(days=self.draw.choice((400, 410, 420)))
        leads = connection.execute(
            "SELECT id FROM learnback.leads WHERE tenant_id = %s ORDER BY id LIMIT 3", [tenant]
        ).fetchall()
        for (lead,) in leads:
            connection.execute(
                "UPDATE learnback.leads SET created_at = least(created_at, %s) WHERE id = %s", [at, lead]
            )
            connection.execute(
                "INSERT INTO learnback.activities (tenant_id, id, lead_id, channel, occurred_at, template_id, cta)"
                " VALUES (%s, gen_random_uuid(), %s, 'email', %s, 't1', %s)",
                [tenant, lead, at, self.draw.choice("abc")],
            )

    def _some(self, connection: Connection, table: str) -> tuple[UUID, UUID] | None:
        """Tenant and id of a row."""
        rows = connection.execute(f"SELECT tenant_id, id FROM learnback.{table} ORDER BY tenant_id, id").fetchall()  # noqa: S608
        return self.draw.choice(rows) if rows else None  # type: ignore[return-value]

    def new_leads(self, connection: Connection) -> None:
        for _ in range(self.draw.randint(1, 8)):
            self._add_lead(connection, self.now - timedelta(days=self.draw.uniform(0, 7)))

    def new_touches(self, connection: Connection) -> None:
        for _ in range(self.draw.randint(1, 8)):
            if found := self._some(connection, "leads"):
                self._touch(connection, *found, self.now - timedelta(days=self.draw.uniform(0, 9)))

    def late_outcome(self, connection: Connection) -> None:
        if found := self._some(connection, "leads"):
            connection.execute(
                "UPDATE learnback.leads SET status = 'converted', converted_at = greatest(created_at, %s)"
                " WHERE (tenant_id, id) = (%s, %s)",
                [self.now - timedelta(days=self.draw.uniform(0, 30)), *found],
            )

    def late_reply(self, connection: Connection) -> None:
        if found := self._some(connection, "activities"):
            connection.execute(
                "UPDATE learnback.activities SET outcome_at = occurred_at + %s WHERE (tenant_id, id) = (%s, %s)",
                [timedelta(days=self.draw.uniform(0, 10)), *found],
            )

    def outcome_taken_back(self, connection: Connection) -> None:
        if found := self._some(connection, "leads"):
            connection.execute(
                "UPDATE learnback.leads SET status = 'lost', converted_at = NULL WHERE (tenant_id, id) = (%s, %s)",
                list(found),
            )

    def lead_moves_in_time(self, connection: Connection) -> None:
        if found := self._some(connection, "leads"):
            connection.execute(
                "UPDATE learnback.leads SET created_at = created_at - %s WHERE (tenant_id, id) = (%s, %s)",
                [timedelta(days=self.draw.choice((1, 30, 90, 20_000))), *found],
            )

    def lead_leaves(self, connection: Connection) -> None:
        if found := self._some(connection, "leads"):
            connection.execute("DELETE FROM learnback.leads WHERE (tenant_id, id) = (%s, %s)", list(found))
            if self.draw.random() < 0.6:
                connection.execute(
                    "DELETE FROM learnback.activities WHERE (tenant_id, lead_id) = (%s, %s)", list(found)
                )

    def lead_changes_tenant(self, connection: Connection) -> None:
        if found := self._some(connection, "leads"):
            new = self.draw.choice(self.tenants)
            for table, key in (("leads", "id"), ("activities", "lead_id")):
                connection.execute(
                    f"UPDATE learnback.{table} SET tenant_id = %s WHERE (tenant_id, {key}) = (%s, %s)",  # noqa: S608
                    [new, *found],
                )

    def lead_returns(self, connection: Connection) -> None:
        """A touch comes before its lead does, or a lead comes back that was deleted."""
        orphan = connection.execute(
            "SELECT a.lead_id FROM learnback.activities a WHERE NOT EXISTS (SELECT FROM learnback.leads l"
            " WHERE (l.tenant_id, l.id) = (a.tenant_id, a.lead_id)) ORDER BY a.id LIMIT 1"
        ).fetchone()
        if orphan:
            self._add_lead(connection, self.now - timedelta(days=50), lead=orphan[0])  # type: ignore[arg-type]
        else:
            self._touch(connection, self.draw.choice(self.tenants), uuid4(), self.now - timedelta(days=3))

    def touch_leaves(self, connection: Connection) -> None:
        if found := self._some(connection, "activities"):
            connection.execute("DELETE FROM learnback.activities WHERE (tenant_id, id) = (%s, %s)", list(found))

    def touch_changes_lead(self, connection: Connection) -> None:
        found, lead = self._some(connection, "activities"), self._some(connection, "leads")
        if found and lead:
            connection.execute(
                "UPDATE learnback.activities SET lead_id = %s WHERE (tenant_id, id) = (%s, %s)", [lead[1], *found]
            )

    def touch_spoils(self, connection: Connection) -> None:
        if found := self._some(connection, "activities"):
            column = self.draw.choice(("channel = 'fax'", "occurred_at = occurred_at - interval '400 days'"))
            connection.execute(
                f"UPDATE learnback.activities SET {column} WHERE (tenant_id, id) = (%s, %s)",  # noqa: S608
                list(found),
            )

    def lead_lies_ahead(self, connection: Connection) -> None:
        """Dated later than now: a broken clock, until its time comes."""
        self._add_lead(connection, self.now + timedelta(days=self.draw.uniform(1, 20)))

    def lead_is_scored(self, connection: Connection) -> None:
        connection.execute("UPDATE learnback.leads SET als_score = 50, score_version = 'default'")

    def tenant_changes(self, connection: Connection) -> None:
        connection.execute(
            "UPDATE learnback.tenants SET horizon_days = %s, shares_priors = NOT shares_priors WHERE id = %s",
            [self.draw.choice((7, 14, 30)), self.draw.choice(self.tenants)],
        )

    def tenant_arrives(self, connection: Connection) -> None:
        self._add_tenant(connection, len(self.tenants))

    def message_test(self, connection: Connection) -> None:
        for text in ("a?", "b"):
            connection.execute(
                "INSERT INTO learnback.message_tests (tenant_id, id, test, text, shown, converted, tested_at)"
                " VALUES (%s, %s, %s, %s, 100, 7, %s)",
                [self.draw.choice(self.tenants), uuid4(), str(self.draw.random()), text, self.now],
            )


Change = Callable[[History, Connection], None]
CHANGES: tuple[Change, ...] = (
    History.new_leads,
    History.new_touches,
    History.touches_at_once,
    History.late_outcome,
    History.late_reply,
    History.outcome_taken_back,
    History.lead_moves_in_time,
    History.lead_leaves,
    History.lead_changes_tenant,
    History.lead_returns,
    History.touch_leaves,
    History.touch_changes_lead,
    History.touch_spoils,
    History.lead_lies_ahead,
    History.lead_is_scored,
    History.tenant_changes,
    History.tenant_arrives,
    History.message_test,
)


@dataclass(frozen=True)
class Learned:
    """Everything that a run says before its gates. hashes: what was checked, counted and found → SHA-256."""

    manifest: Manifest
    hashes: dict[str, str]
    began: bool  # from an earlier run


def learned(settings: Settings, now: datetime) -> Learned:
    """What a run at `now` learns, by the functions that its tasks call, without Prefect."""
    run = Run(
        uuid4(), now, now, False, False, None, tuple(one.name for one in registry.LEARNERS), code_version(), settings
    )
    ledger.open_run(store(settings), run_id=run.id, flow=FLOW, as_of=now, request={}, code_version=run.code_version)
    manifest = extracted(run)
    checks = [groups.check_group(manifest, group, {}) for group in run.groups]
    clean, quality = verdict.merged(manifest, checks)
    dropped = {code: sum(check.dropped.get(code, 0) for check in checks) for code in CATALOGUE}
    checked = select(run, CheckResult(clean, quality, (), manifest.rows(), dropped, "", suite.BUILT_IN))
    made = {group: summarise_slice.fn(run, checked, group) for group in run.groups}
    left = leave_behind(clean, [part for summary in made.values() for part in summary.parts])
    paths = {name: {group: made[group].paths[name] for group in run.groups} for name in run.learner_names}
    hashes = {"quality": content_hash(_plain(quality)), "dropped": content_hash(dropped)}
    for learner in run.learners:
        for group in run.groups:
            summary = Summaries(manifest.root, paths).read(learner.name, group)
            hashes[f"{learner.name} {group}"] = content_hash(_plain(summary))
            hashes |= _found(learner.learn(summary, LearningContext(now, run.code_version)), learner.name)
    return Learned(left, hashes, bool(manifest.increment and manifest.increment.since))


def extracted(run: Run) -> Manifest:
    """The extraction of a run, one stream after the other."""
    begin = None
    if run.settings.extraction == "incremental":
        begin = Begin(run.as_of, increments.newest(lake.open(run.settings), run.as_of))
    with extraction.planned(run.settings, run_id=run.id, as_of=run.as_of, now=run.now, begin=begin) as plan:
        files = tuple(f for stream in plan.streams for f in extraction.extract_stream(run.settings, plan, stream))
        manifest: Manifest | None = plan.manifest(files)
        if plan.beginning and manifest:
            raw = tuple(file for group in run.groups for file in increments.slices(manifest, plan.beginning, group))
            manifest = increments.arranged(manifest, plan.beginning, raw)
    assert manifest is not None
    lake.write(manifest)
    return manifest


def _plain(frame: pl.DataFrame) -> list[list[str]]:
    return [
        [frame.schema[name].__class__.__name__ for name in frame.columns],
        *([str(v) for v in row] for row in frame.iter_rows()),
    ]


def _found(said: object, learner: str) -> dict[str, str]:
    assert isinstance(said, dict)
    return {
        f"{learner} {tenant}": content_hash(
            [dict(one.payload), one.inputs_sha256] if isinstance(one, Finding) else str(one)
        )
        for tenant, one in said.items()
    }


def settings_pair(settings: Settings) -> tuple[Settings, Settings]:
    """The same store read as increments, and in full, each with a lake of its own."""
    small = settings.model_copy(update={"groups": 2, "streams": 1})
    return (
        small.model_copy(update={"lake": str(settings.root / "increments"), "extraction": "incremental"}),
        small.model_copy(update={"lake": str(settings.root / "full"), "extraction": "full"}),
    )
