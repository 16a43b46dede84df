"""How long does reading a pattern over HTTP take at 200 requests a second, and how long would a constant take?

The server is the real one (`learnback serve`) in a process of its own on one core, with its log and with PostgreSQL
beside it; load comes from another process on another core where the machine has one. Readers of twenty tenants, each
with a token, ask for patterns of all four types in turn.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import settings as settings_module
from benchmarks import api_load, api_world
from benchmarks.api_load import Load
from benchmarks.harness import Figure, benchmark
from settings import Settings
from store import database, embedded, migrate

RATE = 200  # requests per second
SECONDS, QUICK_SECONDS = 20.0, 5.0
TENANTS = 20
PATIENCE_SECONDS = 60.0

BARE = [sys.executable, "-m", "uvicorn", "benchmarks.api_bare:app", "--no-access-log", "--log-level", "warning"]
OURS = [sys.executable, "-m", "cli.main", "serve"]


@benchmark("api", "How long does reading a pattern over HTTP take at 200 requests a second on one core?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    seconds = QUICK_SECONDS if arguments.quick else SECONDS
    bare = _under_load(BARE, {}, {"/": ""}, seconds)
    with _store() as settings:
        requests = _published(settings)
        ours = _under_load(OURS, {"LEARNBACK_HOME": str(settings.root)}, requests, seconds)
    return _figures(ours, bare)


def _figures(ours: Load, bare: Load) -> list[Figure]:
    def line(key: str | None, share: float, meaning: str, target: str = "") -> Figure:
        limit = bare.percentile(share)
        peer = f"{limit:.2f} for a constant: {ours.percentile(share) / limit:.1f} times"
        return Figure(key, ours.percentile(share), meaning, peer, target)

    return [
        line("p50_ms", 0.50, "half of the reads within, ms"),
        line("p95_ms", 0.95, "95 % within, ms"),
        line("p99_ms", 0.99, "99 % within, ms", "at most 10"),
        Figure("requests_per_s", ours.rate, "answered per second", f"{bare.rate:.1f} for a constant", f"{RATE} asked"),
        Figure("failed", ours.failed, "answers other than 200", str(bare.failed), "0"),
        Figure("bare_p99_ms", bare.percentile(0.99), "the limit: 99 % of constants within, ms"),
        Figure("p99_ratio", ours.percentile(0.99) / bare.percentile(0.99), "p99 beside that limit"),
    ]


@contextmanager
def _store() -> Iterator[Settings]:
    """A migrated store in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="learnback-api-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        settings = settings_module.load(home=Path(folder), database_url=None)
        migrate.upgrade(settings)
        try:
            yield settings
        finally:
            embedded.stop(settings)


def _published(settings: Settings) -> dict[str, str]:
    engine = database.open_store(settings)
    try:
        return api_world.publish(engine, TENANTS)
    finally:
        engine.dispose()


def _under_load(
    command: Sequence[str], variables: Mapping[str, str], requests: Mapping[str, str], seconds: float
) -> Load:
    server_core, load_core = _cores()
    with (
        _serving(command, variables, server_core) as port,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart,
    ):
        return apart.submit(api_load.run, port, requests, RATE, seconds, load_core).result()


@contextmanager
def _serving(command: Sequence[str], variables: Mapping[str, str], core: int | None) -> Iterator[int]:
    """A server process on one core, until the block ends; yields its port once it answers."""
    port = _free_port()
    own = {name: value for name, value in os.environ.items() if not name.startswith("LEARNBACK_")}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], env={**own, **variables}, stdout=said, stderr=said
        )
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            _wait(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server on port {port} does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cores() -> tuple[int | None, int | None]:
    """One core for the server and another for the load; None where this system pins no processes."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    first, *others = sorted(os.sched_getaffinity(0))
    return first, others[0] if others else None


if __name__ == "__main__":
    measure.main()
