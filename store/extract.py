"""Extraction: every tenant's rows at one instant, from PostgreSQL to Parquet by tenant group, in bounded memory.

A coordinator opens one read-only transaction and exports its snapshot; each stream joins that snapshot, reads its part
of each query as binary COPY through ADBC, and writes it. Two streams keep pace with what one server connection can
send; threads serve as well as processes, since decoding, partitioning and Parquet all run outside the interpreter lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import ContractError, LakeError
from contracts.outcomes import EXTRACTS, Extract
from settings import Settings
from store import database, drift, lake, since
from store.lake import LakeFile, Manifest, Watermark
from store.partition import write_groups
from store.seen import Seen
from store.since import Begin, Beginning
from store.source import Query, Source, connected, describe, offered, queries, require, source
from store.split import ranges

BUDGET, GROUP_BUDGET = 256 * 2**20, 8 * 2**20
"""Bytes of decoded rows that may wait for their row group, over all streams: so many a group, and so many in all.

More would make larger row groups, which nothing reads faster, and costs the kernel fresh pages.
"""

BATCH_OPTION, BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes", 2 * 2**20
"""The driver's own 16 MiB need fresh pages from the kernel for every batch, a sixth of the stream's processor time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stream's share of one extract: a rendered statement, and the file that declared it."""

    extract: str
    path: str
    statement: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the streams of one extraction have in common: small, picklable and without secrets.

    snapshot: joined by every stream; it lives while the block of `planned` does. parts: by stream. seen: what the
    source returns. noticed: how it has drifted, in sentences. beginning: from which earlier run's rows this one begins;
    None where it stands by itself and leaves none behind.
    """

    root: str
    run_id: UUID
    as_of: datetime
    now: datetime
    groups: int
    snapshot: str
    watermark: Watermark
    parts: tuple[tuple[Part, ...], ...]
    seen: Mapping[str, Seen]
    noticed: tuple[str, ...] = ()
    beginning: Beginning | None = None

    @property
    def streams(self) -> range:
        return range(len(self.parts))

    def manifest(self, files: tuple[LakeFile, ...]) -> Manifest:
        """The run's manifest, once its streams have written these files; what changed only, where the run began so."""
        return Manifest(
            self.root, self.run_id, self.as_of, self.now, self.groups, self.watermark, files, seen=self.seen
        )


Tell = Callable[[str, int], None]
"""Hears of progress: the extract's name and how many rows of it were read since the last call."""


def _silent(extract: str, rows: int) -> None:
    """Nobody listens."""


@contextmanager
def planned(
    settings: Settings, *, run_id: UUID, as_of: datetime, now: datetime, begin: Begin | None = None
) -> Iterator[Plan]:
    """Verify the queries, open the snapshot, and divide the work; the snapshot lives as long as the block.

    now: the run's real time; rows dated later are returned all the same, for the checks to count. begin: from what the
    run may begin, and leave behind for the next; None: it reads everything and stands by itself. Where the block
    raises, what its streams had written is deleted. Raises ContractError for queries that do not fit the contract,
    DatabaseError for a source that cannot be read, LakeError for the lake.
    """
    root = lake.open(settings)
    written = queries(settings)
    origin = source(settings)
    with connected(origin) as connection:
        declared = offered(connection, written)
        described = {name: describe(connection, query, as_of) for name, query in declared.items()}
        require(described)
        noticed = drift.noticed(connection, described, _last_seen(root), now)
        snapshot, watermark = _export(connection)
        beginning = since.beginning(connection, settings, declared, watermark, begin) if begin else None
        conditions = {name: _conditions(connection, query, settings, beginning) for name, query in declared.items()}
        parts = tuple(
            tuple(
                Part(name, str(query.path), query.render(as_of, now, conditions[name][stream]))
                for name, query in declared.items()
                if stream < len(conditions[name])
            )
            for stream in range(settings.streams)
        )
        try:
            yield Plan(
                root,
                run_id,
                as_of,
                now,
                settings.groups,
                snapshot,
                watermark,
                parts,
                drift.seen(described),
                noticed,
                beginning,
            )
        except BaseException:
            lake.discard(root, run_id)
            raise


def _last_seen(root: str) -> Mapping[str, Seen]:
    """What the source returned in the newest run; nothing where there was none, or its manifest is damaged."""
    try:
        return lake.latest(root).seen
    except LakeError:
        return {}


