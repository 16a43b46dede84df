"""Record batches of one extract in, one Parquet file per tenant group (or period) out, in bounded memory.

A tenant's group is the big-endian integer of the last four bytes of its id, modulo the number of groups: the same for
every extract, run and machine, so that a tenant's leads and touches always lie in slices of one group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.outcomes import Extract
from contracts.periods import ALL_TIME
from store import lake
from store.lake import LakeFile

if TYPE_CHECKING:
    import polars as pl

ID_BYTES = 16
PERIOD_BUDGET = 64 * 2**20
"""Bytes of one tenant group's rows that may wait for their row groups while periods are told apart."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one tenant group's files go. name: of the file without ending, alike in every period."""

    root: str
    group: int
    name: str


def groups_of(tenant_ids: pa.FixedSizeBinaryArray, groups: int) -> np.ndarray:
    """`contracts.runs.group_of` for a column; rows without a tenant go to group 0, where the checks count them."""
    if tenant_ids.null_count:
        tenant_ids = tenant_ids.fill_null(bytes(ID_BYTES))
    begin = tenant_ids.offset * ID_BYTES
    raw = np.frombuffer(tenant_ids.buffers()[1], np.uint8)[begin : begin + len(tenant_ids) * ID_BYTES]
    return (raw.view(">u4")[3::4] % groups).astype(np.uint16)


def write_groups(
    batches: Iterable[pa.RecordBatch], extract: Extract, *, root: str, name: str, groups: int, budget: int
) -> tuple[LakeFile, ...]:
    """Write batches (in the contract's Arrow types) as one file per tenant group that has rows.

    Columns of the contract that the batches lack are written as nulls. name: file name without ending, alike in every
    group. budget: bytes that may wait in memory before they are written as row groups. Files appear all together at
    the end, or not at all.
    """
    with ExitStack() as stack:
        writer = _PlaceWriter(stack, extract, root, lambda group: lake.file_path(extract.name, group, name))
        for batch in batches:
            writer.add(batch, groups_of(batch.column("tenant_id"), groups), groups)
            if writer.waiting_bytes > budget:
                writer.flush()
        writer.flush()
    return tuple(
        LakeFile(extract.name, group, ALL_TIME, path, rows, writer.seals[group].size, writer.seals[group].crc)
        for group, (path, rows) in sorted(writer.written.items())
    )


def write_periods(
    batches: Iterable[pa.RecordBatch], extract: Extract, places: np.ndarray, periods: Sequence[str], *, slot: Slot
) -> tuple[LakeFile, ...]:
    """Write one tenant group's batches as one file per period. places: (rows,) index into periods, row by row."""
    root, group = slot.root, slot.group
    with ExitStack() as stack:
        writer = _PlaceWriter(
            stack, extract, root, lambda place: lake.file_path(extract.name, group, slot.name, periods[place])
        )
        begin = 0
        for batch in batches:
            writer.add(batch, places[begin : begin + batch.num_rows], len(periods))
            begin += batch.num_rows
            if writer.waiting_bytes > PERIOD_BUDGET:
                writer.flush()
        writer.flush()
    return tuple(
        LakeFile(extract.name, group, periods[place], path, rows, writer.seals[place].size, writer.seals[place].crc)
        for place, (path, rows) in sorted(writer.written.items())
    )


def batches_of(frame: pl.DataFrame, extract: Extract) -> list[pa.RecordBatch]:
    """A frame with the contract's columns in the lake's Arrow types."""
    import polars as pl

    batches: list[pa.RecordBatch] = (
        frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(lake.arrow_schema(extract)).to_batches()
    )
    return batches


class _PlaceWriter:
    """Rows that wait, by place (a tenant group, or a period), and the open file of each place."""

    def __init__(self, stack: ExitStack, extract: Extract, root: str, path_of: Callable[[int], str]) -> None:
        self.stack, self.extract, self.root, self.path_of = stack, extract, root, path_of
        self.schema = lake.arrow_schema(extract)
        self.waiting: dict[int, list[pa.RecordBatch]] = {}
        self.waiting_bytes = 0
        self.files: dict[int, pq.ParquetWriter] = {}
        self.written: dict[int, tuple[str, int]] = {}
        self.seals: dict[int, lake.Sealed] = {}

    def add(self, batch: pa.RecordBatch, place: np.ndarray, places: int) -> None:
        """Sort the batch by place once, then keep views into it. place: (rows,) below `places`."""
        counts = np.bincount(place, minlength=places)
        batch = batch.take(pa.array(np.argsort(place, kind="stable")))
        ends = np.cumsum(counts)
        for number in np.flatnonzero(counts):
            part = batch.slice(ends[number] - counts[number], counts[number])
            self.waiting.setdefault(int(number), []).append(part)
        self.waiting_bytes += batch.nbytes

    def flush(self) -> None:
        """Write what waits as one row group per place."""
        for place, parts in self.waiting.items():
            rows = self._completed(pa.Table.from_batches(parts))
            self._file(place).write_table(rows, row_group_size=rows.num_rows)
            path, before = self.written[place]
            self.written[place] = (path, before + rows.num_rows)
        self.waiting.clear()
        self.waiting_bytes = 0

    def _completed(self, rows: pa.Table) -> pa.Table:
        """All columns of the contract. Only here, since to sort columns of nulls costs as much as to sort text."""
        there = set(rows.column_names)
        columns = [rows[f.name] if f.name in there else pa.nulls(len(rows), f.type) for f in self.schema]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _file(self, place: int) -> pq.ParquetWriter:
        if place not in self.files:
            path = self.path_of(place)
            writing = lake.parquet_writer(self.root, path, self.extract)
            self.files[place], self.seals[place] = self.stack.enter_context(writing)
            self.written[place] = (path, 0)
        return self.files[place]
