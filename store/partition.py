"""Record batches of one extract in, one Parquet file per tenant group out, in bounded memory.

A tenant's group is the big-endian integer of the last four bytes of its id, modulo the number of groups: the same for
every extract, run and machine, so that a tenant's leads and touches always lie in slices of one group.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.outcomes import Extract
from store import lake
from store.lake import LakeFile

ID_BYTES = 16


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
        writer = _GroupWriter(stack, extract, root, name)
        for batch in batches:
            writer.add(batch, groups)
            if writer.waiting_bytes > budget:
                writer.flush()
        writer.flush()
    return tuple(
        LakeFile(extract.name, group, lake.ALL_TIME, path, rows, writer.seals[group].size, writer.seals[group].crc)
        for group, (path, rows) in sorted(writer.written.items())
    )


class _GroupWriter:
    """Rows that wait, by group, and the open file of each group."""

    def __init__(self, stack: ExitStack, extract: Extract, root: str, name: str) -> None:
        self.stack, self.extract, self.root, self.name = stack, extract, root, name
        self.schema = lake.arrow_schema(extract)
        self.waiting: dict[int, list[pa.RecordBatch]] = {}
        self.waiting_bytes = 0
        self.files: dict[int, pq.ParquetWriter] = {}
        self.written: dict[int, tuple[str, int]] = {}
        self.seals: dict[int, lake.Sealed] = {}

    def add(self, batch: pa.RecordBatch, groups: int) -> None:
        """Sort the batch by group once, then keep views into it."""
        group = groups_of(batch.column("tenant_id"), groups)
        counts = np.bincount(group, minlength=groups)
        batch = batch.take(pa.array(np.argsort(group, kind="stable")))
        ends = np.cumsum(counts)
        for number in np.flatnonzero(counts):
            part = batch.slice(ends[number] - counts[number], counts[number])
            self.waiting.setdefault(int(number), []).append(part)
        self.waiting_bytes += batch.nbytes

    def flush(self) -> None:
        """Write what waits as one row group per tenant group."""
        for group, parts in self.waiting.items():
            rows = self._completed(pa.Table.from_batches(parts))
            self._file(group).write_table(rows, row_group_size=rows.num_rows)
            path, before = self.written[group]
            self.written[group] = (path, before + rows.num_rows)
        self.waiting.clear()
        self.waiting_bytes = 0

    def _completed(self, rows: pa.Table) -> pa.Table:
        """All columns of the contract. Only here, since to sort columns of nulls costs as much as to sort text."""
        there = set(rows.column_names)
        columns = [rows[f.name] if f.name in there else pa.nulls(len(rows), f.type) for f in self.schema]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _file(self, group: int) -> pq.ParquetWriter:
        if group not in self.files:
            path = lake.file_path(self.extract.name, group, self.name)
            writing = lake.parquet_writer(self.root, path, self.extract)
            self.files[group], self.seals[group] = self.stack.enter_context(writing)
            self.written[group] = (path, 0)
        return self.files[group]