def _conditions(
    connection: psycopg.Connection, query: Query, settings: Settings, beginning: Beginning | None
) -> tuple[str, ...]:
    """What each stream reads of a query: its share of all rows, or the first of them whatever changed."""
    if beginning and (changed := beginning.changed.get(query.extract)):
        return (changed,)
    return ranges(connection, query, settings.streams)


def extract_stream(settings: Settings, plan: Plan, stream: int, tell: Tell = _silent) -> tuple[LakeFile, ...]:
    """Read one stream's part of every extract into the lake; returns the files that it wrote.

    Safe to run anywhere that reaches the source while the plan's snapshot lives, and to run again.
    """
    origin = source(settings)
    with _joined(origin, plan.snapshot) as cursor:
        return tuple(
            file
            for part in plan.parts[stream]
            for file in write_groups(
                _rows(cursor, part, partial(tell, part.extract)),
                EXTRACTS[part.extract],
                root=plan.root,
                name=f"{plan.run_id}-{stream}",
                groups=plan.groups,
                budget=min(BUDGET, plan.groups * GROUP_BUDGET) // len(plan.parts),
            )
        )


def extract(
    settings: Settings,
    *,
    run_id: UUID,
    as_of: datetime,
    now: datetime,
    tell: Tell = _silent,
    notice: Callable[[str], object] = str,
) -> Manifest:
    """Extract everything in this process, one thread a stream, and write the run's manifest.

    notice: hears how the source has drifted.
    """
    with planned(settings, run_id=run_id, as_of=as_of, now=now) as plan, ThreadPoolExecutor(len(plan.parts)) as pool:
        for sentence in plan.noticed:
            notice(sentence)
        streams = pool.map(lambda stream: extract_stream(settings, plan, stream, tell), plan.streams)
        manifest = plan.manifest(tuple(file for files in streams for file in files))
    lake.write(manifest)
    return manifest


def _export(connection: psycopg.Connection) -> tuple[str, Watermark]:
    """Export the connection's snapshot, with its place in the server's history."""
    row = connection.execute(
        "SELECT pg_export_snapshot(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
        " has_function_privilege('pg_control_system()', 'execute')"
    ).fetchone()
    assert row is not None
    snapshot, xmin, tells = row
    identity = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone() if tells else None
    return snapshot, Watermark(xmin, identity[0] if identity else None)


@contextmanager
def _joined(origin: Source, snapshot: str) -> Iterator[adbc.Cursor]:
    """A cursor at the source that sees exactly what the coordinator sees."""
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(adbc.connect(origin.address))
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            if origin.role:
                cursor.execute(f"SET LOCAL ROLE {origin.role}")
        except adbc_driver_manager.Error as error:
            raise database.explain(error, origin.setting) from None
        cursor.adbc_statement.set_options(**{BATCH_OPTION: str(BATCH_BYTES)})
        yield cursor


def _rows(cursor: adbc.Cursor, part: Part, tell: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """The part's rows in the contract's Arrow types, batch by batch as the server sends them."""
    try:
        cursor.execute(part.statement)
        reader = cursor.fetch_record_batch()
        for batch in reader:
            tell(batch.num_rows)
            yield fitted(batch, EXTRACTS[part.extract])
    except (adbc_driver_manager.Error, OSError, pa.ArrowInvalid) as error:
        if database.is_loss(error):
            raise database.explain(error, database.SETTING) from None
        raise ContractError(f"{part.path} failed while it ran: {_said(error)}") from None


def fitted(batch: pa.RecordBatch, extract: Extract) -> pa.RecordBatch:
    """The contract's columns that the batch has, in the contract's order and Arrow types; others are left out."""
    there = set(batch.schema.names)
    fields = [field for field in lake.arrow_schema(extract) if field.name in there]
    columns = [_cast(batch.column(field.name), field.type) for field in fields]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    plain = column.storage if isinstance(column, pa.ExtensionArray) else column
    return plain if plain.type == wanted else pc.cast(plain, wanted)


def _said(error: Exception) -> str:
    """PostgreSQL's own sentence out of what the driver wrapped around it."""
    text = str(error)
    _, found, after = text.partition("ERROR:")
    return (after if found else text).strip().splitlines()[0].rstrip(".")
