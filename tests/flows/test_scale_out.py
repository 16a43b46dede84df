"""Slices on a real Dask scheduler with workers in processes of their own: same bytes, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from contracts.canonical import content_hash
from contracts.errors import ServerError
from contracts.learning import Finding
from reports.records import ReportInput
from tests.flows.conftest import Agency

ROOT = Path(__file__).parents[2]


@dataclass
class Dask:
    """A scheduler and its workers, as `dask scheduler` and `dask worker` start them."""

    folder: Path
    port: int
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"dask://127.0.0.1:{self.port}"

    def log(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("*.log")))

    def add_worker(self, environment: dict[str, str]) -> None:
        command = ["worker", f"127.0.0.1:{self.port}", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        self.workers.append(_dask(self.folder, f"worker-{len(self.workers)}", command, environment))


def _dask(folder: Path, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *command], stdout=log, stderr=log, cwd=folder, env=environment
        )


def scheduler_is_away(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def scheduled(folder: Path) -> Iterator[Dask]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    dask = Dask(folder, port, _dask(folder, "scheduler", command, dict(os.environ)))
    try:
        while scheduler_is_away(port) and dask.scheduler.poll() is None:
            time.sleep(0.05)
        yield dask
    finally:
        for process in (*dask.workers, dask.scheduler):
            process.kill()
            process.wait()


def found(record: ReportInput) -> dict[tuple[str, str], str]:
    """Tenant and learner → hash of what was found."""
    return {
        (tenant.name, learner): content_hash(dict(said.finding.payload))
        for tenant in record.tenants.values()
        for learner, said in tenant.said.items()
        if isinstance(said.finding, Finding)
    }


def test_workers_find_the_same_bytes_also_when_one_is_killed(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_threads = found(agency.learn(dry_run=True))
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT), "LEARNBACK_HOME": "elsewhere"}
    with scheduled(tmp_path) as dask:
        monkeypatch.setenv("LEARNBACK_RUNNER", dask.address)
        for _ in range(2):
            dask.add_worker(environment)
        with _client(dask) as client, ThreadPoolExecutor() as beside:
            client.wait_for_workers(2, timeout=120)
            ended = Event()
            killed = beside.submit(_kill_at_work, dask.workers[0], client, ended)
            try:
                by_workers = agency.learn()
            finally:
                ended.set()
        assert dask.workers[0].poll() == -signal.SIGKILL
        assert [task.partition("-")[0] for task in killed.result()] == ["summarise_slice"]
        assert found(by_workers) == by_threads
        assert by_threads
        secret = agency.settings.database_url
        assert secret is not None
        assert secret.get_secret_value() not in dask.log()


def _client(dask: Dask) -> Any:
    import distributed

    return distributed.Client(f"tcp://127.0.0.1:{dask.port}", set_as_default=False, timeout=60)


def _kill_at_work(worker: subprocess.Popen[bytes], client: Any, ended: Event) -> list[str]:
    """SIGKILL to the worker while it summarises; returns what it was at, nothing where it never was."""
    pids = client.run(os.getpid)
    address = next(address for address, pid in pids.items() if pid == worker.pid)
    while not ended.wait(0.01):
        at_work = [key for key in client.processing()[address] if key.startswith("summarise_slice")]
        if at_work:
            os.kill(worker.pid, signal.SIGKILL)
            return at_work
    return []


def test_says_that_no_scheduler_answers(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNBACK_RUNNER", "dask://127.0.0.1:1")
    with pytest.raises(ServerError, match="no Dask scheduler answers"):
        agency.learn()
