"""From which earlier run may this one begin, and by what are the rows found that changed since?

Our own tables number every change (`row_xid`) and keep a note of every row that is gone (`removals`). A run reads what
was numbered since the oldest transaction that was running at the earlier run's snapshot, so that nothing is lost that
committed late. A user's source has no such numbers: there a run reads again what its `-- changed:` headers say may have
changed, and counts all ids, so that a row that went, or changed its id, shows, and everything is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import polars as pl
import psycopg

from contracts.canonical import content_hash
from contracts.outcomes import EXTRACTS
from settings import Settings
from store.changes import IDS, REMOVALS
from store.increments import Increment
from store.lake import LakeFile, Manifest, Watermark
from store.source import Query, explained, moment

LAYOUT = 1
"""Of slices and parts in the lake; another number reads everything anew."""


@dataclass(frozen=True, slots=True)
class Begin:
    """What the caller offers. as_of: the run's, which is its real time too. base: the run to begin from; None where
    there is none, or none may be used: because.
    """

    as_of: datetime
    base: Manifest | None
    because: str = ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a run begins. base: the earlier run, None where everything is read, and then because says why.

    own: rows come from our own tables. leaves: what this run leaves behind is of use to a later one. changed: extract →
    SQL condition of what is read of it. gone: changes.REMOVALS. counted: extract → (rows, sum of ids) in the source,
    where only that can tell what is gone.
    """

    own: bool
    leaves: bool
    origin: str
    base: UUID | None
    because: str
    was: Increment | None
    changed: Mapping[str, str] = field(default_factory=dict)
    gone: pl.DataFrame = field(default_factory=REMOVALS.to_frame)
    counted: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def increment(self, raw: tuple[LakeFile, ...]) -> Increment:
        """What the run leaves behind, with these slices."""
        parts = self.was.parts if self.was else ()
        return Increment(self.origin, raw, parts, str(self.base) if self.base else None, self.because)


def beginning(
    connection: psycopg.Connection,
    settings: Settings,
    declared: Mapping[str, Query],
    watermark: Watermark,
    begin: Begin,
) -> Beginning:
    """Hold what the caller offers against the source as it is now; where anything is in doubt, everything is read."""
    own = _is_own(settings, declared)
    origin = _origin(connection, declared, watermark, own=own, groups=settings.groups)
    never = _never(watermark, declared, own=own)
    base = begin.base
    because = never or begin.because or _doubt(base, origin, watermark, own=own)
    if because or base is None or base.increment is None:
        return Beginning(own, not never, origin, None, because, None)
    changed = {name: _condition(declared[name], base, own=own) for name in IDS}
    gone = _gone(connection, base.watermark) if own else REMOVALS.to_frame()
    counted = {} if own else {name: _count(connection, declared[name], begin.as_of) for name in IDS}
    return Beginning(own, True, origin, base.run_id, "", base.increment, changed, gone, counted)


def _is_own(settings: Settings, declared: Mapping[str, Query]) -> bool:
    """The built-in queries read our own tables, with their numbers and notes."""
    return settings.source_url is None and all(declared[name].built_in for name in IDS)


def _never(watermark: Watermark, declared: Mapping[str, Query], *, own: bool) -> str:
    """Why no run of this source can begin from another; empty where one can."""
    undeclared = [f"{name}.sql" for name in IDS if not own and declared[name].changed is None]
    if undeclared:
        return f"no `-- changed:` line in {' and '.join(undeclared)} says how changes are found"
    if watermark.system_identifier is None:
        return "the server does not say which it is, so that a restored one could not be told"
    return ""


def _doubt(base: Manifest | None, origin: str, watermark: Watermark, *, own: bool) -> str:
    """Why this run may not begin from the one that is offered; empty where it may."""
    if base is None or base.increment is None:
        return "no earlier run left anything to begin from"
    if base.increment.origin != origin:
        return "the source, its queries or the number of tenant groups changed"
    if own and base.watermark.xmin > watermark.xmin:
        return "the source's history begins anew: it was restored"
    return ""


def _origin(
    connection: psycopg.Connection, declared: Mapping[str, Query], watermark: Watermark, *, own: bool, groups: int
) -> str:
    """Hash of where rows come from. Our own tables' files change their number when one is emptied or restored."""
    database = connection.execute("SELECT oid::bigint FROM pg_database WHERE datname = current_database()").fetchone()
    files = connection.execute(_FILES).fetchone() if own else ()
    columns = [(extract.name, column.name, column.kind) for extract in EXTRACTS.values() for column in extract.columns]
    texts = {name: query.text for name, query in declared.items() if name in IDS}
    return content_hash([LAYOUT, groups, own, watermark.system_identifier, database, files, columns, texts])


_FILES = """
    SELECT pg_relation_filenode('learnback.leads')::bigint, pg_relation_filenode('learnback.activities')::bigint
"""


def _condition(query: Query, base: Manifest, *, own: bool) -> str:
    if own:
        assert query.split is not None
        return f"{query.split.alias}.row_xid >= '{base.watermark.xmin}'::xid8"
    assert query.changed is not None
    return f"{query.changed.by} >= {moment(base.as_of - timedelta(days=query.changed.days))}"


def _gone(connection: psycopg.Connection, watermark: Watermark) -> pl.DataFrame:
    rows = connection.execute(
        "SELECT tenant_id, lead_id, touch_id FROM learnback.removals WHERE row_xid >= %s::text::xid8", [watermark.xmin]
    ).fetchall()
    columns = [[value and value.bytes for value in column] for column in zip(*rows, strict=True)]
    return pl.DataFrame(columns, schema=REMOVALS) if rows else REMOVALS.to_frame()


def _count(connection: psycopg.Connection, query: Query, at: datetime) -> tuple[int, int]:
    """Rows of a source's query, and the sum of the last four bytes of their ids: what `changes.counted` finds here."""
    statement = (
        f"SELECT count(*), coalesce(sum(('x' || right({IDS[query.extract]}::text, 8))::bit(32)::bigint), 0)::bigint"  # noqa: S608
        f" FROM (\n{query.render(at, at)}\n) AS extract"
    )
    with explained(query):
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0], row[1]
