"""The lake: what a manifest names is whole, what a crash leaves is invisible, and old runs go."""

from __future__ import annotations

import os
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest

from contracts.errors import LakeError, UserError
from contracts.outcomes import EXTRACTS
from settings import Settings
from store import lake, lake_sql
from store.lake import Manifest, Watermark

NOW = datetime(2026, 10, 1, tzinfo=UTC)
TENANT = UUID(int=7)


def run(root: Path, number: int, names: tuple[str, ...] = ("Ash",)) -> Manifest:
    """The same in a folder."""
    return lake_run(str(root), number, names)


def lake_run(root: str, number: int, names: tuple[str, ...] = ("Ash",)) -> Manifest:
    """A run of one extract with one row a name, `number` days after the first."""
    manifest = Manifest(
        root, UUID(int=number), NOW + timedelta(days=number), NOW + timedelta(days=number), 8, Watermark(5, 6)
    )
    columns = {"tenant_id": [TENANT.bytes] * len(names), "name": list(names), "horizon_days": [30] * len(names)}
    fields = lake.arrow_schema(EXTRACTS["tenants"])
    batch = pa.RecordBatch.from_arrays(
        [pa.array(columns.get(field.name, [None] * len(names)), field.type) for field in fields], schema=fields
    )
    manifest = manifest.with_files([lake.rewrite(manifest, "tenants", 7, "0", [batch])])
    lake.write(manifest)
    return manifest


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_manifest_reads_as_it_was_written(tmp_path: Path) -> None:
    manifest = run(tmp_path, 1)
    assert lake.read(str(tmp_path), manifest.run_id) == manifest
    assert lake.latest(str(tmp_path)) == manifest
    assert files(tmp_path) == {
        f"manifests/{manifest.run_id}.json",
        f"tenants/group=007/period=all/{manifest.run_id}-0.parquet",
    }


def test_scan_reads_the_run_and_the_groups_that_were_asked_for(tmp_path: Path) -> None:
    first, second = run(tmp_path, 1), run(tmp_path, 2, names=("Ash", "Birch"))
    assert lake.scan(first, "tenants").collect()["name"].to_list() == ["Ash"]
    assert lake.scan(second, "tenants", [7]).collect()["name"].to_list() == ["Ash", "Birch"]
    empty = lake.scan(second, "tenants", [0, 1]).collect()
    assert (empty.height, empty.schema) == (0, lake.scan(second, "tenants").collect().schema)


def test_with_files_replaces_a_slice(tmp_path: Path) -> None:
    manifest = run(tmp_path, 1, names=("Ash", "Birch"))
    kept = (batch.slice(0, 1) for batch in lake.batches(manifest, "tenants", 7))
    cleaned = manifest.with_files([lake.rewrite(manifest, "tenants", 7, "clean", kept)])
    assert (manifest.rows()["tenants"], cleaned.rows()["tenants"]) == (2, 1)
    assert [Path(file.path).stem[-5:] for file in cleaned.files] == ["clean"]


