"""The lake in a bucket: the same calls as in a folder, against a real S3 server on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from pyarrow import fs

from contracts.errors import LakeError
from settings import load
from store import lake, lake_sql
from tests.store.test_lake import lake_run

ROOT = "s3://bucket/lake"


@pytest.fixture(scope="module")
def bucket() -> Iterator[None]:
    """A server with one empty bucket, and the variables by which every S3 client finds it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    served = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        try:
            _create_bucket(f"{address}/bucket", served)
            yield
        finally:
            served.kill()
            served.wait()


def _create_bucket(address: str, served: subprocess.Popen[bytes]) -> None:
    asked = urllib.request.Request(address, method="PUT")
    while served.poll() is None:
        try:
            urllib.request.urlopen(asked, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def names() -> set[str]:
    """Every object of the lake."""
    system, base = fs.FileSystem.from_uri(ROOT)
    infos = system.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    return {info.path.removeprefix(f"{base}/") for info in infos if info.type == fs.FileType.File}


def _write_half(path: str) -> None:
    with lake.atomic(ROOT, path) as stream:
        stream.write(b"half a file")
        raise ZeroDivisionError


@pytest.mark.usefixtures("bucket")
def test_a_bucket_is_a_lake(tmp_path: Path) -> None:
    settings = load(home=tmp_path, lake=ROOT)
    assert lake.open(settings) == ROOT
    first, second = lake_run(ROOT, 1), lake_run(ROOT, 2, names=("Ash", "Birch"))
    assert lake.latest(ROOT) == second
    assert lake.scan(second, "tenants", [7]).collect()["name"].to_list() == ["Ash", "Birch"]
    table = pl.DataFrame({"a": [1, 2]})
    lake.write_table(ROOT, f"quality/{second.run_id}.parquet", table)
    assert lake.read_table(ROOT, f"quality/{second.run_id}.parquet").equals(table)  # type: ignore[union-attr]
    assert lake.read_table(ROOT, "quality/none.parquet") is None

    with pytest.raises(ZeroDivisionError):
        _write_half(f"tenants/{UUID(int=3)}.parquet")
    assert not any(str(UUID(int=3)) in name for name in names()), "a run that failed leaves nothing"

    assert lake.prune(ROOT, keep=1) == 2
    assert not any(str(first.run_id) in name for name in names())
    system, base = fs.FileSystem.from_uri(ROOT)
    system.delete_file(f"{base}/{second.files[0].path}")
    with pytest.raises(LakeError, match="is missing"):
        lake.scan(second, "tenants")
    lake.discard(ROOT, second.run_id)
    with pytest.raises(LakeError, match="is empty"):
        lake.latest(ROOT)


@pytest.mark.usefixtures("bucket")
def test_tells_what_cannot_be_done_with_a_bucket(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="reads lakes that are folders"):
        lake_sql.connect(load(home=tmp_path, lake=ROOT))
    with pytest.raises(LakeError, match="cannot be written"):
        lake.open(load(home=tmp_path, lake="s3://no-such-bucket/lake"))
