"""The lake: extracts as Parquet by tenant group, and one manifest per run that says which files are its own.

Layout: `<root>/<extract>/group=003/period=2026-10-19/<run id>-<name>.parquet` and `<root>/manifests/<run id>.json`. The
period is `all` where a run stands by itself; see contracts.periods. A manifest names every file that its run stands on,
also those that an earlier run wrote.
Files are written under a temporary name and renamed; a run exists once its manifest does, so a crash leaves nothing
that anybody reads. uuid columns are 16 bytes, times UTC microseconds. Everything goes through `pyarrow.fs` and Polars,
which know folders and object stores alike.
"""

from __future__ import annotations

import errno
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from contracts.errors import LakeError
from contracts.outcomes import EXTRACTS, Extract, Kind
from contracts.periods import ALL_TIME
from store import increments, seen
from store.increments import Increment
from store.seen import Seen

if TYPE_CHECKING:
    import polars as pl

    from settings import Settings

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "uuid": pa.binary(16),
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us", "UTC"),
    "json": pa.string(),
}
"""How the contract's kinds lie in Parquet. Polars reads 16-byte binary as pl.Binary."""

COMPRESSION: Literal["lz4"] = (
    "lz4"  # decodes faster than the disk delivers; zstd halves the size and costs a quarter of the stream
)
LEFTOVER = timedelta(days=1)  # a file that no manifest names is a crashed run's, unless it is younger than this
MANIFESTS = "manifests"

BATCH_ROWS = 131_072  # rows that are rewritten at a time: some 30 MB


@cache
def arrow_schema(extract: Extract) -> pa.Schema:
    """The extract's columns as they lie in Parquet."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.kind]) for column in extract.columns])


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where in the source's history a snapshot was taken: what a later increment begins from.

    xmin: the oldest transaction that was still running. system_identifier: the server whose counter that is, as
    transaction ids do not survive dump and restore; None where the source does not tell.
    """

    xmin: int
    system_identifier: int | None


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One Parquet file of a slice. path: relative to the lake's root; crc: CRC-32, None in older manifests."""

    extract: str
    group: int
    period: str
    path: str
    rows: int
    bytes: int
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one run, as of which moment, from which snapshot.

    checked: defective rows are out. increment: what a later run may begin from; None where the run stands by itself.
    seen: extract → what the source returned for it.
    """

    root: str
    run_id: UUID
    as_of: datetime
    now: datetime
    groups: int
    watermark: Watermark
    files: tuple[LakeFile, ...] = ()
    checked: bool = False
    increment: Increment | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)

    def of(self, extract: str, groups: Collection[int] | None = None) -> tuple[LakeFile, ...]:
        """The files of one extract, in order of their paths; groups None means all."""
        chosen = (f for f in self.files if f.extract == extract and (groups is None or f.group in groups))
        return tuple(sorted(chosen, key=lambda file: file.path))

    def rows(self) -> dict[str, int]:
        """Rows by extract; of optional ones only those that the run has."""
        return {
            name: sum(file.rows for file in self.of(name))
            for name, extract in EXTRACTS.items()
            if self.of(name) or not extract.optional
        }

    @property
    def paths(self) -> set[str]:
        """Every file that the run, or one that begins from it, would read."""
        return {file.path for file in self.files} | (self.increment.paths if self.increment else set())

    def with_files(self, files: Iterable[LakeFile]) -> Manifest:
        """The same run with these files in place of what it had for their extract and group."""
        new = tuple(files)
        replaced = {(file.extract, file.group) for file in new}
        kept = tuple(file for file in self.files if (file.extract, file.group) not in replaced)
        return replace(self, files=kept + new)


def open(settings: Settings) -> str:
    """The root of the lake, which then exists and can be written; raises LakeError otherwise."""
    root = settings.lake_url if "://" in settings.lake_url else str(Path(settings.lake_url).absolute())
    with _explained(root, "written"):
        system, path = fs.FileSystem.from_uri(root)
        system.create_dir(f"{path}/{MANIFESTS}", recursive=True)
        probe = f"{path}/{MANIFESTS}/.probe"
        system.open_output_stream(probe).close()
        system.delete_file(probe)
    return root


def file_path(extract: str, group: int, name: str, period: str = ALL_TIME) -> str:
    """Where a slice's file lies below the root."""
    return f"{extract}/group={group:03d}/period={period}/{name}.parquet"