def test_nothing_appears_when_writing_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with lake.atomic(str(tmp_path), "tenants/x.parquet") as stream:
            stream.write(b"half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert files(tmp_path) == set()


def test_prune_keeps_the_newest_runs_and_what_may_still_be_written(tmp_path: Path) -> None:
    runs = [run(tmp_path, number) for number in (1, 2, 3)]
    lake.write_table(str(tmp_path), f"quality/{runs[0].run_id}.parquet", pl.DataFrame({"a": [1]}))
    crashed, writing = (tmp_path / "tenants" / f"{UUID(int=n)}-0.parquet.part" for n in (8, 9))
    for path in (crashed, writing):
        path.write_bytes(b"")
    os.utime(crashed, (NOW.timestamp(),) * 2)
    os.utime(writing, ((NOW + timedelta(days=3)).timestamp(),) * 2)
    foreign = tmp_path / "somebody else's.parquet"
    foreign.write_bytes(b"")
    os.utime(foreign, (0, 0))

    assert lake.prune(str(tmp_path), keep=2) == 4  # data, manifest and table of the first run, and the crashed file
    assert {manifest.run_id for manifest in lake.runs(str(tmp_path))} == {UUID(int=2), UUID(int=3)}
    assert lake.scan(runs[1], "tenants").collect().height == 1
    assert (crashed.exists(), writing.exists(), foreign.exists()) == (False, True, True)
    assert lake.prune(str(tmp_path / "nothing")) == 0


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "was cut short or changed"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: flip(path, len(path.read_bytes()) // 2), "holds other bytes than were written"),
        (lambda path: flip(path, 5), "holds other bytes than were written"),
    ],
)
def test_a_damaged_file_is_told(harm: object, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens it after the process that wrote it, also for SQL."""
    manifest = run(tmp_path, 1)
    monkeypatch.setattr(lake, "_whole", set())
    lake.scan(manifest, "tenants")
    monkeypatch.setattr(lake, "_whole", set())
    assert callable(harm)
    harm(tmp_path / manifest.files[0].path)
    with pytest.raises(LakeError, match=said):
        lake.scan(manifest, "tenants")
    with pytest.raises(LakeError, match=said):
        lake_sql.connect(Settings(lake=str(tmp_path)))


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def test_the_seal_is_the_files_own(tmp_path: Path) -> None:
    manifest = run(tmp_path, 1)
    content = (tmp_path / manifest.files[0].path).read_bytes()
    assert (manifest.files[0].bytes, manifest.files[0].crc) == (len(content), zlib.crc32(content))


def test_a_damaged_manifest_is_told(tmp_path: Path) -> None:
    manifest = run(tmp_path, 1)
    (tmp_path / "manifests" / f"{manifest.run_id}.json").write_text('{"run_id": 1}')
    with pytest.raises(LakeError, match=r"is damaged\. Remove that file"):
        lake.latest(str(tmp_path))


def test_an_empty_lake_is_told(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"is empty\. `learnback learn` fills it"):
        lake.latest(lake.open(Settings(lake=str(tmp_path / "new"))))


def test_an_unwritable_lake_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LakeError, match=r"cannot be written: .+\. Set LEARNBACK_LAKE") as caught:
        lake.open(Settings(lake=str(tmp_path / "file" / "lake")))
    assert "\n" not in str(caught.value)


def test_tables_of_a_run(tmp_path: Path) -> None:
    frame = pl.DataFrame({"tenant": ["Ash"], "leads": [3]})
    lake.write_table(str(tmp_path), "quality/x.parquet", frame)
    read = lake.read_table(str(tmp_path), "quality/x.parquet")
    assert read is not None
    assert read.equals(frame)
    assert lake.read_table(str(tmp_path), "quality/y.parquet") is None


def test_sql_over_the_newest_run(tmp_path: Path) -> None:
    run(tmp_path, 1)
    run(tmp_path, 2, names=("Ash", "O'Birch"))
    connection = lake_sql.connect(Settings(lake=str(tmp_path)))
    found = lake_sql.fetch(connection, "SELECT tenant_id, name FROM tenants ORDER BY name")[1]
    assert found == [(TENANT, "Ash"), (TENANT, "O'Birch")]
    assert lake_sql.fetch(connection, "SELECT count(*), min(occurred_at) FROM touches")[1] == [(0, None)]
    assert lake_sql.fetch(connection, "SELECT date_trunc('month', created_at) FROM tenants")[1] == [(None,)] * 2
    assert len(lake_sql.fetch(connection, "DESCRIBE leads")[1]) == len(EXTRACTS["leads"].names)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP VIEW tenants", "a statement that writes"),
        ("COPY tenants TO '{0}/manifests/x.csv'", "a statement that writes"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT * FROM read_csv('/etc/passwd')", "DuckDB cannot run this: Permission Error"),
        ("SELECT nothing FROM tenants", "DuckDB cannot run this: Binder Error"),
        ("SELEC", "DuckDB cannot run this: Parser Error"),
        ("SET enable_external_access = true", "a statement that writes"),
    ],
)
def test_sql_reads_the_lake_and_nothing_else(sql: str, said: str, tmp_path: Path) -> None:
    run(tmp_path, 1)
    connection = lake_sql.connect(Settings(lake=str(tmp_path)))
    before = files(tmp_path)
    with pytest.raises(UserError, match=said):
        lake_sql.fetch(connection, sql.format(tmp_path))
    assert files(tmp_path) == before