@contextmanager
def atomic(root: str, path: str) -> Iterator[pa.NativeFile]:
    """A stream that becomes `path` when the block ends well, and leaves nothing when it does not."""
    with _explained(root, "written"):
        system, base = fs.FileSystem.from_uri(root)
        final = f"{base}/{path}"
        system.create_dir(final.rpartition("/")[0], recursive=True)
        temporary = f"{final}.part"
        try:
            with system.open_output_stream(temporary) as stream:
                yield stream
            system.move(temporary, final)
        except BaseException:
            if system.get_file_info(temporary).type == fs.FileType.File:
                system.delete_file(temporary)
            raise


@dataclass(slots=True)
class Sealed:
    """A stream that counts and sums up what passes through it: bytes, and their CRC-32 (about 1 s a gigabyte)."""

    stream: pa.NativeFile
    size: int = 0
    crc: int = 0
    closed: bool = False

    def write(self, data: bytes) -> int:
        self.stream.write(data)
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        return len(data)

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        """Whoever opened the stream closes it."""
        self.closed = True


@contextmanager
def parquet_writer(root: str, path: str, extract: Extract) -> Iterator[tuple[pq.ParquetWriter, Sealed]]:
    """A writer of the extract's columns, whose file appears when the block ends well; the seal is whole after it."""
    dictionaries = [column.name for column in extract.columns if column.kind == "text" or column.name == "tenant_id"]
    with atomic(root, path) as stream:
        seal = Sealed(stream)
        with pq.ParquetWriter(
            pa.PythonFile(seal, "w"),
            arrow_schema(extract),
            compression=COMPRESSION,
            use_dictionary=dictionaries,
            write_statistics=[extract.dated_by],  # ids are random: their ranges exclude nothing
            store_schema=False,
        ) as writer:
            yield writer, seal
        _whole.add((root, path, seal.crc))


def batches(manifest: Manifest, extract: str, group: int) -> Iterator[pa.RecordBatch]:
    """The rows of one slice in the order in which `scan` reads them, a bounded piece at a time."""
    files = manifest.of(extract, [group])
    verify(manifest.root, files)
    with _explained(manifest.root, "read"):
        system, base = fs.FileSystem.from_uri(manifest.root)
        for file in files:
            with system.open_input_file(f"{base}/{file.path}") as handle, pq.ParquetFile(handle) as reader:
                yield from reader.iter_batches(BATCH_ROWS)


def rewrite(
    manifest: Manifest, extract: str, group: int, name: str, rows: Iterable[pa.RecordBatch], period: str = ALL_TIME
) -> LakeFile:
    """Write new rows for one slice of the manifest's run; `name` tells the file from those of the streams."""
    path = file_path(extract, group, f"{manifest.run_id}-{name}", period)
    written = 0
    with parquet_writer(manifest.root, path, EXTRACTS[extract]) as (writer, seal):
        for batch in rows:
            writer.write_batch(batch)
            written += batch.num_rows
    return LakeFile(extract, group, period, path, written, seal.size, seal.crc)


def is_whole(root: str, path: str) -> bool:
    """Whether a Parquet file lies at this path below the root, and has its end."""
    system, base = fs.FileSystem.from_uri(root)
    try:
        with system.open_input_file(f"{base}/{path}") as handle:
            pq.read_metadata(handle)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def write_table(root: str, path: str, frame: pl.DataFrame) -> None:
    """Write a table that belongs to a run beside its extracts, such as `quality/<run id>.parquet`."""
    with atomic(root, path) as stream:
        frame.write_parquet(stream, compression=COMPRESSION)


def read_table(root: str, path: str) -> pl.DataFrame | None:
    """A table that `write_table` wrote; None where there is none."""
    import polars as pl

    with _explained(root, "read"):
        system, base = fs.FileSystem.from_uri(root)
        if system.get_file_info(f"{base}/{path}").type != fs.FileType.File:
            return None
        with system.open_input_stream(f"{base}/{path}") as stream:
            return pl.read_parquet(stream.read())


def write(manifest: Manifest) -> None:
    """Make the run's files visible, or replace what its manifest said before."""
    text = json.dumps(_plain(manifest), indent=1, sort_keys=True)
    with atomic(manifest.root, _manifest_path(manifest.run_id)) as stream:
        stream.write(text.encode())


def read(root: str, run_id: UUID) -> Manifest:
    """The manifest of a run; raises LakeError where there is none or it cannot be read."""
    with _explained(root, "read"):
        system, base = fs.FileSystem.from_uri(root)
        with system.open_input_stream(f"{base}/{_manifest_path(run_id)}") as stream:
            text = stream.read()
    try:
        return _manifest(root, json.loads(text))
    except (ValueError, KeyError, TypeError):
        raise LakeError(
            f"the manifest of run {run_id} in the lake {root} is damaged",
            do="Remove that file and run `learnback learn` again",
        ) from None


def runs(root: str) -> list[Manifest]:
    """All manifests, newest first."""
    with _explained(root, "read"):
        system, base = fs.FileSystem.from_uri(root)
        infos = system.get_file_info(fs.FileSelector(f"{base}/{MANIFESTS}", allow_not_found=True))
        names = [info.base_name.removesuffix(".json") for info in infos if info.base_name.endswith(".json")]
    found = [read(root, UUID(name)) for name in names if _RUN_ID.fullmatch(name)]
    return sorted(found, key=lambda manifest: (manifest.now, manifest.run_id.int), reverse=True)


def latest(root: str) -> Manifest:
    """The newest run's manifest; raises LakeError where nothing was extracted yet."""
    found = runs(root)
    if not found:
        raise LakeError(f"the lake {root} is empty", do="`learnback learn` fills it")
    return found[0]


def scan(manifest: Manifest, extract: str, groups: Collection[int] | None = None) -> pl.LazyFrame:
    """The extract's rows in these tenant groups (None: all), with the contract's columns, as a lazy frame.

    Raises LakeError where a file of the manifest is gone, was cut short, or holds other bytes than were written.
    """
    return scan_files(manifest.root, extract, manifest.of(extract, groups))


def scan_files(root: str, extract: str, files: Collection[LakeFile]) -> pl.LazyFrame:
    """The rows of these files, in their order, as `scan` gives those of a manifest."""
    import polars as pl

    if not files:
        empty = pl.from_arrow(arrow_schema(EXTRACTS[extract]).empty_table())
        return pl.LazyFrame(empty)
    verify(root, files)
    return pl.scan_parquet([f"{root}/{file.path}" for file in files], hive_partitioning=False)


def remove(root: str, files: Iterable[LakeFile]) -> None:
    """Delete files that no manifest names any more."""
    with _explained(root, "written"):
        system, base = fs.FileSystem.from_uri(root)
        for file in files:
            system.delete_file(f"{base}/{file.path}")


def expired(root: str, keep: int = 2) -> list[fs.FileInfo]:
    """The files of all runs but the newest `keep`, and what crashed runs left: what `prune` would delete."""
    found = runs(root)
    kept = found[:keep]
    if not kept:
        return []
    alive = {str(manifest.run_id) for manifest in kept}
    named = set[str]().union(*(manifest.paths for manifest in kept))
    dead = {str(manifest.run_id) for manifest in found[keep:]}
    horizon = kept[-1].now - LEFTOVER
    with _explained(root, "read"):
        system, base = fs.FileSystem.from_uri(root)
        infos = system.get_file_info(fs.FileSelector(base, recursive=True))
        files = [i for i in infos if i.type == fs.FileType.File and i.path.removeprefix(f"{base}/") not in named]
    return [f for f in files if _expired(f.base_name, f.mtime, alive, dead, horizon)]


def prune(root: str, keep: int = 2) -> int:
    """Delete what has expired; returns how many files went."""
    gone = expired(root, keep)
    with _explained(root, "written"):
        system, _ = fs.FileSystem.from_uri(root)
        # Manifests go first: a reader then finds no run, rather than a run without its files.
        for info in sorted(gone, key=lambda info: not info.base_name.endswith(".json")):
            system.delete_file(info.path)
    return len(gone)


def discard_unfinished(root: str, run_id: UUID) -> None:
    """Delete what a dead run has written, unless its extraction was whole: later runs may stand on that."""
    with _explained(root, "read"):
        system, base = fs.FileSystem.from_uri(root)
        whole = system.get_file_info(f"{base}/{_manifest_path(run_id)}").type == fs.FileType.File
    if not whole:
        discard(root, run_id)


def discard(root: str, run_id: UUID) -> None:
    """Delete whatever a run that failed has written."""
    with _explained(root, "written"):
        system, base = fs.FileSystem.from_uri(root)
        for info in system.get_file_info(fs.FileSelector(base, recursive=True)):
            if info.type == fs.FileType.File and info.base_name.startswith(str(run_id)):
                system.delete_file(info.path)


RUN_ID_LENGTH = 36
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _expired(name: str, modified: datetime, alive: set[str], dead: set[str], horizon: datetime) -> bool:
    """Only what is named after a run can expire: a user may keep other files in the same folder."""
    run = name[:RUN_ID_LENGTH]
    return run in dead or (_RUN_ID.fullmatch(run) is not None and run not in alive and modified < horizon)


_whole: set[tuple[str, str, int]] = set()
"""Files whose bytes this process has written or checked: root, path, CRC-32. Every process checks a file once."""

CHUNK = 4 * 2**20


def verify(root: str, files: Iterable[LakeFile]) -> None:
    """Raise LakeError where a file is gone, was cut short, or holds other bytes than were written."""
    with _explained(root, "read"):
        system, base = fs.FileSystem.from_uri(root)
        named = {f"{base}/{file.path}": file for file in files}
        for info in system.get_file_info(list(named)):
            file = named[info.path]
            if info.type != fs.FileType.File:
                raise _damaged(info.path, "is missing")
            if info.size != file.bytes:
                raise _damaged(info.path, "was cut short or changed")
            if file.crc is not None and (key := (root, file.path, file.crc)) not in _whole:
                if _crc(system, info.path) != file.crc:
                    raise _damaged(info.path, "holds other bytes than were written")
                _whole.add(key)


def _crc(system: fs.FileSystem, path: str) -> int:
    crc = 0
    with system.open_input_stream(path) as stream:
        while chunk := stream.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def _damaged(path: str, how: str) -> LakeError:
    return LakeError(f"a file of the lake {how}: {path}", do="Run `learnback learn` again: it extracts anew")


@contextmanager
def _explained(root: str, verb: str) -> Iterator[None]:
    """Turn what the file system says into one sentence."""
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        do = "Free space there, or set" if full or "No space left" in cause else "Set"
        raise LakeError(
            f"the lake {root} cannot be {verb}: {cause}",
            do=f"{do} LEARNBACK_LAKE to a folder that this user may write{' and that has room' * full}",
        ) from None


def _manifest_path(run_id: UUID) -> str:
    return f"{MANIFESTS}/{run_id}.json"


def _plain(manifest: Manifest) -> dict[str, Any]:
    return {
        "run_id": str(manifest.run_id),
        "as_of": manifest.as_of.isoformat(),
        "now": manifest.now.isoformat(),
        "groups": manifest.groups,
        "checked": manifest.checked,
        "watermark": {"xmin": manifest.watermark.xmin, "system_identifier": manifest.watermark.system_identifier},
        "files": [_plain_file(file) for file in sorted(manifest.files, key=lambda file: file.path)],
        "seen": seen.plain(manifest.seen),
        "increment": increments.plain(manifest.increment, _plain_file) if manifest.increment else None,
    }


def _plain_file(file: LakeFile) -> dict[str, Any]:
    return {name: getattr(file, name) for name in ("extract", "group", "period", "path", "rows", "bytes", "crc")}


def _file(plain: dict[str, Any]) -> LakeFile:
    return LakeFile(**plain)


def _manifest(root: str, plain: dict[str, Any]) -> Manifest:
    return Manifest(
        root=root,
        run_id=UUID(str(plain["run_id"])),
        as_of=datetime.fromisoformat(plain["as_of"]),
        now=datetime.fromisoformat(plain["now"]),
        groups=plain["groups"],
        watermark=Watermark(**plain["watermark"]),
        files=tuple(_file(file) for file in plain["files"]),
        checked=plain["checked"],
        seen=seen.parsed(plain.get("seen") or {}),
        increment=increments.parsed(found, _file) if (found := plain.get("increment")) else None,
    )
